"""The fixtures in a separate test run, and their cost to a run that does not use them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import lading.testing

SOURCE = Path(lading.testing.__file__).parents[2]

USER_TESTS = """
import urllib.error
import urllib.request

import pytest

from lading.testing import Respond, ServerResponse


async def handler(request):
    return ServerResponse(body=b"hello")


def test_first(lading_server, lading_fault_proxy):
    server = lading_server(handler)
    proxy = lading_fault_proxy(server.url)
    proxy.faults.add(Respond(503), method="GET", path="/a")
    with pytest.raises(urllib.error.HTTPError, match="503"):
        urllib.request.urlopen(proxy.url + "/a")
    with urllib.request.urlopen(proxy.url + "/a") as response:
        assert response.read() == b"hello"
    test_first.servers = [server, proxy]


def test_second():
    for server in test_first.servers:
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(server.url)
"""


def run(*arguments: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))},
        "PYTHONPATH": os.pathsep.join([more.pop("first", ""), str(SOURCE)]).strip(os.pathsep),
        "NO_PROXY": "127.0.0.1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=100)


def test_the_fixtures_serve_for_the_duration_of_a_test(tmp_path: Path):
    (tmp_path / "test_mine.py").write_text(USER_TESTS)
    done = run("-m", "pytest", "-p", "lading.testing.plugin", "-W", "error", "-q", cwd=tmp_path)
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_the_plugin_alone_imports_nothing_but_pytest(tmp_path: Path):
    code = """if True:
        import json, sys, pytest
        before = set(sys.modules)
        import lading.testing.plugin
        print(json.dumps(sorted(set(sys.modules) - before)))
    """
    done = run("-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    imported = json.loads(done.stdout)
    assert "lading.testing.plugin" in imported
    assert [name for name in imported if name.partition(".")[0] not in {"lading", "importlib"}] == []
    assert {"lading.testing.server", "lading.testing.faults"}.isdisjoint(imported)


def test_a_missing_library_is_reported_in_one_line(tmp_path: Path):
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "h11.py").write_text("raise ModuleNotFoundError('No module named h11')")
    (tmp_path / "test_mine.py").write_text(
        "def test_with(lading_server): pass\ndef test_with_proxy(lading_fault_proxy): pass\ndef test_without(): pass\n"
    )
    arguments = ("-m", "pytest", "-p", "lading.testing.plugin", "-q")
    done = run(*arguments, cwd=tmp_path, first=str(tmp_path / "hidden"))
    assert "1 passed, 2 errors" in done.stdout, done.stdout + done.stderr
    message = "this fixture needs 'lading[testing]', please install that (No module named h11)"
    assert done.stdout.count(f"\n{message}\n") == 2


@pytest.mark.parametrize("name", lading.testing.__all__)
def test_every_public_name_is_there(name):
    assert getattr(lading.testing, name) is not None
    assert name in dir(lading.testing)


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = lading.testing.Nonsense
    assert find_spec("lading.testing.plugin") is not None

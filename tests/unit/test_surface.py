"""What ``lading`` offers, and what loading it costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import lading
from lading import errors, pypi, types

HEAVY = ("aiobotocore", "botocore", "keyring", "pymacaroons", "pytest", "opentelemetry", "boto3")


def run(code: str) -> list[str]:
    """The lines that *code* prints in an interpreter of its own."""
    result = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


def test_all_is_the_public_surface() -> None:
    for name in lading.__all__:
        assert getattr(lading, name) is not None
    public = {
        n
        for n in vars(lading)
        if n.isidentifier() and not n.startswith("_") and n not in {"annotations", "import_module"}
    }
    # Submodules that something has imported stand beside the names.
    submodules = {p.stem for p in Path(lading.__file__).parent.iterdir()}
    assert public - submodules - {"Any", "TYPE_CHECKING"} == set(lading.__all__) - {"__version__"}
    assert dir(lading) == sorted(lading.__all__)


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(lading.__file__).read_text("utf-8"))
    declared = {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname is not None
    }
    assert declared == set(lading.__all__)


@pytest.mark.parametrize("module", [errors, types])
def test_what_a_module_defines_is_at_the_top_too(module: object) -> None:
    defined = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    }
    assert defined
    assert defined <= set(lading.__all__)


def test_every_name_of_a_store_is_declared() -> None:
    assert {n for n in pypi.__all__ if hasattr(pypi, n)} == set(pypi.__all__)


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = lading.Nonsense


def test_importing_lading_alone_loads_nothing() -> None:
    loaded = run(
        "import sys, lading; print(*sorted(m for m in sys.modules if m.startswith(('lading', 'httpx', 'pyd'))))"
    )
    assert loaded == ["lading", "lading._version"]


def test_using_one_store_loads_no_other_and_nothing_heavy() -> None:
    loaded = run("import sys; from lading import PyPI; PyPI(); print(*sys.modules)")
    others = {"lading.copr", "lading.anaconda", "lading.craft", "lading.s3", "lading.testing"}
    assert "lading.pypi" in loaded
    assert not [m for m in loaded if m in others or m.partition(".")[0] in HEAVY]


def test_without_the_extra_of_s3_everything_else_works() -> None:
    code = """
import sys
sys.modules["aiobotocore"] = None
import lading
lading.PyPI, lading.Conflict
try:
    lading.Stager
except ImportError as error:
    print(error)
"""
    assert " ".join(run(code)) == "lading.s3 needs lading[s3]: please install that"


def test_the_pytest_plugin_loads_nothing_but_pytest() -> None:
    before = set(run("import sys, pytest; print(*sys.modules)"))
    after = set(run("import sys, pytest; import lading.testing.plugin; print(*sys.modules)"))
    assert {m for m in after - before if not m.startswith("lading")} <= {"typing", "importlib.util"}
    assert {m for m in after if m.startswith("lading.")} <= {
        "lading._version",
        "lading.testing",
        "lading.testing.plugin",
    }


IN_A_LOOP = """
import sys, threading, anyio
from lading import PyPI, Index, Call, Multipart, FilePart, FileBody, NetworkError, Retry, fan_out
from lading.testing import Server, ServerResponse
# The loop's own parts, and what a stranger's server needs, are not ours to load.
import anyio.from_thread, {backend}, anyio._backends._{backend}
import encodings.idna

async def handler(request):
    body = request.body and [piece async for piece in request.body]
    return ServerResponse(200, body=b"{{}}", headers=[("content-type", "application/json")])

async def main(url, path):
    loop = threading.get_ident()
    found = []
    watching = [True]

    def watch(event, arguments):
        # Raised only for a module that has not been loaded yet.
        if event == "import" and watching and threading.get_ident() == loop:
            found.append(arguments[0])

    sys.addaudithook(watch)
    async with PyPI(Index(url, url), retry=Retry(attempts=2, backoff=0)) as client:
        await client.send(Call("GET", "x", lambda response: response.json()))
        part = FilePart("content", await FileBody.from_path(path), "x.py")
        await client.send(Call("POST", "x", lambda response: response.json(), body=Multipart([("a", "b"), part])))
        async with fan_out(client.send, [Call("GET", "y", lambda response: response.json())], limit=2) as outcomes:
            async for outcome in outcomes:
                outcome.value
        try:
            await client.send(Call("GET", "http://127.0.0.1:1/"))
        except NetworkError:
            pass
    watching.clear()
    print(*found, "tenacity" in sys.modules, "end")

with Server(handler) as server:
    anyio.run(main, server.url, anyio.__file__, backend="{backend}")
"""


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_nothing_is_imported_for_the_first_time_inside_the_loop(backend: str) -> None:
    """What is needed late, as tenacity is for a second attempt, is imported in a worker thread."""
    assert run(IN_A_LOOP.format(backend=backend)) == ["True", "end"]

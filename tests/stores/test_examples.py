"""The examples that publish, run as a newcomer would run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.stores.conftest import PASSWORD, PyPIServer
from tests.stores.distributions import sdist, sha256, wheel

EXAMPLES = Path(__file__).parents[2] / "examples"


def publish(server: PyPIServer, folder: Path, token: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLES / "publish.py"), str(folder), f"{server.url}/", f"{server.url}/simple/"],
        env={**os.environ, "PYPI_TOKEN": token},
        capture_output=True,
        text=True,
        check=False,
    )


def test_publish(pypiserver: PyPIServer, tmp_path: Path, project: str):
    (tmp_path / "notes.txt").write_text("not for publishing")
    paths = [wheel(tmp_path, project), wheel(tmp_path, project, tag="cp312-abi3-win_amd64"), sdist(tmp_path, project)]
    done = publish(pypiserver, tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == sorted(f"{path.name}: uploaded" for path in paths)
    assert done.stdout.splitlines()[-1].startswith(paths[-1].name)  # the sdist
    for path in paths:
        assert sha256(pypiserver.folder / path.name) == sha256(path)
    # Once more does no harm.
    assert {line.split(": ")[1] for line in publish(pypiserver, tmp_path).stdout.splitlines()} == {"skipped"}


def test_publish_keeps_the_sdist_back_when_a_wheel_fails(pypiserver: PyPIServer, tmp_path: Path, project: str):
    path = wheel(tmp_path, project)
    sdist(tmp_path, project)
    done = publish(pypiserver, tmp_path, token="wrong")
    assert done.returncode == 1
    assert done.stdout.startswith(f"{path.name}: index: Forbidden")
    assert len(done.stdout.splitlines()) == 1

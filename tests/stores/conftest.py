"""Stagers, and real package indexes: installed from the test dependencies and started on loopback."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from anyio import to_thread

from lading import AttemptEvent, Index, PyPI
from lading.testing import EmbeddedCopr
from tests.conftest import watcher
from tests.support.distributions import sha256, wheel
from tests.support.servers import OPENER, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from blockbuster import BlockBuster

    from tests.support.aws_proxy import Aws
    from tests.support.moto_aws import Backdoor

USER = "__token__"
PASSWORD = "correct horse"

# Its server is the standard library's, whose queue holds five connections: of twenty at once, the system would let
# most wait for seconds before it tries them again.
LAUNCH = (
    "import socketserver; socketserver.TCPServer.request_queue_size = 128; from pypiserver.__main__ import main; main()"
)
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def blockbuster() -> BlockBuster:
    """Only lading's own code is watched: these tests look into files themselves."""
    return watcher("lading")


@dataclass(frozen=True)
class PyPIServer:
    """A running pypiserver.

    Attributes:
        url: Its root, without a slash at the end.
        directory: Where it keeps the files.
    """

    url: str
    directory: Path

    @property
    def index(self) -> Index:
        """The index as lading is configured for it."""
        return index_at(self.url)


def index_at(url: str) -> Index:
    """The index that pypiserver is at *url*, or behind it."""
    return Index(f"{url}/", f"{url}/simple/", "index")


@pytest.fixture(scope="session")
def pypiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PyPIServer]:
    """One pypiserver for all tests; each publishes projects of its own."""
    with run_pypiserver(tmp_path_factory.mktemp("pypiserver")) as server:
        yield server


@pytest.fixture
def overwriting_pypiserver(tmp_path: Path) -> Iterator[PyPIServer]:
    """A pypiserver that replaces files."""
    home = tmp_path / "pypiserver"
    home.mkdir()
    with run_pypiserver(home, "--overwrite") as server:
        yield server


@contextmanager
def run_pypiserver(home: Path, *more: str) -> Iterator[PyPIServer]:
    """Run pypiserver with further options; *home* is where it has its files."""
    directory = home / "packages"
    directory.mkdir()
    digest = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
    (home / "htpasswd").write_text(f"{USER}:{{SHA}}{digest}\n")
    health = f"/health-{next(_numbers)}-of-{os.getpid()}"

    def command(port: int) -> list[str]:
        options = {
            "--host": "127.0.0.1",
            "--port": str(port),
            "--passwords": str(home / "htpasswd"),
            "--authenticate": "update",
            "--health-endpoint": health,
        }
        given = [part for option in options.items() for part in option]
        # Without the last option it redirects requests for an unknown project to the official index.
        return [sys.executable, "-c", LAUNCH, "run", *given, *more, str(directory), "--disable-fallback"]

    with running(command, home / "log", health, b"Ok") as url:
        yield PyPIServer(url, directory)


@dataclass(frozen=True)
class Devpi:
    """A running devpi-server with the user ``ada`` and her index, in which nothing can be replaced, and one where it can.

    Attributes:
        url: Its root, without a slash at the end.
    """

    url: str

    @property
    def index(self) -> Index:
        """The index as lading is configured for it."""
        return Index(f"{self.url}/ada/dev/", f"{self.url}/ada/dev/+simple/", "devpi")

    @property
    def volatile(self) -> Index:
        """The index that replaces files."""
        return Index(f"{self.url}/ada/volatile/", f"{self.url}/ada/volatile/+simple/", "volatile")


@pytest.fixture(scope="session")
def devpi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devpi]:
    """One devpi-server for all tests."""
    home = tmp_path_factory.mktemp("devpi")
    directory = ["--serverdir", str(home / "server")]
    make = "from devpi_server.init import init; init()"
    empty = [*directory, "--no-root-pypi", "--root-passwd", PASSWORD]
    done = subprocess.run([sys.executable, "-c", make, *empty], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

    def command(port: int) -> list[str]:
        serve = "from devpi_server.main import main; main()"
        at = ["--host", "127.0.0.1", "--port", str(port), "--offline-mode"]
        # Its own parameters for keys out of its secret cost 512 MiB, and half a minute on a small machine.
        cheap = ["--argon2-memory-cost", "8192", "--argon2-time-cost", "1", "--argon2-parallelism", "1"]
        return [sys.executable, "-c", serve, *directory, *at, *cheap]

    with running(command, home / "log", "/+api", b"") as url:
        put(f"{url}/ada", {"password": PASSWORD}, "root")
        put(f"{url}/ada/dev", {"bases": [], "volatile": False}, "ada")
        put(f"{url}/ada/volatile", {"bases": [], "volatile": True}, "ada")
        yield Devpi(url)


def put(url: str, value: object, user: str) -> None:
    """Make something at devpi."""
    pair = base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {pair}"}
    with OPENER.open(urllib.request.Request(url, json.dumps(value).encode(), headers, method="PUT")) as response:
        assert response.status in {200, 201}


@pytest.fixture
def project() -> str:
    """The name of a project that nobody has published yet."""
    return f"demo-{next(_numbers)}"


class Attempts(list[AttemptEvent]):
    """A hook that keeps what went over the wire."""

    def __call__(self, event: object) -> None:
        if isinstance(event, AttemptEvent):
            self.append(event)

    @property
    def posts(self) -> list[AttemptEvent]:
        return [event for event in self if event.method == "POST"]


@pytest.fixture
def attempts() -> Attempts:
    return Attempts()


@pytest.fixture
def a_wheel(tmp_path: Path, project: str) -> Path:
    return wheel(tmp_path, project, payload=b"one")


@pytest.fixture
def another(tmp_path: Path, project: str) -> Path:
    """A wheel of the same name with other content."""
    (tmp_path / "other").mkdir()
    return wheel(tmp_path / "other", project, payload=b"two")


def stored(server: PyPIServer, project: str) -> dict[str, str]:
    """The digests of what the server has of a project, by file name."""
    stem = project.replace("-", "_") + "-"
    return {path.name: sha256(path) for path in server.directory.iterdir() if path.name.startswith(stem)}


async def pip_download(simple_url: str, to: Path, *arguments: str) -> None:
    """Let pip download from this index and nowhere else."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir", "--disable-pip-version-check"]
    done = await to_thread.run_sync(
        lambda: subprocess.run(
            [*command, "--dest", str(to), "--index-url", simple_url, *arguments],
            # No file of this machine's says where else pip may look.
            env={**environment, "PIP_CONFIG_FILE": os.devnull},
            capture_output=True,
            text=True,
            check=False,
        )
    )
    assert done.returncode == 0, done.stdout + done.stderr


async def listed(pypi: PyPI, project: str) -> list[str]:
    """The names of the files that the server lists."""
    return sorted([file.filename async for file in pypi.files.list(project)])


@pytest.fixture
def embedded_copr() -> Iterator[EmbeddedCopr]:
    """A Copr in this process, in which nothing goes wrong."""
    with EmbeddedCopr() as store:
        yield store
    assert not store.errors


@pytest.fixture
def set_up(aws_backdoor: Backdoor) -> None:
    """The organisation's configuration is in its place."""
    aws_backdoor.set_up()


@pytest.fixture
async def stager(aws: Aws, set_up: None) -> Any:
    """A stager, of whose beginning nothing is counted."""
    from tests.support.moto_aws import make_stager

    async with make_stager(aws) as stager:
        aws.requests.clear()
        yield stager

"""Real package indexes, installed from the test dependencies and started on loopback."""

from __future__ import annotations

import base64
import hashlib
import itertools
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import pytest
from blockbuster import BlockBuster

from lading import AttemptEvent, Index, PyPI
from tests.stores.distributions import sha256, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USER = "__token__"
PASSWORD = "correct horse"

# Its server is the standard library's, whose queue holds five connections: of twenty at once, the system would let
# most wait for seconds before it tries them again.
LAUNCH = (
    "import socketserver; socketserver.TCPServer.request_queue_size = 128; from pypiserver.__main__ import main; main()"
)
_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def no_blocking_calls() -> Iterator[None]:
    """As in all tests, but only lading's own code is watched: these tests look into files themselves."""
    blockbuster = BlockBuster("lading")
    blockbuster.activate()
    try:
        yield
    finally:
        blockbuster.deactivate()


@dataclass(frozen=True)
class PyPIServer:
    """A running pypiserver.

    Attributes:
        url: Its root, without a slash at the end.
        folder: Where it keeps the files.
    """

    url: str
    folder: Path

    @property
    def index(self) -> Index:
        """As lading is told of it."""
        return index_at(self.url)


def index_at(url: str) -> Index:
    """The index that pypiserver is at *url*, or behind it."""
    return Index(f"{url}/", f"{url}/simple/")


@pytest.fixture(scope="session")
def pypiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PyPIServer]:
    """One pypiserver for all tests; each publishes projects of its own."""
    home = tmp_path_factory.mktemp("pypiserver")
    folder = home / "packages"
    folder.mkdir()
    digest = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
    (home / "htpasswd").write_text(f"{USER}:{{SHA}}{digest}\n")
    with (home / "log").open("wb") as log:
        process, url = _start(home, log)
        try:
            yield PyPIServer(url, folder)
        finally:
            process.terminate()
            process.wait(30)


def _start(home: Path, log: IO[bytes]) -> tuple[subprocess.Popen[bytes], str]:
    for _ in range(5):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        health = f"/health-{port}-{next(_numbers)}"
        options = {
            "--host": "127.0.0.1",
            "--port": str(port),
            "--passwords": str(home / "htpasswd"),
            "--authenticate": "update",
            "--health-endpoint": health,
        }
        command = [sys.executable, "-c", LAUNCH, "run", *(part for option in options.items() for part in option)]
        # Without the last option it sends whoever asks for an unknown project to the official index.
        command += [str(home / "packages"), "--disable-fallback"]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        if _ready(process, f"http://127.0.0.1:{port}{health}"):
            return process, f"http://127.0.0.1:{port}"
        # Somebody else took the port in between: another one.
    pytest.fail(f"pypiserver does not start: {(home / 'log').read_text()}")


def _ready(process: subprocess.Popen[bytes], health: str) -> bool:
    """Whether it answers; ``False`` when it has ended."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with opener.open(health, timeout=30) as answer:
                return bool(answer.read() == b"Ok")
        except OSError:
            time.sleep(0.05)
    process.kill()
    process.wait()
    return False


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
    return {path.name: sha256(path) for path in server.folder.iterdir() if path.name.startswith(stem)}


async def listed(pypi: PyPI, project: str) -> list[str]:
    """The names of the files that the server lists."""
    return sorted([file.filename async for file in pypi.files.list(project)])

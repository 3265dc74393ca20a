"""What several tests of this directory stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest

from lading import Call, Limits
from lading.testing import ServerResponse
from tests.support.bodies import CONTENT
from tests.support.canned_store import CannedStore
from tests.support.large_store import LargeStore
from tests.support.recorded_sleeps import RecordedSleeps
from tests.support.sparse_files import sparse
from tests.support.transport_client import as_response, make_client

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["plain", "tls"])
def tls(request: pytest.FixtureRequest, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> Any:
    """(the server's context, the client's)."""
    return (None, None) if request.param == "plain" else (server_tls, client_tls)


@pytest.fixture(params=[httpx, httpx2], ids=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest) -> Any:
    """What a user's own client is of."""
    return request.param


@pytest.fixture
def canned_store() -> Iterator[CannedStore]:
    """A store whose response the test decides."""
    store = CannedStore()
    with store.server:
        yield store


@pytest.fixture
async def lasting_client(canned_store: CannedStore) -> Any:
    """A client with one connection: it continues to work after every bad response."""
    async with make_client(canned_store.server.url, limits=Limits(max_connections=1)) as client:
        yield client
        canned_store.response = ServerResponse(body=b"good")
        assert (await client.send(Call("GET", "after", as_response))).body == b"good"


@pytest.fixture
def large_store() -> Iterator[LargeStore]:
    """A store that takes and gives large files."""
    store = LargeStore()
    with store.server:
        yield store


@pytest.fixture
def large_file(tmp_path: Path) -> Path:
    """A large file that takes no room."""
    return sparse(tmp_path / "content")


@pytest.fixture
def content_file(tmp_path: Path) -> Path:
    """A file with the content of the bodies."""
    path = tmp_path / "content"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> RecordedSleeps:
    """The waits between the attempts of its clients, none of which is waited; the clock advances by each."""
    return RecordedSleeps(monkeypatch)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report what the fault matrix covers: operations, faults, and how many of their combinations held."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    rows = [value for report in reports for name, value in report.user_properties if name == "fault_matrix"]
    if rows:  # each an operation, the fault of each combination, and how many held
        operations, faults = {row[0] for row in rows}, [fault for row in rows for fault in row[1]]
        held = sum(row[2] for row in rows)
        terminalreporter.write_line(
            f"fault matrix: operations={len(operations)} faults={len(set(faults))} combinations={len(faults)} held={held}"
        )

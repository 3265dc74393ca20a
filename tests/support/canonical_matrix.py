"""What the rows of the fault matrix for Canonical's stores share: clients, and the end of late work."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
from anyio import to_thread

from lading import Retry
from lading.canonical import Agent
from lading.testing._embedded import EmbeddedStore
from tests.support.fault_matrix import FAULTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from lading.testing import EmbeddedCharmhub, EmbeddedOnPremSnapStore, EmbeddedSnapStore
    from tests.support.fault_matrix import Outcome

    Store = EmbeddedCharmhub | EmbeddedSnapStore | EmbeddedOnPremSnapStore

QUICK = Retry(attempts=3, backoff=0)
EMAIL, PASSWORD = "owner@example.com", "correct horse"

# What is left at the store is worth nothing to anybody without what the call returns: an error is always one of a call
# that has changed nothing.
NOTHING_WITHOUT_THE_RESULT: dict[str, Outcome] = {
    case.name: "not_done" for case in FAULTS if case.expected("repeated") == "unknown"
}


class OneHost:
    """Serves all four hosts of an embedded store on one port: starting three more costs more than most of a cell."""

    _state: Any
    _storage: Any
    _ubuntu_one: Any
    _identity: Any
    url: str

    def _make_apis(self) -> Iterable[Any]:
        apis = super()._make_apis()  # type: ignore[misc]
        return [*apis, self._storage.api, self._ubuntu_one.api, self._identity.api]

    def start(self) -> None:
        """Start to listen."""
        EmbeddedStore.start(self)  # type: ignore[arg-type]
        hosts = self._state.hosts
        hosts.api = hosts.storage = hosts.login = self.url
        hosts.identity = f"{self.url}/identity"


@asynccontextmanager
async def client(store: Any) -> AsyncIterator[Any]:
    """A client that does not wait between attempts. Tokens are issued off the event loop."""
    made = await to_thread.run_sync(lambda: store.client(retry=QUICK))
    async with made:
        yield made


async def finish(store: Any) -> None:
    """Do the late work, which a request after its time does, and end all reviews."""
    store.advance_clock(100)
    await _request(store.url)
    for _ in range(2):
        await to_thread.run_sync(store.advance_reviews)


async def _request(url: str) -> None:
    """Send the least request: an HTTP client would read the machine's certificates first."""
    parts = urlsplit(url)
    async with await anyio.connect_tcp(str(parts.hostname), int(parts.port or 0)) as stream:
        await stream.send(f"GET / HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
        while True:
            try:
                await stream.receive()
            except anyio.EndOfStream:
                return


def stored_upload(store: Store, content: bytes, filename: str) -> str:
    """Store a file as if it had been uploaded, and return the upload's identifier."""
    from lading.testing.canonical.snap._processing import keep

    with store._state.lock:
        return keep(store._state, filename, content).id


async def upload(client: Any, store: Any, content: bytes, filename: str) -> None:
    """Upload a file, and note the identifier."""
    store.upload_id = (await client.uploads.upload(content, filename=filename)).upload_id


def has_upload(store: Any) -> bool:
    """Whether the store has the upload that the call returned."""
    return store.upload_id in {upload.id for upload in store.uploads}


async def log_in_by_agent(client: Any, store: Any) -> None:
    """Log in with a key."""
    file = await to_thread.run_sync(store.add_agent, "robot")
    (at,) = file["agents"]
    await client.tokens.login_agent(Agent(url=at["url"], username=at["username"], private_key=file["key"]["private"]))


async def log_in_by_candid(client: Any, store: Any) -> None:
    """Log in as a person does, on a page."""

    async def open_url(url: str) -> None:
        await to_thread.run_sync(store.visit, url)

    await client.tokens.login_candid(open_url=open_url)

"""Cancelled at any point, a call leaves no file, socket, thread or temporary file, and no slot or connection taken."""

from __future__ import annotations

import os
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import to_thread

from lading import Call, FileBody, FilePart, InvalidResponse, Limits, MemoryCredentials, Multipart, Retry, TokenAuth
from lading._core.auth import Auth
from lading._core.download import Expected, download
from lading.testing import Respond, Server, ServerRequest, ServerResponse
from tests.conftest import BACKENDS
from tests.support.cancelling import cancelled, cancelled_by_asyncio
from tests.support.open_files import open_descriptors
from tests.support.raw_server import until
from tests.support.sparse_files import SIZE
from tests.support.transport_client import as_response, make_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from lading import PyPI

pytestmark = pytest.mark.anyio
ONE = Limits(max_connections=1, max_requests=1, max_uploads=1)
on_asyncio = pytest.mark.parametrize("anyio_backend", [p for p in BACKENDS if p.id != "trio"])


class Store:
    """A store that stops in the middle of things.

    Attributes:
        reached: Set when a request is where the test wants it.
        at: Where that is: in a request's body, before the response, or in its body.
        over: Whether it may continue, to notice that the client has gone.
    """

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.at = ""
        self.over = False
        self.server = Server(self.respond)

    async def respond(self, request: ServerRequest) -> ServerResponse:
        async for _ in request.body:
            if self.at == "body":
                await self.stop()
        if self.at == "response":
            await self.stop()
        if self.at == "response body":
            return ServerResponse(200, {"Content-Length": str(SIZE), "ETag": '"one"'}, self.half())
        return ServerResponse()

    async def half(self) -> AsyncIterator[bytes]:
        yield bytes(SIZE // 2)
        await self.stop()
        yield bytes(SIZE // 2)

    async def stop(self) -> None:
        self.reached.set()
        while not self.over:
            await anyio.sleep(0.005)


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    with store.server:
        yield store


@asynccontextmanager
async def nothing_left(directory: Path, client: PyPI, store: Store) -> AsyncIterator[None]:
    """What happens inside leaves nothing: looked at as soon as it is over, and again when the server has noticed."""
    at, store.at = store.at, ""
    await send(client, directory)  # a connection that is kept alive is not left over
    store.at = at
    store.reached.clear()
    before = await to_thread.run_sync(open_descriptors)
    names = await to_thread.run_sync(lambda: sorted(os.listdir(directory)))
    yield
    store.over = True
    assert await to_thread.run_sync(lambda: sorted(os.listdir(directory))) == names
    left = await to_thread.run_sync(open_descriptors) - before
    assert not [name for name in left if "socket" not in name]
    with anyio.fail_after(20):
        while await to_thread.run_sync(open_descriptors) - before:
            await anyio.sleep(0.01)
    store.at = ""
    # The only slot, the only place among uploads and the only connection are free.
    with anyio.fail_after(20):
        body = Multipart([FilePart("content", await FileBody.from_path(directory / "content"), "content")])
        assert (await client.send(Call("POST", "after", as_response, body=body))).status == 200


async def upload(client: PyPI, path: Path) -> None:
    body = Multipart([("a", "b"), FilePart("content", await FileBody.from_path(path), "content")])
    await client.send(Call("POST", "thing", as_response, body=body))


async def fetch(client: PyPI, path: Path) -> None:
    await download(client._sender, Call("GET", "thing"), path.with_name("target"), promise=Expected())


async def send(client: PyPI, path: Path) -> None:
    await client.send(Call("GET", "thing", as_response))


POINTS = [("body", upload), ("response", upload), ("response", send), ("response body", send), ("response body", fetch)]
points = pytest.mark.parametrize(("at", "work"), POINTS, ids=lambda v: getattr(v, "__name__", v))


@points
async def test_on_the_wire(store: Store, large_file: Path, at: str, work: Any):
    async with make_client(store.server.url, limits=ONE) as client:
        store.at = at
        async with nothing_left(large_file.parent, client, store):
            await cancelled(lambda: work(client, large_file), store.reached.is_set)


@on_asyncio
@points
async def test_on_the_wire_by_asyncio(store: Store, large_file: Path, at: str, work: Any):
    async with make_client(store.server.url, limits=ONE) as client:
        store.at = at
        async with nothing_left(large_file.parent, client, store):
            await cancelled_by_asyncio(lambda: work(client, large_file), store.reached.is_set)


@pytest.mark.parametrize("work", [upload, send, fetch])
async def test_between_attempts(store: Store, large_file: Path, work: Any):
    client = make_client(store.server.url, limits=ONE, retry=Retry())
    async with client, nothing_left(large_file.parent, client, store):
        store.server.faults.add(Respond(503, retry_after=100))
        await cancelled(lambda: work(client, large_file), lambda: store.server.faults.happened)


@pytest.mark.parametrize("work", [upload, send, fetch])
async def test_while_waiting_for_a_slot(store: Store, large_file: Path, work: Any):
    async with make_client(store.server.url, limits=ONE) as client, nothing_left(large_file.parent, client, store):
        store.at = "response"
        async with anyio.create_task_group() as group:
            group.start_soon(upload, client, large_file)
            await until(store.reached.is_set)

            async def late() -> None:
                with anyio.CancelScope() as scope:
                    async with anyio.create_task_group() as inner:
                        inner.start_soon(work, client, large_file)
                        await anyio.wait_all_tasks_blocked()
                        scope.cancel()

            await late()
            group.cancel_scope.cancel()


@pytest.mark.parametrize("work", [upload, send, fetch])
async def test_while_credentials_are_looked_for(store: Store, large_file: Path, work: Any):
    looking: list[bool] = []

    class Slow(Auth):
        async def prepare(self, sender) -> None:
            looking.append(True)
            await anyio.sleep_forever()

    async with make_client(store.server.url, limits=ONE) as client, nothing_left(large_file.parent, client, store):
        await cancelled(lambda: work(client.with_options(auth=Slow()), large_file), lambda: looking)


async def test_in_an_auth_flows_own_call(store: Store, large_file: Path):
    class Minting(Auth):
        def flow(self, request: Any) -> Any:
            yield Call("GET", "mint", as_response, auth=None)
            yield request

    async with make_client(store.server.url, limits=ONE) as client:
        store.at = "response"
        async with nothing_left(large_file.parent, client, store):
            await cancelled(lambda: upload(client.with_options(auth=Minting()), large_file), store.reached.is_set)


async def test_an_auth_flow_that_fails_leaves_nothing(store: Store, large_file: Path):
    class Failing(Auth):
        def flow(self, request: Any) -> Any:
            yield request
            raise ZeroDivisionError

    async with make_client(store.server.url, limits=ONE) as client:
        store.at = "response body"
        async with nothing_left(large_file.parent, client, store):
            with pytest.raises(InvalidResponse, match="ZeroDivisionError"):
                await send(client.with_options(auth=Failing()), large_file)


async def test_hundreds_of_cancelled_calls_take_nothing_with_them(store: Store, large_file: Path):
    auth = TokenAuth(MemoryCredentials("token-token"))
    limits = Limits(max_connections=4, max_requests=4, max_uploads=2)
    async with make_client(store.server.url, limits=limits, auth=auth) as client:
        store.at = "response"
        before = await to_thread.run_sync(open_descriptors)
        for _ in range(10):
            async with anyio.create_task_group() as group:
                for number in range(30):
                    group.start_soon((upload, send, fetch)[number % 3], client, large_file)
                for _ in range(5):
                    await anyio.sleep(0)
                group.cancel_scope.cancel()
        store.at, store.over = "", True
        with anyio.fail_after(20):
            while await to_thread.run_sync(open_descriptors) - before:
                await anyio.sleep(0.01)
        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                for _ in range(12):
                    group.start_soon(upload, client, large_file)
    assert await to_thread.run_sync(lambda: sorted(os.listdir(large_file.parent))) == ["content"]

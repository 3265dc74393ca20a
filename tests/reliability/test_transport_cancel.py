"""Hundreds of requests, nine in ten cancelled at any moment: nothing is left, and the pool serves at full width."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import threading
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
from anyio import to_thread
from anyio.lowlevel import checkpoint

from lading._http.transport import Transport
from lading.types import Limits
from tests.conftest import open_files, threads
from tests.support.asking import MIB, Source, ask, rest, start
from tests.support.scripted import OK, Peer, Scripted, until

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable

    Kind = Callable[["Churn", Callable[[], None]], Awaitable[None]]

pytestmark = pytest.mark.anyio

WIDTH = 20
REQUESTS = 300


@pytest.fixture(params=["plain", "tls"])
def tls(request: pytest.FixtureRequest, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> Any:
    """(the server's context, the client's)."""
    return (None, None) if request.param == "plain" else (server_tls, client_tls)


class Server:
    """The script: what it does depends on the address. ``/all`` waits until the whole width has asked."""

    def __init__(self) -> None:
        self.all = threading.Barrier(WIDTH)

    def __call__(self, peer: Peer) -> None:
        while True:
            head = peer.head()
            if head.target == "/early":
                peer.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno\n")
                peer.drain()
                return
            peer.body(head)
            if head.target == "/stream":
                peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                for _ in range(8):
                    peer.send(b"8000\r\n" + bytes(0x8000) + b"\r\n")
                peer.send(b"0\r\n\r\n")
                continue
            if head.target == "/all":
                self.all.wait(20)
            peer.send(OK)


class Stepping(Source):
    """A body that says when a piece is asked for."""

    def __init__(self, step: Callable[[], None]) -> None:
        super().__init__(MIB // 2, bytes(65536))
        self._step = step

    def __aiter__(self) -> AsyncIterator[bytes]:
        pieces, step = super().__aiter__(), self._step

        class Steps:
            def __aiter__(self) -> Any:
                return self

            async def __anext__(self) -> bytes:
                step()
                return await anext(pieces)

        return Steps()


class Churn:
    """Requests of every kind through one transport.

    Attributes:
        whole: How many were answered.
    """

    def __init__(self, transport: Transport, url: str, seed: int) -> None:
        self.transport = transport
        self.url = url
        self.random = random.Random(seed)
        self.whole = 0

    async def get(self, step: Callable[[], None]) -> None:
        step()
        await ask(self.transport, f"{self.url}/get")

    async def stream(self, step: Callable[[], None]) -> None:
        response = await start(self.transport, f"{self.url}/stream")
        assert isinstance(response.stream, httpx.AsyncByteStream)
        try:
            async for _ in response.stream:
                step()
        finally:
            await response.aclose()

    async def upload(self, step: Callable[[], None]) -> None:
        headers = {"Content-Length": str(MIB // 2)}
        await ask(self.transport, f"{self.url}/upload", "POST", stream=Stepping(step), headers=headers)

    async def chunked(self, step: Callable[[], None]) -> None:
        await ask(self.transport, f"{self.url}/upload", "PUT", stream=Stepping(step))

    async def early(self, step: Callable[[], None]) -> None:
        assert (await ask(self.transport, f"{self.url}/early", "POST", stream=Stepping(step))).status == 413

    async def leave(self, step: Callable[[], None]) -> None:
        """Not cancelled, but left in the middle of the answer."""
        response = await start(self.transport, f"{self.url}/stream")
        step()
        await response.aclose()

    async def one(self, cancelling: Callable[[], contextlib.AbstractAsyncContextManager[Callable[[], None]]]) -> None:
        """One request of some kind, cancelled at its own n-th step, or after n turns of the loop, or not at all."""
        kind: Kind = self.random.choice(
            [Churn.get, Churn.stream, Churn.upload, Churn.chunked, Churn.early, Churn.leave]
        )
        how = self.random.choices(["steps", "turns", "none"], [4, 5, 1])[0]
        count = self.random.randrange(0, 9) if how == "steps" else int(self.random.expovariate(1 / 25))
        async with cancelling() as cancel, anyio.create_task_group() as group:
            left = count

            def step() -> None:
                nonlocal left
                left -= 1
                if how == "steps" and left < 0:
                    cancel()

            async def after_turns() -> None:
                for _ in range(count):
                    await checkpoint()
                cancel()

            if how == "turns":
                group.start_soon(after_turns)
            await kind(self, step)
            self.whole += 1
            group.cancel_scope.cancel()


@contextlib.asynccontextmanager
async def scope() -> AsyncIterator[Callable[[], None]]:
    with anyio.CancelScope() as inner:
        yield inner.cancel


@pytest.mark.parametrize("seed", [1, 2])
async def test_churn(seed: int, tls: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with Scripted(Peer.serve) as warm, Transport() as transport:
        await ask(transport, warm.url)  # what the loop opens on first use
        await to_thread.run_sync(lambda: None)
    before, tasks = await to_thread.run_sync(open_files), anyio.get_running_tasks()
    script = Server()
    async with Scripted(script, tls[0]) as server:
        transport = Transport(tls=tls[1], limits=Limits(connections=WIDTH))
        churn = Churn(transport, server.url, seed)
        async with anyio.create_task_group() as group:
            for _ in range(REQUESTS):
                group.start_soon(churn.one, scope)
        assert 0 < churn.whole < REQUESTS / 2
        await serves_at_full_width(transport, server)
        await transport.aclose()
        assert transport._pool.total == 0
    await nothing_left(before, tasks)
    assert not caplog.records


async def serves_at_full_width(transport: Transport, server: Scripted) -> None:
    assert transport._pool.turns.busy == 0
    assert not transport._pool._waiters
    assert not transport._pool._busy
    assert not transport._pool._making
    async with anyio.create_task_group() as group:
        for _ in range(WIDTH):
            group.start_soon(ask, transport, f"{server.url}/all")
    assert transport._pool.idle == transport._pool.total == WIDTH


async def nothing_left(before: set[str], tasks: list[anyio.TaskInfo]) -> None:
    gc.collect()
    assert await to_thread.run_sync(open_files) == before
    assert {task.id for task in anyio.get_running_tasks()} == {task.id for task in tasks}
    # Idle worker threads are the event loop's, and wait for its next work.
    working = {name for name in threads() if "scripted" in name}
    assert not working


async def test_churn_by_asyncios_own_cancelling(tls: Any, anyio_backend_name: str) -> None:
    """asyncio's ``Task.cancel`` (a timeout, ``wait_for``, a ``TaskGroup``) is told once, and not again and again."""
    if anyio_backend_name != "asyncio":
        return
    rng = random.Random(3)
    script = Server()
    before = await to_thread.run_sync(open_files)
    async with Scripted(script, tls[0]) as server:
        transport = Transport(tls=tls[1], limits=Limits(connections=WIDTH))
        churn = Churn(transport, server.url, 3)
        kinds: list[Kind] = [Churn.get, Churn.stream, Churn.upload, Churn.chunked, Churn.early, Churn.leave]

        async def one() -> None:
            task = asyncio.ensure_future(rng.choice(kinds)(churn, lambda: None))
            if rng.random() < 0.9:
                for _ in range(int(rng.expovariate(1 / 25))):
                    await asyncio.sleep(0)
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if not task.cancelled():
                task.result()

        async with anyio.create_task_group() as group:
            for _ in range(REQUESTS):
                group.start_soon(one)
        await serves_at_full_width(transport, server)
        await transport.aclose()
    gc.collect()
    assert await to_thread.run_sync(open_files) == before


async def test_cancelled_while_it_waits_for_a_place() -> None:
    """And everybody else still gets one."""
    script = Server()
    async with Scripted(script) as server, Transport(limits=Limits(connections=1)) as transport:
        response = await start(transport, f"{server.url}/stream")
        done: list[int] = []
        scopes = [anyio.CancelScope() for _ in range(30)]

        async def one(number: int) -> None:
            with scopes[number]:
                await ask(transport, f"{server.url}/get")
                done.append(number)

        async with anyio.create_task_group() as group:
            for number in range(30):
                group.start_soon(one, number)
            await until(lambda: len(transport._pool._waiters) == 30)
            for number in range(0, 30, 2):
                scopes[number].cancel()
            await rest(response)
        assert sorted(done) == list(range(1, 30, 2))
        assert transport._pool.total == 1

"""Connections that always have something to do leave the others, and the application, their turns.

The clock is a count of its readings, so that nothing here depends on how fast the machine is.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
from anyio.lowlevel import checkpoint

from lading import Transport
from lading._http import sockets as network
from lading._http.sockets import LoopShare, SocketStream
from tests.support.raw_server import Peer, RawServer
from tests.support.transport_client import MIB, Source, open_response, request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio


class Turn:
    """How much was done between two turns of another task.

    Attributes:
        longest: The most that was done in between.
    """

    def __init__(self) -> None:
        self.longest = 0
        self._now = 0

    def step(self) -> None:
        self._now += 1
        self.longest = max(self.longest, self._now)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        async def tick() -> None:
            while True:
                self._now = 0
                await checkpoint()

        async with anyio.create_task_group() as group:
            group.start_soon(tick)
            yield
            group.cancel_scope.cancel()


@pytest.fixture
def turn(monkeypatch: pytest.MonkeyPatch) -> Turn:
    """Every look at the clock takes half a millisecond, a fourth of what the connections share."""
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += LoopShare._TOGETHER / 4
        return now

    monkeypatch.setattr(network, "perf_counter", clock)
    return Turn()


class Counted(Source):
    """A body whose pieces are steps."""

    def __init__(self, turn: Turn, size: int) -> None:
        super().__init__(size)
        self._turn = turn

    def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = super().__aiter__()
        turn = self._turn

        class Steps:
            def __aiter__(self) -> Any:
                return self

            async def __anext__(self) -> bytes:
                turn.step()
                return await anext(pieces)

        return Steps()


async def test_uploads(tls: Any, turn: Turn) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        peer.hold()

    async with (
        RawServer(script, tls[0]) as server,
        Transport(tls=tls[1]) as transport,
        turn.watched(),
        anyio.create_task_group() as group,
    ):
        for _ in range(4):
            body = Counted(turn, 16 * MIB)
            group.start_soon(lambda b=body: request(transport, server.url, "POST", stream=b))
    # Four at once, each some four looks at the clock between two of its turns.
    assert 0 < turn.longest <= 24


@pytest.mark.parametrize(
    "chunk", [b"1\r\nx\r\n" * 20_000, b"10000\r\n" + bytes(65536) + b"\r\n"], ids=["small", "large"]
)
async def test_chunks_that_have_arrived(chunk: bytes, tls: Any, turn: Turn) -> None:
    """Many small chunks come in one packet, and no wait is between them."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(1 if len(chunk) > 70_000 else 100):
            peer.send(chunk)
        peer.send(b"0\r\n\r\n")
        peer.hold()

    async with RawServer(script, tls[0]) as server, Transport(tls=tls[1]) as transport, turn.watched():
        response = await open_response(transport, server.url)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        async for _ in response.stream:
            turn.step()
    assert 0 < turn.longest <= 12


async def test_downloads(tls: Any, turn: Turn) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (16 * MIB))
        for _ in range(16):
            peer.send(bytes(MIB))
        peer.hold()

    async def download() -> None:
        response = await open_response(transport, server.url)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        async for _ in response.stream:
            turn.step()

    async with (
        RawServer(script, tls[0]) as server,
        Transport(tls=tls[1]) as transport,
        turn.watched(),
        anyio.create_task_group() as group,
    ):
        for _ in range(4):
            group.start_soon(download)
    assert 0 < turn.longest <= 24


async def test_what_a_yielding_watcher_had_received_is_not_lost(tls: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The response arrives while the last of the body is sent, and the watcher's turn ends at that moment."""
    sent_all = anyio.Event()
    original = SocketStream.yield_if_due

    async def pause(link: SocketStream) -> None:
        # Whoever pauses after a look at the socket is overtaken by the end of the body.
        await original(link)
        if watching:
            await checkpoint()
            sent_all.set()
            await checkpoint()

    watching = False

    class Body(Source):
        def __aiter__(self) -> AsyncIterator[bytes]:
            class Pieces:
                def __init__(self) -> None:
                    self.count = 0

                def __aiter__(self) -> Any:
                    return self

                async def __anext__(self) -> bytes:
                    nonlocal watching
                    self.count += 1
                    if self.count == 1:
                        return b"x"
                    watching = True
                    await sent_all.wait()
                    raise StopAsyncIteration

            return Pieces()

    def script(peer: Peer) -> None:
        peer.head()
        peer.exactly(1)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        peer.hold()

    monkeypatch.setattr(SocketStream, "yield_if_due", pause)
    async with RawServer(script, tls[0]) as server, Transport(tls=tls[1]) as transport:
        with anyio.fail_after(20):
            headers = {"Content-Length": "1"}
            response = await request(transport, server.url, "POST", stream=Body(1), headers=headers, read=2)
        assert response.body == b"ok"


async def test_budget_is_shared() -> None:
    turns = LoopShare()
    alone = turns.budget
    turns.busy = 50
    assert turns.budget == alone / 50

"""Requests of every kind, to be cancelled: what the churn tests are made of."""

from __future__ import annotations

import random
import threading
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import httpx
from anyio.lowlevel import checkpoint

from tests.support.raw_server import OK, Peer
from tests.support.transport_client import MIB, Source, open_response, read_body, request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from lading import Transport

    Kind = Callable[["Churn", Callable[[], None]], Awaitable[None]]

WIDTH = 20


class Server:
    """The script: what it does depends on the URL. ``/all`` waits until requests have arrived on every connection."""

    def __init__(self) -> None:
        self.all = threading.Barrier(WIDTH)

    def __call__(self, peer: Peer) -> None:
        while True:
            head = peer.head()
            if head.target == "/early":
                peer.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno\n")
                peer.body(head)
                continue
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
    """A body that reports when a piece is requested."""

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
        whole: How many got a response.
    """

    def __init__(self, transport: Transport, url: str, seed: int) -> None:
        self.transport = transport
        self.url = url
        self.random = random.Random(seed)
        self.whole = 0

    async def get(self, step: Callable[[], None]) -> None:
        step()
        response = await open_response(self.transport, f"{self.url}/get")
        step()
        await read_body(response)

    async def stream(self, step: Callable[[], None]) -> None:
        response = await open_response(self.transport, f"{self.url}/stream")
        assert isinstance(response.stream, httpx.AsyncByteStream)
        try:
            async for _ in response.stream:
                step()
        finally:
            await response.aclose()

    async def upload(self, step: Callable[[], None]) -> None:
        headers = {"Content-Length": str(MIB // 2)}
        await request(self.transport, f"{self.url}/upload", "POST", stream=Stepping(step), headers=headers)

    async def chunked(self, step: Callable[[], None]) -> None:
        await request(self.transport, f"{self.url}/upload", "PUT", stream=Stepping(step))

    async def early(self, step: Callable[[], None]) -> None:
        assert (await request(self.transport, f"{self.url}/early", "POST", stream=Stepping(step))).status == 413

    async def leave(self, step: Callable[[], None]) -> None:
        """Not cancelled, but closed in the middle of the response."""
        response = await open_response(self.transport, f"{self.url}/stream")
        step()
        await response.aclose()

    async def one(self, cancelling: Callable[[], AbstractAsyncContextManager[Callable[[], None]]]) -> None:
        """One request of some kind, cancelled at its own n-th step, or after n turns of the loop, or not at all."""
        kind: Kind = self.random.choice(
            [Churn.get, Churn.stream, Churn.upload, Churn.chunked, Churn.early, Churn.leave]
        )
        how = self.random.choices(["steps", "turns", "none"], [4, 5, 1])[0]
        count = self.random.randrange(STEPS[kind]) if how == "steps" else int(self.random.expovariate(1 / 6))
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


# Each kind, and about how many steps it has.
STEPS: dict[Kind, int] = {
    Churn.get: 2,
    Churn.stream: 4,
    Churn.upload: 4,
    Churn.chunked: 4,
    Churn.early: 2,
    Churn.leave: 1,
}
KINDS = list(STEPS)


@asynccontextmanager
async def scope() -> AsyncIterator[Callable[[], None]]:
    """A cancel scope; what cancels it."""
    with anyio.CancelScope() as inner:
        yield inner.cancel

"""Sending a request's streamed body, and watching for a response meanwhile."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from lading._http.errors import ProtocolError, ReadFailed, UnsendableRequest

if TYPE_CHECKING:
    from anyio import CancelScope

    from lading._http.errors import TransportError
    from lading._http.h1 import ResponseHead, ResponseParser
    from lading._http.sockets import SocketStream
    from lading._http.wire_request import WireRequest

# Bytes of a body between two checks whether a response has come.
_CHECK_EVERY = 1024 * 1024
# Bytes of an early response's body to keep while the rest of the request is sent.
_KEEP_EARLY = 64 * 1024
_ENDED_EARLY = "the server responded and ended the connection before it had received the complete request"


class RequestWriter:
    """A request being sent.

    Attributes:
        request: The request.
        complete: Whether its last byte is out. The server may respond before the source has ended.
        ended_at: How much had been written over the connection when the server ended it; ``None`` while it has not.
    """

    __slots__ = ("_link", "complete", "ended_at", "request")

    def __init__(self, link: SocketStream, request: WireRequest) -> None:
        self._link = link
        self.request = request
        self.complete = False
        self.ended_at: int | None = None

    async def send_body(self) -> None:
        """Send the streamed body."""
        source, left, timeout = self.request.source, self.request.length, self.request.write
        assert source is not None  # noqa: S101 - checked before
        link = self._link
        unchecked = 0
        try:
            with suppress(StopAsyncIteration):
                while True:
                    piece = await source.__anext__()
                    if self.ended_at is not None and piece:
                        raise ReadFailed(_ENDED_EARLY)
                    unchecked += len(piece)
                    if unchecked >= _CHECK_EVERY:
                        unchecked = 0
                        await link.yield_if_readable()
                    if left is None:
                        await _send_chunk(link, piece, timeout)
                        continue
                    left -= len(piece)
                    if left < 0:
                        raise UnsendableRequest("the body is longer than its Content-Length")
                    await link.send(piece, timeout)
                    self.complete = not left  # nothing is awaited after its last byte
            if left is None:
                await link.send(b"0\r\n\r\n", timeout)
            elif left:
                raise UnsendableRequest("the body is shorter than its Content-Length")
            if self.ended_at is not None and link.written > self.ended_at:
                self.complete = False
                raise ReadFailed(_ENDED_EARLY)
            self.complete = True
        finally:
            await source.aclose()


async def _send_chunk(link: SocketStream, piece: bytes | memoryview, timeout: float | None) -> None:
    if piece:  # an empty one would end the body
        await link.send(b"%x\r\n" % len(piece), timeout)
        await link.send(piece, timeout)
        await link.send(b"\r\n", timeout)


class EarlyResponseWatch:
    """Watches for a response while the body is sent, and stops the sending when one makes it useless."""

    def __init__(self, link: SocketStream, parser: ResponseParser, writer: RequestWriter) -> None:
        self._link = link
        self._parser = parser
        self._writer = writer
        self.head: ResponseHead | None = None
        self.failure: TransportError | None = None

    async def run(self, sending: CancelScope) -> None:
        """Watch until a response has come, or the connection has ended."""
        try:
            while self.head is None:
                self.head = self._parser.feed(await self._link.receive(None, wait_first=True))
        except (ReadFailed, ProtocolError) as error:
            self.failure = error
            sending.cancel()
            return
        if self.head.status >= 300:
            sending.cancel()
        else:
            await self._watch_for_end()

    async def _watch_for_end(self) -> None:
        """Note when the server ends the connection after an early success, which is kept: it still wants the rest."""
        kept = 0
        try:
            while kept < _KEEP_EARLY:
                data = await self._link.receive(None)
                if not data:
                    break
                kept += len(data)
                self._parser.add(data)
            else:
                return
        except ReadFailed:
            pass  # as an end is
        self._writer.ended_at = self._link.written

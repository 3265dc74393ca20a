"""One HTTP/1.1 connection: a request out, its response in, and a watch for the response while the body is sent."""

from __future__ import annotations

import ssl
from time import monotonic
from typing import TYPE_CHECKING

import anyio

from lading._core.files import PIECE
from lading._http.errors import (
    ReadFailed,
    TimedOut,
    TransportError,
    WriteFailed,
)
from lading._http.h1 import ResponseParser, encode_head
from lading._http.response_body import ChunkedBody, CompleteBody, LengthBody
from lading._http.uploading import EarlyResponseWatch, RequestWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from lading._http.h1 import ResponseHead
    from lading._http.response_body import ResponseBody
    from lading._http.sockets import SocketStream
    from lading._http.wire_request import WireRequest

# After a failed write: seconds to wait for the response, which has arrived or is about to.
_FINAL_RESPONSE = 5.0
# A body in memory up to this size is sent with the head; a larger one is sent like a stream, the response watched for.
SENT_WITH_HEAD = 64 * 1024


class StaleConnection(Exception):
    """A kept-alive connection had ended: the request did not leave, or may be sent again."""


class Connection:
    """A connected stream and what HTTP needs to know about it.

    Attributes:
        used: Whether a response came over it before.
        idle_since: When it was last released, by the loop's clock.
    """

    __slots__ = ("_fields", "_link", "_prefix", "idle_since", "used")

    def __init__(self, link: SocketStream, *, prefix: bytes = b"", fields: bytes = b"") -> None:
        self._link = link
        # A proxy for plain http needs absolute URLs, and its own credentials.
        self._prefix = prefix
        self._fields = fields
        self.used = False
        self.idle_since = 0.0

    def is_idle(self) -> bool:
        """Return whether it can still be used: see :meth:`SocketStream.is_idle`."""
        return self._link.is_idle()

    def close(self) -> None:
        """Close it, when nobody waits on it."""
        self._link.close()

    def abort(self) -> None:
        """End it while it is in use."""
        self._link.abort()

    async def exchange(
        self, request: WireRequest, done: Callable[[bool], None]
    ) -> tuple[ResponseHead, ResponseBody, bool]:
        """Send *request*; return the head of its response, its body, and whether all of the request had been sent.

        *done* is called once when the response is complete, with whether the connection can be used again. When this
        raises, *done* is not called and the connection is of no use any more.
        """
        writer = RequestWriter(self._link, request)
        head_bytes = encode_head(
            request.method.encode("ascii", "replace"), self._prefix + request.target, request.fields + self._fields
        )
        parser = ResponseParser(request.method, keep=request.keeps_after_head)
        try:
            head = await self._send(writer, head_bytes, parser)
            if head is None:
                harmless = request.source is None and request.method in ("GET", "HEAD", "OPTIONS")
                head = await self._read_head(parser, request.read, again=self.used and harmless)
        except TransportError as error:
            error.request_sent = writer.complete
            raise
        self.used = True
        # A server that refuses an upload may not have read all that the system took from us, and close the connection.
        reusable = writer.complete and (request.source is None or head.status < 400) and head.keep_alive
        return head, self._make_body(head, parser, request.read, done, reusable=reusable), writer.complete

    async def _send(self, writer: RequestWriter, head_bytes: bytes, parser: ResponseParser) -> ResponseHead | None:
        """Send the request; return a response that came before its end, if one did."""
        before = self._link.written
        try:
            await self._link.send(head_bytes + writer.request.content, writer.request.write)
        except WriteFailed as error:
            if self.used and self._link.written == before:
                raise StaleConnection from error
            return await self._read_final_response(parser, error)
        if writer.request.source is None:
            writer.complete = True
            return None
        return await self._upload(writer, parser)

    async def _read_head(self, parser: ResponseParser, timeout: float | None, *, again: bool = False) -> ResponseHead:
        # Kept alive too long, it may end just as the request arrives. Only what is harmless is sent *again*.
        try:
            data = await self._link.receive(timeout, wait_first=True)
        except ReadFailed as error:
            if again and not self._link.aborted:
                raise StaleConnection from error
            raise
        if again and not data and not self._link.aborted:
            raise StaleConnection
        head = parser.feed(data)
        return head if head is not None else await self._read_rest_of_head(parser, timeout)

    async def _read_rest_of_head(self, parser: ResponseParser, timeout: float | None) -> ResponseHead:
        """Read the rest within *timeout*, which neither interim responses nor single bytes extend."""
        deadline = None if timeout is None else monotonic() + timeout
        while True:
            left = None if deadline is None else max(0.0, deadline - monotonic())
            try:
                data = await self._link.receive(left, wait_first=True)
            except TimedOut as error:
                raise TimedOut(f"the head of the response was not complete after {timeout:g} s", "receive") from error
            if (head := parser.feed(data)) is not None:
                return head

    async def _read_final_response(self, parser: ResponseParser, error: TransportError) -> ResponseHead:
        """Read the response that had arrived before a write failed; raise *error* when there is none."""
        head: ResponseHead | None = None
        try:
            head = await self._read_head(parser, _FINAL_RESPONSE)
        except TransportError as last:
            if isinstance(last.__cause__, ssl.SSLError):
                raise  # an alert says more than the reset that follows it: "certificate required"
        # A success for half a request cannot be ours.
        if head is None or head.status < 300:
            raise error
        return head

    async def _upload(self, writer: RequestWriter, parser: ResponseParser) -> ResponseHead | None:
        """Send the body; return an early response, or ``None`` when the complete body is out and none has come."""
        watch = EarlyResponseWatch(self._link, parser, writer)
        failure: BaseException | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(watch.run, group.cancel_scope)
            try:
                await writer.send_body()
            except (Exception, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001
                failure = error  # raised below: out of here it would be an exception group
            group.cancel_scope.cancel()
        if isinstance(failure, (KeyboardInterrupt, SystemExit)):
            raise failure
        if watch.head is not None and (watch.head.status >= 300 or writer.complete):
            return watch.head
        if isinstance(failure, WriteFailed) and watch.failure is None and watch.head is None:
            return await self._read_final_response(parser, failure)
        if failure is not None or watch.failure is not None:
            raise failure or watch.failure  # type: ignore[misc] # one of them is there
        return None

    def _make_body(
        self,
        head: ResponseHead,
        parser: ResponseParser,
        timeout: float | None,
        done: Callable[[bool], None],
        *,
        reusable: bool,
    ) -> ResponseBody:
        if head.chunked:
            return ChunkedBody(self._link, parser, timeout, done, reusable=reusable)
        rest, length = parser.rest(), head.length
        if length is None or len(rest) < length:
            return LengthBody(self._link, rest, length, timeout, done, reusable=reusable)
        # Bytes beyond the announced ones make the connection useless.
        done(reusable and len(rest) == length)
        return CompleteBody(rest[:length])


class BytesSource:
    """A large body in memory."""

    def __init__(self, content: bytes) -> None:
        self._rest = memoryview(content)

    async def __anext__(self) -> memoryview:
        if not self._rest:
            raise StopAsyncIteration
        piece, self._rest = self._rest[:PIECE], self._rest[PIECE:]
        return piece

    async def aclose(self) -> None:
        """Release the bytes."""
        self._rest = memoryview(b"")

"""One HTTP/1.1 connection: a request out, its answer in, and an eye on the answer while the body still goes out."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

import anyio
import httpx

from lading._core.files import PIECE
from lading._http.h1 import ResponseParser, body_length, request_head
from lading._http.response_body import ChunkedBody, LengthBody

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from anyio import CancelScope

    from lading._http.h1 import ResponseHead
    from lading._http.sockets import SocketStream

# A write failed: the answer, if there is one, has arrived or is about to. Seconds to give it.
_LAST_WORDS = 5.0
# A body in memory up to this size goes out with the head; a larger one is sent like a stream, the answer watched.
_AT_ONCE = 64 * 1024
# Bytes of a body between two looks whether an answer has come.
_HEED_EVERY = 1024 * 1024


class StaleConnection(Exception):
    """A kept-alive connection had ended: the request did not leave, or may be sent again."""


class Connection:
    """A connected link and what HTTP needs to know about it.

    Attributes:
        used: Whether an answer came over it before.
        idle_since: When it was last given back, by the loop's clock.
    """

    __slots__ = ("_headers", "_link", "_prefix", "idle_since", "used")

    def __init__(
        self, link: SocketStream, *, prefix: bytes = b"", headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        self._link = link
        # A proxy for plain http wants whole addresses, and its own credentials.
        self._prefix = prefix
        self._headers = headers
        self.used = False
        self.idle_since = 0.0

    def is_idle(self) -> bool:
        """Whether it can still be used: see :meth:`Link.is_idle`."""
        return self._link.is_idle()

    def close(self) -> None:
        """Close it, when nobody waits on it."""
        self._link.close()

    def abandon(self) -> None:
        """End it under its user."""
        self._link.abort()

    async def exchange(
        self, request: httpx.Request, timeouts: Mapping[str, float | None], done: Callable[[bool], None]
    ) -> httpx.Response:
        """The answer to *request*, its body still to come.

        *done* is called once when the answer is through, told whether the connection can be used again. When this
        raises, *done* is not called and the connection is of no use any more.
        """
        sending = _RequestWriter(self._link, request, timeouts)
        head_bytes = request_head(
            request.method.encode("ascii", "replace"),
            self._prefix + request.url.raw_path,
            [*sending.headers, *self._headers],
        )
        parser = ResponseParser(request.method)
        head: ResponseHead | None = None
        before = self._link.written
        try:
            await self._link.send(head_bytes + sending.content, timeouts.get("write"))
        except httpx.WriteError as error:
            if self.used and self._link.written == before:
                raise StaleConnection from error
            head = await self._read_final_response(parser, error)
            sending.whole = False
        else:
            if sending.stream is not None:
                head = await self._upload(sending, parser)
        read = timeouts.get("read")
        if head is None:
            head = await self._head(parser, read, again=self.used and sending.harmless)
        # A server that refuses an upload may not have read all that the system took from us, and end the connection.
        whole = sending.whole and (sending.stream is None or head.status < 400)
        return self._response(request, head, parser, read, done, whole=whole)

    async def _head(self, parser: ResponseParser, timeout: float | None, *, again: bool = False) -> ResponseHead:
        # Kept alive too long, it may end just as the request arrives. Only what is harmless is sent *again*.
        try:
            data = await self._link.receive(timeout, wait_first=True)
        except httpx.ReadError as error:
            if again:
                raise StaleConnection from error
            raise
        if again and not data:
            raise StaleConnection
        while (head := parser.feed(data)) is None:
            data = await self._link.receive(timeout, wait_first=True)
        return head

    async def _read_final_response(self, parser: ResponseParser, error: httpx.TransportError) -> ResponseHead:
        """The answer that had arrived before a write failed; *error* when there is none."""
        head: ResponseHead | None = None
        try:
            head = await self._head(parser, _LAST_WORDS)
        except httpx.TransportError as last:
            if isinstance(last.__cause__, ssl.SSLError):
                raise  # an alert says more than the reset that follows it: "certificate required"
        # A success for half a request would be somebody else's.
        if head is None or head.status < 300:
            raise error
        return head

    async def _upload(self, sending: _RequestWriter, parser: ResponseParser) -> ResponseHead | None:
        """Send the body; an answer that came early, or ``None`` when the whole body is out and none has come."""
        watch = _EarlyResponseWatch(self._link, parser)
        failure: Exception | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(watch.run, group.cancel_scope)
            try:
                await sending.body()
            except Exception as error:  # noqa: BLE001 - raised below: out of here it would be an exception group
                failure = error
            group.cancel_scope.cancel()
        if watch.head is not None and (watch.head.status >= 300 or sending.whole):
            return watch.head
        if isinstance(failure, httpx.WriteError) and watch.failure is None and watch.head is None:
            return await self._read_final_response(parser, failure)
        if failure is not None or watch.failure is not None:
            raise failure or watch.failure  # type: ignore[misc] # one of them is there
        return None

    def _response(
        self,
        request: httpx.Request,
        head: ResponseHead,
        parser: ResponseParser,
        timeout: float | None,
        done: Callable[[bool], None],
        *,
        whole: bool,
    ) -> httpx.Response:
        self.used = True
        reusable = whole and head.keep_alive
        stream: httpx.AsyncByteStream
        through = False
        if head.chunked:
            stream = ChunkedBody(self._link, parser, timeout, done, reusable=reusable)
        else:
            rest = parser.rest()
            through = head.length is not None and len(rest) >= head.length
            if through:
                # Bytes beyond the announced ones make the connection useless.
                reusable = reusable and len(rest) == head.length
                stream = httpx.ByteStream(rest[: head.length])
            else:
                stream = LengthBody(self._link, rest, head.length, timeout, done, reusable=reusable)
        response = httpx.Response(
            head.status,
            headers=head.headers,
            stream=stream,
            request=request,
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": head.reason},
        )
        if through:
            done(reusable)
        return response


class _RequestWriter:
    """A request being sent.

    Attributes:
        content: A small body, sent with the head.
        stream: A body that is sent piece by piece, or ``None``.
        whole: Whether all of it is out.
    """

    def __init__(self, link: SocketStream, request: httpx.Request, timeouts: Mapping[str, float | None]) -> None:
        self._link = link
        self._timeout = timeouts.get("write")
        self.headers = list(request.headers.raw)
        names = {name.lower() for name, _ in self.headers}
        if b"host" not in names:
            self.headers.insert(0, (b"Host", request.url.netloc))
        self.content = b""
        self.stream: AsyncIterator[bytes] | None = None
        source = request.stream
        content = b"".join(source) if isinstance(source, httpx.ByteStream) else None
        self._length = body_length(self.headers, content)
        if content is not None and len(content) <= _AT_ONCE:
            self.content = content
            if content and self._length is None:
                self.headers.append((b"Content-Length", b"%d" % len(content)))
        elif isinstance(source, httpx.AsyncByteStream):
            self._source = source if content is None else _InMemory(content)
            self.stream = aiter(self._source)
            if self._length is None and b"transfer-encoding" not in names:
                self.headers.append((b"Transfer-Encoding", b"chunked"))
        else:
            raise httpx.LocalProtocolError("an async transport needs an async body")
        self.whole = self.stream is None
        self.harmless = self.stream is None and request.method in ("GET", "HEAD", "OPTIONS")

    async def body(self) -> None:
        """Send the streamed body."""
        assert self.stream is not None  # noqa: S101 - asked before
        link, timeout, left = self._link, self._timeout, self._length
        unheeded = 0
        try:
            async for piece in self.stream:
                unheeded += len(piece)
                if unheeded >= _HEED_EVERY:
                    unheeded = 0
                    await link.yield_if_readable()
                if left is None:
                    if piece:
                        await link.send(b"%x\r\n" % len(piece), timeout)
                        await link.send(piece, timeout)
                        await link.send(b"\r\n", timeout)
                    continue
                left -= len(piece)
                if left < 0:
                    raise httpx.LocalProtocolError("the body is longer than its Content-Length")
                await link.send(piece, timeout)
            if left is None:
                await link.send(b"0\r\n\r\n", timeout)
            elif left:
                raise httpx.LocalProtocolError("the body is shorter than its Content-Length")
            self.whole = True
        finally:
            if isinstance(self.stream, AsyncGenerator):
                # httpx's wrapping of a caller's source, which closing the source does not reach.
                await self.stream.aclose()
            await self._source.aclose()


class _InMemory(httpx.AsyncByteStream):
    """A large body in memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = self._content[self._at : self._at + PIECE]
        if not piece:
            raise StopAsyncIteration
        self._at += len(piece)
        return piece


class _EarlyResponseWatch:
    """Looks for an answer while the body goes out, and stops the sending when one says that it is no use."""

    def __init__(self, link: SocketStream, parser: ResponseParser) -> None:
        self._link = link
        self._parser = parser
        self.head: ResponseHead | None = None
        self.failure: httpx.TransportError | None = None

    async def run(self, sending: CancelScope) -> None:
        """Watch until an answer has come, or the connection has ended."""
        try:
            while self.head is None:
                self.head = self._parser.feed(await self._link.receive(None, wait_first=True))
        except httpx.TransportError as error:
            self.failure = error
            sending.cancel()
            return
        # An early success is kept for later: the store still wants the rest.
        if self.head.status >= 300:
            sending.cancel()

"""The backend over lading's own transport."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Protocol

import anyio.lowlevel

from lading._core.threads import import_in_thread
from lading._http.connection import SENT_WITH_HEAD, BytesSource
from lading._http.decompress import DECODE_STEP, decompressor_for
from lading._http.errors import TransportError, UnsendableRequest, describe, network_error, without_frames
from lading._http.h1 import body_length
from lading._http.response_body import CompleteBody
from lading._http.transport import HttpTransport
from lading._http.urls import UrlSplitter
from lading._http.wire_request import WireRequest
from lading.errors import ConfigError, InputError, InvalidResponse

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping

    from lading._core.files import StrPath
    from lading._core.messages import Request
    from lading._http.h1 import ResponseHead
    from lading._http.response_body import ResponseBody
    from lading._http.urls import Destination
    from lading.types import Limits

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_FRAMING = frozenset({"content-length", "transfer-encoding"})


class TransportBackend:
    """Sends requests over lading's own transport.

    Args:
        tls: An ``ssl.SSLContext``, or a file of CA certificates in PEM.
        limits: How many connections, and how long they are kept.
    """

    def __init__(self, *, tls: ssl.SSLContext | StrPath | None, limits: Limits) -> None:
        self._transport = HttpTransport(tls=tls, limits=limits)
        self._urls = UrlSplitter()

    async def send(self, request: Request) -> TransportResponse:
        """Send *request* and return the head of its response."""
        destination: Destination | None = None
        try:
            destination = await self._split(request.url)
            if self._transport.pool.closed:
                raise ConfigError("the client was closed while this call was running")
            wire = _make_wire_request(request, destination)
            head, body, sent = await self._transport.exchange(destination.origin, wire)
        except TransportError as error:
            if not isinstance(request.content, bytes) and request.content.failure is not None:
                raise request.content.failure from None
            host = "" if destination is None else destination.host
            raise network_error(
                error,
                host,
                error.phase,
                timed_out=error.timed_out,
                request_sent=error.request_sent,
                final=error.final,
            ) from without_frames(error)
        except UnsendableRequest as error:
            raise InputError(
                f"the request cannot be sent as it is: {describe(error)}", argument="url"
            ) from without_frames(error)
        return TransportResponse(request.url, destination.host, head, body, request_sent=sent)

    async def _split(self, url: str) -> Destination:
        if url.isascii():
            return self._urls.split(url)
        idna = await import_in_thread("idna")

        def to_ascii(host: str) -> str:
            try:
                return str(idna.encode(host.lower()).decode("ascii"))
            except idna.IDNAError:
                raise UnsendableRequest("the URL's host is not a valid international name") from None

        return self._urls.split(url, to_ascii)

    async def aclose(self) -> None:
        """Close every connection; requests still running end with ``NetworkError``. Closing twice is harmless."""
        self._transport.pool.close()

    def retire(self) -> None:
        """Close idle connections, and every other when its user is done; safe from any thread."""
        self._transport.pool.retire()


def _make_wire_request(request: Request, destination: Destination) -> WireRequest:
    content, timeout = request.content, request.timeout
    headers = request.headers
    streamed = not isinstance(content, bytes)
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    names = {name.lower() for name in headers}
    if "host" not in names:
        lines.insert(0, f"Host: {destination.host}\r\n")
    length = len(content) if isinstance(content, bytes) else content.length
    if not names.isdisjoint(_FRAMING):
        length = body_length(framing_headers(headers), content if isinstance(content, bytes) else None, length)
    elif length is None:
        lines.append("Transfer-Encoding: chunked\r\n")
    elif streamed or length or request.method in _WITH_BODY:
        lines.append(f"Content-Length: {length}\r\n")
    wire = WireRequest(
        request.method,
        destination.target.encode("ascii"),
        "".join(lines).encode("ascii"),
        length=length,
        connect=timeout.connect,
        read=timeout.upload_response if streamed else timeout.read,
        write=timeout.write,
        pool=timeout.pool,
        keeps_after_head=request.keeps_after_head,
    )
    if not isinstance(content, bytes):
        wire.source = content
    elif len(content) > SENT_WITH_HEAD:
        wire.source = BytesSource(content)
    else:
        wire.content = content
    return wire


def framing_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return those of *headers* that say where the body ends."""
    return [(name.encode(), value.encode()) for name, value in headers.items() if name.lower() in _FRAMING]


class TransportResponse:
    """A response over lading's transport whose head has arrived: a ``ResponseStream``."""

    __slots__ = ("_body", "_host", "headers", "reason", "request_sent", "status", "url")

    def __init__(self, url: str, host: str, head: ResponseHead, body: ResponseBody, *, request_sent: bool) -> None:
        self.status: int = head.status
        self.reason: str = head.reason
        self.url: str = url
        self.request_sent: bool = request_sent
        self.headers: Mapping[str, str] = join_fields(head.fields)
        self._host = host
        self._body = body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self._body.__anext__()
        except TransportError as error:
            raise self._lost(error) from error

    async def read_into(self, buffer: memoryview) -> int:
        """Put bytes of the body into *buffer* and return how many; 0 at its end."""
        try:
            return await self._body.read_into(buffer)
        except TransportError as error:
            raise self._lost(error) from error

    async def read(self, limit: int) -> bytes:
        """Read the complete body, undo its content encoding and close."""
        body = self._body
        if isinstance(body, CompleteBody) and "content-encoding" not in self.headers and len(body.data) <= limit:
            return body.data
        return await read_decoded(self, self._host, limit)

    async def aclose(self) -> None:
        """Release the connection."""
        await self._body.aclose()

    def _lost(self, error: TransportError) -> Exception:
        return network_error(error, self._host, error.phase, timed_out=error.timed_out, request_sent=True)


def join_fields(fields: list[tuple[str, str]]) -> dict[str, str]:
    """Return header fields by name; repeated ones are joined with ``", "``."""
    found = dict(fields)
    if len(found) != len(fields):
        found = {}
        for name, value in fields:
            found[name] = f"{found[name]}, {value}" if name in found else value
    return found


class _Readable(Protocol):
    @property
    def headers(self) -> Mapping[str, str]: ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None: ...


async def read_decoded(response: _Readable, host: str, limit: int) -> bytes:
    """Read the body of *response*, undo its content encoding and close it.

    Args:
        response: The response.
        host: What errors call it.
        limit: Bytes; a longer body is an ``InvalidResponse``.
    """
    try:
        decompress = decompressor_for(response.headers.get("content-encoding", ""))
        pieces: list[bytes] = []
        count = 0
        async for piece in response:
            for plain in decompress(piece) if decompress is not None else (piece,):
                pieces.append(plain)
                count += len(plain)
                if count > limit:
                    raise InvalidResponse(f"{host}: the response has more than {limit} bytes; it was not read")
                if decompress is not None and len(plain) >= DECODE_STEP:
                    await anyio.lowlevel.checkpoint()  # one piece may become a thousand times as much
        if decompress is not None and not decompress.complete:
            raise InvalidResponse(f"{host}: the compressed response is incomplete")
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
    except zlib.error as error:
        raise InvalidResponse(f"{host}: the response's compression is broken") from error
    finally:
        await response.aclose()

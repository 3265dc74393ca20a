"""From our requests to httpx's and back, over any object with the interface of httpx's ``AsyncClient``."""

from __future__ import annotations

import socket
import ssl
import sys
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import h11
import httpx

from lading._core.body import MeteredReader, Piece
from lading._core.redact import one_line, scrub
from lading._http.decompress import decompressor_for
from lading._http.response_body import LengthBody
from lading.errors import ConfigError, InputError, InvalidResponse, NetworkError, RequestTimeout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from types import ModuleType

    from lading._core.messages import Request, ResponseStream
    from lading._http.transport import Transport
    from lading.errors import LadingError, Phase, WriteOutcome


class HttpxClientBackend:
    """Sends requests through our transport, or through a client that the user handed in.

    A handed-in client is used for what it knows about connections (HTTP/2, client certificates, proxies, an
    application in the same process). Its cookies, default headers, auth and redirects are not used.
    """

    def __init__(self, http: Any = None, *, transport: Transport | None = None) -> None:
        self._transport = transport
        self._http: ModuleType = httpx
        if transport is not None:
            # Straight to it: a client in between would cost as much again as a small request.
            self._handle: Callable[[Any], Awaitable[Any]] = transport.handle_async_request
        else:
            self._http = _httpx_module_of(http)
            self._client = http
            self._handle = self._through_client
        self._is_ours = transport is not None

    async def _through_client(self, request: Any) -> Any:
        return await self._client.send(request, stream=True, auth=None, follow_redirects=False)

    async def send(self, request: Request) -> ResponseStream:
        """The head of the answer to *request*."""
        if self._transport is not None and self._transport.closed:
            raise ConfigError("the client was closed while this call was running")
        timeout = request.timeout
        content = request.content
        streamed = isinstance(content, MeteredReader)
        headers = dict(request.headers)
        extensions = {
            "timeout": {
                "connect": timeout.connect,
                "read": timeout.upload_response if streamed else timeout.read,
                "write": timeout.write,
                "pool": timeout.pool,
            }
        }
        try:
            if isinstance(content, MeteredReader):
                if content.length is None:
                    headers["Transfer-Encoding"] = "chunked"
                else:
                    headers["Content-Length"] = str(content.length)
                stream = _stream_class(self._http)(content, as_bytes=not self._is_ours)
                wire = self._http.Request(
                    request.method, request.url, headers=headers, stream=stream, extensions=extensions
                )
                wire.headers["Host"] = wire.url.netloc.decode("ascii")
            else:
                wire = self._http.Request(
                    request.method,
                    request.url,
                    headers=headers,
                    content=content or None,
                    extensions=extensions,
                )
            response = await self._handle(wire)
        except Exception as error:
            if isinstance(content, MeteredReader) and content.failure is not None:
                raise content.failure from None
            translated = self._translated(error, request)
            if translated is error:  # an error that is its own cause sends whoever walks along the causes in a circle
                raise
            raise translated from error
        return _HttpxResponse(response, request, self._translated)

    async def aclose(self) -> None:
        """Close our transport; a handed-in client belongs to whoever made it."""
        if self._transport is not None:
            await self._transport.aclose()

    def close_idle(self) -> None:
        """Close idle connections of ours, from any thread."""
        if self._transport is not None:
            self._transport.close_idle()

    def _translated(self, error: Exception, request: Request) -> Exception:
        """Our error for httpx's; any other as it is (an application behind ASGITransport, a hook of the client's)."""
        http = self._http
        if isinstance(error, (http.InvalidURL, http.UnsupportedProtocol, UnicodeError)):
            return InputError(f"the URL cannot be requested: {_text(error)}", argument="url")
        if isinstance(error, (http.LocalProtocolError, h11.LocalProtocolError)):
            return InputError(f"the request cannot be sent as it is: {_text(error)}")
        if not isinstance(error, http.TransportError):
            return error
        phase, outcome = self._phase(error)
        host = request.url.split("://", 1)[-1].split("/", 1)[0].rpartition("@")[2]
        content = request.content
        sent = outcome == "unknown" and (not isinstance(content, MeteredReader) or content.finished)
        return _connect_error(error, host, phase, outcome, sent=sent)

    def _phase(self, error: Exception) -> tuple[Phase, WriteOutcome]:
        http = self._http
        if isinstance(error, http.PoolTimeout):
            return "pool", "not_done"
        if isinstance(error, http.ProxyError):
            return "proxy", "not_done"
        if isinstance(error, (http.ConnectError, http.ConnectTimeout)):
            return _connect_phase(error), "not_done"
        if isinstance(error, (http.WriteError, http.WriteTimeout)):
            return "send", "unknown"
        return "receive", "unknown"


def _connect_phase(error: BaseException) -> Phase:
    """Which step of connecting failed, by what caused the error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "tls"
        if isinstance(cause, socket.gaierror):
            return "resolve"
        cause = cause.__cause__
    return "connect"


_WHAT_HAPPENED: Mapping[str, str] = {
    "resolve": "the name could not be resolved",
    "connect": "no connection",
    "tls": "the TLS connection was refused by this side or the other",
    "proxy": "the proxy would not connect",
    "pool": "no connection was free",
    "send": "the connection broke while the request was sent",
    "receive": "the connection broke before the answer was complete",
}


def _connect_error(error: Exception, host: str, phase: Phase, outcome: WriteOutcome, *, sent: bool) -> LadingError:
    text = f"{host}: {_WHAT_HAPPENED[phase]}: {_text(error)}"
    if phase == "tls" and "certificate" in text:
        text += ". If the server is yours, pass its CA certificates (tls=)"
    if "Timeout" in type(error).__name__:
        return RequestTimeout(f"{host}: timed out: {_text(error)}", phase=phase, outcome=outcome, request_sent=sent)
    return NetworkError(text, phase=phase, outcome=outcome, request_sent=sent)


def _text(error: BaseException) -> str:
    return one_line(scrub(str(error))) or type(error).__name__


class _HttpxResponse:
    """An answer of httpx's, as an ``Incoming``."""

    def __init__(self, response: Any, request: Request, translated: Callable[[Exception, Request], Exception]) -> None:
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = dict(response.headers.items())
        self.reason: str = response.reason_phrase
        self.url = request.url
        self.request_sent = not isinstance(request.content, MeteredReader) or request.content.finished
        self._response = response
        self._request = request
        self._translated = translated
        self._iterator: AsyncIterator[bytes] | None = None
        self._left = memoryview(b"")

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._iterator is None:
            self._iterator = aiter(self._response.stream)
        try:
            return await anext(self._iterator)
        except StopAsyncIteration:
            raise
        except Exception as error:
            translated = self._translated(error, self._request)
            if translated is error:
                raise
            raise translated from error

    async def read_into(self, buffer: memoryview) -> int:
        """How many bytes of the body were put into *buffer*; 0 at its end."""
        if isinstance(self._response.stream, LengthBody):
            try:
                return await self._response.stream.read_into(buffer)
            except httpx.HTTPError as error:
                raise self._translated(error, self._request) from error
        if not self._left:
            self._left = memoryview(await anext(self, b""))
        count = min(len(self._left), len(buffer))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    async def read(self, limit: int) -> bytes:
        """The whole body, content encoding undone."""
        try:
            decode = decompressor_for(self.headers.get("content-encoding", ""))
            pieces: list[bytes] = []
            count = 0
            async for piece in self:
                for plain in decode(piece) if decode is not None else (piece,):
                    pieces.append(plain)
                    count += len(plain)
                    if count > limit:
                        raise InvalidResponse(
                            f"{self._host()} answered with more than {limit} bytes; nothing was read of it"
                        )
            if decode is not None and not decode.whole:
                raise InvalidResponse(f"{self._host()} answered with the beginning of something compressed")
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        except zlib.error as error:
            raise InvalidResponse(f"{self._host()} answered with broken compression") from error
        finally:
            await self.aclose()

    def _host(self) -> str:
        return self.url.split("://", 1)[-1].split("/", 1)[0].rpartition("@")[2]

    async def aclose(self) -> None:
        """Give the connection back, or end it."""
        # The library's own generator first: closing the response does not reach it.
        close = getattr(self._iterator, "aclose", None)
        if close is not None:
            await close()
        await self._response.aclose()


def _httpx_module_of(client: Any) -> ModuleType:
    """Httpx or httpx2, whichever *client*'s class comes from; ``ConfigError`` for anything else."""
    for cls in type(client).__mro__:
        name = cls.__module__.partition(".")[0]
        if cls.__name__ == "AsyncClient" and hasattr(sys.modules.get(name), "AsyncByteStream"):
            return sys.modules[name]
    raise ConfigError(f"http_client= takes an httpx.AsyncClient or httpx2.AsyncClient, not {type(client).__name__}")


@lru_cache(maxsize=4)
def _stream_class(http: Any) -> type[Any]:
    """A body stream of the library's own kind: it insists on that."""

    class BodyStream(http.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, reader: MeteredReader, *, as_bytes: bool) -> None:
            self._reader = reader
            self._as_bytes = as_bytes

        def __aiter__(self) -> AsyncIterator[Piece]:
            return self

        async def __anext__(self) -> Piece:
            piece = await anext(self._reader)
            # Pieces share a buffer, and other transports keep what they could not send yet.
            return bytes(piece) if self._as_bytes else piece

        async def aclose(self) -> None:
            await self._reader.aclose()

    return BodyStream

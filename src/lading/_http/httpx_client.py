"""The backend over a client that the user handed in, of httpx or httpx2: imports neither."""

from __future__ import annotations

import socket
import ssl
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lading._core.body import MeteredReader
from lading._core.service import Service
from lading._http.backend import framing_headers, read_decoded
from lading._http.errors import UnsendableRequest, describe, network_error
from lading._http.h1 import body_length
from lading.errors import ConfigError, InputError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from types import ModuleType

    from lading._core.messages import Request
    from lading.errors import Phase


class HttpxClientBackend:
    """Sends requests through an ``httpx.AsyncClient`` or ``httpx2.AsyncClient``.

    The client is used for what it knows about connections (HTTP/2, client certificates, proxies, an application in the
    same process). Its cookies, default headers, auth and redirects are not used.
    """

    def __init__(self, client: Any) -> None:
        self._library = _module_of(client)
        self._client = client

    async def send(self, request: Request) -> _HttpxResponse:
        """Send *request* and return the head of its response."""
        content = request.content
        try:
            wire = self._build(request)
            # An Auth that does nothing: with None, user information in the URL would replace our credentials.
            auth = self._library.Auth()
            response = await self._client.send(wire, stream=True, auth=auth, follow_redirects=False)
        except Exception as error:
            if isinstance(content, MeteredReader) and content.failure is not None:
                raise content.failure from None
            translated = self.translate(error, request)
            if translated is error:  # an error that is its own cause makes a circle of causes
                raise
            raise translated from error
        return _HttpxResponse(response, request, self)

    def _build(self, request: Request) -> Any:
        content, timeout = request.content, request.timeout
        headers = dict(request.headers)
        streamed = isinstance(content, MeteredReader)
        read = timeout.upload_response if streamed else timeout.read
        framing = framing_headers(headers)
        if framing:
            if isinstance(content, MeteredReader):
                body_length(framing, None, content.length)
            else:
                body_length(framing, content)
        timeouts = {"connect": timeout.connect, "read": read, "write": timeout.write, "pool": timeout.pool}
        extensions = {"timeout": timeouts}
        if not isinstance(content, MeteredReader):
            return self._library.Request(
                request.method, request.url, headers=headers, content=content or None, extensions=extensions
            )
        if framing:
            pass  # the caller's
        elif content.length is None:
            headers["Transfer-Encoding"] = "chunked"
        else:
            headers["Content-Length"] = str(content.length)
        stream = _stream_class(self._library)(content)
        wire = self._library.Request(request.method, request.url, headers=headers, stream=stream, extensions=extensions)
        wire.headers.setdefault("Host", wire.url.netloc.decode("ascii"))
        return wire

    async def aclose(self) -> None:
        """Do nothing: the client belongs to whoever made it."""

    def retire(self) -> None:
        """Do nothing: the client belongs to whoever made it."""

    def translate(self, error: Exception, request: Request) -> Exception:
        """Return lading's error for httpx's, and any other as it is (of an application, or of the client's hooks)."""
        library = self._library
        if isinstance(error, (library.InvalidURL, library.UnsupportedProtocol, UnicodeError)):
            return InputError(f"the URL cannot be requested: {describe(error)}", argument="url")
        # httpcore lets its h11's errors about requests through.
        if (
            isinstance(error, (library.LocalProtocolError, UnsendableRequest))
            or type(error).__name__ == "LocalProtocolError"
        ):
            return InputError(f"the request cannot be sent as it is: {describe(error)}")
        if not isinstance(error, library.TransportError):
            return error
        phase = self._phase_of(error)
        content = request.content
        # Unless the body was certainly cut short, all of it may have left.
        sent = phase in ("send", "receive") and (not isinstance(content, MeteredReader) or content.finished)
        timed_out = isinstance(error, library.TimeoutException)
        return network_error(error, Service.host_of(request.url), phase, timed_out=timed_out, request_sent=sent)

    def _phase_of(self, error: Exception) -> Phase:
        library = self._library
        if isinstance(error, library.PoolTimeout):
            return "pool"
        if isinstance(error, library.ProxyError):
            return "proxy"
        if isinstance(error, (library.ConnectError, library.ConnectTimeout)):
            return _connect_phase(error)
        return "send" if isinstance(error, (library.WriteError, library.WriteTimeout)) else "receive"


def _connect_phase(error: BaseException) -> Phase:
    """Return which step of connecting failed, by what caused the error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "tls"
        if isinstance(cause, socket.gaierror):
            return "resolve"
        cause = cause.__cause__
    return "connect"


class _HttpxResponse:
    """A response of httpx's, as a ``ResponseStream``."""

    def __init__(self, response: Any, request: Request, backend: HttpxClientBackend) -> None:
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = dict(response.headers.items())
        self.reason: str = response.reason_phrase
        self.url: str = request.url
        content = request.content
        self.request_sent: bool = not isinstance(content, MeteredReader) or content.finished
        self._response = response
        self._request = request
        self._backend = backend
        self._iterator: AsyncIterator[bytes] | None = None
        self._held = memoryview(b"")

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
            translated = self._backend.translate(error, self._request)
            if translated is error:
                raise
            raise translated from error

    async def read_into(self, buffer: memoryview) -> int:
        """Put bytes of the body into *buffer* and return how many; 0 at its end."""
        if not self._held:
            self._held = memoryview(await anext(self, b""))
        count = min(len(self._held), len(buffer))
        buffer[:count] = self._held[:count]
        self._held = self._held[count:]
        return count

    async def read(self, limit: int) -> bytes:
        """Read the complete body, undo its content encoding and close."""
        return await read_decoded(self, Service.host_of(self.url), limit)

    async def aclose(self) -> None:
        """Release the connection."""
        # The library's own generator first: closing the response does not reach it.
        close = getattr(self._iterator, "aclose", None)
        try:
            if close is not None:
                await close()
        finally:
            await self._response.aclose()


def _module_of(client: Any) -> ModuleType:
    """Return httpx or httpx2, whichever *client*'s class comes from; ``ConfigError`` for anything else."""
    for cls in type(client).__mro__:
        name = cls.__module__.partition(".")[0]
        if cls.__name__ == "AsyncClient" and hasattr(sys.modules.get(name), "AsyncByteStream"):
            return sys.modules[name]
    raise ConfigError(f"http_client= takes an httpx.AsyncClient or httpx2.AsyncClient, not {type(client).__name__}")


@lru_cache(maxsize=4)
def _stream_class(library: Any) -> type[Any]:
    """Make a body stream of the library's own kind, which it insists on."""

    class BodyStream(library.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, reader: MeteredReader) -> None:
            self._reader = reader

        def __aiter__(self) -> AsyncIterator[bytes]:
            return self

        async def __anext__(self) -> bytes:
            # Pieces share a buffer, and other transports keep what they could not send yet.
            return bytes(await anext(self._reader))

        async def aclose(self) -> None:
            await self._reader.aclose()

    return BodyStream

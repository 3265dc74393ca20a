"""lading's transport for an ``httpx.AsyncClient`` of your own: the only module that imports httpx."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import httpx

from lading._http.connection import SENT_WITH_HEAD, BytesSource
from lading._http.errors import ProtocolError, TransportError, UnsendableRequest
from lading._http.h1 import body_length, encode_fields
from lading._http.pool import Origin
from lading._http.response_body import CompleteBody
from lading._http.transport import HttpTransport
from lading._http.wire_request import WireRequest
from lading.types import Limits

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping

    from lading._core.files import StrPath
    from lading._http.response_body import ResponseBody
    from lading.errors import Phase

_PORTS = {"http": 80, "https": 443}
_BY_PHASE: dict[Phase, tuple[type[httpx.TransportError], type[httpx.TransportError]]] = {
    "resolve": (httpx.ConnectError, httpx.ConnectTimeout),
    "connect": (httpx.ConnectError, httpx.ConnectTimeout),
    "tls": (httpx.ConnectError, httpx.ConnectTimeout),
    "proxy": (httpx.ProxyError, httpx.ConnectTimeout),
    "pool": (httpx.ConnectError, httpx.PoolTimeout),
    "send": (httpx.WriteError, httpx.WriteTimeout),
    "receive": (httpx.ReadError, httpx.ReadTimeout),
}


class Transport(httpx.AsyncBaseTransport):
    """A transport for httpx: HTTP/1.1 over TCP and TLS, directly or through an HTTP proxy.

    It can be passed to an ``httpx.AsyncClient``; it raises httpx's exceptions. It belongs to the event loop it is first
    used on.

    Args:
        tls: An ``ssl.SSLContext``, or a file of CA certificates in PEM. By default the certificates of certifi, or of
            ``SSL_CERT_FILE`` / ``SSL_CERT_DIR``.
        limits: How many connections, and how long they are kept.
        trust_env: Whether proxies and certificates are taken from the environment.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | StrPath | None = None,
        limits: Limits | None = None,
        trust_env: bool = True,
    ) -> None:
        self._transport = HttpTransport(tls=tls, limits=limits or Limits(), trust_env=trust_env)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request* and return its response, with the head read, and the body not yet read.

        Timeouts are read from ``request.extensions["timeout"]``, as httpx's client puts them there.
        """
        url = request.url
        scheme = url.scheme
        if scheme not in _PORTS:
            raise httpx.UnsupportedProtocol(f"the URL has scheme {scheme!r}, not http or https")
        origin = Origin(scheme, url.raw_host.decode("ascii"), url.port or _PORTS[scheme])
        try:
            head, body, _ = await self._transport.exchange(origin, _make_wire_request(request))
        except TransportError as error:
            _raise_httpx(error)
        except UnsendableRequest as error:
            raise httpx.LocalProtocolError(str(error)) from error
        return httpx.Response(
            head.status,
            headers=[(name.encode("ascii"), value.encode("utf-8", "replace")) for name, value in head.fields],
            stream=httpx.ByteStream(body.data) if isinstance(body, CompleteBody) else _BodyStream(body),
            request=request,
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": head.reason.encode("ascii", "ignore")},
        )

    @property
    def closed(self) -> bool:
        """Whether it has been closed."""
        return self._transport.pool.closed

    async def aclose(self) -> None:
        """Close every connection; requests still running end with ``ReadError``. Closing twice is harmless."""
        self._transport.pool.close()

    def close_idle(self) -> None:
        """Close the connections that are not in use; safe from any thread."""
        self._transport.pool.close_idle()


def _make_wire_request(request: httpx.Request) -> WireRequest:
    timeouts: Mapping[str, float | None] = request.extensions.get("timeout", {})
    headers = list(request.headers.raw)
    names = {name.lower() for name, _ in headers}
    if b"host" not in names:
        headers.insert(0, (b"Host", request.url.netloc))
    stream = request.stream
    content = b"".join(stream) if isinstance(stream, httpx.ByteStream) else None
    length = body_length(headers, content)
    if content is not None and length is None and content:
        length = len(content)
        headers.append((b"Content-Length", b"%d" % length))
    elif content is None and length is None and b"transfer-encoding" not in names:
        headers.append((b"Transfer-Encoding", b"chunked"))
    wire = WireRequest(
        request.method,
        request.url.raw_path,
        encode_fields(headers),
        length=length,
        connect=timeouts.get("connect"),
        read=timeouts.get("read"),
        write=timeouts.get("write"),
        pool=timeouts.get("pool"),
    )
    if content is not None and len(content) <= SENT_WITH_HEAD:
        wire.content = content
    elif content is not None:
        wire.source = BytesSource(content)
    elif isinstance(stream, httpx.AsyncByteStream):
        wire.source = _StreamSource(stream)
    else:
        raise httpx.LocalProtocolError("an async transport needs an async body")
    return wire


class _StreamSource:
    """A streamed body of httpx's."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream
        self._iterator: AsyncIterator[bytes] | None = None

    async def __anext__(self) -> bytes:
        if self._iterator is None:
            self._iterator = aiter(self._stream)
        return await anext(self._iterator)

    async def aclose(self) -> None:
        # httpx wraps a caller's source in a generator, which closing the source does not reach.
        close = getattr(self._iterator, "aclose", None)
        if close is not None:
            await close()
        await self._stream.aclose()


class _BodyStream(httpx.AsyncByteStream):
    """A response's body, with httpx's exceptions."""

    def __init__(self, body: ResponseBody) -> None:
        self._body = body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._body)
        except TransportError as error:
            _raise_httpx(error)

    async def aclose(self) -> None:
        """Release the connection."""
        await self._body.aclose()


def _raise_httpx(error: TransportError) -> NoReturn:
    if isinstance(error, ProtocolError):
        raise httpx.RemoteProtocolError(str(error)) from error
    failed, timed_out = _BY_PHASE[error.phase]
    raise (timed_out if error.timed_out else failed)(str(error)) from error

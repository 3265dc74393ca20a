"""A reverse proxy that injects faults in front of a real server."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, cast

import httpx

from lading.testing.messages import Headers, ServerResponse
from lading.testing.server import Server

if TYPE_CHECKING:
    from lading.testing.faults import Faults
    from lading.testing.messages import ServerRequest

__all__ = ["FaultProxy"]

# Headers about one connection, not about the message (RFC 9110, 7.6.1). Our server has fulfilled Expect.
HOP_BY_HOP = frozenset(
    b"connection expect keep-alive proxy-authenticate proxy-authorization proxy-connection"
    b" te trailer transfer-encoding upgrade".split()
)


class FaultProxy(Server):
    """Forwards every request to the server at *upstream_url*, except where a fault applies.

    Requests and responses are forwarded piece by piece, never held in memory, with all their headers (``Host``
    included, so that links in responses lead back through the proxy), reason phrase and encoding. When the server
    cannot be reached, or closes the connection, the client receives a 502 and :attr:`errors` contains the reason. The
    same can happen with a response that the server sends before it has read the request: to test one of those, inject
    :class:`~lading.testing.RespondEarly` here.

    "The work" of faults is the forwarding: after :class:`~lading.testing.DropAfter` the server has processed the
    request, after :class:`~lading.testing.DropBefore` it has not received it.

    Args:
        upstream_url: Where to forward to: scheme, host, port, and a path that is put in front of the requests' paths.
        faults: The faults to inject; by default an empty :class:`~lading.testing.Faults`.
        tls: Serve https with this context.
        upstream_tls: Verify an https upstream with this context; by default the system's.

    Example:
        >>> import httpx
        >>> from lading.testing import DropAfter, FaultProxy, Server, ServerResponse
        >>> stored = []
        >>> async def store(request):
        ...     stored.append(await request.read())
        ...     return ServerResponse(201)
        >>> with Server(store) as server, FaultProxy(server.url) as proxy:
        ...     proxy.faults.add(DropAfter(), method="PUT")
        ...     try:
        ...         httpx.put(proxy.url + "/a", content=b"hello")
        ...     except httpx.TransportError:
        ...         print("no response, but stored:", stored)
        no response, but stored: [b'hello']
    """

    def __init__(
        self,
        upstream_url: str,
        *,
        faults: Faults | None = None,
        tls: ssl.SSLContext | None = None,
        upstream_tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(self._forward, faults=faults, tls=tls)
        self._upstream = httpx.URL(upstream_url)
        self._upstream_tls = upstream_tls
        if self._upstream.scheme not in {"http", "https"} or not self._upstream.host:
            raise ValueError(f"{upstream_url!r} is not an http or https URL")
        self._transport: httpx.AsyncHTTPTransport | None = None

    def start(self) -> None:
        """Start to listen; connections are accepted when this returns. ``with`` does it for you."""
        context = self._upstream_tls
        if context is None and self._upstream.scheme == "https":
            context = ssl.create_default_context()
        # A connection for each request: one kept alive may have been closed just when a POST is sent on it, which
        # would be a fault that nobody injected.
        self._transport = httpx.AsyncHTTPTransport(
            verify=context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )
        super().start()

    async def aclose(self) -> None:
        """Close the connections to the upstream server."""
        if self._transport is not None:
            await self._transport.aclose()

    async def _forward(self, request: ServerRequest) -> ServerResponse:
        assert self._transport is not None  # noqa: S101 - requests come after start()
        has_body = "Content-Length" in request.headers or "Transfer-Encoding" in request.headers
        target = self._upstream.raw_path.rstrip(b"/") + request.target.encode("latin-1")
        upstream_request = httpx.Request(
            request.method,
            self._upstream,
            headers=[*_end_to_end(request.headers.raw), (b"Connection", b"close")],
            content=request.body if has_body else None,
            extensions={"target": target},  # as the client sent it, not as a URL parser would write it
        )
        try:
            response = await self._transport.handle_async_request(upstream_request)
        except httpx.TransportError as error:
            self.errors.append(error)
            text = f"no response from {self._upstream}: {type(error).__name__}: {error}\n"
            return ServerResponse(502, {"Content-Type": "text/plain"}, text.encode())
        return ServerResponse(
            response.status_code,
            Headers.from_raw(_end_to_end(response.headers.raw)).pairs,
            cast("httpx.AsyncByteStream", response.stream),
            response.reason_phrase,
        )


def _end_to_end(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers about the message, without a length next to a chunked body."""
    dropped = set(HOP_BY_HOP)
    for name, value in headers:
        if name.lower() == b"connection":
            dropped.update(token.strip().lower() for token in value.split(b","))
        elif name.lower() == b"transfer-encoding":
            dropped.add(b"content-length")
    return [(name, value) for name, value in headers if name.lower() not in dropped]

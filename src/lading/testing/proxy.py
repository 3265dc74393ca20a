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

# Headers about one connection, not about the message (RFC 9110, 7.6.1). Expect has been met by our server.
HOP_BY_HOP = frozenset(
    b"connection expect keep-alive proxy-authenticate proxy-authorization proxy-connection"
    b" te trailer transfer-encoding upgrade".split()
)


class FaultProxy(Server):
    """Forwards every request to the server at *upstream_url*, except where a fault says otherwise.

    Requests and answers are passed on piece by piece, never held in memory, with all their headers (``Host``
    too, so that links the server writes lead back through the proxy), reason phrase and encoding. When the
    server cannot be reached or leaves, the client gets a 502 and :attr:`errors` the reason. That may also be
    what becomes of an answer which the server gives before it has read the request: to test with one of those,
    inject :class:`~lading.testing.EarlyAnswer` here.

    "The work" that faults come before or after is the forwarding: after :class:`~lading.testing.DropAfter`
    the server has done what was asked, after :class:`~lading.testing.DropBefore` it has not even heard of it.

    Args:
        upstream_url: Where to forward to: scheme, host, port, and a path put before the requests' own.
        faults: What to do wrong; an empty :class:`~lading.testing.Faults` where not given.
        tls: Serve https with this context.
        upstream_tls: Verify an https upstream with this context; the system's default where not given.

    Example:
        >>> import httpx
        >>> from lading.testing import DropAfter, FaultProxy, ServerResponse, Server
        >>> stored = []
        >>> async def store(request):
        ...     stored.append(await request.read())
        ...     return ServerResponse(201)
        >>> with Server(store) as server, FaultProxy(server.url) as proxy:
        ...     proxy.faults.add(DropAfter(), method="PUT")
        ...     try:
        ...         httpx.put(proxy.url + "/a", content=b"hello")
        ...     except httpx.TransportError:
        ...         print("no answer, and yet", stored)
        no answer, and yet [b'hello']
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
            raise ValueError(f"{upstream_url!r} is no http or https URL")
        self._transport: httpx.AsyncHTTPTransport | None = None

    def start(self) -> None:
        """Listen; connections are accepted when this returns. ``with`` does it for you."""
        context = self._upstream_tls
        if context is None and self._upstream.scheme == "https":
            context = ssl.create_default_context()
        # A connection for each request: one kept alive may be gone just when a POST is sent on it, which
        # would be a fault that nobody asked for.
        self._transport = httpx.AsyncHTTPTransport(
            verify=context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )
        super().start()

    async def aclose(self) -> None:
        """Close what leads upstream."""
        if self._transport is not None:
            await self._transport.aclose()

    async def _forward(self, request: ServerRequest) -> ServerResponse:
        assert self._transport is not None  # noqa: S101 - requests come after start()
        has_body = "Content-Length" in request.headers or "Transfer-Encoding" in request.headers
        target = self._upstream.raw_path.rstrip(b"/") + request.target.encode("latin-1")
        outgoing = httpx.Request(
            request.method,
            self._upstream,
            headers=[*_end_to_end(request.headers.raw), (b"Connection", b"close")],
            content=request.body if has_body else None,
            extensions={"target": target},  # as the client sent it, not as a URL parser would write it
        )
        try:
            reply = await self._transport.handle_async_request(outgoing)
        except httpx.TransportError as error:
            self.errors.append(error)
            text = f"no answer from {self._upstream}: {type(error).__name__}: {error}\n"
            return ServerResponse(502, {"Content-Type": "text/plain"}, text.encode())
        return ServerResponse(
            reply.status_code,
            Headers.from_raw(_end_to_end(reply.headers.raw)).pairs,
            cast("httpx.AsyncByteStream", reply.stream),
            reply.reason_phrase,
        )


def _end_to_end(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers that are about the message; a chunked body makes a length beside it void."""
    ours = set(HOP_BY_HOP)
    for name, value in headers:
        if name.lower() == b"connection":
            ours.update(token.strip().lower() for token in value.split(b","))
        elif name.lower() == b"transfer-encoding":
            ours.add(b"content-length")
    return [(name, value) for name, value in headers if name.lower() not in ours]

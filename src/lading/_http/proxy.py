"""HTTP proxies, as the environment names them."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib import request as urllib_request
from urllib.parse import unquote, urlsplit

import httpx

from lading._http.connect import connect
from lading._http.h1 import ResponseParser, request_head
from lading.errors import ConfigError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from lading._http.pool import Origin
    from lading._http.sockets import SocketStream


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy. Its ``repr`` shows no credentials."""

    host: str
    port: int
    headers: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)


class Proxies:
    """The proxies in the environment when the client was made.

    ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``, by the standard library's rules, in lower or upper
    case; system settings of macOS and Windows are not asked, for that can block.
    """

    def __init__(self, *, trust_env: bool) -> None:
        self._found = urllib_request.getproxies_environment() if trust_env else {}
        self._known: dict[Origin, Proxy | None] = {}

    def for_origin(self, origin: Origin) -> Proxy | None:
        """The proxy for *origin*; ``ConfigError`` when it is of a kind that we do not speak to."""
        if not self._found:
            return None
        if origin not in self._known:
            self._known[origin] = self._find(origin)
        return self._known[origin]

    def _find(self, origin: Origin) -> Proxy | None:
        url = self._found.get(origin.scheme) or self._found.get("all")
        if not url or _bypassed(f"{origin.host}:{origin.port}", self._found):
            return None
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            port = parts.port or 80
        except ValueError:  # its text may quote a password
            raise ConfigError(f"the environment names a proxy for {origin.scheme} that is no address") from None
        if parts.scheme != "http" or not parts.hostname:
            raise ConfigError(
                f"the environment names a {parts.scheme}:// proxy for {origin.scheme}; only http:// proxies are spoken "
                "to. Hand in a client of your own (http_client=), or set NO_PROXY"
            )
        headers: tuple[tuple[bytes, bytes], ...] = ()
        if parts.username:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers = ((b"Proxy-Authorization", b"Basic " + b64encode(pair.encode())),)
        return Proxy(parts.hostname, port, headers)


def _bypassed(authority: str, proxies: dict[str, str]) -> bool:
    # The standard library's own reading of NO_PROXY, which typeshed leaves out.
    bypass: Callable[[str, dict[str, str]], bool] = vars(urllib_request)["proxy_bypass_environment"]
    return bool(bypass(authority, proxies))


async def connect_to_proxy(proxy: Proxy) -> socket.socket:
    """A socket connected to *proxy*; ``ProxyError`` when there is none."""
    try:
        return await connect(proxy.host, proxy.port)
    except httpx.ConnectError as error:
        raise httpx.ProxyError(f"no connection to the proxy {proxy.host}:{proxy.port}: {error}") from error


async def open_tunnel(link: SocketStream, proxy: Proxy, origin: Origin) -> None:
    """Ask *proxy* to connect *link* through to *origin*; ``ProxyError`` when it will not."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    authority = f"{host}:{origin.port}".encode("ascii")
    parser = ResponseParser("CONNECT")
    try:
        await link.send(request_head(b"CONNECT", authority, ((b"Host", authority), *proxy.headers)), None)
        while (head := parser.feed(await link.receive(None, wait_first=True))) is None:
            pass
    except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
        raise httpx.ProxyError(f"the proxy {proxy.host}:{proxy.port} gave no answer: {error}") from error
    if not 200 <= head.status < 300:
        reason = head.reason.decode("latin-1")
        raise httpx.ProxyError(f"the proxy {proxy.host}:{proxy.port} refused the connection: {head.status} {reason}")
    if parser.rest():
        raise httpx.ProxyError(f"the proxy {proxy.host}:{proxy.port} sent data before the TLS handshake")

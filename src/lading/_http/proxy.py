"""HTTP proxies, as the environment names them."""

from __future__ import annotations

import os
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from lading._core.threads import import_in_thread
from lading._http.connect import connect
from lading._http.errors import ConnectFailed, ProtocolError, ReadFailed, WriteFailed
from lading._http.h1 import ResponseParser, encode_fields, encode_head
from lading.errors import ConfigError

if TYPE_CHECKING:
    import socket

    from lading._http.h1 import ResponseHead
    from lading._http.pool import Origin
    from lading._http.sockets import SocketStream
    from lading.types import KeepAlive


# Refusals that may pass. Any other of the 4xx is final: proxies lock accounts after some wrong passwords.
_PASSING = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy. Its ``repr`` shows no credentials."""

    host: str
    port: int
    headers: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)


class Proxies:
    """The proxies in the environment when the first connection is made.

    ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``, by the standard library's rules, in lower or upper
    case; system settings of macOS and Windows are not read, for that can block.
    """

    def __init__(self, *, trust_env: bool) -> None:
        # The standard library's reading of them is loaded only where there are any.
        self._any = trust_env and any(name.lower().endswith("_proxy") for name in os.environ)
        self._found: dict[str, str] = {}
        self._known: dict[Origin, Proxy | None] = {}

    async def for_origin(self, origin: Origin) -> Proxy | None:
        """Return the proxy for *origin*; ``ConfigError`` when it is of an unsupported kind."""
        if not self._any:
            return None
        if origin not in self._known:
            library = await import_in_thread("urllib.request")
            self._found = self._found or library.getproxies_environment()
            self._known[origin] = self._find(origin, library)
        return self._known[origin]

    def _find(self, origin: Origin, library: Any) -> Proxy | None:
        url = self._found.get(origin.scheme) or self._found.get("all")
        if not url or library.proxy_bypass_environment(f"{origin.host}:{origin.port}", self._found):
            return None
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            port = parts.port or 80
        except ValueError:  # its text may quote a password
            raise ConfigError(f"the environment names a proxy for {origin.scheme} that is not a URL") from None
        if parts.scheme != "http" or not parts.hostname:
            raise ConfigError(
                f"the environment names a {parts.scheme}:// proxy for {origin.scheme}; only http:// proxies are "
                "supported. Hand in a client of your own (http_client=), or set NO_PROXY"
            )
        headers: tuple[tuple[bytes, bytes], ...] = ()
        if parts.username:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers = ((b"Proxy-Authorization", b"Basic " + b64encode(pair.encode())),)
        return Proxy(parts.hostname, port, headers)


async def connect_to_proxy(proxy: Proxy, keep_alive: KeepAlive | None) -> socket.socket:
    """Connect a socket to *proxy*; ``ConnectFailed`` when there is none."""
    try:
        return await connect(proxy.host, proxy.port, keep_alive)
    except ConnectFailed as error:
        raise ConnectFailed(f"no connection to the proxy {proxy.host}:{proxy.port}: {error}", "proxy") from error


async def open_tunnel(link: SocketStream, proxy: Proxy, origin: Origin) -> None:
    """Have *proxy* connect *link* through to *origin*; ``ConnectFailed`` when it will not."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    authority = f"{host}:{origin.port}".encode("ascii")
    parser = ResponseParser("CONNECT")
    try:
        await link.send(encode_head(b"CONNECT", authority, encode_fields(((b"Host", authority), *proxy.headers))), None)
        while (head := parser.feed(await link.receive(None, wait_first=True))) is None:
            pass
    except (ReadFailed, WriteFailed, ProtocolError) as error:
        raise ConnectFailed(f"the proxy {proxy.host}:{proxy.port} did not respond: {error}", "proxy") from error
    if not 200 <= head.status < 300:
        raise _refusal(proxy, head)
    if parser.rest():
        raise ConnectFailed(f"the proxy {proxy.host}:{proxy.port} sent data before the TLS handshake", "proxy")


def _refusal(proxy: Proxy, head: ResponseHead) -> ConnectFailed:
    advice = ""
    if head.status == 407:
        advice = (
            ". It does not accept the user and password in its URL in the environment"
            if proxy.headers
            else ". Put a user and password into its URL in the environment (http://user:password@host:port)"
        )
    final = 400 <= head.status < 500 and head.status not in _PASSING
    text = f"the proxy {proxy.host}:{proxy.port} refused the connection: {head.status} {head.reason}{advice}"
    return ConnectFailed(text, "proxy", final=final)

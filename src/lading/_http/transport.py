"""lading's own HTTP/1.1 transport. Why there is one: ``docs/decisions/0001-own-transport.md``."""

from __future__ import annotations

import os
import ssl
from functools import partial
from typing import TYPE_CHECKING

import anyio
import certifi  # pyright: ignore[reportUnusedImport] # noqa: F401 - for httpx, whose import of it would run in the loop
import httpx

from lading._core.threads import run_in_thread
from lading._http.connect import connect
from lading._http.connection import Connection, StaleConnection
from lading._http.pool import Origin, Pool
from lading._http.proxy import Proxies, connect_to_proxy, open_tunnel
from lading._http.sockets import SocketStream
from lading._http.tls import TLSStream
from lading.errors import ConfigError
from lading.types import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading._core.files import StrPath

_PORTS = {"http": 80, "https": 443}


class Transport(httpx.AsyncBaseTransport):
    """HTTP/1.1 over TCP and TLS, directly or through an HTTP proxy, and nothing more.

    Can be given to an ``httpx.AsyncClient``; it raises httpx's exceptions. It belongs to the event loop it is first
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
        self._tls = tls
        self._context = tls if isinstance(tls, ssl.SSLContext) else None
        self._context_lock: anyio.Lock | None = None
        self._trust_env = trust_env
        self._proxies = Proxies(trust_env=trust_env)
        self._pool = Pool(limits or Limits())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer to *request*, its head read and its body still to come.

        Timeouts are read from ``request.extensions["timeout"]``, as httpx's client puts them there.
        """
        url = request.url
        scheme = url.scheme
        if scheme not in _PORTS:
            raise httpx.UnsupportedProtocol(f"the address has scheme {scheme!r}, not http or https")
        origin = Origin(scheme, url.raw_host.decode("ascii"), url.port or _PORTS[scheme])
        timeouts: Mapping[str, float | None] = request.extensions.get("timeout", {})
        pool = self._pool
        fresh = False
        while True:
            connection = await pool.acquire(origin, timeouts.get("pool"), fresh=fresh)
            if connection is None:
                connection = await pool.connect(partial(self._open, origin), timeouts.get("connect"))
            try:
                return await connection.exchange(request, timeouts, _Lease(pool, origin, connection))
            except StaleConnection:
                pool.release(origin, connection, reusable=False)
                fresh = True
            except BaseException:
                pool.release(origin, connection, reusable=False)
                raise

    @property
    def closed(self) -> bool:
        """Whether it can be used no more."""
        return self._pool.closed

    async def aclose(self) -> None:
        """Close every connection; requests still running end with ``ReadError``. Harmless twice."""
        self._pool.close()

    def close_idle(self) -> None:
        """Close the connections that nobody uses, from any thread."""
        self._pool.close_idle()

    async def _open(self, origin: Origin) -> Connection:
        """A new connection."""
        proxy = self._proxies.for_origin(origin)
        sock = await (connect(origin.host, origin.port) if proxy is None else connect_to_proxy(proxy))
        link = SocketStream(sock, self._pool.turns)
        try:
            if origin.scheme == "http":
                if proxy is None:
                    return Connection(link)
                host = f"[{origin.host}]" if ":" in origin.host else origin.host
                return Connection(link, prefix=f"http://{host}:{origin.port}".encode("ascii"), headers=proxy.headers)
            if proxy is not None:
                await open_tunnel(link, proxy, origin)
            secure = TLSStream(sock, self._pool.turns, await self._ssl_context(), origin.host)
            await secure.handshake()
        except (httpx.ReadError, httpx.WriteError) as error:
            sock.close()
            raise httpx.ConnectError(f"the connection broke during the TLS handshake: {error}") from error
        except BaseException:
            sock.close()
            raise
        return Connection(secure)

    async def _ssl_context(self) -> ssl.SSLContext:
        if self._context is None:
            if self._context_lock is None:
                self._context_lock = anyio.Lock()
            # Reading a file of CA certificates takes some 20 ms: once, however many connections begin together.
            async with self._context_lock:
                if self._context is None:
                    self._context = await run_in_thread(self._make_context)
        return self._context

    def _make_context(self) -> ssl.SSLContext:
        try:
            if self._tls is None:
                context = httpx.create_ssl_context(trust_env=self._trust_env)
            else:
                context = ssl.create_default_context(cafile=str(self._tls))
        except (OSError, ssl.SSLError) as error:
            path = os.environ.get("SSL_CERT_FILE") if self._tls is None else str(self._tls)
            what = "SSL_CERT_FILE" if self._tls is None else "tls"
            raise ConfigError(f"{what}={path!r} is not a file of CA certificates in PEM") from error
        context.set_alpn_protocols(["http/1.1"])
        return context


class _Lease:
    """Gives a connection back to its pool; called once, when its answer is through."""

    __slots__ = ("_connection", "_origin", "_pool")

    def __init__(self, pool: Pool, origin: Origin, connection: Connection) -> None:
        self._pool = pool
        self._origin = origin
        self._connection = connection

    def __call__(self, reusable: bool) -> None:
        self._pool.release(self._origin, self._connection, reusable=reusable)

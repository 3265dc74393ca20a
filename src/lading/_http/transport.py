"""lading's own HTTP/1.1 transport. Why there is one: ``docs/decisions/0001-own-transport.md``."""

from __future__ import annotations

import os
import ssl
from functools import partial
from typing import TYPE_CHECKING

import anyio

from lading._core.threads import import_in_thread, run_short_in_thread
from lading._http.connect import connect
from lading._http.connection import Connection, StaleConnection
from lading._http.errors import ConnectFailed, ReadFailed, WriteFailed
from lading._http.h1 import encode_fields
from lading._http.pool import Pool
from lading._http.proxy import Proxies, connect_to_proxy, open_tunnel
from lading._http.sockets import SocketStream
from lading._http.tls import TLSStream
from lading.errors import ConfigError

if TYPE_CHECKING:
    import socket

    from lading._core.files import StrPath
    from lading._http.h1 import ResponseHead
    from lading._http.pool import Origin
    from lading._http.response_body import ResponseBody
    from lading._http.wire_request import WireRequest
    from lading.types import Limits


class HttpTransport:
    """HTTP/1.1 over TCP and TLS, directly or through an HTTP proxy, and nothing more; on one event loop.

    Args:
        tls: An ``ssl.SSLContext``, or a file of CA certificates in PEM. By default the certificates of certifi, or of
            ``SSL_CERT_FILE`` / ``SSL_CERT_DIR``.
        limits: How many connections, and how long they are kept.
        trust_env: Whether proxies and certificates are taken from the environment.
    """

    def __init__(self, *, tls: ssl.SSLContext | StrPath | None, limits: Limits, trust_env: bool = True) -> None:
        self._tls = tls
        self._context = tls if isinstance(tls, ssl.SSLContext) else None
        self._context_lock: anyio.Lock | None = None
        self._trust_env = trust_env
        self._proxies = Proxies(trust_env=trust_env)
        self._keep_alive = limits.tcp_keepalive
        self.pool: Pool = Pool(limits)

    async def exchange(self, origin: Origin, request: WireRequest) -> tuple[ResponseHead, ResponseBody, bool]:
        """Send *request* to *origin*; return the response's head, its body, and whether all of the request was sent.

        Raises:
            TransportError: There is no response.
            UnsendableRequest: The request cannot be sent as it is.
        """
        pool = self.pool
        fresh = False
        while True:
            connection = await pool.acquire(origin, request.pool, fresh=fresh)
            if connection is None:
                connection = await pool.connect(partial(self._open, origin), request.connect)
            try:
                return await connection.exchange(request, _Lease(pool, origin, connection))
            except StaleConnection:
                pool.release(origin, connection, reusable=False)
                fresh = True
            except BaseException:
                pool.release(origin, connection, reusable=False)
                raise

    async def _open(self, origin: Origin) -> Connection:
        """Open a new connection."""
        proxy = await self._proxies.for_origin(origin)
        await import_in_thread("h11")  # for responses that are not plain, whose parser runs on the event loop
        if proxy is None:
            sock = await connect(origin.host, origin.port, self._keep_alive)
        else:
            sock = await connect_to_proxy(proxy, self._keep_alive)
        link = SocketStream(sock, self.pool.share)
        try:
            if origin.scheme == "http":
                if proxy is None:
                    return Connection(link)
                host = f"[{origin.host}]" if ":" in origin.host else origin.host
                prefix = f"http://{host}:{origin.port}".encode("ascii")
                return Connection(link, prefix=prefix, fields=encode_fields(proxy.headers))
            if proxy is not None:
                await open_tunnel(link, proxy, origin)
            secure = self._wrap(sock, await self._ssl_context(), origin.host)
            await secure.handshake()
        except (ReadFailed, WriteFailed) as error:
            sock.close()
            raise ConnectFailed(f"the connection was lost during the TLS handshake: {error}") from error
        except BaseException:
            sock.close()
            raise
        return Connection(secure)

    def _wrap(self, sock: socket.socket, context: ssl.SSLContext, host: str) -> TLSStream:
        try:
            # A dot at the end makes a name absolute for the resolver; no certificate has it, nor may the server name.
            return TLSStream(sock, self.pool.share, context, host.removesuffix("."))
        except ValueError:  # a label that is empty or too long
            raise ConnectFailed("the URL's host cannot be the name in a certificate", "tls") from None

    async def _ssl_context(self) -> ssl.SSLContext:
        if self._context is None:
            if self._context_lock is None:
                self._context_lock = anyio.Lock()
            # Reading a file of CA certificates takes some 20 ms: once, however many connections begin together.
            async with self._context_lock:
                if self._context is None:
                    self._context = await run_short_in_thread(self._make_context)
        return self._context

    def _make_context(self) -> ssl.SSLContext:
        env = os.environ if self._trust_env else {}
        file = env.get("SSL_CERT_FILE") if self._tls is None else str(self._tls)
        directory = None if file else env.get("SSL_CERT_DIR")
        try:
            if not file and not directory:
                import certifi  # noqa: PLC0415 - in a worker thread; whoever hands in a context does not need it

                file = certifi.where()
            context = ssl.create_default_context(cafile=file, capath=directory)
        except (OSError, ssl.SSLError) as error:
            what = "SSL_CERT_FILE" if self._tls is None else "tls"
            raise ConfigError(f"{what}={file!r} is not a file of CA certificates in PEM") from error
        context.set_alpn_protocols(["http/1.1"])
        return context


class _Lease:
    """Returns a connection to its pool; called once, when its response is complete."""

    __slots__ = ("_connection", "_origin", "_pool")

    def __init__(self, pool: Pool, origin: Origin, connection: Connection) -> None:
        self._pool = pool
        self._origin = origin
        self._connection = connection

    def __call__(self, reusable: bool) -> None:
        self._pool.release(self._origin, self._connection, reusable=reusable)

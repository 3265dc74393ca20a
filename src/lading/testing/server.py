"""An HTTP/1.1 server on loopback that injects faults.

It runs in a thread with an event loop of its own, so that blocking code, subprocesses and async tests on any event
loop can use it.
"""

from __future__ import annotations

import socket
from collections import deque
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Self

import anyio
from anyio import from_thread, to_thread

from lading.testing._server.connection import Connection, Shared
from lading.testing._server.sockets import ServerSocket, TLSServerSocket
from lading.testing.faults import Faults
from lading.testing.messages import Fields, Handler, Headers, ServerRequest, ServerResponse

if TYPE_CHECKING:
    import ssl

    from anyio.abc import TaskStatus

__all__ = ["Fields", "Handler", "Headers", "Server", "ServerRequest", "ServerResponse"]

BACKLOG = 1024
# The ports of the last servers of this process, which are not used again: clients keep what they know by URL.
_used_ports: deque[int] = deque(maxlen=1000)
_MOST_TRIES = 50


class Server:
    """A server for *handler* on 127.0.0.1, which runs inside ``with`` (or ``async with``).

    When it stops, requests in flight are cancelled, connections are closed, and its threads have ended.

    Args:
        handler: ``async def handler(request: ServerRequest) -> ServerResponse``. It runs on the server's own event
            loop, in another thread, and concurrently for concurrent requests.
        faults: The faults to inject; by default an empty :class:`~lading.testing.Faults`.
        tls: Serve https with this context. Its certificate has to be valid for ``127.0.0.1``.
        port: The port to listen on; by default a free one.

    Attributes:
        faults: The faults; more can be added at any time, from any thread.
        errors: The exceptions of handlers (the client received a 500) and the protocol errors of clients, in order.
            A client that leaves early is neither.

    Example:
        >>> import httpx
        >>> from lading.testing import Respond, Server, ServerRequest, ServerResponse
        >>> async def handler(request: ServerRequest) -> ServerResponse:
        ...     return ServerResponse.json({"received": len(await request.read())})
        >>> with Server(handler) as server:
        ...     server.faults.add(Respond(503, retry_after=1), method="POST")
        ...     refused = httpx.post(server.url, content=b"hello")
        ...     accepted = httpx.post(server.url, content=b"hello")
        >>> refused.status_code, refused.headers["Retry-After"], accepted.json()
        (503, '1', {'received': 5})
        >>> [(injected.method, injected.received) for injected in server.faults.happened]
        [('POST', 5)]
    """

    def __init__(
        self, handler: Handler, *, faults: Faults | None = None, tls: ssl.SSLContext | None = None, port: int = 0
    ) -> None:
        self.faults: Faults = Faults() if faults is None else faults
        self.errors: list[BaseException] = []
        self._shared = Shared(handler, self.faults, self.errors, "http" if tls is None else "https")
        self._tls = tls
        self._requested_port = port
        self._port: int | None = None
        self._running: ExitStack | None = None

    @property
    def port(self) -> int:
        """The port; still available after the server has stopped."""
        if self._port is None:
            raise RuntimeError("the server has not been started: use it in a with statement")
        return self._port

    @property
    def url(self) -> str:
        """``http://127.0.0.1:port`` (or https), without a slash at its end."""
        return f"{self._shared.scheme}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start to listen; connections are accepted when this returns. ``with`` does it for you."""
        if self._running is not None:
            raise RuntimeError("the server is running already")
        with ExitStack() as stack:
            listener = stack.enter_context(_listen(self._requested_port))
            listener.setblocking(False)
            stack.callback(self._shared.workers.join)
            portal = stack.enter_context(from_thread.start_blocking_portal())
            done, scope = portal.start_task(self._serve, listener)
            stack.callback(done.result)
            stack.callback(portal.call, scope.cancel)
            self._port = listener.getsockname()[1]
            self._running = stack.pop_all()

    def stop(self) -> None:
        """Stop the server and wait until it has stopped. Further calls do nothing."""
        running, self._running = self._running, None
        if running is not None:
            running.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await to_thread.run_sync(self.start)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(self.stop)

    async def aclose(self) -> None:
        """Close what a subclass has opened; called on the server's event loop after the last request."""

    async def _serve(self, listener: socket.socket, *, task_status: TaskStatus[anyio.CancelScope]) -> None:
        try:
            async with anyio.create_task_group() as connections:
                task_status.started(connections.cancel_scope)
                while True:
                    await anyio.wait_readable(listener)
                    with suppress(BlockingIOError, ConnectionError):  # the client left before it was accepted
                        sock, _ = listener.accept()
                        connections.start_soon(self._connection, sock)
        finally:
            with anyio.CancelScope(shield=True):
                await self.aclose()

    async def _connection(self, sock: socket.socket) -> None:
        connection = ServerSocket(sock) if self._tls is None else TLSServerSocket(sock, self._tls)
        await Connection(connection, self._shared).run()


def _listen(port: int) -> socket.socket:
    """Return a socket that listens on *port*; 0 is a port that no server of this process had lately."""
    refused: list[socket.socket] = []  # open meanwhile, so that another one is given
    while True:
        listener = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
        given = listener.getsockname()[1]
        if port or given not in _used_ports or len(refused) == _MOST_TRIES:
            break
        refused.append(listener)
    for other in refused:
        other.close()
    _used_ports.append(given)
    return listener

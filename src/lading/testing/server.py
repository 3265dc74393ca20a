"""A small HTTP/1.1 server on loopback that can be told to misbehave.

It runs in a thread with an event loop of its own, so that blocking code, subprocesses and async tests on
any event loop can talk to it alike.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Self

import anyio
from anyio import from_thread, to_thread

from lading.testing._server.connection import Connection, Handler, Shared
from lading.testing._server.sockets import TLSWire, Wire
from lading.testing.faults import Faults
from lading.testing.messages import Fields, Headers, ServerRequest, ServerResponse

if TYPE_CHECKING:
    import ssl

    from anyio.abc import TaskStatus

__all__ = ["Fields", "Handler", "Headers", "Server", "ServerRequest", "ServerResponse"]

BACKLOG = 1024


class Server:
    """Serves *handler* on 127.0.0.1 and a free port, from ``with`` (or ``async with``) to its end.

    When it ends, so does everything it started: requests in flight are cancelled, connections closed, and
    its threads are gone.

    Args:
        handler: ``async def handler(request: Request) -> Response``. It runs on the server's own event
            loop (asyncio, in another thread), concurrently for concurrent requests.
        faults: What to do wrong; an empty :class:`~lading.testing.Faults` where not given.
        tls: Serve https with this context. Its certificate has to be good for ``127.0.0.1``.
        port: The port to listen on; a free one where not given.

    Attributes:
        faults: The faults; add to them at any time, from any thread.
        errors: What handlers raised (the client was answered 500) and what was wrong with the HTTP of
            clients, in order. A client that goes away in the middle is neither.

    Example:
        >>> import httpx
        >>> from lading.testing import Answer, ServerRequest, ServerResponse, Server
        >>> async def handler(request: ServerRequest) -> ServerResponse:
        ...     return ServerResponse.json({"received": len(await request.read())})
        >>> with Server(handler) as server:
        ...     server.faults.add(Answer(503, retry_after=1), method="POST")
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
        self._shared = Shared(handler, self.faults, self.errors)
        self._tls = tls
        self._wanted_port = port
        self._port: int | None = None
        self._running: ExitStack | None = None

    @property
    def port(self) -> int:
        """The port; still known after the end, when nobody listens there any more."""
        if self._port is None:
            raise RuntimeError("the server has not been started: use it in a with statement")
        return self._port

    @property
    def url(self) -> str:
        """``http://127.0.0.1:port`` (or https), without a slash at its end."""
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen; connections are accepted when this returns. ``with`` does it for you."""
        if self._running is not None:
            raise RuntimeError("the server is running already")
        with ExitStack() as stack:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", self._wanted_port), backlog=BACKLOG))
            listener.setblocking(False)
            stack.callback(self._shared.workers.join)
            portal = stack.enter_context(from_thread.start_blocking_portal())
            done, scope = portal.start_task(self._serve, listener)
            stack.callback(done.result)
            stack.callback(portal.call, scope.cancel)
            self._port = listener.getsockname()[1]
            self._running = stack.pop_all()

    def stop(self) -> None:
        """End everything and wait until it has ended; more than once does no harm."""
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
        """Called on the server's loop after the last request, for subclasses that have something to close."""

    async def _serve(self, listener: socket.socket, *, task_status: TaskStatus[anyio.CancelScope]) -> None:
        try:
            async with anyio.create_task_group() as connections:
                task_status.started(connections.cancel_scope)
                while True:
                    await anyio.wait_readable(listener)
                    with suppress(BlockingIOError, ConnectionError):  # it left before it was accepted
                        sock, _ = listener.accept()
                        connections.start_soon(self._connection, sock)
        finally:
            with anyio.CancelScope(shield=True):
                await self.aclose()

    async def _connection(self, sock: socket.socket) -> None:
        wire = Wire(sock) if self._tls is None else TLSWire(sock, self._tls)
        await Connection(wire, self._shared).run()

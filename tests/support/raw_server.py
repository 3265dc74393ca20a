"""A server on loopback whose every connection runs a function over its raw socket, in a thread of its own.

Nothing here knows more HTTP than a test says: the point is to do what no server library does.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from typing import TYPE_CHECKING, NamedTuple, Self

import anyio
from anyio import to_thread

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    Script = Callable[["Peer"], None]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Received(NamedTuple):
    """The head of a request."""

    method: str
    target: str
    headers: dict[str, str]


class Peer:
    """One connection, seen from the server.

    Attributes:
        number: 0 for the server's first connection, and so on.
        requests: The heads read from it.
    """

    def __init__(self, server: RawServer, sock: socket.socket, number: int) -> None:
        self.server = server
        self.sock = sock
        self.number = number
        self.requests: list[Received] = []
        self._buffer = b""

    def start_tls(self, context: ssl.SSLContext) -> None:
        self.sock = context.wrap_socket(self.sock, server_side=True)

    def receive(self, size: int = 65536) -> bytes:
        """Some bytes; ``b""`` at the end."""
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data or self.sock.recv(size)

    def until(self, mark: bytes) -> bytes:
        """Everything up to and with *mark*; ``EOFError`` when it does not come."""
        while mark not in self._buffer:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError
            self._buffer += data
        found, _, self._buffer = self._buffer.partition(mark)
        return found + mark

    def head(self) -> Received:
        """The next request's head; ``EOFError`` when the client ended instead."""
        first, *lines = self.until(b"\r\n\r\n").decode("latin-1").rstrip("\r\n").split("\r\n")
        method, target, _ = first.split(" ")
        pairs = (line.split(": ", 1) for line in lines)
        received = Received(method, target, {name.lower(): value for name, value in pairs})
        self.requests.append(received)
        return received

    def body(self, head: Received) -> bytes:
        """The whole body that belongs to *head*."""
        if head.headers.get("transfer-encoding") == "chunked":
            pieces = []
            while size := int(self.until(b"\r\n"), 16):
                pieces.append(self.exactly(size + 2)[:-2])
            self.until(b"\r\n")
            return b"".join(pieces)
        return self.exactly(int(head.headers.get("content-length", "0")))

    def exactly(self, count: int) -> bytes:
        """*count* bytes."""
        pieces: list[bytes] = []
        while count:
            data = self.receive(min(count, 1 << 20))
            if not data:
                raise EOFError
            pieces.append(data)
            count -= len(data)
        return b"".join(pieces)

    def request(self) -> tuple[Received, bytes]:
        """The next request, whole."""
        head = self.head()
        return head, self.body(head)

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def drain(self) -> int:
        """Read to the client's end; how much that was."""
        count = 0
        while data := self.receive(1 << 20):
            count += len(data)
        return count

    def serve(self, response: bytes = OK) -> None:
        """Send *response* to every request until the client ends."""
        while True:
            self.request()
            self.send(response)

    def hold(self) -> None:
        """Do nothing until the test is over."""
        self.server.over.wait(60)

    def end(self) -> None:
        """End our side as TLS wants it, with a closing message; without TLS there is none."""
        if isinstance(self.sock, ssl.SSLSocket):
            self.sock.settimeout(20)
            with contextlib.suppress(OSError):  # the client ends without one
                self.sock.unwrap()

    def half_close(self) -> None:
        """End our side, and continue to read (below TLS)."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """End with an RST, whatever is still under way."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class RawServer:
    """The server, as an async context manager.

    What goes wrong because a client went away is no matter; any other exception of a script is raised at the end.

    Args:
        script: What every connection does.
        tls: The certificate to show; without it the server is plain.

    Attributes:
        peers: The connections so far.
        over: Set when the test is over.
        failures: What scripts raised because of the connection: reset, closed, no TLS.
    """

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None, *, host: str = "127.0.0.1") -> None:
        self._script = script
        self._tls = tls
        self._host = host
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []
        self.peers: list[Peer] = []
        self.failures: list[Exception] = []
        self.over = threading.Event()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """The root, without a slash at its end."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'http' if self._tls is None else 'https'}://{host}:{self.port}"

    @property
    def requests(self) -> list[Received]:
        """All requests, connection by connection."""
        return [request for peer in self.peers for request in peer.requests]

    async def __aenter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        self._listener = socket.create_server((self._host, 0), family=family, backlog=512)
        self._spawn(self._accept)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(self._stop)
        if self._errors and error is None:
            raise self._errors[0]
        for failure in self._errors if error is not None else ():
            error.add_note(f"a script failed: {failure!r}")

    def _spawn(self, func: Callable[..., None], *args: Peer) -> None:
        thread = threading.Thread(target=func, args=args, daemon=True, name="scripted")
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            if self.over.is_set():
                sock.close()
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer = Peer(self, sock, len(self.peers))
            self.peers.append(peer)
            self._spawn(self._run, peer)

    def _run(self, peer: Peer) -> None:
        try:
            if self._tls is not None:
                peer.start_tls(self._tls)
            self._script(peer)
        except (OSError, EOFError) as error:
            self.failures.append(error)
        except BaseException as error:
            self._errors.append(error)
        finally:
            peer.sock.close()

    def _stop(self) -> None:
        self.over.set()
        socket.create_connection(self._listener.getsockname()[:2]).close()  # wakes accept()
        self._threads[0].join()
        self._listener.close()
        for peer in list(self.peers):
            with contextlib.suppress(OSError):
                peer.sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive(), "a script hangs"


async def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Return when *condition* holds, which is checked repeatedly: for what another thread is about to do."""
    with anyio.move_on_after(seconds):
        while not condition():
            await anyio.sleep(0.002)
        return
    code = getattr(condition, "__code__", None)  # not its source, which would be read on the event loop
    where = repr(condition) if code is None else f"{code.co_filename}:{code.co_firstlineno}"
    raise AssertionError(f"{where} did not hold within {seconds:g} s")

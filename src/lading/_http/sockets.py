"""Non-blocking sockets: send, receive, and whether data has arrived.

Raw sockets with anyio's readiness waits, not anyio's streams: on asyncio a reset discards a response that had
arrived in a stream's buffer, and a socket that is ready needs no suspension here.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from math import ceil
from time import perf_counter
from typing import TYPE_CHECKING

import anyio
from anyio.lowlevel import checkpoint

from lading._http.errors import ReadFailed, TimedOut, WriteFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lading.errors import Phase
    from lading.types import KeepAlive

# Bytes to receive at once. ``recv`` allocates them all before it knows what has arrived; from 128 KiB glibc maps and
# unmaps the memory each time, which costs more than the rest of a small request.
RECEIVE = 64 * 1024
_RECEIVE_INTO = 256 * 1024
# Linux's alone.
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
_USER_TIMEOUT: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)
# macOS calls it by another name.
_KEEPIDLE: int | None = getattr(socket, "TCP_KEEPIDLE", getattr(socket, "TCP_KEEPALIVE", None))
_KEEPINTVL: int | None = getattr(socket, "TCP_KEEPINTVL", None)
_KEEPCNT: int | None = getattr(socket, "TCP_KEEPCNT", None)


class LoopShare:
    """Each connection's share of the event loop's time: how long one works before the others, and the application, run.

    One budget is shared by all busy connections, so that together they hold the loop for a few milliseconds however
    many they are. Both loops need two rounds to wake a sleeper, so the budget is a tenth of what we promise.
    """

    __slots__ = ("busy",)
    _TOGETHER = 0.002

    def __init__(self) -> None:
        self.busy = 0

    @property
    def budget(self) -> float:
        """Seconds that one connection may work without a pause."""
        return self._TOGETHER / self.busy if self.busy > 1 else self._TOGETHER

    @property
    def tls_slice(self) -> int:
        """Bytes to encrypt in one step: the step itself cannot be interrupted."""
        return 112 * 1024 if self.busy < 32 else 56 * 1024


class SocketStream:
    """A connected TCP socket. Only the task that waits on it closes it: see :meth:`abort`.

    Attributes:
        written: Bytes given to the system so far.
        aborted: Whether :meth:`abort` has ended it.
        cut_off: Whether the other side's end came without TLS's closing message: anybody on the way may have cut it.
    """

    cut_off = False

    def __init__(self, sock: socket.socket, share: LoopShare) -> None:
        self._sock = sock
        self._share = share
        self._resumed = perf_counter()
        self._waiting = 0
        self.aborted = False
        self._close_later = False
        self.written = 0

    async def send(self, data: bytes | memoryview, timeout: float | None) -> None:
        """Send all of *data*; ``TimedOut`` when the server takes nothing more for *timeout* seconds.

        Nothing is awaited after the last byte: a cancellation there would leave open whether it was sent.
        """
        view = memoryview(data)
        while view:
            await self.yield_if_due()
            try:
                count = self._sock.send(view)
            except (BlockingIOError, InterruptedError):
                await self._wait(anyio.wait_writable, timeout, "send")
                continue
            except OSError as error:
                raise WriteFailed(os_error_message(error)) from error
            self.written += count
            view = view[count:]

    async def receive(self, timeout: float | None, *, wait_first: bool = False) -> bytes:
        """Receive some bytes; ``b""`` at the end; ``TimedOut`` when nothing arrives for *timeout* seconds.

        *wait_first* saves a system call where nothing can be there yet.
        """
        if wait_first:
            await self.wait_readable(timeout)
        # Before receiving, not after: a cancellation in there would lose what had been received.
        await self.yield_if_due()
        while (data := self.try_receive()) is None:
            self._acknowledge()
            await self.wait_readable(timeout)
        return data

    def _acknowledge(self) -> None:
        """Acknowledge at once what has arrived, when there is more to come.

        A server that writes a response's head and body separately, with Nagle's algorithm on, holds the body back until
        then: 40 ms where acknowledgements are delayed (Ceph's gateway, as it comes).
        """
        if _QUICKACK is not None:
            with suppress(OSError):  # it has ended, as receiving will show
                self._sock.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    async def receive_into(self, buffer: memoryview, timeout: float | None) -> int:
        """Put bytes into *buffer* and return how many; 0 at the end. For long responses: no allocation, no copy."""
        await self.yield_if_due()
        while (count := self._try_receive_into(buffer)) is None:
            await self.wait_readable(timeout)
        return count

    def try_receive(self) -> bytes | None:
        """Return what has arrived; ``b""`` at the end; ``None`` when nothing has."""
        return self._receive(RECEIVE)

    def _try_receive_into(self, buffer: memoryview) -> int | None:
        try:
            return self._sock.recv_into(buffer, min(len(buffer), _RECEIVE_INTO))
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as error:
            raise ReadFailed(os_error_message(error)) from error

    def _receive(self, size: int) -> bytes | None:
        try:
            return self._sock.recv(size)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as error:
            raise ReadFailed(os_error_message(error)) from error

    async def wait_readable(self, timeout: float | None) -> None:
        """Wait until something has arrived, or the other side has closed."""
        await self._wait(anyio.wait_readable, timeout, "receive")

    def is_idle(self) -> bool:
        """Return whether an idle connection can be used: nothing unexpected has arrived, and it has not been closed."""
        try:
            self._sock.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            return False
        return False

    async def yield_if_due(self) -> None:
        """Let other tasks run, if this connection has used up its share."""
        if perf_counter() - self._resumed > self._share.budget:
            await checkpoint()
            self._resumed = perf_counter()
        if self.aborted:
            raise ReadFailed("the client was closed")

    async def yield_if_readable(self) -> None:
        """Let the task that waits to receive run first, if something has arrived.

        For the sender of a long body: in the milliseconds of its share it sends tens of megabytes that may be useless.
        """
        for _ in range(3):  # rounds of the loop until the waiting task has been woken, and has run
            if SocketStream.is_idle(self):
                break
            await checkpoint()
            self._resumed = perf_counter()

    def close(self) -> None:
        """Close the socket; no TLS closing message is sent, so nothing is awaited."""
        if self._waiting:
            self._close_later = True
            self.abort()
        else:
            self._sock.close()

    def abort(self) -> None:
        """End it from another task: a task that waits on it gets an error, and closes it.

        Closing it here would let its number be given to a new socket, whose waiter the old waiter's clean-up would
        then deregister (seen on asyncio and uvloop).
        """
        self.aborted = True
        if self._waiting:
            anyio.notify_closing(self._sock)

    async def _wait(
        self,
        ready: Callable[[socket.socket], Awaitable[None]],
        timeout: float | None,
        phase: Phase,
    ) -> None:
        if self.aborted:
            raise ReadFailed("the client was closed")
        self._waiting += 1
        try:
            if timeout is None:
                await ready(self._sock)
                return
            with anyio.move_on_after(timeout) as scope:
                await ready(self._sock)
            if scope.cancelled_caught:
                raise TimedOut(f"nothing moved for {timeout:g} s", phase)
        except anyio.ClosedResourceError as error:
            raise ReadFailed("the client was closed") from error
        except OSError as error:
            raise ReadFailed(os_error_message(error)) from error
        finally:
            self._waiting -= 1
            self._resumed = perf_counter()
            if self._close_later and not self._waiting:
                self._sock.close()


def enable_keep_alive(sock: socket.socket, probes: KeepAlive) -> None:
    """Have the system probe whether the other side is still there, as far as the system can."""
    options = [
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, _KEEPIDLE, ceil(probes.idle)),
        (socket.IPPROTO_TCP, _KEEPINTVL, ceil(probes.interval)),
        (socket.IPPROTO_TCP, _KEEPCNT, probes.count),
        # Without it, bytes that nobody acknowledges are repeated for 15 minutes, and no probes are sent meanwhile.
        (socket.IPPROTO_TCP, _USER_TIMEOUT, ceil(probes.lost_after * 1000)),
    ]
    for level, option, value in options:
        if option is not None:
            with suppress(OSError):
                sock.setsockopt(level, option, value)


def os_error_message(error: OSError) -> str:
    """Return the message of an OS or TLS error; a gaierror and an SSLError have theirs in different attributes."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message}"
    return str(error.strerror or error)

"""TLS over a socket, without blocking."""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio

from lading._core.threads import run_short_in_thread
from lading._http.errors import ConnectFailed, ReadFailed, TimedOut, WriteFailed
from lading._http.sockets import RECEIVE, LoopShare, SocketStream, os_error_message

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

    from lading.errors import Phase

_RECORD = 16 * 1024
# The types of TLS records: what anything that speaks TLS begins with.
_RECORD_TYPES = range(20, 25)


class TLSStream(SocketStream):
    """A TLS connection over memory BIOs: every record that has arrived is decrypted in one go.

    Reading may write and writing may read: a server may request a new handshake (TLS 1.2) or a certificate (TLS 1.3)
    in the middle of a connection. What is encrypted goes out in one order, whichever task has encrypted it: the sender
    of an upload, or the one that watches for its response.
    """

    def __init__(self, sock: socket.socket, share: LoopShare, context: ssl.SSLContext, host: str) -> None:
        super().__init__(sock, share)
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=host)
        # Taken out of ``_out``, and not yet by the system.
        self._unsent = memoryview(b"")
        self._reading = _Turn()
        self._writing = _Turn()
        self._ended = False
        self._dry = False

    async def handshake(self) -> None:
        """Shake hands; ``ConnectFailed`` with the ``ssl.SSLError`` as its cause."""
        greeted = False
        while True:
            try:
                if greeted:  # the steps that verify and sign: 0.4 ms each, and fifty may come at once
                    await run_short_in_thread(self._tls.do_handshake)
                else:
                    self._tls.do_handshake()  # only writes the greeting
            except ssl.SSLWantReadError:
                await self._flush(None)
                await self.wait_readable(None)
                self._feed_handshake(first=not greeted)
                greeted = True
            except ssl.SSLError as error:
                self._send_alert()
                raise ConnectFailed(os_error_message(error), "tls") from error
            else:
                break
        await self._flush(None)
        self._dry = not self._in.pending

    def _feed_handshake(self, *, first: bool) -> None:
        data = self._receive(RECEIVE)
        if data == b"":
            raise ConnectFailed("the server closed the connection during the TLS handshake")
        if data and first and data[0] not in _RECORD_TYPES:
            raise ConnectFailed("the server responded without TLS: should the URL begin with http://?", "tls")
        self._in.write(data or b"")

    async def send(self, data: bytes | memoryview, timeout: float | None) -> None:
        view = memoryview(data)
        while view:
            await self.yield_if_due()
            try:
                count = self._tls.write(view[: self._share.tls_slice])
            except ssl.SSLWantReadError:
                # In a new handshake, whose next message comes from the server.
                await self.wait_readable(timeout)
                self._feed()
                continue
            except ssl.SSLError as error:
                raise WriteFailed(os_error_message(error)) from error
            view = view[count:]
            while self._push():
                await self._wait_in_turn(self._writing, anyio.wait_writable, timeout, "send")

    async def _flush(self, timeout: float | None) -> None:
        """Send what is encrypted."""
        while self._push():
            await self._wait_in_turn(self._writing, anyio.wait_writable, timeout, "send")

    def _push(self) -> bool:
        """Give the system as much as it takes of what is encrypted; return whether something is left."""
        while self._unsent or self._out.pending:
            if not self._unsent:
                self._unsent = memoryview(self._out.read())
            try:
                count = self._sock.send(self._unsent)
            except (BlockingIOError, InterruptedError):
                return True
            except OSError as error:
                raise WriteFailed(os_error_message(error)) from error
            self.written += count
            self._unsent = self._unsent[count:]
        return False

    def _send_alert(self) -> None:
        """Send why the connection is refused, as far as that is possible at once."""
        with suppress(WriteFailed):
            self._push()

    async def wait_readable(self, timeout: float | None) -> None:
        # What OpenSSL has written while it read: the server waits for it. A task that is sending sends it, too.
        if (self._out.pending or self._unsent) and not self._writing.taken:
            with suppress(WriteFailed):  # the connection has ended: reading shows how
                await self._flush(timeout)
        await self._wait_in_turn(self._reading, anyio.wait_readable, timeout, "receive")

    async def _wait_in_turn(
        self,
        turn: _Turn,
        ready: Callable[[socket.socket], Awaitable[None]],
        timeout: float | None,
        phase: Phase,
    ) -> None:
        """Wait until the socket is ready, or until the other task that waits for that has stopped waiting."""
        if turn.taken:
            turn.over = turn.over or anyio.Event()
            with anyio.move_on_after(timeout) as scope:
                await turn.over.wait()
            if scope.cancelled_caught:
                raise TimedOut(f"nothing moved for {timeout:g} s", phase)
            return
        turn.taken = True
        try:
            await self._wait(ready, timeout, phase)
        finally:
            turn.taken = False
            if turn.over is not None:
                turn.over.set()
                turn.over = None

    async def receive(self, timeout: float | None, *, wait_first: bool = False) -> bytes:
        # What came together with the handshake, or with the end, makes the socket readable no more.
        wait_first = wait_first and self._dry and not self._ended
        return await super().receive(timeout, wait_first=wait_first)

    def try_receive(self) -> bytes | None:
        data = self._decrypt()
        if not data and not self._ended and self._feed():
            data = self._decrypt()
        # Nothing decrypted: nothing there, session tickets, or half a record.
        return data if data or self._ended else None

    def _try_receive_into(self, buffer: memoryview) -> int | None:
        count = self._decrypt_into(buffer)
        if not count and not self._ended and self._feed():
            count = self._decrypt_into(buffer)
        return count if count or self._ended else None

    def _feed(self) -> bool:
        """Read from the socket; return whether it had something, which is then there to be decrypted."""
        raw = self._receive(RECEIVE)
        if raw is None:
            return False
        if raw:
            self._in.write(raw)
        else:
            self._in.write_eof()
        self._dry = False
        return True

    def _decrypt(self) -> bytes:
        pieces: list[bytes] = []
        if not self._dry:
            try:
                while piece := self._tls.read(_RECORD):
                    pieces.append(piece)
                self._ended = True
            except ssl.SSLError as error:
                self._stopped(error, bool(pieces))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _decrypt_into(self, buffer: memoryview) -> int:
        at = 0
        if not self._dry:
            read: Any = self._tls.read  # with a buffer it returns a count, which typeshed does not know
            try:
                while at < len(buffer):
                    count = read(len(buffer) - at, buffer[at:])
                    if not count:
                        self._ended = True
                        break
                    at += count
            except ssl.SSLError as error:
                self._stopped(error, at > 0)
        return at

    def _stopped(self, error: ssl.SSLError, got: bool) -> None:
        """Note why nothing more can be decrypted. A broken record counts once what came before it has been read."""
        if isinstance(error, ssl.SSLWantReadError):
            self._dry = True
        elif isinstance(error, ssl.SSLZeroReturnError):
            self._ended = True
        elif isinstance(error, ssl.SSLEOFError):
            self._ended = self.cut_off = True
        elif not got:
            self._send_alert()
            raise ReadFailed(os_error_message(error)) from error

    def is_idle(self) -> bool:
        try:
            return self.try_receive() is None
        except ReadFailed:
            return False


class _Turn:
    """Who waits for the socket to be ready: one task, for a second one would take its place with the event loop.

    Attributes:
        taken: Whether one waits.
        over: Set when it has stopped; there when a second one waits for that.
    """

    __slots__ = ("over", "taken")

    def __init__(self) -> None:
        self.taken = False
        self.over: anyio.Event | None = None

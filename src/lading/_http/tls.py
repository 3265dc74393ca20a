"""TLS over a socket, without blocking."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from lading._core.threads import run_in_thread
from lading._http.errors import ConnectFailed, ReadFailed, WriteFailed
from lading._http.sockets import RECEIVE, LoopShare, SocketStream, os_error_message

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

_RECORD = 16 * 1024


class TLSStream(SocketStream):
    """A TLS connection over memory BIOs: every record that has arrived is decrypted in one go."""

    def __init__(self, sock: socket.socket, share: LoopShare, context: ssl.SSLContext, host: str) -> None:
        super().__init__(sock, share)
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=host)
        self._ended = False
        self._dry = False

    async def handshake(self) -> None:
        """Shake hands; ``ConnectFailed`` with the ``ssl.SSLError`` as its cause."""
        step: Callable[[], Awaitable[None]] | None = None
        while True:
            try:
                if step is None:
                    self._tls.do_handshake()  # only writes the greeting
                else:
                    await step()
                break
            except ssl.SSLWantReadError:
                await super().send(self._out.read(), None)
                await self.wait_readable(None)
                data = self._receive(RECEIVE)
                if data == b"":
                    raise ConnectFailed("the server closed the connection during the TLS handshake") from None
                self._in.write(data or b"")
            except ssl.SSLError as error:
                raise ConnectFailed(os_error_message(error), "tls") from error
            # The steps that verify and sign: 0.4 ms each, and fifty may come at once.
            step = self._step
        await super().send(self._out.read(), None)

    async def _step(self) -> None:
        await run_in_thread(self._tls.do_handshake)

    async def send(self, data: bytes | memoryview, timeout: float | None) -> None:
        view = memoryview(data)
        while view:
            size = self._share.tls_slice
            try:
                self._tls.write(view[:size])
            except ssl.SSLError as error:
                raise WriteFailed(os_error_message(error)) from error
            view = view[size:]
            await super().send(self._out.read(), timeout)

    async def receive(self, timeout: float | None, *, wait_first: bool = False) -> bytes:
        # What came together with the handshake, or with the end, makes the socket readable no more.
        wait_first = wait_first and not self._in.pending and not self._ended
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
        elif isinstance(error, (ssl.SSLZeroReturnError, ssl.SSLEOFError)):
            self._ended = True
        elif not got:
            raise ReadFailed(os_error_message(error)) from error

    def is_idle(self) -> bool:
        try:
            return self.try_receive() is None
        except ReadFailed:
            return False

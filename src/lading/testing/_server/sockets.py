"""Accepted connections, plain or TLS, with the operations that injected faults need.

Stream classes hide what faults are about: whether a close sends a closing alert, ends one direction, or resets the
connection. So these classes work on the socket itself, and on TLS records in memory.
"""

from __future__ import annotations

import socket
import ssl
import struct
import sys
from contextlib import suppress

import anyio

CHUNK = 256 << 10
TLS_SLICE = 64 << 10


class ServerSocket:
    """A connection over a non-blocking socket. Only the task that waits for it may close it."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        # Otherwise an early response may be held back, and then be lost with our own reset.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = sock

    async def handshake(self) -> None:
        """Perform the TLS handshake; nothing without TLS."""

    async def receive(self) -> bytes:
        """Receive at least one byte; nothing at the end."""
        while True:
            # Wait even where data is available: one busy connection must not starve the others.
            await anyio.wait_readable(self._socket)
            with suppress(BlockingIOError):
                return self._socket.recv(CHUNK)

    async def send(self, data: bytes) -> None:
        """Send all of *data*."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                await anyio.wait_writable(self._socket)

    async def discard(self) -> None:
        """Receive and drop data until the client has ended its direction."""
        while await ServerSocket.receive(self):
            pass

    def finish(self) -> None:
        """End our direction; the client may continue to send."""
        self._send_close_alert()
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the connection, with a closing alert over TLS."""
        self._send_close_alert()
        self.drop()

    def drop(self) -> None:
        """Close the socket without a closing alert. Further calls do nothing."""
        self._socket.close()

    def reset(self) -> None:
        """Reset the connection, whatever is still in transit."""
        linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._socket.close()

    def _send_close_alert(self) -> None:
        """Send a closing alert; nothing without TLS."""


class TLSServerSocket(ServerSocket):
    """A connection over TLS, whose records are written and read in memory."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        super().__init__(sock)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    async def handshake(self) -> None:
        """Perform the TLS handshake; ``ssl.SSLError`` if it fails, after the client was sent the alert."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._feed()
            except ssl.SSLError:
                await self._flush()
                raise
            else:
                return await self._flush()

    async def receive(self) -> bytes:
        """Receive at least one byte, decrypted; nothing at the end, ``ssl.SSLError`` if the connection was cut."""
        while True:
            records: list[bytes] = []
            with suppress(ssl.SSLWantReadError):
                while record := self._tls.read(16 << 10):
                    records.append(record)
                return b"".join(records)  # the client has sent its closing alert
            await self._flush()
            if records:
                return b"".join(records)
            await self._feed()

    async def send(self, data: bytes) -> None:
        """Send all of *data*, encrypted."""
        for start in range(0, len(data), TLS_SLICE):
            self._tls.write(data[start : start + TLS_SLICE])
            await self._flush()

    async def _feed(self) -> None:
        data = await super().receive()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await super().send(self._outgoing.read())

    def _send_close_alert(self) -> None:
        # Once, without waiting: a client that does not read must not block us.
        with suppress(OSError):
            self._tls.unwrap()
        with suppress(OSError):
            self._socket.send(self._outgoing.read())

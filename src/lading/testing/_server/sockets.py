"""One accepted connection, plain or TLS, with the verbs a misbehaving server needs.

Stream classes hide what the faults are about: whether a close says goodbye, ends one side, or resets.
So this works on the socket itself, and on TLS records in memory.
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


class Wire:
    """A connection over a non-blocking socket. Only the task that waits on it may close it."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        # Without this an early answer may be held back, and then be thrown away by our own reset.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = sock

    async def handshake(self) -> None:
        """Nothing to agree on in plain text."""

    async def receive(self) -> bytes:
        """What has arrived, at least one byte; nothing at the end."""
        while True:
            # Waiting even where data is there: one busy connection must not starve the others.
            await anyio.wait_readable(self._socket)
            with suppress(BlockingIOError):
                return self._socket.recv(CHUNK)

    async def send(self, data: bytes) -> None:
        """All of *data* handed to the system."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                await anyio.wait_writable(self._socket)

    async def discard(self) -> None:
        """Throw away what comes until the client has ended its side."""
        while await Wire.receive(self):
            pass

    def finish(self) -> None:
        """End our side; the client may go on sending."""
        self._say_goodbye()
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """End the connection the proper way."""
        self._say_goodbye()
        self.drop()

    def drop(self) -> None:
        """End the connection without a word; more than once does no harm."""
        self._socket.close()

    def reset(self) -> None:
        """End the connection with a reset, whatever is still under way."""
        linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._socket.close()

    def _say_goodbye(self) -> None:
        """Plain text has no word for it."""


class TLSWire(Wire):
    """The same over TLS: records are made and read in memory."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        super().__init__(sock)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    async def handshake(self) -> None:
        """Agree on keys, or raise ``ssl.SSLError`` after telling the client why."""
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
        """What has arrived, decrypted, at least one byte; nothing at the end, ``ssl.SSLError`` at a cut."""
        while True:
            records: list[bytes] = []
            with suppress(ssl.SSLWantReadError):
                while record := self._tls.read(16 << 10):
                    records.append(record)
                return b"".join(records)  # the client has said that nothing more will come
            await self._flush()
            if records:
                return b"".join(records)
            await self._feed()

    async def send(self, data: bytes) -> None:
        """All of *data*, encrypted, handed to the system."""
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

    def _say_goodbye(self) -> None:
        # Once, without waiting: a client that does not read must not keep us here.
        with suppress(OSError):
            self._tls.unwrap()
        with suppress(OSError):
            self._socket.send(self._outgoing.read())

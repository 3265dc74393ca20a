"""The servers the benchmarks talk to, each in a process of its own, outside what is measured.

`sink` swallows uploads, `json` responds to small GETs, `copr` has a project with 1000 builds, `charmhub` takes charms,
`files` sends one large file. A connection gets a process (fork), so that fifty of them do not wait for one interpreter
lock; `json`, `copr` and `charmhub` serve them all in one epoll loop, because a request there is two system calls and
little else. A server ends with its standard input, so none outlives the run.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bench import _charm_store
from bench._builds import ManyBuilds
from bench._sockets import Connection, Plain, Tls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DOCUMENT = json.dumps(
    {"name": "demo", "files": [{"url": f"https://files.example/demo-{i}.whl", "size": i} for i in range(16)]}
).encode()
DOCUMENT += b" " * (988 - len(DOCUMENT))
HEAD = (
    "HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: {}\r\n"
    "Content-Length: {}\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nConnection: keep-alive\r\n"
    'ETag: "bench"\r\nAccept-Ranges: none\r\n\r\n'
)
RESPONSE = HEAD.format("application/json", len(DOCUMENT)).encode() + DOCUMENT
DONE = HEAD.format("application/json", 11).encode() + b'{"ok":true}'


def _head(conn: Connection, rest: bytes) -> tuple[bytes, bytes]:
    """One request head and what came after it; an empty head at the end of the connection."""
    while b"\r\n\r\n" not in rest:
        data = conn.receive()
        if not data:
            return b"", b""
        rest += data
    head, _, rest = rest.partition(b"\r\n\r\n")
    return head, rest


def _length(head: bytes) -> int | None:
    """What the head says of the body's length; None means chunked."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
        if line.startswith(b"transfer-encoding:"):
            return None
    return 0


def _skip_chunked(conn: Connection, rest: bytes) -> bool:
    """Read to the end of a chunked body (no trailers are expected)."""
    while True:
        while b"\r\n" not in rest:
            data = conn.receive()
            if not data:
                return False
            rest += data
        line, _, rest = rest.partition(b"\r\n")
        size = int(line.split(b";")[0], 16)
        missing = size + 2 - len(rest)
        if missing > 0 and not conn.discard(missing):
            return False
        rest = rest[size + 2 :]
        if not size:
            return True


def sink(conn: Connection, _name: str, _size: int) -> None:
    """Swallow every request's body and respond."""
    rest = b""
    while True:
        head, rest = _head(conn, rest)
        if not head:
            return
        length = _length(head)
        if not (_skip_chunked(conn, rest) if length is None else conn.discard(length - len(rest))):
            return
        rest = b""
        conn.send(DONE)


def files(conn: Connection, name: str, size: int) -> None:
    """Send the one file there is for any path but `/small`."""
    rest = b""
    while True:
        head, rest = _head(conn, rest)
        if not head:
            return
        if b" /small " in head:
            conn.send(RESPONSE)
        else:
            conn.send(HEAD.format("application/octet-stream", size).encode())
            conn.send_file(name, size)


def serve_small(listener: socket.socket, respond: Callable[[bytes], bytes]) -> None:
    """Send what *respond* returns for each request head; returns when standard input ends."""
    loop = select.epoll()
    loop.register(listener, select.EPOLLIN)
    loop.register(sys.stdin, select.EPOLLIN)
    peers: dict[int, socket.socket] = {}
    while True:
        for number, _ in loop.poll():
            if number == listener.fileno():
                sock, _address = listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                peers[sock.fileno()] = sock
                loop.register(sock, select.EPOLLIN)
            elif number == sys.stdin.fileno():
                return
            else:
                _respond(peers, number, respond)


def _respond(peers: dict[int, socket.socket], number: int, respond: Callable[[bytes], bytes]) -> None:
    try:
        data = peers[number].recv(65536)
        if data:
            peers[number].sendall(b"".join(map(respond, data.split(b"\r\n\r\n")[:-1])))
            return
    except ConnectionError:
        pass
    peers.pop(number).close()


def serve_forked(listener: socket.socket, talk: Callable[[Connection, str, int], None], options: Any) -> None:
    """Give each connection a process; returns when standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    context = None
    if options["pem"]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options["pem"])
    while True:
        if sys.stdin in select.select([listener, sys.stdin], [], [])[0]:
            return
        sock, _ = listener.accept()
        if os.fork():
            sock.close()
            continue
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            conn = Tls(sock, context) if context else Plain(sock)
            talk(conn, options["name"], options["size"])
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            os._exit(0)


@contextmanager
def running(kind: str, *, pem: str = "", name: str = "", size: int = 0) -> Iterator[str]:
    """Start a server and give its base URL; it ends with the block."""
    options = json.dumps({"kind": kind, "pem": pem, "name": name, "size": size})
    command = [sys.executable, "-m", "bench._servers", options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield f"{'https' if pem else 'http'}://127.0.0.1:{port}"


def main() -> None:
    """Serve until standard input ends."""
    options = json.loads(sys.argv[1])
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        print(listener.getsockname()[1], flush=True)
        if options["kind"] == "json":
            serve_small(listener, lambda _: RESPONSE)
        elif options["kind"] == "copr":
            serve_small(listener, ManyBuilds().respond)
        elif options["kind"] == "charmhub":
            _charm_store.serve(listener)
        else:
            serve_forked(listener, {"sink": sink, "files": files}[options["kind"]], options)


if __name__ == "__main__":
    main()

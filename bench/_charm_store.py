"""A store of charms for the bench of that name: the requests of an upload, in one process and one loop.

It is two listeners, as the store's API and its storage host are two. The bytes of a file are thrown away in the kernel;
its name and its exact size are kept, and counted in the end: nobody has sent less than all files, notified of all,
polled, and released all. Each review takes a time of its own, which is drawn beforehand, or none.
"""

from __future__ import annotations

import json
import random
import select
import socket
import sys
import time
from urllib.parse import parse_qs

NAME = "demo"
CHANNEL = "latest/edge"
LISTED = 200
"""How many revisions of other files the package has already."""
# Seconds; by charmcraft's intervals the second poll, after 0.2 s, finds each ended. The same for every client and run.
_draw = random.Random(100)
REVIEWS = [_draw.uniform(0.02, 0.18) for _ in range(100)]
HEAD = (
    "HTTP/1.1 {} OK\r\nServer: bench\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: application/json\r\n"
    "Content-Length: {}\r\nConnection: keep-alive\r\n\r\n"
)
_WINDOW = 1 << 20
_REVISIONS = f"/v1/charm/{NAME}/revisions"
_REVIEW = f"{_REVISIONS}/review"
_RELEASES = f"/v1/charm/{NAME}/releases"


class CharmStore:
    """The package: its uploads, the reviews, and what is released."""

    def __init__(self, storage: int) -> None:
        self._storage = storage
        self._list = json.dumps({"revisions": [_revision(number) for number in range(LISTED, 0, -1)]}).encode()
        self.reset(reviews=False)

    def reset(self, *, reviews: bool) -> None:
        """Forget what was uploaded; from now on reviews take a time, or end at once."""
        self._reviews_take = reviews
        self._uploads: dict[str, tuple[str, int]] = {}
        self._notified: dict[str, float] = {}
        self._approved: set[int] = set()
        self._released: set[int] = set()
        self._polls = 0
        self._lists = 0

    def counts(self) -> dict[str, int]:
        """Return how much of each has arrived, and the storage host's port.

        Files are counted by their names and sizes, revisions by their numbers.
        """
        files = set(self._uploads.values())
        return {
            "files": len(files),
            "bytes": sum(size for _, size in files),
            "sent": len(self._uploads),
            "notified": len(self._notified),
            "released": len(self._released),
            "polls": self._polls,
            "lists": self._lists,
            "storage": self._storage,
        }

    def store(self, name: str, size: int) -> bytes:
        """Take a file that has arrived."""
        upload_id = f"00000000-0000-4000-8000-{len(self._uploads):012x}"
        self._uploads[upload_id] = (name, size)
        return json.dumps({"successful": True, "upload_id": upload_id}).encode()

    def respond(self, method: str, target: str, body: bytes) -> bytes:
        """The response to a request to the API."""
        path, _, text = target.partition("?")
        query = {name: values[0] for name, values in parse_qs(text).items()}
        if path == _REVIEW:
            return self._reviews(query.get("upload-id"))
        if path == _REVISIONS:
            if method == "POST":
                return self._notify(json.loads(body)["upload-id"])
            self._lists += 1
            return self._list
        if path == _RELEASES:
            return self._release(json.loads(body))
        if path == "/reset":
            self.reset(reviews=query["reviews"] == "1")
        return json.dumps(self.counts()).encode()

    def _notify(self, upload_id: str) -> bytes:
        assert upload_id in self._uploads
        self._notified.setdefault(upload_id, time.monotonic())
        return json.dumps({"status-url": f"{_REVIEW}?upload-id={upload_id}"}).encode()

    def _reviews(self, upload_id: str | None) -> bytes:
        self._polls += 1
        wanted = [*self._notified] if upload_id is None else [upload_id]
        return json.dumps({"revisions": [self._review(one) for one in wanted]}).encode()

    def _review(self, upload_id: str) -> dict[str, object]:
        number = LISTED + 1 + int(upload_id[-12:], 16)
        takes = REVIEWS[(number - LISTED - 1) % len(REVIEWS)] if self._reviews_take else 0.0
        if time.monotonic() - self._notified[upload_id] < takes:
            return {"upload-id": upload_id, "status": "new", "revision": None, "errors": None}
        self._approved.add(number)
        return {"upload-id": upload_id, "status": "approved", "revision": number, "errors": None}

    def _release(self, items: list[dict[str, object]]) -> bytes:
        released = []
        for item in items:
            number = item["revision"]
            assert item["channel"] == CHANNEL
            assert isinstance(number, int)
            assert number in self._approved
            self._released.add(number)
            released.append({**item, "resources": [], "expiration-date": None})
        return json.dumps({"released": released}).encode()


def _revision(number: int) -> dict[str, object]:
    base = {"architecture": "amd64", "channel": "24.04", "name": "ubuntu"}
    return {
        "bases": [base],
        "created-at": "2026-01-01T00:00:00.000000+00:00",
        "created-by": "Vq4bQ9Ck2sTt0mMo0nDLyHx1dQ5cUwzZ",
        "errors": None,
        "revision": number,
        "sha3-384": f"{number:096x}",
        "size": _WINDOW,
        "status": "released",
        "version": str(number),
    }


class _Connection:
    """One connection: its next request, of which a file's bytes are not kept."""

    def __init__(self, sock: socket.socket, store: CharmStore, *, is_storage: bool) -> None:
        self.sock = sock
        self._store = store
        self._is_storage = is_storage
        self._data = b""
        self._left = 0  # bytes of a file that are still to come
        self._file = ("", 0)

    def read(self, window: bytearray) -> bool:
        """Take what has arrived, and respond to what is complete; False at the end of the connection."""
        if self._left:
            flags = socket.MSG_TRUNC if sys.platform == "linux" else 0
            got = self.sock.recv_into(window, min(self._left, len(window)), flags)
            self._left -= got
            if got and not self._left:
                self._send(self._store.store(*self._file))
            return got > 0
        data = self.sock.recv(65536)
        self._data += data
        while self._data and self._take():
            pass
        return bool(data)

    def _take(self) -> bool:
        """Take one request off the data; whether there was one."""
        head, end, rest = self._data.partition(b"\r\n\r\n")
        if not end:
            return False
        line, *lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
        method, target, _ = line.split(" ")
        length = int(fields.get("content-length", "0"))
        if self._is_storage:
            assert "authorization" not in fields
            return self._take_file(fields["content-type"].partition("boundary=")[2].strip('"'), length, rest)
        if len(rest) < length:
            return False
        assert not target.startswith("/v1/") or fields["authorization"].startswith("Macaroon ")
        self._data = rest[length:]
        self._send(self._store.respond(method, target, rest[:length]))
        return True

    def _take_file(self, boundary: str, length: int, body: bytes) -> bool:
        part, end, _ = body.partition(b"\r\n\r\n")
        if not end:
            return False
        assert b'name="binary"' in part
        name = part.partition(b'filename="')[2].partition(b'"')[0].decode()
        self._file = name, length - len(part + end) - len(f"\r\n--{boundary}--\r\n")
        self._data = b""
        self._left = length - len(body)
        assert self._left > 0
        return False

    def _send(self, body: bytes) -> None:
        self.sock.sendall(HEAD.format(200, len(body)).encode() + body)


def serve(api: socket.socket) -> None:
    """Serve until standard input ends."""
    window, loop = bytearray(_WINDOW), select.epoll()
    with socket.create_server(("127.0.0.1", 0), backlog=128) as storage:
        store = CharmStore(storage.getsockname()[1])
        listeners = {listener.fileno(): listener for listener in (api, storage)}
        for number in (*listeners, sys.stdin.fileno()):
            loop.register(number, select.EPOLLIN)
        peers: dict[int, _Connection] = {}
        while True:
            for number, _ in loop.poll():
                if number == sys.stdin.fileno():
                    return
                if number in listeners:
                    sock, _address = listeners[number].accept()
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    peers[sock.fileno()] = _Connection(sock, store, is_storage=number == storage.fileno())
                    loop.register(sock, select.EPOLLIN)
                    continue
                try:
                    is_open = peers[number].read(window)
                except ConnectionError:
                    is_open = False
                if not is_open:
                    peers.pop(number).sock.close()

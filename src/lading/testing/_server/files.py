"""Responses from files: streamed from disk, completely or in the requested range."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING, BinaryIO

from lading.testing.messages import Headers, ServerResponse

if TYPE_CHECKING:
    from pathlib import Path

    from lading.testing._server.workers import Workers
    from lading.testing.messages import ServerRequest

PIECE = 256 << 10
_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.IGNORECASE)


class FileSlice:
    """*length* bytes of a file from *start* on, as a body. The file is opened when it is first read."""

    def __init__(self, path: Path, start: int, length: int, workers: Workers) -> None:
        self._path = path
        self._start = start
        self._left = length
        self._workers = workers
        self._file: BinaryIO | None = None

    def __aiter__(self) -> FileSlice:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        piece = await self._workers.run(self._read)
        if not piece:
            raise EOFError(f"{self._path} became shorter while it was served")
        self._left -= len(piece)
        return piece

    def _read(self) -> bytes:
        if self._file is None:
            self._file = self._path.open("rb")
            self._file.seek(self._start)
        return self._file.read(min(PIECE, self._left))

    async def aclose(self) -> None:
        """Close the file."""
        if self._file is not None:
            await self._workers.run(self._file.close)


async def from_file(request: ServerRequest, response: ServerResponse, path: Path, workers: Workers) -> ServerResponse:
    """Return *response* with its file as a stream, and with the status and headers of the requested range."""
    stat = await workers.run(os.stat, path)
    size = stat.st_size
    headers = Headers(response.headers)
    changed = formatdate(stat.st_mtime, usegmt=True)
    extra = {"Accept-Ranges": "bytes", "ETag": f'"{stat.st_mtime_ns:x}-{size:x}"', "Last-Modified": changed}
    pairs = [*headers.pairs, *((name, value) for name, value in extra.items() if name not in headers)]
    headers = Headers(pairs)

    start, stop, status = 0, size, response.status
    wanted = request.headers.get("Range")
    if wanted is not None and request.method == "GET" and status == 200 and _unchanged(request, headers):
        found = _parse(wanted, size)
        if found is not None:
            start, stop = found
            if start >= stop:
                pairs.append(("Content-Range", f"bytes */{size}"))
                return replace(response, status=416, headers=pairs, body=b"", reason=None)
            status = 206
            pairs.append(("Content-Range", f"bytes {start}-{stop - 1}/{size}"))
    pairs.append(("Content-Length", str(stop - start)))
    body = FileSlice(path, start, stop - start, workers)
    return replace(response, status=status, headers=pairs, body=body)


def _unchanged(request: ServerRequest, headers: Headers) -> bool:
    """Return whether the file is the one that ``If-Range`` names; true without that header."""
    known = request.headers.get("If-Range")
    return known is None or (not known.startswith("W/") and known in (headers["ETag"], headers.get("Last-Modified")))


def _parse(value: str, size: int) -> tuple[int, int] | None:
    """Return start and stop of the requested range, empty if it cannot be satisfied; ``None`` for the complete file.

    The response to several ranges, or to a malformed range, may be the complete file.
    """
    match = _RANGE.fullmatch(value.strip())
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        return None
    return int(first), min(size, int(last) + 1) if last else size

"""From a store to a file: beside the target first, verified, then renamed into place."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from lading._core.progress import ProgressReporter
from lading._core.threads import run_in_thread
from lading.errors import IntegrityError, InvalidResponse, NetworkError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lading._core.call import Call
    from lading._core.files import StrPath
    from lading._core.messages import ResponseStream
    from lading._core.sender import Sender
    from lading.types import OnProgress

# A thread is asked once for so many bytes: smaller ones cost more than the writing.
_BATCH = 2 * 1024 * 1024
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")


@dataclass(frozen=True, slots=True)
class Expected:
    """What a file must turn out to be.

    Attributes:
        size: Bytes, where known.
        digests: Hex digests by name.
        hashers: A maker of a hashlib object for each of those names.
    """

    size: int | None = None
    digests: Mapping[str, str] = field(default_factory=dict[str, str])
    hashers: Mapping[str, Callable[[], Any]] = field(default_factory=dict[str, "Callable[[], Any]"])


async def download(
    sender: Sender,
    call: Call[Any],
    target: StrPath,
    *,
    promise: Expected,
    on_progress: OnProgress | None = None,
) -> Path:
    """The path of the finished file, *target*.

    A transfer that breaks off goes on where it was (``Range`` with ``If-Range``) where the store can do that, and from
    the start where not. Until size and digests match there is nothing at *target*; on any failure the temporary
    file beside it is removed.

    Raises:
        IntegrityError: Size or digest are not as promised.
        OSError: The file cannot be written.
    """
    path = Path(target)
    download = _Download(sender, call, path, promise, on_progress)
    try:
        await download.open()
        await sender.retrying(download.step)
        await download.finish()
    finally:
        with anyio.CancelScope(shield=True):
            await run_in_thread(download.discard)
    return path


class _Download:
    def __init__(
        self, sender: Sender, call: Call[Any], path: Path, promise: Expected, on_progress: OnProgress | None
    ) -> None:
        self._sender = sender
        self._call = call
        self._path = path
        # Recognisable, and no longer than a file system takes: that counts bytes.
        beginning = path.name.encode("utf-8", "ignore")[:100].decode("utf-8", "ignore")
        self._temporary = path.with_name(f".{beginning}.{secrets.token_hex(8)}.part")
        self._promise = promise
        self._on_progress = on_progress
        self._fd = -1
        self._buffer = bytearray(min(_BATCH, promise.size or _BATCH))
        self._done = 0
        self._validator: str | None = None
        self._ranges = False
        self._hashers: dict[str, Any] = {}
        self._kept = False

    async def open(self) -> None:
        def make() -> None:
            # Not mkstemp: the finished file is to have the permissions that the umask gives.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            self._fd = os.open(self._temporary, flags, 0o666)

        await run_in_thread(make)

    async def step(self, number: int) -> None:
        """Receive from where we are to the end."""
        headers = dict(self._call.headers)
        resumed = self._done > 0 and self._ranges
        if resumed:
            headers["Range"] = f"bytes={self._done}-"
            if self._validator is not None:
                headers["If-Range"] = self._validator
        call = replace(self._call, headers=headers, allow_statuses=frozenset({416}))
        # One attempt: answers that do not come and answers that break off are counted together, out there.
        async with self._sender.stream(call, attempt=number) as incoming:
            total = await self._begin(incoming, resumed=resumed)
            meter = ProgressReporter(self._on_progress, total, number)
            meter.count = self._done
            try:
                await self._receive(incoming, meter)
            except NetworkError as error:
                error.outcome = "not_done"  # as for any read
                raise
            if total is not None and self._done != total:
                raise NetworkError(
                    f"{self._shown()}: the answer ended after {self._done} of {total} bytes", phase="receive"
                )
            meter.end()

    async def _begin(self, incoming: ResponseStream, *, resumed: bool) -> int | None:
        """Take up the transfer: the total size, with what was received before kept or thrown away."""
        headers = incoming.headers
        if incoming.status == 206:
            found = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
            if not resumed or found is None or int(found[1]) != self._done:
                raise InvalidResponse(f"{self._shown()}: the store sent another part of the file than it was asked for")
            if not self._is_same(headers):
                raise self._from_the_start()
            return None if found[3] == "*" else int(found[3])
        if incoming.status == 416:
            raise self._from_the_start()
        await self._restart()
        etag = headers.get("etag", "")
        self._validator = etag if etag.startswith('"') else headers.get("last-modified")
        # With neither validator, only a digest to come could tell a changed file.
        self._ranges = headers.get("accept-ranges", "").lower() != "none" and (
            self._validator is not None or bool(self._promise.digests)
        )
        length = headers.get("content-length", "")
        return int(length) if length.isdigit() else self._promise.size

    def _is_same(self, headers: Mapping[str, str]) -> bool:
        """Whether a part is of the file that was begun, for a store that does not heed ``If-Range``."""
        if self._validator is None:
            return True
        name = "etag" if self._validator.startswith('"') else "last-modified"
        return headers.get(name, self._validator) == self._validator

    def _from_the_start(self) -> NetworkError:
        """As for a transfer that broke off, but what was received is not of this file."""
        self._ranges, self._validator = False, None
        return NetworkError(f"{self._shown()}: the file changed while it was downloaded", phase="receive")

    async def _restart(self) -> None:
        if self._done:
            await run_in_thread(os.ftruncate, self._fd, 0)
            await run_in_thread(os.lseek, self._fd, 0, os.SEEK_SET)
        self._done = 0
        self._hashers = {name: self._promise.hashers[name]() for name in self._promise.digests}

    async def _receive(self, incoming: ResponseStream, meter: ProgressReporter) -> None:
        buffer = memoryview(self._buffer)
        limit = self._promise.size
        held = 0
        try:
            while count := await incoming.read_into(buffer[held:]):
                held += count
                if limit is not None and self._done + held > limit:
                    raise IntegrityError(f"{self._shown()}: more than the promised {limit} bytes came")
                meter.add(count)
                if held == len(buffer):
                    full, held = held, 0
                    await self._flush(buffer[:full])
        except NetworkError:
            # What did arrive need not be sent again.
            await self._flush(buffer[:held])
            raise
        await self._flush(buffer[:held])

    async def _flush(self, piece: memoryview) -> None:
        if piece:
            await run_in_thread(self._write, piece)
            self._done += len(piece)

    def _write(self, piece: memoryview) -> None:
        for hasher in self._hashers.values():
            hasher.update(piece)
        while piece:
            piece = piece[os.write(self._fd, piece) :]

    async def finish(self) -> None:
        """Verify, and rename into place."""
        promise = self._promise
        if promise.size is not None and self._done != promise.size:
            raise IntegrityError(f"{self._shown()}: {self._done} bytes came instead of {promise.size}")
        for name, hasher in self._hashers.items():
            if hasher.hexdigest() != promise.digests[name].lower():
                raise IntegrityError(
                    f"{self._shown()}: its {name} is {hasher.hexdigest()} instead of {promise.digests[name]}; "
                    "nothing was kept"
                )
        await run_in_thread(self._keep)

    def _keep(self) -> None:
        self._close()
        self._temporary.replace(self._path)
        self._kept = True

    def discard(self) -> None:
        """Close, and remove the temporary file if it was not kept."""
        self._close()
        if not self._kept:
            with suppress(OSError):
                self._temporary.unlink()

    def _close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def _shown(self) -> str:
        return f"{self._sender.service.name}: download of {self._path.name}"

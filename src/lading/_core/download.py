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

from lading._core.progress import Meter
from lading._core.retry import attempts
from lading._core.threads import in_thread
from lading.errors import BadAnswer, ConnectError, IntegrityError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lading._core.call import Call, Incoming
    from lading._core.files import StrPath
    from lading._core.sender import Sender
    from lading.types import OnProgress

# A thread is asked once for so many bytes: smaller ones cost more than the writing.
_BATCH = 2 * 1024 * 1024
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class Promise:
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
    promise: Promise,
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
        await attempts(download.step, sender.settings.retry, lambda _: download.broke_off)
        await download.finish()
    finally:
        with anyio.CancelScope(shield=True):
            await in_thread(download.discard)
    return path


class _Download:
    def __init__(
        self, sender: Sender, call: Call[Any], path: Path, promise: Promise, on_progress: OnProgress | None
    ) -> None:
        self._sender = sender
        self._call = call
        self._path = path
        self._temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}.part")
        self._promise = promise
        self._on_progress = on_progress
        self._fd = -1
        self._buffer = bytearray(min(_BATCH, promise.size or _BATCH))
        self._done = 0
        self._validator: str | None = None
        self._ranges = False
        self._hashers: dict[str, Any] = {}
        self._kept = False
        self.broke_off = False

    async def open(self) -> None:
        def make() -> None:
            # Not mkstemp: the finished file is to have the permissions that the umask gives.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            self._fd = os.open(self._temporary, flags, 0o666)

        await in_thread(make)

    async def step(self, number: int) -> None:
        """Receive from where we are to the end."""
        self.broke_off = False
        headers = dict(self._call.headers)
        if self._done and self._ranges:
            headers["Range"] = f"bytes={self._done}-"
            if self._validator is not None:
                headers["If-Range"] = self._validator
        call = replace(self._call, headers=headers, accept=frozenset({416}))
        async with self._sender.open(call) as incoming:
            total = await self._begin(incoming)
            meter = Meter(self._on_progress, total, number)
            meter.count = self._done
            try:
                await self._receive(incoming, meter)
            except ConnectError:
                self.broke_off = True
                raise
            if total is not None and self._done != total:
                self.broke_off = True
                raise ConnectError(
                    f"{self._shown()}: the answer ended after {self._done} of {total} bytes", phase="receive"
                )
            meter.end()

    async def _begin(self, incoming: Incoming) -> int | None:
        """Take up the transfer: the total size, with what was received before kept or thrown away."""
        headers = incoming.headers
        if incoming.status == 206:
            found = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
            if found is None or int(found[1]) != self._done:
                raise BadAnswer(f"{self._shown()}: the store sent another part of the file than it was asked for")
            return None if found[3] == "*" else int(found[3])
        if incoming.status == 416:
            # The file is not the one that was begun: from the start, as a transfer that broke off.
            self._ranges, self._validator = False, None
            self.broke_off = True
            raise ConnectError(f"{self._shown()}: the file changed while it was downloaded", phase="receive")
        await self._restart()
        etag = headers.get("etag", "")
        self._validator = etag if etag.startswith('"') else headers.get("last-modified")
        # With neither validator, only a digest to come could tell a changed file.
        self._ranges = headers.get("accept-ranges", "").lower() != "none" and (
            self._validator is not None or bool(self._promise.digests)
        )
        length = headers.get("content-length", "")
        return int(length) if length.isdigit() else self._promise.size

    async def _restart(self) -> None:
        if self._done:
            await in_thread(os.ftruncate, self._fd, 0)
            await in_thread(os.lseek, self._fd, 0, os.SEEK_SET)
        self._done = 0
        self._hashers = {name: self._promise.hashers[name]() for name in self._promise.digests}

    async def _receive(self, incoming: Incoming, meter: Meter) -> None:
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
        except ConnectError:
            # What did arrive need not be sent again.
            await self._flush(buffer[:held])
            raise
        await self._flush(buffer[:held])

    async def _flush(self, piece: memoryview) -> None:
        if piece:
            await in_thread(self._write, piece)
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
        await in_thread(self._keep)

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

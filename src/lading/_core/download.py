"""From a store to a file: beside the target first, verified, then renamed into place."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import anyio

from lading._core.files import safe_name
from lading._core.progress import ProgressReporter
from lading._core.resumable import Expected, ResumableReader, StreamOpener
from lading._core.threads import run_in_thread
from lading.errors import InputError, NetworkError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from lading._core.call import Call
    from lading._core.files import StrPath
    from lading._core.service import Service
    from lading.types import OnProgress

__all__ = ["MAX_UNLISTED", "Expected", "download", "target_path"]

# Bytes that are written at once in a worker thread: with fewer, the thread costs more than the writing.
_BATCH = 2 * 1024 * 1024

# How long a file may be whose size the store does not list: a server that never ends does not fill the disk.
MAX_UNLISTED = 16 << 30

T = TypeVar("T")


async def target_path(to: StrPath, name: str) -> Path:
    """Return the path that a download is written to: in a directory under *name*, which a server chose.

    Args:
        to: An existing directory, a path that ends in a slash (a directory, created if it is missing), or the path of
            the file.
        name: The file's name at the store.

    Raises:
        InvalidResponse: *to* is a directory, and *name* is not a plain file name.
        OSError: The directory cannot be created.
    """
    path = Path(to)
    if os.fspath(to).endswith(tuple(filter(None, (os.sep, os.altsep)))):
        path /= safe_name(name)
        await run_in_thread(lambda: path.parent.mkdir(parents=True, exist_ok=True))
    elif await run_in_thread(path.is_dir):
        path /= safe_name(name)
    return path


class DownloadSource(StreamOpener, Protocol):
    """Opens responses for a download, and retries: a :class:`Sender`, or what chooses one for each attempt."""

    @property
    def service(self) -> Service:
        """The store, as errors call it."""
        ...

    async def retrying(self, step: Callable[[int], Awaitable[T]]) -> T:
        """Run ``step(number)`` under a retry rule, and return what it returns."""
        ...


async def download(
    source: DownloadSource,
    call: Call[Any],
    target: StrPath,
    *,
    promise: Expected,
    on_progress: OnProgress | None = None,
    max_size: int | None = None,
) -> Path:
    """Download a file to *target*, and return its path.

    A transfer that is interrupted resumes where the store supports that, and starts again where not. Until size and
    digests match there is nothing at *target*; on any failure the temporary file beside it is removed.

    Args:
        source: Opens the responses, and has the retry rule.
        call: Reads the file.
        target: The path of the file.
        promise: What the file must turn out to be.
        on_progress: Called with how many bytes have arrived.
        max_size: Bytes: a longer file is refused; by default ``MAX_UNLISTED`` where its size is not known before.

    Raises:
        IntegrityError: Size or digest are not as expected.
        InvalidResponse: The file is longer than the limit.
        InputError: *target* is a device, a pipe or a socket, which a download never replaces.
        OSError: The file cannot be written. It names *target*.
    """
    path = Path(target)
    if max_size is None and promise.size is None:
        max_size = MAX_UNLISTED
    promise = replace(promise, limit=max_size)
    label = f"{source.service.name}: download of {path.name}"
    reader = ResumableReader(source, call, promise, label=label)
    download = _Download(reader, path, min(_BATCH, promise.size or _BATCH), on_progress)
    try:
        await download.open()
        await source.retrying(download.step)
        reader.verify()
        await download.finish()
    finally:
        with anyio.CancelScope(shield=True):
            await run_in_thread(download.discard)
    return path


class _Download:
    def __init__(self, reader: ResumableReader, path: Path, batch: int, on_progress: OnProgress | None) -> None:
        self._reader = reader
        self._path = path
        # Recognisable, and no longer than a file system allows: that counts bytes.
        beginning = path.name.encode("utf-8", "ignore")[:100].decode("utf-8", "ignore")
        self._temporary = path.with_name(f".{beginning}.{secrets.token_hex(8)}.part")
        self._on_progress = on_progress
        self._fd = -1
        self._buffer = bytearray(batch)
        self._written = 0
        self._kept = False

    async def open(self) -> None:
        def make() -> None:
            self._check_target()
            # Not mkstemp: the finished file is to have the permissions that the umask gives.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            with self._naming_target():
                self._fd = os.open(self._temporary, flags, 0o666)

        await run_in_thread(make)

    def _check_target(self) -> None:
        """Raise ``InputError`` when the target is something else than a file: renaming over it would remove it."""
        try:
            mode = self._path.stat().st_mode
        except FileNotFoundError:
            return
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(self._path))
        if not stat.S_ISREG(mode):
            raise InputError(f"{self._path} is not a regular file: a download would replace it", argument="to")

    @contextmanager
    def _naming_target(self) -> Iterator[None]:
        """Name the target in an ``OSError``, and not the temporary file, of which the caller knows nothing."""
        try:
            yield
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._path)) from None

    async def step(self, number: int) -> None:
        """Receive from the current position to the end, in one attempt.

        Responses that do not come and responses that are interrupted count together, in the loop around this.
        """
        async with self._reader.attempt(number) as start:
            if start == 0 and self._written:
                with self._naming_target():
                    await run_in_thread(os.ftruncate, self._fd, 0)
                    await run_in_thread(os.lseek, self._fd, 0, os.SEEK_SET)
                self._written = 0
            reporter = ProgressReporter(self._on_progress, self._reader.end, number)
            reporter.count = start
            await self._receive(reporter)
            reporter.end()

    async def _receive(self, reporter: ProgressReporter) -> None:
        buffer = memoryview(self._buffer)
        held = 0
        try:
            while count := await self._reader.read_into(buffer[held:]):
                held += count
                reporter.add(count)
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
            self._written += len(piece)

    def _write(self, piece: memoryview) -> None:
        self._reader.update_digests(piece)
        with self._naming_target():
            while piece:
                piece = piece[os.write(self._fd, piece) :]

    async def finish(self) -> None:
        """Rename the file into place."""
        await run_in_thread(self._keep)

    def _keep(self) -> None:
        self._check_target()  # it may be there only now
        with self._naming_target():
            self._close()
            self._temporary.replace(self._path)
        self._kept = True

    def discard(self) -> None:
        """Close the file, and remove it if it was not kept."""
        self._close()
        if not self._kept:
            with suppress(OSError):
                self._temporary.unlink()

    def _close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

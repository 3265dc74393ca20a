"""Reading and hashing files without blocking the event loop."""

from __future__ import annotations

import errno
import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unicodedata import category

from lading._core.threads import check_cancelled, run_in_thread
from lading.errors import InputError, InvalidResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PIECE = 112 * 1024
# Of each of up to 16 threads: a larger one hashes no faster, and is as much more memory.
_HASH_PIECE = 256 * 1024
# From this size on, hashing in several threads is faster than in one.
_MANY_PIECES = 64 * 1024 * 1024

# Reading without waiting: Linux returns bytes from the page cache, or EAGAIN. Elsewhere every read needs a thread.
_NOWAIT: int = getattr(os, "RWF_NOWAIT", 0) if hasattr(os, "preadv") else 0
_CANNOT = {errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}

StrPath = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class FileVersion:
    """The identity of a file's content, for detecting that the file has changed.

    Attributes:
        size: Bytes.
        mtime_ns: Last modification, nanoseconds since the epoch.
        identity: Device and inode.
    """

    size: int
    mtime_ns: int
    identity: tuple[int, int]


@dataclass(frozen=True, slots=True)
class FileDigests:
    """The result of one pass over a file.

    Attributes:
        stamp: The version of the file that was read.
        digests: Hex digests by name.
    """

    stamp: FileVersion
    digests: Mapping[str, str]


def _open(path: StrPath) -> Any:
    if stat.S_ISFIFO(os.stat(path).st_mode):  # noqa: PTH116 - opening it would wait for a writer without end
        raise _not_a_file_error(path)
    return open(path, "rb", buffering=0)  # noqa: PTH123 - nothing of pathlib's is needed


def _stamp(fd: int, path: StrPath) -> FileVersion:
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode):
        raise _not_a_file_error(path)
    return FileVersion(info.st_size, info.st_mtime_ns, (info.st_dev, info.st_ino))


def _not_a_file_error(path: StrPath) -> InputError:
    return InputError(f"{os.fspath(path)} is not a regular file", argument="path")


async def file_version(path: StrPath) -> FileVersion:
    """Return the version of the file at *path*.

    Raises:
        InputError: It is not a regular file.
        OSError: It cannot be read.
    """

    def read() -> FileVersion:
        with _open(path) as file:
            return _stamp(file.fileno(), path)

    return await run_in_thread(read)


async def hash_file(path: StrPath, hashers: Mapping[str, Callable[[], Any]]) -> FileDigests:
    """Compute digests of the file at *path*, all in one pass in a worker thread.

    Args:
        path: The file.
        hashers: Functions that create a hashlib object, by the name of the digest in the result.

    Raises:
        InputError: It is not a regular file, or changed while it was read.
        OSError: It cannot be read.
    """

    def run() -> FileDigests:
        running = {name: make() for name, make in hashers.items()}
        with _open(path) as file:
            before = _stamp(file.fileno(), path)
            _feed(file, list(running.values()), many=before.size >= _MANY_PIECES)
            if _stamp(file.fileno(), path) != before:
                raise file_changed_error(path)
        return FileDigests(before, {name: hasher.hexdigest() for name, hasher in running.items()})

    return await run_in_thread(run)


def _feed(file: Any, hashers: list[Any], *, many: bool) -> None:
    """Update every hasher with all bytes of *file*."""
    # Passing a piece to another thread costs something, too.
    buffer = memoryview(bytearray(4 * _HASH_PIECE if many else _HASH_PIECE))
    if not many or len(hashers) < 2:
        while count := file.readinto(buffer):
            check_cancelled()
            for hasher in hashers:
                hasher.update(buffer[:count])
        return
    # The slowest takes as long as all others together. They run concurrently, as hashing releases the interpreter lock.
    first, *rest = hashers
    with ThreadPoolExecutor(len(rest)) as beside:
        while count := file.readinto(buffer):
            check_cancelled()
            others = [beside.submit(hasher.update, buffer[:count]) for hasher in rest]
            first.update(buffer[:count])
            for other in others:
                other.result()


def file_changed_error(path: StrPath) -> InputError:
    """Create the error for a file that has changed since its version was read."""
    return InputError(
        f"{os.fspath(path)} changed while it was being read: write it elsewhere and rename it into place, "
        "or wait until its writer has finished",
        argument="path",
    )


class FileReader:
    """An open file that is read at given offsets: inline where the bytes are cached, else in a thread."""

    __slots__ = ("_inline", "_path", "_raw", "_stamp")

    def __init__(self, path: StrPath, expected: FileVersion) -> None:
        self._path = path
        self._stamp = expected
        self._raw: Any = None
        self._inline = bool(_NOWAIT)

    async def open(self) -> None:
        """Open the file in a thread; ``InputError`` when it is not the expected version."""
        await run_in_thread(self._open)

    def _open(self) -> None:
        try:
            raw = _open(self._path)
        except FileNotFoundError:
            raise file_changed_error(self._path) from None
        try:
            self._check(raw)
        except BaseException:
            raw.close()
            raise
        self._raw = raw

    def _check(self, raw: Any) -> None:
        if _stamp(raw.fileno(), self._path) != self._stamp:
            raise file_changed_error(self._path)

    def check(self) -> None:
        """Raise ``InputError`` when the file has changed. One fstat of an open file, which does not wait."""
        self._check(self._raw)

    async def read_into(self, buffer: memoryview, offset: int) -> int:
        """Read bytes from *offset* into *buffer* and return how many; 0 at the file's end."""
        if self._inline:
            try:
                return os.preadv(self._raw.fileno(), [buffer], offset, _NOWAIT)
            except BlockingIOError:
                pass
            except OSError as error:
                if error.errno not in _CANNOT:
                    raise
                self._inline = False
        return await run_in_thread(self._read, buffer, offset)

    def _read(self, buffer: memoryview, offset: int) -> int:
        if hasattr(os, "posix_fadvise"):
            # Read ahead, so that the next reads may find their bytes cached.
            os.posix_fadvise(self._raw.fileno(), offset, 16 * len(buffer), os.POSIX_FADV_WILLNEED)
        self._raw.seek(offset)
        count: int = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        if self._raw is not None:
            self._raw.close()
            self._raw = None


# Windows takes the first part for a device, with blanks after it too.
_RESERVED = re.compile(r"(?i)^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?$")
# Control characters, line and paragraph separators, lone surrogates, and what changes how a name is displayed.
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Scripts and emoji need these two to join letters, or not.
_JOINERS = "\u200c\u200d"


def safe_name(name: str) -> str:
    """Return *name*, which a server chose, when it is a plain and visible file name on every platform.

    Raises:
        InvalidResponse: It could name a file outside its directory, none at all, a hidden one or an option of a
            command, or be displayed as another name.
    """
    bad = (
        not name
        or name[0] in ".-"
        or name != name.strip()
        or name.endswith(".")
        or any(c in '/\\:*?"<>|' or (category(c) in _UNSEEN and c not in _JOINERS) for c in name)
        or len(name.encode("utf-8", "surrogatepass")) > 255
        or _RESERVED.match(name)
    )
    if bad:
        raise InvalidResponse(
            f"the store named a file {name[:80]!a}, which is not a plain file name; nothing was written"
        )
    return name

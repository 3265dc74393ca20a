"""Reading and hashing files without holding up the event loop."""

from __future__ import annotations

import errno
import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lading._core.threads import check_cancelled, run_in_thread
from lading.errors import InputError, InvalidResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PIECE = 112 * 1024
_HASH_PIECE = 1024 * 1024
# For files so long that threads beside each other are worth their while.
_MANY_PIECES = 64 * 1024 * 1024

# Reading without waiting: Linux answers from the page cache or says EAGAIN. Elsewhere every read takes a thread.
_NOWAIT: int = getattr(os, "RWF_NOWAIT", 0) if hasattr(os, "preadv") else 0
_CANNOT = {errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}

StrPath = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class FileVersion:
    """What tells that a file is still the one that was looked at.

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
    """One pass over a file: its stamp, and its digests (hex) by name."""

    stamp: FileVersion
    digests: Mapping[str, str]


def _open(path: StrPath) -> Any:
    if stat.S_ISFIFO(os.stat(path).st_mode):  # noqa: PTH116 - opening it would wait for a writer, for ever
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
    """The stamp of the file at *path*; ``OSError`` as the system says it."""

    def look() -> FileVersion:
        with _open(path) as file:
            return _stamp(file.fileno(), path)

    return await run_in_thread(look)


async def hash_file(path: StrPath, hashers: Mapping[str, Callable[[], Any]]) -> FileDigests:
    """Digests of the file at *path*, all in one pass in a worker thread.

    Args:
        path: The file.
        hashers: A maker of a hashlib object by the name the digest is wanted under.
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
    """Give all of *file* to every hasher."""
    buffer = memoryview(bytearray(_HASH_PIECE))
    if not many or len(hashers) < 2:
        while count := file.readinto(buffer):
            check_cancelled()
            for hasher in hashers:
                hasher.update(buffer[:count])
        return
    # The slowest takes as long as all others together: they go side by side, for hashing lets go of the interpreter.
    first, *rest = hashers
    with ThreadPoolExecutor(len(rest)) as beside:
        while count := file.readinto(buffer):
            check_cancelled()
            others = [beside.submit(hasher.update, buffer[:count]) for hasher in rest]
            first.update(buffer[:count])
            for other in others:
                other.result()


def file_changed_error(path: StrPath) -> InputError:
    """The error for a file that is no longer what it was when it was first looked at."""
    return InputError(
        f"{os.fspath(path)} changed while it was being read: write it elsewhere and rename it into place, "
        "or wait until its writer has finished",
        argument="path",
    )


class FileReader:
    """An open file read at chosen places, inline where the bytes are cached and in a thread where not."""

    __slots__ = ("_inline", "_path", "_raw", "_stamp")

    def __init__(self, path: StrPath, expected: FileVersion) -> None:
        self._path = path
        self._stamp = expected
        self._raw: Any = None
        self._inline = bool(_NOWAIT)

    async def open(self) -> None:
        """Open it in a thread; ``InputError`` when it is not the file that was stamped."""
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
        """``InputError`` when the file changed since it was stamped. One fstat of an open file: no waiting."""
        self._check(self._raw)

    async def read_into(self, buffer: memoryview, offset: int) -> int:
        """How many bytes were read from *offset* into *buffer*; 0 at the file's end."""
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
            # Ask for more than this read, so that the next ones may find their bytes cached.
            os.posix_fadvise(self._raw.fileno(), offset, 16 * len(buffer), os.POSIX_FADV_WILLNEED)
        self._raw.seek(offset)
        count: int = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        """Close it; harmless twice."""
        if self._raw is not None:
            self._raw.close()
            self._raw = None


_RESERVED = re.compile(r"(?i)^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?$")


def safe_name(name: str) -> str:
    """*name* itself, when it names a file right inside a folder on every platform; ``InvalidResponse`` otherwise.

    For names that a server chose.
    """
    bad = (
        not name
        or name in {".", ".."}
        or any(c in '/\\:*?"<>|' or ord(c) < 32 or ord(c) == 127 for c in name)
        or name.endswith((" ", "."))
        or len(name.encode("utf-8", "surrogatepass")) > 255
        or _RESERVED.match(name)
    )
    if bad:
        raise InvalidResponse(
            f"the store named a file {name[:80]!r}, which is not a plain file name; nothing was written"
        )
    return name

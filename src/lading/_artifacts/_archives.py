"""Bounded reading of archives: one small member of a file that may be damaged, or made to exhaust the reader.

The functions read no more than they need, keep no list of what they pass, and can be cancelled between any two reads.
They are for worker threads.
"""

from __future__ import annotations

import errno
import gzip
import tarfile
import zipfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Protocol

from lading._core.threads import check_cancelled
from lading.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MAX_MEMBERS = 100_000
# The list of members at the end of a zip file, which the standard library reads as a whole.
MAX_ZIP_DIRECTORY = 16 << 20
# The extended header of one member of a tar file (pax, or a long name of GNU tar).
MAX_TAR_HEADER = 1 << 20
# The member that is read.
MAX_CONTENT = 4 << 20

_BLOCK = 512
_PIECE = 256 << 10
_LONGEST_NUMBER = 20
_LONGEST_END = 128 << 10
_DIRECTORY_ENTRY = b"PK\x01\x02"
_PAX_TYPES = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
_GNU_LONG_TYPES = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


class Readable(Protocol):
    """A file, or what decompresses one. Of a last piece it returns less than what was requested."""

    def read(self, size: int, /) -> bytes: ...


class ArchiveFault(Exception):
    """What is wrong with an archive, as the end of a sentence that begins with its file name."""


@contextmanager
def reading(filename: str) -> Iterator[None]:
    """Raise an ``InputError`` that names the file for whatever the body raises because of the file's content.

    Errors of the file system are raised as they are, and so is a lack of memory.
    """
    try:
        yield
    except ArchiveFault as fault:
        raise InputError(f"{filename} {fault}", argument="path") from fault
    except (InputError, MemoryError):
        raise
    except Exception as error:  # reading a damaged archive fails in a dozen ways
        # Offsets that make no sense are the archive's fault, and so is an OSError of gzip's own, without a number.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        text = " ".join(str(error)[:200].encode("ascii", "backslashreplace").decode().split())
        raise InputError(f"{filename} is damaged: {type(error).__name__}: {text}", argument="path") from error


def read_zip_member(file: IO[bytes], choose: Callable[[Sequence[str]], str | None]) -> bytes | None:
    """Return the content of one member of a zip archive; ``None`` when *choose* returns ``None``.

    Args:
        file: The archive.
        choose: Called with the names of all members; returns that of the member to read.

    Raises:
        ArchiveFault: A limit is exceeded, or the member is compressed with anything but deflate.
        Exception: The archive is damaged.
    """
    with zipfile.ZipFile(_GuardedFile(file)) as archive:
        name = choose(archive.namelist())
        if name is None:
            return None
        info = archive.getinfo(name)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ArchiveFault("has metadata that are compressed with another method than deflate")
        _check_size(info.file_size)
        with archive.open(info) as member:
            content = member.read(MAX_CONTENT + 1)
        _check_size(len(content))
        return content


def read_tar_gz_member(file: IO[bytes], wanted: Callable[[str], bool]) -> bytes | None:
    """Return the content of the first file in a gzipped tar archive whose name is *wanted*; ``None`` without one.

    Raises:
        ArchiveFault: A limit is exceeded, or the archive has sparse members.
        Exception: The archive is damaged.
    """
    with gzip.GzipFile(fileobj=_GuardedFile(file), mode="rb") as stream:
        return read_tar_member(stream, wanted)


def read_tar_member(stream: Readable, wanted: Callable[[str], bool]) -> bytes | None:
    """Return the content of the first file in a tar archive whose name is *wanted*; ``None`` without one.

    The archive is read forward only, up to the end of that file. (The standard library's ``TarFile`` keeps every member
    in memory, and reads extended headers of any size.)

    Args:
        stream: The archive, not compressed.
        wanted: Called with the names of members, in their order.

    Raises:
        ArchiveFault: A limit is exceeded, or the archive has sparse members.
        Exception: The archive is damaged.
    """
    defaults: dict[str, str] = {}
    extended: dict[str, str] = {}
    for number in range(MAX_MEMBERS):
        check_cancelled()
        block = stream.read(_BLOCK)
        if number and (not block or not any(block)):
            return None
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        if header.type in _PAX_TYPES or header.type in _GNU_LONG_TYPES:
            content = _read_header(stream, header.size)
            if header.type == tarfile.XGLTYPE:
                defaults |= _read_pax(content)
            elif header.type in _PAX_TYPES:
                extended |= _read_pax(content)
            elif header.type == tarfile.GNUTYPE_LONGNAME:
                extended.setdefault("path", content.partition(b"\0")[0].decode("utf-8", "surrogateescape"))
            continue
        fields = {**defaults, **extended}
        extended = {}
        if header.type == tarfile.GNUTYPE_SPARSE or any(key.startswith("GNU.sparse.") for key in fields):
            raise ArchiveFault("has sparse members, which no distribution may have")
        size = _size(header, fields)
        # As the standard library has it, members of unknown types are files.
        is_file = header.isreg() or header.type not in tarfile.SUPPORTED_TYPES
        if is_file and wanted(fields.get("path", header.name)):
            _check_size(size)
            return _read_exactly(stream, size)
        if is_file:
            _skip(stream, _padded(size))
    raise ArchiveFault(f"has more than {MAX_MEMBERS} members")


class _GuardedFile:
    """A file whose readers get no more at once than is needed for an archive of acceptable size."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        check_cancelled()
        if size > MAX_ZIP_DIRECTORY:
            raise ArchiveFault(f"has a list of members of more than {MAX_ZIP_DIRECTORY} bytes")
        # Without a size zipfile reads the end of the file, of which no more than this means anything.
        content = self._file.read(_LONGEST_END if size < 0 else size)
        # zipfile reads the list in one piece, whatever number of entries the archive claims, and makes objects of it.
        if content.count(_DIRECTORY_ENTRY) > MAX_MEMBERS:
            raise ArchiveFault(f"has more than {MAX_MEMBERS} members")
        return content

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True


def _check_size(size: int) -> None:
    if size > MAX_CONTENT:
        raise ArchiveFault(f"has metadata of more than {MAX_CONTENT} bytes")


def _size(header: tarfile.TarInfo, fields: dict[str, str]) -> int:
    size = header.size
    if "size" in fields:
        text = fields["size"]
        if not (text.isdecimal() and len(text) <= _LONGEST_NUMBER):
            raise ArchiveFault("is damaged: the size of a member is not a number")
        size = int(text)
    if size < 0:
        raise ArchiveFault("is damaged: the size of a member is negative")
    return size


def _read_header(stream: Readable, size: int) -> bytes:
    if not 0 <= size <= MAX_TAR_HEADER:
        raise ArchiveFault(f"has a member whose header has more than {MAX_TAR_HEADER} bytes")
    return _read_exactly(stream, _padded(size))[:size]


def _read_pax(content: bytes) -> dict[str, str]:
    """Return the records of an extended header: ``<length> <key>=<value>`` and a line break, in time linear in it."""
    fields: dict[str, str] = {}
    at = 0
    while at < len(content) and content[at]:
        space = content.find(b" ", at, at + _LONGEST_NUMBER)
        digits = content[at:space] if space > 0 else b""
        end = at + int(digits) if digits.isdigit() else 0
        key, equals, value = content[space + 1 : end].partition(b"=")
        if not space < end <= len(content) or not equals or not value.endswith(b"\n"):
            raise ArchiveFault("is damaged: the extended header of a member is malformed")
        fields[key.decode("utf-8", "surrogateescape")] = value[:-1].decode("utf-8", "surrogateescape")
        at = end
    return fields


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _read_exactly(stream: Readable, size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise EOFError("the archive ends too early")
    return content


def _skip(stream: Readable, size: int) -> None:
    while size:
        check_cancelled()
        passed = len(stream.read(min(size, _PIECE)))
        if not passed:
            raise EOFError("the archive ends too early")
        size -= passed

"""Archives that are small on disk and exhaust whoever reads them without limits; none is ever whole in memory."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING, Literal

from tests.support.distributions import core_metadata, zipped

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_PIECE = bytes(1 << 20)


def wheel_of_long_metadata(path: Path, compression: int, size: int) -> Path:
    """A wheel whose METADATA are *size* bytes (a multiple of 1 MiB), nearly all of them zeros."""
    with zipfile.ZipFile(path, "w", compression) as archive, archive.open("demo-1.0.dist-info/METADATA", "w") as member:
        member.write(core_metadata())
        for _ in range(size >> 20):
            member.write(_PIECE)
    return path


def wheel_that_understates(path: Path) -> Path:
    """A wheel whose METADATA are claimed to have ten bytes, and are 64 MiB when they are decompressed."""
    content = bytearray(zipped({"demo-1.0.dist-info/METADATA": bytes(64 << 20)}, zipfile.ZIP_DEFLATED))
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<L", 10)
    path.write_bytes(content)
    return path


def zip_of_empty_members(path: Path, count: int, claimed: int | None = None) -> Path:
    """A zip file of *count* empty members, which says at its end that it has *claimed*."""
    claimed = count if claimed is None else claimed
    local = b"PK\x03\x04" + struct.pack("<HHHHHLLLHH", 20, 0, 0, 0, 33, 0, 0, 0, 1, 0) + b"a"
    with path.open("wb") as file:
        file.write(local)
        for first in range(0, count, 10_000):
            file.write(b"".join(_entry(number) for number in range(first, min(first + 10_000, count))))
        size = file.tell() - len(local)
        end = struct.pack("<QHHLLQQQQ", 44, 45, 45, 0, 0, claimed, claimed, size, len(local))
        where = file.tell()
        file.write(b"PK\x06\x06" + end + b"PK\x06\x07" + struct.pack("<LQL", 0, where, 1))
        file.write(b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0))
    return path


def _entry(number: int) -> bytes:
    name = b"%x" % number
    return (
        b"PK\x01\x02"
        + struct.pack("<HHHHHHLLLHHHHHLL", 20, 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0)
        + name
    )


def tar_gz(path: Path, pieces: Iterable[bytes]) -> Path:
    """A gzipped file of these pieces."""
    with gzip.open(path, "wb", compresslevel=1) as file:
        for piece in pieces:
            file.write(piece)
    return path


def header(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> bytes:
    """The block of a tar file that begins a member."""
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    return member.tobuf(tarfile.GNU_FORMAT)


def tar_gz_of_long_header(path: Path, kind: bytes, size: int) -> Path:
    """A gzipped tar archive whose first member has an extended header of *size* bytes (a multiple of 1 MiB)."""
    # All of it is compressed once: it takes seconds otherwise.
    return _repeated(path, header("././@LongLink", size, kind), size >> 20)


def _repeated(path: Path, before: bytes, times: int) -> Path:
    """A gzipped file: *before*, and so many MiB of zeros, each in the same few bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    once = packer.compress(_PIECE) + packer.flush(zlib.Z_FULL_FLUSH)
    start = zlib.compressobj(9, zlib.DEFLATED, -15)
    with path.open("wb") as file:
        file.write(b"\x1f\x8b\x08" + bytes(6) + b"\xff")
        file.write(start.compress(before) + start.flush(zlib.Z_FULL_FLUSH))
        for _ in range(times):
            file.write(once)
        # An empty last block. The checksum is missing: nobody gets that far.
        file.write(b"\x03\x00")
    return path


def tar_gz_of_long_member(path: Path, size: int) -> Path:
    """A gzipped tar archive whose first member is *size* bytes of zeros (a multiple of 1 MiB)."""
    return _repeated(path, header("demo-1.0/zeros", size), size >> 20)


def tar_gz_of_empty_members(path: Path, count: int, kind: Literal["plain", "pax"] = "plain") -> Path:
    """A gzipped tar archive of *count* empty members."""
    one = tarfile.TarInfo("demo-1.0/empty")
    if kind == "pax":
        one.pax_headers = {"comment": "x" * 600}
    block = one.tobuf(tarfile.PAX_FORMAT)
    group = 10_000
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    once = packer.compress(block * group) + packer.flush(zlib.Z_FULL_FLUSH)
    with path.open("wb") as file:
        file.write(b"\x1f\x8b\x08" + bytes(6) + b"\xff")
        for _ in range(count // group):
            file.write(once)
        file.write(b"\x03\x00")
    return path


class CountingFile(io.BufferedReader):
    """A file that counts what is read from it."""

    def __init__(self, path: Path) -> None:
        super().__init__(_Counted(str(path)), 8192)

    @property
    def count(self) -> int:
        """The number of bytes that were read."""
        raw = self.raw
        assert isinstance(raw, _Counted)
        return raw.count


class _Counted(io.FileIO):
    count = 0

    def readinto(self, buffer: object) -> int | None:
        size = super().readinto(buffer)  # type: ignore[arg-type]
        self.count += size or 0
        return size

    def read(self, size: int | None = -1, /) -> bytes | None:  # type: ignore[override]
        content = super().read(-1 if size is None else size)
        self.count += len(content or b"")
        return content

    def readall(self) -> bytes | None:  # type: ignore[override]
        content = super().readall()
        self.count += len(content or b"")
        return content

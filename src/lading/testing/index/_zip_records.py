"""The records of zip files: those that one reader would see otherwise than another are refused, as warehouse does."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO
    from zipfile import ZipFile, ZipInfo

_LOCAL_HEADER = struct.Struct("<4sHHHLLLLHH")
_HAS_DATA_DESCRIPTOR = 0x08
_IN_EXTRA_FIELD = 0xFFFFFFFF
_ENTRY_SIZE, _END_SIZE, _END_SIZE_64 = 46, 22, 22 + 56 + 20
_NOT_PRINTABLE = re.compile(rb"[\x00-\x1f\x7f]")


def find_zip_fault(archive: ZipFile, path: Path) -> str | None:
    """Return what is ambiguous in a zip file, with warehouse's words; ``None`` when nothing is.

    A reader that starts at the end (with the central directory) and one that starts at the beginning (with the local
    headers) must see the same members: one after the other, each once, with nothing between or after them.

    Args:
        archive: The archive, open.
        path: Where it is.
    """
    entries = sorted(archive.filelist, key=lambda entry: entry.header_offset)
    with path.open("rb") as file:
        at, seen = 0, set[bytes]()
        for entry in entries:
            fault, at = _local_fault(file, entry, at, seen)
            if fault is not None:
                return fault
    if at != archive.start_dir:
        return "Unknown record signature"
    size = sum(_ENTRY_SIZE + len(_name(entry)) + len(entry.extra) for entry in entries)
    if any(entry.comment for entry in entries):
        return "Comment in central directory"
    rest = path.stat().st_size - at - size - len(archive.comment)
    return None if rest in (_END_SIZE, _END_SIZE_64) else "Trailing data"


def _local_fault(file: BinaryIO, entry: ZipInfo, at: int, seen: set[bytes]) -> tuple[str | None, int]:
    """Return what is wrong with the local header of *entry*, which must be at *at*, and where the next one must be."""
    if entry.header_offset != at:
        # Either two entries are at one place, or something that no entry is about lies between two.
        return ("Duplicate filename in central directory" if _name(entry) in seen else "Unknown record signature"), at
    file.seek(at)
    head = file.read(_LOCAL_HEADER.size)
    if len(head) < _LOCAL_HEADER.size:
        return "Malformed zip file", at
    signature, _, flags, _, _, _, compressed, size, name_size, extra_size = _LOCAL_HEADER.unpack(head)
    if signature != b"PK\x03\x04":
        return "Unknown record signature", at
    name = file.read(name_size)
    if _NOT_PRINTABLE.search(name):
        return "Invalid character in filename", at
    if flags & _HAS_DATA_DESCRIPTOR:
        return "ZIP contains a data descriptor", at
    if name != _name(entry):
        return "Filename not in central directory", at
    if compressed not in (entry.compress_size, _IN_EXTRA_FIELD):
        return "Mis-matched data size", at
    if size not in (entry.file_size, _IN_EXTRA_FIELD):
        return "Mis-matched file size", at
    if name in seen:
        return "Duplicate filename in local headers", at
    seen.add(name)
    return None, at + _LOCAL_HEADER.size + name_size + extra_size + entry.compress_size


def _name(entry: ZipInfo) -> bytes:
    return entry.orig_filename.encode("utf-8" if entry.flag_bits & 0x800 else "cp437", "replace")

"""A small source package, written by hand: lead, empty signature, header, and a payload with nothing in it."""

from __future__ import annotations

import gzip
import hashlib
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

INT32, STRING, BINARY, STRING_ARRAY, I18N = 4, 6, 7, 8, 9
Entry = tuple[int, int, "int | str | bytes | Sequence[str]"]


def srpm(directory: Path, name: str = "hello-lading", version: str = "1.0", release: str = "1") -> Path:
    """A source package in *directory* that ``rpm -qp`` reads."""
    payload = gzip.compress(_empty_archive(), mtime=0)
    header = _header(
        [
            (1000, STRING, name),
            (1001, STRING, version),
            (1002, STRING, release),
            (1004, I18N, "Says hello"),
            (1005, I18N, "Says hello."),
            (1006, INT32, 1_700_000_000),
            (1009, INT32, 0),
            (1014, STRING, "Apache-2.0"),
            (1016, I18N, "Unspecified"),
            (1021, STRING, "linux"),
            (1022, STRING, "noarch"),
            (1106, INT32, 1),
            (1124, STRING, "cpio"),
            (1125, STRING, "gzip"),
            (1126, STRING, "9"),
        ],
        region=63,
    )
    sums = [(269, STRING, hashlib.sha1(header).hexdigest()), (273, STRING, hashlib.sha256(header).hexdigest())]
    sizes: list[Entry] = [(1000, INT32, len(header) + len(payload)), (1007, INT32, len(_empty_archive()))]
    digest: list[Entry] = [(1004, BINARY, hashlib.md5(header + payload).digest())]
    signature = _header([*sums, sizes[0], *digest, sizes[1]], region=62)
    signature += bytes(-len(signature) % 8)
    lead = struct.pack(">4sBBhh66shh16x", b"\xed\xab\xee\xdb", 3, 0, 1, 1, f"{name}-{version}-{release}".encode(), 1, 5)
    path = directory / f"{name}-{version}-{release}.src.rpm"
    path.write_bytes(lead + signature + header + payload)
    return path


def _header(entries: Sequence[Entry], region: int) -> bytes:
    """A header with a *region*, which says of itself where it ends, as rpm wants to see it."""
    store, index = bytearray(), b""
    for tag, kind, value in sorted(entries):
        if kind == INT32:
            store += bytes(-len(store) % 4)
        start, count = len(store), 1
        if isinstance(value, int):
            store += struct.pack(">i", value)
        elif isinstance(value, bytes):
            store += value
            count = len(value)
        else:
            texts = [value] if isinstance(value, str) else value
            count = len(texts)
            store += b"".join(text.encode() + b"\0" for text in texts)
        index += struct.pack(">iiii", tag, kind, start, count)
    number = len(entries) + 1
    trailer = struct.pack(">iiii", region, BINARY, -16 * number, 16)
    index = struct.pack(">iiii", region, BINARY, len(store), 16) + index
    store += trailer
    return b"\x8e\xad\xe8\x01\0\0\0\0" + struct.pack(">ii", number, len(store)) + index + store


def _empty_archive() -> bytes:
    """A cpio archive (newc) that ends at once."""
    fields = [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 11, 0]
    data = b"070701" + b"".join(b"%08X" % field for field in fields) + b"TRAILER!!!\0"
    return data + bytes(-len(data) % 4)

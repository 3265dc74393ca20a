"""What is uploaded: a file, or bytes in a temporary one, where a store needs their digest before it gets them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterable, Callable
from contextlib import asynccontextmanager
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import anyio

from lading._core.threads import run_in_thread
from lading.errors import InputError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lading._core.files import StrPath

ByteSource: TypeAlias = "bytes | AsyncIterable[bytes] | Callable[[], AsyncIterable[bytes]]"

_BATCH = 1 << 20


@asynccontextmanager
async def open_source(
    source: StrPath | ByteSource,
    filename: str | None,
    *,
    wanted: str = "the file's name",
    check: Callable[[str], object] | None = None,
) -> AsyncIterator[StrPath]:
    """Yield the path of the file to upload: that of a file, or of a temporary one that has the bytes of *source*.

    Args:
        source: The path of a file, or its bytes.
        filename: The file's name, for bytes.
        wanted: What *filename* has to be, for the error.
        check: Called with the name, before the bytes are read: raises when it is refused.

    Raises:
        InputError: *filename* is missing, given for a path, or no plain file name.
    """
    if isinstance(source, (str, PathLike)):
        if filename is not None:
            raise InputError("filename= is for bytes and async sources: a path has its own name", argument="filename")
        yield source
        return
    if not filename:
        raise InputError(f"bytes and async sources need filename=, {wanted}", argument="filename")
    # It may come from a stranger: that of a form, in a web service.
    if not filename.isprintable() or filename in (".", "..") or any(c in "/\\:" for c in filename):
        raise InputError(f"{filename[:80]!a} is not a plain file name", argument="filename")
    if check is not None:
        check(filename)
    async with temporary_file(filename) as path:
        await spool(source, path)
        yield path


@asynccontextmanager
async def temporary_file(name: str | None = None) -> AsyncIterator[str]:
    """Create an empty file that is deleted after the block; yield its path.

    Args:
        name: The file's name, in a directory of its own; by default one that says whose it is.
    """
    made, path = await run_in_thread(_make, name)
    try:
        yield path
    finally:
        with anyio.CancelScope(shield=True):
            await run_in_thread(_remove, made)


def _make(name: str | None) -> tuple[str, str]:
    """Return what has to be removed in the end, and the file's path."""
    if name is None:
        fd, path = tempfile.mkstemp(".part", "lading-")
        os.close(fd)
        return path, path
    directory = tempfile.mkdtemp(".part", "lading-")
    path = os.path.join(directory, name)  # noqa: PTH118 - a string, as of mkstemp
    Path(path).touch()
    return directory, path


def _remove(path: str) -> None:
    if os.path.isdir(path):  # noqa: PTH112
        shutil.rmtree(path)
    else:
        os.unlink(path)  # noqa: PTH108


async def spool(source: ByteSource, path: str, update: Callable[[bytes], None] | None = None) -> int:
    """Write *source* to the file at *path*, and return its size. An async source is closed.

    Args:
        source: The bytes.
        path: The file.
        update: Called with every batch, in the worker thread that writes it.

    Raises:
        InputError: *source* is something else.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        return await run_in_thread(Path(path).write_bytes, source)
    pieces = source() if callable(source) else source
    if not isinstance(pieces, AsyncIterable):
        raise InputError("the source must be bytes, or an async iterable of bytes", argument="source")

    def write(batch: bytes) -> None:
        if update is not None:
            update(batch)
        file.write(batch)

    size = 0
    file = await run_in_thread(Path(path).open, "wb")
    try:
        batch = bytearray()
        async for piece in pieces:
            batch += piece
            size += len(piece)
            if len(batch) >= _BATCH:
                await run_in_thread(write, bytes(batch))
                batch.clear()
        await run_in_thread(write, bytes(batch))
    finally:
        with anyio.CancelScope(shield=True):
            await run_in_thread(file.close)
            close = getattr(pieces, "aclose", None)
            if close is not None:
                await close()
    return size

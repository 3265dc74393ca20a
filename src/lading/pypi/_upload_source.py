"""What is uploaded: a file, or bytes that are put into one first."""

from __future__ import annotations

from contextlib import asynccontextmanager
from os import PathLike
from pathlib import PurePath
from typing import TYPE_CHECKING

from lading._artifacts.python import parse_filename
from lading._core.spool import ByteSource, spool, temporary_file
from lading.errors import InputError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lading._core.files import StrPath


@asynccontextmanager
async def open_distribution(source: StrPath | ByteSource, filename: str | None) -> AsyncIterator[StrPath]:
    """Return the path of the file to upload, as a context manager: bytes are in a temporary file meanwhile.

    Args:
        source: The path of a file, or its bytes.
        filename: The file's name, for bytes.

    Raises:
        InputError: *filename* is missing, given for a path, or the name of neither a wheel nor an sdist.
    """
    if isinstance(source, (str, PathLike)):
        if filename is not None:
            raise InputError("filename= is for bytes and async sources: a path has its own name", argument="filename")
        name = PurePath(source).name
        if "." not in name:
            raise InputError(
                f"{name!a} is neither a wheel nor an sdist; releases.upload_many uploads those of a directory",
                argument="source",
            )
        yield source
        return
    if not filename:
        raise InputError("bytes and async sources need filename=, the name of a wheel or an sdist", argument="filename")
    # It may come from a stranger: that of a form, in a web service.
    if not filename.isprintable() or any(c in "/\\:" for c in filename):
        raise InputError(f"{filename[:80]!a} is not a plain file name", argument="filename")
    parse_filename(filename)
    async with temporary_file(filename) as path:
        await spool(source, path)
        yield path

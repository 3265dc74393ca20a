"""Bodies of every kind, and what of them has to arrive."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lading import Body, BytesBody, FileBody, FilePart, Multipart, StreamBody

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

CONTENT = os.urandom(700_000)


async def source() -> AsyncIterator[bytes]:
    """The content in pieces."""
    for start in range(0, len(CONTENT), 99_999):
        yield CONTENT[start : start + 99_999]


async def bodies(path: Path) -> list[Body]:
    """One of each kind; *path* is a file with the content."""
    file = await FileBody.from_path(path)
    form = Multipart([("a", "b"), FilePart("content", file, "content")])
    return [BytesBody(CONTENT), BytesBody(b""), file, form, StreamBody(source, len(CONTENT)), StreamBody(source)]


async def whole(body: Body) -> bytes:
    """The body as it has to arrive."""
    reader = body.open()
    try:
        return b"".join([bytes(piece) async for piece in reader])
    finally:
        await reader.aclose()

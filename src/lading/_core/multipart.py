"""``multipart/form-data`` bodies, their length known before the first byte."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from lading._core.arguments import checked
from lading._core.body import Body, FileBody, Piece, Reader
from lading.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lading._core.files import StrPath


@checked()
@dataclass(frozen=True, slots=True)
class FilePart:
    """A file field of a form.

    Attributes:
        name: The field's name.
        body: Its content; its ``content_type`` becomes the part's (none where that is empty).
        filename: The file name that is sent with it.
    """

    name: str
    body: Body
    filename: str

    @classmethod
    async def from_path(cls, name: str, path: StrPath, content_type: str = "application/octet-stream") -> FilePart:
        """Create the field for the file at *path*, streamed from disk under the file's own name.

        Args:
            name: The field's name.
            path: The file.
            content_type: The part's content type; empty for none.

        Raises:
            InputError: It is not a regular file.
            OSError: It cannot be read.
        """
        body = await FileBody.from_path(path, content_type=content_type)
        return cls(name, body, PurePath(os.fspath(path)).name)


class Multipart(Body):
    """A ``multipart/form-data`` body (RFC 7578), its length known before the first byte.

    Args:
        parts: ``(name, value)`` pairs and :class:`FilePart`, in the order they are sent.
        boundary: For tests that need it fixed.
    """

    def __init__(self, parts: Iterable[tuple[str, str] | FilePart], *, boundary: str | None = None) -> None:
        self.boundary: str = boundary or secrets.token_hex(16)
        self.content_type: str = f"multipart/form-data; boundary={self.boundary}"
        try:
            self._segments = list(self._encode(parts))
        except UnicodeEncodeError:
            raise InputError("a form field has characters that UTF-8 cannot encode", argument="parts") from None
        lengths = [s.length if isinstance(s, Body) else len(s) for s in self._segments]
        self.length: int | None = None if None in lengths else sum(n for n in lengths if n is not None)
        self.replayable: bool = all(s.replayable for s in self._segments if isinstance(s, Body))

    def _encode(self, parts: Iterable[tuple[str, str] | FilePart]) -> Iterable[bytes | Body]:
        text = bytearray()
        for part in parts:
            name = part.name if isinstance(part, FilePart) else part[0]
            text += f'--{self.boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"'.encode()
            if isinstance(part, FilePart):
                text += f'; filename="{_quoted(part.filename)}"'.encode()
                if kind := part.body.content_type:
                    if not (kind.isascii() and kind.isprintable()):
                        raise InputError("a content type must be printable ASCII", argument="content_type")
                    text += f"\r\nContent-Type: {kind}".encode()
                yield bytes(text + b"\r\n\r\n")
                yield part.body
                text = bytearray(b"\r\n")
            else:
                text += f"\r\n\r\n{part[1]}\r\n".encode()
        yield bytes(text + f"--{self.boundary}--\r\n".encode())

    def open(self) -> Reader:
        """Return a reader over all parts."""
        return _JoinedReader(self._segments)


def _quoted(name: str) -> str:
    """Quote a name for a part's header as browsers do (WHATWG HTML), so that it can end neither quotes nor line."""
    if "\0" in name:
        raise InputError("a form field or file name must not contain NUL", argument="name")
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")


class _JoinedReader(Reader):
    def __init__(self, segments: list[bytes | Body]) -> None:
        self._segments = iter(segments)
        self._open: Reader | None = None

    async def __anext__(self) -> Piece:
        while True:
            if self._open is not None:
                try:
                    return await anext(self._open)
                except StopAsyncIteration:
                    await self.aclose()
            segment = next(self._segments, None)
            if segment is None:
                raise StopAsyncIteration
            if isinstance(segment, bytes):
                return segment
            self._open = segment.open()

    async def aclose(self) -> None:
        if self._open is not None:
            reader, self._open = self._open, None
            await reader.aclose()

"""Forms in parts as doubles receive them: fields in memory, files on disk, digests computed on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeAlias
from uuid import uuid4

import anyio

from lading.testing._server.multipart import MultipartError, Parser, Part, boundary_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from lading.testing.messages import ServerRequest

_MAX_FIELDS = 32 << 20
# Written and hashed in one go, so that switching to a thread pays off.
_BATCH = 512 << 10


class FieldsTooLongError(MultipartError):
    """A form with more in its fields than a double keeps in memory."""


class Hasher(Protocol):
    """A hash object, as ``hashlib`` creates them."""

    def update(self, data: bytes, /) -> object: ...
    def hexdigest(self) -> str: ...


@dataclass(slots=True)
class UploadedFile:
    """A file of a form, on disk.

    Attributes:
        name: The name of the form's part.
        filename: The file name that the client sent.
        content_type: The media type that the client sent.
        path: Where the file is stored.
        size: Its size in bytes.
        digests: Hex digests of the received bytes.
    """

    name: str
    filename: str
    content_type: str | None
    path: Path
    size: int = 0
    digests: dict[str, str] = field(default_factory=dict[str, str])

    def discard(self) -> None:
        """Remove the file, unless it has been moved away."""
        self.path.unlink(missing_ok=True)


@dataclass(slots=True)
class Form:
    """A received form.

    Attributes:
        fields: The parts that are not files, each with its value.
        files: The parts that are files.
    """

    fields: list[tuple[Part, bytes]] = field(default_factory=list[tuple[Part, bytes]])
    files: list[UploadedFile] = field(default_factory=list[UploadedFile])

    def discard(self) -> None:
        """Remove the files that have not been moved away."""
        for file in self.files:
            file.discard()


IsFile: TypeAlias = "Callable[[Part, Form], bool]"
Hashers: TypeAlias = "Callable[[], Mapping[str, Hasher]]"


class FormSink:
    """Collects what the parser yields. :meth:`flush`, :meth:`finish` and :meth:`discard` block.

    Args:
        directory: Where files are written.
        is_file: Called with a part and the form up to it; returns whether the part is stored as a file.
        hashers: Creates the hash objects for a file, by the name of the digest.

    Attributes:
        waiting: The number of bytes that :meth:`flush` will write.
    """

    def __init__(self, directory: Path, is_file: IsFile, hashers: Hashers) -> None:
        self.waiting = 0
        self._directory = directory
        self._is_file = is_file
        self._create_hashers = hashers
        self._form = Form()
        self._part: Part | None = None
        self._value: bytearray | None = None
        self._room = _MAX_FIELDS
        self._pieces: list[tuple[UploadedFile, bytes]] = []
        self._open: tuple[UploadedFile, BinaryIO, Mapping[str, Hasher]] | None = None

    def add(self, event: Part | bytes) -> None:
        """Add the head of a part, or a piece of the current part's content."""
        if isinstance(event, Part):
            self._end_part()
            self._begin_part(event)
        elif self._value is None:
            self._pieces.append((self._form.files[-1], event))
            self.waiting += len(event)
        else:
            self._room -= len(event)
            if self._room < 0:
                raise FieldsTooLongError("The form has too much in its fields.")
            self._value += event

    def _begin_part(self, part: Part) -> None:
        self._part = part
        if self._is_file(part, self._form):
            path = self._directory / f"{uuid4()}.incoming"
            file = UploadedFile(part.name, part.filename or "", part.content_type, path)
            self._form.files.append(file)
            self._pieces.append((file, b""))  # an empty file is created too
        else:
            self._value = bytearray()

    def _end_part(self) -> None:
        if self._part is not None and self._value is not None:
            self._form.fields.append((self._part, bytes(self._value)))
        self._part = self._value = None

    def flush(self) -> None:
        """Write and hash what is waiting."""
        for file, piece in self._pieces:
            output, hashers = self._opened(file)
            output.write(piece)
            file.size += len(piece)
            for hasher in hashers.values():
                hasher.update(piece)
        self._pieces.clear()
        self.waiting = 0

    def _opened(self, file: UploadedFile) -> tuple[BinaryIO, Mapping[str, Hasher]]:
        if self._open is None or self._open[0] is not file:
            self._close()
            self._open = file, file.path.open("wb"), self._create_hashers()
        return self._open[1:]

    def _close(self) -> None:
        if self._open is not None:
            file, output, hashers = self._open
            output.close()
            file.digests = {name: hasher.hexdigest() for name, hasher in hashers.items()}
        self._open = None

    def finish(self) -> Form:
        """Write the rest and return the complete form."""
        self._end_part()
        self.flush()
        self._close()
        return self._form

    def discard(self) -> None:
        """Remove what was written."""
        self._close()
        self._form.discard()


async def receive_form(
    request: ServerRequest,
    directory: Path,
    *,
    is_file: IsFile = lambda part, _: part.filename is not None,
    hashers: Hashers = dict,
) -> Form:
    """Receive the form in *request*, with its files in *directory*; an empty one if the body is no form in parts.

    On any failure, the client's leaving included, no file is kept.

    Args:
        request: The request.
        directory: Where files are written.
        is_file: Called with a part and the form up to it; returns whether the part is stored as a file.
        hashers: Creates the hash objects for a file, by the name of the digest.

    Raises:
        MultipartError: The form is malformed, or has too much in its fields.
    """
    boundary = boundary_of(request.headers.get("Content-Type", ""))
    if boundary is None:
        return Form()
    parser, sink = Parser(boundary), FormSink(directory, is_file, hashers)
    try:
        async for piece in request.body:
            for event in parser.feed(piece):
                sink.add(event)
            if sink.waiting >= _BATCH:
                await request.in_thread(sink.flush)
        parser.end()
        return await request.in_thread(sink.finish)
    except BaseException:
        with anyio.CancelScope(shield=True):
            await request.in_thread(sink.discard)
        raise

"""An upload form as it is received: its fields in memory, its file on disk, digests on the way."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO
from uuid import uuid4

from lading.testing._server.multipart import MultipartError, Part, boundary_of, receive
from lading.testing.index._refusals import ApiRefusal
from lading.testing.messages import Fields

if TYPE_CHECKING:
    from pathlib import Path

    from lading.testing.messages import ServerRequest

_LONGEST_FIELDS = 32 << 20


def _hashers() -> dict[str, Any]:
    return {
        "md5": hashlib.md5(usedforsecurity=False),
        "sha256": hashlib.sha256(),
        "blake2b_256": hashlib.blake2b(digest_size=32),
    }


@dataclass(slots=True)
class Content:
    """The file that a form carries, on disk.

    Attributes:
        filename: As the client named it.
        content_type: As the client said.
        path: Where it was put.
        size: Bytes.
        digests: Hex digests of what really came.
    """

    filename: str
    content_type: str | None
    path: Path
    size: int = 0
    digests: dict[str, str] = field(default_factory=dict[str, str])

    def discard(self) -> None:
        """Remove it, unless it has been moved away."""
        self.path.unlink(missing_ok=True)


@dataclass(slots=True)
class Form:
    """An upload form.

    Attributes:
        fields: Its fields, in order.
        with_filename: Fields that came with a file name, which only the file may have.
        content: The file.
    """

    fields: Fields
    with_filename: list[str]
    content: Content | None


class _FormSink:
    """Collects what the parser gives; everything that blocks is in :meth:`flush` and the methods after it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.fields: list[tuple[str, str]] = []
        self.with_filename: list[str] = []
        self.content: Content | None = None
        self.waiting = 0
        self._pieces: list[bytes] = []
        self._part: Part | None = None
        self._value = bytearray()
        self._room = _LONGEST_FIELDS
        self._file: BinaryIO | None = None
        self._hashers: dict[str, Any] = {}

    def take(self, event: Part | bytes) -> None:
        if isinstance(event, Part):
            self._end_field()
            self._begin(event)
        elif self._in_content:
            self._pieces.append(event)
            self.waiting += len(event)
        else:
            self._room -= len(event)
            if self._room < 0:
                raise ApiRefusal(400, "The upload form has too much in its fields.")
            self._value += event

    def _begin(self, part: Part) -> None:
        self._part = part
        if part.name != "content":
            if part.filename is not None:
                self.with_filename.append(part.name)
        elif self.content is not None:
            raise ApiRefusal(400, "The upload form has more than one file.")
        elif part.filename is not None:
            self._hashers = _hashers()
            self.content = Content(part.filename, part.content_type, self._folder / f"{uuid4()}.incoming")

    @property
    def _in_content(self) -> bool:
        return self._part is not None and self._part.name == "content" and self.content is not None

    def _end_field(self) -> None:
        if self._part is not None and not self._in_content:
            self.fields.append((self._part.name, self._value.decode("utf-8", "replace")))
            self._value.clear()
        self._part = None

    def flush(self) -> None:
        if self.content is None:
            return
        self._file = self._file or self.content.path.open("wb")
        for piece in self._pieces:
            self._file.write(piece)
            self.content.size += len(piece)
            for hasher in self._hashers.values():
                hasher.update(piece)
        self._pieces.clear()
        self.waiting = 0

    def finish(self) -> Form:
        self._end_field()
        self.flush()
        if self._file is not None:
            self._file.close()
        if self.content is not None:
            self.content.digests = {name: hasher.hexdigest() for name, hasher in self._hashers.items()}
        return Form(Fields(self.fields), self.with_filename, self.content)

    def discard(self) -> None:
        if self._file is not None:
            self._file.close()
        if self.content is not None:
            self.content.discard()


async def read_form(request: ServerRequest, folder: Path) -> Form:
    """The form in *request*, its file in *folder*.

    Raises:
        Refused: It is malformed. Nothing stays in *folder*, then or when the client leaves.
    """
    kind = request.headers.get("Content-Type", "")
    boundary = boundary_of(kind)
    if not kind.lower().startswith("multipart/form-data") or boundary is None:
        return Form(Fields(), [], None)
    try:
        return await receive(request, boundary, _FormSink(folder))
    except MultipartError as error:
        raise ApiRefusal(400, str(error)) from None

"""The body of a request to the embedded Copr: JSON, a form, or parts of which files go to disk."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import parse_qs
from uuid import uuid4

from lading.testing._server.multipart import MultipartError, Part, boundary_of, receive
from lading.testing.copr._refusals import ApiRefusal

if TYPE_CHECKING:
    from pathlib import Path

    from lading.testing.messages import ServerRequest

# Written at once, so that a thread is worth its while.
_LONGEST_FIELDS = 32 << 20


@dataclass(slots=True)
class UploadedFile:
    """A file that came in a form, on disk until the request has been answered, unless it is moved away."""

    filename: str
    path: Path


@dataclass(slots=True)
class Body:
    """What a request said.

    Attributes:
        said: The JSON value as it came, if it was JSON; ``None`` otherwise.
        fields: The fields by name, those left out that are null.
        files: The files by the names of their parts.
        is_json: Whether the body was sent as JSON.
        is_form: Whether values come as a web form sends them.
    """

    said: Any = None
    fields: dict[str, Any] = field(default_factory=dict[str, Any])
    files: dict[str, UploadedFile] = field(default_factory=dict[str, UploadedFile])
    is_json: bool = False
    is_form: bool = False

    def take(self, said: Any) -> None:
        """Add the fields of what was said in JSON; what is no object has none."""
        self.said = said
        if isinstance(said, dict):
            self.fields.update({name: value for name, value in said.items() if value is not None})

    def discard(self) -> None:
        """Remove the files that have not been moved away."""
        for file in self.files.values():
            file.path.unlink(missing_ok=True)


async def read_body(request: ServerRequest, folder: Path) -> Body:
    """What *request* says, its files in *folder*."""
    kind = request.headers.get("Content-Type", "")
    if kind.lower().startswith("multipart/form-data"):
        boundary = boundary_of(kind)
        try:
            return Body() if boundary is None else await receive(request, boundary, _FormSink(folder))
        except MultipartError as error:
            raise ApiRefusal(400, str(error)) from None
    body, data = Body(), await request.read(_LONGEST_FIELDS)
    if kind.lower().startswith("application/json"):
        body.is_json = True
        # What cannot be read is no error: the frontend goes on as if nothing had been said.
        body.take(_parsed(data))
    elif kind.lower().startswith("application/x-www-form-urlencoded"):
        body.is_form = True
        body.fields = {name: values[0] for name, values in parse_qs(data.decode("utf-8", "replace")).items()}
    return body


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


class _FormSink:
    """Collects what the parser gives; everything that blocks is in :meth:`flush` and the methods after it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._body = Body()
        self._part: Part | None = None
        self._value = bytearray()
        self._room = _LONGEST_FIELDS
        self._pieces: list[tuple[Path, bytes]] = []
        self._file: BinaryIO | None = None
        self._path: Path | None = None
        self.waiting = 0

    def take(self, event: Part | bytes) -> None:
        if isinstance(event, Part):
            self._end_field()
            self._part = event
            if event.filename is not None and event.name != "json":
                file = UploadedFile(event.filename, self._folder / f"{uuid4()}.incoming")
                self._body.files[event.name] = file
                self._pieces.append((file.path, b""))
        elif self._part is not None and self._part.name in self._body.files:
            self._pieces.append((self._body.files[self._part.name].path, event))
            self.waiting += len(event)
        else:
            self._room -= len(event)
            if self._room < 0:
                raise ApiRefusal(413, "The form has too much in its fields.")
            self._value += event

    def _end_field(self) -> None:
        part, self._part = self._part, None
        if part is None or part.name in self._body.files:
            return
        if part.name == "json" and part.filename is not None:
            self._body.take(_parsed(bytes(self._value)))
        else:
            # Without a file name the frontend does not see that it is JSON: a field like any other.
            self._body.fields.setdefault(part.name, self._value.decode("utf-8", "replace"))
        self._value.clear()

    def flush(self) -> None:
        for path, piece in self._pieces:
            if path != self._path:
                self._close()
                self._file, self._path = path.open("ab"), path
            if self._file is not None:
                self._file.write(piece)
        self._pieces.clear()
        self.waiting = 0

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = self._path = None

    def finish(self) -> Body:
        self._end_field()
        self.flush()
        self._close()
        return self._body

    def discard(self) -> None:
        self._close()
        self._body.discard()

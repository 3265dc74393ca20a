"""A server that records its requests."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lading.testing import Server, ServerResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from lading.testing import Headers, ServerRequest


@dataclass(frozen=True)
class Recorded:
    """One request, read to its end."""

    method: str
    target: str
    headers: Headers
    body: bytes


@dataclass(frozen=True)
class Part:
    """One part of a form.

    Attributes:
        name: The field's name.
        filename: The name of the file; ``None`` in a text field.
        headers: What the part's head says besides.
        content: The bytes.
    """

    name: str
    filename: str | None
    headers: tuple[str, ...]
    content: bytes


class Recorder:
    """A server on loopback that records every request and responds as configured."""

    def __init__(self, response: Callable[[Recorded], ServerResponse] = lambda _: ServerResponse()) -> None:
        self.requests: list[Recorded] = []
        self.server = Server(self._handle)
        self._on_request = response

    async def _handle(self, request: ServerRequest) -> ServerResponse:
        recorded = Recorded(request.method, request.target, request.headers, await request.read())
        self.requests.append(recorded)
        return self._on_request(recorded)

    def take(self) -> list[Recorded]:
        """The requests since the last time."""
        taken, self.requests = self.requests, []
        return taken


def form_parts(request: Recorded) -> list[Part]:
    """The parts of a ``multipart/form-data`` body, in order. Takes nothing but the exact form."""
    kind, _, boundary = request.headers["Content-Type"].partition("; boundary=")
    assert kind == "multipart/form-data"
    line = b"--" + boundary.strip('"').encode()
    first, *middle, last = (b"\r\n" + request.body).split(b"\r\n" + line)
    assert first == b""
    assert last in (b"--\r\n", b"--")
    return [_part(piece) for piece in middle]


def _part(piece: bytes) -> Part:
    head, gap, content = piece.partition(b"\r\n\r\n")
    assert gap
    disposition, *headers = head.decode().removeprefix("\r\n").split("\r\n")
    kind, *parameters = disposition.split("; ")
    assert kind == "Content-Disposition: form-data"
    values = dict(parameter.split("=", 1) for parameter in parameters)
    filename = values.get("filename")
    return Part(values["name"].strip('"'), filename and filename.strip('"'), tuple(headers), content)


def upload_seen(requests: list[Recorded]) -> dict[str, Any]:
    """All that matters of an upload, by the names of the rows. Fields are compared whatever their order."""
    *before, upload = requests
    parts = form_parts(upload)
    found: dict[str, Any] = {
        "(method)": upload.method,
        "(path)": upload.target,
        "(requests before)": [f"{request.method} {request.target}" for request in before],
        "(last part)": parts[-1].name,
        "(heads of text parts)": {part.headers for part in parts if part.filename is None},
        "(head of the file's part)": [(part.filename, part.headers) for part in parts if part.name == "content"],
        "(length announced)": upload.headers.get("Content-Length") == str(len(upload.body)),
        "(empty fields)": sorted(part.name for part in parts if not part.content),
    }
    for name in ("authorization", "transfer-encoding", "expect", "accept", "user-agent"):
        found[f"header {name}"] = upload.headers.get(name)
    found["header content-type"] = upload.headers["Content-Type"].partition("; boundary=")[0]
    for part in parts:
        if part.content:
            found.setdefault(part.name, []).append(_shown(part))
    return {name: sorted(value) if isinstance(value, list) else value for name, value in found.items()}


def _shown(part: Part) -> str:
    """A value to compare and, where the suite fails, to read."""
    try:
        text = part.content.decode()
    except UnicodeDecodeError:
        text = ""
    if part.name == "attestations":  # in whichever of JSON's spellings
        return json.dumps(json.loads(text), sort_keys=True)
    return text if text and len(text) < 1000 else f"sha256 {hashlib.sha256(part.content).hexdigest()}"

"""A server that writes down what it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lading.testing import Response, Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from lading.testing import Headers, Request


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
    """A server on loopback that keeps every request and answers as told."""

    def __init__(self, answer: Callable[[Recorded], Response] = lambda _: Response()) -> None:
        self.requests: list[Recorded] = []
        self.server = Server(self._handle)
        self._answer = answer

    async def _handle(self, request: Request) -> Response:
        recorded = Recorded(request.method, request.target, request.headers, await request.read())
        self.requests.append(recorded)
        return self._answer(recorded)

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

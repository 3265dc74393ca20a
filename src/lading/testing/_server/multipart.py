"""A parser of multipart/form-data (RFC 7578). Sans I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_HEAD = 16 << 10


class MultipartError(ValueError):
    """A malformed form."""


@dataclass(frozen=True, slots=True)
class Part:
    """The head of a part; the pieces of its content follow.

    Attributes:
        name: The name of the field.
        filename: The file name; ``None`` for a part without one.
        content_type: The media type in lower case; ``None`` for a part without one.
    """

    name: str
    filename: str | None
    content_type: str | None


class Parser:
    """Parses a body that arrives in pieces of any size.

    Attributes:
        complete: Whether the final boundary has been parsed.
    """

    def __init__(self, boundary: str) -> None:
        self._boundary = b"\r\n--" + boundary.encode("latin-1")
        # The first boundary has no line end before it; this one stands in for it.
        self._buffer = bytearray(b"\r\n")
        self._next = self._content
        self._in_part = False
        self.complete = False

    def feed(self, data: bytes) -> Iterator[Part | bytes]:
        """Parse *data*, and yield the heads of parts and pieces of their content."""
        self._buffer += data
        while not self.complete:
            event = self._next()
            if event is None:
                return
            if event:
                yield event

    def end(self) -> None:
        """Check that the form is complete.

        Raises:
            MultipartError: The body ended before the final boundary.
        """
        if not self.complete:
            raise MultipartError("The upload form ends too early.")

    def _content(self) -> Part | bytes | None:
        """Return content up to the next boundary; what precedes the first one is dropped."""
        at = self._buffer.find(self._boundary)
        if at < 0:
            content = self._take(max(0, len(self._buffer) - len(self._boundary) + 1))
            return content if self._in_part and content else None
        content = self._take(at) if self._in_part else b""
        del self._buffer[: at - len(content) + len(self._boundary)]
        self._next = self._after_boundary
        return content

    def _after_boundary(self) -> Part | bytes | None:
        if self._buffer.startswith(b"--"):
            self.complete = True
            return b""
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return self._wait_for_more()
        if self._buffer[:end].strip(b" \t"):
            raise MultipartError("The upload form is malformed: something follows a boundary.")
        self._take(end)  # the line end stays: it alone ends the head of a part without headers
        self._next = self._head
        return b""

    def _head(self) -> Part | bytes | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return self._wait_for_more()
        headers: dict[str, str] = {}
        for line in self._take(end + 4).decode("utf-8", "replace").split("\r\n"):
            key, _, value = line.partition(":")
            headers[key.strip().lower()] = value.strip()
        disposition = headers.get("content-disposition", "")
        name = _parameter(disposition, "name")
        if name is None:
            raise MultipartError("The upload form is malformed: a part has no name.")
        self._in_part = True
        self._next = self._content
        content_type = headers["content-type"].lower() if "content-type" in headers else None
        return Part(name, _parameter(disposition, "filename"), content_type)

    def _wait_for_more(self) -> Part | bytes | None:
        if len(self._buffer) > _LONGEST_HEAD:
            raise MultipartError("The upload form is malformed: the head of a part does not end.")
        return None

    def _take(self, size: int) -> bytes:
        with memoryview(self._buffer) as view:
            taken = bytes(view[:size])
        del self._buffer[:size]
        return taken


def _parameter(disposition: str, name: str) -> str | None:
    match = re.search(rf';\s*{name}=(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))', disposition, re.IGNORECASE)
    if match is None:
        return None
    quoted, bare = match.groups()
    text = bare if quoted is None else re.sub(r"\\([\"\\])", r"\1", quoted)
    # The escapes that browsers (and httpx, requests, uv) write for characters that would end the name.
    return text.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")


def boundary_of(content_type: str) -> str | None:
    """Return the boundary in a ``Content-Type``; ``None`` if the body is no form in parts."""
    if not content_type.lower().startswith("multipart/form-data"):
        return None
    found = re.search(r'boundary=(?:"([^"]+)"|([^;\s]+))', content_type)
    return found and (found[1] or found[2])

"""multipart/form-data taken apart as it comes (RFC 7578)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import anyio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lading.testing.messages import ServerRequest

T_co = TypeVar("T_co", covariant=True)

_LONGEST_HEAD = 16 << 10
# Written and hashed at once, so that a thread is worth its while.
_BATCH = 512 << 10


class MultipartError(ValueError):
    """A form that cannot be taken apart."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part begins; what follows is its content."""

    name: str
    filename: str | None
    content_type: str | None


class Parser:
    """Takes a body in any pieces and gives parts and their content. Sans I/O."""

    def __init__(self, boundary: str) -> None:
        self._mark = b"\r\n--" + boundary.encode("latin-1")
        # The first mark has no line end before it: this one.
        self._buffer = bytearray(b"\r\n")
        self._next = self._content
        self._in_part = False
        self.complete = False

    def feed(self, data: bytes) -> Iterator[Part | bytes]:
        """What *data* adds."""
        self._buffer += data
        while not self.complete:
            event = self._next()
            if event is None:
                return
            if event:
                yield event

    def end(self) -> None:
        """Return when the form was complete; ``MultipartError`` when it was cut off."""
        if not self.complete:
            raise MultipartError("The upload form ends too early.")

    def _content(self) -> Part | bytes | None:
        """Content up to the next mark; nothing of what stands before the first one."""
        at = self._buffer.find(self._mark)
        if at < 0:
            content = self._take(max(0, len(self._buffer) - len(self._mark) + 1))
            return content if self._in_part and content else None
        content = self._take(at) if self._in_part else b""
        del self._buffer[: at - len(content) + len(self._mark)]
        self._next = self._after_mark
        return content

    def _after_mark(self) -> Part | bytes | None:
        if self._buffer.startswith(b"--"):
            self.complete = True
            return b""
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return self._wait_for_more()
        if self._buffer[:end].strip(b" \t"):
            raise MultipartError("The upload form is malformed: something follows a boundary.")
        self._take(end)  # the line end stays: a part without headers ends its head with it alone
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
        return Part(name, _parameter(disposition, "filename"), headers.get("content-type", "").lower() or None)

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
    # What browsers' rules (and httpx, requests, uv) write for characters that would end the name.
    return text.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")


class Spool(Protocol[T_co]):
    """Where the parts of a form go.

    Attributes:
        waiting: Bytes that ``flush`` has to write.
    """

    waiting: int

    def take(self, event: Part | bytes) -> None:
        """What the parser gives."""
        ...

    def flush(self) -> None:
        """Write down what is waiting; blocks."""
        ...

    def finish(self) -> T_co:
        """The whole form; blocks."""
        ...

    def discard(self) -> None:
        """Remove what was written; blocks."""
        ...


def boundary_of(content_type: str) -> str | None:
    """The boundary of a form; ``None`` when it is none."""
    found = re.search(r'boundary=(?:"([^"]+)"|([^;\s]+))', content_type)
    return found and (found[1] or found[2])


async def receive(request: ServerRequest, boundary: str, spool: Spool[T_co]) -> T_co:
    """What *spool* makes of the request's form. On any failure, its leaving included, nothing is kept.

    Raises:
        MultipartError: It cannot be taken apart.
    """
    parser = Parser(boundary)
    try:
        async for piece in request.body:
            for event in parser.feed(piece):
                spool.take(event)
            if spool.waiting >= _BATCH:
                await request.in_thread(spool.flush)
        parser.end()
        return await request.in_thread(spool.finish)
    except BaseException:
        with anyio.CancelScope(shield=True):
            await request.in_thread(spool.discard)
        raise

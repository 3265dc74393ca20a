"""Requests and responses as lading carries them, and the seam to what sends them."""

from __future__ import annotations

import json as jsonlib
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol

from lading._core.redact import origin_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from datetime import datetime

    from lading._core.body import MeteredReader
    from lading.types import Timeout


@dataclass(slots=True, repr=False)
class Request:
    """One attempt, ready to be sent: what an auth flow may still change, and what a backend sends.

    Attributes:
        method: The HTTP method, in capitals.
        url: The absolute URL.
        headers: By name, as they are sent.
        timeout: Seconds by phase.
        content: A small body in memory, or the reader of a streamed one.
        keeps_after_head: See :attr:`lading._core.service.Service.keeps_after_head`.
    """

    method: str
    url: str
    headers: dict[str, str]
    timeout: Timeout
    content: bytes | MeteredReader = b""
    keeps_after_head: bool = False

    def __repr__(self) -> str:
        return f"<Request {self.method} to {origin_of(self.url)}>"


@dataclass(frozen=True, slots=True, repr=False)
class Response:
    """A response that has been read into memory.

    Attributes:
        status: The HTTP status.
        headers: By lower-case name; repeated ones are joined with ``", "``.
        body: The bytes, content encoding undone.
        url: The URL that the response came from, after redirects.
        reason: The reason phrase; empty where the protocol has none (HTTP/2).
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str = ""
    reason: str = ""

    def __repr__(self) -> str:
        return f"<Response {self.status} from {origin_of(self.url)}, {len(self.body)} bytes>"

    @property
    def media_type(self) -> str:
        """The content type without parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as a string: UTF-8, with invalid bytes replaced."""
        return self.body.decode("utf-8", "replace")

    @property
    def date(self) -> datetime | None:
        """The server's clock when it responded (``Date``), in UTC; ``None`` where it does not say."""
        try:
            found = parsedate_to_datetime(self.headers["date"])
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        except (KeyError, ValueError, OverflowError, TypeError, IndexError):
            return None

    def json(self) -> Any:
        """Parse the body as JSON; ``ValueError`` when it is not JSON."""
        try:
            return jsonlib.loads(self.body)
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None


class ResponseHead(Protocol):
    """The head of a response.

    Attributes:
        status: The HTTP status.
        headers: By lower-case name; repeated ones are joined with ``", "``.
        url: The URL that responded.
        reason: The reason phrase; empty where the protocol has none.
    """

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def url(self) -> str: ...
    @property
    def reason(self) -> str: ...


class ResponseStream(ResponseHead, Protocol):
    """A response whose head has arrived; its body is read piece by piece.

    Iterating yields the raw pieces (content encoding still on), each a few hundred KiB at most.

    Attributes:
        request_sent: Whether the last byte of the request had left before the response came.
    """

    request_sent: bool

    async def read(self, limit: int) -> bytes:
        """Read the complete body, undo its content encoding and close; ``InvalidResponse`` above *limit* bytes."""
        ...

    async def read_into(self, buffer: memoryview) -> int:
        """Put bytes of the body, as sent, into *buffer* and return how many; 0 at its end."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None:
        """Give the connection back, or close it when the body was not read to its end."""
        ...


class Backend(Protocol):
    """The seam to an HTTP library: sends one request, once."""

    async def send(self, request: Request) -> ResponseStream:
        """Send *request* and return the head of its response.

        Raises only lading's errors, and what the body's source or a callback raised.
        """
        ...

    async def aclose(self) -> None:
        """Close what this backend opened."""
        ...

    def retire(self) -> None:
        """Close idle connections, and every other when its user is done; safe from any thread."""
        ...

"""Requests over a transport, and bodies that count, for the tests of the transport."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from lading import Index, PyPI, Response, Retry

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator
    from pathlib import Path

    from lading import Transport

MIB = 1024 * 1024
_PIECE = bytes(256 * 1024)


class FullResponse(NamedTuple):
    status: int
    body: bytes


async def request(
    transport: Transport,
    url: str,
    method: str = "GET",
    *,
    content: bytes | None = None,
    stream: httpx.AsyncByteStream | None = None,
    headers: dict[str, str] | None = None,
    **timeouts: float,
) -> FullResponse:
    """Send a request and return the complete response."""
    response = await open_response(transport, url, method, content=content, stream=stream, headers=headers, **timeouts)
    return FullResponse(response.status_code, await read_body(response))


async def open_response(
    transport: Transport,
    url: str,
    method: str = "GET",
    *,
    content: bytes | None = None,
    stream: httpx.AsyncByteStream | None = None,
    headers: dict[str, str] | None = None,
    **timeouts: float,
) -> httpx.Response:
    """Send a request and return the response after its head."""
    extensions = {"timeout": timeouts}
    if stream is not None:
        request = httpx.Request(method, url, headers=headers, stream=stream, extensions=extensions)
    else:
        request = httpx.Request(method, url, headers=headers, content=content, extensions=extensions)
    return await transport.handle_async_request(request)


async def read_body(response: httpx.Response) -> bytes:
    """Return the body of a response, as it was sent."""
    assert isinstance(response.stream, httpx.AsyncByteStream)
    try:
        return b"".join([piece async for piece in response.stream])
    finally:
        await response.aclose()


class Source(httpx.AsyncByteStream):
    """A body of *size* bytes.

    Attributes:
        taken: Bytes that were read, all openings together.
        closed: How many times it was closed.
    """

    def __init__(self, size: int, piece: bytes = _PIECE) -> None:
        self.size = size
        self.taken = 0
        self.closed = 0
        self._piece = piece

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Pieces(self, self.size, self._piece)

    async def aclose(self) -> None:
        self.closed += 1


class _Pieces:
    def __init__(self, source: Source, left: int, piece: bytes) -> None:
        self._source = source
        self._left = left
        self._piece = piece

    def __aiter__(self) -> _Pieces:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        piece = self._piece[: self._left]
        self._left -= len(piece)
        self._source.taken += len(piece)
        return piece


def make_client(url: str, tls: ssl.SSLContext | Path | None = None, **options: Any) -> PyPI:
    """A client whose store is at *url*; it sends every request once by default."""
    return PyPI(Index(f"{url}/", None, "index"), tls=tls, **{"retry": Retry(attempts=1), **options})


def as_response(response: Response) -> Response:
    """Parse nothing: return the response itself."""
    return response

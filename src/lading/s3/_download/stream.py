"""An artifact's bytes as they arrive: resumed after an interruption, and verified at the end."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

import anyio

from lading._core.call import Call
from lading._core.resumable import ResumableReader
from lading.errors import InvalidResponse, NetworkError

if TYPE_CHECKING:
    from lading._core.resumable import Expected
    from lading.s3._download.failover import RegionFailover


class ArtifactStream:
    """An async iterator over the bytes, to be closed.

    A piece that does not arrive is requested again, under the retry rule, from another region if there is one.

    Args:
        failover: Opens the artifact.
        expected: What the bytes must turn out to be.
        key: What errors call the artifact.
    """

    def __init__(self, failover: RegionFailover, expected: Expected, key: str) -> None:
        self._failover = failover
        self._label = f"s3: {key}"
        call = Call("GET", key, template="(GetObject)")
        self._reader = ResumableReader(failover, call, expected, label=self._label)
        self._returned = 0
        self._response = AsyncExitStack()
        self._is_open = False
        self._ended = False

    async def start(self) -> None:
        """Open the first response."""
        await self._failover.retrying(self._open)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = b"" if self._ended else await self._failover.retrying(self._next)
        if piece:
            return piece
        if not self._ended:
            self._ended = True
            self._reader.verify()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Release the connection."""
        self._ended = True
        await self._close_response()

    async def _open(self, attempt: int) -> None:
        start = await self._response.enter_async_context(self._reader.attempt(attempt))
        if start != self._returned:  # the pieces returned before cannot be taken back
            raise InvalidResponse(f"{self._label}: the store sent another part of it than was requested")
        self._is_open = True

    async def _next(self, attempt: int) -> bytes:
        if not self._is_open:
            await self._open(attempt)
        try:
            piece = await self._reader.read()
        except NetworkError:
            self._failover.prefer_next()
            await self._close_response()
            raise
        self._returned += len(piece)
        self._reader.update_digests(piece)
        return piece

    async def _close_response(self) -> None:
        self._is_open = False
        with anyio.CancelScope(shield=True):
            await self._response.aclose()

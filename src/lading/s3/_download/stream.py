"""An artifact's bytes as they arrive: resumed after an interruption, and verified at the end."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

import anyio

from lading.errors import IntegrityError, InvalidResponse, NetworkError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lading._core.download import Expected
    from lading.s3._download.failover import RegionFailover


class ArtifactStream:
    """An async iterator over the bytes, to be closed.

    A piece that does not arrive is requested again, under the retry rule, from another region if there is one.

    Args:
        failover: Opens the artifact.
        expected: Digests that the bytes must have.
        size: Their number.
        key: What errors call the artifact.
    """

    def __init__(self, failover: RegionFailover, expected: Expected, size: int, key: str) -> None:
        self._failover = failover
        self._expected = expected
        self._hashers = {name: make() for name, make in expected.hashers.items()}
        self._size = size
        self._key = key
        self._count = 0
        self._pieces: AsyncIterator[bytes] | None = None
        self._open = AsyncExitStack()
        self._ended = False

    async def start(self) -> None:
        """Open the first response."""
        await self._failover.retrying(self._start)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = b"" if self._ended else await self._failover.retrying(self._next)
        if piece:
            return piece
        if not self._ended:
            self._ended = True
            self._verify()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Release the connection."""
        self._pieces, self._ended = None, True
        with anyio.CancelScope(shield=True):
            await self._open.aclose()

    async def _start(self, attempt: int) -> AsyncIterator[bytes]:
        byte_range = f"bytes={self._count}-" if self._count else None
        response = await self._open.enter_async_context(self._failover.open(byte_range, attempt=attempt))
        if self._count and not response.headers.get("content-range", "").startswith(f"bytes {self._count}-"):
            raise InvalidResponse(f"s3: {self._key}: the store sent another part of it than was requested")
        self._pieces = aiter(response)
        return self._pieces

    async def _next(self, attempt: int) -> bytes:
        pieces = self._pieces or await self._start(attempt)
        try:
            piece = await anext(pieces, b"")
            if not piece and self._count < self._size:
                raise self._short_error()
        except NetworkError as error:
            error.outcome = "not_done"  # as for any read
            self._pieces = None
            self._failover.prefer_next()
            with anyio.CancelScope(shield=True):
                await self._open.aclose()
            raise
        self._count += len(piece)
        if self._count > self._size:
            raise IntegrityError(f"s3: {self._key}: more than the promised {self._size} bytes came")
        for hasher in self._hashers.values():
            hasher.update(piece)
        return piece

    def _short_error(self) -> NetworkError:
        return NetworkError(
            f"s3: {self._key}: the response ended after {self._count} of {self._size} bytes", phase="receive"
        )

    def _verify(self) -> None:
        for name, hasher in self._hashers.items():
            if hasher.hexdigest() != self._expected.digests[name]:
                raise IntegrityError(f"s3: {self._key}: its {name} is not {self._expected.digests[name]}")

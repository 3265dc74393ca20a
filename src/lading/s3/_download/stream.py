"""An artifact's bytes as they come: gone on with where a region breaks off, and verified in the end."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

import anyio

from lading._core.call import Call
from lading.errors import IntegrityError, InvalidResponse, NetworkError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lading.s3._download.failover import Promised, RegionFailover


class ArtifactStream:
    """An async iterator over the bytes, to be closed.

    A piece that does not come is asked for again, by the rule for retries, from another region where there is one.

    Args:
        reading: Opens it.
        promised: What the bytes must turn out to be.
        size: How many there are.
        key: What errors call it.
    """

    def __init__(self, reading: RegionFailover, promised: Promised, size: int, key: str) -> None:
        self._reading = reading
        self._promised = promised
        self._hashers = {name: make() for name, make in promised.hashers.items()}
        self._size = size
        self._key = key
        self._count = 0
        self._incoming: AsyncIterator[bytes] | None = None
        self._open = AsyncExitStack()
        self._ended = False

    async def begin(self) -> None:
        """Have an answer begun."""
        await self._reading.retrying(self._begin)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = b"" if self._ended else await self._reading.retrying(self._next)
        if piece:
            return piece
        if not self._ended:
            self._ended = True
            self._verify()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Give the connection back, or end it."""
        self._incoming, self._ended = None, True
        with anyio.CancelScope(shield=True):
            await self._open.aclose()

    async def _begin(self, attempt: int) -> AsyncIterator[bytes]:
        headers = {"Range": f"bytes={self._count}-"} if self._count else {}
        call = Call("GET", self._reading.url, headers=headers, template="(GetObject)")
        incoming = await self._open.enter_async_context(self._reading.stream(call, attempt=attempt))
        if self._count and not incoming.headers.get("content-range", "").startswith(f"bytes {self._count}-"):
            raise InvalidResponse(f"s3: {self._key}: the store sent another part of it than it was asked for")
        self._incoming = aiter(incoming)
        return self._incoming

    async def _next(self, attempt: int) -> bytes:
        incoming = self._incoming or await self._begin(attempt)
        try:
            piece = await anext(incoming, b"")
            if not piece and self._count < self._size:
                raise self._short()
        except NetworkError as error:
            error.outcome = "not_done"  # as for any read
            self._incoming = None
            self._reading.go_elsewhere()
            with anyio.CancelScope(shield=True):
                await self._open.aclose()
            raise
        self._count += len(piece)
        if self._count > self._size:
            raise IntegrityError(f"s3: {self._key}: more than the promised {self._size} bytes came")
        for hasher in self._hashers.values():
            hasher.update(piece)
        return piece

    def _short(self) -> NetworkError:
        return NetworkError(
            f"s3: {self._key}: the answer ended after {self._count} of {self._size} bytes", phase="receive"
        )

    def _verify(self) -> None:
        for name, hasher in self._hashers.items():
            if hasher.hexdigest() != self._promised.digests[name]:
                raise IntegrityError(f"s3: {self._key}: its {name} is not {self._promised.digests[name]}")

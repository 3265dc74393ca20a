"""A remote file's bytes as they arrive: resumed after an interruption, and verified at the end."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

import anyio

from lading._core.resumable import Expected, ResumableReader
from lading.errors import InvalidResponse, NetworkError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from lading._core.call import Call
    from lading._core.download import DownloadSource


def _nothing() -> None:
    return


class DownloadStream:
    """An async iterator over the bytes, to be closed.

    A piece that does not arrive is requested again, under the retry rule.

    Args:
        source: Opens the responses, and has the retry rule.
        call: Reads the file.
        expected: What the bytes must turn out to be.
        label: What errors call the file.
        on_interrupted: Called after an interruption: the source may choose another server for the rest.
    """

    def __init__(
        self,
        source: DownloadSource,
        call: Call[Any],
        expected: Expected,
        label: str,
        on_interrupted: Callable[[], None] = _nothing,
    ) -> None:
        self._source = source
        self._label = label
        self._reader = ResumableReader(source, call, expected, label=label)
        self._on_interrupted = on_interrupted
        self._returned = 0
        self._response = AsyncExitStack()
        self._is_open = False
        self._ended = False

    async def start(self) -> None:
        """Open the first response."""
        await self._source.retrying(self._open)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = b"" if self._ended else await self._source.retrying(self._next)
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
            raise InvalidResponse(
                f"{self._label}: it was interrupted after {self._returned} bytes, and the store does not resume it"
            )
        self._is_open = True

    async def _next(self, attempt: int) -> bytes:
        if not self._is_open:
            await self._open(attempt)
        try:
            piece = await self._reader.read()
        except NetworkError:
            self._on_interrupted()
            await self._close_response()
            raise
        self._returned += len(piece)
        self._reader.update_digests(piece)
        return piece

    async def _close_response(self) -> None:
        self._is_open = False
        with anyio.CancelScope(shield=True):
            await self._response.aclose()

"""Bodies of requests and answers as async iterators: classes, which need no closing where generators do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class RequestBody:
    """The pieces that *pull* gives, until it gives an empty one."""

    def __init__(self, pull: Callable[[], Awaitable[bytes]]) -> None:
        self._pull = pull

    def __aiter__(self) -> RequestBody:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._pull()
        if not piece:
            raise StopAsyncIteration
        return piece


class OnePiece:
    """Bytes as a body of one piece, or of none."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __aiter__(self) -> OnePiece:
        return self

    async def __anext__(self) -> bytes:
        piece, self._data = self._data, b""
        if not piece:
            raise StopAsyncIteration
        return piece


async def close_body(body: object) -> None:
    """Call the body's ``aclose()`` if it has one, even while being cancelled."""
    aclose = getattr(body, "aclose", None)
    if aclose is not None:
        with anyio.CancelScope(shield=True):
            await aclose()

"""Bodies of requests and responses as async iterators. They are classes, which unlike generators need no closing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class RequestBody:
    """The pieces that *pull* returns, up to the first empty one."""

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
    """Bytes as a body of one piece, or of none if they are empty."""

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
    """Call ``aclose()`` of *body*, if it has one, even while being cancelled."""
    aclose = getattr(body, "aclose", None)
    if aclose is not None:
        with anyio.CancelScope(shield=True):
            await aclose()

"""Clients that read their configuration before they begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator
    from types import TracebackType

    from lading._client import Client

C = TypeVar("C", bound="Client")


class Opening(Generic[C]):
    """A client to be, whose configuration is read off the event loop when it is entered or awaited.

    ``async with PyPI.from_config() as pypi:`` ends it with the block; ``pypi = await PyPI.from_config()`` leaves that
    to ``await pypi.aclose()``.
    """

    def __init__(self, make: Callable[[], Awaitable[C]]) -> None:
        self._make = make
        self._client: C

    def __await__(self) -> Generator[Any, Any, C]:
        return self._make().__await__()

    async def __aenter__(self) -> C:
        self._client = await self._make()
        return await self._client.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

"""Lists in pages: await one page, iterate over all items, or keep a cursor to resume after an error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any, Generic, TypeVar, overload

from lading.errors import InputError

T = TypeVar("T")


class Page(Sequence[T]):
    """Some items of a list, in the store's order.

    Attributes:
        items: The items.
        next: Where the next page starts, in the store's own terms; ``None`` after the last.
        total: How many items the complete list has, where the store reports it.
    """

    __slots__ = ("items", "next", "total")

    def __init__(self, items: Sequence[T], next: Any = None, total: int | None = None) -> None:
        self.items: tuple[T, ...] = tuple(items)
        self.next: Any = next
        self.total: int | None = total

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        return f"Page({self.items!r}, next={self.next!r}, total={self.total!r})"


class Pager(Generic[T]):
    """A list in a store. ``await`` it for its first page, ``async for`` it for every item.

    Nothing is sent before that. A second ``async for`` starts from the beginning again. Where pages are counted from
    the beginning of the list, as on Copr, deleting while iterating passes items over: collect them first.

    Args:
        fetch: Called with the start of a page (``None`` for the first page); returns the page.
        start: The start of the first page, when not the beginning of the list.
        max_items: Stop after this many items.
    """

    def __init__(
        self, fetch: Callable[[Any], Awaitable[Page[T]]], *, start: Any = None, max_items: int | None = None
    ) -> None:
        if max_items is not None and max_items < 0:
            raise InputError("max_items must be 0 or more", argument="max_items")
        self._fetch = fetch
        self._start = start
        self._max_items = max_items

    @classmethod
    def single(cls, fetch_items: Callable[[], Awaitable[Sequence[T]]], *, max_items: int | None = None) -> Pager[T]:
        """Return a pager over a list that the store sends complete: it has one page, and no page size is sent.

        Args:
            fetch_items: Returns all items.
            max_items: Stop after this many items.
        """

        async def fetch(_: object) -> Page[T]:
            items = await fetch_items()
            return Page(items, None, len(items))

        return cls(fetch, max_items=max_items)

    def __await__(self) -> Generator[Any, Any, Page[T]]:
        return self._first().__await__()

    async def _first(self) -> Page[T]:
        page = await self._fetch(self._start)
        if self._max_items is None or len(page) <= self._max_items:
            return page
        return Page(page.items[: self._max_items], page.next, page.total)

    def __aiter__(self) -> Cursor[T]:
        return self.cursor()

    def cursor(self) -> Cursor[T]:
        """Return an iterator with a position of its own: iterating over it again after an error resumes there."""
        return Cursor(self._fetch, self._start, self._max_items)


class Cursor(Generic[T]):
    """An async iterator over a list's items that can be used after an error: it requests the failed page again.

    A class, not an async generator, which ends with the first error.
    """

    def __init__(self, fetch: Callable[[Any], Awaitable[Page[T]]], start: Any, max_items: int | None) -> None:
        self._fetch = fetch
        self._next = start
        self._left = max_items
        self._items: tuple[T, ...] = ()
        self._index = 0
        self._started = False

    def __aiter__(self) -> Cursor[T]:
        return self

    async def __anext__(self) -> T:
        if self._left == 0:
            raise StopAsyncIteration
        while self._index >= len(self._items):
            if self._started and self._next is None:
                raise StopAsyncIteration
            page = await self._fetch(self._next)
            self._started = True
            self._items, self._index, self._next = page.items, 0, page.next
        item = self._items[self._index]
        self._index += 1
        if self._left is not None:
            self._left -= 1
        return item

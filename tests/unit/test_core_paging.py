"""Lists: every item once whatever the pages, a cursor that outlives errors, a second loop that starts anew."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lading import Cursor, InputError, NetworkError, Page, Pager


class Shelf:
    """A store's list in pages of any sizes; *failing* names the requests that are lost, by number from 1."""

    def __init__(self, sizes: Sequence[int], failing: Sequence[int] = ()) -> None:
        starts = [sum(sizes[:index]) for index in range(len(sizes) + 1)]
        self.pages = [tuple(range(*pair)) for pair in zip(starts, starts[1:], strict=False)] or [()]
        self.items = [item for page in self.pages for item in page]
        self.failing = set(failing)
        self.requests: list[int | None] = []

    async def fetch(self, at: int | None) -> Page[int]:
        self.requests.append(at)
        if len(self.requests) in self.failing:
            raise NetworkError("lost")
        index = at or 0
        following = index + 1 if index + 1 < len(self.pages) else None
        return Page(self.pages[index], following, len(self.items))


async def take_all(cursor: Cursor[int]) -> list[int]:
    """Everything, continued after every error."""
    found: list[int] = []
    while True:
        try:
            async for item in cursor:
                found.append(item)
            return found
        except NetworkError:
            continue


def drive(coroutine):
    """What a coroutine that waits for nothing returns."""
    with pytest.raises(StopIteration) as caught:
        coroutine.send(None)
    return caught.value.value


sizes = st.lists(st.integers(0, 5), max_size=8)


@given(sizes, st.lists(st.integers(1, 12)), st.none() | st.integers(0, 30))
def test_every_item_once_in_any_pages_with_any_errors(sizes: list[int], failing: list[int], most: int | None):
    shelf = Shelf(sizes, failing)
    pager = Pager(shelf.fetch, max_items=most)
    assert drive(take_all(pager.cursor())) == shelf.items[:most]


@given(sizes, st.none() | st.integers(0, 30))
def test_nothing_is_requested_that_is_not_needed(sizes: list[int], most: int | None):
    shelf = Shelf(sizes)

    async def loop() -> list[int]:
        return [item async for item in Pager(shelf.fetch, max_items=most)]

    found = drive(loop())
    assert found == shelf.items[:most]
    if most == 0:
        assert not shelf.requests
        return
    assert shelf.requests == [None, *range(1, len(shelf.requests))]
    if most is not None and found:
        assert sum(map(len, shelf.pages[: len(shelf.requests) - 1])) < most


@pytest.mark.anyio
async def test_awaiting_gives_one_page():
    shelf = Shelf([3, 2])
    page = await Pager(shelf.fetch)
    assert (page.items, page.next, page.total, len(page), page[1], page[1:], list(page)) == (
        (0, 1, 2), 1, 5, 3, 1, (1, 2), [0, 1, 2],
    )  # fmt: skip
    assert list(await Pager(shelf.fetch, max_items=2)) == [0, 1]
    assert list(await Pager(shelf.fetch, start=1)) == [3, 4]
    assert repr(page) == "Page((0, 1, 2), next=1, total=5)"


@pytest.mark.anyio
async def test_a_second_loop_starts_again_and_a_cursor_continues():
    shelf = Shelf([2, 2])
    pager = Pager(shelf.fetch)
    assert [i async for i in pager] == [i async for i in pager] == [0, 1, 2, 3]
    cursor = pager.cursor()
    async for item in cursor:
        if item == 1:
            break  # needs no closing
    assert [i async for i in cursor] == [2, 3]
    assert [i async for i in cursor] == []


@pytest.mark.anyio
async def test_an_error_is_raised_where_it_happens():
    shelf = Shelf([2, 2], failing=[2])
    found = []
    cursor = Pager(shelf.fetch).cursor()
    with pytest.raises(NetworkError):
        async for item in cursor:
            found.append(item)
    assert found == [0, 1]
    assert [i async for i in cursor] == [2, 3]


def test_max_items_is_not_negative():
    with pytest.raises(InputError):
        Pager(Shelf([]).fetch, max_items=-1)


@pytest.mark.anyio
async def test_a_list_without_pages_is_one_page():
    requests = 0

    async def fetch_items() -> list[str]:
        nonlocal requests
        requests += 1
        return ["a", "b", "c"]

    pager = Pager.single(fetch_items)
    page = await pager
    assert (page.items, page.next, page.total) == (("a", "b", "c"), None, 3)
    assert [item async for item in pager] == ["a", "b", "c"]
    assert requests == 2
    limited = Pager.single(fetch_items, max_items=2)
    assert [item async for item in limited] == list(await limited) == ["a", "b"]

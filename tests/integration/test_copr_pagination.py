"""Lists: always in pages, every item once, and resumable after an error."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lading import BadRequest, Copr, InputError, ServerError
from lading.copr._models.builds import Build
from lading.copr._pagination import ListPage, paginate
from lading.testing import Respond
from tests.support.copr_frontend import QUICK, CannedFrontend, RecordingCopr, SeenRequest, ServerResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lading import Pager

pytestmark = pytest.mark.anyio


@pytest.fixture
def store() -> Iterator[RecordingCopr]:
    with RecordingCopr() as store:
        for number in range(7):
            store.add_project(f"page{number}")
        yield store


LISTS: list[Callable[..., Pager[Any]]] = [
    lambda copr, **options: copr.projects.list("owner", **options),
    lambda copr, **options: copr.projects.list(**options),
    lambda copr, **options: copr.packages.list("owner", "page0", **options),
    lambda copr, **options: copr.build_chroots.list(1, **options),
    lambda copr, **options: copr.builds.list("owner", "page0", **options),
]


async def test_every_page_is_requested_with_a_size(store: RecordingCopr):
    """Without one the frontend sends all there is, or 504."""
    store.add_build("page0", "https://example.com/hello-1.0-1.src.rpm")
    async with store.reader() as copr:
        for list_of in (*LISTS, lambda copr, **options: copr.projects.search("owner/page", **options)):
            for options in ({}, {"page_size": 2}):
                store.seen.clear()
                async for _ in list_of(copr, **options):
                    pass
                await list_of(copr, **options)
                assert {request.query["limit"] for request in store.seen} == {str(options.get("page_size", 250))}
                assert not any("order_type" in request.query for request in store.seen)


async def test_all_of_it_some_of_it_and_in_which_order(store: RecordingCopr):
    names = [f"page{number}" for number in range(7)]
    async with store.reader() as copr:

        async def found(**options: Any) -> list[str]:
            store.seen.clear()
            return [project.name async for project in copr.projects.list("owner", **options)]

        assert await found() == names
        assert len(store.seen) == 1
        assert await found(page_size=3) == names
        assert [request.query.get("offset") for request in store.seen] == [None, "3", "6"]  # short, so the last
        assert await found(page_size=7) == names
        assert len(store.seen) == 2  # full, so there may be more
        assert await found(page_size=2, max_items=3) == names[:3]
        assert len(store.seen) == 2
        assert await found(order="name", descending=True, page_size=2) == names[::-1]
        assert await found(offset=5) == names[5:]
        assert await found(offset=5, page_size=1, max_items=1) == names[5:6]
        assert await found(max_items=0) == []
        assert store.seen == []
        assert [project.name for project in await copr.projects.list("owner", page_size=2)] == names[:2]
        assert len(await copr.projects.list("nobody")) == 0


@pytest.mark.parametrize("options", [{"page_size": 0}, {"page_size": -1}, {"offset": -1}, {"max_items": -1}], ids=repr)
async def test_what_the_frontend_takes_for_something_else(store: RecordingCopr, options: dict[str, int]):
    """A size of 0 means everything there, a negative one a bug."""
    async with store.reader() as copr:
        for list_of in LISTS:
            with pytest.raises(InputError) as caught:
                list_of(copr, **options)
            assert caught.value.argument in options
    assert store.seen == []


@pytest.mark.parametrize("order", ["nosuch", "full_name"])
async def test_a_bad_order_is_the_callers_mistake_and_requested_once(store: RecordingCopr, order: str):
    async with store.reader() as copr:
        with pytest.raises(BadRequest, match="Cannot order by") as caught:
            await copr.projects.list("owner", order=order)
    assert (caught.value.status, caught.value.attempts) == (500, 1)
    assert len(store.seen) == 1


async def test_a_list_is_resumed_after_an_error(store: RecordingCopr):
    async with store.reader() as copr:
        cursor = copr.projects.list("owner", page_size=2).cursor()
        found = [(await anext(cursor)).name for _ in range(4)]
        store.faults.add(Respond(504, b"<html>"), times=3)
        with pytest.raises(ServerError) as caught:
            await anext(cursor)
        assert (caught.value.status, caught.value.attempts) == (504, 3)
        found += [project.name async for project in cursor]
    assert found == [f"page{number}" for number in range(7)]


async def test_what_was_added_meanwhile(store: RecordingCopr):
    """Nothing comes twice when something is added in front."""
    async with store.reader() as copr:
        found = []
        async for project in copr.projects.list("owner", order="name", descending=True, page_size=3):
            if len(found) == 2:
                store.add_project("page9")
            found.append(project.name)
    assert found == [f"page{number}" for number in range(6, -1, -1)]


async def test_pages_that_are_smaller_than_requested():
    """A frontend may have a limit of its own, and say so."""

    def page(request: SeenRequest) -> ServerResponse:
        offset = int(request.query.get("offset", 0))
        items = [{"name": f"p{n}", "id": n, "new": {"field": []}} for n in range(offset, min(offset + 2, 5))]
        return ServerResponse.json({"items": items, "meta": {"limit": 2, "offset": offset}, "total": 5})

    async with CannedFrontend(page) as frontend, frontend.client() as copr:
        assert [project.id async for project in copr.projects.list(page_size=50)] == [0, 1, 2, 3, 4]
        assert [request.query.get("offset") for request in frontend.seen] == [None, "2", "4"]


async def test_items_without_numbers_and_a_page_without_meta():
    response = {"items": [{"name": "a", "ownername": "x"}, {"name": "a", "ownername": "y"}]}
    async with CannedFrontend(ServerResponse.json(response)) as frontend, frontend.client() as copr:
        found = [f"{project.ownername}/{project.name}" async for project in copr.projects.list(page_size=3)]
    assert found == ["x/a", "y/a"]


class Model:
    """A frontend's list of builds as a function: the offset counts all of them, the limit those with the state."""

    def __init__(self, states: list[bool], arrivals: list[list[bool]]) -> None:
        self.builds = [(number, state) for number, state in enumerate(states)]
        self.arrivals = arrivals
        self.requests = 0

    async def send(self, call: Any) -> ListPage[Build]:
        limit, offset = call.params["limit"], call.params["offset"] or 0
        assert limit
        found = [Build(id=number) for number, state in self.builds[offset:] if state][:limit]
        self.requests += 1
        assert self.requests < 200
        if self.arrivals:
            for state in self.arrivals.pop():
                self.builds.insert(0, (1000 + len(self.builds), state))
        return ListPage[Build](items=tuple(found), meta={"limit": limit, "offset": offset})


def send(model: Model, page_size: int) -> list[int]:
    async def run() -> list[int]:
        pager = paginate(
            model,  # type: ignore[arg-type]
            "build/list",
            ListPage[Build],
            {"status": "failed"},
            key=lambda build: build.id,
            page_size=page_size,
            max_items=None,
        )
        return [build.id async for build in pager]

    with contextlib.closing(run()) as coroutine:
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return list(stop.value)
    raise AssertionError


@settings(deadline=None, derandomize=True)
@given(st.lists(st.booleans(), max_size=60), st.integers(1, 9))
def test_every_build_with_a_state_comes_exactly_once(states: list[bool], page_size: int):
    """Though pages with a status overlap by design."""
    found = send(Model(states, []), page_size)
    assert found == [number for number, state in enumerate(states) if state]


@settings(deadline=None, derandomize=True)
@given(st.lists(st.booleans(), max_size=40), st.integers(1, 9), st.data())
def test_nor_does_any_come_twice_while_others_are_added_in_front(
    states: list[bool], page_size: int, data: st.DataObject
):
    """The newest come first: what is added moves all others on, by less than a page between two looks."""
    arrivals = data.draw(st.lists(st.lists(st.just(True), max_size=page_size - 1), max_size=5))
    found = send(Model([True] * len(states), arrivals), page_size)
    assert sorted(set(found)) == sorted(found)
    assert {number for number in found if number < 1000} == set(range(len(states)))


async def test_big_pages(store: RecordingCopr):
    """A page of a thousand projects is some megabytes."""
    item = {"name": "x" * 20, "chroot_repos": {f"chroot-{n}": "https://example.com/" + "y" * 100 for n in range(200)}}
    items = [{**item, "id": n} for n in range(1000)]
    response = ServerResponse.json({"items": items, "meta": {"limit": 1000}})
    async with CannedFrontend(response) as frontend, Copr(frontend.url, retry=QUICK) as copr:
        assert len(await copr.projects.list(page_size=1000)) == 1000

"""Watching many keys: one poll for all that are left, changes as they come, intervals as configured."""

from __future__ import annotations

from collections.abc import Mapping

import anyio
import pytest

from lading import NetworkError
from lading._core.polling import PollInterval, Watch, poll_until

pytestmark = pytest.mark.anyio
NOW = PollInterval(0, 1, 0)


class Sleep:
    """Records the waits, and does not wait."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.fixture
def sleep() -> Sleep:
    return Sleep()


class Store:
    """Returns values from a list, one after another; an exception in it is raised."""

    def __init__(self, *values: Mapping[int, str] | Exception) -> None:
        self.values = list(values)
        self.requests: list[tuple[int, ...]] = []

    async def fetch(self, keys: tuple[int, ...]) -> Mapping[int, str]:
        self.requests.append(keys)
        value = self.values.pop(0)
        if isinstance(value, Exception):
            raise value
        return value


def done(state: str) -> bool:
    return state.startswith("end")


async def test_news_of_all_until_each_is_done(sleep: Sleep):
    store = Store({1: "run", 2: "run"}, {1: "run", 2: "end"}, {1: "late"}, {1: "end!"})
    assert [v async for v in Watch((1, 2), store.fetch, done, sleep=sleep)] == ["run", "run", "end", "late", "end!"]
    assert store.requests == [(1, 2), (1, 2), (1,), (1,)]


async def test_only_what_is_done(sleep: Sleep):
    store = Store({1: "run", 2: "end2"}, {1: "more"}, {1: "end1"})
    assert [v async for v in Watch((1, 2), store.fetch, done, only_done=True, sleep=sleep)] == ["end2", "end1"]


async def test_what_is_missing_or_was_not_requested_does_no_harm(sleep: Sleep):
    store = Store({}, {9: "end9", 2: "end2"}, {1: "end1"})
    assert [v async for v in Watch((1, 2), store.fetch, done, sleep=sleep)] == ["end2", "end1"]


async def test_a_key_given_twice_is_one(sleep: Sleep):
    store = Store({1: "end"})
    assert [v async for v in Watch((1, 1), store.fetch, done, sleep=sleep)] == ["end"]


async def test_nothing_to_watch_sends_no_request(sleep: Sleep):
    store = Store()
    assert [v async for v in Watch((), store.fetch, done, sleep=sleep)] == []
    assert not store.requests


async def test_what_counts_as_news_can_be_said(sleep: Sleep):
    store = Store({1: "a1"}, {1: "a2"}, {1: "b1"}, {1: "end"})
    watch = Watch((1,), store.fetch, done, changed=lambda before, now: before[0] != now[0], sleep=sleep)
    assert [v async for v in watch] == ["a1", "b1", "end"]


async def test_quiet_intervals_stretch_and_news_sets_them_back(sleep: Sleep):
    quiet = {1: "a"}
    store = Store(quiet, quiet, quiet, quiet, quiet, {1: "b"}, {1: "b"}, {1: "end"})
    poll = PollInterval(initial=2, factor=2, maximum=10)
    assert [v async for v in Watch((1,), store.fetch, done, poll=poll, sleep=sleep)] == ["a", "b", "end"]
    assert sleep.waits == [2, 4, 8, 10, 10, 2, 4]


async def test_after_an_error_it_can_continue(sleep: Sleep):
    store = Store(NetworkError("lost"), {1: "run", 2: "end2"}, NetworkError("lost"), {1: "end1"})
    watch = Watch((1, 2), store.fetch, done, sleep=sleep)
    found = []
    for _ in range(3):
        try:
            async for value in watch:
                found.append(value)
        except NetworkError:
            found.append("error")
    assert found == ["error", "run", "end2", "error", "end1"]
    assert store.requests[-1] == (1,)


async def test_iteration_that_ends_early_needs_no_closing_and_resumes_later(sleep: Sleep):
    store = Store({1: "end1", 2: "end2"})
    watch = Watch((1, 2), store.fetch, done, sleep=sleep)
    assert await anext(watch) == "end1"
    assert [v async for v in watch] == ["end2"]


async def test_until_something_is_there(sleep: Sleep):
    values = [None, None, "there"]

    async def fetch() -> str | None:
        return values.pop(0)

    assert await poll_until(fetch, PollInterval(initial=1, factor=3, maximum=2), sleep=sleep) == "there"
    assert sleep.waits == [1, 2]


async def test_waiting_is_bounded_by_the_callers_scope():
    async def fetch() -> None:
        return None

    with anyio.move_on_after(0.02) as scope:
        await poll_until(fetch, NOW)
    assert scope.cancelled_caught

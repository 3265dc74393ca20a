"""Watching many: one question for all that are left, news as it comes, intervals as said."""

from __future__ import annotations

from collections.abc import Mapping

import anyio
import pytest

from lading import NetworkError
from lading._core.polling import PollInterval, Watch, poll_until

pytestmark = pytest.mark.anyio
NOW = PollInterval(0, 1, 0)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits, none of which is waited."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(anyio, "sleep", sleep)
    return waits


class Store:
    """Answers from a list, one after another; an exception in it is raised."""

    def __init__(self, *answers: Mapping[int, str] | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[int, ...]] = []

    async def ask(self, keys: tuple[int, ...]) -> Mapping[int, str]:
        self.asked.append(keys)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def done(state: str) -> bool:
    return state.startswith("end")


async def test_news_of_all_until_each_is_done(slept: list[float]):
    store = Store({1: "run", 2: "run"}, {1: "run", 2: "end"}, {1: "late"}, {1: "end!"})
    assert [v async for v in Watch((1, 2), store.ask, done)] == ["run", "run", "end", "late", "end!"]
    assert store.asked == [(1, 2), (1, 2), (1,), (1,)]


async def test_only_what_is_done(slept: list[float]):
    store = Store({1: "run", 2: "end2"}, {1: "more"}, {1: "end1"})
    assert [v async for v in Watch((1, 2), store.ask, done, only_done=True)] == ["end2", "end1"]


async def test_what_is_missing_or_was_not_asked_for_does_no_harm(slept: list[float]):
    store = Store({}, {9: "end9", 2: "end2"}, {1: "end1"})
    assert [v async for v in Watch((1, 2), store.ask, done)] == ["end2", "end1"]


async def test_a_key_given_twice_is_one(slept: list[float]):
    store = Store({1: "end"})
    assert [v async for v in Watch((1, 1), store.ask, done)] == ["end"]


async def test_nothing_to_watch_asks_nothing(slept: list[float]):
    store = Store()
    assert [v async for v in Watch((), store.ask, done)] == []
    assert not store.asked


async def test_what_counts_as_news_can_be_said(slept: list[float]):
    store = Store({1: "a1"}, {1: "a2"}, {1: "b1"}, {1: "end"})
    watch = Watch((1,), store.ask, done, changed=lambda before, now: before[0] != now[0])
    assert [v async for v in watch] == ["a1", "b1", "end"]


async def test_quiet_intervals_stretch_and_news_sets_them_back(slept: list[float]):
    quiet = {1: "a"}
    store = Store(quiet, quiet, quiet, quiet, quiet, {1: "b"}, {1: "b"}, {1: "end"})
    poll = PollInterval(initial=2, factor=2, maximum=10)
    assert [v async for v in Watch((1,), store.ask, done, poll=poll)] == ["a", "b", "end"]
    assert slept == [2, 4, 8, 10, 10, 2, 4]


async def test_an_error_leaves_it_able_to_go_on(slept: list[float]):
    store = Store(NetworkError("lost"), {1: "run", 2: "end2"}, NetworkError("lost"), {1: "end1"})
    watch = Watch((1, 2), store.ask, done)
    found = []
    for _ in range(3):
        try:
            async for value in watch:
                found.append(value)
        except NetworkError:
            found.append("error")
    assert found == ["error", "run", "end2", "error", "end1"]
    assert store.asked[-1] == (1,)


async def test_leaving_early_needs_no_closing_and_goes_on_later(slept: list[float]):
    store = Store({1: "end1", 2: "end2"})
    watch = Watch((1, 2), store.ask, done)
    assert await anext(watch) == "end1"
    assert [v async for v in watch] == ["end2"]


async def test_until_something_is_there(slept: list[float]):
    answers = [None, None, "there"]

    async def ask() -> str | None:
        return answers.pop(0)

    assert await poll_until(ask, PollInterval(initial=1, factor=3, maximum=2)) == "there"
    assert slept == [1, 2]


async def test_waiting_is_bounded_by_the_callers_scope():
    async def ask() -> None:
        return None

    with anyio.move_on_after(0.02) as scope:
        await poll_until(ask, NOW)
    assert scope.cancelled_caught

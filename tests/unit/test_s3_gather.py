"""Work in several regions of which some suffice: who is waited for, how long, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import pytest

from lading import LadingError, NetworkError, RequestTimeout
from lading._core.settings import ClientSettings
from lading.s3._gather import Grace, gather
from lading.s3._hedge import Hedge
from tests.support.memory_s3 import CONFIGURATION, make_regions, opened_regions
from tests.support.virtual_clock import VirtualClock

pytestmark = pytest.mark.anyio

NEVER = float("inf")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def settings(clock: VirtualClock) -> ClientSettings:
    return ClientSettings(clock=clock.now, sleep=clock.sleep)


def taking(clock: VirtualClock, seconds: dict[str, float]) -> Callable[[str], Awaitable[str]]:
    """Work that takes so long in each region."""

    async def work(region: str) -> str:
        await (anyio.sleep_forever() if seconds[region] == NEVER else clock.sleep(seconds[region]))
        return region.upper()

    return work


@pytest.mark.parametrize(
    ("seconds", "grace", "found", "time"),
    [
        ({"a": 1, "b": 2, "c": 3}, None, "abc", 3),
        ({"a": 1, "b": 2, "c": 3}, Grace(lambda some: len(some) >= 2), "abc", 3),
        ({"a": 1, "b": 2, "c": NEVER}, Grace(lambda some: len(some) >= 2), "ab", 3),
        ({"a": NEVER, "b": 2, "c": NEVER}, Grace(bool, 10), "b", 12),
        ({"a": 30, "b": 2, "c": NEVER}, Grace(bool, 10, stretches=True), "b", 12),
        ({"a": 20, "b": 15, "c": NEVER}, Grace(bool, 10, stretches=True), "ab", 35),
        ({"a": 5, "b": 20, "c": 24}, Grace(lambda some: len(some) >= 2, 1, stretches=True), "abc", 24),
    ],
)
async def test_who_is_waited_for(clock: VirtualClock, seconds, grace, found: str, time: float):
    results, failed = await gather(taking(clock, seconds), "abc", settings=settings(clock), grace=grace)
    assert results == {name: name.upper() for name in found}
    assert list(results) == list(found)
    assert set(failed) == set("abc") - set(found)
    assert all(isinstance(error, RequestTimeout) for error in failed.values())
    assert clock.time == time


@pytest.mark.parametrize(("seconds", "time"), [({"a": 1, "b": 1, "c": NEVER}, 1), ({"a": 1, "b": 3, "c": NEVER}, 3)])
async def test_a_suspect_is_not_waited_for(clock: VirtualClock, seconds, time: float):
    found, failed = await gather(
        taking(clock, seconds), "abc", settings=settings(clock), grace=Grace(bool, 5), suspects={"c"}
    )
    assert (list(found), list(failed), clock.time) == (["a", "b"], ["c"], time)


async def test_a_suspect_is_waited_for_where_the_others_do_not_suffice(clock: VirtualClock):
    grace: Grace[str] = Grace(lambda some: len(some) >= 3)
    work = taking(clock, {"a": 1, "b": 1, "c": 50})
    found, _ = await gather(work, "abc", settings=settings(clock), grace=grace, suspects={"c"})
    assert (list(found), clock.time) == (["a", "b", "c"], 50)


async def test_a_suspect_that_responds_in_its_own_grace_counts(clock: VirtualClock):
    work = taking(clock, {"a": 1, "b": 1, "c": 1.5})
    found, _ = await gather(work, "abc", settings=settings(clock), grace=Grace(bool, 10, suspects=1.0), suspects={"c"})
    assert (list(found), clock.time) == (["a", "b", "c"], 1.5)


async def test_a_failure_does_not_suffice(clock: VirtualClock):
    async def work(region: str) -> str:
        if region == "a":
            raise NetworkError("no")
        return await taking(clock, {"b": 30, "c": NEVER})(region)

    found, failed = await gather(work, "abc", settings=settings(clock), grace=Grace(bool))
    assert (list(found), list(failed), clock.time) == (["b"], ["a", "c"], 31)
    assert str(failed["a"]) == "no"


async def test_what_is_no_region_s_failure_ends_it_all(clock: VirtualClock):
    async def work(region: str) -> str:
        if region == "a":
            raise KeyError("mine")
        return await taking(clock, {"b": NEVER, "c": NEVER})(region)

    with pytest.raises(KeyError, match="mine"):
        await gather(work, "abc", settings=settings(clock))


async def test_what_is_cut_off_has_time_to_clean_up_and_no_more(clock: VirtualClock):
    shields: dict[str, anyio.CancelScope] = {}
    cleaned: list[str] = []

    async def work(region: str) -> str:
        try:
            return await taking(clock, {"a": 0, "b": NEVER, "c": NEVER})(region)
        finally:
            with anyio.CancelScope(shield=True) as shields[region]:
                await clock.sleep({"a": 0, "b": 3, "c": 900}[region])
                cleaned.append(region)

    found, failed = await gather(
        work, "abc", settings=settings(clock), grace=Grace(bool), abandon=lambda name: shields[name].cancel()
    )
    assert (list(found), list(failed), cleaned, clock.time) == (["a"], ["b", "c"], ["a", "b"], 6)


async def test_cancelled_it_cancels_the_work(clock: VirtualClock):
    ended: list[str] = []

    async def work(region: str) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(region)

    with anyio.move_on_after(0.01) as scope:
        await gather(work, "abc", settings=settings(clock), grace=Grace(bool))
    assert scope.cancelled_caught
    assert sorted(ended) == ["a", "b", "c"]


# The configuration, and buckets.


@pytest.mark.parametrize(("late", "prefix"), [("", "a/"), ("a", "b/"), ("ab", "c/"), ("bc", "a/")])
async def test_the_first_configuration_by_order_of_those_that_respond(clock: VirtualClock, late: str, prefix: str):
    known = make_regions("a", "b", "c")
    for name, region in known.items():
        text = CONFIGURATION.dump().replace('"pre/"', f'"{name}/"')
        region.parameters.values["/startifact"] = text
        if name in late:
            region.parameters.silent.add("get")
    regions = await opened_regions(known, clock)
    assert regions.require_configuration.bucket_key_prefix == prefix
    assert set(regions.buckets) == set("abc") - set(late)
    assert set(regions.unreachable) == set(late)
    assert clock.time == (1 if late else 0)


async def test_a_region_without_a_configuration_is_no_reason_to_stop_waiting(clock: VirtualClock):
    known = make_regions("a", "b")
    del known["a"].parameters.values["/startifact"]

    async def turn(operation: str) -> None:
        await clock.sleep(5)

    known["b"].parameters.turn = turn
    assert (await opened_regions(known, clock)).configuration == CONFIGURATION


async def test_a_region_that_was_silent_is_waited_for_again_after_a_while(clock: VirtualClock):
    known = make_regions("a", "b", "c")
    known["c"].parameters.silent.add("get")
    regions = await opened_regions(known, clock)
    assert clock.time == 1
    for after, expected in ((0, 1), (20, 21), (31, 53), (0, 53)):
        clock.time += after
        await regions.gather(regions.bucket_of, None, Grace(bool))
        assert clock.time == expected
    known["c"].parameters.silent.clear()
    await regions.gather(regions.bucket_of)
    assert regions.unreachable == {}
    assert set(regions.buckets) == {"a", "b", "c"}


# Hedged requests.


@pytest.mark.parametrize(
    ("seconds", "won", "time"),
    [
        ({"a": 0.2, "b": 0, "c": 0}, "A", 0.2),
        ({"a": NEVER, "b": 0.1, "c": 0}, "B", 0.6),
        ({"a": NEVER, "b": NEVER, "c": 3}, "C", 4.0),
        ({"a": 0.9, "b": 0.5, "c": 0}, "A", 0.9),
    ],
)
async def test_the_first_of_hedged_requests(clock: VirtualClock, seconds, won: str, time: float):
    assert await Hedge(taking(clock, seconds), "abc", settings(clock)).run() == won
    assert clock.time == pytest.approx(time)


async def test_hedged_requests_that_all_fail(clock: VirtualClock):
    async def work(region: str) -> str:
        raise LadingError(region)

    with pytest.raises(LadingError, match="a"):
        await Hedge(work, "abc", settings(clock)).run()
    assert clock.time == 0


async def test_a_hedged_result_that_is_not_needed_is_discarded(clock: VirtualClock):
    discarded: list[str] = []

    async def work(region: str) -> str:
        with anyio.CancelScope(shield=True):
            await clock.sleep({"a": 2.0, "b": 1.0}[region])
        return region

    async def discard(value: str) -> None:
        discarded.append(value)

    assert await Hedge(work, "ab", settings(clock), discard).run() == "b"
    assert discarded == ["a"]

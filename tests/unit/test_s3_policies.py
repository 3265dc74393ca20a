"""Each policy's promise, for stagers that reach different regions, lose some on the way, or crash: in every order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from lading import LadingError, StageFailed
from lading.s3 import StageResult, VersionExists
from tests.support.interleavings import Actors, every_order
from tests.support.s3_policies import Who, reaching, staged_in, stagers, stepped

if TYPE_CHECKING:
    from lading.s3._results import Policy

NEEDED = {"all": 3, "quorum": 2, "any": 1}
REACHES = ["abc", "ab", "ac", "bc", "a", "c"]


@pytest.fixture(autouse=True)
def without_loop() -> Iterator[None]:
    with stepped():
        yield


def losing_on_the_way(data: bytes, region: str) -> list[Who]:
    """A stager to which the region goes silent at some point, with or without the operation done then."""
    return [Who(data, ((region, after, done),)) for after in range(1, 6) for done in (False, True)]


def successes(actors: Actors) -> dict[str, StageResult]:
    return {name: result for name, result in actors.results.items() if isinstance(result, StageResult)}


def check(actors: Actors, whos: dict[str, Who], policy: Policy) -> None:
    """The promise of *policy* is kept to everyone that was given a result."""
    there = staged_in(actors)
    won = successes(actors)
    for name in won:
        have = [data for data, _ in there.values()].count(whos[name].data)
        assert have >= NEEDED[policy], (actors.results, there)
    if policy != "any":
        assert len({whos[name].data for name in won}) <= 1, (actors.results, there)
    elif len({whos[name].data for name in won}) > 1:
        assert any(won[name].warnings for name in won)
    for name, result in actors.results.items():
        if isinstance(result, StageResult):
            continue
        assert isinstance(result, (VersionExists, StageFailed)), result
        if policy == "all" and isinstance(result, StageFailed) and "a" in result.failed:
            assert {bucket for bucket, (_, by) in there.items() if by == name} <= {"bucket-a"}
        if policy == "quorum" and result.outcome == "not_done":
            assert name not in {by for _, by in there.values()}, (result, there)


def run(whos: dict[str, Who], policy: Policy, *, crashing: str = "") -> list[Any]:
    ends = []
    for _, actors in every_order(stagers(whos, policy), crashing=crashing):
        check(actors, whos, policy)
        ends.append((len(successes(actors)), {data for data, _ in staged_in(actors).values()}))
    return ends


@pytest.mark.parametrize("policy", ["all", "quorum", "any"])
@pytest.mark.parametrize("one", REACHES)
def test_two_stagers_of_different_reach(policy: Policy, one: str):
    for other, data in itertools.product(REACHES, (b"p", b"q")):
        ends = run({"A": reaching(b"p", one), "B": reaching(data, other)}, policy)
        if one == other == "abc":
            assert {done for done, _ in ends} == ({2} if data == b"p" else {1})


@pytest.mark.parametrize("policy", ["all", "quorum", "any"])
@pytest.mark.parametrize("region", ["a", "b"])
def test_a_region_that_goes_silent_to_one_of_two(policy: Policy, region: str):
    for who, other in itertools.product(losing_on_the_way(b"p", region), (reaching(b"q", "abc"), reaching(b"q", "bc"))):
        run({"A": who, "B": other}, policy)


@pytest.mark.parametrize("policy", ["all", "quorum", "any"])
@pytest.mark.parametrize("other", ["abc", "bc"])
def test_one_that_crashes_anywhere_breaks_no_promise(policy: Policy, other: str):
    run({"A": reaching(b"q", other), "B": reaching(b"p", "ab")}, policy, crashing="B")


@pytest.mark.parametrize("reaches", [("ab", "bc", "ac"), ("ac", "b", "bc"), ("b", "ab", "bc"), ("c", "c", "bc")])
@pytest.mark.parametrize("data", [(b"p", b"q", b"p"), (b"p", b"p", b"q"), (b"p", b"q", b"r")], ids=repr)
def test_three_stagers_without_a_common_region_agree_by_majority(
    reaches: tuple[str, str, str], data: tuple[bytes, bytes, bytes]
):
    whos = {name: reaching(what, reach) for name, what, reach in zip("ABC", data, reaches, strict=True)}
    run(whos, "quorum")


def test_what_may_still_be_removed_is_never_counted():
    """A has the bytes in a region and finds no majority; B, with the same bytes, counts that region; C has others."""
    whos = {"A": reaching(b"p", "b"), "B": reaching(b"p", "ab"), "C": reaching(b"q", "bc")}
    ends = run(whos, "quorum")
    assert {done for done, _ in ends} >= {0, 1}


def test_all_writes_nothing_anywhere_once_the_region_that_decides_has_failed():
    for who in (reaching(b"p", "bc"), *losing_on_the_way(b"p", "a")):
        for _, actors in every_order(stagers({"A": who}, "all")):
            error = actors.results["A"]
            if isinstance(error, LadingError):
                assert set(staged_in(actors)) <= {"bucket-a"}
                assert set(error.failed) == {"a", "b", "c"} if isinstance(error, StageFailed) else True

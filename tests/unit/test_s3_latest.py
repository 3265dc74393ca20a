"""The latest version: never lost, never backwards by itself, and the parameter of old readers follows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import anyio
import pytest
from semver import Version

from lading import Conflict, RateLimited
from lading.s3 import _layout
from lading.s3._layout import LatestRecord, highest
from lading.s3._staging import latest as _pointer
from lading.s3._staging.latest import LatestPointer
from tests.support.interleavings import Actors, every_order, without_time
from tests.support.memory_s3 import CONFIGURATION, Bucket, Parameters, conflict, forbidden

POINTER = "pre/P/latest"
PARAMETER = "/arts/P/latest"


class Fixed(datetime):
    """Always the same moment, so that states can be compared."""

    @classmethod
    def now(cls, tz=None):
        return cls(2026, 1, 1, tzinfo=tz or UTC)


class Here:
    """One region, and pointers to it."""

    def __init__(self, parameter: str | None = None) -> None:
        self.bucket = Bucket()
        self.parameters = Parameters({PARAMETER: parameter} if parameter else {})
        self.warnings: list[str] = []

    def latest(self) -> LatestPointer:
        return LatestPointer(self.bucket, self.parameters, CONFIGURATION, "P")

    async def advance(self, version: str, *, latest: bool | None = None, counter: int = 0) -> str | None:
        pointer = self.latest()
        try:
            return await pointer.advance(version, "", latest=latest, counter=counter)
        finally:
            self.warnings += pointer.warnings

    @property
    def pointer(self) -> LatestRecord:
        return LatestRecord.load(self.bucket.objects[POINTER].data, POINTER)

    @property
    def parameter(self) -> str | None:
        return self.parameters.values.get(PARAMETER)

    def state(self) -> object:
        return sorted((key, one.data) for key, one in self.bucket.objects.items()), self.parameter


# Several writers, in every order.

ORDERS = {
    "a higher and a lower": ([("1.0.0", None), ("2.0.0", None)], None, {"2.0.0"}),
    "above startifact's": ([("1.0.0", None), ("2.0.0", None)], "0.5.0", {"2.0.0"}),
    "below startifact's": ([("1.0.0", None), ("2.0.0", None)], "3.0.0", {"3.0.0"}),
    "back on purpose": ([("2.0.0", None), ("1.0.0", True)], None, {"1.0.0", "2.0.0"}),
    "stable and pre-release": ([("1.0.0", None), ("2.0.0-rc.1", None)], None, {"1.0.0", "2.0.0-rc.1"}),
}


@pytest.mark.parametrize("case", ORDERS)
def test_in_every_order_of_two_writers_nothing_is_lost(case: str, monkeypatch: pytest.MonkeyPatch):
    writers, parameter, expected = ORDERS[case]
    monkeypatch.setattr(_layout, "datetime", Fixed)
    monkeypatch.setattr(_pointer, "_BACKOFF", 0.0)
    heres: list[Here] = []

    def make() -> Actors:
        here = Here(parameter)
        work = {
            name: here.advance(version, latest=latest) for name, (version, latest) in zip("AB", writers, strict=True)
        }
        actors = Actors(work, [here.bucket, here.parameters], here.state)
        heres.append(here)
        return actors

    ends = set()
    with without_time("lading.s3._staging.latest"):
        for _, actors in every_order(make):
            here = heres[-1]
            assert here.pointer.version == here.parameter
            assert highest(here.pointer.highest, here.pointer.version) == here.pointer.highest
            assert all(isinstance(result, str) for result in actors.results.values())
            ends.add(here.pointer.version)
    assert ends == expected
    assert len(heres) > 5


@pytest.mark.anyio
async def test_eight_writers_at_once_lose_nothing_and_never_go_back(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_pointer, "_BACKOFF", 0.0)
    here = Here()
    history: list[LatestRecord] = []

    async def turn(_: str) -> None:
        if POINTER in here.bucket.objects and (not history or history[-1].counter != here.pointer.counter):
            history.append(here.pointer)
        await anyio.lowlevel.checkpoint()

    here.bucket.turn = turn

    async def writer(number: int) -> None:
        for patch in range(10):
            await here.advance(f"1.{patch}.{number}")

    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(writer, number)
    assert here.pointer.version == here.parameter == "1.9.7"
    reported = [Version.parse(pointer.version) for pointer in history]
    assert reported == sorted(reported)
    counters = [pointer.counter for pointer in history]
    assert counters == sorted(set(counters))


@pytest.mark.anyio
async def test_forced_changes_of_many_writers_are_all_counted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_pointer, "_BACKOFF", 0.0)
    here = Here()
    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(lambda number=number: here.advance(f"1.{number}.0", latest=True))
    assert here.pointer.counter == 8
    assert here.pointer.highest == "1.7.0"
    assert here.pointer.version == here.parameter


# One writer, and what can be in its way.


@pytest.mark.anyio
async def test_the_first_version_makes_the_pointer_and_the_parameter():
    here = Here()
    assert await here.latest().advance("1.0.0", "abc", latest=None) == "1.0.0"
    assert (here.pointer.counter, here.pointer.key, here.pointer.sha256) == (1, "pre/P@1.0.0", "abc")
    assert here.parameter == "1.0.0"


@pytest.mark.anyio
async def test_going_back_on_purpose_sticks_until_something_newer_comes():
    here = Here()
    await here.advance("2.0.0")
    await here.advance("1.0.0", latest=True)
    assert (here.pointer.version, here.pointer.highest, here.parameter) == ("1.0.0", "2.0.0", "1.0.0")
    here.parameters.values[PARAMETER] = "2.0.0"  # a late mirror
    assert (await here.latest().read()).version == "1.0.0"
    assert await here.advance("1.0.1") == "1.0.1"
    here.parameters.values[PARAMETER] = "2.0.1"  # startifact staged that
    assert (await here.latest().read()).version == "2.0.1"
    assert await here.advance("1.0.2") == "2.0.1"
    assert (here.pointer.version, here.pointer.highest) == ("2.0.1", "2.0.1")


@pytest.mark.anyio
async def test_not_the_latest_when_one_says_so():
    here = Here()
    assert await here.advance("1.0.0", latest=False) is None
    assert not here.bucket.objects
    await here.advance("1.0.0")
    assert await here.advance("2.0.0", latest=False) == "1.0.0"


@pytest.mark.anyio
async def test_a_lower_version_leaves_the_pointer_alone_and_repairs_the_mirror():
    here = Here()
    await here.advance("2.0.0")
    here.parameters.values[PARAMETER] = "1.9.0"
    before = here.bucket.objects[POINTER].data
    assert await here.advance("1.0.0") == "2.0.0"
    assert here.bucket.objects[POINTER].data == before
    assert here.parameter == "2.0.0"


@pytest.mark.anyio
async def test_the_counter_is_above_every_other_regions():
    here = Here()
    await here.advance("1.0.0", counter=7)
    assert here.pointer.counter == 8


@pytest.mark.anyio
async def test_a_slow_mirror_of_an_old_value_is_put_right():
    here, other = Here(), "2.0.0"

    def somebody_else() -> None:
        here.bucket.objects.clear()
        pointer = LatestRecord(other, 2, other)
        here.bucket.write(POINTER, pointer.dump())
        here.parameters.values[PARAMETER] = other

    here.parameters.before("put", somebody_else)
    await here.advance("1.0.0")
    assert here.pointer.version == here.parameter == other


@pytest.mark.anyio
@pytest.mark.parametrize("status", [412, 409])
async def test_a_change_in_between_is_read_again(status: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_pointer, "_BACKOFF", 0.0)
    here = Here()
    here.bucket.fail("put_small", lambda: conflict(status), times=3)
    assert await here.advance("1.0.0") == "1.0.0"
    assert here.bucket.count("put_small") == 4


@pytest.mark.anyio
async def test_changed_all_the_time_it_gives_up_in_the_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_pointer, "_BACKOFF", 0.0)
    here = Here()
    here.bucket.fail("put_small", conflict, times=1000)
    with pytest.raises(Conflict, match="changed by others all the time"):
        await here.advance("1.0.0")


Deny = Callable[[Here], None]


def deny(where: str, operation: str) -> Deny:
    return lambda here: getattr(here, where).denied.add(operation)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("where", "operation", "warning"),
    [
        ("bucket", "get", "s3:GetObject"),
        ("parameters", "get", "ssm:GetParameter"),
        ("parameters", "put", "ssm:PutParameter"),
    ],
)
async def test_a_missing_permission_is_a_warning(where: str, operation: str, warning: str):
    here = Here()
    deny(where, operation)(here)
    assert await here.advance("1.0.0") == "1.0.0"
    assert here.pointer.version == "1.0.0"
    assert here.parameter == (None if (where, operation) == ("parameters", "put") else "1.0.0")
    assert len(here.warnings) == 1
    assert here.warnings[0].startswith(warning)


@pytest.mark.anyio
async def test_with_startifacts_own_policy_the_second_version_continues_as_startifact_did():
    here = Here()
    for version in ("1.0.0", "1.1.0"):
        for deny_it in (deny("bucket", "get"), deny("parameters", "get")):
            deny_it(here)
        await here.advance(version)
    assert here.parameter == "1.1.0"
    here.bucket.denied.clear()
    here.parameters.denied.clear()
    assert (await here.latest().read()).version == "1.1.0"  # the pointer still says 1.0.0: this is news
    assert await here.advance("1.0.5") == "1.1.0"
    assert here.pointer.version == "1.1.0"


@pytest.mark.anyio
async def test_a_parameter_that_cannot_be_read_is_written_once():
    here = Here()
    here.parameters.denied.add("get")
    await here.advance("1.0.0")
    assert here.parameters.count("put") == 1


@pytest.mark.anyio
async def test_another_error_than_a_missing_permission_is_raised():
    here = Here()
    here.parameters.fail("put", lambda: conflict(400))
    with pytest.raises(Conflict):
        await here.advance("1.0.0")
    here.bucket.fail("get", forbidden)  # the pointer was written: the same again repairs the mirror
    assert await here.advance("1.0.0") is None


def refused() -> RateLimited:
    """A response that says that nothing was done."""
    return RateLimited("s3: SlowDown (HTTP 503)", service="s3", status=503)


@pytest.mark.anyio
@pytest.mark.parametrize(("where", "operation"), [("parameters", "put"), ("bucket", "get"), ("parameters", "get")])
async def test_the_outcome_is_unknown_once_the_pointer_is_written(where: str, operation: str):
    here = Here()
    store = getattr(here, where)
    here.bucket.after("put_small", lambda: store.fail(operation, refused))
    with pytest.raises(RateLimited) as caught:
        await here.advance("1.0.0")
    assert caught.value.outcome == "unknown"
    assert here.pointer.version == "1.0.0"


@pytest.mark.anyio
async def test_the_outcome_is_unknown_after_a_conflict_with_what_may_be_our_own_write(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_pointer, "_BACKOFF", 0.0)
    here = Here()

    def second_attempt_refused() -> Conflict:
        error = conflict()
        error.outcome = "unknown"  # the response to the first was lost
        return error

    here.bucket.fail("put_small", second_attempt_refused, done=True)
    here.parameters.fail("put", refused)
    with pytest.raises(RateLimited) as caught:
        await here.advance("1.0.0")
    assert caught.value.outcome == "unknown"


@pytest.mark.anyio
async def test_the_outcome_is_unknown_once_the_parameter_alone_is_written():
    here = Here()
    await here.advance("1.0.0")
    here.parameters.values[PARAMETER] = "0.9.0"
    here.parameters.after("put", lambda: here.bucket.fail("get", refused))
    with pytest.raises(RateLimited) as caught:
        await here.advance("1.0.0")
    assert caught.value.outcome == "unknown"


@pytest.mark.anyio
@pytest.mark.parametrize("operation", ["get", "put_small"])
@pytest.mark.parametrize("conflicting", [False, True])
async def test_the_outcome_is_not_done_while_nothing_is_written(
    operation: str, conflicting: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(_pointer, "_BACKOFF", 0.0)
    here = Here()

    def write_in_between() -> None:
        here.bucket.fail(operation, refused)
        raise conflict()

    if conflicting:
        here.bucket.before("put_small", write_in_between)
    else:
        here.bucket.fail(operation, refused)
    with pytest.raises(RateLimited) as caught:
        await here.advance("1.0.0")
    assert caught.value.outcome == "not_done"
    assert not here.bucket.objects

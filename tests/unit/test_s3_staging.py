"""One version into all regions: one decides, the others copy, each fails alone, and the policy has the last word."""

from __future__ import annotations

import random
from typing import assert_type

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lading import InputError, LadingError, NetworkError, RequestTimeout, StageFailed
from lading.s3 import VersionExists
from lading.s3._layout import LatestRecord
from lading.s3._results import Policy, RegionResult, StageResult
from lading.s3._staging import latest as _pointer
from lading.s3._staging import metadata as _metadata
from lading.s3._staging import source as _source
from lading.s3._staging import transfer as _transfer
from lading.s3._staging.stage import StageOperation
from tests.support.memory_s3 import Region, broken, conflict, forbidden, make_regions, opened_regions, source_of
from tests.support.virtual_clock import VirtualClock

KEY = "pre/P@1.0.0"
META = b'{\n  "a": "1"\n}'


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a few bytes; and no waiting for others."""
    for module in (_source, _transfer):
        monkeypatch.setattr(module, "PART", 4)
    monkeypatch.setattr(_metadata, "_EVERY", 0.0)
    monkeypatch.setattr(_metadata, "_ORPHANED", 0.0)
    monkeypatch.setattr(_pointer, "_BACKOFF", 0.0)


async def staging(
    known: dict[str, Region], data: bytes = b"0123456789", metadata: bytes | None = META, **options
) -> StageOperation:
    version, clock = options.pop("version", "1.0.0"), options.pop("clock", None)
    return StageOperation(await opened_regions(known, clock), "P", version, source_of(data), metadata, **options)


def whats(staged: StageResult) -> list[str]:
    return [found.status for found in staged.regions.values()]


def check_there(known: dict[str, Region], data: bytes = b"0123456789", metadata: bytes | None = META) -> None:
    for region in known.values():
        assert region.store.objects[KEY].data == data
        there = region.store.objects.get(f"{KEY}/metadata")
        assert (b"{}" if there is None else there.data) == (metadata or b"{}")
        assert not region.store.open


@pytest.mark.anyio
async def test_it_is_uploaded_once_and_copied_to_the_others():
    known = make_regions("b", "a", "c")
    staged = await (await staging(known)).run()
    assert list(staged.regions) == ["b", "a", "c"]
    assert [found.copied for found in staged.regions.values()] == [True, False, True]
    assert whats(staged) == ["created"] * 3
    assert staged.latest == "1.0.0"
    assert (staged.key, staged.size, staged.failed) == (KEY, 10, {})
    check_there(known)
    assert sum(region.store.count("upload_part") for region in known.values()) == 3
    for region in known.values():
        assert region.parameters.values["/arts/P/latest"] == "1.0.0"
        assert LatestRecord.load(region.store.objects["pre/P/latest"].data, "").sha256 == staged.sha256


@pytest.mark.anyio
@pytest.mark.parametrize("policy", ["all", "quorum", "any"])
async def test_a_file_that_changes_after_the_first_region_has_it(policy: Policy):
    """Nothing is left where a majority is needed, and elsewhere nobody is told that nothing was done."""
    known = make_regions("a", "b", "c")

    def change() -> None:
        raise InputError("the file changed while it was read")

    for name in "bc":
        known[name].store.denied.add("copy_part")
        known[name].store.before("upload_part", change)
    with pytest.raises(InputError, match="the file changed") as caught:
        await (await staging(known, policy=policy)).run()
    assert (KEY in known["a"].store.objects) is (policy != "quorum")
    assert caught.value.outcome == ("not_done" if policy == "quorum" else "unknown")
    assert not any(region.store.open for region in known.values())


@pytest.mark.anyio
async def test_all_stagers_begin_in_the_same_region_whatever_order_they_know():
    for names in ("abc", "cba", "bca"):
        known = make_regions(*names)
        await (await staging(known)).run()
        assert known["a"].store.count("upload_part") == 3


@pytest.mark.anyio
async def test_the_same_again_changes_nothing():
    known = make_regions("a", "b")
    await (await staging(known)).run()
    for region in known.values():
        region.store.calls.clear()
    staged = await (await staging(known)).run()
    assert whats(staged) == ["unchanged"] * 2
    assert {name for region in known.values() for name, _ in region.store.calls} == {"head", "get"}


@pytest.mark.anyio
async def test_a_region_that_missed_it_gets_it_the_next_time():
    known = make_regions("a", "b")
    await (await staging(known)).run()
    known["a"].store.objects.clear()
    staged = await (await staging(known)).run()
    assert whats(staged) == ["created", "unchanged"]
    check_there(known)


@pytest.mark.anyio
@pytest.mark.parametrize("where", ["a", "b", "c"])
async def test_another_artifact_anywhere_and_nothing_is_written(where: str):
    known = make_regions("a", "b", "c")
    known[where].store.write(KEY, b"theirs")
    with pytest.raises(VersionExists, match=f"staged in {where} already"):
        await (await staging(known)).run()
    for region in known.values():
        assert {name for name, _ in region.store.calls} <= {"head"}
        assert not region.parameters.count("put")


@pytest.mark.anyio
async def test_read_only_looks_and_writes_nothing():
    known = make_regions("a", "b")
    known["b"].store.write(KEY, b"0123456789")
    staged = await (await staging(known, read_only=True)).run()
    assert whats(staged) == ["planned", "unchanged"]
    for region in known.values():
        assert {name for name, _ in region.store.calls} == {"head"}
        assert not region.parameters.count("put")
    known["b"].store.write(KEY, b"theirs")
    with pytest.raises(VersionExists):
        await (await staging(known, read_only=True)).run()


STEPS = ["head", "put_small", "create_upload", "upload_part", "copy_part", "complete", "get"]


@pytest.mark.anyio
@pytest.mark.parametrize("where", ["a", "b", "c"])
@pytest.mark.parametrize("step", STEPS)
async def test_a_region_that_dies_fails_alone(where: str, step: str):
    """From that step on nothing works there; the others do not notice."""
    known = make_regions("a", "b", "c")
    store = known[where].store

    def die() -> None:
        for operation in (*STEPS, "put", "abort"):
            store.before(operation, refuse, times=999)

    def refuse() -> None:
        raise NetworkError(f"s3: {where} is gone", phase="connect")

    def last() -> None:
        die()
        refuse()

    store.before(step, last)
    staged = await (await staging(known, policy="quorum")).run()
    if step == "copy_part" and where == "a":  # nobody copies to the first
        assert not staged.failed
        return
    if step == "upload_part" and where != "a":
        assert not staged.failed
        return
    assert list(staged.failed) == [where]
    assert where in str(staged.failed[where])
    rest = {name: region for name, region in known.items() if name != where}
    check_there(rest)
    for region in rest.values():
        assert region.parameters.values["/arts/P/latest"] == "1.0.0"
    with pytest.raises(StageFailed, match="2 of 3 regions, and 3 are needed"):
        staged.check("all")


# The first region by its name decides, so that it is waited for once it is being written to.
SILENT = [(where, step) for where in "abc" for step in ("head", "put_small", "create_upload", "copy_part", "complete")]


@pytest.mark.anyio
@pytest.mark.parametrize("policy", ["quorum", "any"])
@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize(("where", "step"), [found for found in SILENT if found[0] != "a" or found[1] == "head"])
async def test_a_region_that_goes_silent_is_cut_off(where: str, step: str, policy: str, done: bool):
    known, clock = make_regions("a", "b", "c"), VirtualClock()
    operation = await staging(known, policy=policy, clock=clock)

    def go_silent() -> None:
        known[where].store.silent.add("*")

    store = known[where].store
    store.done_silently = done
    store.silent.add(step)
    store.before("head", lambda: None)  # the comparison
    store.before("get", go_silent)
    staged = await operation.run()
    error = staged.failed[where]
    assert list(staged.failed) == [where]
    assert isinstance(error, RequestTimeout)
    assert where in str(error)
    assert error.outcome == ("not_done" if step == "head" else "unknown")
    assert bool(staged.warnings) == (policy == "any")
    check_there({name: region for name, region in known.items() if name != where})
    # The grace, and the time to clean up in.
    assert clock.time <= 10 + (0 if step == "head" else 5)


@pytest.mark.anyio
async def test_the_upload_of_a_region_that_is_cut_off_is_aborted():
    known, clock = make_regions("a", "b", "c"), VirtualClock()
    known["c"].store.silent.add("copy_part")
    staged = await (await staging(known, policy="quorum", clock=clock)).run()
    assert isinstance(staged.failed["c"], RequestTimeout)
    assert not known["c"].store.open
    assert staged.regions["c"].warnings == ()
    assert clock.time == 10


@pytest.mark.anyio
async def test_the_upload_of_a_silent_region_is_reported():
    known, clock = make_regions("a", "b", "c"), VirtualClock()
    known["c"].store.silent |= {"copy_part", "abort", "head"}
    operation = await staging(known, policy="quorum", clock=clock)
    known["c"].store.silent.discard("head")
    staged = await operation.run()
    assert known["c"].store.open
    assert any("left over in c" in text for text in staged.regions["c"].warnings)


@pytest.mark.anyio
async def test_a_slow_region_is_given_the_time_of_the_slowest_that_has_finished():
    known, clock = make_regions("a", "b", "c"), VirtualClock()
    for name, seconds in (("b", 60), ("c", 119)):

        async def turn(operation: str, seconds: int = seconds) -> None:
            if operation == "complete":
                await clock.sleep(seconds)

        known[name].store.turn = turn
    assert not (await (await staging(known, policy="quorum", clock=clock)).run()).failed
    assert clock.time == 119


@pytest.mark.anyio
async def test_all_waits_for_every_region():
    known, clock = make_regions("a", "b", "c"), VirtualClock()

    async def turn(operation: str) -> None:
        await clock.sleep(100)

    known["c"].store.turn = turn
    assert not (await (await staging(known, clock=clock)).run()).failed
    assert clock.time >= 500


@pytest.mark.anyio
@pytest.mark.parametrize("step", ["get", "put_small"])
async def test_a_silent_pointer_is_cut_off(step: str):
    known, clock = make_regions("a", "b", "c"), VirtualClock()
    operation = await staging(known, metadata=None, policy="quorum", clock=clock)
    store, turns = known["c"].store, []

    async def turn(name: str) -> None:
        turns.append(name)
        if "complete" in turns and name == step and (step != "get" or turns.count("get") > 2):
            await anyio.sleep_forever()

    store.turn = turn
    staged = await operation.run()
    assert list(staged.failed) == ["c"]
    assert clock.time <= 10
    assert known["a"].parameters.values["/arts/P/latest"] == "1.0.0"


@pytest.mark.anyio
@pytest.mark.parametrize("failure", ["head", "put_small", "upload_part", "complete"])
async def test_all_writes_to_no_region_when_the_first_fails(failure: str):
    known = make_regions("a", "b", "c")
    known["a"].store.fail(failure, broken, times=9)
    with pytest.raises(StageFailed, match=r"0 of 3 regions.*a, which decides, failed") as caught:
        await (await staging(known)).run()
    assert set(caught.value.failed) == {"a", "b", "c"}
    assert not any(region.store.objects for region in (known["b"], known["c"]))
    assert not any(region.parameters.count("put") for region in known.values())


@pytest.mark.anyio
@pytest.mark.parametrize("policy", ["all", "quorum", "any"])
@pytest.mark.parametrize("status", [304, 409, 412])
async def test_a_lost_condition_in_the_region_that_decides_ends_it(policy: str, status: int):
    known = make_regions("a", "b", "c")

    def other() -> None:
        known["a"].store.write(KEY, b"theirs")
        raise conflict(status)

    known["a"].store.before("complete", other)
    with pytest.raises(VersionExists):
        await (await staging(known, policy=policy)).run()
    assert not any(region.store.objects for region in (known["b"], known["c"]))


@pytest.mark.anyio
async def test_without_a_majority_nothing_stays():
    known = make_regions("a", "b", "c")
    for name in "bc":
        known[name].store.fail("head", broken, times=9)
    with pytest.raises(StageFailed, match="0 of 3 regions, and 2 are needed") as caught:
        await (await staging(known, policy="quorum")).run()
    assert caught.value.outcome == "not_done"
    assert "was removed from a" in str(caught.value.failed["a"])
    assert {key for region in known.values() for key in region.store.objects if key.startswith(KEY)} == {
        key for key in known["a"].store.objects if key.removeprefix(f"{KEY}/").isalnum()
    }
    assert not any(region.parameters.count("put") for region in known.values())
    staged = await (await staging(known, b"other", policy="any")).run()
    assert "a" not in staged.failed


@pytest.mark.anyio
async def test_what_another_stager_counts_on_stays():
    known = make_regions("a", "b", "c")
    for name in "bc":
        known[name].store.fail("head", broken, times=9)
    operation = await staging(known, policy="quorum")

    async def adopt() -> None:
        other = await staging(known, policy="any")
        assert (await other.run()).regions["a"].status == "unchanged"

    removed: list[bool] = []

    async def turn(operation: str) -> None:
        if operation == "put_small" and KEY in known["a"].store.objects and not removed:
            removed.append(True)  # the first of the removal: the decision
            await adopt()

    known["a"].store.turn = turn
    with pytest.raises(StageFailed) as caught:
        await operation.run()
    assert removed
    assert caught.value.outcome == "unknown"
    assert "another stager counts on that" in str(caught.value.failed["a"])
    assert known["a"].store.objects[KEY].data == b"0123456789"


@pytest.mark.anyio
async def test_a_region_whose_bucket_is_not_found_fails_alone():
    known = make_regions("a", "b", "c")
    del known["b"].parameters.values["/buckets/name"]
    known["c"].down = True
    staged = await (await staging(known, policy="any")).run()
    assert whats(staged) == ["created", "failed", "failed"]
    assert "b has no parameter /buckets/name" in str(staged.failed["b"])
    assert "c is down" in str(staged.failed["c"])


@pytest.mark.anyio
async def test_where_copying_is_not_allowed_it_is_uploaded():
    known = make_regions("a", "b")
    known["b"].store.denied.add("copy_part")
    staged = await (await staging(known)).run()
    check_there(known)
    assert [found.copied for found in staged.regions.values()] == [False, False]
    assert "could not be copied there" in staged.regions["b"].warnings[0]


@pytest.mark.anyio
async def test_without_permission_to_read_it_is_staged_with_warnings():
    """startifact's own write policy: objects may be written and listed, parameters written."""
    known = make_regions("a", "b")
    for region in known.values():
        region.store.denied |= {"get", "copy_part", "abort"}
        region.parameters.fail("get", forbidden, times=99, key="/arts/P/latest")
    staged = await (await staging(known)).run()
    assert whats(staged) == ["created"] * 2
    # The copy that was refused cannot be aborted either: the result names what is left over.
    assert any("was left over in b" in text for text in staged.regions["b"].warnings)
    known["b"].store.open.clear()
    check_there(known)
    for found in staged.regions.values():
        assert any("s3:GetObject" in text for text in found.warnings)
        assert any("ssm:GetParameter" in text for text in found.warnings)
        assert len(found.warnings) == len(set(found.warnings))
    staged = await (await staging(known, version="1.1.0")).run()
    assert not staged.failed
    for region in known.values():
        assert region.parameters.values["/arts/P/latest"] == "1.1.0"


@pytest.mark.anyio
async def test_a_pointer_that_cannot_be_changed_fails_its_region():
    known = make_regions("a", "b")
    known["b"].store.before("put_small", lambda: None, times=1, key=f"{KEY}/metadata")
    known["b"].store.fail("put_small", broken, times=9, key="pre/P/latest")
    staged = await (await staging(known, policy="any")).run()
    assert whats(staged) == ["created", "failed"]
    assert staged.regions["b"].bucket == "bucket-b"
    with pytest.raises(StageFailed) as caught:
        await (await staging(known)).run()
    assert caught.value.failed.keys() == {"b"}


@pytest.mark.anyio
async def test_pointers_of_all_regions_count_on_from_the_greatest():
    known = make_regions("a", "b")
    known["b"].store.write("pre/P/latest", LatestRecord("0.1.0", 6, "0.9.0").dump())
    await (await staging(known)).run()
    for region in known.values():
        assert LatestRecord.load(region.store.objects["pre/P/latest"].data, "").counter == 7


@pytest.mark.parametrize(
    ("failed", "policy", "good"),
    [
        (0, "all", True),
        (1, "all", False),
        (1, "quorum", True),
        (2, "quorum", False),
        (2, "any", True),
        (3, "any", False),
    ],
)
def test_policies(failed: int, policy: str, good: bool):
    error = NetworkError("s3: gone", outcome="unknown")
    regions = {
        name: RegionResult(name, "failed" if n < failed else "created", error=error if n < failed else None)
        for n, name in enumerate("abc")
    }
    staged = StageResult("P", "1.0.0", KEY, 1, "", regions)
    if good:
        staged.check(policy)  # type: ignore[arg-type]
    else:
        with pytest.raises(StageFailed) as caught:
            staged.check(policy)  # type: ignore[arg-type]
        assert list(caught.value.failed) == list("abc")[:failed]
        succeeded = assert_type(caught.value.succeeded, dict[str, RegionResult | None])
        assert list(succeeded) == list("abc")[failed:]
        assert succeeded == {name: regions[name] for name in succeeded}
        assert caught.value.outcome == "unknown"


def test_half_of_the_regions_is_no_quorum():
    regions = {"a": RegionResult("a", "created"), "b": RegionResult("b", "failed", error=LadingError("no"))}
    with pytest.raises(StageFailed, match="1 of 2 regions, and 2 are needed"):
        StageResult("P", "1.0.0", KEY, 1, "", regions).check("quorum")


# Several at once.


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, 2**32),
    st.lists(
        st.tuples(st.sampled_from([b"a", b"b", b"0123456789", b"9876543210"]), st.sampled_from([None, b"{1}", b"{2}"])),
        min_size=2,
        max_size=4,
    ),
)
def test_of_several_stagers_one_wins_in_all_regions_and_all_know(seed: int, stagers: list[tuple[bytes, bytes | None]]):
    order = random.Random(seed)
    known = make_regions("a", "b", "c")
    results: dict[int, StageResult | VersionExists] = {}

    async def turn(_: str) -> None:
        for _ in range(order.randrange(6)):
            await checkpoint()

    async def one(number: int) -> None:
        data, metadata = stagers[number]
        try:
            results[number] = await (await staging(known, data, metadata)).run()
        except VersionExists as error:
            results[number] = error

    async def everybody() -> None:
        for region in known.values():
            region.store.turn = region.store.responding = turn
        async with anyio.create_task_group() as group:
            for number in range(len(stagers)):
                group.start_soon(one, number)

    anyio.run(everybody)
    won = {stagers[number] for number, result in results.items() if isinstance(result, StageResult)}
    assert len(won) == 1
    data, metadata = won.pop()
    check_there(known, data, metadata)
    for number, result in results.items():
        assert isinstance(result, StageResult) == (stagers[number] == (data, metadata))
        if isinstance(result, StageResult):
            assert not result.failed
    for name in known:
        created = [r.regions[name].status for r in results.values() if isinstance(r, StageResult)]
        assert created.count("created") == 1

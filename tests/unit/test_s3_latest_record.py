"""What a pointer records: which version, whose digest, the highest that was named, and how often it was changed."""

from __future__ import annotations

import pytest

from lading.s3._layout import LatestRecord
from lading.s3._staging.latest import LatestPointer, LatestState, latest_of
from tests.support.memory_s3 import CONFIGURATION, Bucket, Parameters, conflict, forbidden

POINTER = "pre/P/latest"
PARAMETER = "/arts/P/latest"

pytestmark = pytest.mark.anyio


class Here:
    """One region with a pointer and a parameter."""

    def __init__(self, record: LatestRecord | None = None, parameter: str | None = None) -> None:
        self.bucket = Bucket()
        if record is not None:
            self.bucket.write(POINTER, record.dump())
        self.parameters = Parameters({PARAMETER: parameter} if parameter else {})

    @property
    def pointer(self) -> LatestPointer:
        return LatestPointer(self.bucket, self.parameters, CONFIGURATION, "P")

    @property
    def record(self) -> LatestRecord:
        return LatestRecord.load(self.bucket.objects[POINTER].data, POINTER)


@pytest.mark.parametrize(("parameter", "highest"), [(None, "2.0.0"), ("1.5.0", "2.0.0"), ("2.0.1", "2.0.1")])
async def test_the_highest_version_that_a_region_has_named(parameter: str | None, highest: str):
    here = Here(LatestRecord("1.0.0", 3, "2.0.0"), parameter)
    assert (await here.pointer.read()).highest == highest


async def test_the_parameter_alone_names_the_highest():
    assert (await Here(parameter="1.5.0").pointer.read()).highest == "1.5.0"
    assert (await Here().pointer.read()).highest is None


async def test_a_prerelease_that_one_region_names_is_not_the_latest_of_all():
    stable = LatestState(LatestRecord("1.0.0", 2, "1.0.0"))
    candidate = LatestState(LatestRecord("2.0.0-rc.1", 1, "2.0.0-rc.1"))
    assert latest_of([stable, candidate]) == "1.0.0"


@pytest.mark.parametrize("version", ["1.5.0", "2.0.0"])
async def test_what_was_there_before_does_not_undo_going_back(version: str):
    here = Here(LatestRecord("1.0.0", 3, "2.0.0"), "1.0.0")
    assert await here.pointer.advance(version, "", latest=None, is_new=False) == "1.0.0"
    assert here.record.counter == 3
    assert await here.pointer.advance(version, "", latest=None, is_new=True) == version


async def test_set_on_purpose_it_outdoes_regions_that_changed_more_often():
    here = Here(LatestRecord("1.0.0", 1, "1.0.0"), "1.0.0")
    await here.pointer.advance("1.0.0", "", latest=True, counter=1)
    assert here.record.counter == 1  # it decides already
    await here.pointer.advance("1.0.0", "", latest=True, counter=5)
    assert (here.record.version, here.record.counter) == ("1.0.0", 6)


async def test_set_on_purpose_it_is_recorded_as_lower_than_what_others_named():
    here = Here(LatestRecord("1.0.0", 1, "1.0.0"), "1.0.0")
    await here.pointer.advance("1.0.0", "", latest=True, named="2.0.0")
    assert (here.record.version, here.record.highest) == ("1.0.0", "2.0.0")


async def test_set_on_purpose_it_is_recorded_as_lower_than_an_old_writers_parameter():
    here = Here(LatestRecord("1.0.0", 1, "1.0.0"), "2.0.0")
    assert await here.pointer.advance("1.0.0", "", latest=True) == "1.0.0"
    assert (here.record.version, here.record.highest) == ("1.0.0", "2.0.0")
    assert here.parameters.values[PARAMETER] == "1.0.0"
    here.parameters.values[PARAMETER] = "2.0.0"  # a late writer of the same
    assert (await here.pointer.read()).version == "1.0.0"


async def test_what_becomes_the_latest_by_itself_has_not_been_named_by_others():
    here = Here()
    await here.pointer.advance("1.0.0", "", latest=None, named="9.0.0")
    assert here.record.highest == "1.0.0"


async def test_a_digest_is_that_of_the_version():
    here = Here(parameter="2.0.0")
    assert await here.pointer.advance("1.0.0", "digest of 1.0.0", latest=None) == "2.0.0"
    assert (here.record.version, here.record.sha256, here.record.key) == ("2.0.0", "", "pre/P@2.0.0")
    assert await here.pointer.advance("3.0.0", "digest of 3.0.0", latest=None) == "3.0.0"
    assert (here.record.sha256, here.record.key) == ("digest of 3.0.0", "pre/P@3.0.0")


@pytest.mark.parametrize("between", [False, True])
async def test_a_pointer_is_changed_only_if_nobody_else_has(between: bool):
    """Its first writing and its changes alike carry a condition: another writer's record is never lost."""
    here = Here(None if between else LatestRecord("1.0.0", 4, "1.0.0"), "1.0.0")
    other = LatestRecord("1.5.0", 7, "1.5.0")
    here.bucket.before("put_small", lambda: here.bucket.write(POINTER, other.dump()))
    assert await here.pointer.advance("2.0.0", "", latest=None) == "2.0.0"
    assert (here.record.version, here.record.counter) == ("2.0.0", 8)


async def test_a_lost_condition_by_any_status_is_read_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("lading.s3._staging.latest._BACKOFF", 0.0)
    here = Here()
    for status in (304, 409, 412):
        here.bucket.fail("put_small", lambda status=status: conflict(status))  # type: ignore[misc]
    assert await here.pointer.advance("1.0.0", "", latest=None) == "1.0.0"
    assert here.bucket.count("put_small") == 4


async def test_a_mirror_that_was_overtaken_is_written_again():
    here = Here()
    newer = LatestRecord("2.0.0", 2, "2.0.0")
    here.parameters.after("put", lambda: here.bucket.write(POINTER, newer.dump()))
    await here.pointer.advance("1.0.0", "", latest=None)
    assert here.parameters.values[PARAMETER] == "2.0.0"


async def test_a_parameter_that_cannot_be_read_is_mirrored_until_the_pointer_stands():
    here = Here()
    here.parameters.fail("get", forbidden, times=99)
    newer = LatestRecord("2.0.0", 2, "2.0.0")
    here.parameters.after("put", lambda: here.bucket.write(POINTER, newer.dump()))
    await here.pointer.advance("1.0.0", "", latest=None)
    assert here.parameters.values[PARAMETER] == "2.0.0"
    assert here.parameters.count("put") == 2


async def test_a_parameter_that_is_right_is_not_written():
    here = Here(LatestRecord("1.0.0", 1, "1.0.0"), "1.0.0")
    await here.pointer.advance("0.9.0", "", latest=None)
    assert here.parameters.count("put") == 0

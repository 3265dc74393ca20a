"""Which version is the latest, by rule: of two versions, of one region, of several."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from semver import Version

from lading import InvalidResponse
from lading.s3._layout import LatestRecord, becomes_latest, highest
from lading.s3._staging.latest import LatestState, latest_of

POINTER = "pre/P/latest"

versions = st.builds(
    lambda numbers, pre, build: (
        ".".join(map(str, numbers)) + (f"-{pre}" if pre else "") + (f"+{build}" if build else "")
    ),
    st.tuples(*[st.integers(0, 3)] * 3),
    st.sampled_from(["", "", "rc.1", "rc.2", "alpha"]),
    st.sampled_from(["", "", "b5"]),
)
pointers = st.builds(
    lambda version, counter, above: LatestRecord(version, counter, highest(version, above) or version),
    versions,
    st.integers(1, 5),
    versions,
)


@given(versions, versions)
def test_by_itself_it_never_goes_backwards(new: str, old: str):
    if becomes_latest(new, old):
        assert Version.parse(new) > Version.parse(old)


@given(versions, versions)
def test_a_prerelease_never_takes_the_place_of_a_stable_version(new: str, old: str):
    if Version.parse(new).prerelease and not Version.parse(old).prerelease:
        assert not becomes_latest(new, old)


@given(versions)
def test_the_first_is_the_latest_and_the_same_is_not_newer(version: str):
    assert becomes_latest(version, None)
    assert not becomes_latest(version, version)


@given(st.lists(versions | st.none()))
def test_the_highest_is_above_all(found: list[str | None]):
    known = [version for version in found if version]
    best = highest(*found)
    assert (best is None) == (not known)
    assert all(Version.parse(best or "") >= Version.parse(version) for version in known)


@pytest.mark.parametrize(
    ("pointer", "parameter", "expected"),
    [
        (None, None, None),
        (None, "1.0.0", "1.0.0"),
        (LatestRecord("1.0.0", 1, "1.0.0"), None, "1.0.0"),
        (LatestRecord("1.0.0", 2, "2.0.0"), "2.0.0", "1.0.0"),  # gone back on purpose; the mirror is late
        (LatestRecord("1.0.0", 2, "2.0.0"), "1.5.0", "1.0.0"),
        (LatestRecord("1.0.0", 2, "2.0.0"), "2.0.1", "2.0.1"),  # an old writer's news
        (LatestRecord("2.0.0", 1, "2.0.0"), "1.0.0", "2.0.0"),  # an old writer does not take it back
    ],
)
def test_what_one_region_says(pointer: LatestRecord | None, parameter: str | None, expected: str | None):
    seen = LatestState(pointer, None, parameter)
    assert seen.version == expected
    assert latest_of([seen]) == expected


@given(st.lists(st.builds(LatestState, pointers | st.none(), st.none(), versions | st.none()), max_size=4))
def test_between_regions_the_most_changed_pointer_counts_unless_there_are_news(seen: list[LatestState]):
    found = latest_of(seen)
    above = highest(*(one.pointer.highest for one in seen if one.pointer))
    news = highest(*(one.parameter for one in seen))
    most = max((one.counter for one in seen), default=0)
    pointed = highest(*(one.pointer.version for one in seen if one.pointer and one.counter == most))
    if news is not None and highest(above, news) != above:
        assert found is not None
        assert Version.parse(found) == Version.parse(news)
    elif pointed is not None:
        # Or one that is above all that this pointer ever named: it cannot have gone back from that.
        known = highest(*(one.pointer.highest for one in seen if one.pointer and one.counter == most))
        assert found is not None
        assert known is not None
        assert Version.parse(found) == Version.parse(pointed) or Version.parse(found) > Version.parse(known)
        assert found in {one.pointer.version for one in seen if one.pointer}
    else:
        assert found == news


def test_a_region_that_was_away_hears_of_what_is_newer():
    away = LatestState(LatestRecord("1.0.0", 5, "1.1.0"), None, "1.0.0")
    newer = LatestState(LatestRecord("1.2.0", 4, "1.2.0"), None, "1.2.0")
    assert latest_of([away, newer, newer]) == "1.2.0"


def test_going_back_on_purpose_counts_in_all_regions_once_one_knows():
    went_back = LatestState(LatestRecord("1.0.0", 3, "2.0.0"), None, "1.0.0")
    unaware = LatestState(LatestRecord("2.0.0", 2, "2.0.0"), None, "2.0.0")
    assert latest_of([went_back, unaware, unaware]) == "1.0.0"


@given(pointers)
def test_a_pointer_is_read_as_it_was_written(pointer: LatestRecord):
    again = LatestRecord.load(pointer.dump(), "key")
    assert (again.version, again.counter, again.highest) == (pointer.version, pointer.counter, pointer.highest)
    assert again.changed_at == pointer.changed_at.replace(microsecond=0)


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"null", b"[]", b'"1.0.0"', b"{}", b'{"version": "1.0"}', b"[" * 100_000,
     b'{"version": "1.0.0", "counter": 1, "highest": "x", "changed_at": "2026-01-01"}',
     b'{"version": "1.0.0", "counter": null, "highest": "1.0.0", "changed_at": "2026-01-01"}',
     b'{"version": "1.0.0", "counter": 1, "highest": "1.0.0", "changed_at": 5}'],
)  # fmt: skip
def test_what_is_no_pointer_is_a_bad_response(data: bytes):
    with pytest.raises(InvalidResponse, match="pre/P/latest is not a pointer"):
        LatestRecord.load(data, POINTER)

"""What is released so that one channel has what another has, and whether a channel map shows a release."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lading import Conflict, InputError
from lading.canonical._models_releases import ChannelMap
from lading.canonical._promote import channel_pairs, promoted
from lading.canonical._release import ReleaseItem, is_released, make_items

BASES = [{"name": "ubuntu", "channel": f"{number}.04", "architecture": "amd64"} for number in (20, 22, 24)]
# Revisions by what they run on, and the order in which they are released.
RUNS_ON = st.dictionaries(st.integers(1, 5), st.sets(st.sampled_from([0, 1, 2]), min_size=1), min_size=1)
Platforms = dict[int, set[int]]


def released(runs_on: Platforms, order: list[int]) -> dict[int, int]:
    """The revision on each base after these releases, each on all bases of its revision."""
    found: dict[int, int] = {}
    for revision in order:
        found |= dict.fromkeys(runs_on[revision], revision)
    return found


def channel_map(
    runs_on: Platforms, channels: dict[str, dict[int, int]], *, when: dict[int, int] | None = None
) -> ChannelMap:
    """What a store shows of channels that have these revisions on these bases."""
    releases = [
        {
            "channel": channel,
            "base": BASES[base],
            "revision": revision,
            "when": when and f"2026-11-01T00:00:{when[revision]:02}Z",
        }
        for channel, there in channels.items()
        for base, revision in there.items()
    ]
    revisions = [{"revision": number, "bases": [BASES[base] for base in bases]} for number, bases in runs_on.items()]
    return ChannelMap.model_validate({"channel-map": releases, "revisions": revisions})


@given(runs_on=RUNS_ON, data=st.data())
def test_a_promotion_ends_with_what_the_source_has(runs_on: Platforms, data: st.DataObject) -> None:
    """In whatever order it came to be, and though all of it was released in the same second."""
    order = data.draw(st.lists(st.sampled_from(sorted(runs_on)), min_size=1, max_size=8))
    source = released(runs_on, order)
    items = promoted(channel_map(runs_on, {"latest/edge": source}), "edge", "beta", "store")
    assert released(runs_on, [item.revision or 0 for item in items]) == source
    assert len(items) == len(set(source.values()))


@given(runs_on=RUNS_ON, data=st.data())
def test_what_a_promotion_has_released_is_recognised(runs_on: Platforms, data: st.DataObject) -> None:
    order = data.draw(st.lists(st.sampled_from(sorted(runs_on)), min_size=1, max_size=8))
    source, before = released(runs_on, order), released(runs_on, data.draw(st.permutations(order)))
    items = promoted(channel_map(runs_on, {"latest/edge": source}), "edge", "beta", "store")
    after = channel_map(runs_on, {"latest/beta": source})
    assert all(is_released(after, item, "store") for item in items)
    # What was there before counts only where it is the same.
    shown = channel_map(runs_on, {"latest/beta": before})
    assert all(is_released(shown, item, "store") for item in items) == (before == source)


@given(runs_on=RUNS_ON, data=st.data())
def test_a_release_is_recognised_on_all_bases_of_its_revision(runs_on: Platforms, data: st.DataObject) -> None:
    order = data.draw(st.lists(st.sampled_from(sorted(runs_on)), min_size=1, max_size=8))
    there = released(runs_on, order)
    for revision, bases in runs_on.items():
        (item,) = make_items(revision, ["edge"])
        shown = is_released(channel_map(runs_on, {"latest/edge": there}), item, "store")
        assert shown == all(there.get(base) == revision for base in bases)


def test_times_decide_where_it_is_not_known_what_revisions_run_on() -> None:
    there = {0: 2, 1: 1}
    shown = channel_map({}, {"latest/edge": there}, when={1: 30, 2: 10})
    assert [item.revision for item in promoted(shown, "edge", "beta", "store")] == [2, 1]


def entry(**fields: Any) -> dict[str, Any]:
    """A release in the channel map."""
    return {"channel": "latest/edge", "revision": 3, **fields}


@pytest.mark.parametrize(
    ("releases", "item", "expected"),
    [
        ([], ReleaseItem("edge", None), True),
        ([entry()], ReleaseItem("edge", None), False),
        ([entry(channel="latest/edge/fix")], ReleaseItem("edge", None), True),
        ([], ReleaseItem("edge", 3), False),
        ([entry(base=None)], ReleaseItem("latest/edge", 3), True),
        ([entry(architecture="amd64"), entry(architecture="arm64", revision=4)], ReleaseItem("edge", 4), None),
        ([entry(base=None), entry(base=BASES[0], revision=4)], ReleaseItem("edge", 3), True),
        ([entry(resources=[{"name": "a", "revision": 1}])], ReleaseItem("edge", 3, {"a": 1}), True),
        ([entry(resources=[{"name": "a", "revision": 2}])], ReleaseItem("edge", 3, {"a": 1}), False),
        ([entry(resources=None)], ReleaseItem("edge", 3, {"a": None}), True),
        ([entry(resources=[{"name": "a", "revision": 2}])], ReleaseItem("edge", 3, None), True),
        ([entry(progressive={"percentage": 20})], ReleaseItem("edge", 3, progressive=20), True),
        ([entry(progressive={"percentage": None})], ReleaseItem("edge", 3, progressive=20), False),
        ([entry(progressive=None)], ReleaseItem("edge", 3, progressive=20), False),
    ],
)
def test_what_a_channel_map_says_of_a_release(releases: list[Any], item: ReleaseItem, expected: bool | None) -> None:
    shown = ChannelMap.model_validate({"channel-map": releases})
    if expected is None:
        with pytest.raises(Conflict, match="what it runs on is not known"):
            is_released(shown, item, "store")
    else:
        assert is_released(shown, item, "store") is expected


def test_the_pairs_of_two_tracks_are_their_risks() -> None:
    assert channel_pairs("2.0", "latest") == [
        (f"2.0/{risk}", f"latest/{risk}") for risk in ("stable", "candidate", "beta", "edge")
    ]
    assert channel_pairs("edge", "2.0/edge/x") == [("edge", "2.0/edge/x")]
    with pytest.raises(InputError, match="one is a track without a risk"):
        channel_pairs("edge", "2.0")

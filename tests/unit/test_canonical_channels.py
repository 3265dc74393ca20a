"""Names of channels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lading import InputError
from lading.canonical._channels import (
    RISKS,
    ChannelName,
    parse_channel,
    parse_channel_or_track,
    parse_channels,
    read_channel,
)

PARTS = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,9}", fullmatch=True).filter(lambda part: part not in RISKS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("edge", ChannelName("latest", "edge")),
        ("latest/edge", ChannelName("latest", "edge")),
        ("2.0/stable", ChannelName("2.0", "stable")),
        ("edge/fix-1", ChannelName("latest", "edge", "fix-1")),
        ("2.0/stable/fix-1", ChannelName("2.0", "stable", "fix-1")),
        # A name of two parts that are both risks has a risk and a branch.
        ("edge/stable", ChannelName("latest", "edge", "stable")),
        ("edge/edge/edge", ChannelName("edge", "edge", "edge")),
    ],
)
def test_a_channel_is_a_track_a_risk_and_a_branch(name: str, expected: ChannelName) -> None:
    assert parse_channel(name) == expected
    assert read_channel(name) == expected


@pytest.mark.parametrize(
    "name",
    ["", "2.0", "Edge", "/edge", "edge/", "2.0/nope", "2.0//edge", "a/b/c", "1/edge/x/y", " edge", "ed ge", "2\n/edge"],
)
def test_another_name_is_refused_and_read_as_it_is(name: str) -> None:
    with pytest.raises(InputError, match="is not a channel: it is") as caught:
        parse_channel(name, argument="to_channel")
    assert caught.value.argument == "to_channel"
    assert read_channel(name) == ChannelName(name, "")


@given(track=PARTS, risk=st.sampled_from(RISKS), branch=st.none() | PARTS)
def test_a_name_that_is_composed_parses_to_what_it_was_composed_of(track: str, risk: str, branch: str | None) -> None:
    channel = ChannelName(track, risk, branch)
    assert parse_channel(str(channel)) == channel


def test_a_track_has_no_risk() -> None:
    assert parse_channel_or_track("2.0", argument="x") == "2.0"
    assert parse_channel_or_track("stable", argument="x") == ChannelName("latest", "stable")
    with pytest.raises(InputError):
        parse_channel_or_track("2 0", argument="x")


def test_each_channel_is_kept_once_with_the_name_that_was_given_first() -> None:
    assert list(parse_channels(["edge", "latest/edge", "2.0/edge"]).values()) == ["edge", "2.0/edge"]


def test_no_channel_is_an_input_error() -> None:
    with pytest.raises(InputError, match="is empty: give one or more"):
        parse_channels(())


def test_a_channel_that_is_no_string_is_an_input_error() -> None:
    with pytest.raises(InputError, match="must be strings"):
        parse_channels(iter([1]))  # type: ignore[list-item]

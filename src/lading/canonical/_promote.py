"""Promoting what is in a channel, or in all channels of a track, to another."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lading._core.api_errors import make_api_error
from lading._core.unset import UNSET
from lading.canonical._channel_map import fetch_channel_map
from lading.canonical._channels import RISKS, ChannelName, parse_channel_or_track
from lading.canonical._gateway import get_channel_map
from lading.canonical._release import Platform, ReleaseItem, platform_of, platforms_of, releases_in, send_release
from lading.errors import Conflict, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lading._core.sender import Sender
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._models_releases import ChannelMap, Release, ReleaseResult

_FIRST = datetime.min.replace(tzinfo=UTC)


async def promote(
    sender: Sender,
    endpoints: Endpoints,
    name: str,
    from_channel: str,
    to_channel: str,
    *,
    only_if_revision: int | Iterable[int] | None,
) -> tuple[ReleaseResult, ...]:
    """Release what is in one channel, or in all channels of a track, to another.

    Args:
        sender: A sender to the store's API.
        endpoints: The store.
        name: The package.
        from_channel: The channel or track to promote from.
        to_channel: The channel or track to promote to.
        only_if_revision: The revisions that have to be there, and no others.

    Raises:
        InputError: The channels are invalid, or the same.
        Conflict: There is nothing to promote, or something else.
    """
    pairs = channel_pairs(from_channel, to_channel)
    channel_map = await fetch_channel_map(sender, get_channel_map(endpoints, name))
    items = plan_promotion(
        channel_map, name, from_channel, pairs, only_if_revision=only_if_revision, service=sender.service.name
    )
    return await send_release(sender, endpoints, name, items)


def plan_promotion(
    channel_map: ChannelMap,
    name: str,
    from_channel: str,
    pairs: Iterable[tuple[str, str]],
    *,
    only_if_revision: int | Iterable[int] | None,
    service: str,
) -> list[ReleaseItem]:
    """Return what to release, in order, so that the channels have what those before them have.

    Args:
        channel_map: What is released.
        name: The package.
        from_channel: The channel or track to promote from, for errors.
        pairs: The channels to promote from and to.
        only_if_revision: The revisions that have to be there, and no others.
        service: The store's name, for errors.

    Raises:
        Conflict: There is nothing to promote, or something else.
    """
    items = [item for source, target in pairs for item in promoted(channel_map, source, target, service)]
    if not items:
        raise make_api_error(Conflict, service, f"{name} has nothing in {from_channel}: there is nothing to promote")
    if only_if_revision is not None:
        wanted = {only_if_revision} if isinstance(only_if_revision, int) else set(only_if_revision)
        there = {item.revision for item in items if item.revision is not None}
        if there != wanted:
            text = f"{from_channel} of {name} has {_numbers(there)}, not {_numbers(wanted)}: nothing was promoted"
            raise make_api_error(Conflict, service, text)
    return items


def channel_pairs(from_channel: str, to_channel: str) -> list[tuple[str, str]]:
    """Return the channels to promote from and to: one pair, or one for each risk of two tracks.

    Raises:
        InputError: One is a track and the other is not, or they are the same.
    """
    source = parse_channel_or_track(from_channel, argument="from_channel")
    target = parse_channel_or_track(to_channel, argument="to_channel")
    if source == target:
        raise InputError(f"from_channel and to_channel are both {source}", argument="to_channel")
    if isinstance(source, ChannelName) and isinstance(target, ChannelName):
        return [(from_channel, to_channel)]
    if isinstance(source, str) and isinstance(target, str):
        return [(f"{source}/{risk}", f"{target}/{risk}") for risk in RISKS]
    raise InputError(
        f"{from_channel} and {to_channel}: one is a track without a risk, which means all its risks; give two tracks, "
        "or two channels",
        argument="to_channel",
    )


def promoted(channel_map: ChannelMap, source: str, target: str, service: str) -> list[ReleaseItem]:
    """Return what to release to *target* so that it has what *source* has.

    A revision that runs on several bases is released to all of them, though another revision may have been released to
    some since: that one has to be released after it again.

    Raises:
        Conflict: A revision is there with different resources, which one release cannot have; or a base has several
            revisions, as while a progressive release is under way.
    """
    found: dict[int, list[Release]] = {}
    by_platform: dict[Platform | None, int] = {}
    for release in releases_in(channel_map, source):
        found.setdefault(release.revision, []).append(release)
        other = by_platform.setdefault(platform_of(release), release.revision)
        if other != release.revision:
            text = (
                f"{source} has revision {other} and, for some devices, revision {release.revision}: release one of "
                "them to all devices first"
            )
            raise make_api_error(Conflict, service, text)
    items = []
    for revision in _in_order(channel_map, found):
        releases = found[revision]
        resources = {resource.name: resource.revision for resource in releases[0].resources}
        if any({r.name: r.revision for r in release.resources} != resources for release in releases):
            text = f"{source} has revision {revision} with different resources: release them one by one"
            raise make_api_error(Conflict, service, text)
        platforms = frozenset(map(platform_of, releases))
        items.append(ReleaseItem(target, revision, resources or UNSET, platforms=platforms))
    return items


def _in_order(channel_map: ChannelMap, found: Mapping[int, list[Release]]) -> list[int]:
    """Return the revisions in the order in which they were released.

    The times of releases are in seconds, and one request releases several: what a revision runs on says more.
    """
    left = sorted(found, key=lambda number: (_last(found[number]), number))
    has = {number: frozenset(map(platform_of, found[number])) for number in left}
    covers = {number: platforms_of(channel_map, number) or has[number] for number in left}
    order: list[int] = []
    while left:
        # One that would cover what another has was there before it.
        free = (a for a in left if not any(b != a and covers[b] & has[a] for b in left))
        order.append(next(free, left[0]))
        left.remove(order[-1])
    return order


def _last(releases: list[Release]) -> datetime:
    return max(release.when or _FIRST for release in releases)


def _numbers(revisions: Iterable[int]) -> str:
    numbers = sorted(revisions)
    return f"revision {numbers[0]}" if len(numbers) == 1 else f"revisions {', '.join(map(str, numbers)) or '(none)'}"

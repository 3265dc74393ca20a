"""Releases to channels of the embedded Snap Store, and closing them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lading.testing.canonical._refusals import DashboardRefusal, FlatRefusal
from lading.testing.canonical.snap._channel_map import channel_map_tree, risks_of
from lading.testing.canonical.snap._channels import DEFAULT_TRACK, InvalidChannelError, parse_channel
from lading.testing.canonical.snap._state import BRANCH_LIFETIME, SERIES, Progressive, Release

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from lading.testing.canonical.snap._channels import Channel
    from lading.testing.canonical.snap._request import SnapRequest
    from lading.testing.canonical.snap._state import Revision, Snap

_RELEASABLE = ("Published", "Unpublished")


def release(request: SnapRequest) -> dict[str, Any]:
    """Release a revision to channels."""
    snap = request.publishable(request.field("name", str, required=True))
    number = _revision_number(request)
    if request.field("series", str, default=SERIES) != SERIES:
        raise request.invalid_field("series")
    channels = read_channels(request, snap, request.field("channels", list, required=True))
    _check_permission(request, channels)
    progressive = _progressive(request)
    revision = snap.revisions.get(number)
    if revision is None:
        raise request.refuse(404, ("resource-not-found", f"Revision {number} not found for name={snap.name}"))
    problem = unreleasable(snap, revision, channels)
    if problem is not None:
        raise request.refuse(400, problem)
    open_before = {(one.architecture, one.channel) for one in snap.released(request.now)}
    add_releases(snap, revision, channels, request.now, progressive=progressive)
    return {
        "success": True,
        "opened_channels": [
            channel.short_name
            for channel in channels
            if any((architecture, channel) not in open_before for architecture in revision.architectures)
        ],
        "channel_map": risks_of(snap, DEFAULT_TRACK, revision.architectures[0], request.now),
        "channel_map_tree": channel_map_tree(snap, request.now, revision.architectures),
    }


def close(request: SnapRequest, snap_id: str) -> dict[str, Any]:
    """Close channels, so that installers read from those that they fall back to."""
    snap = request.publishable_by_id(snap_id)
    names = request.field("channels", list, required=True)
    try:
        channels = read_channels(request, snap, names)
    except (DashboardRefusal, FlatRefusal):
        raise request.invalid_field("channels") from None
    _check_permission(request, channels)
    opened = [(one.architecture, one.channel) for one in snap.released(request.now) if one.channel in channels]
    for architecture, channel in dict.fromkeys(opened):
        snap.history.append(Release(architecture, channel, 0, request.now))
    closed = {channel for _, channel in opened}
    return {
        "success": True,
        "closed_channels": [channel.short_name for channel in channels if channel in closed],
        "channel_map_tree": channel_map_tree(snap, request.now),
    }


def read_channels(request: SnapRequest, snap: Snap, names: list[Any]) -> tuple[Channel, ...]:
    """Return the channels of *snap* with these names.

    Raises:
        Refusal: There are none, or not all of them exist.
    """
    if not names or not all(isinstance(name, str) for name in names):
        raise request.invalid_field("channels")
    channels: list[Channel] = []
    for name in names:
        try:
            channel = parse_channel(name)
        except InvalidChannelError as error:
            if error.is_branch:
                raise request.invalid_field("channels", str(error)) from None
            # The only refusal without a list, and with a string where others have an object.
            raise FlatRefusal(400, errors=str(error)) from None
        if not channel.has_track and snap.default_track is not None:
            raise request.invalid_field("channels", "Implicit track not allowed")
        if channel.track not in snap.tracks:
            raise request.invalid_field("channels", f"Not a valid channel: {name}")
        channels.append(channel)
    return tuple(dict.fromkeys(channels))


def unreleasable(snap: Snap, revision: Revision, channels: Iterable[Channel]) -> tuple[str, str] | None:
    """Return code and message of the refusal to release *revision* to *channels*; ``None`` if that is possible."""
    number, attributes = revision.number, revision.attributes
    if revision.status not in _RELEASABLE:
        message = f"Revision {number} of {snap.name} cannot be released: its review has not been passed."
        return "resource-not-ready", message
    for channel in channels:
        unstable = attributes["confinement"] == "devmode" or attributes["grade"] == "devel"
        if unstable and channel.risk in ("stable", "candidate"):
            text = "Revisions with devmode confinement or devel grade cannot be released to stable or candidate."
            return "invalid-field", text
        pattern = snap.tracks[channel.track].version_pattern
        if pattern is not None and not re.match(pattern, revision.version):
            text = f"Version {revision.version} does not match the version pattern of track {channel.track}."
            return "invalid-field", text
    return None


def add_releases(
    snap: Snap,
    revision: Revision,
    channels: Iterable[Channel],
    now: datetime,
    *,
    progressive: Progressive | None = None,
) -> None:
    """Release *revision* to *channels*, for all of its architectures."""
    for channel in channels:
        expires = None if channel.branch is None else now + BRANCH_LIFETIME
        for architecture in revision.architectures:
            release = Release(architecture, channel, revision.number, now, expires, progressive)
            snap.history.append(release)


def _revision_number(request: SnapRequest) -> int:
    value = request.fields.get("revision")
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value)
    raise DashboardRefusal(
        400,
        ("invalid-field", "The 'revision' field must be an integer"),
        success=False,
        errors={"revision": ["This field must be an integer."]},
    )


def _check_permission(request: SnapRequest, channels: Iterable[Channel]) -> None:
    refused = [channel.short_name for channel in request.refused_channels(channels)]
    if refused:
        error = ("macaroon-permission-required", "Permission is required: channel")
        raise DashboardRefusal(403, error, permission="channel", channels=refused)


def _progressive(request: SnapRequest) -> Progressive | None:
    value = request.field("progressive", dict)
    if value is None:
        return None
    percentage, paused = value.get("percentage"), value.get("paused", False)
    if isinstance(percentage, bool) or not isinstance(percentage, (int, float)) or not 0 <= percentage <= 100:
        raise request.invalid_field("progressive")
    if not isinstance(paused, bool):
        raise request.invalid_field("progressive")
    return Progressive(percentage, paused)

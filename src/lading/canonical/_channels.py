"""Names of channels, parsed once. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lading.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

RISKS = ("stable", "candidate", "beta", "edge")
"""The risks, the most stable first."""

DEFAULT_TRACK = "latest"
"""The track of a name that has none, such as ``edge``."""

_HOW = f"[track/]risk[/branch], and the risk is one of {', '.join(RISKS)}"
_MOST_PARTS = 3


@dataclass(frozen=True, slots=True)
class ChannelName:
    """A channel. ``edge`` and ``latest/edge`` are the same one.

    Attributes:
        track: The track.
        risk: The risk; empty for a name that no rule describes.
        branch: The branch, or ``None``.
    """

    track: str
    risk: str
    branch: str | None = None

    def __str__(self) -> str:
        return "/".join(filter(None, (self.track, self.risk, self.branch)))


def parse_channel(name: str, *, argument: str = "channels") -> ChannelName:
    """Parse a channel: ``edge``, ``latest/edge``, ``edge/fix-1`` or ``2.0/stable/fix-1``.

    Args:
        name: The name.
        argument: What the error calls it.

    Raises:
        InputError: It is not the name of a channel.
    """
    found = _parse(name)
    if found is None:
        raise InputError(f"{name[:80]!a} is not a channel: it is {_HOW}", argument=argument)
    return found


def parse_channel_or_track(name: str, *, argument: str) -> ChannelName | str:
    """Parse a channel, or a track without a risk: the track is returned as a string.

    Args:
        name: The name.
        argument: What the error calls it.

    Raises:
        InputError: It is neither.
    """
    if "/" not in name and name not in RISKS and _is_part(name):
        return name
    return parse_channel(name, argument=argument)


def parse_channels(names: Iterable[str]) -> dict[ChannelName, str]:
    """Return the channels with their names as they were given, each channel once.

    Raises:
        InputError: There is none, or a name is not that of a channel.
    """
    found: dict[ChannelName, str] = {}
    for name in names:
        if not isinstance(name, str):
            raise InputError("channels= must be strings", argument="channels")
        found.setdefault(parse_channel(name), name)
    if not found:
        raise InputError("channels= is empty: give one or more", argument="channels")
    return found


def read_channel(name: str) -> ChannelName:
    """Return the channel that a store calls *name*; one whose track is *name* when no rule describes it."""
    return _parse(name) or ChannelName(name, "")


def _parse(name: str) -> ChannelName | None:
    parts = name.split("/")
    if len(parts) > _MOST_PARTS or not all(map(_is_part, parts)):
        return None
    # "edge/fix-1" has a risk and a branch, as installers read it; "2.0/edge" a track and a risk.
    if parts[0] in RISKS and len(parts) < _MOST_PARTS:
        parts.insert(0, DEFAULT_TRACK)
    if len(parts) == 1 or parts[1] not in RISKS:
        return None
    return ChannelName(*parts)


def _is_part(text: str) -> bool:
    return bool(text) and text.isprintable() and not any(map(str.isspace, text))

"""Channels of the Snap Store: ``[track/]risk[/branch]``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

RISKS = ("stable", "candidate", "beta", "edge")
DEFAULT_TRACK = "latest"
_BRANCH = re.compile(r"[a-zA-Z0-9]+(?:[._-]*[a-zA-Z0-9]+)*")


class InvalidChannelError(ValueError):
    """A channel that cannot exist.

    Attributes:
        is_branch: Whether it is the name of the branch that is invalid.
    """

    def __init__(self, message: str, *, is_branch: bool = False) -> None:
        super().__init__(message)
        self.is_branch = is_branch


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel.

    Attributes:
        track: The track.
        risk: The risk.
        branch: The branch, which a release creates and which ends by itself.
        has_track: Whether the track was named, or is the one that channels without a track are in.
    """

    track: str
    risk: str
    branch: str | None = None
    has_track: bool = field(default=True, compare=False)

    @property
    def name(self) -> str:
        """The name with its track."""
        return "/".join(filter(None, (self.track, self.risk, self.branch)))

    @property
    def short_name(self) -> str:
        """The name as installers write it: the default track is left out."""
        return self.name.removeprefix(f"{DEFAULT_TRACK}/")

    @property
    def name_in_track(self) -> str:
        """The name without its track."""
        return "/".join(filter(None, (self.risk, self.branch)))

    @property
    def fallback(self) -> Channel | None:
        """The channel that installers read from while this one is closed."""
        if self.branch is not None:
            return Channel(self.track, self.risk)
        at = RISKS.index(self.risk)
        return Channel(self.track, RISKS[at - 1]) if at else None

    @property
    def order(self) -> tuple[int, str]:
        """The place of the channel within its track."""
        return RISKS.index(self.risk), self.branch or ""


def parse_channel(text: str) -> Channel:
    """Return the channel that *text* names.

    Raises:
        InvalidChannelError: It names none.
    """
    parts = text.split("/")
    if len(parts) <= 3 and all(parts):
        track, *rest = parts
        if track in RISKS and len(rest) <= 1:
            return _checked(Channel(DEFAULT_TRACK, track, "".join(rest) or None, has_track=False))
        if rest and rest[0] in RISKS:
            return _checked(Channel(track, rest[0], "".join(rest[1:]) or None))
    raise InvalidChannelError(f"Not a valid channel: {text}")


def _checked(channel: Channel) -> Channel:
    if channel.branch is not None and not _BRANCH.fullmatch(channel.branch):
        raise InvalidChannelError(
            f"Invalid branch name: {channel.branch}. Enter a value consisting of letters, numbers or hyphens. Hyphens "
            "cannot occur at the start or end of the chosen value.",
            is_branch=True,
        )
    return channel


def is_allowed(channel: Channel, patterns: Iterable[str] | None) -> bool:
    """Return whether credentials that are restricted to *patterns* may release to *channel*."""
    if patterns is None:
        return True
    names = (channel.name, channel.short_name)
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)

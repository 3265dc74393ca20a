"""Names of channels, as the gateway reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lading.testing.canonical._packages import Package
    from lading.testing.canonical._request import StoreRequest

RISKS = ("stable", "candidate", "beta", "edge")


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel of a package."""

    track: str
    risk: str
    branch: str | None = None

    @property
    def name(self) -> str:
        """The full name, with its track."""
        return "/".join(filter(None, (self.track, self.risk, self.branch)))

    @property
    def fallback(self) -> str | None:
        """The channel that is installed from while this one is closed."""
        if self.branch is not None:
            return f"{self.track}/{self.risk}"
        at = RISKS.index(self.risk)
        return f"{self.track}/{RISKS[at - 1]}" if at else None


def parse_channel(request: StoreRequest, package: Package, text: str) -> Channel:
    """Parse the name of a channel of *package*.

    Raises:
        Refusal: It is none, or its track does not exist.
    """
    parts = text.split("/")
    if parts[0] in RISKS and len(parts) < 3:
        parts.insert(0, package.default_track or "latest")
    if len(parts) not in (2, 3) or not all(parts) or parts[1] not in RISKS:
        raise request.refuse(400, ("api-error", f"Invalid channel: {text}"))
    if parts[0] not in package.tracks:
        raise request.refuse(400, ("api-error", f"Invalid track: {parts[0]}"))
    return Channel(parts[0], parts[1], parts[2] if len(parts) == 3 else None)


def show_channels(package: Package) -> list[dict[str, Any]]:
    """Return all channels of a package, and the branches that are open."""
    return [
        {
            "branch": channel.branch,
            "fallback": channel.fallback,
            "name": channel.name,
            "risk": channel.risk,
            "track": channel.track,
        }
        for channel in _all_channels(package)
    ]


def _all_channels(package: Package) -> Iterator[Channel]:
    for track in package.tracks:
        yield from (Channel(track, risk) for risk in RISKS)
    names = dict.fromkeys(release.channel for release in package.releases)
    yield from (Channel(*name.split("/")) for name in names if name.count("/") == 2)

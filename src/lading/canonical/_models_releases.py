"""Models of releases: which revision is in which channel."""

from __future__ import annotations

from pydantic import Field

from lading._core.model import UtcDatetime
from lading.canonical._channels import parse_channel, read_channel
from lading.canonical._models import Several, StoreModel
from lading.canonical._models_revisions import Base, Revision


class Progressive(StoreModel):
    """How far a progressive release is.

    Attributes:
        percentage: How many percent of all devices it reaches; ``None`` for all.
        paused: Whether it does not advance.
    """

    percentage: float | None = None
    paused: bool | None = None


class ReleasedResource(StoreModel):
    """A resource of a release.

    Attributes:
        name: The resource's name.
        revision: Its revision; ``None`` where the release has none of it.
        type: Its type, such as ``"file"``.
    """

    name: str
    revision: int | None = None
    type: str | None = None


class Release(StoreModel):
    """A revision in a channel, on one base.

    Attributes:
        channel: The channel, as the store calls it.
        revision: The revision.
        base: What it runs on, of a charm; ``None`` for any.
        architecture: The architecture, of a snap.
        resources: The resources that come with it.
        progressive: How far it is, when it does not reach all devices.
        expiration_date: When the channel is closed by itself, of a branch.
        when: When it was released.
    """

    channel: str
    revision: int
    base: Base | None = None
    architecture: str | None = None
    resources: Several[ReleasedResource] = ()
    progressive: Progressive | None = None
    expiration_date: UtcDatetime | None = None
    when: UtcDatetime | None = None


class Channel(StoreModel):
    """A channel of a package, whether something is in it or not.

    Attributes:
        name: Its name, such as ``"latest/edge"``.
        track: Its track.
        risk: Its risk.
        branch: Its branch.
        fallback: The channel that is installed from while this one is closed.
    """

    name: str
    track: str | None = None
    risk: str | None = None
    branch: str | None = None
    fallback: str | None = None


class PackageChannels(StoreModel):
    """What the response with the releases says of the package."""

    channels: Several[Channel] = ()


class ChannelMap(StoreModel):
    """The releases of a package.

    Attributes:
        releases: What is in its channels: one item for each channel and base.
        package: The package, of which the store sends the channels.
        revisions: The revisions that are in a channel.
    """

    releases: Several[Release] = Field(default=(), validation_alias="channel-map")
    package: PackageChannels = PackageChannels()
    revisions: Several[Revision] = ()

    @property
    def channels(self) -> tuple[Channel, ...]:
        """All channels of the package."""
        return self.package.channels

    def in_channel(self, channel: str) -> tuple[Release, ...]:
        """Return what is in *channel*, one item for each base; empty when it is closed.

        Args:
            channel: The channel; ``"edge"`` is ``"latest/edge"``.

        Raises:
            InputError: *channel* is not the name of a channel.
        """
        wanted = parse_channel(channel, argument="channel")
        return tuple(release for release in self.releases if read_channel(release.channel) == wanted)


class ReleaseResult(StoreModel):
    """A release that was made.

    Attributes:
        channel: The channel, as the store calls it.
        revision: The revision; ``None`` for a channel that was closed.
        resources: The resources that come with it.
        expiration_date: When the channel is closed by itself, of a branch.
    """

    channel: str | None = None
    revision: int | None = None
    resources: Several[ReleasedResource] = ()
    expiration_date: UtcDatetime | None = None


class ReleaseResults(StoreModel):
    """The response to a request to release."""

    released: Several[ReleaseResult]

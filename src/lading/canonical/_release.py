"""Releasing revisions: one request for many channels, and what the channel map says after a lost response."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from lading._core.api_errors import make_api_error
from lading._core.call import Call
from lading._core.send_once import NOT_FOUND, Found
from lading._core.unset import UNSET
from lading.canonical._channel_map import fetch_channel_map
from lading.canonical._channels import parse_channels, read_channel
from lading.canonical._gateway import gateway_path, get_channel_map
from lading.canonical._models_releases import ReleaseResult, ReleaseResults
from lading.errors import Conflict, InputError, InvalidResponse, LadingError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from lading._core.messages import Response
    from lading._core.send_once import LookupResult, LookupSender
    from lading._core.sender import Sender
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._models_releases import ChannelMap, Release
    from lading.canonical._models_revisions import Base

Platform = tuple[str | None, ...]
_ALL_DEVICES = 100


@dataclass(frozen=True, slots=True)
class ReleaseItem:
    """One channel of a request to release.

    Attributes:
        channel: The channel, as it is sent.
        revision: The revision; ``None`` closes the channel.
        resources: The revisions of its resources by name, unless UNSET.
        progressive: How many percent of all devices it reaches, unless UNSET.
        platforms: What the revision is to be on in the channel afterwards; ``None`` for all that it runs on.
    """

    channel: str
    revision: int | None
    resources: Mapping[str, int | None] | None = UNSET
    progressive: float = UNSET
    platforms: frozenset[Platform | None] | None = None

    def dump(self) -> dict[str, Any]:
        """Return its JSON: what was not given is left out."""
        item: dict[str, Any] = {"channel": self.channel, "revision": self.revision}
        if self.resources is None:
            item["resources"] = None
        elif self.resources is not UNSET:
            item["resources"] = [{"name": name, "revision": number} for name, number in self.resources.items()]
        if self.progressive is not UNSET:
            item["progressive"] = {"percentage": self.progressive, "paused": False}
        return item


async def release_revision(  # noqa: PLR0917 - they are the arguments of Releases.release
    sender: Sender,
    endpoints: Endpoints,
    name: str,
    revision: int | None,
    channels: Iterable[str],
    resources: Mapping[str, int | None] | None = UNSET,
    progressive: float | None = UNSET,
) -> tuple[ReleaseResult, ...]:
    """Release a revision to channels, or close them, and return what the store has done.

    Args:
        sender: A sender to the store's API.
        endpoints: The store.
        name: The package.
        revision: The revision; ``None`` closes the channels.
        channels: The channels.
        resources: The revisions of the package's resources by name.
        progressive: How many percent of all devices it reaches; ``None`` for all.

    Raises:
        InputError: An argument is invalid; nothing was sent.
    """
    items = make_items(revision, channels, resources, progressive)
    return await send_release(sender, endpoints, name, items)


def make_items(
    revision: int | None,
    channels: Iterable[str],
    resources: Mapping[str, int | None] | None = UNSET,
    progressive: float | None = UNSET,
) -> tuple[ReleaseItem, ...]:
    """Return what to send for one revision in *channels*, each channel once.

    Raises:
        InputError: A channel's name is invalid, there is none, or the arguments contradict each other.
    """
    names = parse_channels(channels)
    if revision is not None and revision < 1:
        raise InputError(f"revision must be 1 or more, not {revision}; None closes the channels", argument="revision")
    percentage: float = UNSET if progressive is None else progressive
    if percentage is not UNSET and not 0 < percentage <= _ALL_DEVICES:
        raise InputError(f"progressive is a percentage above 0 and up to 100, not {percentage}", argument="progressive")
    if revision is None and resources is not UNSET:
        raise InputError("revision=None closes the channels: resources= cannot be given with it", argument="resources")
    if revision is None and percentage is not UNSET:
        raise InputError("revision=None closes the channels: progressive= has no meaning then", argument="progressive")
    if percentage is not UNSET and percentage == _ALL_DEVICES:
        percentage = UNSET
    return tuple(ReleaseItem(name, revision, resources, percentage) for name in names.values())


async def send_release(
    sender: Sender, endpoints: Endpoints, name: str, items: Collection[ReleaseItem]
) -> tuple[ReleaseResult, ...]:
    """Send one request to release *items*, in their order.

    Setting given values is harmless to repeat: after a lost response it is sent again unless the channel map shows
    them.

    Raises:
        InvalidResponse: The store accepted the request, but the releases reach all devices.
    """
    call = Call(
        "POST",
        gateway_path(endpoints, "{name}/releases"),
        partial(_read_results, items),
        path_params={"name": name},
        json=[item.dump() for item in items],
        idempotent=True,
    )
    query = get_channel_map(endpoints, name)

    async def look_up(sender: LookupSender, _: LadingError) -> LookupResult[tuple[ReleaseResult, ...]]:
        channel_map = await fetch_channel_map(sender, query)
        if all(is_released(channel_map, item, sender.service.name) for item in items):
            return Found(tuple(_result_of(channel_map, item) for item in items))
        return NOT_FOUND

    results = await sender.send_once(call, look_up)
    if any(item.progressive is not UNSET for item in items):
        try:
            channel_map = await fetch_channel_map(sender, query)
        except LadingError as error:
            error.outcome = "unknown"
            error.add_note(f"{name} was released; whether to the given percentage of devices could not be looked up")
            raise
        _check_progressive(channel_map, items, sender.service.name)
    return results


def platform_of(release: Release) -> Platform | None:
    """Return what a release is on; ``None`` for anything."""
    if release.base is not None:
        return _platform(release.base)
    return None if release.architecture is None else (release.architecture,)


def platforms_of(channel_map: ChannelMap, revision: int) -> frozenset[Platform | None] | None:
    """Return what a revision runs on; ``None`` where the store does not say."""
    for known in channel_map.revisions:
        if known.revision == revision:
            bases = [None if base is None else _platform(base) for base in known.bases]
            return frozenset([*bases, *((architecture,) for architecture in known.architectures)]) or None
    return None


def releases_in(channel_map: ChannelMap, channel: str) -> list[Release]:
    """Return what is in *channel*, whichever of its names that is."""
    wanted = read_channel(channel)
    return [release for release in channel_map.releases if read_channel(release.channel) == wanted]


def _platform(base: Base) -> Platform:
    return (base.name, base.channel, base.architecture)


def _read_results(items: Iterable[ReleaseItem], response: Response) -> tuple[ReleaseResult, ...]:
    """Read the results; a response that does not have all releases is looked up in the channel map."""
    results = ReleaseResults.model_validate_json(response.body).released
    made = {(read_channel(result.channel or ""), result.revision) for result in results}
    if not all((read_channel(item.channel), item.revision) in made for item in items):
        raise TypeError("released")
    return results


def is_released(channel_map: ChannelMap, item: ReleaseItem, service: str) -> bool:
    """Return whether the channel has what *item* says, on everything that the revision runs on.

    Args:
        channel_map: What is released.
        item: What was to be released.
        service: The store's name, for the error.

    Raises:
        Conflict: It has this revision and others, and it is not known what this one runs on.
    """
    there = releases_in(channel_map, item.channel)
    if item.revision is None:
        return not there
    own = [release for release in there if release.revision == item.revision and _has_options(release, item)]
    if not own:
        return False
    wanted = item.platforms or platforms_of(channel_map, item.revision)
    found = {platform_of(release) for release in own}
    if None in found or len(own) == len(there):
        return True
    if wanted is None:
        text = f"{item.channel} has revision {item.revision} and others, and what it runs on is not known"
        raise make_api_error(Conflict, service, text)
    return wanted <= found


def _has_options(release: Release, item: ReleaseItem) -> bool:
    """Return whether a release has the resources that were given, and reaches as many devices."""
    if item.resources is not UNSET and item.resources is not None:
        has = {resource.name: resource.revision for resource in release.resources}
        if any(has.get(name) != number for name, number in item.resources.items()):
            return False
    percentage = release.progressive.percentage if release.progressive else None
    wanted = _ALL_DEVICES if item.progressive is UNSET else item.progressive
    return wanted == (_ALL_DEVICES if percentage is None else percentage)


def _result_of(channel_map: ChannelMap, item: ReleaseItem) -> ReleaseResult:
    """Return the result of *item*, of which the response was lost."""
    for release in releases_in(channel_map, item.channel):
        if release.revision == item.revision:
            return ReleaseResult(
                channel=release.channel,
                revision=release.revision,
                resources=release.resources,
                expiration_date=release.expiration_date,
            )
    return ReleaseResult(channel=item.channel)


def _check_progressive(channel_map: ChannelMap, items: Collection[ReleaseItem], service: str) -> None:
    """Raise ``InvalidResponse`` where a release was to be progressive and is not."""
    for item in items:
        if item.progressive is UNSET:
            continue
        own = [release for release in releases_in(channel_map, item.channel) if release.revision == item.revision]
        if own and not any(release.progressive and release.progressive.percentage is not None for release in own):
            raise InvalidResponse(
                f"{service}: revision {item.revision} is released to all devices of {item.channel}: the store ignored "
                "progressive=",
                outcome="unknown",
            )

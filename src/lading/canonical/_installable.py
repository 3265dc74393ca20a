"""Waiting until installers get a release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading._core.call import Call
from lading._core.polling import poll_until
from lading.canonical._channels import parse_channels, read_channel
from lading.canonical._models_public import PublicInfo
from lading.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lading._core.polling import PollInterval
    from lading._core.sender import Sender
    from lading.canonical._endpoints import Endpoints, Namespace
    from lading.canonical._models_public import PublicRelease

# The fields to request, which each namespace names differently, and the headers that its installers send.
_QUERIES: dict[Namespace, tuple[str, dict[str, str]]] = {
    "charm": ("channel-map", {}),
    "snap": ("channel-map,revision", {"Snap-Device-Series": "16"}),
}


def get_public_info(endpoints: Endpoints, name: str) -> Call[PublicInfo]:
    """Return the call that reads what installers see."""
    fields, headers = _QUERIES[endpoints.namespace]
    return Call(
        "GET",
        f"v2/{endpoints.namespace}s/info/{{name}}",
        PublicInfo,
        path_params={"name": name},
        params={"fields": fields},
        headers=headers,
    )


async def wait_installable(
    sender: Sender,
    endpoints: Endpoints,
    name: str,
    revision: int,
    channels: Iterable[str],
    *,
    poll: PollInterval | float | None,
) -> tuple[PublicRelease, ...]:
    """Wait until installers get *revision* from each of *channels*.

    Args:
        sender: A sender to what installers read, without credentials.
        endpoints: The store.
        name: The package.
        revision: The revision.
        channels: The channels.
        poll: How often to poll.

    Raises:
        InputError: A channel's name is invalid, or there is none.
    """
    wanted = set(parse_channels(channels))
    call = get_public_info(endpoints, name)

    async def fetch() -> tuple[PublicRelease, ...] | None:
        try:
            info = await sender.send(call)
        except NotFound:
            return None  # nothing of it is released yet
        there = [release for release in info.channel_map if release.revision == revision]
        own = tuple(release for release in there if read_channel(release.channel.name) in wanted)
        return own if wanted == {read_channel(release.channel.name) for release in own} else None

    return await poll_until(fetch, poll, sleep=sender.settings.sleep)

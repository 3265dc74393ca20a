"""Reading what is released, in steps: a charm with many tracks and bases has thousands of releases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from lading._core.json_steps import read_members
from lading._core.stepped_calls import send_in_steps
from lading.canonical._models_releases import ChannelMap, PackageChannels, Release
from lading.canonical._models_revisions import Revision

if TYPE_CHECKING:
    from collections.abc import Generator

    from lading._core.call import Call, CallSender
    from lading._core.messages import Response
    from lading.canonical._models import StoreModel

M = TypeVar("M", bound="StoreModel")

# How many items are validated in one step; and the characters that all channels of a package may have.
_STEP = 100
_MAX_VALUE = 2 * 1024 * 1024


async def fetch_channel_map(sender: CallSender, call: Call[Response]) -> ChannelMap:
    """Send the call that reads a channel map, and return it.

    Args:
        sender: What sends it.
        call: The gateway's call, or the dashboard's.
    """
    return await send_in_steps(sender, call, read_channel_map)


def read_channel_map(response: Response) -> Generator[None, None, ChannelMap]:
    """Read a channel map; one without ``channel-map`` says nothing, not even that all channels are closed."""
    releases: list[Release] | None = None
    revisions: list[Revision] = []
    package = PackageChannels()
    lists = {"channel-map", "revisions"}
    for name, value in read_members(response.body, {"package", "snap"}, lists, max_value=_MAX_VALUE):
        if name == "channel-map":
            releases = releases or []
            yield from read_batch(value, Release, releases)
        elif name == "revisions":
            yield from read_batch(value, Revision, revisions)
        elif name:
            package = PackageChannels.model_validate(value or {})
        yield
    if releases is None:
        raise KeyError("channel-map")
    return ChannelMap(releases=tuple(releases), package=package, revisions=tuple(revisions))


def read_batch(value: Any, model: type[M], found: list[M]) -> Generator[None, None, None]:
    """Validate elements of a list, some in each step, and add them to *found*.

    Args:
        value: The elements; ``None`` where the store has sent no list.
        model: What each is.
        found: Where to add them.
    """
    batch = [] if value is None else value
    if not isinstance(batch, list):
        raise TypeError(model.__name__)
    for start in range(0, len(batch), _STEP):
        found += [model.model_validate(item) for item in batch[start : start + _STEP]]
        yield

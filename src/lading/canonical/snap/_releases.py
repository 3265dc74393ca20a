"""Releasing revisions of snaps and closing channels, at the dashboard."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from lading._core.call import Call
from lading._core.send_once import NOT_FOUND, Found
from lading._core.unset import UNSET
from lading.canonical._channel_map import fetch_channel_map
from lading.canonical._errors import ERROR_LISTS
from lading.canonical._models_releases import ReleaseResult
from lading.canonical._release import is_released
from lading.canonical.snap._dashboard import find_snap_id
from lading.canonical.snap._queries import get_channel_map
from lading.errors import LadingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lading._core.messages import Response
    from lading._core.send_once import LookupResult, LookupSender
    from lading._core.sender import Sender
    from lading.canonical._release import ReleaseItem

# At least one of them is in the response to a release, or to a request to close channels.
_MEMBERS = ("success", "opened_channels", "closed_channels", "channel_map", "channel_map_tree")


async def send_release(sender: Sender, name: str, items: Sequence[ReleaseItem]) -> tuple[ReleaseResult, ...]:
    """Release one revision to channels, or close channels, with one request.

    It sets a given state, and is sent again after a lost response unless the channel map shows that state.

    Args:
        sender: A sender to the API.
        name: The snap.
        items: The channels, all with the same revision and percentage.
    """
    read = partial(_read_results, items)
    revision = items[0].revision
    if revision is None:
        snap_id = await find_snap_id(sender, sender.service.name, name)
        call = Call(
            "POST",
            "dev/api/snaps/{snap_id}/close",
            read,
            path_params={"snap_id": snap_id},
            json={"channels": [item.channel for item in items]},
            idempotent=True,
        )
    else:
        body: dict[str, Any] = {"name": name, "revision": str(revision), "channels": [item.channel for item in items]}
        if items[0].progressive is not UNSET:
            body["progressive"] = {"percentage": items[0].progressive, "paused": False}
        call = Call("POST", "dev/api/snap-release/", read, json=body, idempotent=True)

    async def look_up(sender: LookupSender, _: LadingError) -> LookupResult[tuple[ReleaseResult, ...]]:
        channel_map = await fetch_channel_map(sender, get_channel_map(name))
        done = all(is_released(channel_map, item, sender.service.name) for item in items)
        return Found(_results(items)) if done else NOT_FOUND

    return await sender.send_once(call, look_up)


async def send_each(sender: Sender, name: str, items: Sequence[ReleaseItem]) -> tuple[ReleaseResult, ...]:
    """Release several revisions, one after the other, as the dashboard takes one in a request.

    Args:
        sender: A sender to the API.
        name: The snap.
        items: What to release, in order.
    """
    done: list[ReleaseResult] = []
    for item in items:
        try:
            done += await send_release(sender, name, [item])
        except LadingError as error:
            if done:
                error.outcome = "unknown"
                made = ", ".join(f"revision {one.revision} to {one.channel}" for one in done)
                error.add_note(f"released before that: {made}")
            raise
    return tuple(done)


def _read_results(items: Sequence[ReleaseItem], response: Response) -> tuple[ReleaseResult, ...]:
    """Read the response, which names only the channels that were opened or closed by the request."""
    value = response.json()
    if not isinstance(value, dict) or value.keys().isdisjoint(_MEMBERS) or value.get("success", True) is not True:
        raise TypeError("no release")
    if any(value.get(member) for member in ERROR_LISTS):
        raise TypeError("errors")
    return _results(items)


def _results(items: Sequence[ReleaseItem]) -> tuple[ReleaseResult, ...]:
    return tuple(ReleaseResult(channel=item.channel, revision=item.revision) for item in items)

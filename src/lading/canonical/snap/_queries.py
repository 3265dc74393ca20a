"""Calls that read a snap's revisions and releases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading._core.call import Call
from lading._core.paging import Page
from lading.canonical._models_releases import ChannelMap
from lading.canonical.snap._models import SnapHistory

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from lading._core.call import CallSender
    from lading._core.messages import Response
    from lading.canonical._models_revisions import Revision

FIRST_PAGE = 1


def get_channel_map(name: str) -> Call[ChannelMap]:
    """Return the call that reads what is in the channels of the snap called *name*."""
    return Call("GET", "api/v2/snaps/{name}/channel-map", _read_channel_map, path_params={"name": name})


def get_history(name: str, page: int) -> Call[SnapHistory]:
    """Return the call that reads one page of the releases and revisions of a snap.

    Args:
        name: The snap.
        page: The number of the page, from 1.
    """
    return Call(
        "GET", "api/v2/snaps/{name}/releases", SnapHistory, path_params={"name": name}, params={"page": page}
    )


def history_pages(sender: CallSender, name: str, items: Callable[[SnapHistory], Sequence[Any]]) -> Any:
    """Return what fetches a page of a snap's history, for a ``Pager``.

    Args:
        sender: What to send calls with.
        name: The snap.
        items: Returns the items of a page.
    """

    async def fetch(start: Any) -> Page[Any]:
        number = FIRST_PAGE if start is None else start
        page = await sender.send(get_history(name, number))
        return Page(items(page), number + 1 if page.has_next else None)

    return fetch


async def find_digest(sender: CallSender, name: str, sha3_384: str, *, newest: bool = False) -> Revision | None:
    """Return the revision of a snap whose file has this digest, or ``None``.

    One that was not rejected comes first. With several pages of revisions, all are read while nothing is found.

    Args:
        sender: What to send calls with.
        name: The snap.
        sha3_384: The digest.
        newest: Read only the first page, which has the newest.
    """
    rejected = None
    number: int | None = FIRST_PAGE
    while number is not None:
        page = await sender.send(get_history(name, number))
        for revision in page.revisions:
            if (revision.sha3_384 or "").lower() != sha3_384:
                continue
            if not is_rejected(revision):
                return revision
            rejected = rejected or revision
        number = number + 1 if page.has_next and not newest else None
    return rejected


def is_rejected(revision: Revision) -> bool:
    """Return whether the review has rejected a revision."""
    return revision.status in ("Rejected", "AutomaticallyRejected", "rejected")


def is_under_review(revision: Revision) -> bool:
    """Return whether the store has not decided about a revision yet."""
    return revision.status in ("ReviewQueued", "ReviewInProgress")


def needs_person(revision: Revision) -> bool:
    """Return whether a person at the store has to decide about a revision."""
    return revision.status in ("ManualReviewPending", "NeedsInformation")


def _read_channel_map(response: Response) -> ChannelMap:
    value = response.json()
    return ChannelMap.model_validate({**value, "package": value.get("snap") or value.get("package") or {}})

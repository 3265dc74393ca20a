"""Calls that read a snap's revisions and releases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading._core.call import Call
from lading._core.paging import Page, Pager
from lading.canonical.snap._models import SnapHistory
from lading.errors import InvalidResponse

if TYPE_CHECKING:
    from lading._core.call import CallSender
    from lading._core.messages import Response
    from lading.canonical._models_revisions import Revision
    from lading.canonical.snap._models import SnapRelease

FIRST_PAGE = 1
REJECTED = ("Rejected", "AutomaticallyRejected")


def get_channel_map(name: str) -> Call[Response]:
    """Return the call that reads what is in the channels of the snap called *name*."""
    return Call("GET", "api/v2/snaps/{name}/channel-map", path_params={"name": name})


def get_history(name: str, page: int) -> Call[SnapHistory]:
    """Return the call that reads one page of the releases and revisions of a snap.

    Args:
        name: The snap.
        page: The number of the page, from 1.
    """
    return Call("GET", "api/v2/snaps/{name}/releases", SnapHistory, path_params={"name": name}, params={"page": page})


def list_revisions(sender: CallSender, name: str, *, max_items: int | None) -> Pager[Revision]:
    """Return a pager over the revisions of a snap, each once, whichever pages of its history repeat it.

    Args:
        sender: What to send calls with.
        name: The snap.
        max_items: Stop after this many.
    """

    async def fetch(start: tuple[int, frozenset[int]] | None) -> Page[Revision]:
        number, seen = start or (FIRST_PAGE, frozenset())
        page = await sender.send(get_history(name, number))
        new = [revision for revision in page.revisions if revision.revision not in seen]
        seen = seen.union(revision.revision for revision in new)
        following = _next_page(page, number)
        return Page(new, None if following is None else (following, seen))

    return Pager(fetch, max_items=max_items)


def list_history(sender: CallSender, name: str, *, max_items: int | None) -> Pager[SnapRelease]:
    """Return a pager over what was released and closed.

    Args:
        sender: What to send calls with.
        name: The snap.
        max_items: Stop after this many.
    """

    async def fetch(start: int | None) -> Page[SnapRelease]:
        number = start or FIRST_PAGE
        page = await sender.send(get_history(name, number))
        return Page(page.releases, _next_page(page, number))

    return Pager(fetch, max_items=max_items)


async def find_digest(
    sender: CallSender, name: str, sha3_384: str, *, newest: bool = False, known: int | None = None
) -> Revision | None:
    """Return the revision of a snap whose file has this digest, or ``None``. One that was rejected is none.

    Args:
        sender: What to send calls with.
        name: The snap.
        sha3_384: The digest.
        newest: Read only the first page, which has the newest; otherwise as many as it takes.
        known: The number of a revision that is returned even when it was rejected.
    """
    number: int | None = FIRST_PAGE
    while number is not None:
        page = await sender.send(get_history(name, number))
        if "revisions" not in page.model_fields_set:
            raise InvalidResponse(f"{sender.service.name}: the response has no revisions of {name}, not even none")
        for revision in page.revisions:
            if (revision.sha3_384 or "").lower() != sha3_384:
                continue
            if revision.status not in REJECTED or revision.revision == known:
                return revision
        number = None if newest else _next_page(page, number)
    return None


def _next_page(page: SnapHistory, number: int) -> int | None:
    """Return the number of the next page; an empty page is the last one, whatever the store says."""
    return number + 1 if page.has_next and (page.releases or page.revisions) else None

"""Lists of Copr: pages by offset, cut and deduplicated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from lading._core.call import Call
from lading._core.paging import Page, Pager
from lading.copr._wire import page_query
from lading.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from lading._core.call import Params
    from lading._core.sender import Sender
    from lading.copr._models.builds import ListPage

T = TypeVar("T")

# Ten requests cost more than the thousand builds that they bring; a page of thousands is answered with 504.
PAGE_SIZE = 250
# A page of 1000 projects with many chroots is some 2 MB.
_MAX_ANSWER = 64 * 1024 * 1024


class _PageStart(NamedTuple):
    """Where a page starts.

    Attributes:
        offset: How many items come before it.
        seen: What the page before had.
    """

    offset: int
    seen: frozenset[Hashable] = frozenset()


def paginate(
    sender: Sender,
    path: str,
    model: type[ListPage[T]],
    params: Params,
    *,
    key: Callable[[T], Hashable],
    page_size: int,
    max_items: int | None,
    order: str | None = None,
    descending: bool = False,
    offset: int = 0,
) -> Pager[T]:
    """A pager over *path*. Every page is asked for with a size: without one the frontend sends everything, or 504.

    Two pages may overlap: the builds with a status do by design (the frontend counts the offset over all builds, the
    limit over those with that status), and any list does when something is added in front meanwhile. What the page
    before had is left out.
    """
    if page_size < 1:
        raise InputError("page_size must be 1 or more", argument="page_size")  # 0 means everything, -1 a 500
    if offset < 0:
        raise InputError("offset must be 0 or more", argument="offset")

    async def fetch(start: Any) -> Page[T]:
        at: _PageStart = start
        query = {**params, **page_query(page_size, at.offset, order, descending=descending)}
        found = await sender.send(Call("GET", path, model, params=query, auth=None, max_response_size=_MAX_ANSWER))
        limit = found.meta.limit or page_size
        keys = frozenset(map(key, found.items))
        fresh = tuple(item for item in found.items if key(item) not in at.seen)
        return Page(fresh, None if len(found.items) < limit else _PageStart(at.offset + limit, keys))

    return Pager(fetch, start=_PageStart(offset), max_items=max_items)

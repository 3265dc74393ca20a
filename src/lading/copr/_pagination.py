"""Lists of Copr: pages by offset, with duplicates between pages removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from pydantic import Field

from lading._core.call import Call
from lading._core.model import Model
from lading._core.paging import Page, Pager
from lading.copr._wire import page_query
from lading.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from lading._core.call import Params
    from lading._core.sender import Sender

T = TypeVar("T")

# Ten requests cost more than the thousand builds in their responses; a page of thousands ends with 504.
PAGE_SIZE = 250
MAX_PAGE_BYTES = 64 * 1024 * 1024
"""A page of 1000 projects with many chroots has some 2 MB."""


class PageMeta(Model):
    """The bounds of a page.

    Attributes:
        limit: How many items it may have; ``None`` for all.
        offset: How many items come before it.
    """

    limit: int | None = None
    offset: int | None = None


class ListPage(Model, Generic[T]):
    """One page of a list, as it is sent.

    Attributes:
        items: The items.
        meta: The bounds of the page.
    """

    items: tuple[T, ...]
    meta: PageMeta = Field(default_factory=PageMeta)


class _PageStart(NamedTuple):
    """The start of a page.

    Attributes:
        offset: How many items come before it.
        seen: The keys of the items of the page before.
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
    """Return a pager over the list at *path*.

    Every page is requested with a size: without one the frontend sends everything, or 504.

    Two pages may overlap: a list of builds with a status does by design (the frontend counts the offset over all
    builds, the limit over those with that status), and any list does when an item is added in front in the meantime.
    Items of the page before are left out.

    Args:
        sender: Sends the requests.
        path: The path of the list.
        model: The model of a page.
        params: The query, without that for the page.
        key: Returns what identifies an item.
        page_size: How many items to request at once.
        max_items: Stop after this many items.
        order: The column to sort by.
        descending: Whether to reverse the order.
        offset: Skip this many items at the beginning.

    Raises:
        InputError: *page_size* or *offset* is too small.
    """
    if page_size < 1:
        raise InputError("page_size must be 1 or more", argument="page_size")  # 0 means everything, -1 a 500
    if offset < 0:
        raise InputError("offset must be 0 or more", argument="offset")

    async def fetch(start: Any) -> Page[T]:
        at: _PageStart = start
        query = {**params, **page_query(page_size, at.offset, order, descending=descending)}
        found = await sender.send(Call("GET", path, model, params=query, auth=None, max_response_size=MAX_PAGE_BYTES))
        limit = found.meta.limit or page_size
        keys = frozenset(map(key, found.items))
        fresh = tuple(item for item in found.items if key(item) not in at.seen)
        return Page(fresh, None if len(found.items) < limit else _PageStart(at.offset + limit, keys))

    return Pager(fetch, start=_PageStart(offset), max_items=max_items)

"""What a store is asked when the answer to a write was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading.errors import Conflict, NotFound

if TYPE_CHECKING:
    from lading._core.call import Call
    from lading._core.sender import Lookup, Sender
    from lading.errors import LadingError


def lookup_absent(look: Call[Any], hint: str) -> Lookup[Any]:
    """For making what must be new: ``None``, to make it again, while *look* finds nothing.

    When it is there, nobody knows whether this call made it or it was there before, which the lost answer would have
    said: the outcome stays unknown.
    """

    async def ask(sender: Sender, _: LadingError) -> None:
        try:
            await sender.send(look)
        except NotFound:
            return
        raise Conflict(f"{sender.service.name}: it is there now, by this call or from before; {hint}")

    return ask


def lookup_deleted(look: Call[Any]) -> Lookup[bool]:
    """For deleting: done when *look* finds nothing any more, to be done again while it does."""

    async def ask(sender: Sender, _: LadingError) -> bool | None:
        try:
            await sender.send(look)
        except NotFound:
            return True
        return None

    return ask

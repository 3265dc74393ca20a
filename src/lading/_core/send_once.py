"""Writes that happen at most once: what a look-up reports after a lost response, and general look-ups."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from lading._core.api_errors import make_api_error
from lading._core.call import CallSender
from lading.errors import Conflict, LadingError, NotFound

if TYPE_CHECKING:
    from lading._core.call import Call
    from lading._core.service import Service
    from lading._core.settings import ClientSettings

T = TypeVar("T")


class LookupSender(CallSender, Protocol):
    """What a look-up sends its calls with: they use the slot of the call that lost its response.

    Attributes:
        service: The store.
        settings: The client's settings.
    """

    @property
    def service(self) -> Service: ...
    @property
    def settings(self) -> ClientSettings: ...


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """The work is there: the call's result.

    Attributes:
        value: What the call would have returned.
    """

    value: T


@dataclass(frozen=True, slots=True)
class Rejected:
    """The store has decided against the request: an error to raise as it is.

    Attributes:
        error: The error.
    """

    error: LadingError


class _NotFound:
    __slots__ = ()

    def __repr__(self) -> str:
        return "NOT_FOUND"


NOT_FOUND: Final = _NotFound()
"""The work is not there. After ``Service.late_work`` seconds it cannot appear any more: the call may be sent again."""

LookupResult = Found[T] | Rejected | _NotFound

Lookup = Callable[[LookupSender, LadingError], Awaitable[LookupResult[T]]]
"""From (a sender that uses the call's slot, the error of the lost response) to what the store says.

It raises when it cannot tell; see :meth:`Sender.send_once`.
"""


# Seconds between two looks for work that may still appear; the last is repeated.
_PAUSES = (1.0, 2.0, 4.0, 5.0)


async def look_until_certain(
    look: Callable[[], Awaitable[LookupResult[T]]],
    settings: ClientSettings,
    *,
    until: float,
    deadline: float | None = None,
) -> LookupResult[T] | None:
    """Return what ``look()`` finds, as soon as it finds something or its absence proves something.

    Args:
        look: Looks once.
        settings: The clock and the sleep.
        until: The time from which absence proves that the work was not done.
        deadline: The time at which to stop looking: ``None`` is returned when it comes before *until*.
    """
    stop = until if deadline is None else min(until, deadline)
    pauses = iter(_PAUSES)
    while True:
        started = settings.clock()
        found = await look()
        if found is not NOT_FOUND or started >= until:
            return found
        if started >= stop:
            return None
        pause = next(pauses, _PAUSES[-1])
        await settings.sleep(min(pause, max(stop - settings.clock(), 0.0)))


def lookup_absent(query: Call[Any], hint: str) -> Lookup[Any]:
    """Make a look-up for creating what must be new: ``NOT_FOUND`` while *query* finds nothing.

    When it is there, nobody knows whether this call created it or it existed before, which the lost response would
    have said: the outcome is unknown.

    Args:
        query: Reads the thing that is to be created.
        hint: What the caller can do, for the error.
    """

    async def look_up(sender: LookupSender, _: LadingError) -> LookupResult[Any]:
        try:
            await sender.send(query)
        except NotFound:
            return NOT_FOUND
        text = f"it exists now, created by this call or before it; {hint}"
        raise make_api_error(Conflict, sender.service.name, text)

    return look_up


def lookup_deleted(query: Call[Any]) -> Lookup[bool]:
    """Make a look-up for deleting: done when *query* finds nothing any more, to be sent again while it does.

    Args:
        query: Reads the thing that is to be deleted.
    """

    async def look_up(sender: LookupSender, _: LadingError) -> LookupResult[bool]:
        try:
            await sender.send(query)
        except NotFound:
            return Found(value=True)
        return NOT_FOUND

    return look_up

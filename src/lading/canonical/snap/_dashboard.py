"""The dashboard's API, and the look-up of snap ids by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from lading._core.api_errors import make_api_error
from lading._core.call import Call
from lading._core.unset import UNSET
from lading.canonical.snap._models import SnapAccountInfo
from lading.errors import ConfigError, InvalidResponse, LadingError, NotFound

if TYPE_CHECKING:
    from lading._core.call import CallSender
    from lading._core.sender import Sender
    from lading.canonical._endpoints import Endpoints

T = TypeVar("T")

_NOTHING: tuple[object, ...] = (None, (), [], {})

GET_ACCOUNT = Call("GET", "dev/api/account", SnapAccountInfo)
"""Reads the account, with its snaps and keys."""


class Dashboard:
    """A sender to the dashboard's API, where the store has that.

    Args:
        sender: A sender to the store.
        endpoints: The store.
        what: What is missing where the store has the publisher gateway's API, for the error.
    """

    __slots__ = ("_endpoints", "_sender", "_what")

    def __init__(self, sender: Sender, endpoints: Endpoints, what: str) -> None:
        self._sender = sender
        self._endpoints = endpoints
        self._what = what

    @property
    def sender(self) -> Sender:
        """The sender; ``ConfigError`` where the store has another API."""
        if self._endpoints.api != "dashboard":
            raise ConfigError(f"{self._endpoints.name}: a store with the publisher gateway's API has no {self._what}")
        return self._sender

    def refuse(self, **options: object) -> None:
        """Raise ``ConfigError`` for the first option that was given: only the dashboard has it."""
        for option, value in options.items():
            if value is not UNSET and value not in _NOTHING:
                raise ConfigError(
                    f"{self._endpoints.name}: {option}= is not possible in a store with the publisher gateway's API"
                )

    async def snap_id(self, name: str) -> str:
        """Look up the identifier of the snap called *name*.

        Raises:
            ConfigError: The store has no such API.
            NotFound: The account has no such snap, and none is shared with it.

        Source: ``GET /dev/api/account``.
        """
        return await find_snap_id(self.sender, self._endpoints.name, name)


async def send_harmless(sender: Sender, call: Call[T]) -> T:
    """Send a call that changes nothing, although it is a POST: after a lost response, nothing was done.

    Args:
        sender: A sender to the API.
        call: The call.
    """
    try:
        return await sender.send(call)
    except LadingError as error:
        error.outcome = "not_done"
        raise


async def find_snap_id(sender: CallSender, store: str, name: str) -> str:
    """Return the identifier of the snap called *name*; ``NotFound`` when the account has none of that name.

    Args:
        sender: What to look it up with.
        store: The store's name, for the error.
        name: The snap.
    """
    snap = require_snaps(await sender.send(GET_ACCOUNT), store).find(name)
    if snap is None:
        raise make_api_error(NotFound, store, f"{name} is no snap of this account, and is not shared with it")
    return snap.snap_id


def require_snaps(account: SnapAccountInfo, store: str) -> SnapAccountInfo:
    """Return the account; ``InvalidResponse`` where the response does not say which snaps it has, not even none.

    Args:
        account: The account.
        store: The store's name, for the error.
    """
    if "snaps" not in account.model_fields_set:
        raise InvalidResponse(f"{store}: the response does not say which snaps the account has")
    return account

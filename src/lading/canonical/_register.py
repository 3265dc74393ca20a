"""What the store knows of a name after the response to its registration was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading._core.api_errors import make_api_error
from lading._core.call import Call
from lading._core.send_once import NOT_FOUND, Found, Rejected
from lading.canonical._gateway import get_package
from lading.canonical._models import WhoAmI
from lading.errors import Conflict, NotFound

if TYPE_CHECKING:
    from lading._core.send_once import Lookup, LookupResult, LookupSender
    from lading.canonical._endpoints import Endpoints
    from lading.errors import LadingError


def lookup_registered(endpoints: Endpoints, name: str, *, team: str | None) -> Lookup[str]:
    """Make a look-up for registering *name*: ``NOT_FOUND`` while it is free, refused when another account has it.

    When this account has it, nobody knows whether this call registered it or it was registered before, which the lost
    response would have said: the outcome is unknown.

    Args:
        endpoints: The store.
        name: The name.
        team: The team that it was to be registered for, whose account is not known.
    """

    async def look_up(sender: LookupSender, _: LadingError) -> LookupResult[str]:
        try:
            package = await sender.send(get_package(endpoints, name))
        except NotFound as error:
            if error.code is None:  # not the store's: something between says nothing of the name
                raise
            return NOT_FOUND
        service = sender.service.name
        if package.publisher is not None and team is None:
            account = (await sender.send(Call("GET", endpoints.whoami, WhoAmI))).account
            if package.publisher.id != account.id:
                publisher = package.publisher.username or package.publisher.display_name or "another account"
                return Rejected(make_api_error(Conflict, service, f"{name} is registered by {publisher}"))
        text = f"{name} is registered now, by this call or before it; packages.get shows it"
        raise make_api_error(Conflict, service, text)

    return look_up


def lookup_unregistered(endpoints: Endpoints, name: str) -> Lookup[bool]:
    """Make a look-up for unregistering *name*: done when the store says that it has no such package.

    A 404 without a code of the store's is that of something between, and says nothing.
    """

    async def look_up(sender: LookupSender, _: LadingError) -> LookupResult[bool]:
        try:
            await sender.send(get_package(endpoints, name))
        except NotFound as error:
            if error.code is None:
                raise
            return Found(value=True)
        return NOT_FOUND

    return look_up

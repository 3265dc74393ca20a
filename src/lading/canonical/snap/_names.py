"""Names of snaps at the dashboard: what the account has, and registering."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading._core.api_errors import make_api_error
from lading._core.call import Call
from lading._core.send_once import NOT_FOUND, Found, Rejected
from lading.canonical._models_packages import Package
from lading.canonical.snap._dashboard import GET_ACCOUNT, require_snaps
from lading.canonical.snap._models import SERIES
from lading.errors import Conflict

if TYPE_CHECKING:
    from lading._core.messages import Response
    from lading._core.send_once import LookupResult, LookupSender
    from lading._core.sender import Sender
    from lading.canonical.snap._models import AccountSnap, SnapAccountInfo
    from lading.errors import LadingError


async def register(sender: Sender, name: str, *, private: bool, store: str | None) -> str:
    """Register a name, at most once, and return the identifier of the snap.

    Args:
        sender: A sender to the API.
        name: The name.
        private: Let only collaborators see it.
        store: The store that it is to be in.
    """
    body: dict[str, Any] = {"snap_name": name, "is_private": private, "series": SERIES}
    if store is not None:
        body["store"] = store

    async def look_up(sender: LookupSender, _: LadingError) -> LookupResult[str]:
        service = sender.service.name
        account = require_snaps(await sender.send(GET_ACCOUNT), service)
        snap = account.find(name)
        if snap is None:
            return NOT_FOUND
        if not is_own(account, snap):
            return Rejected(make_api_error(Conflict, service, f"{name} is registered by {_publisher(snap)}"))
        text = f"{name} is registered now, by this call or before it; packages.get shows it"
        raise make_api_error(Conflict, service, text)

    return await sender.send_once(Call("POST", "dev/api/register-name/", _read_id, json=body), look_up)


async def unregister(sender: Sender, name: str) -> None:
    """Give up a name.

    Args:
        sender: A sender to the API.
        name: The snap.
    """

    async def look_up(sender: LookupSender, _: LadingError) -> LookupResult[bool]:
        account = require_snaps(await sender.send(GET_ACCOUNT), sender.service.name)
        return Found(value=True) if account.find(name) is None else NOT_FOUND

    call = Call("DELETE", "v1/snap/{name}", _read_deleted, path_params={"name": name})
    await sender.send_once(call, look_up)


def packages_of(account: SnapAccountInfo, *, include_collaborations: bool) -> tuple[Package, ...]:
    """Return the snaps of an account.

    Args:
        account: The account.
        include_collaborations: Those of other accounts, too, that are shared with it.
    """
    snaps = account.snaps.get(SERIES, {})
    return tuple(
        package_of(name, snap) for name, snap in snaps.items() if include_collaborations or is_own(account, snap)
    )


def package_of(name: str, snap: AccountSnap) -> Package:
    """Return a snap as packages of both stores are described.

    Args:
        name: Its name.
        snap: What the account says of it.
    """
    return Package(
        id=snap.snap_id,
        name=name,
        type="snap",
        status=snap.status,
        private=snap.private,
        publisher=snap.publisher,
        store=snap.store,
    )


def is_own(account: SnapAccountInfo, snap: AccountSnap) -> bool:
    """Return whether a snap is the account's own, as far as the store says."""
    return snap.publisher is None or snap.publisher.id == account.id


def _publisher(snap: AccountSnap) -> str:
    publisher = snap.publisher
    return (publisher and (publisher.username or publisher.display_name)) or "another account"


def _read_id(response: Response) -> str:
    value = response.json()["snap_id"]
    if not isinstance(value, str) or not value:
        raise TypeError("snap_id")
    return value


def _read_deleted(response: Response) -> bool:
    return bool(response.json()["package-id"])

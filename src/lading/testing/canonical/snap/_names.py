"""Names at the embedded Snap Store: registered, and listed with the account."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lading.testing._server.refusals import Refusal
from lading.testing.canonical.snap._state import SERIES
from lading.testing.messages import ServerResponse

if TYPE_CHECKING:
    from lading.testing.canonical.snap._request import SnapRequest
    from lading.testing.canonical.snap._state import Snap

STORES = ("ubuntu",)
_MAX_NAME = 40
_CHARACTERS = re.compile(r"(?=.*[a-z])[a-z0-9-]+")


def register(request: SnapRequest) -> ServerResponse:
    """Register a name; with ``dry_run`` in the query, only say whether that would be accepted."""
    name = request.field("snap_name", str, required=True)
    private = request.field("is_private", bool, default=False)
    series = request.field("series", str, default=SERIES)
    store = request.field("store", str, default=STORES[0])
    _check_name(request, name)
    if series != SERIES:
        raise request.invalid_field("series")
    if store not in STORES:
        raise request.invalid_field("store")
    request.check_package(None)
    _check_available(request, name)
    if "dry_run" in request.query:
        return ServerResponse.json({"snap_id": None, "snap_name": name})
    _check_window(request)
    snap = request.state.register(name, request.account, request.now, private=private, store=store)
    return ServerResponse.json({"snap_id": snap.id, "snap_name": name}, 201)


def _check_name(request: SnapRequest, name: str) -> None:
    """Raise the first error of a name; the store never combines them."""
    if len(name) > _MAX_NAME:
        wrong = f"it should be no longer than {_MAX_NAME} characters."
    elif name.startswith("-") or name.endswith("-"):
        wrong = "it should not start nor end with a hyphen."
    elif "--" in name:
        wrong = "it should not have two hyphens in a row."
    elif not _CHARACTERS.fullmatch(name):
        wrong = "it should only have ASCII lowercase letters, numbers, and hyphens, and must have at least one letter."
    else:
        return
    raise request.refuse(400, ("invalid", f"The name '{name}' is not valid: {wrong}"))


def _check_available(request: SnapRequest, name: str) -> None:
    snap = request.state.snaps.get(name)
    if snap is not None:
        code = "already_owned" if snap.publisher.id == request.account.id else "already_registered"
    elif name in request.state.reserved:
        code = "reserved_name"
    else:
        return
    url = f"{request.base}/register-name/?series={SERIES}&name={name}"
    raise Refusal(409, {"status": 409, "code": code, "register_name_url": url})


def _check_window(request: SnapRequest) -> None:
    """Refuse an account that registered another name shortly before."""
    last = request.state.registered_at.get(request.account.id)
    if last is None:
        return
    left = last + timedelta(seconds=request.options.register_window) - request.now
    if left > timedelta():
        raise Refusal(429, {"status": 429, "code": "register_window", "retry_after": int(left.total_seconds())})


def account(request: SnapRequest) -> dict[str, Any]:
    """Return the account, its keys and its snaps."""
    who = request.account
    return {
        "account_id": who.id,
        "display_name": who.display_name,
        "username": who.username,
        "account_keys": request.state.account_keys.get(who.id, []),
        "snaps": {SERIES: {snap.name: _show(snap) for snap in request.state.of(who)}},
        "stores": [],
    }


def _show(snap: Snap) -> dict[str, Any]:
    return {
        "snap-id": snap.id,
        "snap-name": snap.name,
        "status": "Approved",
        "private": snap.private,
        "price": None,
        "since": f"{snap.since:%Y-%m-%dT%H:%M:%SZ}",
        "store": snap.store,
        "publisher": show_publisher(snap),
    }


def show_publisher(snap: Snap) -> dict[str, Any]:
    """Return the publisher of a snap, as responses show it."""
    who = snap.publisher
    return {"id": who.id, "username": who.username, "display-name": who.display_name, "validation": "unproven"}

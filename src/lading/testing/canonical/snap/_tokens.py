"""Logins at the embedded Snap Store: root macaroons for Ubuntu One and for the identity service, and who is who."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lading.testing.canonical._refusals import FlatRefusal
from lading.testing.canonical._sessions import (
    identify_bakery,
    issue_bakery_root,
    issue_token,
    issue_ubuntu_one_root,
)
from lading.testing.canonical._state import Session
from lading.testing.canonical.snap._state import SERIES

if TYPE_CHECKING:
    from lading.canonical._endpoints import LoginKind
    from lading.testing.canonical._bakery import BakeryVersion, KeyPair
    from lading.testing.canonical._state import StoreState
    from lading.testing.canonical.snap._request import SnapRequest

PERMISSIONS = frozenset(
    {
        "edit_account",
        "modify_account_key",
        "package_access",
        "package_manage",
        "package_metrics",
        "package_purchase",
        "package_push",
        "package_register",
        "package_release",
        "package_update",
        "package_upload",
        "package_upload_request",
        "store_admin",
        "store_review",
    }
)
# What a login without ``expires`` gets.
_LIFETIME = timedelta(days=365)


class SnapTokens:
    """The handlers of logins.

    Args:
        state: The store's state.
        keys: The store's key pair.
        identity: The identity service's key pair.
        bakery_version: The version of the bakery macaroons.
    """

    def __init__(self, state: StoreState, keys: KeyPair, identity: KeyPair, bakery_version: BakeryVersion) -> None:
        self._state = state
        self._keys = keys
        self._identity = identity
        self._version: BakeryVersion = bakery_version

    def issue(self, request: SnapRequest) -> dict[str, Any]:
        """Issue a root macaroon that Ubuntu One discharges."""
        permissions = request.field("permissions", list, required=True)
        if not permissions or not all(name in PERMISSIONS for name in map(str, permissions)):
            raise request.invalid_field("permissions")
        return {"macaroon": issue_ubuntu_one_root(self._state, self._session(request, "acl"))}

    def issue_for_identity(self, request: SnapRequest) -> dict[str, Any]:
        """Issue a root macaroon that the identity service discharges."""
        session = self._session(request, "candid")
        return {"macaroon": issue_bakery_root(self._state, session, self._keys, self._identity, self._version)}

    def exchange(self, request: SnapRequest) -> dict[str, Any]:
        """Exchange discharged macaroons for a token."""
        return {"macaroon": issue_token(identify_bakery(self._state, request.headers))}

    def _session(self, request: SnapRequest, kind: LoginKind) -> Session:
        return Session(
            kind,
            request.now,
            _expires(request),
            _strings(request, "permissions"),
            _packages(request),
            _strings(request, "channels"),
            request.field("description", str),
        )


def _strings(request: SnapRequest, name: str) -> tuple[str, ...] | None:
    values = request.field(name, list)
    if values is None:
        return None
    if not values or not all(isinstance(value, str) and value for value in values) or len(set(values)) < len(values):
        raise request.invalid_field(name)
    return tuple(values)


def _expires(request: SnapRequest) -> datetime:
    """Return when a login expires; only times in UTC are accepted, and only those that are still to come."""
    text = request.field("expires", str)
    if text is None:
        return request.now + _LIFETIME
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise request.invalid_field("expires") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if moment.utcoffset() or moment <= request.now:
        raise request.invalid_field("expires")
    return moment


def _packages(request: SnapRequest) -> tuple[dict[str, str], ...] | None:
    packages = request.field("packages", list)
    if not packages:
        return None
    return tuple(_package(request, package) for package in packages)


def _package(request: SnapRequest, package: Any) -> dict[str, str]:
    """Return a package that a login is restricted to, with its id."""
    if not isinstance(package, dict):
        raise request.invalid_field("packages")
    name, snap_id = package.get("name"), package.get("snap_id")
    snap = request.state.by_id(str(snap_id)) if name is None else request.state.snaps.get(str(name))
    series = package.get("series", SERIES)
    if snap is None or series != SERIES:
        # This refusal has no list.
        text = f"Snap not found for the given snap name: '{name}' and series: '{series}'"
        raise FlatRefusal(404, error_message=text)
    return {"name": snap.name, "series": SERIES, "id": snap.id}


def whoami(request: SnapRequest) -> dict[str, Any]:
    """Return the account, and what the credentials are restricted to; the snaps as a list of ids."""
    session, account = request.session, request.account
    packages = session.packages
    return {
        "account": {
            "email": account.email,
            "id": account.id,
            "name": account.display_name,
            "username": account.username,
        },
        "channels": session.channels,
        "errors": [],
        "expires": f"{session.valid_until:%Y-%m-%dT%H:%M:%S.%f}",
        "packages": None if packages is None else [package["id"] for package in packages],
        "permissions": session.permissions,
        "store_ids": None,
    }

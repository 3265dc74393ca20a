"""Logins at the gateway's API: root macaroons, their exchange for a token, and what the store says of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lading.testing.canonical._request import Api, Route
from lading.testing.canonical._schema import STRING, Schema, array, members, or_null
from lading.testing.canonical._sessions import (
    identify,
    identify_bakery,
    identify_ubuntu_one,
    issue_bakery_root,
    issue_token,
    issue_ubuntu_one_root,
)
from lading.testing.canonical._state import Session

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lading.canonical._endpoints import LoginKind
    from lading.testing.canonical._bakery import BakeryVersion, KeyPair
    from lading.testing.canonical._request import StoreRequest
    from lading.testing.canonical._state import StoreAccount

DEFAULT_TTL = 30 * 3600
_TTL = Schema(type="integer", minimum=10, maximum=31536000)
_EXCHANGE = members({}, client_description=or_null(STRING))
_REVOKE = members({"session-id": STRING})


def root_schema(package_types: Sequence[str]) -> Schema:
    """Return the schema of a request for a root macaroon."""
    by_name = members({"type": Schema(type="string", enum=package_types), "name": STRING})
    package = Schema(type="object", properties={**(by_name.properties or {}), "id": STRING})
    return members(
        {},
        permissions=array(STRING, min_items=1, unique=True),
        description=or_null(STRING),
        ttl=_TTL,
        packages=array(package),
        channels=array(STRING),
    )


class Tokens:
    """The handlers of ``/v1/tokens``.

    Args:
        keys: The store's key pair.
        identity: The identity service's key pair.
        bakery_version: The version of the bakery macaroons.
        package_types: The types of packages that a login may be restricted to.
    """

    def __init__(
        self, keys: KeyPair, identity: KeyPair, bakery_version: BakeryVersion, package_types: Sequence[str]
    ) -> None:
        self._keys = keys
        self._identity = identity
        self._version: BakeryVersion = bakery_version
        self._root = root_schema(package_types)

    @property
    def api(self) -> Api:
        """The routes."""
        return Api(
            [
                Route("GET", "/v1/tokens", self._list),
                Route("POST", "/v1/tokens", self._issue),
                Route("POST", "/v1/tokens/exchange", self._exchange),
                Route("POST", "/v1/tokens/usso", self._issue_usso),
                Route("POST", "/v1/tokens/usso/exchange", self._exchange_usso),
                Route("GET", "/v1/tokens/whoami", self._whoami, private=True),
                Route("POST", "/v1/tokens/revoke", self._revoke, private=True),
            ]
        )

    def _issue(self, request: StoreRequest) -> dict[str, Any]:
        return {"macaroon": self._bakery_root(request, request.json(self._root))}

    def _bakery_root(self, request: StoreRequest, wanted: dict[str, Any]) -> str:
        session = new_session(request, "candid", wanted)
        return issue_bakery_root(request.state, session, self._keys, self._identity, self._version)

    def _issue_usso(self, request: StoreRequest) -> dict[str, Any]:
        session = new_session(request, "usso", request.json(self._root))
        return {"macaroon": issue_ubuntu_one_root(request.state, session)}

    def _exchange(self, request: StoreRequest) -> dict[str, Any]:
        request.json(_EXCHANGE)
        return {"macaroon": issue_token(identify_bakery(request.state, request.headers))}

    def _exchange_usso(self, request: StoreRequest) -> dict[str, Any]:
        wanted = request.json(_EXCHANGE)
        session = identify_ubuntu_one(request.state, request.headers, "usso")
        session.description = wanted.get("client-description") or session.description
        return {"macaroon": issue_token(session)}

    def _whoami(self, request: StoreRequest) -> dict[str, Any]:
        session = request.session
        return {
            "account": {**show_account(request.account), "email": request.account.email},
            "channels": session.channels or None,
            "expires": show_time(session.valid_until),
            "packages": session.packages or None,
            "permissions": session.permissions,
        }

    def _list(self, request: StoreRequest) -> dict[str, Any]:
        if "Authorization" not in request.headers:
            return {"macaroon": self._bakery_root(request, {})}
        identified = identify(request.state, request.headers)
        account, now = identified.account, request.state.clock.now
        found = request.state.sessions_of(account) if account else ()
        every = request.query.get("include-inactive", "false").lower() == "true"
        return {
            "macaroons": [
                _show_session(one)
                for one in found
                if one.exchanged and (every or (one.revoked_at is None and one.valid_until > now))
            ]
        }

    def _revoke(self, request: StoreRequest) -> dict[str, Any]:
        wanted = request.json(_REVOKE)["session-id"]
        session = request.state.sessions.get(wanted)
        if session is None or session.account is not request.account:
            raise request.refuse(404, ("resource-not-found", f"Session {wanted} not found."))
        session.revoked_at = session.revoked_at or request.state.clock.now
        session.revoked_by = session.revoked_by or request.account.id
        return {"macaroon": _show_session(session)}


def new_session(request: StoreRequest, kind: LoginKind, wanted: dict[str, Any]) -> Session:
    """Create the session that a client requests."""
    now = request.state.clock.now
    permissions = wanted.get("permissions")
    return Session(
        kind,
        now,
        now + timedelta(seconds=wanted.get("ttl", DEFAULT_TTL)),
        None if permissions is None else tuple(permissions),
        tuple(wanted.get("packages") or ()) or None,
        tuple(wanted.get("channels") or ()) or None,
        wanted.get("description"),
    )


def show_account(account: StoreAccount) -> dict[str, Any]:
    """Return an account as the gateway shows it."""
    return {
        "display-name": account.display_name,
        "id": account.id,
        "username": account.username,
        "validation": account.validation,
    }


def show_time(moment: datetime) -> str:
    """Return a time as the gateway writes it."""
    return moment.replace(tzinfo=None).isoformat() + "Z"


def _show_session(session: Session) -> dict[str, Any]:
    return {
        "description": session.description,
        "revoked-at": session.revoked_at and show_time(session.revoked_at),
        "revoked-by": session.revoked_by,
        "session-id": session.id,
        "valid-since": show_time(session.valid_since),
        "valid-until": show_time(session.valid_until),
    }

"""Sessions: macaroons are issued, verified and exchanged, and what they allow is checked.

The double's own rules: what it accepts must not depend on what the client under test can read.
"""

from __future__ import annotations

import json
import secrets
from base64 import b64decode, b64encode, urlsafe_b64decode
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from lading._macaroons import codec
from lading.errors import TokenUnreadable
from lading.testing.canonical import _bakery as bakery
from lading.testing.canonical._third_party import InvalidMacaroonError, add_third_party, verify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lading._macaroons.codec import Macaroon
    from lading.testing.canonical._bakery import BakeryVersion, KeyPair
    from lading.testing.canonical._state import Session, StoreAccount, StoreState
    from lading.testing.messages import Headers

# The location of the store's macaroons, which no signature covers, and the prefix of its caveats.
STORE = "api.embedded"
# The first part of the caveats in macaroons that Ubuntu One discharges.
LEGACY_PREFIX = "myapps.developer.ubuntu.com"
DISCHARGE_PREFIX = "login.ubuntu.com"

NO_MACAROON = "The request is missing an Authorization header field containing a valid macaroon"
Reason = Literal["missing", "invalid", "expired", "revoked"]


class AuthenticationError(Exception):
    """A request without valid credentials. Each API refuses it in its own shape.

    Attributes:
        reason: What is wrong with the credentials. ``"expired"`` may be solved by refreshing.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason: Reason = reason


class _ExpiredError(InvalidMacaroonError):
    """Macaroons that were valid until some time ago."""


# --- Issuing


def issue_ubuntu_one_root(state: StoreState, session: Session) -> str:
    """Issue the root macaroon of *session*, which Ubuntu One discharges, in base64."""
    state.sessions[session.id] = session
    root = codec.create(STORE.encode(), session.id.encode(), session.key, 1)
    conditions = (("valid_since", session.valid_since), ("expires", session.valid_until))
    root.add([f"{LEGACY_PREFIX}|{name}|{_naive(moment)}".encode() for name, moment in conditions])
    caveat_id = json.dumps({"secret": b64encode(secrets.token_bytes(96)).decode(), "version": 1})
    state.caveat_keys[caveat_id] = secrets.token_bytes(32)
    add_third_party(root, state.hosts.login_netloc, caveat_id.encode(), state.caveat_keys[caveat_id])
    return codec.encode(root)


def issue_bakery_root(
    state: StoreState, session: Session, keys: KeyPair, third: KeyPair, version: BakeryVersion
) -> str:
    """Issue the root macaroon of *session*, which the identity service discharges, as JSON.

    Args:
        state: The store's state.
        session: The session.
        keys: The store's key pair.
        third: The identity service's key pair, of which the public key is used.
        version: The bakery's version; 1 and 2 are plain macaroons.
    """
    state.sessions[session.id] = session
    root = codec.create(STORE.encode(), _identifier(session, version), session.key, 1 if version == 1 else 2)
    root.add([f"time-before {_zulu(session.valid_until)}".encode()])
    caveat_key = secrets.token_bytes(24)
    condition = "is-authenticated-user"
    payload = bakery.encode_caveat(condition, caveat_key, keys, third.public, version)
    return json.dumps(bakery.with_caveat(root, state.hosts.identity, payload, caveat_key, version))


def _identifier(session: Session, version: BakeryVersion) -> bytes:
    # Real bakeries have binary identifiers, which JSON of version 2 writes as base64. Version 1 cannot write them.
    return session.id.encode() if version == 1 else b"\x03\xff" + session.id.encode()


def issue_token(session: Session) -> str:
    """Issue the token that *session* is exchanged for: a macaroon, which has no caveats for third parties."""
    session.exchanged = True
    token = codec.create(STORE.encode(), b"token " + session.id.encode(), session.key, 2)
    token.add([f"time-before {_zulu(session.valid_until)}".encode()])
    return codec.encode(token)


# --- Verifying


def identify(state: StoreState, headers: Headers) -> Session:
    """Return the session that a request was sent with: a token, or a root macaroon and its discharge.

    Raises:
        AuthenticationError: There are no credentials, or they are not valid.
    """
    scheme, _, value = headers.get("Authorization", "").partition(" ")
    if scheme.lower() not in ("macaroon", "bearer") or not value.strip():
        raise AuthenticationError("missing", NO_MACAROON)
    if "root=" in value:
        return identify_ubuntu_one(state, headers, "acl")
    macaroon = _decoded(value.strip())
    if not macaroon.identifier.startswith(b"token "):
        raise AuthenticationError("invalid", "Invalid macaroon")
    session = _session(state, macaroon.identifier.removeprefix(b"token "))
    _verified(state, session, [macaroon])
    return session


def identify_ubuntu_one(state: StoreState, headers: Headers, kind: str) -> Session:
    """Return the session of a root macaroon with its discharge by Ubuntu One.

    Args:
        state: The store's state.
        headers: The headers of the request: ``Authorization: Macaroon root=..., discharge=...``.
        kind: The kind of sessions that is accepted.

    Raises:
        AuthenticationError: They are not there, or not valid.
    """
    scheme, _, value = headers.get("Authorization", "").partition(" ")
    parts = {name: text for name, _, text in (part.strip().partition("=") for part in value.split(","))}
    if scheme.lower() != "macaroon" or parts.keys() != {"root", "discharge"}:
        raise AuthenticationError("missing", NO_MACAROON)
    root, discharge = (_decoded(parts[name].strip('"')) for name in ("root", "discharge"))
    session = _session(state, root.identifier)
    if session.kind != kind:
        raise AuthenticationError("invalid", "Invalid macaroon")
    declared = _verified(state, session, [root, discharge])
    session.account = _declared_account(state, declared)
    return session


def identify_bakery(state: StoreState, headers: Headers) -> Session:
    """Return the session of a root macaroon with its discharges by the identity service, in ``Macaroons`` headers.

    Raises:
        AuthenticationError: They are not there, or not valid.
    """
    values = headers.get_all("Macaroons")
    if not values:
        raise AuthenticationError("missing", NO_MACAROON)
    try:
        found = json.loads(urlsafe_b64decode(values[0]))
        macaroons = [codec.from_json_value(one) for one in found]
    except (ValueError, TypeError, TokenUnreadable):
        raise AuthenticationError("invalid", "Invalid macaroon") from None
    if not macaroons:
        raise AuthenticationError("missing", NO_MACAROON)
    session = _session(state, macaroons[0].identifier.removeprefix(b"\x03\xff"))
    if session.kind != "candid" or macaroons[0].identifier.startswith(b"token "):
        raise AuthenticationError("invalid", "Invalid macaroon")
    declared = _verified(state, session, macaroons)
    session.account = state.accounts.get(declared.get("username", ""))
    if session.account is None:
        raise AuthenticationError("invalid", "The discharge declares no known user")
    return session


def _decoded(text: str) -> Macaroon:
    try:
        return codec.decode(text)
    except TokenUnreadable:
        raise AuthenticationError("invalid", "Invalid macaroon") from None


def _session(state: StoreState, identifier: bytes) -> Session:
    session = state.sessions.get(identifier.decode("utf-8", "replace"))
    if session is None:
        raise AuthenticationError("invalid", "Invalid macaroon")
    return session


def _verified(state: StoreState, session: Session, macaroons: Sequence[Macaroon]) -> dict[str, str]:
    """Verify macaroons, and return what their caveats declare."""
    declared: dict[str, str] = {}
    try:
        verify(macaroons, session.key, lambda condition: _check(condition, state.clock.now, declared))
    except _ExpiredError as error:
        raise AuthenticationError("expired", str(error)) from None
    except InvalidMacaroonError as error:
        raise AuthenticationError("invalid", f"Invalid macaroon: {error}") from None
    if session.revoked_at is not None:
        raise AuthenticationError("revoked", "Revoked macaroon")
    return declared


def _check(condition: str, now: datetime, declared: dict[str, str]) -> None:
    """Check one first-party caveat; what is unknown is refused."""
    if condition.startswith("time-before "):
        return _check_time(condition.removeprefix("time-before "), now)
    if condition.startswith("declared "):
        name, _, value = condition.removeprefix("declared ").partition(" ")
        if declared.setdefault(name, value) != value:
            raise InvalidMacaroonError(f"two caveats declare {name}")
        return None
    prefix, _, rest = condition.partition("|")
    name, _, value = rest.partition("|")
    if prefix in (LEGACY_PREFIX, DISCHARGE_PREFIX) and name in ("valid_since", "last_auth"):
        return None
    if prefix in (LEGACY_PREFIX, DISCHARGE_PREFIX) and name == "expires":
        return _check_time(value, now)
    if prefix == DISCHARGE_PREFIX and name == "account":
        declared["account"] = value
        return None
    raise InvalidMacaroonError(f"caveat {condition!r} is not satisfied")


def _check_time(text: str, now: datetime) -> None:
    try:
        until = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidMacaroonError("a caveat has no valid time") from None
    until = until.replace(tzinfo=UTC) if until.tzinfo is None else until
    if now >= until:
        raise _ExpiredError(f"Expired macaroon (age: {(now - until).total_seconds():.2f} seconds)")


def _declared_account(state: StoreState, declared: dict[str, str]) -> StoreAccount:
    try:
        account = state.account_by_id(json.loads(b64decode(declared["account"]))["openid"])
    except (KeyError, TypeError, ValueError):
        account = None
    if account is None:
        raise AuthenticationError("invalid", "The discharge declares no known account")
    return account


def account_caveat(account: StoreAccount) -> str:
    """Return the caveat by which Ubuntu One declares an account."""
    value: dict[str, Any] = {
        "openid": account.id,
        "username": account.username,
        "displayname": account.display_name,
        "email": account.email,
        "is_verified": True,
    }
    return f"{DISCHARGE_PREFIX}|account|{b64encode(json.dumps(value).encode()).decode()}"


# --- What a session allows


def allows_package(session: Session, name: str, package_id: str | None = None, kind: str | None = None) -> bool:
    """Return whether *session* may touch a package."""
    if not session.packages:
        return True
    return any(
        (found.get("id") == package_id if "id" in found else found.get("name") == name)
        and found.get("type", kind) == (kind or found.get("type"))
        for found in session.packages
    )


def allows_channel(session: Session, channel: str) -> bool:
    """Return whether *session* may release to *channel*, with its track: patterns of channels count."""
    names = {channel, channel.removeprefix("latest/")}
    return not session.channels or any(fnmatchcase(name, pattern) for name in names for pattern in session.channels)


def allows(session: Session, *permissions: str) -> bool:
    """Return whether *session* has one of *permissions*."""
    return session.permissions is None or not set(permissions).isdisjoint(session.permissions)


def _naive(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds")


def _zulu(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"

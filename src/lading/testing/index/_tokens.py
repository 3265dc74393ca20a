"""Tokens of the embedded index: macaroons are verified and caveats are checked as warehouse does.

This module reads caveats with rules of its own, those of warehouse: what the double accepts must not depend on what
the client under test can read.
"""

from __future__ import annotations

import json
import secrets
from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lading._macaroons import codec as _macaroon
from lading.errors import TokenUnreadable
from lading.pypi import Token
from lading.testing.index._refusals import ApiRefusal
from lading.testing.index._state import Issued, Publisher, User

if TYPE_CHECKING:
    from collections.abc import Callable

    from lading._macaroons.codec import Macaroon
    from lading.testing.index._state import IndexState, Project

# The location in tokens, which their signature does not cover.
DOMAIN = "127.0.0.1"
# Stands in for the tag of the old caveat that has none.
_CURRENT_USER = object()


def new_token(state: IndexState, owner: User | Publisher) -> Token:
    """Create a token without restrictions, which the index accepts from now on."""
    identifier, key = str(uuid4()), secrets.token_bytes(32)
    with state.lock:
        state.tokens[identifier] = Issued(key, owner)
    return Token.create(DOMAIN, identifier, key)


def minted_token(state: IndexState, publisher: Publisher, lifetime: int) -> tuple[str, int]:
    """Create a token as trusted publishing mints it, and return it with its expiration time."""
    begin = state.clock.timestamp
    with state.lock:
        ids = [project.id for name in publisher.projects if (project := state.project(name))]
    token = new_token(state, publisher).dump()
    macaroon = _macaroon.decode(token.partition("-")[2])
    caveats = ([4, publisher.id, None], [2, ids], [0, begin + lifetime, begin])
    macaroon.add([json.dumps(caveat, separators=(",", ":")).encode() for caveat in caveats])
    return f"pypi-{_macaroon.encode(macaroon)}", begin + lifetime


@dataclass(frozen=True, slots=True)
class Identity:
    """The owner of the token that a request was sent with."""

    owner: User | Publisher
    key: bytes
    macaroon: Macaroon


def identify(state: IndexState, authorization: str | None, base_url: str) -> Identity:
    """Return the owner of the token in an ``Authorization`` header.

    Raises:
        ApiRefusal: There is no valid token. Only the refusal of a password names the reason.
    """
    raw = _token(authorization or "", base_url)
    prefix, _, body = raw.partition("-")
    try:
        macaroon = _macaroon.decode(body) if prefix == "pypi" else None
        issued = None if macaroon is None else state.tokens.get(macaroon.identifier.decode())
    except (TokenUnreadable, UnicodeDecodeError):
        macaroon = issued = None
    if macaroon is None or issued is None:
        help_url = f"{base_url}/help/#invalid-auth"
        raise ApiRefusal(
            403, f"Invalid or non-existent authentication information. See {help_url} for more information."
        )
    return Identity(issued.owner, issued.key, macaroon)


def _token(authorization: str, base_url: str) -> str:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() in ("token", "bearer"):
        return value
    if scheme.lower() != "basic":
        return ""
    try:
        user, _, secret = b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        return ""
    if user != "__token__":
        help_url = f"{base_url}/help/#apitoken"
        raise ApiRefusal(
            403,
            "Username/Password authentication is no longer supported. Migrate to API Tokens or Trusted Publishers "
            f"instead. See {help_url}",
        )
    return secret.strip()


def authorize(state: IndexState, identity: Identity, project: Project) -> None:
    """Check that *identity* may upload to *project*.

    Raises:
        ApiRefusal: It may not; the refusal names every reason.
    """
    if not identity.macaroon.verifies(identity.key):
        raise ApiRefusal(403, "Invalid API Token: signatures do not match")
    use = _Use(state, identity.owner, project)
    denied = [reason for caveat in identity.macaroon.caveats if (reason := _check(caveat, use))]
    if denied:
        raise ApiRefusal(403, f"Invalid API Token: {', '.join(denied)}")
    owner = identity.owner
    allowed = project.key in owner.projects if isinstance(owner, Publisher) else owner.id in project.owners
    if not allowed or project.status in ("archived", "quarantined"):
        who = f"The user {owner.name!r}" if isinstance(owner, User) else "The given token"
        raise ApiRefusal(403, f"{who} isn't allowed to upload to project {project.name!r}.")


@dataclass(frozen=True, slots=True)
class _Use:
    """An upload to a project, as caveats check it."""

    state: IndexState
    owner: User | Publisher
    project: Project


def _check(caveat: _macaroon.Caveat, use: _Use) -> str | None:
    """Return why a caveat forbids a use; ``None`` if it allows it."""
    if caveat.verification_id is not None:
        return "unknown error"
    try:
        value = json.loads(caveat.id)
        items = _modern(value)
        check = _CHECKS.get(items[0]) if items else None
    except (ValueError, RecursionError, TypeError):  # no JSON, or a tag that is a list or an object
        return "unknown error"
    if not items:
        return "Not enough values" if value == [] else "caveat must be an array"
    return f"caveat has unknown tag: {items[0]}" if check is None else check(items[1:], use)


def _modern(value: Any) -> list[Any]:
    """Return the array form of a caveat, which may be an object of the old format; empty if it is unknown."""
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        return []
    if value.get("version") == 1 and value.get("permissions") == "user":
        return [_CURRENT_USER]
    if value.get("version") == 1 and isinstance(value.get("permissions"), dict):
        return [1, value["permissions"].get("projects")]
    if "nbf" in value and "exp" in value:
        return [0, value["exp"], value["nbf"]]
    return [2, value["project_ids"]] if "project_ids" in value else []


def _dates(items: list[Any], use: _Use) -> str | None:
    if len(items) < 2:
        return "Not enough values"
    if not all(type(item) is int for item in items[:2]):
        return "invalid values for fields"
    return None if items[1] <= use.state.clock.timestamp < items[0] else "token is expired"


def _names(items: list[Any], use: _Use) -> str | None:
    return _one_of(items, use.project.key, use)


def _ids(items: list[Any], use: _Use) -> str | None:
    return _one_of(items, use.project.id, use)


def _one_of(items: list[Any], wanted: str, use: _Use) -> str | None:
    if not items:
        return "Not enough values"
    if not isinstance(items[0], list) or not all(isinstance(item, str) for item in items[0]):
        return "invalid values for fields"
    return None if wanted in items[0] else f"project-scoped token is not valid for project: {use.project.name!r}"


def _user(items: list[Any], use: _Use) -> str | None:
    if not items:
        return "Not enough values"
    if not isinstance(items[0], str):
        return "invalid values for fields"
    if not isinstance(use.owner, User):
        return "token with user restriction without a user"
    return None if items[0] == use.owner.id else "current user does not match user restriction in token"


def _publisher(items: list[Any], use: _Use) -> str | None:
    if not items:
        return "Not enough values"
    if not isinstance(items[0], str) or not isinstance(items[1] if len(items) > 1 else None, (dict, type(None))):
        return "invalid values for fields"
    if not isinstance(use.owner, Publisher):
        return "OIDC scoped token used outside of an OIDC identified request"
    if items[0] != use.owner.id:
        return "current OIDC publisher does not match publisher restriction in token"
    fits = use.project.key in use.owner.projects
    return None if fits else f"OIDC scoped token is not valid for project {use.project.name!r}"


def _current_user(_: list[Any], use: _Use) -> str | None:
    return None if isinstance(use.owner, User) else "token with user restriction without a user"


_CHECKS: dict[Any, Callable[[list[Any], _Use], str | None]] = {
    0: _dates,
    1: _names,
    2: _ids,
    3: _user,
    4: _publisher,
    _CURRENT_USER: _current_user,
}

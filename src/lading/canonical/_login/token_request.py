"""The request for a root macaroon, which every login begins with. Pure."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any, cast

from lading._core.call import Call
from lading.canonical._errors import read_error
from lading.canonical._login.secret import Secret
from lading.canonical._models import PackageName
from lading.canonical._signing import read_macaroon
from lading.canonical.permissions import ACL_PERMISSIONS, PUBLISH_PERMISSIONS
from lading.errors import InputError, LadingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lading._core.sender import Sender
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._services import Services

DEFAULT_TTL = 30 * 3600.0
"""Seconds that a login lasts unless the caller says otherwise: 30 hours, as the official client for charms has it."""

_SERIES = "16"  # the only one that the Snap Store has


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """What a login is restricted to, validated.

    Attributes:
        permissions: The permissions.
        packages: Type and name of each package; none for all.
        channels: The channels; none for all.
        ttl: Seconds.
        description: What the store's list of sessions calls it.
    """

    permissions: tuple[str, ...]
    packages: tuple[tuple[str, str], ...]
    channels: tuple[str, ...]
    ttl: float
    description: str


def make_token_request(
    endpoints: Endpoints,
    *,
    permissions: Iterable[str] | None,
    packages: Iterable[str | PackageName],
    channels: Iterable[str],
    ttl: float,
    description: str | None,
) -> TokenRequest:
    """Validate the arguments of a login.

    Raises:
        InputError: One of them is none that the store could accept.
    """
    if permissions is None:
        permissions = ACL_PERMISSIONS if endpoints.login_kind == "acl" else PUBLISH_PERMISSIONS
    if not isfinite(ttl) or ttl < 1:  # it is sent in whole seconds
        raise InputError("ttl must be a number of seconds, 1 or more", argument="ttl")
    request = TokenRequest(
        permissions=_strings(permissions, "permissions"),
        packages=tuple(_package(one, endpoints) for one in packages),
        channels=_strings(channels, "channels"),
        ttl=ttl,
        description=description or "lading",
    )
    if not request.permissions:
        raise InputError("permissions must not be empty: leave it out for the usual ones", argument="permissions")
    _expiry(request)
    return request


def _strings(values: Iterable[str], argument: str) -> tuple[str, ...]:
    found: tuple[object, ...] = tuple(values)
    if not all(isinstance(one, str) and one for one in found):
        raise InputError(f"{argument} must be strings that are not empty", argument=argument)
    return cast("tuple[str, ...]", found)


def _package(given: str | PackageName, endpoints: Endpoints) -> tuple[str, str]:
    types = endpoints.package_types
    if isinstance(given, PackageName):
        kind, name = given.type or types[0], given.name
    else:
        kind, name = types[0], given
    if not isinstance(name, str) or not name:
        raise InputError("packages must be names, or PackageName(name=..., type=...)", argument="packages")
    if kind not in types:
        wanted = " or ".join(map(repr, types))
        raise InputError(f"packages: the type of {name!r} must be {wanted}, and is {kind!r}", argument="packages")
    return kind, name


def _expiry(request: TokenRequest) -> datetime:
    try:
        return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=int(request.ttl))
    except OverflowError:
        raise InputError("ttl is longer than any calendar", argument="ttl") from None


async def get_root(sender: Sender, endpoints: Endpoints, services: Services, request: TokenRequest) -> Secret:
    """Get a root macaroon. The request may be repeated: a macaroon that nobody discharges allows nothing.

    Source: ``POST v1/tokens/usso``, ``v1/tokens``, ``api/v2/tokens``, ``dev/api/acl/``.
    """
    call = Call(
        "POST",
        endpoints.tokens,
        lambda response: Secret(read_macaroon(response)),
        json=_body(endpoints, request),
        idempotent=True,
    )
    # Its 401 does not mean that credentials have expired: there are none yet.
    return await sender.to(replace(services.api, read_error=read_error)).send(call)


@contextmanager
def changing_nothing() -> Iterator[None]:
    """Mark every error as one of a call that changed nothing: macaroons that nobody has are worth nothing."""
    try:
        yield
    except LadingError as error:
        error.outcome = "not_done"
        raise


def _body(endpoints: Endpoints, request: TokenRequest) -> dict[str, Any]:
    body: dict[str, Any] = {"permissions": list(request.permissions)}
    if endpoints.login_kind != "usso":  # there the description goes with the exchange
        body["description"] = request.description
    if endpoints.api == "dashboard":
        body["expires"] = _expiry(request).isoformat()
        packages = [{"series": _SERIES, "name": name} for _, name in request.packages]
    else:
        body["ttl"] = int(request.ttl)
        packages = [{"type": kind, "name": name} for kind, name in request.packages]
    if packages:
        body["packages"] = packages
    if request.channels:
        body["channels"] = list(request.channels)
    return body

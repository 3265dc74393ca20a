"""Logging in by Ubuntu One: the store issues a root macaroon, and Ubuntu One discharges it for e-mail and password."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lading._core.api_errors import make_api_error
from lading._core.call import Call
from lading._core.redact import one_line, scrub
from lading.canonical._errors import wants_second_factor
from lading.canonical._login.secret import Masked, Secret
from lading.canonical._login.token_request import changing_nothing, get_root
from lading.canonical._signing import exchange, read_discharge
from lading.canonical._stored import StoredCredentials, try_decode
from lading.errors import ApiError, ConfigError, InputError, InvalidResponse, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lading._core.messages import Response
    from lading._core.sender import Sender
    from lading._macaroons.codec import Caveat
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._login.token_request import TokenRequest
    from lading.canonical._services import Services


@dataclass(frozen=True, slots=True)
class Person:
    """Who logs in.

    Attributes:
        email: The account's address.
        password: Its password.
        otp: The second factor, or the function that returns it when it is needed.
    """

    email: str
    password: Secret
    otp: Secret | Callable[[], Awaitable[str]] | None = field(default=None, repr=False)


async def log_in(
    sender: Sender, endpoints: Endpoints, services: Services, person: Person, request: TokenRequest
) -> StoredCredentials:
    """Log in, and return credentials in the form in which the official client stores them.

    Args:
        sender: A sender to the store.
        endpoints: The store.
        services: Its services.
        person: Who logs in.
        request: What the login is restricted to.
    """
    with changing_nothing():
        root = await get_root(sender, endpoints, services, request)
        caveat_id = _find_caveat(endpoints, root)
        discharge = await _discharge(sender, services, person, caveat_id)
    stored = StoredCredentials("ubuntu-one", root=root.value, discharge=discharge.value)
    if not endpoints.exchange:
        return stored
    return await exchange(sender, endpoints, services, stored, request.description)


def _find_caveat(endpoints: Endpoints, root: Secret) -> str:
    """Return the identifier of the caveat that Ubuntu One is to discharge.

    Raises:
        InvalidResponse: There is none, or the macaroon cannot be read.
        ConfigError: Another service is to discharge it.
    """
    name = endpoints.name
    macaroon = try_decode(root.value)
    if macaroon is None:
        raise InvalidResponse(f"{name}: the root macaroon that it issued is none")
    caveats = [caveat for caveat in macaroon.caveats if caveat.verification_id is not None]
    if not caveats:
        raise InvalidResponse(f"{name}: the root macaroon that it issued has no third-party caveat to log in for")
    caveat = _choose_caveat(endpoints, caveats)
    if caveat is None:
        there = ", ".join(_location(caveat) for caveat in caveats)
        raise ConfigError(
            f"{name}: it requires a login at {one_line(scrub(there), 100)}, and login_url is {endpoints.login_url}"
        )
    try:
        return caveat.id.decode()
    except UnicodeDecodeError:
        raise InvalidResponse(f"{name}: the third-party caveat of its root macaroon is not text") from None


def _choose_caveat(endpoints: Endpoints, caveats: list[Caveat]) -> Caveat | None:
    """Return the caveat at Ubuntu One's host, named as a host or as a URL.

    Where the discharge is exchanged, as craft-store does it, it may also be the only one, or the first with a location.
    """
    here = urlsplit(endpoints.login_url).netloc.lower()
    for caveat in caveats:
        location = _location(caveat)
        if (urlsplit(location).netloc if "://" in location else location).lower() == here:
            return caveat
    if endpoints.login_kind == "acl":
        return None
    return next((caveat for caveat in caveats if caveat.location), caveats[0])


def _location(caveat: Caveat) -> str:
    return (caveat.location or b"").decode("utf-8", "replace").strip().rstrip("/")


async def _discharge(sender: Sender, services: Services, person: Person, caveat_id: str) -> Secret:
    """Have Ubuntu One discharge the caveat; a second factor is requested from the caller only when it is needed."""
    otp = person.otp
    given = otp if isinstance(otp, Secret) else None
    try:
        return await _discharge_once(sender, services, person, caveat_id, given)
    except ApiError as error:
        if given is not None or not wants_second_factor(error):
            raise
        refused = error
    if otp is None or isinstance(otp, Secret):
        text = "the account has a second factor: pass otp=, the one-time password or an async function that returns it"
        raise make_api_error(
            Unauthorized, services.login.name, text, status=refused.status, code=refused.code, errors=refused.errors
        ) from refused
    return await _discharge_once(sender, services, person, caveat_id, await _call_for_otp(otp))


async def _call_for_otp(otp: Callable[[], Awaitable[str]]) -> Secret:
    result: Any = otp()
    if not inspect.isawaitable(result):
        del result  # it may be the secret, and this frame is shown with the error
        raise InputError("otp= must be a string or an async function", argument="otp")
    result = await result
    secret = Secret(result.strip()) if isinstance(result, str) else Secret("")
    del result
    if not secret.value:
        raise InputError("the function that is otp= returned no one-time password", argument="otp")
    return secret


async def _discharge_once(
    sender: Sender, services: Services, person: Person, caveat_id: str, otp: Secret | None
) -> Secret:
    to_login = sender.to(services.login, Masked(person.password, *([otp] if otp else [])))
    return await to_login.send(
        Call(
            "POST",
            "api/v2/tokens/discharge",
            _read_discharged,
            json={
                "email": person.email,
                "password": person.password.value,
                "caveat_id": caveat_id,
                **({"otp": otp.value} if otp else {}),
            },
            # A one-time password is used up by the first request that arrives.
            idempotent=otp is None,
        )
    )


def _read_discharged(response: Response) -> Secret:
    discharge = Secret(read_discharge(response))
    if try_decode(discharge.value) is None:
        raise InvalidResponse("what Ubuntu One issued is not a macaroon")
    return discharge

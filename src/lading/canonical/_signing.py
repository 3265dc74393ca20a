"""Signing with the credentials of an account, and exchanging them for a token of the store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lading._core.auth import Auth
from lading._core.call import Call
from lading._core.threads import import_in_thread
from lading.canonical._stored import StoredCredentials
from lading.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import datetime

    from lading._core.call import CallSender
    from lading._core.messages import Request, Response
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._services import Services

INSTALL = "pip install 'lading[charmhub]'"
"""How to install what logins need, for error messages."""

_BAKERY = "lading._macaroons.bakery"


@dataclass(frozen=True, slots=True)
class ActiveCredentials:
    """Credentials in use.

    Attributes:
        source: What was stored when they were obtained. When something else is, another process or a login stored it.
        stored: What requests are signed with: the same, or made of it by refreshing or exchanging.
        header: The value of the ``Authorization`` header.
        expires_at: When they expire; ``None`` where they do not say, or this machine's clock contradicts it.
    """

    source: StoredCredentials
    stored: StoredCredentials
    header: str = field(repr=False)
    expires_at: datetime | None = None


class HeaderAuth(Auth):
    """One ``Authorization`` header."""

    def __init__(self, active: ActiveCredentials) -> None:
        self._active = active

    def flow(self, request: Request) -> Generator[Request | Call[Any], Any, None]:
        request.headers["Authorization"] = self._active.header
        yield request

    def secrets(self) -> tuple[str, ...]:
        stored = self._active.stored
        parts = self._active.header.partition(" ")[2].replace("discharge=", "root=").split("root=")
        return tuple(filter(None, (stored.token, stored.root, stored.discharge, *(part.strip(" ,") for part in parts))))


async def exchange(
    sender: CallSender,
    endpoints: Endpoints,
    services: Services,
    stored: StoredCredentials,
    description: str = "lading",
) -> StoredCredentials:
    """Exchange macaroons that Ubuntu One discharged for a token of the store.

    It may be repeated: a token whose response was lost is one that nobody has.

    Args:
        sender: A sender.
        endpoints: The store.
        services: Its services.
        stored: The macaroons.
        description: What the store's list of sessions calls the token.

    Source: ``POST v1/tokens/usso/exchange``, as charmcraft 4.5 does with what it finds in the keyring.
    """
    signed = HeaderAuth(ActiveCredentials(stored, stored, await authorization(stored)))
    call = Call(
        "POST",
        endpoints.exchange,
        lambda response: StoredCredentials("token", read_token(response)),
        json={"client-description": description},
        idempotent=True,
    )
    return await sender.to(services.api, signed).send(call)


async def authorization(stored: StoredCredentials) -> str:
    """Return the ``Authorization`` header that *stored* signs requests with.

    Raises:
        ConfigError: Binding the discharge needs ``lading[charmhub]``, which is not installed; or the macaroons are
            damaged.
    """
    if stored.form == "developer":
        return f"Bearer {stored.token}"
    if stored.form != "ubuntu-one":
        return f"Macaroon {stored.token}"
    bakery = await import_bakery()
    bound = bakery.bind(stored.root, stored.discharge)
    if bound is None:
        raise ConfigError("the credentials are damaged: they are not macaroons")
    return f"Macaroon root={stored.root}, discharge={bound}"


async def import_bakery() -> Any:
    """Import what works on third-party caveats, off the event loop; ``ConfigError`` where it is not installed."""
    try:
        return await import_in_thread(_BAKERY)
    except ImportError as error:
        raise ConfigError(f"logging in, and what Ubuntu One issued, need pymacaroons: {INSTALL}") from error


def read_macaroon(response: Response) -> str:
    """Read the token or macaroon that a store issued."""
    return _read_string(response, "macaroon")


def read_token(response: Response) -> str:
    """Read the token that a store issued for macaroons, which is sent in a header."""
    token = read_macaroon(response)
    if not (token.isascii() and token.isprintable()):
        del token  # this frame is shown with the error
        raise TypeError("macaroon")
    return token


def read_discharge(response: Response) -> str:
    """Read the discharge that Ubuntu One issued."""
    return _read_string(response, "discharge_macaroon")


def _read_string(response: Response, name: str) -> str:
    value = response.json()[name]
    if not isinstance(value, str) or not value:
        raise TypeError(name)
    return value

"""The credentials of an account: signed with, exchanged, refreshed and stored."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lading._core.auth import Auth, RefreshingAuth
from lading._core.call import Call
from lading._core.credentials import EnvironmentCredentials
from lading._core.threads import import_in_thread, run_in_thread
from lading.canonical._errors import needs_refresh
from lading.canonical._stored import StoredCredentials, parse_exported
from lading.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Generator

    from lading._core.call import CallSender
    from lading._core.credentials import Credentials
    from lading._core.messages import Request, Response
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._services import Services

INSTALL = "pip install 'lading[charmhub]'"
"""How to install what logins need, for error messages."""

_BAKERY = "lading._macaroons.bakery"
# Credentials that end sooner than this are not begun with.
_MARGIN = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class _Session:
    """Credentials in use.

    Attributes:
        stored: As they are stored.
        header: The value of the ``Authorization`` header.
    """

    stored: StoredCredentials
    header: str = field(repr=False)


class StoreAuth(Auth):
    """The credentials of an account at Charmhub or the Snap Store. Clients that share it share what is refreshed.

    Args:
        place: Where the credentials are stored, as the official clients export them.
        endpoints: The store.
        services: Its services.
    """

    def __init__(self, place: Credentials, endpoints: Endpoints, services: Services) -> None:
        self.place: Credentials = place
        self._endpoints = endpoints
        self._services = services
        self._inner = self._make()
        self._before: tuple[str, ...] = ()

    def _make(self) -> RefreshingAuth[_Session]:
        return RefreshingAuth(
            self._renew, _sign, is_fresh=lambda session: not _has_expired(session.stored), is_refusal=self._is_refusal
        )

    async def read(self) -> StoredCredentials | None:
        """Return what is stored, or ``None``.

        Raises:
            ConfigError: It is in none of the forms, or the place cannot be read.
        """
        text = await self.place.get()
        return None if text is None else parse_exported(text)

    async def use(self, stored: StoredCredentials) -> None:
        """Store other credentials, and sign with them from now on."""
        await self.place.set(stored.export())
        self.forget()

    async def delete(self) -> None:
        """Remove the credentials from where they are stored."""
        await self.place.delete()
        self.forget()

    def forget(self) -> None:
        """Read the credentials again before the next request."""
        self._before = self._inner.secrets()
        self._inner = self._make()

    async def prepare(self, sender: CallSender) -> None:
        """Read, exchange or refresh the credentials."""
        inner = None
        while inner is not self._inner:  # a login may have replaced them in the meantime
            inner = self._inner
            await inner.prepare(sender)

    def flow(self, request: Request) -> Generator[Request | Call[Any], Any, None]:
        """Send the request with the credentials, and again when they had to be refreshed."""
        return self._inner.flow(request)

    def secrets(self) -> tuple[str, ...]:
        """Return the credentials, and the ones before."""
        return (*self._inner.secrets(), *self._before)

    def __repr__(self) -> str:
        return f"StoreAuth({self.place!r})"

    def _is_refusal(self, response: Response) -> bool:
        return bool(self._refreshes) and needs_refresh(response)

    @property
    def _refreshes(self) -> bool:
        """Whether the store's credentials can be refreshed: those that Ubuntu One discharged, unless exchanged."""
        return not self._endpoints.exchange

    async def _renew(self, sender: CallSender, current: _Session | None) -> _Session:
        """Return the credentials to sign with: those that are stored, exchanged where the store wants that, else new.

        Args:
            sender: A sender without credentials.
            current: Those that have expired or were refused.
        """
        stored = await self.read()
        if stored is None:
            raise ConfigError(missing_credentials(self._endpoints, repr(self.place)))
        if (current is not None and stored == current.stored) or _has_expired(stored):
            stored = await self._refresh(sender, stored)
        if stored.form == "ubuntu-one" and self._endpoints.exchange:
            stored = await self._exchange(sender, stored)
        return _Session(stored, await authorization(stored))

    async def _refresh(self, sender: CallSender, stored: StoredCredentials) -> StoredCredentials:
        """Have Ubuntu One refresh the discharge, and store it.

        Raises:
            ConfigError: These cannot be refreshed: a person has to log in again.
        """
        if stored.form != "ubuntu-one" or not self._refreshes:
            when = f" at {stored.expires_at:%Y-%m-%d %H:%M} UTC" if stored.expires_at else ""
            raise ConfigError(
                f"{self._endpoints.name}: the credentials in {self.place!r} expired{when} and cannot be refreshed: "
                f"log in again (tokens.login, or the official client and {self._endpoints.variable})"
            )
        call = Call(
            "POST",
            "api/v2/tokens/refresh",
            read_discharge,
            json={"discharge_macaroon": stored.discharge},
            idempotent=True,
        )
        fresh = replace(stored, discharge=await sender.to(self._services.login).send(call))
        await self._keep(fresh)
        return fresh

    async def _exchange(self, sender: CallSender, stored: StoredCredentials) -> StoredCredentials:
        """Exchange the macaroons for a token of the store, and store that instead.

        Source: ``POST v1/tokens/usso/exchange``, as charmcraft 4.5 does with what it finds in the keyring.
        """
        call = Call(
            "POST",
            self._endpoints.exchange,
            read_macaroon,
            headers={"Authorization": await authorization(stored)},
            json={"client-description": "lading"},
            idempotent=True,
        )
        token = StoredCredentials("token", await sender.to(self._services.api).send(call))
        await self._keep(token)
        return token

    async def _keep(self, stored: StoredCredentials) -> None:
        """Store credentials where that is possible; an environment variable keeps what it has."""
        if not isinstance(self.place, EnvironmentCredentials):
            await self.place.set(stored.export())


class _Signed(Auth):
    """One ``Authorization`` header."""

    def __init__(self, session: _Session) -> None:
        self._session = session

    def flow(self, request: Request) -> Generator[Request | Call[Any], Any, None]:
        request.headers["Authorization"] = self._session.header
        yield request

    def secrets(self) -> tuple[str, ...]:
        stored = self._session.stored
        parts = self._session.header.partition(" ")[2].replace("discharge=", "root=").split("root=")
        return tuple(filter(None, (stored.token, stored.root, stored.discharge, *(part.strip(" ,") for part in parts))))


def _sign(session: _Session) -> Auth:
    return _Signed(session)


def _has_expired(stored: StoredCredentials) -> bool:
    return stored.expires_at is not None and stored.expires_at <= datetime.now(UTC) + _MARGIN


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
    bound = await run_in_thread(bakery.bind, stored.root, stored.discharge)
    return f"Macaroon root={stored.root}, discharge={bound}"


async def import_bakery() -> Any:
    """Import what works on third-party caveats, off the event loop; ``ConfigError`` where it is not installed."""
    try:
        return await import_in_thread(_BAKERY)
    except ImportError as error:
        raise ConfigError(f"logging in, and what Ubuntu One issued, need pymacaroons: {INSTALL}") from error


def missing_credentials(endpoints: Endpoints, searched: str = "") -> str:
    """Return the message for a call without credentials.

    Args:
        endpoints: The store.
        searched: Where none were found.
    """
    found = f" ({searched} has none)" if searched else ""
    return (
        f"{endpoints.name}: this needs credentials{found}: await tokens.login(email=..., password=...), pass token= "
        f"with what the official client exports, or set {endpoints.variable} and use from_config()"
    )


def read_macaroon(response: Response) -> str:
    """Read the token or macaroon that a store issued."""
    return _read_string(response, "macaroon")


def read_discharge(response: Response) -> str:
    """Read the discharge that Ubuntu One issued."""
    return _read_string(response, "discharge_macaroon")


def _read_string(response: Response, name: str) -> str:
    value = response.json()[name]
    if not isinstance(value, str) or not value:
        raise TypeError(name)
    return value

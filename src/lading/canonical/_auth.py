"""The credentials of an account: signed with, exchanged, refreshed and stored."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lading._core.api_errors import make_api_error
from lading._core.auth import Auth, RefreshingAuth, run_flow
from lading._core.call import Call
from lading._core.credentials import EnvironmentCredentials
from lading.canonical._errors import needs_refresh
from lading.canonical._login.secret import Masked, Secret
from lading.canonical._services import services_of
from lading.canonical._signing import ActiveCredentials, HeaderAuth, authorization, exchange, read_discharge
from lading.canonical._stored import StoredCredentials, try_decode, try_exported
from lading.errors import ApiError, ConfigError, InvalidResponse, LadingError, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Generator

    from lading._core.call import CallSender
    from lading._core.credentials import Credentials
    from lading._core.messages import Request, Response
    from lading.canonical._endpoints import Endpoints

# Credentials that end sooner than this are not begun with.
_MARGIN = timedelta(seconds=5)
# Of credentials before: responses to requests that they signed may still come.
_MOST_SECRETS = 20


class StoreAuth(Auth):
    """The credentials of an account at Charmhub or the Snap Store. Clients that share it share what is refreshed.

    A client makes its own. Make others for copies with the credentials of other accounts:
    ``charmhub.with_options(auth=StoreAuth(MemoryCredentials(exported), CHARMHUB))``.

    Args:
        place: Where the credentials are stored, as the official clients export them.
        endpoints: The store, which has to be that of the client.
        allow_http: Accept plain http, on a network that is trusted with credentials.

    Raises:
        ConfigError: One of the URLs is invalid.
    """

    def __init__(self, place: Credentials, endpoints: Endpoints, *, allow_http: bool = False) -> None:
        self.place: Credentials = place
        self._endpoints = endpoints
        self._services = services_of(endpoints, allow_http=allow_http)
        self._inner = self._make()
        self._before: tuple[str, ...] = ()
        # What could not be stored in the place, and is used all the same.
        self._unstored: StoredCredentials | None = None
        # Whether a response said that the credentials have to be refreshed, and not only that they are not accepted.
        self._needs_refresh = False

    def _make(self) -> RefreshingAuth[ActiveCredentials]:
        return RefreshingAuth(
            self._renew,
            HeaderAuth,
            is_fresh=lambda active: not _is_past(active.expires_at),
            is_refusal=self._is_refusal,
        )

    async def read(self) -> StoredCredentials | None:
        """Return what is stored, or ``None``.

        Raises:
            ConfigError: It is in none of the forms, or the place cannot be read.
        """
        if self._unstored is not None:
            return self._unstored
        found = _parse(await self.place.get())
        if isinstance(found, ConfigError):
            if isinstance(self.place, EnvironmentCredentials):
                cure = "set it to what the official client exports"
            else:
                cure = "replace them (tokens.login with overwrite=True, tokens.import_), or remove them (tokens.logout)"
            raise ConfigError(f"{self._endpoints.name}: {found} ({self.place!r}); {cure}")
        return found

    async def use(self, stored: StoredCredentials) -> None:
        """Store other credentials, and sign with them from now on.

        Raises:
            ConfigError: They could not be stored. They are signed with, and :meth:`read` returns them, all the same.
        """
        self._unstored = stored
        self.forget()
        problem = await self._store(stored)
        if problem is None:
            self._unstored = None
            self.forget()  # another login may have been stored meanwhile
            return
        raise ConfigError(
            f"{self._endpoints.name}: the credentials could not be stored in {self.place!r} ({problem}). This client "
            "uses them until it is closed, and tokens.export() returns them",
            outcome="unknown",
        )

    async def _store(self, stored: StoredCredentials) -> str | None:
        """Store credentials, and return why that failed: the frames of the error itself hold them."""
        try:
            await self.place.set(stored.export())
        except Exception as error:  # noqa: BLE001 - places are the caller's
            return str(error) if isinstance(error, LadingError) else type(error).__name__
        return None

    async def delete(self) -> None:
        """Remove the credentials from where they are stored."""
        self._unstored = None
        self.forget()
        await self.place.delete()

    def forget(self) -> None:
        """Read the credentials again before the next request."""
        self._before = self.secrets()[:_MOST_SECRETS]
        self._inner = self._make()

    def expires_at(self, stored: StoredCredentials) -> datetime | None:
        """Return when credentials expire for good, as far as they say: a discharge that can be refreshed does not."""
        return stored.root_expires_at if self._can_refresh(stored) else stored.expires_at

    async def prepare(self, sender: CallSender) -> None:
        """Read, exchange or refresh the credentials."""
        inner = None
        while inner is not self._inner:  # a login may have replaced them in the meantime
            inner = self._inner
            await inner.prepare(sender)

    def flow(self, request: Request) -> Generator[Request | Call[Any], Any, None]:
        """Send the request with the credentials, and again when others were stored or these had to be refreshed."""
        inner = self._inner
        response = yield from run_flow(inner, request)
        if inner is not self._inner and response is not None and response.status == 401:
            # A login has replaced them while the request was on its way.
            yield self.PREPARE
            yield from self._inner.flow(request)

    def secrets(self) -> tuple[str, ...]:
        """Return the credentials, and the ones before."""
        return (*self._inner.secrets(), *self._before)

    def __repr__(self) -> str:
        return f"StoreAuth({self.place!r})"

    def _is_refusal(self, response: Response) -> bool:
        if response.status != 401:
            return False
        self._needs_refresh = self._needs_refresh or needs_refresh(response)
        return True

    def _can_refresh(self, stored: StoredCredentials) -> bool:
        """Return whether Ubuntu One can refresh them: it discharged them, and they were not exchanged."""
        return stored.form == "ubuntu-one" and not self._endpoints.exchange

    async def _renew(self, sender: CallSender, current: ActiveCredentials | None) -> ActiveCredentials:
        """Return the credentials to sign with: those that are stored, exchanged where the store wants that, else new.

        Args:
            sender: A sender without credentials.
            current: Those that have expired or were refused. They are returned when there are no others.
        """
        refresh, self._needs_refresh = self._needs_refresh, False
        source = await self.read()
        if source is None:
            raise ConfigError(missing_credentials(self._endpoints, repr(self.place)))
        stored = source
        if current is not None and current.source == source:  # nobody has stored others
            refresh = refresh and self._can_refresh(current.stored)
            if not refresh and not _is_past(current.stored.expires_at):
                return current
            stored = current.stored
        else:
            refresh = False
        self._check_expiry(stored, source)
        if refresh or (self._can_refresh(stored) and _is_past(stored.expires_at)):
            stored = await self._refresh(sender, stored)
        elif source.form == "ubuntu-one" and self._endpoints.exchange:
            stored = await exchange(sender, self._endpoints, self._services, source)
        source = await self._keep(source, stored)
        expires_at = stored.expires_at
        # New ones have not expired: where they seem to, this machine's clock is fast.
        return ActiveCredentials(
            source, stored, await authorization(stored), None if _is_past(expires_at) else expires_at
        )

    def _check_expiry(self, stored: StoredCredentials, source: StoredCredentials) -> None:
        """Raise ``ConfigError`` when neither refreshing nor exchanging helps: a person has to log in again.

        Args:
            stored: The credentials.
            source: What they were made of; the same, or macaroons that can be exchanged once more.
        """
        when = self.expires_at(source if source.form == "ubuntu-one" else stored)
        if when is None or not _is_past(when):
            return
        raise ConfigError(
            f"{self._endpoints.name}: the credentials in {self.place!r} expired at {when:%Y-%m-%d %H:%M} UTC and "
            f"cannot be refreshed: log in again (tokens.login, or the official client and {self._endpoints.variable})"
        )

    async def _refresh(self, sender: CallSender, stored: StoredCredentials) -> StoredCredentials:
        """Have Ubuntu One refresh the discharge. It may be repeated: each refreshed discharge is valid.

        Raises:
            Unauthorized: It refuses to: a person has to log in again.
        """
        call = Call(
            "POST",
            "api/v2/tokens/refresh",
            lambda response: replace(stored, discharge=read_discharge(response)),
            json={"discharge_macaroon": stored.discharge},
            idempotent=True,
        )
        try:
            renewed = await sender.to(self._services.login, Masked(Secret(stored.discharge))).send(call)
        except ApiError as error:
            if error.status not in (400, 401, 403, 404):
                raise
            text = (
                f"Ubuntu One does not refresh the credentials in {self.place!r} ({error.detail}): log in again "
                f"(tokens.login, or the official client and {self._endpoints.variable})"
            )
            name = self._endpoints.name
            raise make_api_error(
                Unauthorized, name, text, status=error.status, code=error.code, errors=error.errors, detail=error.detail
            ) from error
        if try_decode(renewed.discharge) is None:
            raise InvalidResponse("what Ubuntu One issued is not a macaroon")
        return renewed

    async def _keep(self, source: StoredCredentials, stored: StoredCredentials) -> StoredCredentials:
        """Store what was made of *source*, and return what is stored then.

        An environment variable keeps what it has. What cannot be stored is used all the same, in this process.
        """
        if stored == source or isinstance(self.place, EnvironmentCredentials) or await self.read() != source:
            return source
        problem = await self._store(stored)
        if problem is not None:
            logging.getLogger("lading").warning(
                "%s: the renewed credentials could not be stored in %r (%s): this process uses them, others will not",
                self._endpoints.name,
                self.place,
                problem,
            )
            return source
        self._unstored = None
        return stored


def _is_past(moment: datetime | None) -> bool:
    """Return whether credentials that expire then are not to be begun with."""
    return moment is not None and moment <= datetime.now(UTC) + _MARGIN


def _parse(text: str | None) -> StoredCredentials | ConfigError | None:
    return None if text is None else try_exported(text)


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

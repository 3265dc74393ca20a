"""Logging in and out, sessions, and what the credentials in use allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading._core.api_errors import make_api_error
from lading._core.arguments import checked
from lading._core.call import Call
from lading._core.credentials import EnvironmentCredentials
from lading._core.paging import Pager
from lading._core.send_once import NOT_FOUND, Found
from lading.canonical._auth import StoreAuth, missing_credentials
from lading.canonical._errors import read_accepted
from lading.canonical._login import candid, ubuntu_one
from lading.canonical._login.agent import Agent, AgentInteractor, read_agent_file
from lading.canonical._login.browser import Browser
from lading.canonical._login.secret import Secret
from lading.canonical._login.token_request import DEFAULT_TTL, make_token_request
from lading.canonical._models import Session, SessionList, WhoAmI
from lading.canonical._signing import import_bakery
from lading.canonical._stored import try_exported
from lading.errors import ConfigError, Conflict, InputError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from datetime import datetime

    from lading._core.files import StrPath
    from lading._core.send_once import LookupResult, LookupSender
    from lading._core.sender import Sender
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._models import PackageName
    from lading.canonical._services import Services
    from lading.canonical._stored import StoredCredentials
    from lading.errors import LadingError


@checked()
class Tokens:
    """The credentials of an account; available as ``charmhub.tokens`` and ``snap_store.tokens``."""

    def __init__(self, sender: Sender, endpoints: Endpoints, services: Services) -> None:
        self._sender = sender
        self._endpoints = endpoints
        self._services = services

    async def login(
        self,
        *,
        email: str,
        password: str,
        otp: str | Callable[[], Awaitable[str]] | None = None,
        permissions: Iterable[str] | None = None,
        packages: Iterable[str | PackageName] = (),
        channels: Iterable[str] = (),
        ttl: float = DEFAULT_TTL,
        description: str | None = None,
        overwrite: bool = False,
    ) -> str:
        """Log in with an account of Ubuntu One, store the credentials, and return them as :meth:`export` does.

        The client uses them from then on. Credentials of Charmhub are valid for *ttl* seconds and cannot be refreshed;
        those of the Snap Store are refreshed for as long.

        A login that fails has changed nothing, except that the store may know of a session whose token nobody has.

        Args:
            email: The account's address.
            password: Its password.
            otp: The one-time password of an account with a second factor; or an async function that returns it, which
                is called only when Ubuntu One requires one.
            permissions: What the credentials allow: see :mod:`lading.canonical.permissions`. By default what
                publishing needs.
            packages: The only packages that they are for; ``PackageName(name=..., type="bundle")`` for another type
                than the usual one.
            channels: The only channels that they may release to.
            ttl: Seconds until they expire. The store has limits of its own.
            description: What the store's list of sessions calls them.
            overwrite: Replace credentials that are stored already.

        Returns:
            The credentials for the official client's environment variable. They are secret.

        Raises:
            ConfigError: The store's logins are by Candid; ``lading[charmhub]`` is not installed; or the credentials
                cannot be stored: if that turns out only afterwards, this client uses them all the same.
            Conflict: There are credentials already. Nothing was sent.
            InputError: An argument is invalid. Nothing was sent.
            Unauthorized: Ubuntu One does not accept e-mail, password or one-time password, or requires the latter.

        Source: ``POST v1/tokens/usso``, ``api/v2/tokens/discharge`` at Ubuntu One and ``POST v1/tokens/usso/exchange``
        (Charmhub); ``POST dev/api/acl/`` and the same discharge (the Snap Store).
        """
        one_time = Secret(otp.strip()) if isinstance(otp, str) else otp
        if isinstance(one_time, Secret) and not one_time.value:
            one_time = None
        person = ubuntu_one.Person(email, Secret(password), one_time)
        del password, otp, one_time  # the frame of this method is shown with errors
        if self._endpoints.login_kind == "candid":
            raise ConfigError(
                f"{self._endpoints.name}: its logins are by Candid: use tokens.login_candid or login_agent"
            )
        request = make_token_request(
            self._endpoints,
            permissions=permissions,
            packages=packages,
            channels=channels,
            ttl=ttl,
            description=description,
        )
        await self._check_place(overwrite=overwrite)
        await import_bakery()
        return await self._use(await ubuntu_one.log_in(self._sender, self._endpoints, self._services, person, request))

    async def login_candid(
        self,
        *,
        open_url: Callable[[str], Awaitable[object]],
        permissions: Iterable[str] | None = None,
        packages: Iterable[str | PackageName] = (),
        channels: Iterable[str] = (),
        ttl: float = DEFAULT_TTL,
        description: str | None = None,
        overwrite: bool = False,
    ) -> str:
        """Log in by Candid: a person logs in on a page, which this call waits for. Store the credentials.

        It waits for up to 15 minutes; a cancel scope of the caller's ends it sooner. Candid is found by what the store
        issues: it has to be at an https URL, or at the host of ``Endpoints.api_url`` or ``login_url``.

        Args:
            open_url: An async function that is called with the URL of the page, to open it or to show it.
            permissions: What the credentials allow: see :mod:`lading.canonical.permissions`. By default what
                publishing needs.
            packages: The only packages that they are for; ``PackageName(name=..., type="bundle")`` for another type
                than the usual one.
            channels: The only channels that they may release to.
            ttl: Seconds until they expire. The store has limits of its own.
            description: What the store's list of sessions calls them.
            overwrite: Replace credentials that are stored already.

        Returns:
            The credentials for the official client's environment variable. They are secret.

        Raises:
            ConfigError: The store's logins are not by Candid; ``lading[charmhub]`` is not installed; or the credentials
                cannot be stored: if that turns out only afterwards, this client uses them all the same.
            Conflict: There are credentials already. Nothing was sent.
            InputError: An argument is invalid.
            Unauthorized: Candid does not offer this way to log in, or refused it.
            RequestTimeout: Nobody logged in in time.

        Source: ``POST v1/tokens`` and ``POST v1/tokens/exchange``; ``POST {location}/discharge`` at Candid.
        """
        self._require_candid("tokens.login")
        return await self._log_in_by_candid(
            permissions=permissions,
            packages=packages,
            channels=channels,
            ttl=ttl,
            description=description,
            overwrite=overwrite,
            make_interactor=lambda _: Browser(open_url),
        )

    async def login_agent(
        self,
        agent: StrPath | Agent,
        *,
        permissions: Iterable[str] | None = None,
        packages: Iterable[str | PackageName] = (),
        channels: Iterable[str] = (),
        ttl: float = DEFAULT_TTL,
        description: str | None = None,
        overwrite: bool = False,
    ) -> str:
        """Log in by Candid as an agent: a user that is a program and has a key. Store the credentials.

        Args:
            agent: The path of an agent file, or the agent.
            permissions: What the credentials allow: see :mod:`lading.canonical.permissions`. By default what
                publishing needs.
            packages: The only packages that they are for; ``PackageName(name=..., type="bundle")`` for another type
                than the usual one.
            channels: The only channels that they may release to.
            ttl: Seconds until they expire. The store has limits of its own.
            description: What the store's list of sessions calls them.
            overwrite: Replace credentials that are stored already.

        Returns:
            The credentials for the official client's environment variable. They are secret.

        Raises:
            ConfigError: The store's logins are not by Candid; ``lading[charmhub]`` is not installed; the agent file
                cannot be used; or the credentials cannot be stored: if that turns out only afterwards, this client uses
                them all the same.
            Conflict: There are credentials already. Nothing was sent.
            InputError: An argument is invalid. Nothing was sent.
            Unauthorized: Candid does not offer this way to log in, or refused it.
            NotFound: Candid knows no such agent, or not with this key.

        Source: ``POST v1/tokens`` and ``POST v1/tokens/exchange``; ``POST {location}/discharge`` and its ``login-url``
        at Candid.
        """
        self._require_candid("tokens.login")
        agents = (agent,) if isinstance(agent, Agent) else await read_agent_file(agent)
        return await self._log_in_by_candid(
            permissions=permissions,
            packages=packages,
            channels=channels,
            ttl=ttl,
            description=description,
            overwrite=overwrite,
            make_interactor=lambda bakery: AgentInteractor(agents, bakery),
        )

    async def whoami(self) -> WhoAmI:
        """Return the account, and what the credentials in use are restricted to.

        Raises:
            ConfigError: There are no credentials, or they have expired and cannot be refreshed.
            Unauthorized: The store does not accept them.

        Source: ``GET /v1/tokens/whoami`` (Charmhub), ``GET /api/v2/tokens/whoami`` (the Snap Store).
        """
        return await self._sender.send(Call("GET", self._endpoints.whoami, WhoAmI))

    def list(self, *, include_inactive: bool = False) -> Pager[Session]:
        """List the sessions of the account: what was logged in anywhere, and has a token.

        Args:
            include_inactive: Also those that have expired or were revoked.

        Raises:
            ConfigError: The store has no list of them.

        Source: ``GET /v1/tokens``.
        """
        self._require_sessions()
        call = _list_sessions(include_inactive=include_inactive)

        async def fetch() -> Sequence[Session]:
            return (await self._sender.send(call)).macaroons

        return Pager.single(fetch)

    async def revoke(self, session_id: str) -> None:
        """Revoke a session: its token is not accepted any more. Revoking it again is harmless.

        After a lost response, and after one that is not the store's, the list of sessions is looked up before it is
        sent again. That is not possible where the revoked session is the one in use: ``outcome`` is ``"unknown"`` then.

        Args:
            session_id: The session's, from :meth:`list`.

        Raises:
            ConfigError: The store has no list of sessions.
            NotFound: The account has no such session.

        Source: ``POST /v1/tokens/revoke``, and ``GET /v1/tokens`` after a lost response.
        """
        self._require_sessions()
        if not session_id:
            raise InputError("session_id must not be empty", argument="session_id")
        call = Call("POST", "v1/tokens/revoke", read_accepted, json={"session-id": session_id}, idempotent=True)

        async def look_up(sender: LookupSender, _: LadingError) -> LookupResult[bool]:
            sessions = (await sender.send(_list_sessions(include_inactive=True))).macaroons
            revoked = any(one.session_id == session_id and one.revoked_at is not None for one in sessions)
            return Found(value=True) if revoked else NOT_FOUND

        await self._sender.send_once(call, look_up)

    async def export(self) -> str:
        """Return the credentials in use for the official client's environment variable. They are secret.

        Raises:
            ConfigError: There are none, or they are in none of the known forms.
        """
        stored = await self._auth.read()
        if stored is None:
            raise ConfigError(missing_credentials(self._endpoints, repr(self._auth.place)))
        return stored.export()

    async def import_(self, credentials: str) -> None:
        """Store credentials that were exported here or by the official client, and use them from now on.

        Args:
            credentials: Credentials as they were exported, or as they are stored.

        Raises:
            ConfigError: They are in none of the known forms, or cannot be stored.
        """
        found = try_exported(credentials)
        del credentials  # the frame of this method is shown with errors
        if isinstance(found, ConfigError):
            raise found
        await self._auth.use(found)

    async def logout(self) -> None:
        """Remove the credentials from where they are stored; harmless when there are none.

        Nothing is sent: a token that was exported remains valid until it expires or is revoked (:meth:`revoke`).

        Raises:
            ConfigError: They are in an environment variable, or the place cannot be written.
        """
        await self._auth.delete()

    async def expires_at(self) -> datetime | None:
        """Return when a login is needed again, in UTC, as far as the credentials say; ``None`` where they do not.

        Raises:
            ConfigError: They are in none of the known forms.
        """
        auth = self._auth
        stored = await auth.read()
        return None if stored is None else auth.expires_at(stored)

    @property
    def _auth(self) -> StoreAuth:
        auth = self._sender.settings.auth
        if not isinstance(auth, StoreAuth):
            raise ConfigError(
                f"{self._endpoints.name}: this client has its own auth=, which cannot log in or be stored"
            )
        return auth

    def _require_candid(self, instead: str) -> None:
        if self._endpoints.login_kind != "candid":
            raise ConfigError(
                f"{self._endpoints.name}: its logins are by Ubuntu One: use {instead}, or endpoints with the "
                "login_kind 'candid'"
            )

    def _require_sessions(self) -> None:
        if self._endpoints.api != "gateway":
            raise ConfigError(
                f"{self._endpoints.name}: it has no list of sessions; see the account's page in a browser"
            )

    async def _log_in_by_candid(
        self, *, overwrite: bool, make_interactor: Callable[[Any], candid.Interactor], **options: Any
    ) -> str:
        request = make_token_request(self._endpoints, **options)
        await self._check_place(overwrite=overwrite)
        bakery = await import_bakery()
        interactor = make_interactor(bakery)
        return await self._use(
            await candid.log_in(
                self._sender, self._endpoints, self._services, request, interactor=interactor, bakery=bakery
            )
        )

    async def _check_place(self, *, overwrite: bool) -> None:
        """Raise an error when a login could not be stored, or would replace credentials that are stored already."""
        place = self._auth.place
        if isinstance(place, EnvironmentCredentials):
            raise ConfigError(
                f"{self._endpoints.name}: the credentials are in {place!r}, where a login cannot be stored: unset it, "
                "or pass token= with another place"
            )
        if not overwrite and await self._auth.place.get() is not None:
            text = f"there are credentials in {place!r}: log out first, or pass overwrite=True"
            raise make_api_error(Conflict, self._endpoints.name, text)

    async def _use(self, stored: StoredCredentials) -> str:
        await self._auth.use(stored)
        return stored.export()


def _list_sessions(*, include_inactive: bool) -> Call[SessionList]:
    return Call("GET", "v1/tokens", SessionList, params={"include-inactive": True} if include_inactive else {})

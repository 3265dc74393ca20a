"""The base of the doubles of Canonical's stores: four hosts, accounts and logins."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import httpx

from lading.testing._embedded import EmbeddedStore
from lading.testing.canonical._bakery import KeyPair
from lading.testing.canonical._identity import INTERACTIONS, IdentityService
from lading.testing.canonical._request import StoreApp
from lading.testing.canonical._snapshots import StoreSession, snapshot_session
from lading.testing.canonical._state import ReceivedRequest, StoreAccount, StoredUpload, StoreState
from lading.testing.canonical._storage import Storage
from lading.testing.canonical._ubuntu_one import UbuntuOne
from lading.testing.server import Server

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from lading.canonical import Endpoints
    from lading.testing.canonical._bakery import BakeryVersion
    from lading.testing.canonical._request import Api
    from lading.testing.faults import Faults
    from lading.testing.messages import ServerRequest, ServerResponse

DISCHARGE_LIFETIME = 30 * 24 * 3600.0
_PASSWORD = "correct horse"  # noqa: S105 - of accounts in tests


class StoreOptions(TypedDict, total=False):
    """The options that all embedded stores of Canonical have.

    Attributes:
        port: The port of the API; by default a free one. The other hosts always have free ones.
        tls: Serve https with this context, on all hosts.
        faults: The faults to inject, on any of the hosts: their paths differ.
        discharge_lifetime: The lifetime in seconds of what Ubuntu One discharges.
        interactions: How a client may log in at the identity service: ``"browser-window"``, ``"agent"``,
            ``"visit-wait"`` (as old services do).
        bakery_version: The version of the bakery macaroons that the identity service discharges.
        rendezvous_timeout: For how many seconds of real time a client may wait there for a person's login.
        max_file_size: The size in bytes up to which files are accepted.
    """

    port: int
    tls: ssl.SSLContext | None
    faults: Faults | None
    discharge_lifetime: float
    interactions: Iterable[str]
    bakery_version: Literal[1, 2, 3]
    rendezvous_timeout: float
    max_file_size: int


class CanonicalStore(EmbeddedStore):
    """The base of the embedded stores of Canonical: the API's host, and three further hosts on ports of their own.

    A subclass has ``_state`` before it calls the constructor, and returns its APIs from ``_make_apis``.

    Args:
        options: See :class:`StoreOptions`.
    """

    _kind = "canonical"
    _state: StoreState

    def __init__(
        self,
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        faults: Faults | None = None,
        discharge_lifetime: float = DISCHARGE_LIFETIME,
        interactions: Iterable[str] = INTERACTIONS,
        bakery_version: BakeryVersion = 2,
        rendezvous_timeout: float = 30.0,
        max_file_size: int = 1 << 30,
    ) -> None:
        self._keys = KeyPair()
        self._bakery_version: BakeryVersion = bakery_version
        self._host_tls = tls
        self._storage = Storage(max_file_size)
        self._ubuntu_one = UbuntuOne(discharge_lifetime)
        self._identity = IdentityService(self._state, interactions, rendezvous_timeout)
        self._stack = ExitStack()
        handler = partial(self._serve_host, "api", StoreApp(self._state, self._make_apis()))
        super().__init__(handler, self._state.clock, faults=faults, tls=tls, port=port)
        self.owner: StoreAccount = self.add_account("owner")

    @abstractmethod
    def _make_apis(self) -> Iterable[Api]:
        """Return the APIs that the store's main host serves."""

    def _use_directory(self, directory: Path) -> None:
        self._state.directory = directory

    def start(self) -> None:
        """Start to listen; connections are accepted when this returns. ``with`` does it for you."""
        hosts = self._state.hosts
        with ExitStack() as stack:
            hosts.storage = stack.enter_context(self._host("storage", [self._storage.api])).url
            hosts.login = stack.enter_context(self._host("login", [self._ubuntu_one.api])).url
            hosts.identity = stack.enter_context(self._host("identity", [self._identity.api])).url + "/identity"
            super().start()
            hosts.api = self.url
            self._stack = stack.pop_all()

    def stop(self) -> None:
        """Stop all hosts, wait until they have stopped, and remove the files. Further calls do nothing."""
        self._stack.close()
        super().stop()

    def _host(self, name: str, apis: Sequence[Api]) -> Server:
        """Create a further host. It shares faults, errors and clock with the main one."""
        serve = partial(self._serve_host, name, StoreApp(self._state, apis))
        server = Server(partial(self._respond_with, serve), faults=self.faults, tls=self._host_tls)
        server.errors = self.errors
        server._shared = replace(server._shared, errors=self.errors)  # noqa: SLF001 - a host of the same store
        server._shared.late_work.now = self.client_clock.now  # noqa: SLF001
        return server

    async def _serve_host(self, name: str, app: StoreApp, request: ServerRequest) -> ServerResponse:
        # Appending needs no lock; waiting for one would block the host's event loop.
        self._state.requests.append(ReceivedRequest(name, request.method, request.target, request.headers))
        return await app.respond(request)

    def _at_its_hosts(self, endpoints: Endpoints) -> Endpoints:
        """Return *endpoints* with the URLs of this store. A client follows a caveat over plain http to these only."""
        identity = self._state.hosts.identity.removesuffix("/identity")
        return replace(
            endpoints,
            api_url=self.url,
            storage_url=self.storage_url,
            info_url=self.url,
            login_url=identity if endpoints.login_kind == "candid" else self.login_url,
        )

    # --- What tests look at

    @property
    def storage_url(self) -> str:
        """The URL of the storage host."""
        return self._state.hosts.storage

    @property
    def login_url(self) -> str:
        """The URL of Ubuntu One."""
        return self._state.hosts.login

    @property
    def identity_url(self) -> str:
        """The URL of the identity service."""
        return self._state.hosts.identity

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """The heads of the last requests to all hosts, in order. What was injected instead of a response is missing."""
        with self._state.lock:
            return tuple(self._state.requests)

    @property
    def uploads(self) -> tuple[StoredUpload, ...]:
        """The files that were uploaded to the storage host, in order."""
        with self._state.lock:
            return tuple(self._state.uploads.values())

    @property
    def sessions(self) -> tuple[StoreSession, ...]:
        """The logins that were begun, in order."""
        with self._state.lock:
            return tuple(snapshot_session(session) for session in self._state.sessions.values())

    @property
    def says_successful(self) -> bool:
        """Whether responses to uploads have the member ``successful``, which newer servers leave out."""
        return self._storage.successful

    @says_successful.setter
    def says_successful(self, value: bool) -> None:
        self._storage.successful = value

    @property
    def sends_plain_tokens(self) -> bool:
        """Whether the identity service sends the tokens of logins as text, and not in base64."""
        return self._identity.plain_tokens

    @sends_plain_tokens.setter
    def sends_plain_tokens(self, value: bool) -> None:
        self._identity.plain_tokens = value

    # --- Accounts and logins

    def add_account(
        self,
        username: str,
        *,
        email: str | None = None,
        password: str = _PASSWORD,
        otp: str | None = None,
        **more: Any,
    ) -> StoreAccount:
        """Return the account called *username*; create one if there is none.

        Args:
            username: The user name.
            email: The address; by default one at ``example.com``.
            password: The password.
            otp: The code of its second factor, which a login then needs.
            more: Further attributes: ``display_name``, ``validation``.
        """
        with self._state.lock:
            found = self._state.accounts.get(username)
            if found is None:
                more.setdefault("display_name", username.title())
                found = StoreAccount(username, (email or f"{username}@example.com").lower(), password, otp, **more)
                self._state.accounts[username] = found
            return found

    def add_agent(self, username: str) -> dict[str, Any]:
        """Create an account that logs in with a key, and return its agent file as JSON object."""
        keys = KeyPair()
        account = self.add_account(username)
        with self._state.lock:
            account.agents.add(keys.public_text)
        return {
            "key": {"public": keys.public_text, "private": keys.private_text},
            "agents": [{"url": self.identity_url, "username": username}],
        }

    def change_password(self, account: StoreAccount, password: str) -> None:
        """Change a password: what Ubuntu One has discharged before is not refreshed any more."""
        with self._state.lock:
            account.password, account.password_changed_at = password, self._state.clock.now

    def revoke(self, session_id: str | None = None) -> None:
        """Revoke one login, or all."""
        with self._state.lock:
            sessions = self._state.sessions
            for found in sessions.values() if session_id is None else [sessions[session_id]]:
                found.revoked_at = found.revoked_at or self._state.clock.now

    def visit(self, url: str, account: StoreAccount | None = None) -> None:
        """Log in as a person does whom the identity service has shown *url*. Blocks.

        Args:
            url: The ``VisitURL``.
            account: The account; by default ``owner``.
        """
        account = account or self.owner
        fields = {"username": account.username, "password": account.password, "otp": account.otp or ""}
        httpx.post(url, data=fields, verify=False, trust_env=False).raise_for_status()  # noqa: S501 - loopback

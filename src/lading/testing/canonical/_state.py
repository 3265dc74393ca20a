"""The state that the doubles of Canonical's stores share: accounts, sessions, macaroon keys, uploaded files."""

from __future__ import annotations

import secrets
import string
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from lading.testing._server.state import DoubleState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from lading.canonical._endpoints import LoginKind
    from lading.testing.messages import Headers

_MOST_REQUESTS = 10_000
_ID_ALPHABET = string.ascii_letters + string.digits


def new_id() -> str:
    """Return a new identifier of an account or a package."""
    return "".join(secrets.choice(_ID_ALPHABET) for _ in range(32))


@dataclass(slots=True, eq=False)
class StoreAccount:
    """An account at Ubuntu One, at the identity service and at the store.

    Attributes:
        username: The user name.
        email: The address, which logs in at Ubuntu One.
        password: The password.
        otp: The code of the second factor; ``None`` for an account without one.
        display_name: The name that people see.
        validation: Whether the store vouches for it.
        id: The identifier.
        teams: The teams that it is in, which it can register names for.
        agents: Public keys (base64) that log in at the identity service without a person.
        password_changed_at: When the password was changed last: what was discharged before is not refreshed any more.
    """

    username: str
    email: str
    password: str = field(repr=False)
    otp: str | None = field(default=None, repr=False)
    display_name: str = ""
    validation: str = "unproven"
    id: str = field(default_factory=new_id)
    teams: frozenset[str] = frozenset()
    agents: set[str] = field(default_factory=set[str])
    password_changed_at: datetime | None = None


@dataclass(slots=True, eq=False)
class Session:
    """A login: a root macaroon that was issued, and what it allows.

    Attributes:
        id: The identifier.
        kind: How it is discharged.
        key: The key of the root macaroon, and of the token that it is exchanged for.
        permissions: The permissions; ``None`` for all.
        packages: The packages that it is restricted to, as the client sent them; ``None`` for all.
        channels: The channels, which may be patterns; ``None`` for all.
        description: The client's description.
        valid_since: When it was issued.
        valid_until: When it ends.
        account: The account, once it is known.
        exchanged: Whether the root macaroon was exchanged for a token.
        revoked_at: When it was revoked.
        revoked_by: The identifier of the account that revoked it.
    """

    kind: LoginKind
    valid_since: datetime
    valid_until: datetime
    permissions: tuple[str, ...] | None = None
    packages: tuple[dict[str, str], ...] | None = None
    channels: tuple[str, ...] | None = None
    description: str | None = None
    id: str = field(default_factory=lambda: str(uuid4()))
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    account: StoreAccount | None = None
    exchanged: bool = False
    revoked_at: datetime | None = None
    revoked_by: str | None = None


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """A file that was uploaded to the storage host.

    Attributes:
        id: The upload's identifier.
        filename: The file name that the client sent.
        path: Where the file is stored, until the store stops.
        size: Its size in bytes.
        digests: Hex digests: ``sha256``, ``sha384``, ``sha512``, ``sha3_384``.
        uploaded_at: The time of the upload, by the store's clock.
    """

    id: str
    filename: str
    path: Path
    size: int
    digests: dict[str, str]
    uploaded_at: datetime


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """The head of a request that the store has received.

    Attributes:
        host: Which of its hosts received it: ``"api"``, ``"storage"``, ``"login"`` or ``"identity"``.
        method: The method.
        target: Path and query as they were sent.
        headers: The headers.
    """

    host: str
    method: str
    target: str
    headers: Headers = field(repr=False)


@dataclass(slots=True)
class Hosts:
    """The URLs of a store's hosts, without a slash at their ends; known once it has been started.

    Attributes:
        api: The API, and what installers read.
        storage: Where files are uploaded to.
        login: Ubuntu One.
        identity: The identity service, whose path is ``/identity``.
    """

    api: str = ""
    storage: str = ""
    login: str = ""
    identity: str = ""

    @property
    def login_netloc(self) -> str:
        """Host and port of Ubuntu One, the location of the caveats that it discharges."""
        return self.login.partition("://")[2]


class StoreState(DoubleState):
    """The state that all doubles of Canonical's stores have.

    Attributes:
        accounts: The accounts by user name.
        sessions: The sessions by identifier.
        caveat_keys: The keys of the caveats for Ubuntu One, by the caveats' identifiers.
        uploads: The uploaded files by identifier.
        requests: The last requests that the hosts have received.
        hosts: The URLs of the hosts.
        directory: Where files are stored; set when the store starts.
    """

    directory: Path

    def __init__(self, now: datetime | None = None) -> None:
        super().__init__(now)
        self.accounts: dict[str, StoreAccount] = {}
        self.sessions: dict[str, Session] = {}
        self.caveat_keys: dict[str, bytes] = {}
        self.uploads: dict[str, StoredUpload] = {}
        self.requests: deque[ReceivedRequest] = deque(maxlen=_MOST_REQUESTS)
        self.hosts = Hosts()

    def account_by_id(self, account_id: str) -> StoreAccount | None:
        """Return the account with an identifier, if there is one."""
        return next((account for account in self.accounts.values() if account.id == account_id), None)

    def account_by_email(self, email: str) -> StoreAccount | None:
        """Return the account with an address, if there is one."""
        return next((account for account in self.accounts.values() if account.email == email.lower()), None)

    def sessions_of(self, account: StoreAccount) -> Iterable[Session]:
        """Return the sessions of an account, oldest first."""
        return [session for session in self.sessions.values() if session.account is account]

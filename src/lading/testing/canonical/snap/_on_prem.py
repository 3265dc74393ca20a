"""A snap store on one's own premises, for test suites."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, Unpack

from lading._core.arguments import checked
from lading.canonical import SnapStore, on_prem_snap_store
from lading.testing.canonical._base import CanonicalStore, StoreOptions
from lading.testing.canonical._names import Names
from lading.testing.canonical._packages import GatewayState
from lading.testing.canonical._releases import Releases
from lading.testing.canonical._request import Api, Route
from lading.testing.canonical._reviews import Reviews
from lading.testing.canonical._revisions import Revisions
from lading.testing.canonical._schema import STRING, members
from lading.testing.canonical._sessions import issue_token
from lading.testing.canonical._state import Session
from lading.testing.canonical._tokens import Tokens
from lading.testing.canonical.snap._gateway import SnapReader, for_snaps

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from lading.canonical import Endpoints
    from lading.testing.canonical._request import StoreRequest
    from lading.testing.canonical._state import StoreAccount

_TYPES = ("snap",)
_OFFLINE = members({"macaroon": STRING})
_DAY = 24 * 3600.0


class EmbeddedOnPremSnapStore(CanonicalStore):
    """A snap store on one's own premises, on 127.0.0.1, which runs inside ``with`` (or ``async with``).

    Where the Snap Store has its dashboard, it has the publisher gateway's API for snaps (``/v1/snap/...``), without
    progressive releases, resources and what installers read. Reviews are as those of
    :class:`~lading.testing.EmbeddedCharmhub`. Version and architecture of a snap are those in its file name
    (``hello_1.0_amd64.snap``); of the file's content only the first bytes are checked.

    Args:
        now: The time at which its clock starts; by default the current time, without microseconds.
        auto_review: Whether reviews end by themselves.
        options: See :class:`~lading.testing.StoreOptions`.

    Attributes:
        faults: The faults; more can be added at any time, from any thread.
        errors: Failures of the store itself, and protocol errors of clients.
        owner: The first account.

    Example:
        >>> import httpx
        >>> from lading.testing import EmbeddedOnPremSnapStore
        >>> with EmbeddedOnPremSnapStore() as store:
        ...     snap_id = store.add_package("hello")
        ...     headers = {"Authorization": f"Macaroon {store.create_token()}"}
        ...     shown = httpx.get(f"{store.url}/v1/snap/hello", headers=headers).json()
        >>> shown["metadata"]["type"]
        'snap'
    """

    _kind = "snap-on-prem"

    @checked(StoreOptions)
    def __init__(
        self, *, now: datetime | None = None, auto_review: bool = True, **options: Unpack[StoreOptions]
    ) -> None:
        self._packages = self._state = GatewayState(now, "snap")
        self._packages.auto_review = auto_review
        self._reviews = Reviews(self._packages, SnapReader(self._packages))
        super().__init__(**options)

    def _make_apis(self) -> Iterable[Api]:
        tokens = Tokens(self._keys, self._identity.keys, self._bakery_version, _TYPES)
        return [
            Api([Route("POST", "/v1/tokens/offline/exchange", self._exchange)]),
            tokens.api,
            Names("snap", _TYPES).api,
            for_snaps(Revisions("snap", self._reviews).api),
            for_snaps(Releases("snap", progressive=False).api),
        ]

    def _exchange(self, request: StoreRequest) -> dict[str, Any]:
        """Exchange an administrator's macaroon, which needs no discharge, for a token."""
        macaroon = request.json(_OFFLINE)["macaroon"]
        session = self._state.sessions.get(macaroon)
        if session is None or session.valid_until <= self.now or session.revoked_at is not None:
            raise request.refuse(401, ("macaroon-permission-required", "Invalid macaroon"))
        return {"macaroon": issue_token(session)}

    # --- Its clients

    def endpoints(self) -> Endpoints:
        """Return the store's endpoints for its clients."""
        return on_prem_snap_store(self.url, self.storage_url)

    def create_admin_macaroon(self, account: StoreAccount | None = None, *, ttl: float = _DAY) -> str:
        """Create what an administrator has in ``SNAPCRAFT_ADMIN_MACAROON``, which is exchanged for a token.

        Args:
            account: The account; by default ``owner``.
            ttl: After how many seconds of the store's clock it expires.
        """
        return self._session(account, ttl).id

    def create_token(
        self,
        account: StoreAccount | None = None,
        *,
        permissions: Iterable[str] | None = None,
        packages: Iterable[str] | None = None,
        channels: Iterable[str] | None = None,
        ttl: float = _DAY,
    ) -> str:
        """Create a token, as a login with these restrictions would end with.

        Args:
            account: The account; by default ``owner``.
            permissions: The permissions, such as ``"package-manage"``; by default all.
            packages: The names of the snaps that it is restricted to; by default to none.
            channels: The channels, which may be patterns, that it is restricted to.
            ttl: After how many seconds of the store's clock it expires.
        """
        session = self._session(account, ttl)
        session.permissions = None if permissions is None else tuple(permissions)
        session.packages = None if packages is None else tuple({"type": "snap", "name": name} for name in packages)
        session.channels = None if channels is None else tuple(channels)
        with self._state.lock:
            return issue_token(session)

    def _session(self, account: StoreAccount | None, ttl: float) -> Session:
        session = Session("candid", self.now, self.now + timedelta(seconds=ttl), account=account or self.owner)
        with self._state.lock:
            self._state.sessions[session.id] = session
        return session

    def client(self, token: str | None = None, **options: Any) -> SnapStore:
        """Return a client of the store, whose waiting advances the store's clock.

        Args:
            token: Its credentials; by default a new token of ``owner`` with all permissions.
            options: See :class:`lading.ClientOptions`.
        """
        options = {"clock": self.client_clock, **options}
        return SnapStore(self.endpoints(), token=token or self.create_token(), **options)

    # --- Its snaps

    def add_package(self, name: str, *, owner: StoreAccount | None = None, private: bool = False) -> str:
        """Register a name and return the identifier of the snap.

        Args:
            name: The name.
            owner: The account that publishes it; by default ``owner``.
            private: Whether installers do not see it.
        """
        with self._state.lock:
            if name in self._packages.packages:
                raise ValueError(f"the store has a snap {name!r} already")
            return self._packages.add_package(name, "snap", owner or self.owner, private=private).id

    def set_guardrails(self, name: str, *patterns: str) -> None:
        """Set the patterns that the names of new tracks must match; without any, no tracks can be created."""
        with self._state.lock:
            self._packages.packages[name].guardrails = [(pattern, self.now) for pattern in patterns]

    def plan_review(
        self, status: Literal["approved", "rejected", "need_manual_review"], *errors: tuple[str, str]
    ) -> None:
        """Plan how the next upload is reviewed. Calls add up: each plans one review, in order.

        Args:
            status: How the review ends.
            errors: Codes and messages, of a rejection.
        """
        with self._state.lock:
            self._packages.plans.append((status, list(errors)))

    def advance_reviews(self) -> None:
        """Advance all reviews by one state: from new to scanned (a revision has its number then), and to the end."""
        with self._state.lock:
            for review in self._packages.reviews.values():
                self._reviews.advance(review)

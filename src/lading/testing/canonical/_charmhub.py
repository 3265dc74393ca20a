"""Charmhub for test suites."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, Unpack

from lading._core.arguments import checked
from lading.canonical import CHARMHUB, CHARMHUB_CANDID, Charmhub
from lading.canonical._stored import StoredCredentials
from lading.testing.canonical._base import CanonicalStore, StoreOptions
from lading.testing.canonical._charm_file import read_charm
from lading.testing.canonical._info import info_api
from lading.testing.canonical._names import Names
from lading.testing.canonical._packages import GatewayState, Package, Review
from lading.testing.canonical._releases import Releases
from lading.testing.canonical._resources import Resources
from lading.testing.canonical._reviews import Reviews
from lading.testing.canonical._revisions import Revisions
from lading.testing.canonical._sessions import issue_token
from lading.testing.canonical._snapshots import snapshot_release, snapshot_review, snapshot_revision
from lading.testing.canonical._state import Session
from lading.testing.canonical._tokens import DEFAULT_TTL, Tokens

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from lading.canonical import Endpoints
    from lading.testing.canonical._request import Api
    from lading.testing.canonical._snapshots import CharmRelease, CharmReview, CharmRevision
    from lading.testing.canonical._state import StoreAccount


class EmbeddedCharmhub(CanonicalStore):
    """A Charmhub on 127.0.0.1, which runs inside ``with`` (or ``async with``).

    Four hosts on ports of their own: the API and what installers read (``url``), the storage host, Ubuntu One and an
    identity service that speaks as Candid does. Its state is in memory; files are in a temporary directory that is
    removed when it stops. Tokens expire by its clock, which is stopped until :meth:`advance_clock` advances it.

    A review is shown as ``"new"`` first, and has ended when it is read again; without *auto_review* it ends only when
    :meth:`advance_reviews` was called twice. It has an account called ``owner`` from the beginning.

    Args:
        now: The time at which its clock starts; by default the current time, without microseconds.
        auto_review: Whether reviews end by themselves.
        info_delay: After how many seconds of its clock installers see what was released.
        progressive: Whether it knows progressive releases. A store that does not releases to all devices.
        options: See :class:`StoreOptions`.

    Attributes:
        faults: The faults; more can be added at any time, from any thread.
        errors: Failures of the store itself, and protocol errors of clients.
        owner: The first account.

    Example:
        >>> import httpx
        >>> from lading.testing import EmbeddedCharmhub
        >>> with EmbeddedCharmhub() as store:
        ...     package_id = store.add_package("hello")
        ...     headers = {"Authorization": f"Macaroon {store.create_token()}"}
        ...     shown = httpx.get(f"{store.url}/v1/charm/hello", headers=headers).json()
        >>> shown["metadata"]["publisher"]["username"]
        'owner'
    """

    _kind = "charmhub"

    @checked(StoreOptions)
    def __init__(
        self,
        *,
        now: datetime | None = None,
        auto_review: bool = True,
        info_delay: float = 0.0,
        progressive: bool = True,
        **options: Unpack[StoreOptions],
    ) -> None:
        self._packages = self._state = GatewayState(now, "charm")
        self._packages.auto_review = auto_review
        self._packages.info_delay = info_delay
        self._reviews = Reviews(self._packages, read_charm)
        self._progressive = progressive
        super().__init__(**options)

    def _make_apis(self) -> Iterable[Api]:
        types = CHARMHUB.package_types
        return [
            Tokens(self._keys, self._identity.keys, self._bakery_version, types).api,
            Names("charm", types).api,
            Revisions("charm", self._reviews).api,
            Releases("charm", progressive=self._progressive).api,
            Resources("charm", self._reviews).api,
            info_api(),
        ]

    # --- Its clients

    def endpoints(self, login_kind: Literal["usso", "candid"] = "usso") -> Endpoints:
        """Return the store's endpoints for a client that logs in at Ubuntu One, or at the identity service."""
        known = CHARMHUB if login_kind == "usso" else CHARMHUB_CANDID
        return self._at_its_hosts(known)

    def create_token(
        self,
        account: StoreAccount | None = None,
        *,
        permissions: Iterable[str] | None = None,
        packages: Iterable[str] | None = None,
        channels: Iterable[str] | None = None,
        ttl: float = DEFAULT_TTL,
    ) -> str:
        """Create a token, as a login with these restrictions would end with.

        Args:
            account: The account; by default ``owner``.
            permissions: The permissions; by default all.
            packages: The names of the packages that it is restricted to; by default to none.
            channels: The channels, which may be patterns, that it is restricted to.
            ttl: After how many seconds of the store's clock it expires.
        """
        now = self.now
        session = Session(
            "usso",
            now,
            now + timedelta(seconds=ttl),
            None if permissions is None else tuple(permissions),
            None if packages is None else tuple({"type": "charm", "name": name} for name in packages),
            None if channels is None else tuple(channels),
            account=account or self.owner,
        )
        with self._state.lock:
            self._state.sessions[session.id] = session
            return issue_token(session)

    def export_token(self, account: StoreAccount | None = None, **restrictions: Any) -> str:
        """Create a token and return it as ``CHARMCRAFT_AUTH`` has it; see :meth:`create_token`."""
        return StoredCredentials("token", self.create_token(account, **restrictions)).export()

    def charmcraft_environment(self, token: str | None = None) -> dict[str, str]:
        """Return the environment variables by which charmcraft finds the store, and with *token* its credentials."""
        found = {
            "CHARMCRAFT_STORE_API_URL": self.url,
            "CHARMCRAFT_UPLOAD_URL": self.storage_url,
            "CHARMCRAFT_REGISTRY_URL": self.url,
            "CHARMCRAFT_STORE_SSO_URL": self.login_url,
        }
        return found if token is None else {**found, "CHARMCRAFT_AUTH": StoredCredentials("token", token).export()}

    def client(self, token: str | None = None, **options: Any) -> Charmhub:
        """Return a client of the store, whose waiting advances the store's clock.

        Args:
            token: Its credentials; by default a new token of ``owner`` with all permissions.
            options: See :class:`lading.ClientOptions`.
        """
        options = {"clock": self.client_clock, **options}
        return Charmhub(self.endpoints(), token=token or self.create_token(), **options)

    # --- Its packages

    def add_package(
        self,
        name: str,
        *,
        type: Literal["charm", "bundle"] = "charm",
        owner: StoreAccount | None = None,
        private: bool = False,
        collaborators: Iterable[StoreAccount] = (),
    ) -> str:
        """Register a name and return its identifier.

        Args:
            name: The name.
            type: What it is of.
            owner: The account that publishes it; by default ``owner``.
            private: Whether installers do not see it.
            collaborators: Accounts that may publish it, too.
        """
        with self._state.lock:
            if name in self._packages.packages:
                raise ValueError(f"the store has a package {name!r} already")
            package = self._packages.add_package(name, type, owner or self.owner, private=private)
            package.collaborators.update(account.username for account in collaborators)
            return package.id

    def reserve(self, *names: str) -> None:
        """Reserve names: nobody can register them."""
        with self._state.lock:
            self._packages.reserved.update(names)

    def set_guardrails(self, name: str, *patterns: str) -> None:
        """Set the patterns that the names of new tracks must match; without any, no tracks can be created."""
        with self._state.lock:
            self._package(name).guardrails = [(pattern, self.now) for pattern in patterns]

    @property
    def packages(self) -> tuple[str, ...]:
        """The names that are registered, in order."""
        with self._state.lock:
            return tuple(self._packages.packages)

    def revisions(self, name: str) -> tuple[CharmRevision, ...]:
        """Return the revisions of a package, oldest first."""
        with self._state.lock:
            return tuple(snapshot_revision(revision) for revision in self._package(name).revisions.values())

    def releases(self, name: str) -> tuple[CharmRelease, ...]:
        """Return what is in the channels of a package."""
        with self._state.lock:
            return tuple(snapshot_release(release) for release in self._package(name).releases)

    def tracks(self, name: str) -> tuple[str, ...]:
        """Return the names of a package's tracks."""
        with self._state.lock:
            return tuple(self._package(name).tracks)

    # --- Reviews

    @property
    def reviews(self) -> tuple[CharmReview, ...]:
        """The reviews, in the order in which the store was notified."""
        with self._state.lock:
            return tuple(snapshot_review(review) for review in self._packages.reviews.values())

    def plan_review(
        self, status: Literal["approved", "rejected", "need_manual_review"], *errors: tuple[str, str]
    ) -> None:
        """Plan how the next upload is reviewed.

        Calls add up: each plans one review, in order.

        Args:
            status: How the review ends; ``"need_manual_review"`` stays until :meth:`decide_review`.
            errors: Codes and messages, of a rejection.
        """
        with self._state.lock:
            self._packages.plans.append((status, list(errors)))

    def advance_reviews(self) -> None:
        """Advance all reviews by one state: from new to scanned (a revision has its number then), and to the end."""
        with self._state.lock:
            for review in self._packages.reviews.values():
                self._reviews.advance(review)

    def decide_review(
        self, upload_id: str, status: Literal["approved", "rejected", "need_manual_review"], *errors: tuple[str, str]
    ) -> None:
        """End the review of an upload, as a person at the store does.

        Args:
            upload_id: The upload.
            status: How it ends. A file that is no charm is rejected in any case.
            errors: Codes and messages, of a rejection.
        """
        with self._state.lock:
            review: Review | None = self._packages.reviews.get(upload_id)
            if review is None or review.status in ("approved", "rejected"):
                raise LookupError(f"the store is not reviewing an upload {upload_id!r}")
            self._reviews.decide(review, status, list(errors))

    @property
    def info_delay(self) -> float:
        """After how many seconds of the store's clock installers see what was released."""
        return self._packages.info_delay

    @info_delay.setter
    def info_delay(self, seconds: float) -> None:
        self._packages.info_delay = seconds

    def _package(self, name: str) -> Package:
        try:
            return self._packages.packages[name]
        except KeyError:
            raise LookupError(f"the store has no package {name!r}") from None

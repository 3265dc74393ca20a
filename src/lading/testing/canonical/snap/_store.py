"""The Snap Store for test suites: dashboard, storage, Ubuntu One, an identity service, and what installers read."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, Unpack

from lading._core.arguments import checked
from lading.canonical import SNAP_STORE, SNAP_STORE_CANDID, SnapStore
from lading.canonical._stored import StoredCredentials
from lading.testing.canonical._base import CanonicalStore, StoreOptions
from lading.testing.canonical._sessions import issue_ubuntu_one_root
from lading.testing.canonical._state import Session, StoreState
from lading.testing.canonical.snap import _processing as processing
from lading.testing.canonical.snap._channels import parse_channel
from lading.testing.canonical.snap._metadata import METRICS
from lading.testing.canonical.snap._request import SnapStoreOptions
from lading.testing.canonical.snap._routes import SnapRoutes
from lading.testing.canonical.snap._snapshots import snapshot_push, snapshot_release, snapshot_revision
from lading.testing.canonical.snap._state import SERIES, Plan, SnapStoreState, Track
from lading.testing.canonical.snap._tokens import SnapTokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from lading.canonical import Endpoints
    from lading.testing.canonical._request import Api
    from lading.testing.canonical._state import StoreAccount
    from lading.testing.canonical.snap._snapshots import SnapPush, SnapRelease, SnapRevision
    from lading.testing.canonical.snap._state import Snap

DEFAULT_TTL = 365 * 24 * 3600.0
PushCode = Literal["ready_to_release", "need_manual_review", "processing_error", "processing_upload_delta_error"]
RefreshCode = Literal["macaroon-needs-refresh", "macaroon-permission-required"]


class EmbeddedSnapStore(CanonicalStore):
    """A Snap Store on 127.0.0.1, which runs inside ``with`` (or ``async with``).

    Four hosts on ports of their own: the dashboard's API and what installers read (``url``), the storage host, Ubuntu
    One and an identity service that speaks as Candid does. Its state is in memory; files are in a temporary directory
    that is removed when it stops. Logins, discharges and branches of channels expire by its clock, which is stopped
    until :meth:`advance_clock` advances it. It has an account called ``owner`` from the beginning.

    A push is shown as being processed first, and has ended when it is read again; without *auto_review* it ends only
    when :meth:`advance_reviews` is called. Version and architecture of a snap are those in its file name
    (``hello_1.0_amd64.snap``) unless :meth:`plan_review` gives others; of the file's content only the first bytes are
    checked.

    Args:
        now: The time at which its clock starts; by default the current time, without microseconds.
        auto_review: Whether the processing of pushes ends by itself.
        info_delay: After how many seconds of its clock installers see what was released.
        register_window: The seconds that an account has to wait between two registrations.
        refresh_code: The code that comes with the request to refresh a discharge: some servers send
            ``"macaroon-permission-required"``.
        string_revisions: Whether the status of a push has the revision as a string, or as a number.
        page_links: Whether pages of releases have links to the next ones.
        builds_disabled: Whether assertions of builds are refused.
        options: See :class:`~lading.testing.StoreOptions`.

    Attributes:
        faults: The faults; more can be added at any time, from any thread.
        errors: Failures of the store itself, and protocol errors of clients.
        owner: The first account.

    Example:
        >>> import httpx
        >>> from lading.testing import EmbeddedSnapStore
        >>> with EmbeddedSnapStore() as store:
        ...     snap_id = store.add_package("hello")
        ...     number = store.add_revision("hello", channels=["stable"])
        ...     headers = {"Snap-Device-Series": "16"}
        ...     shown = httpx.get(f"{store.url}/v2/snaps/info/hello", headers=headers).json()
        >>> [(one["channel"]["name"], one["revision"]) for one in shown["channel-map"]]
        [('stable', 1)]
    """

    _kind = "snap"

    @checked(StoreOptions)
    def __init__(
        self,
        *,
        now: datetime | None = None,
        auto_review: bool = True,
        info_delay: float = 0.0,
        register_window: float = 0.0,
        refresh_code: RefreshCode = "macaroon-needs-refresh",
        string_revisions: bool = True,
        page_links: bool = True,
        builds_disabled: bool = False,
        **options: Unpack[StoreOptions],
    ) -> None:
        self._state = StoreState(now)
        self._snaps = SnapStoreState()
        self._snap_options = SnapStoreOptions(
            refresh_code=refresh_code,
            string_revisions=string_revisions,
            register_window=register_window,
            info_delay=info_delay,
            builds_disabled=builds_disabled,
            page_links=page_links,
            auto_review=auto_review,
        )
        super().__init__(**options)

    def _make_apis(self) -> Iterable[Api]:
        tokens = SnapTokens(self._state, self._keys, self._identity.keys, self._bakery_version)
        return SnapRoutes(self._state, self._snaps, self._snap_options, tokens).apis

    # --- Its clients

    def endpoints(self, login_kind: Literal["acl", "candid"] = "acl") -> Endpoints:
        """Return the store's endpoints for a client that logs in at Ubuntu One, or at the identity service."""
        known = SNAP_STORE if login_kind == "acl" else SNAP_STORE_CANDID
        return self._at_its_hosts(known)

    def export_credentials(
        self,
        account: StoreAccount | None = None,
        *,
        permissions: Iterable[str] | None = None,
        packages: Iterable[str] | None = None,
        channels: Iterable[str] | None = None,
        ttl: float = DEFAULT_TTL,
    ) -> str:
        """Log in and return the credentials as ``SNAPCRAFT_STORE_CREDENTIALS`` has them. The store has to be running.

        Args:
            account: The account; by default ``owner``.
            permissions: The permissions, such as ``"package_push"``; by default all.
            packages: The names of the snaps that they are restricted to; by default to none.
            channels: The channels, which may be patterns, that they are restricted to.
            ttl: After how many seconds of the store's clock they expire.
        """
        with self._state.lock:
            session = Session(
                "acl",
                self.now,
                self.now + timedelta(seconds=ttl),
                None if permissions is None else tuple(permissions),
                None if packages is None else tuple(map(self._restriction, packages)),
                None if channels is None else tuple(channels),
            )
            before = set(self._state.caveat_keys)
            root = issue_ubuntu_one_root(self._state, session)
            (caveat_id,) = self._state.caveat_keys.keys() - before
            discharge = self._ubuntu_one.issue(self._state, caveat_id, account or self.owner)
            return StoredCredentials("ubuntu-one", root=root, discharge=discharge).export()

    def _restriction(self, name: str) -> dict[str, str]:
        return {"name": name, "series": SERIES, "id": self._found(name).id}

    def snapcraft_environment(self, credentials: str | None = None) -> dict[str, str]:
        """Return the environment variables by which snapcraft finds the store, and its *credentials* if given."""
        found = {
            "STORE_DASHBOARD_URL": self.url,
            "STORE_UPLOAD_URL": self.storage_url,
            "UBUNTU_ONE_SSO_URL": self.login_url,
        }
        return found if credentials is None else {**found, "SNAPCRAFT_STORE_CREDENTIALS": credentials}

    def client(self, credentials: str | None = None, **options: Any) -> SnapStore:
        """Return a client of the store, whose waiting advances the store's clock.

        Args:
            credentials: Its credentials; by default new ones of ``owner`` with all permissions.
            options: See :class:`lading.ClientOptions`.
        """
        options = {"clock": self.client_clock, **options}
        return SnapStore(self.endpoints(), token=credentials or self.export_credentials(), **options)

    # --- Its snaps

    def add_package(
        self,
        name: str,
        *,
        owner: StoreAccount | None = None,
        private: bool = False,
        collaborators: Iterable[StoreAccount] = (),
        default_track: str | None = None,
    ) -> str:
        """Register a name and return the identifier of the snap.

        Args:
            name: The name.
            owner: The account that publishes it; by default ``owner``.
            private: Whether installers do not see it.
            collaborators: Accounts that may push and release, too.
            default_track: The track that is installed where none is named; releases have to name one then.
        """
        with self._state.lock:
            if name in self._snaps.snaps:
                raise ValueError(f"the store has a snap {name!r} already")
            snap = self._snaps.register(name, owner or self.owner, self.now, private=private, store="ubuntu")
            snap.collaborators = {account.id for account in collaborators}
            snap.default_track = default_track
            if default_track is not None:
                snap.tracks[default_track] = Track(default_track, self.now)
            self._snaps.registered_at.pop(snap.publisher.id)  # only clients have to wait
            return snap.id

    def add_track(self, name: str, track: str, *, version_pattern: str | None = None) -> None:
        """Create a track of a snap.

        Args:
            name: The name of the snap.
            track: The name of the track.
            version_pattern: The regular expression of the versions that may be released there.
        """
        with self._state.lock:
            self._found(name).tracks[track] = Track(track, self.now, version_pattern)

    def add_revision(
        self, name: str, content: bytes | None = None, *, channels: Iterable[str] = (), **properties: Any
    ) -> int:
        """Create a revision as if a file had been uploaded, pushed and accepted, and return its number.

        Args:
            name: The name of the snap.
            content: The content of the file; by default something that no other revision has.
            channels: The channels to release it to.
            properties: See :meth:`plan_review`.
        """
        with self._state.lock:
            snap = self._found(name)
            data = processing.MAGIC + f"{name} {len(snap.revisions) + 1}".encode() if content is None else content
            upload = processing.keep(self._state, f"{name}_1.0_amd64.snap", data)
            places = tuple(map(parse_channel, channels))
            push = processing.create_push(snap, upload, snap.publisher, self.now, plans=[], channels=places)
            revision = processing.accept(push, "ready_to_release", self.now, **properties)
            if push.errors:
                raise ValueError(f"revision {revision.number} cannot be released: {push.errors[0]}")
            return revision.number

    def reserve(self, *names: str) -> None:
        """Reserve names: nobody can register them."""
        with self._state.lock:
            self._snaps.reserved.update(names)

    @property
    def packages(self) -> tuple[str, ...]:
        """The names that are registered, in order."""
        with self._state.lock:
            return tuple(self._snaps.snaps)

    def package_id(self, name: str) -> str:
        """Return the identifier of a snap."""
        with self._state.lock:
            return self._found(name).id

    def revisions(self, name: str) -> tuple[SnapRevision, ...]:
        """Return the revisions of a snap, oldest first."""
        with self._state.lock:
            return tuple(snapshot_revision(revision) for revision in self._found(name).revisions.values())

    def releases(self, name: str) -> tuple[SnapRelease, ...]:
        """Return what is in the channels of a snap, by track, risk and architecture."""
        with self._state.lock:
            found = self._found(name).released(self.now)
            found.sort(key=lambda one: (one.channel.track, one.channel.order, one.architecture))
            return tuple(map(snapshot_release, found))

    # --- The pages of snaps

    def metadata(self, name: str) -> Mapping[str, Any]:
        """Return what the page of a snap shows."""
        with self._state.lock:
            return dict(self._found(name).metadata)

    def edit_metadata(self, name: str, **values: Any) -> None:
        """Change what the page of a snap shows, as its publisher does on the web; ``icon`` counts as changed."""
        with self._state.lock:
            snap = self._found(name)
            snap.edited |= values.keys()
            snap.metadata.update({key: value for key, value in values.items() if key != "icon"})

    def set_metric(self, name: str, metric: str, values: Mapping[str, Mapping[str, int]]) -> None:
        """Set figures of a snap.

        Args:
            name: The name of the snap.
            metric: The metric, such as ``"installed_base_by_channel"``.
            values: The figures: for each day (``"2026-11-20"``) one for each series.
        """
        if metric not in METRICS:
            raise LookupError(f"the store has no metric {metric!r}")
        with self._state.lock:
            self._found(name).metrics[metric] = {day: dict(series) for day, series in values.items()}

    # --- Pushes

    @property
    def pushes(self) -> tuple[SnapPush, ...]:
        """The pushes of all snaps, each snap's in order."""
        with self._state.lock:
            return tuple(snapshot_push(push) for snap in self._snaps.snaps.values() for push in snap.pushes)

    def plan_review(self, code: PushCode = "ready_to_release", *errors: str, **properties: Any) -> None:
        """Plan how the processing of the next push ends.

        Calls add up: each plans one, in order. A file that is no snap, or that is a revision already, is rejected in
        any case.

        Args:
            code: The state; ``"need_manual_review"`` stays until :meth:`decide_review`.
            errors: The reasons that its status shows.
            properties: Properties of the revision: ``version``, ``architectures``, ``base``, ``confinement``,
                ``grade``, ``type``, ``epoch``.
        """
        _check_plan(code, errors)
        with self._state.lock:
            self._snaps.plans.append(Plan(code, errors, properties))

    def advance_reviews(self) -> None:
        """End the processing of all pushes, as it was planned. What is accepted is released to the channels named."""
        with self._state.lock:
            for snap in self._snaps.snaps.values():
                for push in snap.pushes:
                    processing.advance(push, self.now)

    def decide_review(
        self, name: str, code: PushCode, *errors: str, number: int | None = None, **properties: Any
    ) -> None:
        """Put a push into a state, as a person at the store does.

        Args:
            name: The name of the snap.
            code: The state.
            errors: The reasons that its status shows.
            number: The number of the push; by default the last one.
            properties: Properties of the revision, as in :meth:`plan_review`, unless it exists already.
        """
        _check_plan(code, errors)
        with self._state.lock:
            pushes = self._found(name).pushes
            if not 0 < (number or len(pushes)) <= len(pushes):
                raise LookupError(f"{name!r} has no push {number or 'yet'}")
            processing.finish(pushes[(number or 0) - 1], Plan(code, errors, properties), self.now)

    @property
    def info_delay(self) -> float:
        """After how many seconds of the store's clock installers see what was released."""
        return self._snap_options.info_delay

    @info_delay.setter
    def info_delay(self, seconds: float) -> None:
        self._snap_options.info_delay = seconds

    def _found(self, name: str) -> Snap:
        try:
            return self._snaps.snaps[name]
        except KeyError:
            raise LookupError(f"the store has no snap {name!r}") from None


def _check_plan(code: str, errors: tuple[str, ...]) -> None:
    if code not in processing.CODES:
        raise ValueError(f"a push has no state {code!r}: {', '.join(processing.CODES)}")
    if not all(isinstance(error, str) for error in errors):
        raise TypeError("the reasons of a push are strings without codes, unlike those of Charmhub's reviews")

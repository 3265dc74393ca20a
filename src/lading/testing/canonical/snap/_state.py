"""The state of the embedded Snap Store: names, uploads, revisions and the history of releases."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from lading.testing.canonical.snap._channels import DEFAULT_TRACK, Channel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lading.testing.canonical._state import StoreAccount, StoredUpload
    from lading.testing.canonical.snap._assertions import Assertion

SERIES = "16"
BRANCH_LIFETIME = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Progressive:
    """How far a release reaches.

    Attributes:
        percentage: The part of all devices.
        paused: Whether it stays as it is.
    """

    percentage: float
    paused: bool


@dataclass(frozen=True, slots=True)
class Release:
    """One change of the channel map.

    Attributes:
        architecture: The architecture.
        channel: The channel.
        revision: The revision; 0 where the channel is closed.
        when: When it was made.
        expires: When a branch ends.
        progressive: Set where only some devices get the revision; the others keep the one before.
    """

    architecture: str
    channel: Channel
    revision: int
    when: datetime
    expires: datetime | None = None
    progressive: Progressive | None = None


@dataclass(slots=True, eq=False)
class Revision:
    """A revision of a snap.

    Attributes:
        number: The number.
        upload: The file.
        created_at: When it was pushed.
        created_by: The account that pushed it.
        architectures: Its architectures.
        version: Its version.
        attributes: Further members of its descriptions: ``base``, ``confinement``, ``grade``, ``type``.
        status: Its status, as lists of revisions show it.
        components: The uploads of its components, by name.
    """

    number: int
    upload: StoredUpload
    created_at: datetime
    created_by: StoreAccount
    architectures: tuple[str, ...]
    version: str
    attributes: dict[str, Any]
    status: str = "ReviewInProgress"
    components: Mapping[str, StoredUpload] = field(default_factory=dict[str, Any])


@dataclass(slots=True, eq=False)
class Track:
    """A track of a snap."""

    name: str
    created_at: datetime | None = None
    version_pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """How the processing of a push is going to end.

    Attributes:
        code: The state.
        errors: The reasons that its status shows.
        properties: Properties of the revision.
    """

    code: str = "ready_to_release"
    errors: tuple[str, ...] = ()
    properties: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(slots=True, eq=False)
class Push:
    """A push: an uploaded file that becomes a revision, unless it is rejected.

    Attributes:
        number: Its number among the snap's.
        snap: The snap.
        upload: The file.
        sender: The account that pushed it.
        created_at: When it was pushed.
        channels: Where it is released to once it has been accepted.
        built_at: When it was built, as the client says.
        components: The uploads of its components, by name.
        plan: How its processing ends.
        code: The state.
        errors: Why it is not accepted.
        revision: The revision, once it has one.
    """

    number: int
    snap: Snap
    upload: StoredUpload
    sender: StoreAccount
    created_at: datetime
    channels: tuple[Channel, ...] = ()
    built_at: str | None = None
    components: Mapping[str, StoredUpload] = field(default_factory=dict[str, Any])
    plan: Plan = field(default_factory=Plan)
    code: str = "being_processed"
    errors: list[str] = field(default_factory=list[str])
    revision: Revision | None = None

    @property
    def processed(self) -> bool:
        """Whether processing has ended."""
        return self.code != "being_processed"


@dataclass(slots=True, eq=False)
class Snap:
    """A registered name, and what was pushed under it.

    Attributes:
        name: The name.
        id: The id.
        publisher: The account that registered it.
        since: When it was registered.
        private: Whether only its publisher sees it.
        store: The store that it was registered in.
        collaborators: The ids of other accounts that may push and release.
        tracks: Its tracks by name.
        default_track: The track that installers use where none is named.
        pushes: All pushes, oldest first.
        revisions: The revisions by number.
        history: All releases, oldest first.
        metadata: What its store page shows.
        edited: The members of the metadata that were last changed on the web.
        media: The images of its store page.
        validations: The validations of other snaps' revisions.
        builds: The builds that were asserted.
        metrics: Figures by metric, day and series.
    """

    name: str
    id: str
    publisher: StoreAccount
    since: datetime
    private: bool = False
    store: str = "ubuntu"
    collaborators: set[str] = field(default_factory=set[str])
    tracks: dict[str, Track] = field(default_factory=lambda: {DEFAULT_TRACK: Track(DEFAULT_TRACK)})
    default_track: str | None = None
    pushes: list[Push] = field(default_factory=list[Push])
    revisions: dict[int, Revision] = field(default_factory=dict[int, Revision])
    history: list[Release] = field(default_factory=list[Release])
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    edited: set[str] = field(default_factory=set[str])
    media: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    validations: list[Assertion] = field(default_factory=list["Assertion"])
    builds: list[Assertion] = field(default_factory=list["Assertion"])
    metrics: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict[str, Any])

    def may_publish(self, account: StoreAccount) -> bool:
        """Return whether *account* may push revisions and release them."""
        return account.id == self.publisher.id or account.id in self.collaborators

    def released(self, at: datetime, *, now: datetime | None = None) -> list[Release]:
        """Return what was released at a time: of each channel the release, and beside it the progressive one.

        Args:
            at: The time.
            now: The time by which branches have ended; *at* where it is not given.
        """
        full: dict[tuple[str, Channel], Release] = {}
        partial: dict[tuple[str, Channel], Release] = {}
        for release in self.history:
            key = release.architecture, release.channel
            if release.when > at:
                break
            if release.progressive is not None:
                partial[key] = release
                continue
            partial.pop(key, None)
            full[key] = release
        found = [release for release in (*full.values(), *partial.values()) if release.revision]
        end = now or at
        return [release for release in found if release.expires is None or release.expires > end]


@dataclass(slots=True, eq=False)
class SnapStoreState:
    """All objects of the embedded Snap Store.

    Attributes:
        snaps: The snaps by name.
        reserved: The names that cannot be registered.
        account_keys: The registered keys by account.
        validation_sets: The validation sets that were published, oldest first.
        confdb_schemas: The confdb schemas that were published, oldest first.
        plans: How the processing of the next pushes ends.
        registered_at: When each account last registered a name.
    """

    snaps: dict[str, Snap] = field(default_factory=dict[str, Snap])
    reserved: set[str] = field(default_factory=set[str])
    account_keys: dict[str, list[dict[str, str]]] = field(default_factory=dict[str, Any])
    validation_sets: list[Assertion] = field(default_factory=list["Assertion"])
    confdb_schemas: list[Assertion] = field(default_factory=list["Assertion"])
    plans: list[Plan] = field(default_factory=list[Plan])
    registered_at: dict[str, datetime] = field(default_factory=dict[str, datetime])

    def register(self, name: str, publisher: StoreAccount, now: datetime, *, private: bool, store: str) -> Snap:
        """Register a name, and return it."""
        snap = Snap(name, _new_id(), publisher, now, private, store)
        self.snaps[name] = snap
        self.registered_at[publisher.id] = now
        return snap

    def by_id(self, snap_id: str) -> Snap | None:
        """Return the snap with that id; ``None`` if there is none."""
        return next((snap for snap in self.snaps.values() if snap.id == snap_id), None)

    def of(self, account: StoreAccount) -> Iterator[Snap]:
        """Yield the snaps that *account* may publish."""
        return (snap for snap in self.snaps.values() if snap.may_publish(account))


def _new_id() -> str:
    """Return an id as snaps have them: 32 letters and digits."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(32))


def architectures_of(revisions: Iterable[Revision]) -> list[str]:
    """Return the architectures of all *revisions*, sorted."""
    return sorted({architecture for revision in revisions for architecture in revision.architectures})

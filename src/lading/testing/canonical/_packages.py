"""The packages of a store with the gateway's API: names, tracks, revisions, releases, resources and reviews."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from lading.testing.canonical._state import StoreState, new_id

if TYPE_CHECKING:
    from datetime import datetime

    from lading.testing.canonical._state import StoreAccount, StoredUpload

Base = dict[str, str]
"""What a revision runs on: ``name``, ``channel`` and ``architecture``."""

ReviewKind = Literal["revision", "resource"]


@dataclass(slots=True, eq=False)
class Track:
    """A track of a package."""

    name: str
    created_at: datetime
    version_pattern: str | None = None
    phasing: float | None = None


@dataclass(slots=True, eq=False)
class ReadFile:
    """What a store reads from a package's file.

    Attributes:
        name: The name in it.
        version: The version.
        bases: What it runs on; a bundle has ``None``.
        resources: The type of each resource that it declares.
        metadata: Title, summary and description in it.
        type: What it is: ``"charm"`` or ``"bundle"``.
        craft_yaml: What it was packed from, where that is in it.
    """

    name: str
    version: str
    bases: list[Base | None]
    type: str
    resources: dict[str, str] = field(default_factory=dict[str, str])
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    craft_yaml: Any = None


@dataclass(slots=True, eq=False)
class Revision:
    """A revision of a package."""

    number: int
    upload: StoredUpload
    file: ReadFile
    created_at: datetime
    created_by: StoreAccount
    status: str = "approved"
    version: str = ""


@dataclass(slots=True, eq=False)
class ResourceRevision:
    """A revision of a resource."""

    number: int
    upload: StoredUpload
    type: str
    bases: list[dict[str, Any]]
    created_at: datetime
    updated_at: datetime | None = None
    updated_by: StoreAccount | None = None


@dataclass(slots=True, eq=False)
class Resource:
    """A resource of a package."""

    name: str
    type: str
    revisions: list[ResourceRevision] = field(default_factory=list[ResourceRevision])


@dataclass(frozen=True, slots=True)
class Release:
    """A revision in a channel, on one base."""

    channel: str
    revision: int
    base: tuple[tuple[str, str], ...] | None
    resources: tuple[tuple[str, int | None], ...]
    when: datetime
    percentage: float | None = None
    paused: bool | None = None
    expires: datetime | None = None


@dataclass(slots=True, eq=False)
class Review:
    """The review of an upload, and what it will find."""

    upload: StoredUpload
    package: Package
    kind: ReviewKind
    account: StoreAccount
    planned: str = "approved"
    planned_errors: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    resource: str = ""
    resource_type: str = ""
    bases: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    status: str = "new"
    revision: int | None = None
    errors: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    @property
    def is_final(self) -> bool:
        """Whether its status does not change any more by itself."""
        return self.status in ("approved", "rejected", "need_manual_review")


@dataclass(slots=True, eq=False)
class Package:
    """A package: a name that is registered."""

    name: str
    type: str
    publisher: StoreAccount
    private: bool
    created_at: datetime
    id: str = field(default_factory=new_id)
    status: str = "registered"
    collaborators: set[str] = field(default_factory=set[str])
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    default_track: str | None = None
    tracks: dict[str, Track] = field(default_factory=dict[str, Track])
    guardrails: list[tuple[str, datetime]] = field(default_factory=list[tuple[str, "datetime"]])
    revisions: dict[int, Revision] = field(default_factory=dict[int, Revision])
    next_revision: int = 1
    resources: dict[str, Resource] = field(default_factory=dict[str, Resource])
    releases: list[Release] = field(default_factory=list[Release])
    history: list[tuple[datetime, list[Release]]] = field(default_factory=list[tuple["datetime", list[Release]]])


class GatewayState(StoreState):
    """The state of a store with the gateway's API.

    Attributes:
        namespace: What it keeps: ``"charm"`` or ``"snap"``.
        packages: The packages by name.
        reviews: The reviews by the upload's identifier.
        reserved: Names that nobody can register.
        plans: The outcomes of the next reviews: status and reasons.
        info_delay: After how many seconds of the store's clock installers see a release.
        auto_review: Whether reviews end by themselves after they were shown once.
    """

    def __init__(self, now: datetime | None, namespace: str) -> None:
        super().__init__(now)
        self.namespace = namespace
        self.packages: dict[str, Package] = {}
        self.reviews: dict[str, Review] = {}
        self.reserved: set[str] = set()
        self.plans: list[tuple[str, list[tuple[str, str]]]] = []
        self.info_delay = 0.0
        self.auto_review = True

    def add_package(self, name: str, kind: str, publisher: StoreAccount, *, private: bool = False) -> Package:
        """Register a name."""
        now = self.clock.now
        package = Package(name, kind, publisher, private, now, tracks={"latest": Track("latest", now)})
        self.packages[name] = package
        return package

    def revision_with(self, digest: str) -> Revision | None:
        """Return the revision whose file has an SHA3-384, of whatever package."""
        return next(
            (
                revision
                for package in self.packages.values()
                for revision in package.revisions.values()
                if revision.upload.digests["sha3_384"] == digest
            ),
            None,
        )

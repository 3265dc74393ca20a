"""What tests see of a store's packages: frozen copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from lading.canonical._endpoints import LoginKind
    from lading.testing.canonical._packages import Package, Release, Review, Revision
    from lading.testing.canonical._state import Session


@dataclass(frozen=True, slots=True)
class CharmRevision:
    """A snapshot of a revision.

    Attributes:
        number: Its number.
        version: Its version.
        status: ``"approved"``, or ``"released"`` once it was in a channel.
        bases: What it runs on: system, version and architecture; ``None`` of a bundle.
        size: The size of its file.
        sha3_384: The SHA3-384 of its file.
        path: Its file, until the store stops.
        created_at: When it was approved, by the store's clock.
        created_by: The user name of the account that uploaded it.
    """

    number: int
    version: str
    status: str
    bases: tuple[tuple[str, str, str] | None, ...]
    size: int
    sha3_384: str
    path: Path
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class CharmRelease:
    """A snapshot of a release: a revision in a channel, on one base.

    Attributes:
        channel: The channel, with its track.
        revision: The revision.
        base: What it runs on: system, version and architecture; ``None`` of a bundle.
        resources: The revisions of its resources.
        percentage: How many percent of all devices it reaches; ``None`` for all.
        when: When it was released, by the store's clock.
    """

    channel: str
    revision: int
    base: tuple[str, str, str] | None
    resources: Mapping[str, int | None]
    percentage: float | None
    when: datetime


@dataclass(frozen=True, slots=True)
class CharmReview:
    """A snapshot of a review.

    Attributes:
        upload_id: The upload.
        package: The name of the package.
        resource: The resource that the upload is of; empty for a revision of the package itself.
        status: ``"new"``, ``"scanned"``, ``"approved"``, ``"rejected"`` or ``"need_manual_review"``.
        revision: The revision's number, once it is known.
        errors: Codes and messages, of a rejection.
    """

    upload_id: str
    package: str
    resource: str
    status: str
    revision: int | None
    errors: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class StoreSession:
    """A snapshot of a login.

    Attributes:
        id: Its identifier.
        kind: ``"usso"`` or ``"acl"`` (both at Ubuntu One), or ``"candid"``.
        account: The user name of the account, once it is known.
        description: The client's description.
        permissions: The permissions; ``None`` for all.
        packages: The packages that it is restricted to, as the client sent them; ``None`` for all.
        channels: The channels that it is restricted to; ``None`` for all.
        valid_until: When it ends, by the store's clock.
        exchanged: Whether the root macaroon was exchanged for a token.
        revoked_at: When it was revoked.
    """

    id: str
    kind: LoginKind
    account: str | None
    description: str | None
    permissions: tuple[str, ...] | None
    packages: tuple[Mapping[str, str], ...] | None
    channels: tuple[str, ...] | None
    valid_until: datetime
    exchanged: bool
    revoked_at: datetime | None


def snapshot_session(session: Session) -> StoreSession:
    """Return a copy of a login."""
    return StoreSession(
        session.id,
        session.kind,
        None if session.account is None else session.account.username,
        session.description,
        session.permissions,
        session.packages,
        session.channels,
        session.valid_until,
        session.exchanged,
        session.revoked_at,
    )


def _base(base: Mapping[str, str] | None) -> tuple[str, str, str] | None:
    return None if base is None else (base["name"], base["channel"], base["architecture"])


def snapshot_revision(revision: Revision) -> CharmRevision:
    """Return a copy of a revision."""
    return CharmRevision(
        revision.number,
        revision.version,
        revision.status,
        tuple(_base(base) for base in revision.file.bases),
        revision.upload.size,
        revision.upload.digests["sha3_384"],
        revision.upload.path,
        revision.created_at,
        revision.created_by.username,
    )


def snapshot_release(release: Release) -> CharmRelease:
    """Return a copy of a release."""
    return CharmRelease(
        release.channel,
        release.revision,
        _base(None if release.base is None else dict(release.base)),
        dict(release.resources),
        release.percentage,
        release.when,
    )


def snapshot_review(review: Review) -> CharmReview:
    """Return a copy of a review."""
    package: Package = review.package
    return CharmReview(
        review.upload.id, package.name, review.resource, review.status, review.revision, tuple(review.errors)
    )

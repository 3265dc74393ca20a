"""What tests see of a store's snaps: frozen copies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lading.testing.canonical._state import StoredUpload
    from lading.testing.canonical.snap._state import Push, Release, Revision


@dataclass(frozen=True, slots=True)
class SnapPush:
    """A snapshot of a push: an uploaded file of which the store was notified.

    Attributes:
        snap: The name of the snap.
        number: Its number among the pushes of the snap; 1 is the first.
        upload: The uploaded file.
        code: The state: ``"being_processed"``, ``"ready_to_release"``, ``"need_manual_review"``,
            ``"processing_error"`` or ``"processing_upload_delta_error"``.
        errors: Why it was rejected, or could not be released.
        revision: The number of the revision, once it has one.
        channels: The channels that it is still to be released to.
        built_at: When it was built, as the client said.
        components: The uploaded files of its components, by name.
    """

    snap: str
    number: int
    upload: StoredUpload
    code: str
    errors: tuple[str, ...] = ()
    revision: int | None = None
    channels: tuple[str, ...] = ()
    built_at: str | None = None
    components: Mapping[str, StoredUpload] = field(default_factory=dict[str, "StoredUpload"])


@dataclass(frozen=True, slots=True)
class SnapRevision:
    """A snapshot of a revision.

    Attributes:
        number: Its number.
        version: Its version.
        architectures: Its architectures.
        status: Its status, such as ``"Published"`` (which it is once it can be released) or ``"ManualReviewPending"``.
        upload: Its file.
        created_by: The user name of the account that pushed it.
        properties: Its base, confinement, grade, type and epoch.
    """

    number: int
    version: str
    architectures: tuple[str, ...]
    status: str
    upload: StoredUpload
    created_by: str
    properties: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class SnapRelease:
    """A snapshot of a release: a revision in a channel, for one architecture.

    Attributes:
        channel: The channel, with its track.
        architecture: The architecture.
        revision: The number of the revision.
        percentage: How many percent of all devices it reaches; ``None`` for all.
        paused: Whether that stays as it is.
        when: When it was released, by the store's clock.
        expires: When the branch ends; ``None`` for other channels.
    """

    channel: str
    architecture: str
    revision: int
    percentage: float | None
    paused: bool
    when: datetime
    expires: datetime | None = None


def snapshot_push(push: Push) -> SnapPush:
    """Return a copy of a push."""
    return SnapPush(
        snap=push.snap.name,
        number=push.number,
        upload=push.upload,
        code=push.code,
        errors=tuple(push.errors),
        revision=None if push.revision is None else push.revision.number,
        channels=tuple(channel.name for channel in push.channels),
        built_at=push.built_at,
        components=dict(push.components),
    )


def snapshot_revision(revision: Revision) -> SnapRevision:
    """Return a copy of a revision."""
    return SnapRevision(
        number=revision.number,
        version=revision.version,
        architectures=revision.architectures,
        status=revision.status,
        upload=revision.upload,
        created_by=revision.created_by.username,
        properties=dict(revision.attributes),
    )


def snapshot_release(release: Release) -> SnapRelease:
    """Return a copy of a release."""
    return SnapRelease(
        channel=release.channel.name,
        architecture=release.architecture,
        revision=release.revision,
        percentage=None if release.progressive is None else release.progressive.percentage,
        paused=release.progressive is not None and release.progressive.paused,
        when=release.when,
        expires=release.expires,
    )

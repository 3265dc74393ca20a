"""What the embedded Snap Store does with a push after it was accepted. Time has no part in it: tests advance it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lading.testing.canonical._state import StoredUpload
from lading.testing.canonical.snap._releases import add_releases, unreleasable
from lading.testing.canonical.snap._state import Plan, Push, Revision

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from lading.testing.canonical._state import StoreAccount, StoreState
    from lading.testing.canonical.snap._state import Snap

CODES = (
    "ready_to_release",
    "need_manual_review",
    "processing_error",
    "processing_upload_delta_error",
)
DUPLICATE = "binary_sha3_384: A file with this exact same content has already been uploaded"
MAGIC = b"hsqs"
ATTRIBUTES = {"base": "core24", "confinement": "strict", "grade": "stable", "type": "app"}
_ARCHITECTURES = {"multi": ("amd64", "arm64")}
_REASONS = {
    "processing_error": "The store was unable to accept this snap.",
    "processing_upload_delta_error": "Delta service failed to apply delta within 60s",
}
_STATUSES = {"ready_to_release": "Published", "need_manual_review": "ManualReviewPending"}


def keep(state: StoreState, filename: str, content: bytes) -> StoredUpload:
    """Keep a file as if it had been uploaded."""
    upload_id = str(uuid4())
    path = state.directory / upload_id
    path.write_bytes(content)
    kinds = ("sha256", "sha384", "sha512", "sha3_384")
    digests = {kind: hashlib.new(kind, content).hexdigest() for kind in kinds}
    state.uploads[upload_id] = StoredUpload(upload_id, filename, path, len(content), digests, state.clock.now)
    return state.uploads[upload_id]


def create_push(
    snap: Snap, upload: StoredUpload, sender: StoreAccount, now: datetime, *, plans: list[Plan], **more: Any
) -> Push:
    """Create a push of a file, which is being processed from now on.

    Args:
        snap: The snap.
        upload: The file.
        sender: The account that pushes.
        now: The time.
        plans: How processing ends, of this and the next pushes; it uses up the first.
        more: Further attributes of the push.
    """
    push = Push(len(snap.pushes) + 1, snap, upload, sender, now, plan=plans.pop(0) if plans else Plan(), **more)
    snap.pushes.append(push)
    return push


def advance(push: Push, now: datetime) -> None:
    """End the processing of a push as it was planned; what cannot be accepted is rejected in any case."""
    if push.code == "being_processed":
        errors = problems(push) if push.plan.code in _STATUSES else []
        plan = Plan("processing_error", tuple(errors)) if errors else push.plan
        finish(push, plan, now)


def problems(push: Push) -> list[str]:
    """Return why the file cannot be accepted."""
    if not is_snap(push.upload.path):
        return ["The uploaded file is not a squashfs file system."]
    if any(
        other.upload.digests["sha3_384"] == push.upload.digests["sha3_384"] for other in push.snap.revisions.values()
    ):
        return [DUPLICATE]
    return []


def is_snap(path: Path) -> bool:
    """Return whether a file begins as a snap does."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def finish(push: Push, plan: Plan, now: datetime) -> None:
    """Put a push into a state."""
    push.code = plan.code
    push.errors = list(plan.errors) or ([_REASONS[plan.code]] if plan.code in _REASONS else [])
    if plan.code in _STATUSES:
        accept(push, plan.code, now, **plan.properties)
    elif push.revision is not None:
        push.revision.status = "Rejected"


def accept(push: Push, code: str, now: datetime, **properties: Any) -> Revision:
    """Make a revision of a push, unless it is one already, and return it."""
    push.code = code
    push.revision = push.revision or _create_revision(push, **properties)
    push.revision.status = _STATUSES[code]
    if code == "ready_to_release":
        _release(push, push.revision, now)
    return push.revision


def _create_revision(
    push: Push, *, version: str | None = None, architectures: Sequence[str] | None = None, **attributes: Any
) -> Revision:
    name_version, name_architectures = describe(push.upload.filename)
    snap = push.snap
    revision = Revision(
        number=len(snap.revisions) + 1,
        upload=push.upload,
        created_at=push.created_at,
        created_by=push.sender,
        architectures=tuple(architectures or name_architectures),
        version=version or name_version,
        attributes=ATTRIBUTES | {"epoch": {"read": [0], "write": [0]}} | attributes,
        components=push.components,
    )
    snap.revisions[revision.number] = revision
    return revision


def describe(filename: str) -> tuple[str, tuple[str, ...]]:
    """Return version and architectures as the name of a snap's file has them: ``name_version_architecture.snap``."""
    parts = filename.removesuffix(".snap").split("_")
    if len(parts) < 3:
        return "0", ("amd64",)
    return "_".join(parts[1:-1]), _ARCHITECTURES.get(parts[-1], (parts[-1],))


def _release(push: Push, revision: Revision, now: datetime) -> None:
    """Release what was pushed with channels; where that is not possible, its status says why."""
    channels, push.channels = push.channels, ()
    problem = unreleasable(push.snap, revision, channels)
    if problem is None:
        add_releases(push.snap, revision, channels, now)
    else:
        push.errors.append(problem[1])

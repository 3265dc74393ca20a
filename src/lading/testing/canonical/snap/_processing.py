"""What the embedded Snap Store does with a push after it was accepted. Time has no part in it: tests advance it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lading.testing.canonical._state import StoredUpload
from lading.testing.canonical.snap._releases import add_releases, unreleasable
from lading.testing.canonical.snap._state import Push, Revision

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from lading.testing.canonical._state import StoreAccount, StoreState
    from lading.testing.canonical.snap._state import Snap

CODES = (
    "being_processed",
    "ready_to_release",
    "need_manual_review",
    "processing_error",
    "processing_upload_delta_error",
)
DUPLICATE = "binary_sha3_384: A file with this exact same content has already been uploaded"
MAGIC = b"hsqs"
_ATTRIBUTES = {"base": "core24", "confinement": "strict", "grade": "stable", "type": "app"}
_ARCHITECTURES = {"multi": ("amd64", "arm64")}
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


def create_push(snap: Snap, upload: StoredUpload, sender: StoreAccount, now: datetime, **more: Any) -> Push:
    """Create a push of a file, which is being processed from now on."""
    push = Push(len(snap.pushes) + 1, snap, upload, sender, now, **more)
    snap.pushes.append(push)
    return push


def advance(push: Push, now: datetime) -> None:
    """Advance a push by one state: what is processed, or waits for a person, is accepted unless something is wrong."""
    if push.code == "being_processed":
        errors = problems(push)
        finish(push, "processing_error" if errors else "ready_to_release", now, errors=errors)
    elif push.code == "need_manual_review":
        finish(push, "ready_to_release", now)


def problems(push: Push) -> list[str]:
    """Return why the file cannot be accepted."""
    with push.upload.path.open("rb") as file:
        magic = file.read(len(MAGIC))
    if magic != MAGIC:
        return ["The uploaded file is not a squashfs file system."]
    if any(
        other.upload.digests["sha3_384"] == push.upload.digests["sha3_384"] for other in push.snap.revisions.values()
    ):
        return [DUPLICATE]
    return []


def finish(push: Push, code: str, now: datetime, *, errors: Iterable[str] = (), **properties: Any) -> None:
    """Put a push into a state; see ``EmbeddedSnapStore.finish``."""
    push.code = code
    push.errors = list(errors)
    if code in _STATUSES:
        accept(push, code, now, **properties)
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
        attributes=_ATTRIBUTES | {"epoch": {"read": [0], "write": [0]}} | attributes,
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

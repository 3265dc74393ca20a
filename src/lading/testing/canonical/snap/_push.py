"""Pushes of uploaded files at the embedded Snap Store, and their status."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lading.testing.canonical._refusals import DashboardRefusal
from lading.testing.canonical.snap._processing import advance, create_push
from lading.testing.canonical.snap._releases import read_channels
from lading.testing.canonical.snap._state import SERIES
from lading.testing.messages import ServerResponse

if TYPE_CHECKING:
    from lading.testing.canonical._state import StoredUpload
    from lading.testing.canonical.snap._channels import Channel
    from lading.testing.canonical.snap._request import SnapRequest
    from lading.testing.canonical.snap._state import Snap

_COMPONENT = re.compile(r"[a-z0-9](?:-?[a-z0-9])*")


def push(request: SnapRequest) -> ServerResponse:
    """Accept an upload for processing; with ``dry_run``, only say whether the account may push."""
    snap = request.publishable(request.field("name", str, required=True))
    if request.field("dry_run", bool, default=False):
        return ServerResponse.json({"success": True}, 202)
    if request.field("series", str, required=True) != SERIES:
        raise request.invalid_field("series")
    upload = _uploaded(request, request.field("updown_id", str, required=True), "updown_id")
    if request.field("binary_filesize", int, default=upload.size) != upload.size:
        raise request.invalid_field("binary_filesize")
    request.field("source_uploaded", bool)
    accepted = create_push(
        snap,
        upload,
        request.account,
        request.now,
        plans=request.state.plans,
        channels=_channels(request, snap),
        built_at=_built_at(request),
        components=_components(request),
    )
    url = f"{request.base}/dev/api/snaps/{snap.id}/builds/{accepted.number}/status"
    return ServerResponse.json({"success": True, "status_details_url": url}, 202)


def _uploaded(request: SnapRequest, upload_id: object, name: str) -> StoredUpload:
    found = request.uploads.get(upload_id) if isinstance(upload_id, str) else None
    if found is None:
        raise request.invalid_field(name)
    return found


def _channels(request: SnapRequest, snap: Snap) -> tuple[Channel, ...]:
    names = request.field("channels", list)
    if not names:
        return ()
    request.check_permission("package_release")
    channels = read_channels(request, snap, names)
    refused = request.refused_channels(channels)
    if refused:
        allowed, wanted = " ".join(request.session.channels or ()), ", ".join(one.short_name for one in refused)
        message = f"Macaroon channel restrictions ({allowed}) do not allow release to {wanted}."
        raise DashboardRefusal(403, ("invalid-channel-permission", message))
    return channels


def _built_at(request: SnapRequest) -> str | None:
    text: str | None = request.field("built_at", str)
    if text is not None:
        try:
            datetime.fromisoformat(text)
        except ValueError:
            raise request.invalid_field("built_at") from None
    return text


def _components(request: SnapRequest) -> dict[str, StoredUpload]:
    components: dict[str, Any] = request.field("components", dict, default={})
    if not all(_COMPONENT.fullmatch(name) for name in components):
        raise request.invalid_field("components")
    return {name: _uploaded(request, upload_id, "components") for name, upload_id in components.items()}


def status(request: SnapRequest, snap_id: str, number: int) -> dict[str, Any]:
    """Return the status of a push; its URL needs no credentials."""
    snap = request.state.by_id(snap_id)
    if snap is None or not 0 < number <= len(snap.pushes):
        raise DashboardRefusal(404, ("resource-not-found", "The requested resource was not found."))
    found = snap.pushes[number - 1]
    shown: dict[str, Any] = {
        "code": found.code,
        "processed": found.processed,
        "can_release": found.code == "ready_to_release",
    }
    if found.revision is not None:
        number = found.revision.number
        shown["url"] = f"{request.base}/snaps/{snap.name}/revisions/{number}/"
        shown["revision"] = str(number) if request.options.string_revisions else number
    if found.errors:
        shown["errors"] = [{"code": None, "message": message} for message in found.errors]
    if request.options.auto_review:
        advance(found, request.now)  # the next response shows it
    return shown

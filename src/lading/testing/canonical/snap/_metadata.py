"""The store page of a snap at the embedded Snap Store: its texts, its images and its metrics."""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from lading.testing._server.refusals import Refusal
from lading.testing.messages import ServerResponse

if TYPE_CHECKING:
    from lading.testing._server.forms import UploadedFile
    from lading.testing.canonical.snap._request import SnapRequest
    from lading.testing.canonical.snap._state import Snap

_TEXTS = {"title": 40, "summary": 128, "description": 4096, "license": 256, "contact": 256, "website": 256}
_BOOLEANS = ("private", "unlisted", "public_metrics_enabled")
_MEDIA_TYPES = ("icon", "screenshot", "banner")
_MAX_IMAGE = 2 << 20
_MAX_ICON = 256 << 10
_IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"<svg", b"<?xml")
METRICS = (
    "daily_device_change",
    *(
        f"{weekly}installed_base_by_{what}"
        for weekly in ("", "weekly_")
        for what in ("channel", "country", "operating_system", "version")
    ),
    "weekly_device_change",
)


def update(request: SnapRequest, snap_id: str) -> ServerResponse:
    """Update the texts of a store page. With POST, what was changed on the web is kept, and the request refused."""
    snap = request.publishable_by_id(snap_id)
    for name, value in request.fields.items():
        _check_text(request, name, value)
    conflicts = [
        name
        for name, value in request.fields.items()
        if name in snap.edited and snap.metadata.get(name) != value and request.method == "POST"
    ]
    if conflicts:
        raise _conflict({name: (snap.metadata.get(name), request.fields[name]) for name in conflicts})
    snap.metadata.update(request.fields)
    if "private" in request.fields:
        snap.private = request.fields["private"]
    return ServerResponse(200, {"Content-Type": "text/plain"})


def _check_text(request: SnapRequest, name: str, value: object) -> None:
    if name in _BOOLEANS:
        valid = isinstance(value, bool)
    else:
        valid = name in _TEXTS and isinstance(value, str) and len(value) <= _TEXTS[name]
    if not valid:
        raise request.refuse(400, ("invalid-request", f"Invalid field: {name}"))


def _conflict(fields: dict[str, tuple[Any, Any]]) -> Refusal:
    """Return the refusal of members that have other values in the store."""
    errors = [
        {
            "code": "conflict",
            "message": f"Conflict on {name}",
            "extra": {"name": name, "field": name, "current": current, "value": value},
        }
        for name, (current, value) in fields.items()
    ]
    return Refusal(409, {"error_list": errors})


def list_media(request: SnapRequest, snap_id: str) -> list[dict[str, Any]]:
    """Return the images of a store page."""
    snap = request.publishable_by_id(snap_id)
    return [{**media, "url": f"{request.base}/media/{media['hash']}"} for media in snap.media]


def update_media(request: SnapRequest, snap_id: str) -> list[dict[str, Any]]:
    """Replace the images of a store page by those that ``info`` lists: new ones, and some that it has already."""
    snap = request.publishable_by_id(snap_id)
    media = [_checked(request, snap, entry) for entry in _info(request)]
    icons = [one["hash"] for one in media if one["type"] == "icon"]
    if len(icons) > 1:
        raise request.refuse(400, ("media-too-many-items", "A snap has one icon."))
    current = [one["hash"] for one in snap.media if one["type"] == "icon"]
    if request.method == "POST" and "icon" in snap.edited and icons != current:
        raise _conflict({"icon": (current[0] if current else None, icons[0] if icons else None)})
    snap.media = media
    return media


def _info(request: SnapRequest) -> list[dict[str, Any]]:
    texts = [value for part, value in request.form.fields if part.name == "info"]
    try:
        entries = json.loads(texts[0])
    except (IndexError, ValueError, RecursionError):
        raise request.refuse(400, ("invalid-request", "Invalid field: info")) from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise request.refuse(400, ("invalid-request", "Invalid field: info"))
    return entries


def _checked(request: SnapRequest, snap: Snap, entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry of ``info`` as the store keeps it."""
    kind = entry.get("type")
    if kind not in _MEDIA_TYPES:
        raise request.refuse(400, ("invalid-request", f"Invalid field: {kind}"))
    kept = {name: value for name, value in entry.items() if name in ("type", "hash", "filename")}
    if "key" not in entry:
        if not any(media["hash"] == entry.get("hash") and media["type"] == kind for media in snap.media):
            raise request.refuse(400, ("invalid-request", f"Invalid field: {kind}"))
        return kept
    file = next((one for one in request.form.files if one.name == entry["key"]), None)
    if file is None:
        raise request.refuse(400, ("invalid-request", f"Invalid field: {kind}"))
    _check_image(request, kind, file, entry.get("hash"))
    return kept


def _check_image(request: SnapRequest, kind: str, file: UploadedFile, digest: object) -> None:
    if file.size > (_MAX_ICON if kind == "icon" else _MAX_IMAGE):
        raise request.refuse(400, ("media-file-size-too-big", f"The {kind} is too big."))
    data = file.path.read_bytes()
    if not data.lstrip().startswith(_IMAGES):
        raise request.refuse(400, ("media-unsupported-type", f"The {kind} is no image of a supported type."))
    if hashlib.sha256(data).hexdigest() != digest:
        raise request.refuse(400, ("invalid-request", f"Invalid field: {kind}"))


def metrics(request: SnapRequest) -> dict[str, Any]:
    """Return the figures that a list of filters selects."""
    filters = request.field("filters", list, required=True)
    return {"metrics": [_metric(request, at, wanted) for at, wanted in enumerate(filters)]}


def _metric(request: SnapRequest, at: int, wanted: Any) -> dict[str, Any]:
    if not isinstance(wanted, dict):
        raise request.invalid_field("filters")
    snap = request.publishable_by_id(str(wanted.get("snap_id")))
    name = wanted.get("metric_name")
    try:
        start, end = (date.fromisoformat(str(wanted.get(key))) for key in ("start", "end"))
    except ValueError:
        raise request.invalid_field("filters") from None
    if name not in METRICS:
        raise request.invalid_field("filters")
    if start > end:
        extra = {"index": at, "start": start.isoformat(), "end": end.isoformat()}
        error = {"code": "invalid-date-interval", "message": f"Filter with start > end at index {at}", "extra": extra}
        raise Refusal(400, {"error_list": [error]})
    days = [(start + timedelta(days=day)).isoformat() for day in range((end - start).days + 1)]
    known = snap.metrics.get(name, {})
    series = sorted({one for day in days for one in known.get(day, {})})
    return {
        "snap_id": snap.id,
        "metric_name": name,
        "status": "OK" if series else "NO DATA",
        "buckets": days if series else [],
        "series": [{"name": one, "values": [known.get(day, {}).get(one) for day in days]} for one in series],
    }

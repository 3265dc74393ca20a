"""What installers read of a snap, without credentials, at the embedded Snap Store."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lading.testing.canonical.snap._names import show_publisher
from lading.testing.canonical.snap._state import SERIES
from lading.testing.messages import ServerResponse

if TYPE_CHECKING:
    from lading.testing.canonical.snap._request import SnapRequest
    from lading.testing.canonical.snap._state import Release, Revision, Snap

_DEFAULT = "created-at,download,license,name,prices,publisher,revision,snap-id,store-url,summary,title,type,version"
# The fields of the snap, and those of each revision.
_OF_SNAP = frozenset(
    {
        *("categories", "contact", "description", "gated-snap-ids", "license", "links", "media", "name", "prices"),
        *("private", "publisher", "snap-id", "store-url", "summary", "title", "trending", "unlisted", "website"),
    }
)
_OF_REVISION = frozenset(
    {
        *("architectures", "base", "common-ids", "confinement", "created-at", "download", "epoch", "resources"),
        *("revision", "snap-yaml", "type", "version"),
    }
)
_DOWNLOADS = "/api/v1/snaps/download"


def info(request: SnapRequest, name: str) -> dict[str, Any]:
    """Return a snap with what is released in its channels; branches and closed channels are left out."""
    _check_headers(request)
    fields = request.query.get("fields", _DEFAULT).split(",")
    unknown = [field for field in fields if field not in _OF_SNAP | _OF_REVISION | {"channel-map"}]
    if unknown:
        raise request.refuse(400, ("bad-argument", f"Invalid field(s): {', '.join(unknown)}"))
    snap = request.state.snaps.get(name)
    released = [] if snap is None or snap.private else _visible(request, snap)
    if snap is None or not released:
        raise request.refuse(404, ("resource-not-found", f"No snap named '{name}' found in series '{SERIES}'."))
    shown = {name: value for name, value in _snap_fields(request, snap).items() if name in fields}
    return {
        "channel-map": [_entry(request, snap, release, fields) for release in released],
        "default-track": snap.default_track,
        "name": snap.name,
        "snap": shown,
        "snap-id": snap.id,
    }


def _check_headers(request: SnapRequest) -> None:
    for name in ("Snap-Device-Series", "User-Agent"):
        if not request.headers.get(name):
            raise request.refuse(400, ("bad-argument", f"{name} header is required."))
    if request.headers["Snap-Device-Series"] != SERIES:
        raise request.refuse(400, ("bad-argument", "Snap-Device-Series header is invalid."))


def _visible(request: SnapRequest, snap: Snap) -> list[Release]:
    """Return what installers see, in the order of the store."""
    seen_at = request.now - timedelta(seconds=request.options.info_delay)
    wanted = request.query.get("architecture")
    found = [
        release
        for release in snap.released(seen_at, now=request.now)
        if release.channel.branch is None
        and release.progressive is None
        and (wanted is None or release.architecture == wanted)
    ]
    return sorted(found, key=lambda one: (one.channel.track, one.channel.order, one.architecture))


def _entry(request: SnapRequest, snap: Snap, release: Release, fields: list[str]) -> dict[str, Any]:
    revision = snap.revisions[release.revision]
    shown = {name: value for name, value in _revision_fields(request, snap, revision).items() if name in fields}
    return {
        "channel": {
            "architecture": release.architecture,
            "name": release.channel.short_name,
            "released-at": f"{release.when:%Y-%m-%dT%H:%M:%S.%f+00:00}",
            "risk": release.channel.risk,
            "track": release.channel.track,
        },
        **shown,
    }


def _snap_fields(request: SnapRequest, snap: Snap) -> dict[str, Any]:
    texts = {name: snap.metadata.get(name, "") for name in ("description", "license", "summary", "website")}
    return {
        **texts,
        "categories": [],
        "contact": snap.metadata.get("contact"),
        "gated-snap-ids": [],
        "links": {},
        "media": [{"type": one["type"], "url": f"{request.base}/media/{one['hash']}"} for one in snap.media],
        "name": snap.name,
        "prices": {},
        "private": snap.private,
        "publisher": show_publisher(snap),
        "snap-id": snap.id,
        "store-url": f"{request.base}/{snap.name}",
        "title": snap.metadata.get("title", snap.name),
        "trending": False,
        "unlisted": snap.metadata.get("unlisted", False),
    }


def _revision_fields(request: SnapRequest, snap: Snap, revision: Revision) -> dict[str, Any]:
    attributes = revision.attributes
    return {
        **{name: attributes[name] for name in ("base", "confinement", "epoch", "type")},
        "architectures": list(revision.architectures),
        "common-ids": [],
        "created-at": f"{revision.created_at:%Y-%m-%dT%H:%M:%S.%f+00:00}",
        "download": {
            "deltas": [],
            "sha3-384": revision.upload.digests["sha3_384"],
            "size": revision.upload.size,
            "url": f"{request.base}{_DOWNLOADS}/{snap.id}_{revision.number}.snap",
        },
        "resources": [{"name": name, "type": "component"} for name in revision.components],
        "revision": revision.number,
        "version": revision.version,
    }


def download(request: SnapRequest, filename: str) -> ServerResponse:
    """Return the file of a revision."""
    snap_id, _, number = filename.removesuffix(".snap").partition("_")
    snap = request.state.by_id(snap_id)
    revision = snap.revisions.get(int(number)) if snap is not None and number.isdecimal() else None
    if revision is None:
        raise request.refuse(404, ("resource-not-found", "The requested resource was not found."))
    return ServerResponse(200, {"Content-Type": "application/octet-stream"}, revision.upload.path)

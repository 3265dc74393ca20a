"""The channel map of a snap in the shapes in which the embedded Snap Store shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading.testing.canonical.snap._channels import RISKS, Channel
from lading.testing.canonical.snap._names import show_publisher
from lading.testing.canonical.snap._state import SERIES, architectures_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from lading.testing.canonical.snap._request import SnapRequest
    from lading.testing.canonical.snap._state import Release, Revision, Snap

_PAGE_SIZE = 500


def channel_map(request: SnapRequest, name: str) -> dict[str, Any]:
    """Return what is released in each channel, with the revisions."""
    snap = _readable(request, name)
    released = sorted(
        snap.released(request.now), key=lambda one: (one.channel.track, one.channel.order, one.architecture)
    )
    numbers = {release.revision for release in released}
    return {
        "channel-map": [
            {
                "architecture": release.architecture,
                "channel": release.channel.name,
                "expiration-date": _date(release.expires),
                "progressive": _show_progressive(release),
                "revision": release.revision,
                "when": _date(release.when),
            }
            for release in released
        ],
        "revisions": [
            _show_revision(snap.revisions[number], hyphens=True)
            for number in sorted(snap.revisions, reverse=True)
            if number in numbers
        ],
        "snap": _show_snap(snap, released),
    }


def releases(request: SnapRequest, name: str) -> dict[str, Any]:
    """Return a page of all releases, newest first, with their revisions and those that are not released."""
    snap = _readable(request, name)
    page, size = (_positive(request, key, default) for key, default in (("page", 1), ("size", _PAGE_SIZE)))
    history = snap.history[::-1][(page - 1) * size :][:size]
    last = page * size >= len(snap.history)
    links = {"self": _page_url(request, name, page, size)}
    if not last:
        links["next"] = _page_url(request, name, page + 1, size)
    ever = {release.revision for release in snap.history}
    numbers = {release.revision for release in history}
    if page == 1:
        numbers |= snap.revisions.keys() - ever
    return {
        "releases": [
            {
                "architecture": release.architecture,
                "branch": release.channel.branch,
                "channel": release.channel.name,
                "expiration-date": _date(release.expires),
                "progressive": _show_progressive(release),
                "revision": release.revision or None,
                "risk": release.channel.risk,
                "track": release.channel.track,
                "when": _date(release.when),
            }
            for release in history
        ],
        "revisions": [
            _show_revision(snap.revisions[number], hyphens=False)
            for number in sorted(snap.revisions, reverse=True)
            if number in numbers
        ],
        "snap": _show_snap(snap, snap.released(request.now)),
        **({"_links": links} if request.options.page_links else {}),
    }


def _page_url(request: SnapRequest, name: str, page: int, size: int) -> str:
    return f"{request.base}/api/v2/snaps/{name}/releases?page={page}&size={size}"


def state(request: SnapRequest, snap_id: str) -> dict[str, Any]:
    """Return the whole channel map as a tree, architectures without a release too."""
    snap = request.publishable_by_id(snap_id)
    if request.query.get("series", SERIES) != SERIES:
        raise request.invalid_field("series")
    architecture = request.query.get("architecture")
    known = architectures_of(snap.revisions.values())
    if architecture is not None and architecture not in known:
        return {}
    return {"channel_map_tree": channel_map_tree(snap, request.now, [architecture] if architecture else known)}


def channel_map_tree(snap: Snap, now: datetime, architectures: Iterable[str] | None = None) -> dict[str, Any]:
    """Return the channel map as a tree of tracks, series and architectures."""
    shown = architectures_of(snap.revisions.values()) if architectures is None else sorted(architectures)
    return {
        track: {SERIES: {architecture: risks_of(snap, track, architecture, now) for architecture in shown}}
        for track in snap.tracks
    }


def risks_of(snap: Snap, track: str, architecture: str, now: datetime) -> list[dict[str, Any]]:
    """Return the state of every risk of *track*, and of its branches, for one architecture."""
    released = {
        one.channel: one
        for one in snap.released(now)
        if one.progressive is None and (one.channel.track, one.architecture) == (track, architecture)
    }
    shown: list[dict[str, Any]] = []
    follows = False
    for risk in RISKS:
        release = released.get(Channel(track, risk))
        follows = follows or release is not None
        if release is None:
            shown.append({"channel": risk, "info": "tracking" if follows else "none"})
        else:
            shown.append({"channel": risk, "info": "specific", **_version(snap, release)})
    branches = sorted((channel for channel in released if channel.branch), key=lambda channel: channel.order)
    for channel in branches:
        release = released[channel]
        details = {**_version(snap, release), "expires_at": f"{release.expires:%Y-%m-%dT%H:%M:%S.%f}"}
        shown.append({"channel": channel.name_in_track, "info": "branch", **details})
    return shown


def _version(snap: Snap, release: Release) -> dict[str, Any]:
    return {"version": snap.revisions[release.revision].version, "revision": release.revision}


def _show_progressive(release: Release) -> dict[str, Any]:
    found = release.progressive
    return {
        "paused": None if found is None else found.paused,
        "percentage": None if found is None else found.percentage,
        "current-percentage": None,
    }


def _show_revision(revision: Revision, *, hyphens: bool) -> dict[str, Any]:
    """Return a revision; the older of the two endpoints has underscores in two of its members."""
    created, url = ("created-at", "build-url") if hyphens else ("created_at", "build_url")
    return {
        "architectures": list(revision.architectures),
        "attributes": {},
        **revision.attributes,
        url: None,
        created: _date(revision.created_at),
        "revision": revision.number,
        "sha3-384": revision.upload.digests["sha3_384"],
        "size": revision.upload.size,
        "status": revision.status,
        "version": revision.version,
    }


def _show_snap(snap: Snap, released: Iterable[Release]) -> dict[str, Any]:
    channels = [Channel(track, risk) for track in snap.tracks for risk in RISKS]
    branches = {release.channel for release in released if release.channel.branch is not None}
    channels += sorted(branches, key=lambda channel: (channel.track, channel.order))
    return {
        "id": snap.id,
        "name": snap.name,
        "private": snap.private,
        "title": snap.metadata.get("title", snap.name),
        "publisher": show_publisher(snap),
        "default-track": snap.default_track,
        "channels": [
            {
                "name": channel.name,
                "track": channel.track,
                "risk": channel.risk,
                "branch": channel.branch,
                "fallback": channel.fallback and channel.fallback.name,
            }
            for channel in channels
        ],
        "tracks": [
            {
                "name": track.name,
                "status": "default" if track.name == snap.default_track else "active",
                "creation-date": _date(track.created_at),
                "version-pattern": track.version_pattern,
            }
            for track in snap.tracks.values()
        ],
    }


def _date(when: datetime | None) -> str | None:
    return None if when is None else f"{when:%Y-%m-%dT%H:%M:%SZ}"


def _positive(request: SnapRequest, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= _PAGE_SIZE):
        raise request.refuse(400, ("invalid-request", f"{text!r} is not a valid value of {name}"))
    return int(text)


def _readable(request: SnapRequest, name: str) -> Snap:
    """Return the snap called *name*; of a snap of others, the store does not say that it exists."""
    snap = request.state.snaps.get(name)
    if snap is None or not snap.may_publish(request.account):
        raise request.refuse(404, ("resource-not-found", f"Snap not found for name={name}"))
    request.check_package(snap)
    return snap

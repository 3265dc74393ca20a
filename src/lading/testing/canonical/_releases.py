"""Releases at the gateway's API: revisions are put into channels, and the channel map is shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lading.testing.canonical._access import existing, require_channel
from lading.testing.canonical._channels import parse_channel, show_channels
from lading.testing.canonical._packages import Release
from lading.testing.canonical._request import Api, Route
from lading.testing.canonical._revisions import released_revisions, show_revision
from lading.testing.canonical._schema import BOOLEAN, STRING, Schema, array, members, or_null
from lading.testing.canonical._tokens import show_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lading.testing.canonical._channels import Channel
    from lading.testing.canonical._packages import Package, Revision
    from lading.testing.canonical._request import StoreRequest

_NUMBER = Schema(type="integer", minimum=1)
_RESOURCE = members({"name": STRING}, revision=or_null(_NUMBER))
_PROGRESSIVE = members({}, percentage=or_null(Schema(type="number", minimum=0, maximum=100)), paused=or_null(BOOLEAN))
_ITEM = members(
    {"channel": STRING, "revision": or_null(_NUMBER)},
    resources=or_null(array(_RESOURCE)),
    progressive=or_null(_PROGRESSIVE),
)
_RELEASE = array(_ITEM, min_items=1)
# The branches of channels close by themselves.
_BRANCH_LIFETIME = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One item of a request, checked."""

    channel: Channel
    revision: Revision | None
    resources: tuple[tuple[str, int | None], ...]
    percentage: float | None
    paused: bool | None


class Releases:
    """The handlers of releases.

    Args:
        namespace: The namespace.
        progressive: Whether progressive releases are known. A store that does not know them releases to all devices.
    """

    def __init__(self, namespace: str, *, progressive: bool = True) -> None:
        self._namespace = namespace
        self._progressive = progressive

    @property
    def api(self) -> Api:
        """The routes."""
        base = f"/v1/{self._namespace}/{{name}}/releases"
        return Api([Route("GET", base, self._list, private=True), Route("POST", base, self._release, private=True)])

    def _list(self, request: StoreRequest, name: str) -> dict[str, Any]:
        package = existing(request, name, "package-view-releases", "package-view")
        expire_branches(package, request)
        return {
            "channel-map": [_show_release(package, release) for release in package.releases],
            "package": {"channels": show_channels(package)},
            "revisions": [show_revision(revision) for revision in released_revisions(package)],
        }

    def _release(self, request: StoreRequest, name: str) -> dict[str, Any]:
        package = existing(request, name, "package-manage-releases", "package-manage")
        items = request.json(_RELEASE)
        expire_branches(package, request)
        wanted = [self._checked(request, package, item) for item in items]  # all or nothing
        for one in wanted:
            _apply(request, package, one)
        package.history.append((request.state.clock.now, list(package.releases)))
        return {"released": [_show_result(request, one) for one in wanted]}

    def _checked(self, request: StoreRequest, package: Package, item: dict[str, Any]) -> _Wanted:
        channel = parse_channel(request, package, item["channel"])
        require_channel(request, channel.name)
        if item["revision"] is None:
            return _Wanted(channel, None, (), None, None)
        revision = package.revisions.get(item["revision"])
        if revision is None:
            raise request.refuse(404, ("resource-not-found", f"Revision {item['revision']} not found"))
        pattern = package.tracks[channel.track].version_pattern
        if pattern and not re.fullmatch(pattern, revision.version):
            text = f"Version {revision.version!r} does not match the version pattern of track {channel.track!r}"
            raise request.refuse(400, ("api-error", text))
        progressive = (item.get("progressive") or {}) if self._progressive else {}
        percentage, paused = progressive.get("percentage"), progressive.get("paused")
        resources = _resources(request, package, revision, channel, item.get("resources") or ())
        return _Wanted(channel, revision, resources, None if percentage == 100 else percentage, paused)


def _resources(
    request: StoreRequest, package: Package, revision: Revision, channel: Channel, given: Sequence[dict[str, Any]]
) -> tuple[tuple[str, int | None], ...]:
    """Return the revision of each resource that the charm declares: as given, or as in the channel now."""
    chosen: dict[str, int | None] = {}
    for one in given:
        name, number = one["name"], one.get("revision")
        resource = package.resources.get(name)
        if resource is None or name not in revision.file.resources:
            raise request.refuse(400, ("api-error", f"Resource {name!r} is not declared by revision {revision.number}"))
        if number is not None and not any(number == known.number for known in resource.revisions):
            raise request.refuse(404, ("resource-not-found", f"Revision {number} of resource {name!r} not found"))
        chosen[name] = number
    current = dict(_current(package, channel))
    for name in revision.file.resources:
        if chosen.get(name) is None:
            chosen[name] = current.get(name)
        if chosen[name] is None:
            text = (
                f"Resource {name!r} doesn't have a released revision for {package.type} with id {package.id!r} and "
                f"revision {revision.number}"
            )
            raise request.refuse(400, ("api-error", text))
    return tuple((name, chosen[name]) for name in revision.file.resources)


def _current(package: Package, channel: Channel) -> tuple[tuple[str, int | None], ...]:
    found = [release.resources for release in package.releases if release.channel == channel.name]
    return found[-1] if found else ()


def _apply(request: StoreRequest, package: Package, wanted: _Wanted) -> None:
    """Put a revision into a channel, in place of what is there on the same bases; or close the channel."""
    now, name, revision = request.state.clock.now, wanted.channel.name, wanted.revision
    if revision is None:
        package.releases = [release for release in package.releases if release.channel != name]
        return
    bases = [None if base is None else tuple(base.items()) for base in revision.file.bases]
    kept = [
        release
        for release in package.releases
        if release.channel != name
        or release.base not in bases
        # Beside a progressive release stays what the other devices have.
        or (wanted.percentage is not None and release.percentage is None)
    ]
    expires = now + _BRANCH_LIFETIME if wanted.channel.branch else None
    package.releases = kept + [
        Release(name, revision.number, base, wanted.resources, now, wanted.percentage, wanted.paused, expires)
        for base in bases
    ]
    revision.status, package.status = "released", "published"


def expire_branches(package: Package, request: StoreRequest) -> None:
    """Close the branches that have expired."""
    now = request.state.clock.now
    package.releases = [one for one in package.releases if one.expires is None or one.expires > now]


def _show_release(package: Package, release: Release) -> dict[str, Any]:
    return {
        "base": None if release.base is None else dict(release.base),
        "channel": release.channel,
        "expiration-date": release.expires and show_time(release.expires),
        "progressive": {"paused": release.paused, "percentage": release.percentage},
        "resources": [
            {"name": name, "revision": number, "type": package.resources[name].type}
            for name, number in release.resources
        ],
        "revision": release.revision,
        "when": show_time(release.when),
    }


def _show_result(request: StoreRequest, wanted: _Wanted) -> dict[str, Any]:
    expires = request.state.clock.now + _BRANCH_LIFETIME if wanted.channel.branch and wanted.revision else None
    return {
        "channel": wanted.channel.name,
        "expiration-date": expires and show_time(expires),
        "resources": [{"name": name, "revision": number} for name, number in wanted.resources] or None,
        "revision": wanted.revision.number if wanted.revision else None,
        "version": wanted.revision.version if wanted.revision else None,
    }

"""What installers see of charms, without credentials, some time after it was released."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lading.testing.canonical._access import gateway_state
from lading.testing.canonical._request import Api, Route
from lading.testing.canonical._schema import Schema, array
from lading.testing.canonical._tokens import show_account, show_time
from lading.testing.messages import ServerResponse

if TYPE_CHECKING:
    from lading.testing.canonical._packages import GatewayState, Package, Release
    from lading.testing.canonical._request import StoreRequest

_LIBRARIES = array(Schema(type="object", open=True))
_RISKS = ("stable", "candidate", "beta", "edge")


def info_api() -> Api:
    """Return the routes that installers of charms use."""
    return Api(
        [
            Route("GET", "/v2/charms/info/{name}", _info),
            Route("GET", "/api/v1/charms/download/{place}", _download),
            Route("POST", "/v1/charm/libraries/bulk", _libraries),
        ]
    )


def _info(request: StoreRequest, name: str) -> dict[str, Any]:
    state = gateway_state(request)
    package = state.packages.get(name)
    releases = [] if package is None or package.private else visible_releases(state, package)
    if package is None or not releases:
        raise request.refuse(404, ("resource-not-found", f"No charm or bundle with name {name!r}."))
    wanted = {field.strip().partition(".")[0] for field in request.query.get("fields", "").split(",")}
    shown: dict[str, Any] = {"type": package.type, "id": package.id, "name": package.name}
    if "result" in wanted:
        texts = {key: package.metadata.get(key) for key in ("description", "summary", "title", "website")}
        shown["result"] = {**texts, "publisher": show_account(package.publisher)}
    maps = [_show(request, package, release) for release in releases]
    if "channel-map" in wanted:
        shown["channel-map"] = maps
    if "default-release" in wanted:
        track = package.default_track or "latest"
        own = [one for one in maps if one["channel"]["track"] == track] or maps
        shown["default-release"] = min(own, key=lambda one: _RISKS.index(one["channel"]["risk"]))
    return shown


def visible_releases(state: GatewayState, package: Package) -> list[Release]:
    """Return the releases that installers see: those of some time ago that reach all devices and have not expired."""
    latest = state.clock.now - timedelta(seconds=state.info_delay)
    seen: list[Release] = next((releases for when, releases in reversed(package.history) if when <= latest), [])
    return [
        release
        for release in seen
        if release.percentage is None and (release.expires is None or release.expires > state.clock.now)
    ]


def _show(request: StoreRequest, package: Package, release: Release) -> dict[str, Any]:
    revision = package.revisions[release.revision]
    track, risk = release.channel.split("/")[:2]
    return {
        "channel": {
            "base": None if release.base is None else dict(release.base),
            "name": release.channel,
            "released-at": show_time(release.when),
            "risk": risk,
            "track": track,
        },
        "resources": [
            {"name": name, "revision": number, "type": package.resources[name].type}
            for name, number in release.resources
        ],
        "revision": {
            "bases": revision.file.bases,
            "created-at": show_time(revision.created_at),
            "download": {
                "hash-sha-256": revision.upload.digests["sha256"],
                "size": revision.upload.size,
                "url": f"{request.base}/api/v1/charms/download/{package.id}_{revision.number}.charm",
            },
            "revision": revision.number,
            "version": revision.version,
        },
    }


def _libraries(request: StoreRequest) -> dict[str, Any]:
    """Return the libraries among those that charmcraft looks for after an upload: the store has none."""
    request.json(_LIBRARIES)
    return {"libraries": []}


def _download(request: StoreRequest, place: str) -> ServerResponse:
    package_id, _, number = place.removesuffix(".charm").rpartition("_")
    for package in gateway_state(request).packages.values():
        if package.id == package_id and number.isdecimal() and int(number) in package.revisions:
            path = package.revisions[int(number)].upload.path
            return ServerResponse(200, {"Content-Type": "application/octet-stream"}, path)
    raise request.refuse(404, ("resource-not-found", "Not found"))

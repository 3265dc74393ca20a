"""Names at the gateway's API: registered, listed, described and unregistered, and their tracks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lading.testing.canonical._access import existing, gateway_state, require, require_package
from lading.testing.canonical._packages import Track
from lading.testing.canonical._request import Api, Route
from lading.testing.canonical._schema import BOOLEAN, STRING, Schema, array, members, or_null
from lading.testing.canonical._tokens import show_account, show_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lading.testing.canonical._packages import Package
    from lading.testing.canonical._request import StoreRequest

_NAME = re.compile(r"(?=.*[a-z])[a-z0-9](?:-?[a-z0-9])*")
_LONGEST_NAME = 40
_TEXT = or_null(STRING)
_LINKS = or_null(
    members(
        {},
        **{
            kind: array(STRING, unique=True) for kind in ("contact", "docs", "donations", "issues", "source", "website")
        },
    )
)
_METADATA = members(
    {},
    title=_TEXT,
    summary=_TEXT,
    description=_TEXT,
    contact=_TEXT,
    website=_TEXT,
    links=_LINKS,
    default_track=_TEXT,
    private=BOOLEAN,
)
_MEMBERS = ("contact", "description", "summary", "title", "website")
_TRACK = members(
    {"name": Schema(type="string", max_length=28, pattern=r"^[a-zA-Z0-9](?:[_.-]?[a-zA-Z0-9])*$")},
    version_pattern=_TEXT,
    automatic_phasing_percentage=or_null(Schema(type="number", minimum=0, maximum=100)),
)
_TRACKS = array(_TRACK, min_items=1)


class Names:
    """The handlers of names.

    Args:
        namespace: The namespace.
        types: The types of packages.
    """

    def __init__(self, namespace: str, types: Sequence[str]) -> None:
        self._namespace = namespace
        self._types = types
        self._register_schema = members(
            {"name": STRING}, type=Schema(type="string", enum=types), private=BOOLEAN, team=STRING
        )

    @property
    def api(self) -> Api:
        """The routes."""
        base = f"/v1/{self._namespace}"
        return Api(
            [
                Route("GET", base, self._list, private=True),
                Route("POST", base, self._register, private=True),
                Route("GET", f"{base}/{{name}}", self._get, private=True),
                Route("PATCH", f"{base}/{{name}}", self._update, private=True),
                Route("DELETE", f"{base}/{{name}}", self._unregister, private=True),
                Route("POST", f"{base}/{{name}}/tracks", self._create_tracks, private=True),
            ]
        )

    def _list(self, request: StoreRequest) -> dict[str, Any]:
        require(request, "account-view-packages")
        account, every = request.account, request.query.get("include-collaborations", "false")
        if every not in ("true", "false"):
            raise request.refuse(
                400, ("api-error", f"{every!r} is not one of ['true', 'false'] at /include-collaborations")
            )
        found = [
            package
            for package in gateway_state(request).packages.values()
            if package.publisher is account or (every == "true" and account.username in package.collaborators)
        ]
        return {"results": [show_package(package, self._namespace) for package in found]}

    def _register(self, request: StoreRequest) -> dict[str, Any]:
        require(request, "account-register-package")
        body = request.json(self._register_schema)
        state, name, kind = gateway_state(request), body["name"], body.get("type", self._types[0])
        if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
            text = (
                "It should only have ASCII lowercase letters, numbers, and hyphens, and must have at least one letter."
            )
            raise request.refuse(400, ("api-error", f"The name {name!r} is not valid. {text}"))
        require_package(request, name, kind=kind)
        if body.get("team") is not None and body["team"] not in request.account.teams:
            raise request.refuse(400, ("api-error", f"Team {body['team']!r} not found"))
        if name in state.packages:  # whoever registered it
            raise request.refuse(409, ("already-registered", f"Name {name!r} is already registered"))
        if name in state.reserved:
            raise request.refuse(409, ("reserved-name", f"Name {name!r} is reserved"))
        package = state.add_package(name, kind, request.account, private=body.get("private", False))
        return {"id": package.id}

    def _get(self, request: StoreRequest, name: str) -> dict[str, Any]:
        package = existing(request, name, "package-view-metadata", "package-view")
        return {"metadata": show_package(package, self._namespace)}

    def _update(self, request: StoreRequest, name: str) -> dict[str, Any]:
        package = existing(request, name, "package-manage-metadata", "package-manage")
        changes = request.json(_METADATA)
        if not changes:
            raise request.refuse(400, ("api-error", "{} does not have enough properties at /"))
        track = changes.get("default-track")
        if track is not None and track not in package.tracks:
            raise request.refuse(400, ("api-error", f"Invalid track: {track}"))
        if "default-track" in changes:
            package.default_track = track
        package.private = changes.get("private", package.private)
        package.metadata |= {key: changes[key] for key in (*_MEMBERS, "links") if key in changes}
        return {"metadata": show_package(package, self._namespace)}

    def _unregister(self, request: StoreRequest, name: str) -> dict[str, Any]:
        package = existing(request, name, "package-manage", "account-register-package")
        if package.publisher is not request.account:
            raise request.refuse(403, ("resource-forbidden", "Only the publisher can unregister a name"))
        if package.revisions:
            raise request.refuse(400, ("invalid-request", "Cannot unregister a package with existing revisions"))
        del gateway_state(request).packages[name]
        return {"package-id": package.id}

    def _create_tracks(self, request: StoreRequest, name: str) -> dict[str, Any]:
        package = existing(request, name, "package-manage-metadata", "package-manage")
        wanted = request.json(_TRACKS)
        names = [track["name"] for track in wanted]
        wrong = [one for one in names if not any(re.fullmatch(pattern, one) for pattern, _ in package.guardrails)]
        if wrong or len(set(names)) < len(names):
            text = f"The following tracks match no guardrail, or are given twice: {', '.join(wrong or names)}"
            raise request.refuse(400, ("invalid-tracks", text))
        there = [one for one in names if one in package.tracks]
        if there:
            text = f"The following tracks already exist for package {name!r}: {', '.join(there)}"
            raise request.refuse(409, ("conflicting-tracks", text))
        for track in wanted:
            package.tracks[track["name"]] = Track(
                track["name"],
                request.state.clock.now,
                track.get("version-pattern"),
                track.get("automatic-phasing-percentage"),
            )
        return {"num-tracks-created": len(wanted)}


def show_package(package: Package, namespace: str) -> dict[str, Any]:
    """Return a package as the gateway shows it."""
    texts: dict[str, Any] = {name: package.metadata.get(name) for name in _MEMBERS}
    return {
        "authority": None,
        "default-track": package.default_track,
        "id": package.id,
        "links": package.metadata.get("links") or {},
        "media": [],
        "name": package.name,
        "private": package.private,
        "publisher": show_account(package.publisher),
        "status": package.status,
        "store": "ubuntu" if namespace == "snap" else "charm",
        **texts,
        "track-guardrails": [
            {"pattern": pattern, "created-at": show_time(created_at)} for pattern, created_at in package.guardrails
        ],
        "tracks": [
            {
                "name": track.name,
                "created-at": show_time(track.created_at),
                "version-pattern": track.version_pattern,
                "automatic-phasing-percentage": track.phasing,
            }
            for track in package.tracks.values()
        ],
        "type": package.type,
    }

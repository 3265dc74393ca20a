"""Permissions in projects of the embedded Copr."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading.testing.copr._projects import editable
from lading.testing.copr._refusals import ApiRefusal

if TYPE_CHECKING:
    from lading.testing.copr._request import CoprRequest
    from lading.testing.copr._state import Project

_KINDS = ("admin", "builder")
_STATES = ("nothing", "request", "approved")


def can_build_in(request: CoprRequest, who: str, ownername: str, projectname: str) -> dict[str, Any]:
    """Return whether a user may build in a project; needs no login."""
    user = request.state.users.get(who)
    if user is None:
        raise ApiRefusal(500, "Database error, contact admin")
    project = request.state.project(ownername, projectname)
    # Of a group's project, the frontend returns the name of the user who created it.
    return {
        "ownername": project.creator.name,
        "projectname": project.name,
        "who": user.name,
        "can_build_in": project.can_build(user),
    }


def get(request: CoprRequest, ownername: str, projectname: str) -> dict[str, Any]:
    """Return the permissions of all users who have or requested any."""
    project = editable(request, ownername, projectname)
    if not project.permissions:
        raise ApiRefusal(404, f"No permissions set on {project.full_name} project")
    return {"permissions": project.permissions}


def put(request: CoprRequest, ownername: str, projectname: str) -> dict[str, Any]:
    """Set permissions, all that were sent or none, and return the users for whom they changed."""
    project = editable(request, ownername, projectname)
    value = request.body.value
    if not isinstance(value, dict):
        raise ApiRefusal(
            400,
            "request is not a dictionary, expected format: "
            "{'username': {'admin': 'nothing', 'builder': 'request'} ...}",
        )
    if not value:
        raise ApiRefusal(400, "no permission change requested")
    for name, wanted in value.items():
        if name not in request.state.users:
            raise ApiRefusal(400, f"user '{name}' doesn't exist in database")
        for kind, state in wanted.items():
            _check(project, name, kind, state)
    return {"updated": [name for name, wanted in value.items() if _change(project, name, wanted)]}


def request(request: CoprRequest, ownername: str, projectname: str) -> dict[str, Any]:
    """Request permissions for the current user, and return whether that changed anything."""
    project = request.state.project(ownername, projectname)
    value, name = request.body.value, request.user.name
    if not isinstance(value, dict):
        raise ApiRefusal(400, "invalid 'roles' dict format, expected: {'admin': True, 'builder': False}")
    if not value:
        raise ApiRefusal(400, "no permission requested")
    wanted: dict[str, str] = {}
    for kind, requested in value.items():
        if not isinstance(requested, bool):
            raise ApiRefusal(400, f"invalid '{kind}' permission request '{requested}', expected True or False")
        state = "request" if requested else "nothing"
        _check(project, name, kind, state)
        if not (requested and project.permissions.get(name, {}).get(kind) == "approved"):
            wanted[kind] = state
    return {"updated": _change(project, name, wanted)}


def _check(project: Project, name: str, kind: str, state: str) -> None:
    if kind not in _KINDS:
        raise ApiRefusal(400, f"invalid permission '{kind}', allowed {'|'.join(_KINDS)}")
    if state not in _STATES:
        raise ApiRefusal(400, f"invalid '{kind}' permission state '{state}', use {'|'.join(_STATES)}")
    if name == project.creator.name:
        raise ApiRefusal(400, f"user '{name}' is owner of the '{project.full_name}' project")


def _change(project: Project, name: str, wanted: dict[str, str]) -> bool:
    before = project.permissions.get(name, dict.fromkeys(_KINDS, "nothing"))
    after = {kind: wanted.get(kind, before[kind]) for kind in _KINDS}
    project.permissions[name] = after
    return after != before

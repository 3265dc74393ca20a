"""Who may do what in a project at the embedded Copr."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading.testing._copr_people import can_build
from lading.testing.copr._projects import editable
from lading.testing.copr._refusals import ApiRefusal

if TYPE_CHECKING:
    from lading.testing.copr._request import CoprRequest
    from lading.testing.copr._state import Project

_KINDS = ("admin", "builder")
_STATES = ("nothing", "request", "approved")


def can_build_in(call: CoprRequest, who: str, ownername: str, projectname: str) -> dict[str, Any]:
    """Whether somebody may build in a project; asked without a login, too."""
    user = call.state.users.get(who)
    if user is None:
        raise ApiRefusal(500, "Database error, contact admin")
    project = call.state.project(ownername, projectname)
    # For a group's project, the name of who made it: that is what the frontend says.
    return {
        "ownername": project.creator.name,
        "projectname": project.name,
        "who": user.name,
        "can_build_in": can_build(user, project),
    }


def get(call: CoprRequest, ownername: str, projectname: str) -> dict[str, Any]:
    """The permissions of everybody who has or asked for any."""
    project = editable(call, ownername, projectname)
    if not project.permissions:
        raise ApiRefusal(404, f"No permissions set on {project.full_name} project")
    return {"permissions": project.permissions}


def put(call: CoprRequest, ownername: str, projectname: str) -> dict[str, Any]:
    """Whose permissions were changed: all that were sent, or none."""
    project = editable(call, ownername, projectname)
    said = call.body.said
    if not isinstance(said, dict):
        raise ApiRefusal(
            400,
            "request is not a dictionary, expected format: "
            "{'username': {'admin': 'nothing', 'builder': 'request'} ...}",
        )
    if not said:
        raise ApiRefusal(400, "no permission change requested")
    for name, wanted in said.items():
        if name not in call.state.users:
            raise ApiRefusal(400, f"user '{name}' doesn't exist in database")
        for kind, state in wanted.items():
            _check(project, name, kind, state)
    return {"updated": [name for name, wanted in said.items() if _change(project, name, wanted)]}


def request(call: CoprRequest, ownername: str, projectname: str) -> dict[str, Any]:
    """Whether asking for permissions changed anything."""
    project = call.state.project(ownername, projectname)
    said, name = call.body.said, call.user.name
    if not isinstance(said, dict):
        raise ApiRefusal(400, "invalid 'roles' dict format, expected: {'admin': True, 'builder': False}")
    if not said:
        raise ApiRefusal(400, "no permission requested")
    wanted: dict[str, str] = {}
    for kind, asked in said.items():
        if not isinstance(asked, bool):
            raise ApiRefusal(400, f"invalid '{kind}' permission request '{asked}', expected True or False")
        state = "request" if asked else "nothing"
        _check(project, name, kind, state)
        if not (asked and project.permissions.get(name, {}).get(kind) == "approved"):
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

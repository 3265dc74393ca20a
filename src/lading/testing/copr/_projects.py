"""Projects at the embedded Copr: made, found, changed, forked, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lading.testing._copr_people import can_edit
from lading.testing.copr._pagination import read_paging
from lading.testing.copr._project_form import (
    check_chroots,
    check_name,
    is_number,
    is_true,
    read_options,
    unexpected,
    with_defaults,
)
from lading.testing.copr._refusals import ApiRefusal, FormErrors
from lading.testing.copr._serializers import show_project
from lading.testing.copr._state import Project, ProjectChroot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lading.testing._copr_people import CoprUser
    from lading.testing.copr._request import CoprRequest
    from lading.testing.copr._state import CoprState


def get(call: CoprRequest) -> dict[str, Any]:
    """One project."""
    return show_project(call.asked_project(), call.base)


def get_list(call: CoprRequest) -> dict[str, Any]:
    """The projects of an owner, or all there are."""
    owner = call.query.get("ownername")
    return _page(call, [p for p in call.state.projects.values() if not owner or p.ownername == owner])


def search(call: CoprRequest) -> dict[str, Any]:
    """Projects by words of theirs; by parts of owner and name where there is a slash."""
    query = call.argument("query")
    if "/" in query:
        owner, _, name = query.lower().partition("/")
        found = [p for p in call.state.projects.values() if name in p.name.lower() and owner in p.ownername.lower()]
        return _page(call, found)
    if len(query) < 3:
        raise ApiRefusal(400, "Search string must have at least 3 characters")
    # The index knows whole words, and nothing of projects that are not shown to everybody.
    wanted = set(query.lower().split())
    return _page(
        call, [p for p in call.state.projects.values() if not p.options["unlisted_on_hp"] and wanted <= _words(p)]
    )


def _words(project: Project) -> set[str]:
    o = project.options
    text = " ".join([project.name, project.ownername, o["description"] or "", o["instructions"] or ""])
    return set(text.lower().split()) | set(project.packages)


def _page(call: CoprRequest, projects: Iterable[Project]) -> dict[str, Any]:
    paging = read_paging(call.query)
    paging.check("copr")
    page = paging.cut(paging.sort(list(projects)))
    return {"items": [show_project(project, call.base) for project in page], "meta": paging.meta}


def add(call: CoprRequest, ownername: str) -> dict[str, Any]:
    """A new project; the one that is there already where the query says ``exist_ok=True``, in these very letters."""
    state, user, errors = call.state, call.user, FormErrors()
    owner = _owner(state, user, ownername)
    name = call.fields.get("name")
    check_name(errors, name)
    existing = state.projects.get((ownername, str(name)))
    if existing is not None:
        whose = f"Group {ownername[1:]} already has" if existing.group else "You already have"
        errors.add("name", f"{whose} a project named '{name}'.")
    if name and is_number(str(name)):
        errors.add("name", "Project's name can not be just number.")
    options = read_options(call, errors)
    sent = call.fields.get("chroots")
    chroots = [] if call.body.is_form and sent else check_chroots(errors, sent, state, required=True)
    if existing is not None and call.query.get("exist_ok") == "True":
        return show_project(existing, call.base)
    errors.refuse_form()
    if call.body.is_form:
        raise ApiRefusal(400, unexpected(str(sent)))  # a web form's text, taken letter by letter
    storage = _check_rights(call, owner)
    options = with_defaults(options)
    return show_project(
        create_project(state, owner, (ownername, str(name)), chroots, options, storage=storage), call.base
    )


def _owner(state: CoprState, user: CoprUser, ownername: str) -> CoprUser:
    if ownername.startswith("@"):
        if ownername[1:] not in state.groups:
            raise ApiRefusal(404, f"Group {ownername[1:]} does not exist.")
        return user
    if ownername not in state.users:
        raise ApiRefusal(404, f"No such user `{ownername}'")
    return state.users[ownername]


def _check_rights(call: CoprRequest, owner: CoprUser) -> str:
    """The storage, when the user may do all that was asked for."""
    user, fields = call.user, call.fields
    if user.admin:
        return str(fields.get("storage") or "backend")
    if user is not owner:
        raise ApiRefusal(
            403,
            f"You were authorized as '{user.name}' user without permissions to access projects of user '{owner.name}'",
        )
    if is_true(fields.get("persistent", False)):
        raise ApiRefusal(403, "Non-admin cannot create persistent project.")
    if not is_true(fields.get("auto_prune", True)):
        raise ApiRefusal(403, "Non-admin cannot disable auto-prunning.")
    if fields.get("storage"):
        raise ApiRefusal(403, "Non-admin cannot set storage")
    return "backend"


def create_project(
    state: CoprState,
    creator: CoprUser,
    where: tuple[str, str],
    chroots: Iterable[str],
    options: dict[str, Any],
    *,
    storage: str,
) -> Project:
    """A new project, when the creator may make one there: of which owner, under which name."""
    ownername, name = where
    if ownername.startswith("@") and ownername[1:] not in creator.groups and not creator.admin:
        raise ApiRefusal(403, f"User '{creator.name}' doesn't have access to group '{ownername[1:]}'")
    project = Project(
        id=state.next_id("project"),
        ownername=ownername,
        name=name,
        creator=creator,
        options=options,
        chroots={chroot: ProjectChroot(chroot) for chroot in chroots},
        created_on=state.epoch,
        storage=storage,
        dirs={name},
        webhook_secret=str(uuid4()),
    )
    state.projects[ownername, name] = project
    return project


def edit(call: CoprRequest, ownername: str, projectname: str) -> dict[str, Any]:
    """A project, changed in what was sent."""
    project, errors = call.state.project(ownername, projectname), FormErrors()
    options = read_options(call, errors)
    chroots = check_chroots(errors, call.fields.get("chroots"), call.state, required=False)
    errors.refuse_form()
    if not can_edit(call.user, project):
        raise ApiRefusal(403, "Only owners and admins may update their projects.")
    if not call.user.admin and not options.get("auto_prune", True):
        raise ApiRefusal(403, "Non-admin cannot disable auto-prunning.")
    options.pop("persistent", None)
    project.options.update(options)
    if chroots:
        project.chroots = {name: project.chroots.get(name) or ProjectChroot(name) for name in chroots}
    return show_project(project, call.base)


def delete(call: CoprRequest, ownername: str, projectname: str) -> dict[str, Any]:
    """The project that was deleted, with all its builds."""
    state, user = call.state, call.user
    project = state.project(ownername, projectname)
    shown = show_project(project, call.base)
    if project.options["persistent"]:
        raise ApiRefusal(403, "This project is protected against deletion.")
    builds = state.builds_of(project)
    running = [str(build.id) for build in builds if not build.finished]
    mine = can_edit(user, project)
    if builds and not mine:
        ids = ", ".join(str(build.id) for build in builds)
        raise ApiRefusal(400, f"You don't have permissions to delete build(s) {ids}.\n")
    if running:
        raise ApiRefusal(400, f"Build(s) {', '.join(running)} are still running.\n")
    if not (user.admin or (project.group in user.groups if project.group else project.creator is user)):
        raise ApiRefusal(403, "Only owners may delete their projects.")
    for build in builds:
        call.results.remove(build)
        del state.builds[build.id]
    del state.projects[ownername, projectname]
    return shown


def regenerate(call: CoprRequest, ownername: str, projectname: str) -> dict[str, Any]:
    """A project whose repositories will be made anew."""
    return show_project(editable(call, ownername, projectname), call.base)


def editable(call: CoprRequest, ownername: str, projectname: str) -> Project:
    """A project that the user may change."""
    project = call.state.project(ownername, projectname)
    if not can_edit(call.user, project):
        raise ApiRefusal(
            403,
            f"User '{call.user.name}' can not see permissions for project '{project.full_name}' (missing admin rights)",
        )
    return project


def webhook(call: CoprRequest, ownername: str, projectname: str) -> dict[str, Any]:
    """A new secret for a project's webhooks; the one before is lost."""
    project = editable(call, ownername, projectname)
    project.webhook_secret = str(uuid4())
    return {
        "id": project.id,
        "name": project.name,
        "ownername": project.ownername,
        "full_name": project.full_name,
        "webhook_secret": project.webhook_secret,
    }

"""Projects at the embedded Copr: created, found, changed, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

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
from lading.testing.copr._refusals import MAX_NAME, ApiRefusal, FormErrors, crash
from lading.testing.copr._serializers import show_project
from lading.testing.copr._state import Project, ProjectChroot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lading.testing.copr._request import CoprRequest
    from lading.testing.copr._state import CoprState
    from lading.testing.copr._users import CoprUser


def get(request: CoprRequest) -> dict[str, Any]:
    """Return a project."""
    return show_project(request.project_from_query(), request.base)


def get_list(request: CoprRequest) -> dict[str, Any]:
    """Return the projects of an owner, or all projects."""
    owner = request.query.get("ownername")
    return _page(request, [p for p in request.state.projects.values() if not owner or p.ownername == owner])


def search(request: CoprRequest) -> dict[str, Any]:
    """Search projects by words; with a slash in the query, by parts of owner and name."""
    query = request.argument("query")
    if "/" in query:
        owner, _, name = query.lower().partition("/")
        found = [p for p in request.state.projects.values() if name in p.name.lower() and owner in p.ownername.lower()]
        return _page(request, found)
    if len(query) < 3:
        raise ApiRefusal(400, "Search string must have at least 3 characters")
    # The search index contains complete words, and no unlisted projects.
    wanted = set(query.lower().split())
    return _page(
        request, [p for p in request.state.projects.values() if not p.options["unlisted_on_hp"] and wanted <= _words(p)]
    )


def _words(project: Project) -> set[str]:
    o = project.options
    text = " ".join([project.name, project.ownername, o["description"] or "", o["instructions"] or ""])
    return set(text.lower().split()) | set(project.packages)


def _page(request: CoprRequest, projects: Iterable[Project]) -> dict[str, Any]:
    paging = read_paging(request.query)
    paging.check("copr")
    page = paging.page(paging.sort(list(projects)))
    return {"items": [show_project(project, request.base) for project in page], "meta": paging.meta}


def add(request: CoprRequest, ownername: str) -> dict[str, Any]:
    """Create a project and return it; with exactly ``exist_ok=True`` in the query, also an existing one."""
    state, user, errors = request.state, request.user, FormErrors()
    owner = _owner(state, user, ownername)
    name = request.fields.get("name")
    check_name(errors, name)
    existing = state.projects.get((ownername, str(name)))
    if existing is not None:
        whose = f"Group {ownername[1:]} already has" if existing.group else "You already have"
        errors.add("name", f"{whose} a project named '{name}'.")
    if name and is_number(str(name)):
        errors.add("name", "Project's name can not be just number.")
    options = read_options(request, errors)
    sent = request.fields.get("chroots")
    chroots = [] if request.body.is_form and sent else check_chroots(errors, sent, state, required=True)
    if existing is not None and request.query.get("exist_ok") == "True":
        return show_project(existing, request.base)
    errors.refuse_form()
    if request.body.is_form:
        raise ApiRefusal(400, unexpected(str(sent)))  # a web form's string, read character by character
    storage = _check_rights(request, owner)
    options = with_defaults(options)
    return show_project(
        create_project(state, owner, (ownername, str(name)), chroots, options, storage=storage), request.base
    )


def _owner(state: CoprState, user: CoprUser, ownername: str) -> CoprUser:
    if ownername.startswith("@"):
        if ownername[1:] not in state.groups:
            raise ApiRefusal(404, f"Group {ownername[1:]} does not exist.")
        return user
    if ownername not in state.users:
        raise ApiRefusal(404, f"No such user `{ownername}'")
    return state.users[ownername]


def _check_rights(request: CoprRequest, owner: CoprUser) -> str:
    """Check that the user may set all requested fields, and return the storage."""
    user, fields = request.user, request.fields
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
    """Create a project under *where*, its owner and its name.

    Raises:
        ApiRefusal: The creator may not create projects for that owner.
    """
    ownername, name = where
    if ownername.startswith("@") and ownername[1:] not in creator.groups and not creator.admin:
        raise ApiRefusal(403, _not_in_group(creator.name, ownername[1:]))
    if len(name) > MAX_NAME:
        raise crash()
    project = Project(
        id=state.ids.next("project"),
        ownername=ownername,
        name=name,
        creator=creator,
        options=options,
        chroots={chroot: ProjectChroot(chroot) for chroot in chroots},
        created_on=state.clock.timestamp,
        storage=storage,
        dirs={name},
        webhook_secret=str(uuid4()),
    )
    state.projects[ownername, name] = project
    return project


def _not_in_group(user: str, group: str) -> str:
    # Here a group has the same name in the account system.
    return f"User '{user}' doesn't have access to the copr group '{group}' (fas_name='{group}')"


def edit(request: CoprRequest, ownername: str, projectname: str) -> dict[str, Any]:
    """Change the fields that were sent of a project, and return it."""
    project, errors = request.state.project(ownername, projectname), FormErrors()
    options = read_options(request, errors)
    chroots = check_chroots(errors, request.fields.get("chroots"), request.state, required=False)
    errors.refuse_form()
    if not project.can_edit(request.user):
        raise ApiRefusal(403, "Only owners and admins may update their projects.")
    if not request.user.admin and not options.get("auto_prune", True):
        raise ApiRefusal(403, "Non-admin cannot disable auto-prunning.")
    options.pop("persistent", None)
    project.options.update(options)
    if chroots:
        project.chroots = {name: project.chroots.get(name) or ProjectChroot(name) for name in chroots}
    return show_project(project, request.base)


def delete(request: CoprRequest, ownername: str, projectname: str) -> dict[str, Any]:
    """Delete a project and its builds, and return it."""
    state, user = request.state, request.user
    project = state.project(ownername, projectname)
    shown = show_project(project, request.base)
    if project.options["persistent"]:
        raise ApiRefusal(403, "This project is protected against deletion.")
    builds = state.builds_of(project)
    running = [str(build.id) for build in builds if not build.finished]
    may_edit = project.can_edit(user)
    if builds and not may_edit:
        ids = ", ".join(str(build.id) for build in builds)
        raise ApiRefusal(400, f"You don't have permissions to delete build(s) {ids}.\n")
    if running:
        raise ApiRefusal(400, f"Build(s) {', '.join(running)} are still running.\n")
    if not (user.admin or (project.group in user.groups if project.group else project.creator is user)):
        raise ApiRefusal(403, "Only owners may delete their projects.")
    for build in builds:
        request.results.remove(build)
        del state.builds[build.id]
    del state.projects[ownername, projectname]
    return shown


def regenerate(request: CoprRequest, ownername: str, projectname: str) -> dict[str, Any]:
    """Return a project, whose repositories would be generated again."""
    return show_project(editable(request, ownername, projectname), request.base)


def editable(request: CoprRequest, ownername: str, projectname: str) -> Project:
    """Return a project that the user may change.

    Raises:
        ApiRefusal: The user may not change it.
    """
    project = request.state.project(ownername, projectname)
    if not project.can_edit(request.user):
        raise ApiRefusal(
            403,
            f"User '{request.user.name}' can not see permissions for project '{project.full_name}' "
            "(missing admin rights)",
        )
    return project


def webhook(request: CoprRequest, ownername: str, projectname: str) -> dict[str, Any]:
    """Replace the secret of a project's webhooks, and return the new one."""
    project = editable(request, ownername, projectname)
    project.webhook_secret = str(uuid4())
    return {
        "id": project.id,
        "name": project.name,
        "ownername": project.ownername,
        "full_name": project.full_name,
        "webhook_secret": project.webhook_secret,
    }

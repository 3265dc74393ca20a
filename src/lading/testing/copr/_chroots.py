"""Chroots at the embedded Copr: the available ones, those of projects, and the configuration of builds in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lading.testing.copr._builds import chroot_from_query
from lading.testing.copr._project_form import is_true, split_words
from lading.testing.copr._refusals import ApiRefusal, FormErrors, internal_error
from lading.testing.copr._serializers import additional_repos, show_project_chroot, show_repos

if TYPE_CHECKING:
    from lading.testing.copr._request import CoprRequest
    from lading.testing.copr._state import Project, ProjectChroot

_LISTS = ("additional_repos", "additional_packages", "additional_modules", "with_opts", "without_opts")
_WORDS = {
    "bootstrap": ("unchanged", "default", "off", "on", "image", "custom_image"),
    "isolation": ("unchanged", "default", "nspawn", "simple"),
}
_MODULE = re.compile(r"[a-zA-Z0-9-_!][^ ]*$")
# More can be reset than can be set: everything that the frontend stores about a chroot.
_RESETTABLE = {*_LISTS, *_WORDS, "bootstrap_image", "comps_name", "delete_after", "delete_notify"}


def mock_list(request: CoprRequest) -> dict[str, str]:
    """Return the available chroots with their comments; never in pages."""
    return dict(request.state.mock_chroots)


def _found(project: Project, name: str) -> ProjectChroot:
    if not re.fullmatch(r"[^-]+(-[^-]+)*-[^-]+-[^-]+", name):
        raise ApiRefusal(404, "Chroot identification is not valid")
    if name not in project.chroots:
        raise ApiRefusal(404, f"Chroot name {name} does not exist in Copr {project.full_name}.")
    return project.chroots[name]


def get(request: CoprRequest) -> dict[str, Any]:
    """Return a chroot of a project."""
    project, name = _from_query(request)
    return show_project_chroot(project, _found(project, name))


def _from_query(request: CoprRequest) -> tuple[Project, str]:
    # The frontend checks for them in this order.
    ownername, projectname = request.argument("ownername"), request.argument("projectname")
    name = request.argument("chrootname")
    return request.state.project(ownername, projectname), name


def build_config(request: CoprRequest) -> dict[str, Any]:
    """Return the configuration of builds in a chroot of a project."""
    project, name = _from_query(request)
    chroot = _found(project, name)
    modules = chroot.settings.get("additional_modules", [])
    return {
        "additional_repos": additional_repos(project, chroot),
        "additional_packages": chroot.settings.get("additional_packages", []),
        # Stored with commas, and split at blanks here: all but the last one keep theirs.
        "additional_modules": [f"{module}," for module in modules[:-1]] + modules[-1:],
        "with_opts": chroot.settings.get("with_opts", []),
        "without_opts": chroot.settings.get("without_opts", []),
        "isolation": chroot.settings.get("isolation", "unchanged"),
        "chroot": chroot.name,
        "enable_net": project.options["enable_net"],
        "repos": show_repos(project, chroot, request.base),
    }


def of_build_config(request: CoprRequest) -> dict[str, Any]:
    """Return the configuration of one build in a chroot, without null values."""
    build, built = chroot_from_query(request)
    project = build.project
    chroot = project.chroots.get(built.name)
    if chroot is None:
        raise internal_error()
    requested = build.options["bootstrap"]
    stored = chroot.settings.get("bootstrap", "unchanged")
    bootstrap = next(
        value for value in (requested, stored, project.options["bootstrap"]) if value not in (None, "unchanged")
    )
    config = {
        "additional_repos": additional_repos(project, chroot),
        "additional_packages": chroot.settings.get("additional_packages", []),
        "with_opts": chroot.settings.get("with_opts", []),
        "without_opts": chroot.settings.get("without_opts", []),
        "enable_net": build.options["enable_net"],
        "is_background": build.options["background"],
        "memory_limit": 2048,
        "timeout": build.options["timeout"],
        "bootstrap": None if bootstrap == "default" else bootstrap,
        "bootstrap_image": chroot.settings.get("bootstrap_image") if bootstrap == "custom_image" else None,
        "repos": show_repos(project, chroot, request.base, build.dirname),
    }
    return {name: value for name, value in config.items() if value is not None}


def edit(request: CoprRequest, ownername: str, projectname: str, chrootname: str) -> dict[str, Any]:
    """Change the settings that were sent of a chroot, and return it."""
    project = request.state.project(ownername, projectname)
    chroot, errors, sent = _found(project, chrootname), FormErrors(), request.fields
    if "additional_modules" in sent:
        _check_modules(errors, _modules(sent["additional_modules"]))
    for name, allowed in _WORDS.items():
        if name in sent and sent[name] not in allowed:
            errors.add(name, "Not a valid choice.")
    image = sent.get("bootstrap_image")
    if image and not re.fullmatch(r"[\w./:-]+", str(image)):
        text = "Enter valid bootstrap image id (<name>[:<tag>], e.g. fedora:33 or registry.fedoraproject.org/fedora:"
        errors.add("bootstrap_image", f"{text}rawhide).")
    errors.refuse_form()
    reset = split_words(sent.get("reset_fields", []))
    for name in reset:
        if name not in _RESETTABLE:
            where = f"{project.full_name}/{chroot.name}"
            raise ApiRefusal(
                400,
                f"Trying to reset an invalid attribute: {name}\n"
                f"See `copr-cli get-chroot {where}' for all the possible attributes",
            )
    if not project.can_edit(request.user):
        raise ApiRefusal(403, "Only owners and admins may update their projects.")
    _change(request, chroot, reset)
    return show_project_chroot(project, chroot)


def _change(request: CoprRequest, chroot: ProjectChroot, reset: list[str]) -> None:
    sent, settings = request.fields, chroot.settings
    for name in reset:
        settings.pop(name, None)
    for name in _LISTS:
        if name in sent:
            settings[name] = _modules(sent[name]) if name == "additional_modules" else split_words(sent[name])
    for name in (*_WORDS, "bootstrap_image"):
        if sent.get(name):
            settings[name] = sent[name]
    comps = request.body.files.get("upload_comps")
    if comps is not None:
        chroot.comps_name = comps.filename
    elif is_true(sent.get("delete_comps", False)) or "comps_name" in reset:
        chroot.comps_name = None


def _modules(value: Any) -> list[str]:
    parts = value if isinstance(value, list) else str(value).split(",")
    return [str(part).strip() for part in parts if str(part).strip()]


def _check_modules(errors: FormErrors, modules: list[str]) -> None:
    """Add the first error of the modules to enable or disable, as the frontend's form calls that field."""
    seen: set[str] = set()
    for number, module in enumerate(modules):
        name, colon, stream = module.partition(":")
        problem = None
        if not colon or ":" in stream:
            # The frontend splits what it has joined with a comma and a blank, and shows what it has split.
            shown = f" {module}" if number else module
            problem = f"Module name '{shown}' must consist of two parts separated with colon, e.g. module:stream"
        elif not _MODULE.match(name):
            problem = f"Module name '{name}' must contain only letters, digits, dashes, underscores."
        elif name in seen:
            problem = f"Module name '{name}' specified multiple times"
        elif not _MODULE.match(stream):
            problem = f"Stream part of module name '{stream}' must contain only letters, digits, dashes, underscores."
        if problem is not None:
            errors.add("module_toggle", problem)
            return
        seen.add(name)

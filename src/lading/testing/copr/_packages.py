"""Packages of projects at the embedded Copr: created, changed, built, deleted and monitored."""

from __future__ import annotations

import json
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

from lading.testing._server.bodies import OnePiece
from lading.testing.copr._build_options import check_dirname, check_packit, read_build_options
from lading.testing.copr._builds import check_deletion, remove
from lading.testing.copr._pagination import read_paging
from lading.testing.copr._project_form import is_true
from lading.testing.copr._refusals import ApiRefusal, FormErrors
from lading.testing.copr._serializers import show_build, show_monitored, show_package
from lading.testing.copr._sources import check_package_name, read_source
from lading.testing.copr._state import Package
from lading.testing.copr._submit import submit
from lading.testing.messages import ServerResponse

if TYPE_CHECKING:
    from lading.testing.copr._request import CoprRequest
    from lading.testing.copr._state import Build, Project

_MAX_PACKAGES = 10_000
_FIELDS = ("url_build_log", "url_backend_log", "url_build")
_CUSTOM = {
    "builddeps": "script_builddeps",
    "resultdir": "script_resultdir",
    "chroot": "script_chroot",
    "repos": "script_repos",
}


def _latest(request: CoprRequest, package: Package, *, succeeded: bool = False) -> dict[str, Any] | None:
    builds = [build for build in request.state.builds.values() if build.package is package]
    found = [build for build in builds if not succeeded or build.state == "succeeded"]
    return show_build(found[-1], request.base) if found else None


def _shown(request: CoprRequest, package: Package, latest: bool, succeeded: bool) -> dict[str, Any]:
    return show_package(
        package,
        _latest(request, package) if latest else None,
        _latest(request, package, succeeded=True) if succeeded else None,
    )


def get(request: CoprRequest) -> dict[str, Any]:
    """Return a package. Here any value sets a flag, ``False`` among them."""
    project = request.project_from_query()
    package = _existing(project, request.argument("packagename"))
    flags = [bool(request.query.get(name)) for name in ("with_latest_build", "with_latest_succeeded_build")]
    return _shown(request, package, *flags)


def _existing(project: Project, name: str) -> Package:
    if name not in project.packages:
        raise ApiRefusal(404, f"No package with name {name} in copr {project.name}")
    return project.packages[name]


def get_list(request: CoprRequest) -> dict[str, Any]:
    """Return the packages of a project. Here the values of flags count."""
    paging = read_paging(request.query)
    project = request.project_from_query()
    paging.check("package")
    flags = [
        request.query.get(n) in ("True", "true", "1") for n in ("with_latest_build", "with_latest_succeeded_build")
    ]
    packages = paging.page(paging.sort(list(project.packages.values())))
    if len(packages) > _MAX_PACKAGES:
        text = (
            f"Too many packages, please use pagination. Requests are limited to only {_MAX_PACKAGES} packages at once."
        )
        raise ApiRefusal(413, text)
    return {"items": [_shown(request, package, *flags) for package in packages], "meta": paging.meta}


def add(request: CoprRequest, ownername: str, projectname: str, package_name: str, source_type: str) -> dict[str, Any]:
    """Create a package and return it."""
    project = request.state.project(ownername, projectname)
    fields = _renamed(request.fields)
    source, name = _checked(request, project, source_type, fields)
    if name in project.packages:
        raise ApiRefusal(409, f"Package {name} already exists in copr {project.full_name}.")
    package = project.packages[name] = Package(request.state.ids.next("package"), name, project)
    _change(package, source_type, source, fields)
    return _shown(request, project.packages.get(package_name, package), False, False)


def edit(
    request: CoprRequest, ownername: str, projectname: str, package_name: str, source_type: str | None = None
) -> dict[str, Any]:
    """Change the source of a package and return the package; fields that are not sent keep their values."""
    project = request.state.project(ownername, projectname)
    package = project.packages.get(package_name)
    if package is None:
        raise ApiRefusal(404, f"Package {package_name} does not exists in copr {project.full_name}.")
    kind = source_type or package.source_type
    fields = _renamed(request.fields)
    fields = {**package.source, **fields}
    source, _ = _checked(request, project, kind, fields)
    _change(package, kind, source, fields)
    return _shown(request, package, False, False)


def _renamed(fields: dict[str, Any]) -> dict[str, Any]:
    longer = {new: fields[old] for new, old in _CUSTOM.items() if old in fields}
    more = {"srpm_build_method": fields["source_build_method"]} if "source_build_method" in fields else {}
    return {**fields, **longer, **more}


def _checked(request: CoprRequest, project: Project, kind: str, fields: dict[str, Any]) -> tuple[dict[str, Any], str]:
    if not project.can_edit(request.user):
        raise ApiRefusal(403, "You are not allowed to add or edit packages in this copr.")
    errors = FormErrors()
    name = check_package_name(fields, errors)
    for field, high in (("max_builds", 100), ("timeout", 108000)):
        if fields.get(field) not in (None, "") and not 0 <= int(fields[field]) <= high:
            errors.add(field, f"Number must be between 0 and {high}.")
    source = read_source(kind, fields, errors, request.state)
    errors.refuse_form()
    return source, name


def _change(package: Package, kind: str, source: dict[str, Any], fields: dict[str, Any]) -> None:
    package.source_type, package.source = kind, source
    if "webhook_rebuild" in fields:
        package.webhook_rebuild = is_true(fields["webhook_rebuild"])
    if "chroot_denylist" in fields:
        package.denied = [word.strip() for word in str(fields["chroot_denylist"]).split(",") if word.strip()]


def _package_from_body(request: CoprRequest) -> Package:
    return _existing(request.project_from_body(), str(request.fields.get("package_name")))


def reset(request: CoprRequest) -> dict[str, Any]:
    """Remove the source of a package and return the package."""
    package = _package_from_body(request)
    if not package.project.can_edit(request.user):
        raise ApiRefusal(403, f"You are not allowed to reset package `{package.id}`.")
    package.source_type, package.source = "unset", {}
    return _shown(request, package, False, False)


def delete(request: CoprRequest) -> dict[str, Any]:
    """Delete a package and its builds, and return the package."""
    package = _package_from_body(request)
    if not package.project.can_edit(request.user):
        raise ApiRefusal(403, f"You are not allowed to delete package `{package.id}`.")
    builds = [build for build in request.state.builds.values() if build.package is package]
    check_deletion(request, [build.id for build in builds])
    for build in builds:
        remove(request, build)
    del package.project.packages[package.name]
    return _shown(request, package, False, False)


def build(request: CoprRequest) -> dict[str, Any]:
    """Submit a build of a package from its source, and return the build."""
    package, errors = _package_from_body(request), FormErrors()
    project = package.project
    options = read_build_options(request, project, errors)
    errors.refuse_form()
    if package.source_type == "unset" or not package.source:
        raise ApiRefusal(
            400,
            f"Package 'Unset default source for package {package.name}' doesn't have the default source method set, "
            "but it is required for the rebuild request.  Please configure some source  method first",
        )
    check_packit(project, request.fields)
    if not project.can_build(request.user):
        raise ApiRefusal(403, "You don't have permissions to build in this copr.")
    check_dirname(project, options["project_dirname"])
    if not options["chroots"]:
        options["chroots"] = [c for c in project.chroots if not any(fnmatch(c, p) for p in package.denied)]
    source = dict(package.source)
    submitted = submit(request.state, request.user, project, options, (package.source_type, source), package=package)
    return show_build(submitted, request.base)


def monitor(request: CoprRequest) -> ServerResponse:
    """Return the latest build of every package in every chroot, as a stream without a length."""
    ownername, name = request.argument("ownername"), request.argument("projectname")
    fields = set(request.query.get_all("additional_fields[]"))
    project = request.state.project(ownername, name)
    wrong = sorted(fields - set(_FIELDS))
    if wrong:
        raise ApiRefusal(400, f"Wrong additional_fields argument(s): {', '.join(wrong)}")
    dirname = request.query.get("project_dirname") or project.name
    if dirname not in project.dirs:
        raise ApiRefusal(404, f"Dirname '{dirname}' doesn't exist in '{project.full_name}' copr")
    builds = [b for b in request.state.builds_of(project) if b.dirname == dirname and b.package is not None]
    packages: dict[str, dict[str, Any]] = {}
    for found in builds:
        _add_monitored(packages, found, fields, request.base)
    items = [
        json.dumps({"name": name, "chroots": dict(sorted(chroots.items()))})
        for name, chroots in sorted(packages.items())
    ]
    start = '{"output": "ok","message": "Project monitor request successful","packages": [\n'
    return ServerResponse(200, {"Content-Type": "application/json"}, OnePiece(f"{start}{','.join(items)}]}}".encode()))


def _add_monitored(packages: dict[str, dict[str, Any]], found: Build, fields: set[str], base: str) -> None:
    for chroot in found.chroots.values():
        if found.package is not None and chroot.name in found.project.chroots:
            shown = show_monitored(found, chroot, fields, base)
            packages.setdefault(found.package.name, {})[chroot.name] = shown

"""Forks of projects at the embedded Copr."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lading.testing.copr._project_form import check_name, is_true
from lading.testing.copr._projects import create_project
from lading.testing.copr._refusals import ApiRefusal, FormErrors
from lading.testing.copr._serializers import show_project
from lading.testing.copr._state import Build, BuildChroot, ProjectChroot

if TYPE_CHECKING:
    from lading.testing.copr._request import CoprRequest
    from lading.testing.copr._state import Package, Project


def fork(request: CoprRequest, ownername: str, projectname: str) -> dict[str, Any]:
    """Fork a project into a new or an existing one, and return that."""
    state, user, errors = request.state, request.user, FormErrors()
    source = state.project(ownername, projectname)
    owner = request.fields.get("ownername")
    if owner not in (user.name, *(f"@{group}" for group in user.groups)):
        errors.add("owner", "Not a valid choice." if owner else "This field is required.")
    name = str(request.fields.get("name") or "")
    check_name(errors, name)
    errors.refuse_form()
    existing = state.projects.get((str(owner), name))
    if existing is not None and not is_true(request.fields.get("confirm", False)):
        raise ApiRefusal(
            400,
            f"You are about to fork into existing project: {name}\nPlease use --confirm if you really want to do this",
        )
    if existing is source:
        raise ApiRefusal(400, "Source project should not be same as destination")
    target = existing or _copied(request, source, str(owner), name)
    for package in source.packages.values():
        _fork_package(request, package, target)
    return show_project(target, request.base)


def _copied(request: CoprRequest, source: Project, owner: str, name: str) -> Project:
    options = {**copy.deepcopy(source.options), "persistent": False, "auto_prune": True, "contact": None}
    target = create_project(request.state, request.user, (owner, name), (), options, storage=source.storage)
    for chroot in source.chroots.values():
        target.chroots[chroot.name] = ProjectChroot(chroot.name, copy.deepcopy(chroot.settings), chroot.comps_name)
    return target


def _fork_package(request: CoprRequest, package: Package, target: Project) -> None:
    state = request.state
    forked = target.packages.get(package.name)
    if forked is None:
        forked = replace(package, id=state.ids.next("package"), project=target, source=dict(package.source))
        forked.webhook_rebuild = False
        target.packages[package.name] = forked
    built = [b for b in state.builds.values() if b.package is package]
    latest: dict[str, Build] = {}
    for build in built:
        latest.update({c.name: build for c in build.chroots.values() if c.state == "succeeded"})
    for build in {build.id: build for build in latest.values()}.values():
        _fork_build(request, build, forked, [c for c in build.chroots.values() if latest.get(c.name) is build])


def _fork_build(request: CoprRequest, build: Build, package: Package, chroots: list[BuildChroot]) -> None:
    number = request.state.ids.next("build")
    forked = replace(
        build,
        id=number,
        project=package.project,
        dirname=package.project.name,
        package=package,
        source_state="forked",
        source_dir=f"{number:08}",
        upload=None,
        chroots={},
    )
    for chroot in chroots:
        forked.chroots[chroot.name] = copied = replace(
            chroot,
            id=request.state.ids.next("build_chroot"),
            state="forked",
            result_dir=f"{number:08}-{package.name}",
            packages=copy.deepcopy(chroot.packages),
        )
        request.results.copy(build, chroot, forked, copied)
    request.state.builds[number] = forked

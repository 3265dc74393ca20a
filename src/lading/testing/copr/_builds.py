"""Builds at the embedded Copr: looked at, cancelled, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading.testing._copr_people import can_build, can_edit
from lading.testing.copr._pagination import Paging, read_paging
from lading.testing.copr._refusals import ApiRefusal, internal_error
from lading.testing.copr._serializers import show_build, show_build_chroot, source_url

if TYPE_CHECKING:
    from lading.testing.copr._request import CoprRequest
    from lading.testing.copr._state import Build, BuildChroot

_SOURCE_LOGS = ("running", "failed", "succeeded", "canceled", "importing")


def get(call: CoprRequest, build_id: int) -> dict[str, Any]:
    """One build."""
    return show_build(call.state.build(build_id), call.base)


def get_list(call: CoprRequest) -> dict[str, Any]:
    """The builds of a project, newest first whatever order is asked for; what can be asked for is checked all the same.

    A wish for builds in one state is granted when the offset has been taken off and before the limit is.
    """
    paging = read_paging(call.query)
    project = call.asked_project()
    paging.check("build")
    package, status = call.query.get("packagename"), call.query.get("status")
    builds = [
        build
        for build in reversed(call.state.builds_of(project))
        if not package or (build.package is not None and build.package.name == package)
    ]
    if status:
        left = Paging(None, paging.offset, paging.order, paging.order_type).cut(builds)
        found = [build for build in left if build.state == status][: paging.limit]
    else:
        found = paging.cut(builds)
    return {"items": [show_build(build, call.base) for build in found], "meta": paging.meta}


def source_chroot(call: CoprRequest, build_id: int) -> dict[str, Any]:
    """The build of the source; the frontend falls over it while it has no logs."""
    build = call.state.build(build_id)
    if build.source_state not in _SOURCE_LOGS or build.source_dir is None:
        raise internal_error()
    return {"state": build.source_state, "result_url": source_url(build, call.base)}


def source_build_config(call: CoprRequest, build_id: int) -> dict[str, Any]:
    """What the source was asked to be."""
    build = call.state.build(build_id)
    return {
        "source_type": build.source_type,
        "source_dict": build.source,
        "memory_limit": 2048,
        "timeout": build.options["timeout"],
        "is_background": build.options["background"],
    }


def built_packages(call: CoprRequest, build_id: int) -> dict[str, Any]:
    """What was built, by chroot."""
    build = call.state.build(build_id)
    return {chroot.name: {"packages": chroot.packages} for chroot in build.chroots.values()}


def cancel(call: CoprRequest, build_id: int) -> dict[str, Any]:
    """The build, which will do no more."""
    build = call.state.build(build_id)
    if not can_build(call.user, build.project):
        raise ApiRefusal(403, "You are not allowed to cancel this build.")
    if build.finished:
        raise ApiRefusal(409, f"Cannot cancel build {build.id}")
    build.canceled = True
    return show_build(build, call.base)


def delete(call: CoprRequest, build_id: int) -> dict[str, Any]:
    """The build that is no more."""
    build = call.state.build(build_id)
    shown = show_build(build, call.base)
    if not can_edit(call.user, build.project):
        raise ApiRefusal(403, f"User '{call.user.name}' doesn't have permissions to delete build {build.id}")
    if not build.finished:
        raise ApiRefusal(500, f"User '{call.user.name}' can not delete build {build.id}")
    remove(call, build)
    return shown


def remove(call: CoprRequest, build: Build) -> None:
    """Forget a build, and its results."""
    call.results.remove(build)
    del call.state.builds[build.id]


def delete_list(call: CoprRequest) -> dict[str, Any]:
    """The numbers of the builds that are no more: all that were sent, or none."""
    said = call.body.said
    if not call.body.is_json:
        raise ApiRefusal(
            415, "Did not attempt to load JSON data because the request Content-Type was not 'application/json'."
        )
    if not isinstance(said, dict) or not isinstance(said.get("builds"), list):
        raise internal_error()
    ids = said["builds"]
    try:
        wanted = sorted({int(number) for number in ids})
    except (TypeError, ValueError):
        raise internal_error() from None
    check_deletion(call, wanted)
    for number in wanted:
        remove(call, call.state.builds[number])
    return {"builds": ids}


def check_deletion(call: CoprRequest, wanted: list[int]) -> None:
    """Return when all these builds may be deleted; ``Refused`` with everything that stands against it."""
    found = {number: call.state.builds[number] for number in wanted if number in call.state.builds}
    forbidden = [n for n, build in found.items() if not can_edit(call.user, build.project)]
    running = [n for n, build in found.items() if n not in forbidden and not build.finished]
    missing = [n for n in wanted if n not in found]
    text = ""
    if forbidden:
        text += f"You don't have permissions to delete build(s) {', '.join(map(str, forbidden))}.\n"
    if running:
        text += f"Build(s) {', '.join(map(str, running))} are still running.\n"
    if missing:
        text += f"Build(s) {', '.join(map(str, missing))} don't exist.\n"
    if text:
        raise ApiRefusal(400, text)


def asked_chroot(call: CoprRequest) -> tuple[Build, BuildChroot]:
    """The build and the chroot that a query is about."""
    build_id, name = call.number("build_id"), call.argument("chrootname")
    build = call.state.build(build_id)
    if name not in build.chroots:
        known = name in call.state.mock_chroots
        text = f"Build {build_id} was not submitted to {name} chroot." if known else f"Chroot {name} does not exist"
        raise ApiRefusal(404, text)
    return build, build.chroots[name]


def chroot(call: CoprRequest) -> dict[str, Any]:
    """A build in one chroot."""
    build, found = asked_chroot(call)
    return show_build_chroot(build, found, call.base)


def chroot_list(call: CoprRequest) -> dict[str, Any]:
    """A build in all its chroots; of a build that is not there, in none."""
    paging = read_paging(call.query)
    build_id = call.number("build_id")
    if paging.order == "name":
        paging = Paging(paging.limit, paging.offset, "id", paging.order_type)
    paging.check("build_chroot")
    build = call.state.builds.get(build_id)
    chroots = paging.cut(paging.sort(list(build.chroots.values()))) if build is not None else []
    items = [show_build_chroot(build, found, call.base) for found in chroots if build is not None]
    return {"items": items, "meta": paging.meta}


def chroot_built_packages(call: CoprRequest) -> dict[str, Any]:
    """What was built in one chroot."""
    return {"packages": asked_chroot(call)[1].packages}

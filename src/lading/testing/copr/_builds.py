"""Builds at the embedded Copr: shown, listed, cancelled, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading.testing.copr._pagination import Paging, read_paging
from lading.testing.copr._refusals import ApiRefusal, internal_error
from lading.testing.copr._serializers import show_build, show_build_chroot, source_url

if TYPE_CHECKING:
    from lading.testing.copr._request import CoprRequest
    from lading.testing.copr._state import Build, BuildChroot

_SOURCE_LOGS = ("running", "failed", "succeeded", "canceled", "importing")


def get(request: CoprRequest, build_id: int) -> dict[str, Any]:
    """Return a build."""
    return show_build(request.state.build(build_id), request.base)


def get_list(request: CoprRequest) -> dict[str, Any]:
    """Return the builds of a project, newest first: a requested order is checked, and has no effect.

    A filter by state applies after the offset and before the limit.
    """
    paging = read_paging(request.query)
    project = request.project_from_query()
    paging.check("build")
    package, status = request.query.get("packagename"), request.query.get("status")
    builds = [
        build
        for build in reversed(request.state.builds_of(project))
        if not package or (build.package is not None and build.package.name == package)
    ]
    if status:
        rest = Paging(None, paging.offset, paging.order, paging.order_type).page(builds)
        found = [build for build in rest if build.state == status][: paging.limit]
    else:
        found = paging.page(builds)
    return {"items": [show_build(build, request.base) for build in found], "meta": paging.meta}


def source_chroot(request: CoprRequest, build_id: int) -> dict[str, Any]:
    """Return the source build; an unhandled exception in the frontend while it has no logs."""
    build = request.state.build(build_id)
    if build.source_state not in _SOURCE_LOGS or build.source_dir is None:
        raise internal_error()
    return {"state": build.source_state, "result_url": source_url(build, request.base)}


def source_build_config(request: CoprRequest, build_id: int) -> dict[str, Any]:
    """Return the configuration of the source build."""
    build = request.state.build(build_id)
    return {
        "source_type": build.source_type,
        "source_dict": build.source,
        "memory_limit": 2048,
        "timeout": build.options["timeout"],
        "is_background": build.options["background"],
    }


def built_packages(request: CoprRequest, build_id: int) -> dict[str, Any]:
    """Return the built packages by chroot."""
    build = request.state.build(build_id)
    return {chroot.name: {"packages": chroot.packages} for chroot in build.chroots.values()}


def cancel(request: CoprRequest, build_id: int) -> dict[str, Any]:
    """Cancel a build and return it."""
    build = request.state.build(build_id)
    if not build.project.can_build(request.user):
        raise ApiRefusal(403, "You are not allowed to cancel this build.")
    if build.finished:
        raise ApiRefusal(409, f"Cannot cancel build {build.id}")
    build.canceled = True
    return show_build(build, request.base)


def delete(request: CoprRequest, build_id: int) -> dict[str, Any]:
    """Delete a build and return it."""
    build = request.state.build(build_id)
    shown = show_build(build, request.base)
    if not build.project.can_edit(request.user):
        raise ApiRefusal(403, f"User '{request.user.name}' doesn't have permissions to delete build {build.id}")
    if not build.finished:
        raise ApiRefusal(500, f"User '{request.user.name}' can not delete build {build.id}")
    remove(request, build)
    return shown


def remove(request: CoprRequest, build: Build) -> None:
    """Remove a build and its results."""
    request.results.remove(build)
    del request.state.builds[build.id]


def delete_list(request: CoprRequest) -> dict[str, Any]:
    """Delete builds, all that were sent or none, and return their ids."""
    if not request.body.is_json:
        raise ApiRefusal(
            415, "Did not attempt to load JSON data because the request Content-Type was not 'application/json'."
        )
    value = request.body.value
    if not isinstance(value, dict) or not isinstance(value.get("builds"), list):
        raise internal_error()
    ids = value["builds"]
    try:
        wanted = sorted({int(number) for number in ids})
    except (TypeError, ValueError):
        raise internal_error() from None
    check_deletion(request, wanted)
    for number in wanted:
        remove(request, request.state.builds[number])
    return {"builds": ids}


def check_deletion(request: CoprRequest, wanted: list[int]) -> None:
    """Check that all these builds may be deleted.

    Raises:
        ApiRefusal: Some may not; the refusal names every reason.
    """
    found = {number: request.state.builds[number] for number in wanted if number in request.state.builds}
    forbidden = [n for n, build in found.items() if not build.project.can_edit(request.user)]
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


def chroot_from_query(request: CoprRequest) -> tuple[Build, BuildChroot]:
    """Return the build and the chroot that the query names."""
    build_id, name = request.number("build_id"), request.argument("chrootname")
    build = request.state.build(build_id)
    if name not in build.chroots:
        if name.count("-") < 2:
            raise ApiRefusal(500, "Chroot identification is not valid")
        known = name in request.state.mock_chroots
        text = f"Build {build_id} was not submitted to {name} chroot." if known else f"Chroot {name} does not exist"
        raise ApiRefusal(404, text)
    return build, build.chroots[name]


def chroot(request: CoprRequest) -> dict[str, Any]:
    """Return a build in one chroot."""
    build, found = chroot_from_query(request)
    return show_build_chroot(build, found, request.base)


def chroot_list(request: CoprRequest) -> dict[str, Any]:
    """Return a build in all its chroots; an empty list if there is no such build."""
    paging = read_paging(request.query)
    build_id = request.number("build_id")
    if paging.order == "name":
        paging = Paging(paging.limit, paging.offset, "id", paging.order_type)
    paging.check("build_chroot")
    build = request.state.builds.get(build_id)
    chroots = paging.page(paging.sort(list(build.chroots.values()))) if build is not None else []
    items = [show_build_chroot(build, found, request.base) for found in chroots if build is not None]
    return {"items": items, "meta": paging.meta}


def chroot_built_packages(request: CoprRequest) -> dict[str, Any]:
    """Return the packages that were built in one chroot."""
    return {"packages": chroot_from_query(request)[1].packages}

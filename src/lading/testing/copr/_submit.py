"""Builds as they are submitted to the embedded Copr: from every kind of source, with their options checked."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

from lading.testing._copr_people import can_build
from lading.testing.copr._build_options import check_dirname, read_build_options
from lading.testing.copr._refusals import ApiRefusal, FormErrors
from lading.testing.copr._serializers import show_build
from lading.testing.copr._sources import read_source
from lading.testing.copr._state import Build, BuildChroot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from lading.testing._copr_people import CoprUser
    from lading.testing.copr._request import CoprRequest
    from lading.testing.copr._request_body import UploadedFile
    from lading.testing.copr._state import CoprState, Package, Project

_SRPM = (".src.rpm", ".nosrc.rpm", ".spec")


def from_urls(call: CoprRequest) -> dict[str, Any]:
    """A build for each address."""
    project, errors = call.named_project(), FormErrors()
    options = read_build_options(call, project, errors)
    pkgs = call.fields.get("pkgs") or []
    urls = [str(url) for url in pkgs] if isinstance(pkgs, list) else str(pkgs).split()
    if not urls:
        errors.add("pkgs", "URLs to packages are required")
    for judge, text in (
        (_is_http, "A list of http[s] URLs separated by whitespace characters is needed"),
        (_is_srpm, "URLs must end with .src.rpm, .nosrc.rpm, or .spec"),
    ):
        wrong = next((url for url in urls if not judge(url)), None)
        if wrong is not None:
            errors.add("pkgs", f"{text} ('{wrong}' doesn't seem to be a valid URL).")
    _check(call, project, errors)
    made = [
        show_build(submit(call.state, call.user, project, options, ("link", {"url": url}), url=url), call.base)
        for url in urls
    ]
    return {"items": made, "meta": dict.fromkeys(("limit", "offset", "order", "order_type"))}


def _is_http(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme.startswith("http") and bool(parts.netloc)


def _is_srpm(url: str) -> bool:
    return urlsplit(url).path.endswith(_SRPM)


def from_upload(call: CoprRequest) -> dict[str, Any]:
    """A build of a file that came along."""
    project, errors = call.named_project(), FormErrors()
    options = read_build_options(call, project, errors)
    file = call.body.files.get("pkgs")
    if file is None:
        errors.add("pkgs", "This field is required.")
    elif not file.filename.lower().endswith(_SRPM):
        errors.add("pkgs", "You can upload only .src.rpm, .nosrc.rpm, and .spec files")
    _check(call, project, errors)
    assert file is not None  # noqa: S101 - that would have been an error
    return show_build(_uploaded(call, project, options, "upload", file), call.base)


def from_rpm(call: CoprRequest) -> dict[str, Any]:
    """A build that is a binary package, already built: for one chroot, which has a field of its own."""
    project, errors = call.named_project(), FormErrors()
    options = read_build_options(call, project, errors)
    chroot = call.fields.get("chroot")
    if not chroot:
        errors.add("chroot", "This field is required.")
    elif chroot not in project.chroots:
        errors.add("chroot", "Not a valid choice.")
    options["chroots"] = [chroot]
    file = call.body.files.get("pkgs")
    if file is None:
        errors.add("pkgs", "This field is required.")
    elif not file.filename.endswith(".rpm") or file.filename.endswith((".src.rpm", ".nosrc.rpm")):
        errors.add("pkgs", "You can only upload .rpm files")
    _check(call, project, errors)
    assert file is not None  # noqa: S101 - that would have been an error
    return show_build(_uploaded(call, project, options, "rpm_upload", file), call.base)


def _uploaded(call: CoprRequest, project: Project, options: dict[str, Any], kind: str, file: UploadedFile) -> Build:
    name = file.filename.replace("\\", "/").rpartition("/")[2] or "unnamed"
    place = f"tmp{uuid4().hex[:8]}"
    path = call.results.keep_upload(file.path, place, name)
    url = f"/tmp/{place}/{name}"  # noqa: S108 - the path of its address
    if kind == "rpm_upload":
        source: dict[str, Any] = {"tmp": place, "files": [name]}
    else:
        source = {"url": f"{call.base}{url}", "pkg": name, "tmp": place}
    return submit(call.state, call.user, project, options, (kind, source), url=url, upload=path)


def _from_source(call: CoprRequest, kind: str) -> dict[str, Any]:
    """A build from a source of type *kind*."""
    project, errors = call.named_project(), FormErrors()
    source = read_source(kind, call.fields, errors, call.state)
    if kind == "distgit" and not call.fields.get("package_name"):
        errors.add("package_name", "This field is required.")
    if kind == "pypi":
        source["python_versions"] = source["python_versions"] or ["3"]
    options = read_build_options(call, project, errors)
    _check(call, project, errors)
    return show_build(submit(call.state, call.user, project, options, (kind, source)), call.base)


def from_source(kind: str) -> Callable[[CoprRequest], dict[str, Any]]:
    """What answers a request for a build from a source of type *kind*."""
    return partial(_from_source, kind=kind)


def check_before(call: CoprRequest) -> dict[str, Any]:
    """Whether a build like this one would be taken."""
    project, errors = call.named_project(), FormErrors()
    if call.fields.get("project_dirname"):
        check_dirname(project, str(call.fields["project_dirname"]))
    if not can_build(call.user, project):
        raise ApiRefusal(403, f"User '{call.user.name}' is not allowed to build in '{project.full_name}'")
    read_build_options(call, project, errors)
    errors.refuse_build()
    return {"message": "It should be safe to submit a build like this"}


def _check(call: CoprRequest, project: Project, errors: FormErrors) -> None:
    errors.refuse_build()
    if not can_build(call.user, project):
        raise ApiRefusal(403, f"User {call.user.name} is not allowed to build in the copr: {project.full_name}")
    check_dirname(project, str(call.fields.get("project_dirname") or project.name))


def submit(
    state: CoprState,
    user: CoprUser,
    project: Project,
    options: Mapping[str, Any],
    source: tuple[str, dict[str, Any]],
    *,
    url: str | None = None,
    upload: Path | None = None,
    package: Package | None = None,
) -> Build:
    """A new build of a *source*, its type and what is known of it, which waits for somebody to move it."""
    project.dirs.add(options["project_dirname"])
    number = state.next_id("build")
    build = Build(
        id=number,
        project=project,
        dirname=options["project_dirname"],
        submitter=user,
        submitted_on=state.epoch,
        source_type=source[0],
        source=source[1],
        options=options,
        url=url,
        upload=upload,
        package=package,
    )
    if build.source_type == "rpm_upload":
        build.source_state = "importing"  # there is nothing to be built of its source, and no log of that
    else:
        build.source_dir = f"{number:08}"
    # Where nobody says which chroots, they are not known before the source is there; a known package's are.
    for name in options["chroots"] or (project.chroots if package is not None else ()):
        build.chroots[name] = BuildChroot(state.next_id("build_chroot"), name)
    state.builds[number] = build
    return build

"""Submission of builds to the embedded Copr, from every type of source."""

from __future__ import annotations

import unicodedata
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

from lading.testing.copr._build_options import check_dirname, check_packit, read_build_options
from lading.testing.copr._refusals import ApiRefusal, FormErrors
from lading.testing.copr._serializers import show_build
from lading.testing.copr._sources import check_package_name, read_source
from lading.testing.copr._state import Build, BuildChroot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from lading.testing._server.forms import UploadedFile
    from lading.testing.copr._request import CoprRequest
    from lading.testing.copr._state import CoprState, Package, Project
    from lading.testing.copr._users import CoprUser

_SRPM = (".src.rpm", ".nosrc.rpm", ".spec")


def from_urls(request: CoprRequest) -> dict[str, Any]:
    """Submit a build for each URL, and return the builds."""
    project, errors = request.project_from_body(), FormErrors()
    options = read_build_options(request, project, errors)
    pkgs = request.fields.get("pkgs") or []
    urls = [str(url) for url in pkgs] if isinstance(pkgs, list) else str(pkgs).split()
    if not urls:
        errors.add("pkgs", "URLs to packages are required")
    for is_valid, text in (
        (_is_http, "A list of http[s] URLs separated by whitespace characters is needed"),
        (_is_srpm, "URLs must end with .src.rpm, .nosrc.rpm, or .spec"),
    ):
        wrong = next((url for url in urls if not is_valid(url)), None)
        if wrong is not None:
            errors.add("pkgs", f"{text} ('{wrong}' doesn't seem to be a valid URL).")
    _check(request, project, errors)
    items = [
        show_build(submit(request.state, request.user, project, options, ("link", {"url": url}), url=url), request.base)
        for url in urls
    ]
    return {"items": items, "meta": dict.fromkeys(("limit", "offset", "order", "order_type"))}


def _is_http(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme.startswith("http") and bool(parts.netloc)


def _is_srpm(url: str) -> bool:
    return urlsplit(url).path.endswith(_SRPM)


def from_upload(request: CoprRequest) -> dict[str, Any]:
    """Submit a build of an uploaded file, and return it."""
    project, errors = request.project_from_body(), FormErrors()
    options = read_build_options(request, project, errors)
    file = request.body.files.get("pkgs")
    if file is None:
        errors.add("pkgs", "This field is required.")
    elif not file.filename.lower().endswith(_SRPM):
        errors.add("pkgs", "You can upload only .src.rpm, .nosrc.rpm, and .spec files")
    _check(request, project, errors)
    assert file is not None  # noqa: S101 - that would have been an error
    return show_build(_uploaded(request, project, options, "upload", file), request.base)


def from_rpm(request: CoprRequest) -> dict[str, Any]:
    """Submit a binary package as a build in one chroot, which has a field of its own, and return the build."""
    project, errors = request.project_from_body(), FormErrors()
    options = read_build_options(request, project, errors)
    chroot = request.fields.get("chroot")
    if not chroot:
        errors.add("chroot", "This field is required.")
    elif chroot not in project.chroots:
        errors.add("chroot", "Not a valid choice.")
    options["chroots"] = [chroot]
    file = request.body.files.get("pkgs")
    if file is None:
        errors.add("pkgs", "This field is required.")
    elif not file.filename.endswith(".rpm") or file.filename.endswith((".src.rpm", ".nosrc.rpm")):
        errors.add("pkgs", "You can only upload .rpm files")
    _check(request, project, errors)
    assert file is not None  # noqa: S101 - that would have been an error
    return show_build(_uploaded(request, project, options, "rpm_upload", file), request.base)


def _secure_filename(name: str) -> str:
    """Return *name* as werkzeug's function of that name does, with which the frontend stores it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").replace("/", " ")
    kept = (char for char in "_".join(plain.split()) if char.isalnum() or char in "_.-")
    return "".join(kept).strip("._")


def _uploaded(request: CoprRequest, project: Project, options: dict[str, Any], kind: str, file: UploadedFile) -> Build:
    name = _secure_filename(file.filename)
    place = f"tmp{uuid4().hex[:8]}"
    path = request.results.store_upload(file.path, place, name)
    url = f"/tmp/{place}/{name}"  # noqa: S108 - the path of its URL
    if kind == "rpm_upload":
        source: dict[str, Any] = {"tmp": place, "files": [name]}
    else:
        source = {"url": f"{request.base}{url}", "pkg": name, "tmp": place}
    return submit(request.state, request.user, project, options, (kind, source), url=url, upload=path)


def _from_source(request: CoprRequest, kind: str) -> dict[str, Any]:
    """Submit a build from a source of type *kind*, and return it."""
    project, errors = request.project_from_body(), FormErrors()
    if kind == "distgit":
        check_package_name(request.fields, errors)
    source = read_source(kind, request.fields, errors, request.state)
    if kind == "pypi":
        source["python_versions"] = source["python_versions"] or ["3"]
    options = read_build_options(request, project, errors)
    _check(request, project, errors)
    return show_build(submit(request.state, request.user, project, options, (kind, source)), request.base)


def from_source(kind: str) -> Callable[[CoprRequest], dict[str, Any]]:
    """Return the handler of builds from a source of type *kind*."""
    return partial(_from_source, kind=kind)


def check_before(request: CoprRequest) -> dict[str, Any]:
    """Check whether such a build would be accepted."""
    project, errors = request.project_from_body(), FormErrors()
    if request.fields.get("project_dirname"):
        check_dirname(project, str(request.fields["project_dirname"]))
    if not project.can_build(request.user):
        raise ApiRefusal(403, f"User '{request.user.name}' is not allowed to build in '{project.full_name}'")
    read_build_options(request, project, errors)
    errors.refuse_build()
    return {"message": "It should be safe to submit a build like this"}


def _check(request: CoprRequest, project: Project, errors: FormErrors) -> None:
    errors.refuse_build()
    if not project.can_build(request.user):
        raise ApiRefusal(403, f"User {request.user.name} is not allowed to build in the copr: {project.full_name}")
    check_packit(project, request.fields)
    check_dirname(project, str(request.fields.get("project_dirname") or project.name))


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
    """Create a pending build of a *source*, which is its type and its fields."""
    project.dirs.add(options["project_dirname"])
    number = state.ids.next("build")
    build = Build(
        id=number,
        project=project,
        dirname=options["project_dirname"],
        submitter=user,
        submitted_on=state.clock.timestamp,
        source_type=source[0],
        source=source[1],
        options=options,
        url=url,
        upload=upload,
        package=package,
    )
    if build.source_type == "rpm_upload":
        build.source_state = "importing"  # it has no source build, and no log of one
    else:
        build.source_dir = f"{number:08}"
    # Without a choice of chroots, they are known once the source is imported, and for a package from the beginning.
    for name in options["chroots"] or (project.chroots if package is not None else ()):
        build.chroots[name] = BuildChroot(state.ids.next("build_chroot"), name)
    state.builds[number] = build
    return build

"""Builds of source packages and spec files: from URLs and from files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading._core.call import Call
from lading.copr._arguments import build_options
from lading.copr._builds.submission import SubmittedBuild, stored_filename
from lading.copr._builds.submit import submit_build
from lading.copr._models.builds import Build
from lading.copr._pagination import ListPage
from lading.copr._uploads import upload_filename, upload_part
from lading.copr._wire import json_fields, multipart_form
from lading.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lading._core.body import Body
    from lading._core.files import StrPath
    from lading._core.messages import Response
    from lading._core.sender import Sender
    from lading.copr._builds.submission import BuildTarget
    from lading.copr._options import BuildOptions
    from lading.types import OnProgress

_SOURCES = (".src.rpm", ".nosrc.rpm", ".spec")


async def create_from_urls(
    sender: Sender, target: BuildTarget, urls: Sequence[str], options: BuildOptions
) -> tuple[Build, ...]:
    """Submit one build for each of *urls* and return them in that order."""
    if isinstance(urls, str):
        raise InputError("urls is a list of URLs, not one string", argument="urls")
    urls, checked = tuple(urls), build_options(options)
    for url in urls:
        if not url or any(map(str.isspace, url)):
            raise InputError(f"{url!r} is not a URL: it is empty or contains white space", argument="urls")

    def read(response: Response) -> tuple[Build, ...]:
        builds = ListPage[Build].model_validate_json(response.body).items
        if len(builds) != len(urls) or not all(map(target.owns, builds)):
            raise LookupError
        return builds

    call = Call("POST", "build/create/url", read, json=json_fields(target.fields(), {"pkgs": urls}, checked))
    submission = SubmittedBuild.create(target, checked, kind="link", clues=tuple((url,) for url in urls))
    return await submit_build(sender, call, submission)


async def create_from_file(
    sender: Sender,
    target: BuildTarget,
    source: StrPath | Body,
    *,
    filename: str | None,
    options: BuildOptions,
    on_progress: OnProgress | None,
) -> Build:
    """Upload a source package or spec file and return its build."""
    name = upload_filename(source, filename)
    if not name.endswith(_SOURCES):
        raise InputError(f"{name} is not a .src.rpm, .nosrc.rpm or .spec file", argument="source")
    return await _upload(
        sender,
        target,
        source,
        filename=name,
        path="build/create/upload",
        kind="upload",
        fields=target.fields() | build_options(options),
        on_progress=on_progress,
    )


async def create_from_rpm_upload(
    sender: Sender,
    target: BuildTarget,
    source: StrPath | Body,
    *,
    filename: str | None,
    chroot: str | None,
    options: BuildOptions,
    on_progress: OnProgress | None,
) -> Build:
    """Upload a binary RPM and return its build."""
    name = upload_filename(source, filename)
    if not name.endswith(".rpm"):
        raise InputError(f"{name} is not an .rpm file", argument="source")
    return await _upload(
        sender,
        target,
        source,
        filename=name,
        path="build/create/rpm-upload",
        kind="rpm_upload",
        fields=target.fields() | {"chroot": chroot} | build_options(options),
        on_progress=on_progress,
    )


async def check_before_build(sender: Sender, target: BuildTarget, options: BuildOptions) -> str:
    """Validate the options of a build without submitting it, and return the frontend's message."""
    json = json_fields(target.fields(), build_options(options))
    return await sender.send(Call("POST", "build/check-before-build", _read_message, json=json, idempotent=True))


async def _upload(
    sender: Sender,
    target: BuildTarget,
    source: StrPath | Body,
    *,
    filename: str,
    path: str,
    kind: str,
    fields: dict[str, Any],
    on_progress: OnProgress | None,
) -> Build:
    part = await upload_part("pkgs", source, filename, "application/x-rpm")
    call = Call("POST", path, target.read_build, body=multipart_form(fields, part), on_progress=on_progress)
    chroots = fields.get("chroots") or ([fields["chroot"]] if fields.get("chroot") else None)
    submission = SubmittedBuild.create(
        target, fields | {"chroots": chroots}, kind=kind, clues=((stored_filename(filename),),)
    )
    return (await submit_build(sender, call, submission))[0]


def _read_message(response: Response) -> str:
    return str(response.json()["message"])

"""Builds from every kind of source."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Unpack

from lading._core.body import Body, FileBody
from lading._core.call import Call
from lading._core.multipart import FilePart
from lading.copr._builds.create_from_source import SourceBuilds, read_one
from lading.copr._builds.submit import SubmittedBuild
from lading.copr._models.builds import Build, ListPage
from lading.copr._wire import json_fields, multipart_form
from lading.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lading._core.files import StrPath
    from lading._core.messages import Response
    from lading.copr._options import BuildOptions
    from lading.types import OnProgress

_SOURCES = (".src.rpm", ".nosrc.rpm", ".spec")


class BuildCreation(SourceBuilds):
    """The part of ``copr.builds`` that submits them.

    All of it takes ``project_dirname``, a directory of the project such as ``name:pr:7``, and the
    :class:`lading.copr.BuildOptions`. A build is submitted once: after a lost answer the project's builds are looked
    up before anything is sent again. When it cannot be told whether it was submitted, the error's ``outcome`` is
    ``"unknown"``.
    """

    __slots__ = ()

    async def create_from_urls(
        self,
        owner: str,
        project: str,
        urls: Sequence[str],
        *,
        project_dirname: str | None = None,
        **options: Unpack[BuildOptions],
    ) -> tuple[Build, ...]:
        """One build for each of *urls*, in their order.

        Args:
            owner: Whose project.
            project: Its name.
            urls: Source packages or spec files (``.src.rpm``, ``.nosrc.rpm``, ``.spec``) on the web.
            project_dirname: See above.
            options: See above.

        Source: ``POST /api_3/build/create/url``.
        """
        if isinstance(urls, str):
            raise InputError("urls is a list of addresses, not one text", argument="urls")
        urls = tuple(urls)
        for url in urls:
            if not url or any(map(str.isspace, url)):
                raise InputError(f"{url!r} is no address: it has blanks in it, or nothing", argument="urls")
        fields = {"ownername": owner, "projectname": project, "pkgs": urls, "project_dirname": project_dirname}

        def read(reply: Response) -> tuple[Build, ...]:
            builds = ListPage[Build].model_validate_json(reply.body).items
            if len(builds) != len(urls):
                raise LookupError
            return builds

        call = Call("POST", "build/create/url", read, json=json_fields(fields, options))
        wanted = SubmittedBuild(owner, project, project_dirname, clues=tuple((url,) for url in urls))
        return await self._submitter.submit(self._sender, call, wanted)

    async def create_from_url(
        self,
        owner: str,
        project: str,
        url: str,
        *,
        project_dirname: str | None = None,
        **options: Unpack[BuildOptions],
    ) -> Build:
        """A build of the source package or spec file at *url*; as :meth:`create_from_urls` with one."""
        builds = await self.create_from_urls(owner, project, [url], project_dirname=project_dirname, **options)
        return builds[0]

    async def create_from_file(
        self,
        owner: str,
        project: str,
        source: StrPath | Body,
        *,
        filename: str | None = None,
        project_dirname: str | None = None,
        on_progress: OnProgress | None = None,
        **options: Unpack[BuildOptions],
    ) -> Build:
        """A build of a source package or spec file that is uploaded, streamed from disk.

        Args:
            owner: Whose project.
            project: Its name.
            source: The file, or a body such as :class:`lading.BytesBody`.
            filename: What it is called; needed with a body. Ends in ``.src.rpm``, ``.nosrc.rpm`` or ``.spec``.
            project_dirname: See above.
            on_progress: Told how many bytes have been sent.
            options: See above.

        Raises:
            InputError: It has another name, or changed while it was read.
            PayloadTooLarge: The frontend, or the web server before it, takes no file so long; mostly said early.

        Source: ``POST /api_3/build/create/upload``.
        """
        name = _name(source, filename)
        if not name.endswith(_SOURCES):
            raise InputError(f"{name} is not a .src.rpm, .nosrc.rpm or .spec file", argument="source")
        fields: dict[str, Any] = {"ownername": owner, "projectname": project, "project_dirname": project_dirname}
        return await self._upload("build/create/upload", fields | options, source, name, on_progress)

    async def create_from_rpm_upload(
        self,
        owner: str,
        project: str,
        source: StrPath | Body,
        *,
        filename: str | None = None,
        chroot: str | None = None,
        project_dirname: str | None = None,
        on_progress: OnProgress | None = None,
        **options: Unpack[BuildOptions],
    ) -> Build:
        """A build that takes over a binary RPM, built elsewhere. Few frontends have this, the public one has not.

        Args:
            owner: Whose project.
            project: Its name.
            source: The file, or a body such as :class:`lading.BytesBody`.
            filename: What it is called; needed with a body. Ends in ``.rpm``.
            chroot: The one chroot that it is for, at frontends that want this instead of the option ``chroots``.
            project_dirname: See above.
            on_progress: Told how many bytes have been sent.
            options: See above.

        Raises:
            NotFound: The frontend has no such thing.

        Source: ``POST /api_3/build/create/rpm-upload`` (client 2.7).
        """
        name = _name(source, filename)
        if not name.endswith(".rpm"):
            raise InputError(f"{name} is not an .rpm file", argument="source")
        fields: dict[str, Any] = {"ownername": owner, "projectname": project, "project_dirname": project_dirname}
        fields["chroot"] = chroot
        return await self._upload("build/create/rpm-upload", fields | options, source, name, on_progress)

    async def check_before_build(
        self, owner: str, project: str, *, project_dirname: str | None = None, **options: Unpack[BuildOptions]
    ) -> str:
        """What the frontend says to a build with these options, which is not submitted: ask before a long upload.

        Raises:
            ApiError: It would refuse it, as it would the build itself.

        Source: ``POST /api_3/build/check-before-build``.
        """
        fields = {"ownername": owner, "projectname": project, "project_dirname": project_dirname}
        json = json_fields(fields, options)
        call = Call("POST", "build/check-before-build", _message, json=json, idempotent=True)
        return await self._sender.send(call)

    async def _upload(
        self, path: str, fields: dict[str, Any], source: StrPath | Body, name: str, on_progress: OnProgress | None
    ) -> Build:
        content = (
            source if isinstance(source, Body) else await FileBody.from_path(source, content_type="application/x-rpm")
        )
        call = Call(
            "POST",
            path,
            read_one,
            body=multipart_form(fields, FilePart("pkgs", content, name)),
            on_progress=on_progress,
        )
        wanted = SubmittedBuild(fields["ownername"], fields["projectname"], fields["project_dirname"], clues=((name,),))
        return (await self._submitter.submit(self._sender, call, wanted))[0]


def _name(source: StrPath | Body, filename: str | None) -> str:
    if filename is not None:
        return filename
    if isinstance(source, Body):
        raise InputError("a body has no name: give filename=", argument="filename")
    return PurePath(os.fspath(source)).name


def _message(reply: Response) -> str:
    return str(reply.json()["message"])

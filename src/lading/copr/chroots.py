"""Chroots of Copr: those that can be built in, and their settings and results in projects and builds."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import TYPE_CHECKING, Unpack

from lading._core.body import Body, FileBody
from lading._core.call import Call
from lading._core.multipart import FilePart
from lading._core.paging import Page, Pager
from lading.copr._models.builds import ListPage
from lading.copr._models.chroots import BuildChroot, BuildConfig, BuiltPackages, MockChroot, ProjectChroot
from lading.copr._pagination import PAGE_SIZE, paginate
from lading.copr._wire import multipart_form
from lading.errors import InputError

if TYPE_CHECKING:
    from lading._core.call import Params
    from lading._core.files import StrPath
    from lading._core.messages import Response
    from lading._core.sender import Sender
    from lading.copr._options import ChrootOptions


class ProjectChroots:
    """The chroots of projects; reached as ``copr.project_chroots``."""

    __slots__ = ("_sender",)

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def get(self, owner: str, project: str, chroot: str) -> ProjectChroot:
        """The settings of one chroot of a project.

        Raises:
            NotFound: The project has no such chroot.

        Source: ``GET /api_3/project-chroot``.
        """
        params = {"ownername": owner, "projectname": project, "chrootname": chroot}
        return await self._sender.send(Call("GET", "project-chroot", ProjectChroot, params=params, auth=None))

    async def build_config(self, owner: str, project: str, chroot: str) -> BuildConfig:
        """How builds are set up in that chroot.

        Source: ``GET /api_3/project-chroot/build-config``.
        """
        params = {"ownername": owner, "projectname": project, "chrootname": chroot}
        return await self._sender.send(
            Call("GET", "project-chroot/build-config", BuildConfig, params=params, auth=None)
        )

    async def update(
        self,
        owner: str,
        project: str,
        chroot: str,
        *,
        comps: StrPath | Body | None = None,
        comps_filename: str | None = None,
        delete_comps: bool = False,
        **options: Unpack[ChrootOptions],
    ) -> ProjectChroot:
        """The chroot with its new settings. What is not given stays.

        Args:
            owner: Whose project.
            project: Its name.
            chroot: The chroot.
            comps: A comps file to upload.
            comps_filename: What that is called; needed with a body.
            delete_comps: Take the comps file away.
            options: See :class:`lading.copr.ChrootOptions`.

        Source: ``PUT /api_3/project-chroot/edit/{owner}/{project}/{chroot}``.
        """
        fields = {**options, "delete_comps": delete_comps}
        if options.get("bootstrap_image"):
            fields["bootstrap"] = "custom_image"
        files: list[FilePart] = []
        if comps is not None:
            name = comps_filename or (None if isinstance(comps, Body) else PurePath(os.fspath(comps)).name)
            if name is None:
                raise InputError("a body has no name: give comps_filename=", argument="comps_filename")
            content = (
                comps if isinstance(comps, Body) else await FileBody.from_path(comps, content_type="application/text")
            )
            files.append(FilePart("upload_comps", content, name))
        at = {"owner": owner, "project": project, "chroot": chroot}
        path = "project-chroot/edit/{owner}/{project}/{chroot}"
        return await self._sender.send(
            Call("PUT", path, ProjectChroot, path_params=at, body=multipart_form(fields, *files))
        )


class BuildChroots:
    """The chroots of builds; reached as ``copr.build_chroots``."""

    __slots__ = ("_sender",)

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def get(self, build: int, chroot: str) -> BuildChroot:
        """How far the build has come in that chroot, and where its results are.

        Raises:
            NotFound: The build has no such chroot.

        Source: ``GET /api_3/build-chroot``.
        """
        return await self._sender.send(
            Call("GET", "build-chroot", BuildChroot, params=_params(build, chroot), auth=None)
        )

    def list(
        self,
        build: int,
        *,
        page_size: int = PAGE_SIZE,
        max_items: int | None = None,
        order: str | None = None,
        descending: bool = False,
        offset: int = 0,
    ) -> Pager[BuildChroot]:
        """The chroots of a build.

        Args:
            build: The build.
            page_size: How many are asked for at once.
            max_items: Stop after so many.
            order: A column; ``"id"`` where not given.
            descending: Turn the order round.
            offset: Leave out so many at the beginning.

        Source: ``GET /api_3/build-chroot/list``.
        """
        return paginate(
            self._sender,
            "build-chroot/list",
            ListPage[BuildChroot],
            {"build_id": build},
            key=lambda chroot: chroot.name,
            page_size=page_size,
            max_items=max_items,
            order=order,
            descending=descending,
            offset=offset,
        )

    async def build_config(self, build: int, chroot: str) -> BuildConfig:
        """How the build is set up in that chroot.

        Source: ``GET /api_3/build-chroot/build-config``.
        """
        return await self._sender.send(
            Call("GET", "build-chroot/build-config", BuildConfig, params=_params(build, chroot), auth=None)
        )

    async def built_packages(self, build: int, chroot: str) -> BuiltPackages:
        """The RPMs that were made there.

        Source: ``GET /api_3/build-chroot/built-packages``.
        """
        return await self._sender.send(
            Call("GET", "build-chroot/built-packages", BuiltPackages, params=_params(build, chroot), auth=None)
        )


class MockChroots:
    """The chroots that an instance has; reached as ``copr.mock_chroots``."""

    __slots__ = ("_sender",)

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(self, *, max_items: int | None = None) -> Pager[MockChroot]:
        """The chroots that projects can be built in. They come in one page.

        Args:
            max_items: Stop after so many.

        Source: ``GET /api_3/mock-chroots/list``.
        """

        async def fetch(_: object) -> Page[MockChroot]:
            found = await self._sender.send(Call("GET", "mock-chroots/list", _mock_chroots, auth=None))
            return Page(found, None, len(found))

        return Pager(fetch, max_items=max_items)


def _params(build: int, chroot: str) -> Params:
    return {"build_id": build, "chrootname": chroot}


def _mock_chroots(reply: Response) -> tuple[MockChroot, ...]:
    return tuple(MockChroot(name=name, comment=comment or "") for name, comment in reply.json().items())

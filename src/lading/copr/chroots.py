"""Chroots of Copr: the available ones, their settings in projects, and their parts of builds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from lading._core.arguments import checked
from lading._core.call import Call
from lading._core.paging import Pager
from lading.copr._arguments import build_number, check_names
from lading.copr._models.builds import BuiltPackages
from lading.copr._models.chroots import BuildChroot, BuildConfig, MockChroot, ProjectChroot
from lading.copr._options import ChrootOptions
from lading.copr._pagination import PAGE_SIZE, ListPage, paginate
from lading.copr._uploads import upload_filename, upload_part
from lading.copr._wire import multipart_form, read_about

if TYPE_CHECKING:
    from lading._core.body import Body
    from lading._core.call import Params
    from lading._core.files import StrPath
    from lading._core.messages import Response
    from lading._core.multipart import FilePart
    from lading._core.sender import Sender
    from lading.copr._models.builds import Build


@checked(ChrootOptions)
class ProjectChroots:
    """The chroots of projects; available as ``copr.project_chroots``."""

    __slots__ = ("_sender",)

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def get(self, owner: str, project: str, chroot: str) -> ProjectChroot:
        """Return the settings of one chroot of a project.

        Args:
            owner: The project's owner.
            project: The project's name.
            chroot: The chroot.

        Raises:
            NotFound: The project has no such chroot.

        Source: ``GET /api_3/project-chroot``.
        """
        check_names(owner=owner, project=project, chroot=chroot)
        params = {"ownername": owner, "projectname": project, "chrootname": chroot}
        return await self._sender.send(Call("GET", "project-chroot", ProjectChroot, params=params, auth=None))

    async def build_config(self, owner: str, project: str, chroot: str) -> BuildConfig:
        """Return the configuration of builds in one chroot of a project.

        Args:
            owner: The project's owner.
            project: The project's name.
            chroot: The chroot.

        Raises:
            NotFound: The project has no such chroot.

        Source: ``GET /api_3/project-chroot/build-config``.
        """
        check_names(owner=owner, project=project, chroot=chroot)
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
        delete_comps: bool | None = False,
        **options: Unpack[ChrootOptions],
    ) -> ProjectChroot:
        """Change the settings of one chroot of a project and return it. Options that are not given stay.

        Args:
            owner: The project's owner.
            project: The project's name.
            chroot: The chroot.
            comps: A comps file to upload.
            comps_filename: Its file name; required with a body.
            delete_comps: Delete the comps file.
            options: See :class:`lading.copr.ChrootOptions`.

        Raises:
            NotFound: The project has no such chroot.
            OSError: The comps file cannot be read.

        Source: ``PUT /api_3/project-chroot/edit/{owner}/{project}/{chroot}``.
        """
        check_names(owner=owner, project=project, chroot=chroot)
        fields = {**options, "delete_comps": delete_comps}
        if options.get("bootstrap_image"):
            fields["bootstrap"] = "custom_image"
        files: list[FilePart] = []
        if comps is not None:
            name = upload_filename(comps, comps_filename or None, argument="comps_filename")
            files.append(await upload_part("upload_comps", comps, name, "application/text"))
        at = {"owner": owner, "project": project, "chroot": chroot}
        path = "project-chroot/edit/{owner}/{project}/{chroot}"
        return await self._sender.send(
            Call(
                "PUT",
                path,
                read_about(ProjectChroot, mock_chroot=chroot),
                path_params=at,
                body=multipart_form(fields, *files),
            )
        )


@checked()
class BuildChroots:
    """The chroots of builds; available as ``copr.build_chroots``."""

    __slots__ = ("_sender",)

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def get(self, build: int | Build, chroot: str) -> BuildChroot:
        """Return the state of a build in one chroot, and the URL of its results.

        Args:
            build: The build.
            chroot: The chroot.

        Raises:
            NotFound: The build has no such chroot.
            BadRequest: *chroot* cannot be the name of a chroot.

        Source: ``GET /api_3/build-chroot``.
        """
        return await self._sender.send(
            Call("GET", "build-chroot", BuildChroot, params=_params(build, chroot), auth=None)
        )

    def list(
        self,
        build: int | Build,
        *,
        page_size: int = PAGE_SIZE,
        max_items: int | None = None,
        order: str | None = None,
        descending: bool = False,
        offset: int = 0,
    ) -> Pager[BuildChroot]:
        """List the chroots of a build.

        Args:
            build: The build.
            page_size: How many to request at once.
            max_items: Stop after this many.
            order: A column; by default ``"id"``.
            descending: Reverse the order.
            offset: Skip this many at the beginning.

        Source: ``GET /api_3/build-chroot/list``.
        """
        return paginate(
            self._sender,
            "build-chroot/list",
            ListPage[BuildChroot],
            {"build_id": build_number(build)},
            key=lambda chroot: chroot.name,
            page_size=page_size,
            max_items=max_items,
            order=order,
            descending=descending,
            offset=offset,
        )

    async def build_config(self, build: int | Build, chroot: str) -> BuildConfig:
        """Return the configuration of a build in one chroot.

        Args:
            build: The build.
            chroot: The chroot.

        Raises:
            NotFound: The build has no such chroot.

        Source: ``GET /api_3/build-chroot/build-config``.
        """
        return await self._sender.send(
            Call("GET", "build-chroot/build-config", BuildConfig, params=_params(build, chroot), auth=None)
        )

    async def built_packages(self, build: int | Build, chroot: str) -> BuiltPackages:
        """Return the RPMs that a build created in one chroot.

        Args:
            build: The build.
            chroot: The chroot.

        Raises:
            NotFound: The build has no such chroot.

        Source: ``GET /api_3/build-chroot/built-packages``.
        """
        return await self._sender.send(
            Call("GET", "build-chroot/built-packages", BuiltPackages, params=_params(build, chroot), auth=None)
        )


@checked()
class MockChroots:
    """The chroots of an instance; available as ``copr.mock_chroots``."""

    __slots__ = ("_sender",)

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(self, *, max_items: int | None = None) -> Pager[MockChroot]:
        """List the chroots that projects can be built in. They are sent in one page.

        Args:
            max_items: Stop after this many.

        Source: ``GET /api_3/mock-chroots/list``.
        """
        call = Call("GET", "mock-chroots/list", _read_mock_chroots, auth=None)
        return Pager.single(lambda: self._sender.send(call), max_items=max_items)


def _params(build: int | Build, chroot: str) -> Params:
    check_names(chroot=chroot)
    return {"build_id": build_number(build), "chrootname": chroot}


def _read_mock_chroots(response: Response) -> tuple[MockChroot, ...]:
    return tuple(MockChroot(name=name, comment=comment or "") for name, comment in response.json().items())

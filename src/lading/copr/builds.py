"""Builds of Copr."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from lading._core.call import Call
from lading._core.send_once import NOT_FOUND, Found, Rejected, lookup_deleted
from lading.copr._builds.create import BuildCreation
from lading.copr._builds.download import KINDS, Kind, download_results
from lading.copr._builds.log import BuildLog
from lading.copr._builds.watch import BuildWatch, wait_finished
from lading.copr._models.builds import Build, ListPage
from lading.copr._models.chroots import BuiltPackages, SourceBuildConfig, SourceChroot
from lading.copr._pagination import PAGE_SIZE, paginate
from lading.copr._wire import read_ack
from lading.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable
    from pathlib import Path

    from lading._core.files import StrPath
    from lading._core.messages import Response
    from lading._core.paging import Pager
    from lading._core.polling import PollInterval
    from lading._core.send_once import LookupResult, LookupSender
    from lading.copr._models.builds import BuildState
    from lading.errors import LadingError
    from lading.types import OnProgress


class Builds(BuildCreation):
    """The builds of a Copr instance; reached as ``copr.builds``. A *build* is a build's number, or a :class:`Build`."""

    __slots__ = ()

    async def get(self, build: int) -> Build:
        """One build.

        Raises:
            NotFound: There is no such build.

        Source: ``GET /api_3/build/{id}``.
        """
        return await self._sender.send(_get(build))

    def list(
        self,
        owner: str,
        project: str,
        *,
        package: str | None = None,
        status: BuildState | None = None,
        page_size: int = PAGE_SIZE,
        max_items: int | None = None,
        order: str | None = None,
        descending: bool = False,
        offset: int = 0,
    ) -> Pager[Build]:
        """The builds of a project. Current frontends give the newest first, whatever *order* says.

        Args:
            owner: Whose project.
            project: Its name.
            package: Of this package alone.
            status: In this state alone.
            page_size: How many are asked for at once.
            max_items: Stop after so many.
            order: A column such as ``"id"``.
            descending: Turn the order round.
            offset: Leave out so many at the beginning; with *status*, of the builds of all states.

        Source: ``GET /api_3/build/list``.
        """
        params = {"ownername": owner, "projectname": project, "packagename": package, "status": status}
        return paginate(
            self._sender,
            "build/list",
            ListPage[Build],
            params,
            key=lambda build: build.id,
            page_size=page_size,
            max_items=max_items,
            order=order,
            descending=descending,
            offset=offset,
        )

    async def cancel(self, build: int) -> Build:
        """The build, canceled. Its state says so at once, its builders may work on for a while.

        Raises:
            Conflict: It has ended already.

        Source: ``PUT /api_3/build/cancel/{id}``.
        """

        async def look_up(sender: LookupSender, _: LadingError) -> LookupResult[Build]:
            found = await sender.send(_get(build))
            if found.state == "canceled":
                return Found(found)
            return Rejected(_ended(sender, found)) if found.finished else NOT_FOUND

        path_params = {"build_id": build}
        call = Call("PUT", "build/cancel/{build_id}", _build, path_params=path_params, idempotent=False)
        return await self._sender.send_once(call, look_up)

    async def delete(self, build: int) -> None:
        """Delete it with its results.

        Raises:
            NotFound: There is no such build.
            Conflict: It is still running.

        Source: ``DELETE /api_3/build/delete/{id}``.
        """
        at = {"build_id": build}
        call = Call("DELETE", "build/delete/{build_id}", read_ack, path_params=at, idempotent=False)
        await self._sender.send_once(call, lookup_deleted(_get(build)))

    async def delete_many(self, builds: Iterable[int]) -> None:
        """Delete them all or, when one cannot be deleted, none.

        Raises:
            BadRequest: There is no such build; the text names those that there are not.
            Conflict: Some are still running.

        Source: ``DELETE /api_3/build/delete/list``.
        """
        ids = list(builds)

        async def look_up(sender: LookupSender, lost: LadingError) -> LookupResult[bool]:
            # All or none are deleted, so the first that exists decides. One that does not may never have existed.
            for build in ids:
                if await lookup_deleted(_get(build))(sender, lost) is NOT_FOUND:
                    return NOT_FOUND
            return Found(value=True)

        if ids:
            json = {"builds": ids}
            await self._sender.send_once(
                Call("DELETE", "build/delete/list", read_ack, json=json, idempotent=False), look_up
            )

    async def source_chroot(self, build: int) -> SourceChroot:
        """The part of the build that makes the source package.

        Raises:
            ServerError: That part has not started yet: the frontend answers 500 then.

        Source: ``GET /api_3/build/source-chroot/{id}``.
        """
        call = Call("GET", "build/source-chroot/{build_id}", SourceChroot, path_params={"build_id": build}, auth=None)
        return await self._sender.send(call)

    async def source_build_config(self, build: int) -> SourceBuildConfig:
        """What the build's source package is made from.

        Source: ``GET /api_3/build/source-build-config/{id}``.
        """
        path = "build/source-build-config/{build_id}"
        return await self._sender.send(Call("GET", path, SourceBuildConfig, path_params={"build_id": build}, auth=None))

    async def built_packages(self, build: int) -> dict[str, BuiltPackages]:
        """By chroot: the RPMs that were made there.

        Source: ``GET /api_3/build/built-packages/{id}``.
        """
        path = "build/built-packages/{build_id}"
        return await self._sender.send(Call("GET", path, _built, path_params={"build_id": build}, auth=None))

    @overload
    def wait(self, builds: int | Build, *, poll: PollInterval | None = None) -> Awaitable[Build]: ...
    @overload
    def wait(self, builds: Iterable[int | Build], *, poll: PollInterval | None = None) -> BuildWatch: ...
    def wait(
        self, builds: int | Build | Iterable[int | Build], *, poll: PollInterval | None = None
    ) -> Awaitable[Build] | BuildWatch:
        """The build when it has ended; of many, an async iterator that gives each when it has ended.

        ::

            done = await copr.builds.wait(build)          # raises BuildFailed
            async for done in copr.builds.wait(builds):   # look at done.state
                ...

        Args:
            builds: One build, or many: as numbers, or as they came from ``create_from_...``, which spares questions.
            poll: How often to ask.

        Raises:
            BuildFailed: The one build failed, or was canceled. Of many, each is given in whatever state it ended.
            NotFound: It has been deleted.

        It waits for as long as it takes: put ``anyio.fail_after(seconds)`` around it. A state that no version of Copr
        knew so far, and ``unknown``, which comes and goes, are waited out.
        """
        if isinstance(builds, (int, Build)):
            return wait_finished(self._sender, builds, poll)
        return BuildWatch(self._sender, builds, only_done=True, poll=poll)

    def watch(self, builds: Iterable[int | Build], *, poll: PollInterval | None = None) -> BuildWatch:
        """An async iterator over builds each time that a state changes, until all have ended; first as they are now.

        One question serves many builds of a project. Questions come soon after news, and are then further and further
        apart; with many projects they are a few a second.

        Args:
            builds: As for :meth:`wait`.
            poll: How often to ask.
        """
        return BuildWatch(self._sender, builds, only_done=False, poll=poll)

    async def download(
        self,
        build: int | Build,
        to: StrPath,
        *,
        chroots: Iterable[str] | None = None,
        kinds: Iterable[Kind] = KINDS,
        limit: int = 8,
        on_progress: OnProgress | None = None,
    ) -> tuple[Path, ...]:
        """The paths of the downloaded files: ``to/<chroot>/<file>``.

        A file that is there already with the right size is left alone, so a download that broke off goes on when it
        is called again. RPMs are found by the build's list of packages, which knows those of every kind of storage.

        Args:
            build: The build.
            to: A folder; made where it is not there.
            chroots: From these alone; all by default.
            kinds: ``"rpms"``, ``"spec"``, ``"logs"``, ``"info"`` (``results.json``, ``build.info``) and ``"review"``
                (what fedora-review said). All of it by default; what a build has not got is left out, save RPMs.
            limit: How many files at the same time.
            on_progress: Told how many bytes have come, of all files together.

        Raises:
            NotFound: The build has no such chroot, or the store has lost an RPM.
            InvalidResponse: The store named a file that does not lie right inside its folder, or an address that is not
                https.
            OSError: A file cannot be written.

        Source: ``GET /api_3/build-chroot/list``, ``GET /api_3/build/built-packages/{id}`` and the files below each
        ``result_url``.
        """
        return await download_results(
            self._sender, build, to, chroots=chroots, kinds=kinds, limit=limit, on_progress=on_progress
        )

    def log(
        self, build: int | Build, chroot: str | None = None, *, name: str = "builder-live", follow: bool = False
    ) -> BuildLog:
        """An async iterator over a log's lines.

        ::

            async for line in copr.builds.log(build, "fedora-rawhide-x86_64", follow=True):
                print(line)

        Args:
            build: The build.
            chroot: In which chroot; the log of making the source package where not given.
            name: ``"builder-live"`` or ``"backend"``; once ended, also ``"build"``, ``"root"`` and their like.
            follow: Go on with new lines until the build has ended in this chroot.

        Raises:
            NotFound: There is no such log.

        Source: ``<result_url>/<name>.log``, and ``.log.gz`` when it has ended.
        """
        return BuildLog(self._sender, build if isinstance(build, int) else build.id, chroot, name, follow=follow)


def _get(build: int) -> Call[Build]:
    return Call("GET", "build/{build_id}", Build, path_params={"build_id": build}, auth=None)


def _build(reply: Response) -> Build:
    return Build.model_validate_json(reply.body)


def _ended(sender: LookupSender, build: Build) -> Conflict:
    name = sender.service.name
    return Conflict(f"{name}: build {build.id} cannot be canceled, it has {build.state}", service=name)


def _built(reply: Response) -> dict[str, BuiltPackages]:
    return {str(chroot): BuiltPackages.model_validate(found) for chroot, found in reply.json().items()}

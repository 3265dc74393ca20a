"""Builds of Copr."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Unpack, overload

from lading._core.arguments import checked
from lading.copr._arguments import build_number, build_numbers, check_names
from lading.copr._builds.cancel import cancel_build, delete_build, delete_builds
from lading.copr._builds.create import (
    check_before_build,
    create_from_file,
    create_from_rpm_upload,
    create_from_urls,
)
from lading.copr._builds.create_from_source import create_from_source
from lading.copr._builds.download import KINDS, Kind, download_results
from lading.copr._builds.log import BuildLog
from lading.copr._builds.source_chroot import NotStarted, find_source_chroot
from lading.copr._builds.submission import BuildTarget
from lading.copr._builds.watch import BuildWatch, wait_finished
from lading.copr._models.builds import Build, BuiltPackages, SourceBuildConfig, SourceChroot
from lading.copr._options import BuildOptions
from lading.copr._pagination import PAGE_SIZE, ListPage, paginate
from lading.copr._queries import get_build, get_built_packages, get_source_build_config
from lading.copr._wire import join_list

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Sequence
    from pathlib import Path

    from lading._core.body import Body
    from lading._core.files import StrPath
    from lading._core.paging import Pager
    from lading._core.polling import PollInterval
    from lading._core.sender import Sender
    from lading.copr._models.builds import BuildState
    from lading.types import OnProgress


@checked(BuildOptions)
class Builds:
    """The builds of a Copr instance; available as ``copr.builds``. A *build* is a build's number, or a :class:`Build`.

    A build is submitted at most once: after a lost response the project's builds are looked up before anything is
    sent again. When it cannot be determined whether the build was submitted, the error's ``outcome`` is
    ``"unknown"``.
    """

    __slots__ = ("_sender",)

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def get(self, build: int | Build) -> Build:
        """Return one build.

        Args:
            build: The build.

        Raises:
            NotFound: There is no such build.

        Source: ``GET /api_3/build/{id}``.
        """
        return await self._sender.send(get_build(build_number(build)))

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
        """List the builds of a project. Current frontends send the newest first, whatever *order* is.

        To delete what it lists, collect the builds first and use :meth:`delete_many`: deleting while iterating moves
        the next page up, and as many builds are passed over.

        Args:
            owner: The project's owner.
            project: The project's name.
            package: List builds of this package only.
            status: List builds in this state only.
            page_size: How many to request at once.
            max_items: Stop after this many.
            order: A column such as ``"id"``.
            descending: Reverse the order.
            offset: Skip this many at the beginning; with *status*, of the builds in all states.

        Source: ``GET /api_3/build/list``.
        """
        check_names(owner=owner, project=project, package=package, status=status)
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

    async def create_from_urls(
        self,
        owner: str,
        project: str,
        urls: Sequence[str],
        *,
        project_dirname: str | None = None,
        **options: Unpack[BuildOptions],
    ) -> tuple[Build, ...]:
        """Submit one build for each of *urls* and return the builds in that order.

        Args:
            owner: The project's owner.
            project: The project's name.
            urls: The URLs of source packages or spec files (``.src.rpm``, ``.nosrc.rpm``, ``.spec``).
            project_dirname: A directory of the project, such as ``name:pr:7``.
            options: See :class:`lading.copr.BuildOptions`.

        Raises:
            InputError: One of *urls* is not a URL.

        Source: ``POST /api_3/build/create/url``.
        """
        target = BuildTarget(owner, project, project_dirname)
        return await create_from_urls(self._sender, target, urls, options)

    async def create_from_url(
        self,
        owner: str,
        project: str,
        url: str,
        *,
        project_dirname: str | None = None,
        **options: Unpack[BuildOptions],
    ) -> Build:
        """Submit a build of the source package or spec file at *url* and return it.

        Args:
            owner: The project's owner.
            project: The project's name.
            url: The URL of a source package or spec file (``.src.rpm``, ``.nosrc.rpm``, ``.spec``).
            project_dirname: A directory of the project, such as ``name:pr:7``.
            options: See :class:`lading.copr.BuildOptions`.

        Raises:
            InputError: *url* is not a URL.

        Source: ``POST /api_3/build/create/url``.
        """
        target = BuildTarget(owner, project, project_dirname)
        return (await create_from_urls(self._sender, target, [url], options))[0]

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
        """Upload a source package or spec file, streamed from disk, and return its build.

        Args:
            owner: The project's owner.
            project: The project's name.
            source: The file, or a body such as :class:`lading.BytesBody`.
            filename: The file name to send; required with a body. It must end in ``.src.rpm``, ``.nosrc.rpm`` or
                ``.spec``.
            project_dirname: A directory of the project, such as ``name:pr:7``.
            on_progress: Called with how many bytes have been sent.
            options: See :class:`lading.copr.BuildOptions`.

        Raises:
            InputError: The file has another name, or changed while it was read.
            PayloadTooLarge: The file is too large for the frontend, or for the web server before it; mostly raised
                early.
            OSError: The file cannot be read.

        Source: ``POST /api_3/build/create/upload``.
        """
        target = BuildTarget(owner, project, project_dirname)
        return await create_from_file(
            self._sender,
            target,
            source,
            filename=filename,
            options=options,
            on_progress=on_progress,
        )

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
        """Upload a binary RPM that was built elsewhere and return its build.

        Few frontends support this; the public one does not.

        Args:
            owner: The project's owner.
            project: The project's name.
            source: The file, or a body such as :class:`lading.BytesBody`.
            filename: The file name to send; required with a body. It must end in ``.rpm``.
            chroot: The chroot that it is for, at frontends that require this instead of the option ``chroots``.
            project_dirname: A directory of the project, such as ``name:pr:7``.
            on_progress: Called with how many bytes have been sent.
            options: See :class:`lading.copr.BuildOptions`.

        Raises:
            InputError: The file has another name, or changed while it was read.
            NotFound: The frontend does not support this.
            OSError: The file cannot be read.

        Source: ``POST /api_3/build/create/rpm-upload`` (client 2.7).
        """
        target = BuildTarget(owner, project, project_dirname)
        return await create_from_rpm_upload(
            self._sender,
            target,
            source,
            filename=filename,
            chroot=chroot,
            options=options,
            on_progress=on_progress,
        )

    async def create_from_scm(
        self,
        owner: str,
        project: str,
        clone_url: str,
        *,
        committish: str | None = "",
        subdirectory: str | None = "",
        spec: str | None = "",
        scm_type: Literal["git", "svn"] | None = "git",
        source_build_method: Literal["rpkg", "tito", "tito_test", "make_srpm"] | str | None = "rpkg",
        project_dirname: str | None = None,
        **options: Unpack[BuildOptions],
    ) -> Build:
        """Submit a build from a repository under version control and return it.

        Args:
            owner: The project's owner.
            project: The project's name.
            clone_url: The URL of the repository.
            committish: Branch, tag or commit; the default branch where empty.
            subdirectory: The directory in the repository.
            spec: The spec file, relative to that directory.
            scm_type: ``git`` or ``svn``.
            source_build_method: How the source package is created.
            project_dirname: A directory of the project, such as ``name:pr:7``.
            options: See :class:`lading.copr.BuildOptions`.

        Source: ``POST /api_3/build/create/scm``.
        """
        source = {
            "clone_url": clone_url,
            "committish": committish,
            "subdirectory": subdirectory,
            "spec": spec,
            "scm_type": scm_type,
            "source_build_method": source_build_method,
        }
        target = BuildTarget(owner, project, project_dirname)
        return await create_from_source(self._sender, target, "scm", source, options=options)

    async def create_from_distgit(
        self,
        owner: str,
        project: str,
        package: str,
        *,
        committish: str | None = None,
        namespace: str | None = None,
        distgit: str | None = None,
        project_dirname: str | None = None,
        **options: Unpack[BuildOptions],
    ) -> Build:
        """Submit a build of a package in a distribution's dist-git and return it.

        Args:
            owner: The project's owner.
            project: The project's name.
            package: The package.
            committish: Branch, tag or commit.
            namespace: The namespace in the dist-git.
            distgit: The name of the dist-git; by default the store's default.
            project_dirname: A directory of the project, such as ``name:pr:7``.
            options: See :class:`lading.copr.BuildOptions`.

        Source: ``POST /api_3/build/create/distgit``.
        """
        source = {"package_name": package, "committish": committish, "namespace": namespace, "distgit": distgit}
        target = BuildTarget(owner, project, project_dirname)
        return await create_from_source(self._sender, target, "distgit", source, options=options)

    async def create_from_pypi(
        self,
        owner: str,
        project: str,
        pypi_package_name: str,
        *,
        pypi_package_version: str | None = None,
        spec_generator: Literal["pyp2rpm", "pyp2spec"] | str | None = None,
        spec_template: str | None = "",
        python_versions: Sequence[str] | None = None,
        project_dirname: str | None = None,
        **options: Unpack[BuildOptions],
    ) -> Build:
        """Submit a build of a project of the Python Package Index and return it.

        Args:
            owner: The project's owner.
            project: The project's name.
            pypi_package_name: The name on the index.
            pypi_package_version: The version; by default the newest.
            spec_generator: The program that writes the spec file.
            spec_template: The template that it uses.
            python_versions: Python versions to build for, such as ``"3"``.
            project_dirname: A directory of the project, such as ``name:pr:7``.
            options: See :class:`lading.copr.BuildOptions`.

        Source: ``POST /api_3/build/create/pypi``.
        """
        source = {
            "pypi_package_name": pypi_package_name,
            "pypi_package_version": pypi_package_version,
            "spec_generator": spec_generator,
            "spec_template": spec_template,
            "python_versions": python_versions,
        }
        target = BuildTarget(owner, project, project_dirname)
        return await create_from_source(self._sender, target, "pypi", source, options=options)

    async def create_from_rubygems(
        self,
        owner: str,
        project: str,
        gem_name: str,
        *,
        project_dirname: str | None = None,
        **options: Unpack[BuildOptions],
    ) -> Build:
        """Submit a build of a gem and return it.

        Args:
            owner: The project's owner.
            project: The project's name.
            gem_name: The gem's name.
            project_dirname: A directory of the project, such as ``name:pr:7``.
            options: See :class:`lading.copr.BuildOptions`.

        Source: ``POST /api_3/build/create/rubygems``.
        """
        source = {"gem_name": gem_name}
        target = BuildTarget(owner, project, project_dirname)
        return await create_from_source(self._sender, target, "rubygems", source, options=options)

    async def create_from_custom(
        self,
        owner: str,
        project: str,
        script: str,
        *,
        script_chroot: str | None = None,
        script_builddeps: str | Sequence[str] | None = None,
        script_resultdir: str | None = None,
        script_repos: str | Sequence[str] | None = None,
        project_dirname: str | None = None,
        **options: Unpack[BuildOptions],
    ) -> Build:
        """Submit a build whose source package a script creates, and return it.

        Args:
            owner: The project's owner.
            project: The project's name.
            script: The script itself.
            script_chroot: The chroot that it runs in.
            script_builddeps: Packages that it needs.
            script_resultdir: The directory that it writes its results to.
            script_repos: Repositories that it needs.
            project_dirname: A directory of the project, such as ``name:pr:7``.
            options: See :class:`lading.copr.BuildOptions`.

        Source: ``POST /api_3/build/create/custom``.
        """
        source = {
            "script": script,
            "chroot": script_chroot,
            "builddeps": join_list(script_builddeps),
            "resultdir": script_resultdir,
            "repos": join_list(script_repos),
        }
        target = BuildTarget(owner, project, project_dirname)
        return await create_from_source(self._sender, target, "custom", source, options=options)

    async def check_before_build(
        self, owner: str, project: str, *, project_dirname: str | None = None, **options: Unpack[BuildOptions]
    ) -> str:
        """Validate the options of a build, which is not submitted, and return the frontend's message.

        Call it before a long upload.

        Args:
            owner: The project's owner.
            project: The project's name.
            project_dirname: A directory of the project, such as ``name:pr:7``.
            options: See :class:`lading.copr.BuildOptions`.

        Raises:
            ApiError: The frontend would refuse the build; the error is that of the build itself.

        Source: ``POST /api_3/build/check-before-build``.
        """
        return await check_before_build(self._sender, BuildTarget(owner, project, project_dirname), options)

    async def cancel(self, build: int | Build) -> Build:
        """Cancel a build and return it. Its state changes at once; its builders may continue for a while.

        Args:
            build: The build.

        Raises:
            NotFound: There is no such build.
            Conflict: It has ended already.

        Source: ``PUT /api_3/build/cancel/{id}``.
        """
        return await cancel_build(self._sender, build_number(build))

    async def delete(self, build: int | Build) -> None:
        """Delete a build with its results.

        Args:
            build: The build.

        Raises:
            NotFound: There is no such build.
            Conflict: It is still running: cancel it, or wait until it has ended.
            Forbidden: The user may not delete it.

        Source: ``DELETE /api_3/build/delete/{id}``.
        """
        await delete_build(self._sender, build_number(build))

    async def delete_many(self, builds: Iterable[int | Build]) -> None:
        """Delete all of *builds* with their results or, when one cannot be deleted, none.

        After a lost response it takes a request for each of them to find out whether it was done.

        Args:
            builds: The builds.

        Raises:
            BadRequest: Some do not exist; the message names them.
            Conflict: Some are still running.
            Forbidden: The user may not delete some of them.

        Source: ``DELETE /api_3/build/delete/list``.
        """
        await delete_builds(self._sender, build_numbers(builds))

    async def source_chroot(self, build: int | Build) -> SourceChroot:
        """Return the part of a build that creates the source package.

        Args:
            build: The build.

        Raises:
            NotFound: There is no such build, or that part of it has not started yet.

        Source: ``GET /api_3/build/source-chroot/{id}``.
        """
        found = await find_source_chroot(self._sender, build_number(build))
        if isinstance(found, NotStarted):
            raise found.error
        return found

    async def source_build_config(self, build: int | Build) -> SourceBuildConfig:
        """Return what a build's source package is created from.

        Args:
            build: The build.

        Raises:
            NotFound: There is no such build.

        Source: ``GET /api_3/build/source-build-config/{id}``.
        """
        return await self._sender.send(get_source_build_config(build_number(build)))

    async def built_packages(self, build: int | Build) -> dict[str, BuiltPackages]:
        """Return the RPMs that a build created, by chroot.

        Args:
            build: The build.

        Raises:
            NotFound: There is no such build.

        Source: ``GET /api_3/build/built-packages/{id}``.
        """
        return await self._sender.send(get_built_packages(build_number(build)))

    @overload
    def wait(self, builds: int | Build, *, poll: PollInterval | float | None = None) -> Awaitable[Build]: ...
    @overload
    def wait(self, builds: Iterable[int | Build], *, poll: PollInterval | float | None = None) -> BuildWatch: ...
    def wait(
        self, builds: int | Build | Iterable[int | Build], *, poll: PollInterval | float | None = None
    ) -> Awaitable[Build] | BuildWatch:
        """Wait for one build and return it when it has ended; iterate over many as each of them ends.

        ::

            done = await copr.builds.wait(build)          # raises BuildFailed
            async for done in copr.builds.wait(builds):   # check done.state
                ...

        It waits without a time limit: use ``anyio.fail_after(seconds)`` for one. A state that is not known, and
        ``unknown``, which is temporary, are waited out.

        Args:
            builds: One build, or many: as numbers, or as returned by ``create_from_...``, which saves requests.
            poll: How often to poll; a number is the seconds between two polls.

        Raises:
            BuildFailed: The one build failed, or was canceled. Of many builds, each is yielded, in any final state.
            NotFound: It has been deleted.

        Source: ``GET /api_3/build/{id}`` and ``GET /api_3/build/list``.
        """
        if isinstance(builds, (int, Build)):
            return wait_finished(self._sender, builds, poll)
        return BuildWatch(self._sender, builds, only_done=True, poll=poll)

    def watch(self, builds: Iterable[int | Build], *, poll: PollInterval | float | None = None) -> BuildWatch:
        """Iterate over builds: first in their current states, then at each change, until all have ended.

        One request serves many builds of a project. Polls are frequent after a change, and become less frequent while
        nothing changes; they send at most five requests a second. A state that lasts less than the interval may be
        missed.

        Args:
            builds: The builds: as numbers, or as returned by ``create_from_...``, which saves requests.
            poll: How often to poll; a number is the seconds between two polls.

        Source: ``GET /api_3/build/{id}`` and ``GET /api_3/build/list``.
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
        """Download the results of a build and return the paths of the files: ``to/<chroot>/<file>``.

        A file that exists with the size and the time of last change that the store reports is left alone, so a download
        that was interrupted resumes when it is called again. Copr lists no digests. RPMs are found by the build's list
        of packages, which is correct for every kind of storage.

        Args:
            build: The build.
            to: A directory; created where it does not exist. Where ``to/<chroot>`` is a link, nothing is written.
            chroots: Download from these only; by default from all.
            kinds: ``"rpms"``, ``"spec"``, ``"logs"``, ``"info"`` (``results.json``, ``build.info``) and ``"review"``
                (the results of fedora-review). By default all; files that a build does not have are left out, except
                RPMs.
            limit: How many files to download concurrently.
            on_progress: Called with how many bytes have arrived, of all files together.

        Raises:
            InputError: A chroot's directory in *to* is a link to another directory.
            NotFound: The build has no such chroot, or the store has lost an RPM, which the message names.
            InvalidResponse: The store named a file outside its directory, or a URL that is not https.
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
        """Iterate over the lines of a log.

        ::

            async for line in copr.builds.log(build, "fedora-rawhide-x86_64", follow=True):
                print(line)

        Args:
            build: The build.
            chroot: The chroot; by default the part that creates the source package.
            name: ``"builder-live"`` or ``"backend"``; once ended, also ``"build"``, ``"root"`` and others.
            follow: Continue with new lines until the build has ended in this chroot.

        Raises:
            NotFound: There is no such log, or not yet.

        Source: ``<result_url>/<name>.log``, and ``.log.gz`` when it has ended.
        """
        check_names(chroot=chroot)
        return BuildLog(self._sender, build_number(build), chroot, name, follow=follow)

"""Packages of Copr."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

from lading._core.api_errors import make_api_error
from lading._core.arguments import checked
from lading._core.call import Call
from lading._core.send_once import NOT_FOUND, Found, lookup_deleted
from lading.copr._builds.submission import BuildTarget, SubmittedBuild
from lading.copr._builds.submit import read_build, submit_build
from lading.copr._models.packages import Package
from lading.copr._options import BuildOptions, PackageOptions
from lading.copr._pagination import PAGE_SIZE, ListPage, paginate
from lading.copr._sources import CustomSource, ScmSource, Source
from lading.copr._wire import TRUE, join_list, json_fields, read_ack
from lading.errors import Conflict, InputError, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading._core.paging import Pager
    from lading._core.send_once import LookupResult, LookupSender
    from lading._core.sender import Sender
    from lading.copr._models.builds import Build
    from lading.errors import LadingError


@checked(PackageOptions, BuildOptions)
class Packages:
    """The packages of a Copr instance; available as ``copr.packages``."""

    __slots__ = ("_sender",)

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def get(
        self,
        owner: str,
        project: str,
        package: str,
        *,
        with_latest_build: bool = False,
        with_latest_succeeded_build: bool = False,
    ) -> Package:
        """Return one package.

        Args:
            owner: The project's owner.
            project: The project's name.
            package: The package.
            with_latest_build: Include its newest build.
            with_latest_succeeded_build: Include its newest build that succeeded.

        Raises:
            NotFound: There is no such package.

        Source: ``GET /api_3/package``.
        """
        flags = _flags(with_latest_build, with_latest_succeeded_build)
        return await self._sender.send(_get(owner, project, package, flags))

    def list(
        self,
        owner: str,
        project: str,
        *,
        with_latest_build: bool = False,
        with_latest_succeeded_build: bool = False,
        page_size: int = PAGE_SIZE,
        max_items: int | None = None,
        order: str | None = None,
        descending: bool = False,
        offset: int = 0,
    ) -> Pager[Package]:
        """List the packages of a project.

        Args:
            owner: The project's owner.
            project: The project's name.
            with_latest_build: Include the newest build of each.
            with_latest_succeeded_build: Include the newest build of each that succeeded.
            page_size: How many to request at once.
            max_items: Stop after this many.
            order: A column such as ``"name"``; by default ``"id"``.
            descending: Reverse the order.
            offset: Skip this many at the beginning.

        Source: ``GET /api_3/package/list``.
        """
        flags = _flags(with_latest_build, with_latest_succeeded_build)
        return paginate(
            self._sender,
            "package/list",
            ListPage[Package],
            {"ownername": owner, "projectname": project, **flags},
            key=lambda package: package.id or package.name,
            page_size=page_size,
            max_items=max_items,
            order=order,
            descending=descending,
            offset=offset,
        )

    async def create(
        self, owner: str, project: str, package: str, source: Source, **options: Unpack[PackageOptions]
    ) -> Package:
        """Create a package and return it.

        Args:
            owner: The project's owner.
            project: The project's name.
            package: The package's name: letters, digits and ``-+_.``.
            source: Its source, such as ``ScmSource("https://...")``.
            options: See :class:`lading.copr.PackageOptions`.

        Raises:
            Conflict: There is a package of that name.
            InputError: *source* lacks a required setting.

        Source: ``POST /api_3/package/add/{owner}/{project}/{package}/{source_type}``.
        """
        if missing := [name for name in source.needed if not getattr(source, name)]:
            raise InputError(f"{type(source).__name__} needs {', '.join(missing)}", argument="source")
        fields = json_fields({"package_name": package}, _settings(source), _options(options))

        async def look_up(sender: LookupSender, _: LadingError) -> LookupResult[Package]:
            try:
                found = await sender.send(_get(owner, project, package))
            except NotFound:
                return NOT_FOUND
            if found.source_type == source.type and _values(_settings(source)) <= _values(found.source_dict):
                return Found(found)
            text = f"there is another package {package} now, with another source"
            raise make_api_error(Conflict, sender.service.name, text)

        at = {"owner": owner, "project": project, "package": package, "source_type": source.type}
        path = "package/add/{owner}/{project}/{package}/{source_type}"
        return await self._sender.send_once(Call("POST", path, Package, path_params=at, json=fields), look_up)

    async def update(
        self,
        owner: str,
        project: str,
        package: str,
        source: Source | None = None,
        **options: Unpack[PackageOptions],
    ) -> Package:
        """Change the settings of a package and return it. Options that are not given stay.

        Args:
            owner: The project's owner.
            project: The project's name.
            package: The package.
            source: The new source, of the current kind or of another. Settings of the current kind that are ``None``
                stay.
            options: See :class:`lading.copr.PackageOptions`.

        Raises:
            NotFound: There is no such package.

        Source: ``POST /api_3/package/edit/{owner}/{project}/{package}/{source_type}``; without a *source* that
        without its last part.
        """
        if source is None or (isinstance(source, ScmSource) and source.scm_type is None):
            # Copr keeps settings that are not sent, except this: a package from Subversion would become one from Git.
            stored = await self.get(owner, project, package)
            kind = stored.source_dict.get("type") if stored.source_type == "scm" else None
            if kind is not None:
                source = replace(source or ScmSource(), scm_type=kind)
        at = {"owner": owner, "project": project, "package": package}
        path = "package/edit/{owner}/{project}/{package}/"
        if source is not None:
            at["source_type"] = source.type
            path += "{source_type}"
        settings = {} if source is None else _settings(source)
        fields = json_fields({"package_name": package}, settings, _options(options))
        return await self._sender.send(Call("POST", path, Package, path_params=at, json=fields, idempotent=True))

    async def reset(self, owner: str, project: str, package: str) -> Package:
        """Remove the source of a package and return the package.

        Args:
            owner: The project's owner.
            project: The project's name.
            package: The package.

        Raises:
            NotFound: There is no such package.

        Source: ``PUT /api_3/package/reset``.
        """
        return await self._sender.send(Call("PUT", "package/reset", Package, json=_names(owner, project, package)))

    async def delete(self, owner: str, project: str, package: str) -> None:
        """Delete a package with its builds.

        Args:
            owner: The project's owner.
            project: The project's name.
            package: The package.

        Raises:
            NotFound: There is no such package.

        Source: ``DELETE /api_3/package/delete``.
        """
        json = _names(owner, project, package)
        call = Call("DELETE", "package/delete", read_ack, json=json, idempotent=True)
        await self._sender.send_once(call, lookup_deleted(_get(owner, project, package)))

    async def build(
        self,
        owner: str,
        project: str,
        package: str,
        *,
        project_dirname: str | None = None,
        **options: Unpack[BuildOptions],
    ) -> Build:
        """Submit a build of a package from its own source and return it.

        It is submitted at most once, as the builds of ``copr.builds`` are.

        Args:
            owner: The project's owner.
            project: The project's name.
            package: The package.
            project_dirname: A directory of the project, such as ``name:pr:7``.
            options: See :class:`lading.copr.BuildOptions`.

        Raises:
            BadRequest: The package has no source.
            NotFound: There is no such package.

        Source: ``POST /api_3/package/build``.
        """
        target = BuildTarget(owner, project, project_dirname)
        fields = json_fields(target.fields(), {"package_name": package}, options)
        call = Call("POST", "package/build", read_build, json=fields)
        submission = SubmittedBuild.create(target, options, package=package)
        return (await submit_build(self._sender, call, submission))[0]


def _get(owner: str, project: str, package: str, flags: dict[str, str] | None = None) -> Call[Package]:
    params = {"ownername": owner, "projectname": project, "packagename": package, **(flags or {})}
    return Call("GET", "package", Package, params=params, auth=None)


def _flags(latest: bool, succeeded: bool) -> dict[str, str]:
    """Return the flags that are set. Others must not be sent: for a single package any value counts as true."""
    flags = {"with_latest_build": latest, "with_latest_succeeded_build": succeeded}
    return {name: TRUE for name, value in flags.items() if value}


def _names(owner: str, project: str, package: str) -> dict[str, str]:
    return {"ownername": owner, "projectname": project, "package_name": package}


def _settings(source: Source) -> dict[str, Any]:
    fields = source.wire()
    if isinstance(source, CustomSource):
        fields["script_builddeps"] = join_list(source.script_builddeps)
        fields["script_repos"] = join_list(source.script_repos)
    return fields


def _options(options: PackageOptions) -> dict[str, Any]:
    return {**options, "chroot_denylist": join_list(options.get("chroot_denylist"), ",")}


def _values(settings: Mapping[str, Any]) -> set[str]:
    """Return the values in *settings* without their names, which differ, and with single blanks as white space.

    The frontend appends a line end to a script.
    """
    return {" ".join(str(value).split()) for value in json_fields(settings).values()}

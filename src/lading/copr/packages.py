"""Packages of Copr."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

from lading._core.api_errors import make_api_error
from lading._core.arguments import checked
from lading._core.call import Call
from lading._core.send_once import NOT_FOUND, Found, lookup_deleted
from lading.copr._arguments import build_options, check_names
from lading.copr._builds.submission import BuildTarget, SubmittedBuild
from lading.copr._builds.submit import submit_build
from lading.copr._models.packages import Package
from lading.copr._options import BuildOptions, PackageOptions
from lading.copr._pagination import PAGE_SIZE, ListPage, paginate
from lading.copr._queries import conflict, exists
from lading.copr._sources import CustomSource, ScmSource, Source
from lading.copr._wire import TRUE, join_list, json_fields, read_about, read_deleted
from lading.errors import Conflict, InputError, NotFound, ServerError

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
        """List the packages of a project. To delete what it lists, collect the packages first.

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
        check_names(owner=owner, project=project)
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
        check_names(owner=owner, project=project, package=package)
        settings = _settings(source)
        if isinstance(source, ScmSource) and source.spec is None:
            settings["spec"] = ""  # the frontend would store null, which it refuses at every later change
        fields = json_fields({"package_name": package}, settings, _options(options))

        async def look_up(sender: LookupSender, _: LadingError) -> LookupResult[Package]:
            try:
                found = await sender.send(_get(owner, project, package))
            except NotFound:
                return NOT_FOUND
            if found.source_type == source.type and _values(settings) - {""} <= _values(found.source_dict):
                return Found(found)
            text = f"there is another package {package} now, with another source"
            raise make_api_error(Conflict, sender.service.name, text)

        at = {"owner": owner, "project": project, "package": package, "source_type": source.type}
        path = "package/add/{owner}/{project}/{package}/{source_type}"
        call = Call("POST", path, read_about(Package, name=package), path_params=at, json=fields)
        try:
            return await self._sender.send_once(call, look_up)
        except ServerError as error:
            # Two concurrent requests: the frontend finds no package for either, then the database refuses the second.
            if error.final and await exists(self._sender, _get(owner, project, package)):
                raise conflict(self._sender, error, f"there is a package {package} already") from error
            raise

    async def update(
        self,
        owner: str,
        project: str,
        package: str,
        source: Source | None = None,
        **options: Unpack[PackageOptions],
    ) -> Package:
        """Change the settings of a package and return it. Options that are not given stay.

        Without *source*, or for a :class:`ScmSource` without ``scm_type`` or ``spec``, the package is read first: what
        the frontend would not keep, or refuse as it is stored, is sent along.

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
        check_names(owner=owner, project=project, package=package)
        if source is None or (isinstance(source, ScmSource) and None in (source.scm_type, source.spec)):
            source = _completed(source, await self.get(owner, project, package))
        at = {"owner": owner, "project": project, "package": package}
        path = "package/edit/{owner}/{project}/{package}/"
        if source is not None:
            at["source_type"] = source.type
            path += "{source_type}"
        settings = {} if source is None else _settings(source)
        fields = json_fields({"package_name": package}, settings, _options(options))
        return await self._sender.send(
            Call("POST", path, read_about(Package, name=package), path_params=at, json=fields, idempotent=True)
        )

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
        return await self._sender.send(
            Call("PUT", "package/reset", read_about(Package, name=package), json=_names(owner, project, package))
        )

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
        call = Call("DELETE", "package/delete", read_deleted(Package, name=package), json=json, idempotent=True)
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
        check_names(package=package)
        target, checked = BuildTarget(owner, project, project_dirname), build_options(options)
        fields = json_fields(target.fields(), {"package_name": package}, checked)
        call = Call("POST", "package/build", target.read_build, json=fields)
        submission = SubmittedBuild.create(target, checked, package=package)
        return (await submit_build(self._sender, call, submission))[0]


def _get(owner: str, project: str, package: str, flags: dict[str, str] | None = None) -> Call[Package]:
    check_names(owner=owner, project=project, package=package)
    params = {"ownername": owner, "projectname": project, "packagename": package, **(flags or {})}
    return Call("GET", "package", Package, params=params, auth=None)


def _flags(latest: bool, succeeded: bool) -> dict[str, str]:
    """Return the flags that are set. Others must not be sent: for a single package any value counts as true."""
    flags = {"with_latest_build": latest, "with_latest_succeeded_build": succeeded}
    return {name: TRUE for name, value in flags.items() if value}


def _names(owner: str, project: str, package: str) -> dict[str, str]:
    check_names(owner=owner, project=project, package=package)
    return {"ownername": owner, "projectname": project, "package_name": package}


def _completed(source: Source | None, stored: Package) -> Source | None:
    """Return *source* with what must be sent although it does not change; *stored* is the package as it is.

    Copr keeps settings that are not sent, with two exceptions. A package from Subversion would become one from Git.
    And where no spec file is stored it is null, as most clients create packages, which the frontend itself refuses.
    """
    is_scm = stored.source_type == "scm"
    if source is None and not is_scm:
        return None
    wanted = ScmSource() if source is None else source
    if not isinstance(wanted, ScmSource):
        return wanted
    old = stored.source_dict if is_scm else {}
    return replace(
        wanted,
        scm_type=wanted.scm_type or old.get("type"),
        spec="" if wanted.spec is None and old.get("spec") is None else wanted.spec,
    )


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

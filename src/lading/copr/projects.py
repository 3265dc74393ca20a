"""Projects of Copr."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Unpack

from lading._core.arguments import checked
from lading._core.call import Call
from lading._core.send_once import lookup_absent, lookup_deleted
from lading.copr._arguments import check_chroots, check_list, check_names
from lading.copr._models.packages import Monitor, MonitoredPackage
from lading.copr._models.projects import Project
from lading.copr._options import NewProjectOptions, ProjectOptions
from lading.copr._pagination import PAGE_SIZE, ListPage, paginate
from lading.copr._permissions import can_build_in, get_permissions, request_permissions, set_permissions
from lading.copr._queries import conflict, exists, get_project
from lading.copr._wire import TRUE, join_list, json_fields, read_about, read_deleted
from lading.errors import BadRequest, Conflict, NotFound, ServerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lading._core.messages import Response
    from lading._core.paging import Pager
    from lading._core.sender import Sender
    from lading.copr._permissions import Permission

# The official client sends these with every new project; what the server does without them is up to the server.
_DEFAULTS = {
    "unlisted_on_hp": False,
    "enable_net": False,
    "persistent": False,
    "auto_prune": True,
    "devel_mode": False,
    "multilib": False,
    "module_hotfixes": False,
    "follow_fedora_branching": True,
    "appstream": False,
}
# The table of a project with thousands of packages.
_MAX_MONITOR_BYTES = 256 * 1024 * 1024


@checked(ProjectOptions, NewProjectOptions)
class Projects:
    """The projects of a Copr instance; available as ``copr.projects``.

    An *owner* is a user's name or, with ``@`` in front, a group's.
    """

    __slots__ = ("_sender",)

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def get(self, owner: str, project: str) -> Project:
        """Return one project.

        Args:
            owner: The project's owner.
            project: The project's name.

        Raises:
            NotFound: There is no such project.

        Source: ``GET /api_3/project``.
        """
        check_names(owner=owner, project=project)
        return await self._sender.send(get_project(owner, project))

    def list(
        self,
        owner: str | None = None,
        *,
        page_size: int = PAGE_SIZE,
        max_items: int | None = None,
        order: str | None = None,
        descending: bool = False,
        offset: int = 0,
    ) -> Pager[Project]:
        """List the projects of *owner*, or all projects. To delete what it lists, collect the projects first.

        Args:
            owner: The projects' owner.
            page_size: How many to request at once.
            max_items: Stop after this many.
            order: A column such as ``"name"``; by default ``"id"``.
            descending: Reverse the order.
            offset: Skip this many at the beginning.

        Source: ``GET /api_3/project/list``.
        """
        check_names(owner=owner)
        return paginate(
            self._sender,
            "project/list",
            ListPage[Project],
            {"ownername": owner},
            key=_key,
            page_size=page_size,
            max_items=max_items,
            order=order,
            descending=descending,
            offset=offset,
        )

    def search(
        self,
        query: str,
        *,
        page_size: int = PAGE_SIZE,
        max_items: int | None = None,
        order: str | None = None,
        descending: bool = False,
        offset: int = 0,
    ) -> Pager[Project]:
        """Search the names and descriptions of listed projects for *query*; ``owner/name`` finds one project.

        Args:
            query: Three characters or more.
            page_size: How many to request at once.
            max_items: Stop after this many.
            order: A column such as ``"name"``; by default ``"id"``.
            descending: Reverse the order.
            offset: Skip this many at the beginning.

        Source: ``GET /api_3/project/search``.
        """
        check_names(query=query)
        return paginate(
            self._sender,
            "project/search",
            ListPage[Project],
            {"query": query},
            key=_key,
            page_size=page_size,
            max_items=max_items,
            order=order,
            descending=descending,
            offset=offset,
        )

    async def create(
        self,
        owner: str,
        project: str,
        *,
        chroots: Sequence[str],
        exist_ok: bool = False,
        **options: Unpack[NewProjectOptions],
    ) -> Project:
        """Create a project and return it; with *exist_ok*, return an existing one, whose settings are not changed.

        With *exist_ok* it may be called concurrently: one call creates the project, all return it.

        Args:
            owner: The project's owner.
            project: The project's name.
            chroots: The chroots that it can be built in: one or more names, no patterns; see ``copr.mock_chroots``.
            exist_ok: Return a project of that name that exists, instead of raising ``Conflict``.
            options: See :class:`lading.copr.NewProjectOptions`.

        Raises:
            Conflict: There is a project of that name.
            Forbidden: The user is not an owner, or set an option for admins.

        Source: ``POST /api_3/project/add/{owner}``.
        """
        check_names(owner=owner, project=project)
        names = check_chroots(chroots, "a project needs one or more")
        fields: dict[str, Any] = {**_DEFAULTS, **options, "name": project, "chroots": names}
        call = Call(
            "POST",
            "project/add/{owner}",
            read_about(Project, name=project, ownername=owner),
            path_params={"owner": owner},
            params={"exist_ok": TRUE if exist_ok else None},
            json=json_fields(fields, {"runtime_dependencies": join_list(options.get("runtime_dependencies"))}),
            idempotent=exist_ok,
        )
        if not exist_ok:
            lookup = lookup_absent(get_project(owner, project), "exist_ok=True accepts one that exists")
            try:
                return await self._sender.send_once(call, lookup)
            except ServerError as error:
                if error.final and await exists(self._sender, get_project(owner, project)):
                    raise conflict(self._sender, error, f"there is a project {owner}/{project} already") from error
                raise
        try:
            return await self._sender.send(call)
        except (BadRequest, Conflict, ServerError) as error:
            # Two concurrent requests: the frontend finds no project for either, then the database refuses the second.
            try:
                return await self.get(owner, project)
            except NotFound:
                raise error from None

    async def update(
        self, owner: str, project: str, *, chroots: Sequence[str] | None = None, **options: Unpack[ProjectOptions]
    ) -> Project:
        """Change the settings of a project and return it. Options that are not given stay; an empty list clears one.

        Args:
            owner: The project's owner.
            project: The project's name.
            chroots: All chroots that it has from now on, one or more.
            options: See :class:`lading.copr.ProjectOptions`.

        Raises:
            NotFound: There is no such project.

        Source: ``PUT /api_3/project/edit/{owner}/{project}``.
        """
        check_names(owner=owner, project=project)
        names = check_chroots(chroots, "leave it out to keep the chroots as they are; a project needs one or more")
        fields: dict[str, Any] = {**options, "chroots": names}
        # This request alone calls it "repos".
        fields["repos"] = fields.pop("additional_repos", None)
        return await self._sender.send(
            Call(
                "PUT",
                "project/edit/{owner}/{project}",
                read_about(Project, name=project, ownername=owner),
                path_params={"owner": owner, "project": project},
                json=json_fields(fields, {"runtime_dependencies": join_list(options.get("runtime_dependencies"))}),
            )
        )

    async def delete(self, owner: str, project: str) -> None:
        """Delete a project with all its builds.

        Args:
            owner: The project's owner.
            project: The project's name.

        Raises:
            Conflict: Builds are still running.
            Forbidden: The user may not delete the project, or builds in it.
            NotFound: There is no such project.

        Source: ``DELETE /api_3/project/delete/{owner}/{project}``.
        """
        check_names(owner=owner, project=project)
        call = Call(
            "DELETE",
            "project/delete/{owner}/{project}",
            read_deleted(Project, name=project, ownername=owner),
            path_params={"owner": owner, "project": project},
            json={"verify": True},
            idempotent=True,
        )
        await self._sender.send_once(call, lookup_deleted(get_project(owner, project)))

    async def fork(self, owner: str, project: str, to_owner: str, to_project: str, *, confirm: bool = False) -> Project:
        """Fork a project and return the new one. Its builds are copied afterwards, in the background.

        Args:
            owner: The owner of the project to fork.
            project: The project to fork.
            to_owner: The owner of the new project.
            to_project: The name of the new project.
            confirm: Fork into a project that exists.

        Raises:
            Conflict: The destination exists, and *confirm* is not set.
            NotFound: There is no such project.

        Source: ``POST /api_3/project/fork/{owner}/{project}``.
        """
        check_names(owner=owner, project=project, to_owner=to_owner, to_project=to_project)
        call = Call(
            "POST",
            "project/fork/{owner}/{project}",
            read_about(Project, name=to_project, ownername=to_owner),
            path_params={"owner": owner, "project": project},
            json={"name": to_project, "ownername": to_owner, "confirm": confirm},
        )
        lookup = lookup_absent(get_project(to_owner, to_project), "check what it contains")
        return await self._sender.send_once(call, lookup)

    async def regenerate_repos(self, owner: str, project: str) -> Project:
        """Have the repository metadata of a project created anew, in the background, and return the project.

        Args:
            owner: The project's owner.
            project: The project's name.

        Raises:
            NotFound: There is no such project.

        Source: ``PUT /api_3/project/regenerate-repos/{owner}/{project}``.
        """
        at = {"owner": owner, "project": project}
        check_names(**at)
        return await self._sender.send(
            Call(
                "PUT",
                "project/regenerate-repos/{owner}/{project}",
                read_about(Project, name=project, ownername=owner),
                path_params=at,
            )
        )

    async def monitor(
        self,
        owner: str,
        project: str,
        *,
        project_dirname: str | None = None,
        additional_fields: Sequence[Literal["url_build_log", "url_backend_log"] | str] = (),
    ) -> tuple[MonitoredPackage, ...]:
        """Return every package of a project, with the newest build in each chroot.

        Args:
            owner: The project's owner.
            project: The project's name.
            project_dirname: A directory of the project, such as ``name:pr:7``.
            additional_fields: The URLs of logs to include.

        Raises:
            InvalidResponse: The frontend's response ended early, which happens with status 200.
            NotFound: There is no such project.

        Source: ``GET /api_3/monitor``. It has no pages.
        """
        check_names(owner=owner, project=project, project_dirname=project_dirname)
        params = {
            "ownername": owner,
            "projectname": project,
            "project_dirname": project_dirname,
            "additional_fields[]": check_list("additional_fields", additional_fields),
        }
        return await self._sender.send(
            Call("GET", "monitor", _read_monitor, params=params, auth=None, max_response_size=_MAX_MONITOR_BYTES)
        )

    async def can_build_in(self, who: str, owner: str, project: str) -> bool:
        """Return whether *who* may build in a project.

        Args:
            who: The user's name.
            owner: The project's owner.
            project: The project's name.

        Raises:
            NotFound: There is no such project or user.

        Source: ``GET /api_3/project/permissions/can_build_in/{who}/{owner}/{project}``.
        """
        return await can_build_in(self._sender, who, owner, project)

    async def permissions(self, owner: str, project: str) -> dict[str, dict[str, Permission | str]]:
        """Return the states of ``admin`` and ``builder`` by user; empty when nobody has or requested any.

        Args:
            owner: The project's owner.
            project: The project's name.

        Raises:
            Forbidden: The user is not an admin of the project.
            NotFound: There is no such project.

        Source: ``GET /api_3/project/permissions/get/{owner}/{project}``, whose 404 means "none" too.
        """
        return await get_permissions(self._sender, owner, project)

    async def set_permissions(
        self, owner: str, project: str, permissions: Mapping[str, Mapping[str, Permission]]
    ) -> None:
        """Change permissions in a project, all of them or none.

        After a lost response the permissions are looked up; that may take as long as the frontend may still work on it.

        Args:
            owner: The project's owner.
            project: The project's name.
            permissions: New states by user, such as ``{"someone": {"builder": "approved"}}``.

        Raises:
            BadRequest: There is no such user or permission, or nothing to change.

        Source: ``PUT /api_3/project/permissions/set/{owner}/{project}``.
        """
        await set_permissions(self._sender, owner, project, permissions)

    async def request_permissions(
        self, owner: str, project: str, *, builder: bool | None = None, admin: bool | None = None
    ) -> None:
        """Request permissions from the project's admins, or withdraw a request.

        Args:
            owner: The project's owner.
            project: The project's name.
            builder: Request to build in it; ``False`` withdraws the request.
            admin: Request to be an admin of it; ``False`` withdraws the request.

        Raises:
            NotFound: There is no such project.

        Source: ``PUT /api_3/project/permissions/request/{owner}/{project}``.
        """
        await request_permissions(self._sender, owner, project, builder=builder, admin=admin)


def _key(project: Project) -> int | str:
    return project.id if project.id is not None else f"{project.ownername}/{project.name}"


def _read_monitor(response: Response) -> tuple[MonitoredPackage, ...]:
    return Monitor.model_validate_json(response.body).packages

"""Projects of Copr."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Unpack

from lading._core.call import Call
from lading._core.send_once import lookup_absent, lookup_deleted
from lading.copr._models.builds import ListPage, Project
from lading.copr._models.chroots import Monitor, MonitoredPackage
from lading.copr._pagination import PAGE_SIZE, paginate
from lading.copr._permissions import Permissions, get_project
from lading.copr._wire import TRUE, join_list, json_fields, read_ack
from lading.errors import BadRequest, Conflict, InputError, NotFound, ServerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lading._core.messages import Response
    from lading._core.paging import Pager
    from lading.copr._options import NewProjectOptions, ProjectOptions

# The official client sends these with every new project, and the meaning of their absence is the server's own.
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
_MONITOR = 256 * 1024 * 1024


class Projects(Permissions):
    """The projects of a Copr instance; reached as ``copr.projects``.

    An *owner* is a user's name or, with ``@`` in front, a group's.
    """

    __slots__ = ()

    async def get(self, owner: str, project: str) -> Project:
        """One project.

        Raises:
            NotFound: There is no such project.

        Source: ``GET /api_3/project``.
        """
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
        """The projects of *owner*, or all there are.

        Args:
            owner: Whose.
            page_size: How many are asked for at once.
            max_items: Stop after so many.
            order: A column such as ``"name"``; ``"id"`` where not given.
            descending: Turn the order round.
            offset: Leave out so many at the beginning.

        Source: ``GET /api_3/project/list``.
        """
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
        """The listed projects that *query* finds in their names and descriptions; ``owner/name`` finds one.

        Args:
            query: Three characters or more.
            page_size: How many are asked for at once.
            max_items: Stop after so many.
            order: A column such as ``"name"``; ``"id"`` where not given.
            descending: Turn the order round.
            offset: Leave out so many at the beginning.

        Source: ``GET /api_3/project/search``.
        """
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
        """The new project or, with *exist_ok*, the one of that name as it is: its settings are then left alone.

        Safe to call from many places at once with *exist_ok*: one creates it, all get it.

        Args:
            owner: Whose.
            project: Its name.
            chroots: What it can be built in: one or more names, no patterns; see ``copr.mock_chroots``.
            exist_ok: Take one that exists.
            options: See :class:`lading.copr.NewProjectOptions`.

        Raises:
            Conflict: There is one of that name.
            Forbidden: Not an owner, or an option for admins.

        Source: ``POST /api_3/project/add/{owner}``.
        """
        fields: dict[str, Any] = {**_DEFAULTS, **options, "name": project, "chroots": _names(chroots)}
        call = Call(
            "POST",
            "project/add/{owner}",
            Project,
            path_params={"owner": owner},
            params={"exist_ok": TRUE if exist_ok else None},
            json=json_fields(fields, {"runtime_dependencies": join_list(options.get("runtime_dependencies"))}),
            idempotent=exist_ok,
        )
        if not exist_ok:
            return await self._sender.send_once(
                call, lookup_absent(get_project(owner, project), "exist_ok=True takes one that exists")
            )
        try:
            return await self._sender.send(call)
        except (BadRequest, Conflict, ServerError) as error:
            # Two requests at once: the frontend looks for it, finds none, and then the database refuses the second.
            try:
                return await self.get(owner, project)
            except NotFound:
                raise error from None

    async def update(
        self, owner: str, project: str, *, chroots: Sequence[str] | None = None, **options: Unpack[ProjectOptions]
    ) -> Project:
        """The project with its new settings. What is not given stays; an empty list clears a setting.

        Args:
            owner: Whose.
            project: Its name.
            chroots: All chroots that it is to have from now on. An empty list is no change.
            options: See :class:`lading.copr.ProjectOptions`.

        Source: ``PUT /api_3/project/edit/{owner}/{project}``.
        """
        fields: dict[str, Any] = {**options, "chroots": None if chroots is None else _names(chroots)}
        # Called so here and nowhere else.
        fields["repos"] = fields.pop("additional_repos", None)
        return await self._sender.send(
            Call(
                "PUT",
                "project/edit/{owner}/{project}",
                Project,
                path_params={"owner": owner, "project": project},
                json=json_fields(fields, {"runtime_dependencies": join_list(options.get("runtime_dependencies"))}),
            )
        )

    async def delete(self, owner: str, project: str) -> None:
        """Delete it with all its builds.

        Raises:
            Conflict: Builds are still running.
            NotFound: There is no such project.

        Source: ``DELETE /api_3/project/delete/{owner}/{project}``.
        """
        at = {"owner": owner, "project": project}
        call = Call(
            "DELETE",
            "project/delete/{owner}/{project}",
            read_ack,
            path_params=at,
            json={"verify": True},
            idempotent=False,
        )
        await self._sender.send_once(call, lookup_deleted(get_project(owner, project)))

    async def fork(self, owner: str, project: str, to_owner: str, to_project: str, *, confirm: bool = False) -> Project:
        """The new project. Its builds are copied afterwards, in the background.

        Args:
            owner: Whose is forked.
            project: Which one.
            to_owner: Whose the new one is.
            to_project: Its name.
            confirm: Fork into a project that exists.

        Raises:
            Conflict: The destination exists, and *confirm* is not set.

        Source: ``POST /api_3/project/fork/{owner}/{project}``.
        """
        call = Call(
            "POST",
            "project/fork/{owner}/{project}",
            Project,
            path_params={"owner": owner, "project": project},
            json={"name": to_project, "ownername": to_owner, "confirm": confirm},
        )
        return await self._sender.send_once(
            call, lookup_absent(get_project(to_owner, to_project), "look at what it holds")
        )

    async def regenerate_repos(self, owner: str, project: str) -> Project:
        """The project, whose repository metadata is made anew in the background.

        Source: ``PUT /api_3/project/regenerate-repos/{owner}/{project}``.
        """
        at = {"owner": owner, "project": project}
        return await self._sender.send(
            Call("PUT", "project/regenerate-repos/{owner}/{project}", Project, path_params=at)
        )

    async def monitor(
        self,
        owner: str,
        project: str,
        *,
        project_dirname: str | None = None,
        additional_fields: Sequence[Literal["url_build_log", "url_backend_log"] | str] = (),
    ) -> tuple[MonitoredPackage, ...]:
        """Every package, with the newest build in each chroot.

        Args:
            owner: Whose.
            project: Its name.
            project_dirname: A directory of it, such as ``name:pr:7``.
            additional_fields: The addresses of logs to give besides.

        Raises:
            InvalidResponse: The frontend broke off in the middle, which it does with status 200.

        Source: ``GET /api_3/monitor``. It has no pages.
        """
        params = {
            "ownername": owner,
            "projectname": project,
            "project_dirname": project_dirname,
            "additional_fields[]": tuple(additional_fields),
        }
        return await self._sender.send(
            Call("GET", "monitor", _monitored, params=params, auth=None, max_response_size=_MONITOR)
        )


def _key(project: Project) -> int | str:
    return project.id if project.id is not None else f"{project.ownername}/{project.name}"


def _names(chroots: Sequence[str]) -> tuple[str, ...]:
    if isinstance(chroots, str):
        raise InputError("chroots is a list of names, not one text", argument="chroots")
    return tuple(chroots)


def _monitored(reply: Response) -> tuple[MonitoredPackage, ...]:
    return Monitor.model_validate_json(reply.body).packages

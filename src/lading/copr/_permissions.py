"""Who may do what in a project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lading._core.call import Call
from lading.copr._models.builds import Project
from lading.copr._wire import json_fields, read_ack
from lading.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading._core.messages import Response
    from lading._core.sender import Sender

Permission = Literal["nothing", "request", "approved"]


class Permissions:
    """The part of ``copr.projects`` that is about permissions."""

    __slots__ = ("_sender",)

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def can_build_in(self, who: str, owner: str, project: str) -> bool:
        """Whether *who* may build in the project.

        Source: ``GET /api_3/project/permissions/can_build_in/{who}/{owner}/{project}``.
        """
        at = {"who": who, "owner": owner, "project": project}
        path = "project/permissions/can_build_in/{who}/{owner}/{project}"
        return await self._sender.send(Call("GET", path, _can_build, path_params=at, auth=None))

    async def permissions(self, owner: str, project: str) -> dict[str, dict[str, Permission | str]]:
        """By user: the state of ``admin`` and ``builder``. Empty when nobody has or wants any.

        Raises:
            Forbidden: Only admins of the project may look.

        Source: ``GET /api_3/project/permissions/get/{owner}/{project}``, whose 404 means "none" too.
        """
        at = {"owner": owner, "project": project}
        try:
            return await self._sender.send(
                Call("GET", "project/permissions/get/{owner}/{project}", _permissions, path_params=at)
            )
        except NotFound:
            await self._sender.send(get_project(owner, project))  # that, or no such project
            return {}

    async def set_permissions(
        self, owner: str, project: str, permissions: Mapping[str, Mapping[str, Permission]]
    ) -> None:
        """Give and take permissions, all of them or none.

        Args:
            owner: Whose.
            project: Its name.
            permissions: By user: new states, such as ``{"someone": {"builder": "approved"}}``.

        Raises:
            BadRequest: No such user or permission, or nothing to change.

        Source: ``PUT /api_3/project/permissions/set/{owner}/{project}``.
        """
        at = {"owner": owner, "project": project}
        json = {user: dict(states) for user, states in permissions.items()}
        await self._sender.send(
            Call("PUT", "project/permissions/set/{owner}/{project}", read_ack, path_params=at, json=json)
        )

    async def request_permissions(
        self, owner: str, project: str, *, builder: bool | None = None, admin: bool | None = None
    ) -> None:
        """Ask the project's admins for permissions, or take the question back with ``False``.

        Source: ``PUT /api_3/project/permissions/request/{owner}/{project}``.
        """
        at = {"owner": owner, "project": project}
        json = json_fields({"builder": builder, "admin": admin})
        await self._sender.send(
            Call("PUT", "project/permissions/request/{owner}/{project}", read_ack, path_params=at, json=json)
        )


def get_project(owner: str, project: str) -> Call[Project]:
    """The question for one project."""
    return Call("GET", "project", Project, params={"ownername": owner, "projectname": project}, auth=None)


def _can_build(reply: Response) -> bool:
    return bool(reply.json()["can_build_in"])


def _permissions(reply: Response) -> dict[str, dict[str, Permission | str]]:
    found = reply.json()["permissions"]
    return {str(user): {str(name): str(state) for name, state in states.items()} for user, states in found.items()}

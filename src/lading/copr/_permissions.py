"""Permissions in projects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lading._core.call import Call
from lading.copr._queries import get_project
from lading.copr._wire import json_fields, read_ack
from lading.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading._core.messages import Response
    from lading._core.sender import Sender

Permission = Literal["nothing", "request", "approved"]


async def can_build_in(sender: Sender, who: str, owner: str, project: str) -> bool:
    """Return whether *who* may build in the project."""
    at = {"who": who, "owner": owner, "project": project}
    path = "project/permissions/can_build_in/{who}/{owner}/{project}"
    return await sender.send(Call("GET", path, _read_can_build, path_params=at, auth=None))


async def get_permissions(sender: Sender, owner: str, project: str) -> dict[str, dict[str, Permission | str]]:
    """Return the permissions in a project, by user."""
    at = {"owner": owner, "project": project}
    try:
        return await sender.send(
            Call("GET", "project/permissions/get/{owner}/{project}", _read_permissions, path_params=at)
        )
    except NotFound:
        await sender.send(get_project(owner, project))  # either there are none, or no such project
        return {}


async def set_permissions(
    sender: Sender, owner: str, project: str, permissions: Mapping[str, Mapping[str, Permission]]
) -> None:
    """Change permissions, all of them or none."""
    at = {"owner": owner, "project": project}
    json = {user: dict(states) for user, states in permissions.items()}
    await sender.send(Call("PUT", "project/permissions/set/{owner}/{project}", read_ack, path_params=at, json=json))


async def request_permissions(
    sender: Sender, owner: str, project: str, *, builder: bool | None, admin: bool | None
) -> None:
    """Request permissions from the project's admins, or withdraw the request."""
    at = {"owner": owner, "project": project}
    json = json_fields({"builder": builder, "admin": admin})
    await sender.send(Call("PUT", "project/permissions/request/{owner}/{project}", read_ack, path_params=at, json=json))


def _read_can_build(response: Response) -> bool:
    return bool(response.json()["can_build_in"])


def _read_permissions(response: Response) -> dict[str, dict[str, Permission | str]]:
    found = response.json()["permissions"]
    return {str(user): {str(name): str(state) for name, state in states.items()} for user, states in found.items()}

"""Permissions in projects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lading._core.api_errors import make_api_error
from lading._core.call import Call
from lading._core.send_once import NOT_FOUND, Found
from lading.copr._arguments import check_names
from lading.copr._queries import get_project
from lading.copr._wire import json_fields, read_member
from lading.errors import NotFound, ServerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading._core.messages import Response
    from lading._core.send_once import LookupResult, LookupSender
    from lading._core.sender import Sender
    from lading.errors import LadingError

Permission = Literal["nothing", "request", "approved"]

# The frontend's text for any exception of its database layer, no row among them.
_NO_SUCH_ROW = "Database error"


async def can_build_in(sender: Sender, who: str, owner: str, project: str) -> bool:
    """Return whether *who* may build in the project."""
    at = {"who": who, "owner": owner, "project": project}
    path = "project/permissions/can_build_in/{who}/{owner}/{project}"
    check_names(**at)
    try:
        return await sender.send(Call("GET", path, _read_can_build, path_params=at, auth=None))
    except ServerError as error:
        if not error.final or _NO_SUCH_ROW not in error.detail:
            raise
        # So it reports an unknown user; where the database works, nothing else does that.
        await sender.send(get_project(owner, project))
        raise make_api_error(
            NotFound,
            sender.service.name,
            f"there is no user {who}: {error.detail}",
            suffix=f" (HTTP {error.status})",
            status=error.status,
            detail=error.detail,
        ) from error


async def get_permissions(sender: Sender, owner: str, project: str) -> dict[str, dict[str, Permission | str]]:
    """Return the permissions in a project, by user."""
    at = {"owner": owner, "project": project}
    check_names(**at)
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
    check_names(**at)
    json = {user: dict(states) for user, states in permissions.items()}

    async def look_up(inner: LookupSender, _: LadingError) -> LookupResult[bool]:
        query = Call("GET", "project/permissions/get/{owner}/{project}", _read_permissions, path_params=at)
        try:
            stored = await inner.send(query)
        except NotFound:
            return NOT_FOUND
        done = all(
            stored.get(user, {}).get(kind, "nothing") == state
            for user, states in json.items()
            for kind, state in states.items()
        )
        return Found(value=True) if done else NOT_FOUND

    read = read_member("updated", list)
    call = Call("PUT", "project/permissions/set/{owner}/{project}", read, path_params=at, json=json)
    await sender.send_once(call, look_up)


async def request_permissions(
    sender: Sender, owner: str, project: str, *, builder: bool | None, admin: bool | None
) -> None:
    """Request permissions from the project's admins, or withdraw the request."""
    at = {"owner": owner, "project": project}
    check_names(**at)
    json = json_fields({"builder": builder, "admin": admin})
    read = read_member("updated", bool)
    await sender.send(Call("PUT", "project/permissions/request/{owner}/{project}", read, path_params=at, json=json))


def _read_can_build(response: Response) -> bool:
    return bool(response.json()["can_build_in"])


def _read_permissions(response: Response) -> dict[str, dict[str, Permission | str]]:
    found = response.json()["permissions"]
    return {str(user): {str(name): str(state) for name, state in states.items()} for user, states in found.items()}

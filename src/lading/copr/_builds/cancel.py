"""Canceling and deleting builds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading._core.api_errors import make_api_error
from lading._core.call import Call
from lading._core.send_once import NOT_FOUND, Found, Rejected, lookup_deleted
from lading.copr._models.builds import Build
from lading.copr._queries import get_build
from lading.copr._wire import read_about, read_deleted, read_member
from lading.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lading._core.send_once import LookupResult, LookupSender
    from lading._core.sender import Sender
    from lading.errors import LadingError


async def cancel_build(sender: Sender, build: int) -> Build:
    """Cancel one build and return it."""

    async def look_up(inner: LookupSender, _: LadingError) -> LookupResult[Build]:
        found = await inner.send(get_build(build))
        if found.state == "canceled":
            return Found(found)
        return Rejected(_ended_error(inner, found)) if found.finished else NOT_FOUND

    call = Call(
        "PUT", "build/cancel/{build_id}", read_about(Build, id=build), path_params={"build_id": build}, idempotent=True
    )
    return await sender.send_once(call, look_up)


async def delete_build(sender: Sender, build: int) -> None:
    """Delete one build."""
    at = {"build_id": build}
    call = Call("DELETE", "build/delete/{build_id}", read_deleted(Build, id=build), path_params=at, idempotent=True)
    await sender.send_once(call, lookup_deleted(get_build(build)))


async def delete_builds(sender: Sender, ids: Sequence[int]) -> None:
    """Delete all builds *ids* or, when one cannot be deleted, none."""

    async def look_up(inner: LookupSender, lost: LadingError) -> LookupResult[bool]:
        # All or none are deleted, so the first that exists decides. One that does not may never have existed.
        for build in ids:
            if await lookup_deleted(get_build(build))(inner, lost) is NOT_FOUND:
                return NOT_FOUND
        return Found(value=True)

    if ids:
        read = read_member("builds", list, equal=ids)
        call = Call("DELETE", "build/delete/list", read, json={"builds": ids}, idempotent=True)
        await sender.send_once(call, look_up)


def _ended_error(sender: LookupSender, build: Build) -> Conflict:
    text = f"build {build.id} cannot be canceled: its state is {build.state}"
    return make_api_error(Conflict, sender.service.name, text)

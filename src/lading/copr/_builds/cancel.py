"""Canceling and deleting builds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading._core.api_errors import make_api_error
from lading._core.call import Call
from lading._core.send_once import NOT_FOUND, Found, Rejected, lookup_deleted
from lading.copr._models.builds import Build
from lading.copr._queries import get_build
from lading.copr._wire import read_ack
from lading.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterable

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

    call = Call("PUT", "build/cancel/{build_id}", Build, path_params={"build_id": build}, idempotent=True)
    return await sender.send_once(call, look_up)


async def delete_build(sender: Sender, build: int) -> None:
    """Delete one build."""
    at = {"build_id": build}
    call = Call("DELETE", "build/delete/{build_id}", read_ack, path_params=at, idempotent=True)
    await sender.send_once(call, lookup_deleted(get_build(build)))


async def delete_builds(sender: Sender, builds: Iterable[int]) -> None:
    """Delete all of *builds* or, when one cannot be deleted, none."""
    ids = list(builds)

    async def look_up(inner: LookupSender, lost: LadingError) -> LookupResult[bool]:
        # All or none are deleted, so the first that exists decides. One that does not may never have existed.
        for build in ids:
            if await lookup_deleted(get_build(build))(inner, lost) is NOT_FOUND:
                return NOT_FOUND
        return Found(value=True)

    if ids:
        call = Call("DELETE", "build/delete/list", read_ack, json={"builds": ids}, idempotent=True)
        await sender.send_once(call, look_up)


def _ended_error(sender: LookupSender, build: Build) -> Conflict:
    text = f"build {build.id} cannot be canceled: its state is {build.state}"
    return make_api_error(Conflict, sender.service.name, text)

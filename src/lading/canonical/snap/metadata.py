"""What the store shows of a snap: texts, icon and screenshots."""

from __future__ import annotations

import hashlib
import json
import os
from functools import partial
from os import PathLike
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, TypeVar

from lading._core.arguments import checked
from lading._core.body import BytesBody, FileBody
from lading._core.call import Call
from lading._core.files import hash_file
from lading._core.multipart import FilePart, Multipart
from lading._core.send_once import NOT_FOUND, Found
from lading.canonical._errors import read_accepted
from lading.canonical.snap._models import SnapMedia
from lading.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lading._core.files import StrPath
    from lading._core.messages import Response
    from lading._core.send_once import LookupResult, LookupSender
    from lading.canonical.snap._dashboard import Dashboard
    from lading.errors import LadingError

T = TypeVar("T")


@checked()
class SnapMetadata:
    """What the store shows of an account's snaps; available as ``snap_store.metadata``."""

    def __init__(self, dashboard: Dashboard) -> None:
        self._dashboard = dashboard

    async def update(self, name: str, metadata: Mapping[str, Any], *, force: bool = False) -> None:
        """Set metadata of a snap.

        Given values are set, so the request is sent again after a lost response.

        Args:
            name: The snap.
            metadata: What to set, such as ``{"summary": "...", "description": "..."}``.
            force: Replace values that were changed on the store's own pages. Otherwise these are refused.

        Raises:
            ConfigError: The store has no such API.
            InputError: There is no *metadata*.
            NotFound: The account has no such snap.
            Conflict: The store has other values; ``errors`` has them. Pass *force* to replace them.

        Source: ``POST /dev/api/snaps/{snap_id}/metadata``, ``PUT`` with *force*.
        """
        sender = self._dashboard.sender
        if not metadata:
            raise InputError("metadata= is empty", argument="metadata")
        snap_id = await self._dashboard.snap_id(name)
        call = Call(
            _method(force=force),
            "dev/api/snaps/{snap_id}/metadata",
            read_accepted,
            path_params={"snap_id": snap_id},
            json=dict(metadata),
            idempotent=True,
        )
        await sender.send(call)

    async def get_binary(self, name: str) -> tuple[SnapMedia, ...]:
        """Return the icon and the screenshots of a snap.

        Args:
            name: The snap.

        Raises:
            ConfigError: The store has no such API.
            NotFound: The account has no such snap.

        Source: ``GET /dev/api/snaps/{snap_id}/binary-metadata``.
        """
        return await self._dashboard.sender.send(_get_media(await self._dashboard.snap_id(name), _read_shown))

    async def update_binary(
        self, name: str, icon: StrPath | bytes | None, *, filename: str | None = None, force: bool = False
    ) -> bool:
        """Set or remove the icon of a snap, and return whether something had to be sent.

        What the store has is read first: an icon with the same digest is not sent again, and everything else than the
        icon is kept. After a lost response it is read once more, and the request is sent again unless the store has the
        icon.

        Args:
            name: The snap.
            icon: The path of the icon, or its bytes; ``None`` to have none.
            filename: The icon's file name, for bytes.
            force: Replace what was changed on the store's own pages. Otherwise it is refused.

        Raises:
            ConfigError: The store has no such API.
            InputError: *filename* is missing or given for a path, or *icon* is not a regular file.
            OSError: The file cannot be read.
            NotFound: The account has no such snap.
            Conflict: The store has another icon. Pass *force* to replace it.
            BadRequest: The store does not accept the icon.

        Source: ``GET`` and ``POST /dev/api/snaps/{snap_id}/binary-metadata``, ``PUT`` with *force*; a form with the
        field ``info``, and ``icon`` where one is uploaded.
        """
        sender = self._dashboard.sender
        part, digest = await _read_icon(icon, filename)
        snap_id = await self._dashboard.snap_id(name)
        before = await self._get_binary(snap_id)
        wanted = [] if part is None else [digest]
        if _icons(before) == wanted:
            return False
        info = [one for one in before if one.get("type") != "icon"]
        fields: list[tuple[str, str] | FilePart] = []
        if part is not None:
            info.append({"type": "icon", "hash": digest, "key": "icon", "filename": part.filename})
            fields.append(part)
        call = Call(
            _method(force=force),
            "dev/api/snaps/{snap_id}/binary-metadata",
            partial(_read_updated, wanted),
            path_params={"snap_id": snap_id},
            body=Multipart([("info", json.dumps(info)), *fields]),
            idempotent=True,
        )

        async def look_up(sender: LookupSender, _: LadingError) -> LookupResult[bool]:
            return (
                Found(value=True)
                if _icons(await sender.send(_get_media(snap_id, _read_media))) == wanted
                else NOT_FOUND
            )

        return await sender.send_once(call, look_up)

    async def _get_binary(self, snap_id: str) -> list[dict[str, Any]]:
        return await self._dashboard.sender.send(_get_media(snap_id, _read_media))


def _method(*, force: bool) -> str:
    return "PUT" if force else "POST"


def _get_media(snap_id: str, read: Callable[[Response], T]) -> Call[T]:
    return Call("GET", "dev/api/snaps/{snap_id}/binary-metadata", read, path_params={"snap_id": snap_id})


def _icons(media: list[dict[str, Any]]) -> list[object]:
    """Return the digests of the icons: of none or one."""
    return [one.get("hash") for one in media if one.get("type") == "icon"]


def _read_updated(icons: list[str], response: Response) -> bool:
    """Read the response to a change, which lists the media that the snap has then."""
    if _icons(_read_media(response)) != icons:
        raise TypeError("the icon")
    return True


def _read_media(response: Response) -> list[dict[str, Any]]:
    value = response.json()
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise TypeError
    return value


def _read_shown(response: Response) -> tuple[SnapMedia, ...]:
    return tuple(map(SnapMedia.model_validate, _read_media(response)))


async def _read_icon(icon: StrPath | bytes | None, filename: str | None) -> tuple[FilePart | None, str]:
    """Return the form field for an icon, and its SHA-256."""
    if icon is not None and not isinstance(icon, (str, PathLike)):
        if not filename:
            raise InputError("the bytes of an icon need filename=", argument="filename")
        data = bytes(icon)
        return FilePart("icon", BytesBody(data, content_type=""), filename), hashlib.sha256(data).hexdigest()
    if filename is not None:
        raise InputError("filename= is for bytes: a path has its own name", argument="filename")
    if icon is None:
        return None, ""
    hashed = await hash_file(icon, {"sha256": hashlib.sha256})
    body = FileBody(icon, hashed.stamp, content_type="")
    return FilePart("icon", body, PurePath(os.fspath(icon)).name), hashed.digests["sha256"]

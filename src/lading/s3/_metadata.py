"""The metadata beside an artifact: there before it, and never somebody else's for long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from lading.errors import Conflict, Forbidden, LadingError
from lading.s3._errors import VersionExists

if TYPE_CHECKING:
    from lading.s3._ports import ObjectStore, Stored

# Metadata is written right before its artifact. Whoever has not followed it up within this time has crashed.
_ORPHANED = 10.0
_EVERY = 0.5
_AGAIN = 8
_NONE = b"{}"


class Claim:
    """The metadata of a version that is about to be staged.

    Between metadata and artifact there is a moment, and others may be in it: metadata that is not ours then is
    waited for until its artifact is there, or given up for an orphan's. Whose artifact came first then puts right
    what others wrote meanwhile, and they take back what they wrote.
    """

    def __init__(self, store: ObjectStore, key: str, data: bytes | None, warnings: list[str]) -> None:
        self._store = store
        self._artifact = key
        self._key = f"{key}/metadata"
        self._data = data
        self._warnings = warnings
        self._ours: str | None = None
        self._before: bytes | None = None

    async def make(self) -> None:
        """Have our metadata there; ``Conflict`` when somebody else's artifact is there first."""
        if self._ours is not None:
            return
        deadline = anyio.current_time() + _ORPHANED
        while True:
            found = await self._write() if self._data is not None else await self._look()
            if found is None:
                return
            # Somebody else's, who may be about to complete.
            if await self._store.head(self._artifact) is not None:
                raise Conflict(f"s3: {self._artifact} was staged by somebody else meanwhile", service="s3", status=412)
            if anyio.current_time() >= deadline and await self._replace(*found):
                return
            await anyio.sleep(_EVERY)

    async def _write(self) -> tuple[bytes, str] | None:
        """Write ours; what is there instead, when that is another's."""
        assert self._data is not None  # noqa: S101 - else there is nothing to write
        try:
            self._ours = await self._store.put_small(self._key, self._data, if_none_match=True)
        except Conflict:
            return await self._look()
        except LadingError as error:
            if error.outcome != "unknown":
                raise
            return await self._look()
        return None

    async def _look(self) -> tuple[bytes, str] | None:
        """What is there with its tag, when it is not what we want there."""
        try:
            found = await self._store.get(self._key)
        except Forbidden:
            self._warnings.append("s3:GetObject is missing: metadata that was there before cannot be compared")
            return None
        if found is None or found[0] == (self._data or _NONE):
            return None
        return found[0], found[1].etag

    async def _replace(self, before: bytes, etag: str) -> bool:
        """Write ours in an orphan's place."""
        try:
            self._ours = await self._store.put_small(self._key, self._data or _NONE, if_match=etag)
        except Conflict:
            return False
        self._before = before
        return True

    async def confirm(self) -> None:
        """After our artifact was first: what others wrote beside it meanwhile is put right."""
        for _ in range(_AGAIN):
            found = await self._look()
            if found is None:
                return
            if await self._replace(*found):
                return

    async def withdraw(self, there: Stored) -> None:
        """After somebody else's artifact was first: take back what we wrote."""
        del there
        if self._ours is None:
            return
        try:
            await self._store.put_small(self._key, self._before or _NONE, if_match=self._ours)
        except Conflict:
            return  # the winner has put it right already

    async def repair(self, there: Stored) -> bool:
        """Whether metadata that is missing beside a good artifact was put there.

        Raises:
            VersionExists: Other metadata is there.
        """
        del there
        try:
            found = await self._store.get(self._key)
        except Forbidden:
            self._warnings.append("s3:GetObject is missing: metadata that is there cannot be compared")
            return False
        if found is not None and found[0] == (self._data or _NONE):
            return False
        if found is None and self._data is None:
            return False
        if found is not None and found[0] != _NONE:
            raise VersionExists(
                f"s3: {self._artifact} is staged already, with other metadata. A version cannot be changed: raise it",
                service="s3",
                status=412,
            )
        assert self._data is not None  # noqa: S101 - of the cases that are left
        etag = None if found is None else found[1].etag
        try:
            await self._store.put_small(self._key, self._data, if_match=etag, if_none_match=etag is None)
        except Conflict:
            return False
        return True

"""The metadata beside an artifact: there before it, and never somebody else's for long."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from lading.errors import Conflict, Forbidden, LadingError, NotFound
from lading.s3._errors import VersionExists

if TYPE_CHECKING:
    from lading.s3._interfaces import ObjectInfo, ObjectStore

# Metadata is written right before its artifact. Whoever has not followed it up within this time has crashed.
_ORPHANED = 10.0
_EVERY = 0.5
_AGAIN = 8
NO_METADATA = b"{}"
# What an artifact says of itself, in its user metadata.
SHA256, SIZE, STAGE, METADATA = "lading-sha256", "lading-size", "lading-stage", "lading-metadata"


class MetadataClaim:
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
        self._made = False
        self._wrote = False
        self._before: bytes | None = None

    async def acquire(self) -> None:
        """Have our metadata there; ``Conflict`` when somebody else's artifact is there first."""
        if self._made:
            return
        deadline = anyio.current_time() + _ORPHANED
        while not await self._is_made(over=anyio.current_time() >= deadline):  # noqa: ASYNC110 - a store has no events
            await anyio.sleep(_EVERY)
        self._made = True

    async def _is_made(self, *, over: bool) -> bool:
        if self._data is not None and await self._write():
            return True
        try:
            found = await self._store.get(self._key)
        except Forbidden:
            self._warn_unreadable()
            return True
        if (NO_METADATA if found is None else found[0]) == (self._data or NO_METADATA):
            return True
        if found is None:  # somebody is about to write it: 409
            if over:
                raise Conflict(f"s3: {self._key} is being written by somebody else", service="s3", status=409)
            return False
        # Somebody else's, who may be about to complete.
        if await self._is_staged():
            raise Conflict(f"s3: {self._artifact} was staged by somebody else meanwhile", service="s3", status=412)
        return over and await self._replace(found[0], found[1].etag)

    async def _is_staged(self) -> bool:
        try:
            return await self._store.head(self._artifact) is not None
        except Forbidden:
            return False  # what is there we may read: without s3:ListBucket this is how a store says that nothing is

    async def _write(self) -> bool:
        """Whether ours could be written where nothing was."""
        assert self._data is not None  # noqa: S101 - else there is nothing to write
        self._wrote = True
        try:
            await self._store.put_small(self._key, self._data, if_none_match=True)
        except Conflict:
            return False
        except LadingError as error:
            if error.outcome != "unknown" or await self._store.get(self._key) is None:
                raise
            return False
        return True

    async def _replace(self, before: bytes, etag: str) -> bool:
        """Write ours in an orphan's place."""
        # Noted first: an answer that is lost may have done it.
        self._wrote, self._before = True, before
        try:
            await self._store.put_small(self._key, self._data or NO_METADATA, if_match=etag)
        except (Conflict, NotFound):
            return False
        return True

    @property
    def digest(self) -> str:
        """The digest of our metadata, kept with the artifact: so everybody knows which metadata is the winner's."""
        return metadata_digest(self._data or NO_METADATA)

    async def confirm(self) -> None:
        """After our artifact was first: what others wrote beside it meanwhile is put right."""
        await self._restore(self._data or NO_METADATA)

    async def withdraw(self, there: ObjectInfo) -> None:
        """After somebody else's artifact was first: what we wrote makes way for the winner's, as far as we know that.

        Where we do not, the winner has not looked yet, and will.
        """
        wanted = there.metadata.get(METADATA)
        known = [self._data or NO_METADATA, self._before or NO_METADATA, NO_METADATA]
        if wanted is None:  # startifact's, which wrote its metadata later than its artifact, if it had any
            await self._undo()
        for data in known:
            if metadata_digest(data) == wanted:
                await self._restore(data)
                return

    async def _undo(self) -> None:
        found = await self._store.get(self._key)
        if self._wrote and found is not None and found[0] == (self._data or NO_METADATA):
            with suppress(Conflict, NotFound):
                await self._store.put_small(self._key, self._before or NO_METADATA, if_match=found[1].etag)

    async def _restore(self, data: bytes) -> None:
        """Have *data* there, against whoever is late."""
        for _ in range(_AGAIN):
            try:
                found = await self._store.get(self._key)
            except Forbidden:
                self._warn_unreadable()
                return
            if (NO_METADATA if found is None else found[0]) == data:
                return
            etag = None if found is None else found[1].etag
            with suppress(Conflict, NotFound):
                await self._store.put_small(self._key, data, if_match=etag, if_none_match=etag is None)
                return

    async def repair(self, there: ObjectInfo) -> bool:
        """Whether metadata that is missing beside a good artifact was put there.

        Raises:
            VersionExists: The version was staged with other metadata.
        """
        wanted = there.metadata.get(METADATA)
        if wanted not in {None, self.digest}:
            raise self._other_metadata_error()
        try:
            found = await self._store.get(self._key)
        except Forbidden:
            self._warn_unreadable()
            return False
        if (NO_METADATA if found is None else found[0]) == (self._data or NO_METADATA):
            return False
        if wanted is None and found is not None and found[0] != NO_METADATA:
            raise self._other_metadata_error()
        await self._restore(self._data or NO_METADATA)
        return True

    def _other_metadata_error(self) -> VersionExists:
        return VersionExists(
            f"s3: {self._artifact} is staged already, with other metadata. A version cannot be changed: raise it",
            service="s3",
            status=412,
        )

    def _warn_unreadable(self) -> None:
        self._warnings.append("s3:GetObject is missing: metadata that is there cannot be compared")


def metadata_digest(data: bytes) -> str:
    """What an artifact says of its metadata's bytes."""
    return hashlib.sha256(data).hexdigest()

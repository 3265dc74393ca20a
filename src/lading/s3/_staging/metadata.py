"""The metadata beside an artifact: written before it, and never left torn from it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from lading._core.api_errors import make_api_error
from lading.errors import Conflict, Forbidden, IntegrityError, LadingError, NotFound
from lading.s3._errors import VersionExists
from lading.s3._layout import METADATA, NO_METADATA, metadata_digest

if TYPE_CHECKING:
    from lading.s3._interfaces import ObjectInfo, ObjectStore

# Metadata is written right before its artifact. A stager whose artifact has not followed within this time has crashed.
_ORPHANED = 10.0
_EVERY = 0.5
_MOST_ATTEMPTS = 8


class MetadataSearch:
    """The search for an artifact's metadata in one region after another.

    The artifact says which metadata belongs to it, by a digest; one that startifact has staged does not.

    Args:
        key: The artifact's key.
    """

    def __init__(self, key: str) -> None:
        self._key = f"{key}/metadata"
        self._absent = False
        self._wrong: list[str] = []
        self._failed: dict[str, LadingError] = {}

    async def read(self, store: ObjectStore, region: str, artifact: ObjectInfo) -> bytes | None:
        """Return the metadata's bytes in one region; ``None`` when that region does not have the right ones.

        Args:
            store: The region's bucket.
            region: The region.
            artifact: The artifact there.
        """
        wanted = artifact.metadata.get(METADATA)
        try:
            found = await store.get(self._key)
        except LadingError as error:
            if wanted == metadata_digest(NO_METADATA):
                return NO_METADATA
            if wanted is None and _is_absent(error):
                self._absent = True
            else:
                self._failed[region] = error
            return None
        if wanted is None:
            self._absent = self._absent or found is None
            return None if found is None else found[0]
        data = NO_METADATA if found is None else found[0]
        if metadata_digest(data) == wanted:
            return data
        self._wrong.append(region)
        return None

    def conclude(self) -> bytes:
        """Return the metadata's bytes when no region has them: there are none.

        Raises:
            IntegrityError: They were changed or deleted.
            LadingError: They could not be read.
        """
        unread = "; ".join(f"{region} could not be read: {error}" for region, error in self._failed.items())
        if self._wrong:
            raise IntegrityError(
                f"s3: {self._key} was changed or deleted in {', '.join(self._wrong)}: its artifact has the digest of "
                f"another; stage the version again with its bytes and metadata{unread and f'; {unread}'}"
            )
        if self._failed and not self._absent:
            raise next(iter(self._failed.values()))
        return NO_METADATA


def _is_absent(error: LadingError) -> bool:
    """Return whether AWS says 403 because there is no such object, and listing, which would show that, is forbidden."""
    return isinstance(error, Forbidden) and "s3:ListBucket" in error.detail


class MetadataClaim:
    """The metadata of a version that is about to be staged.

    Other stagers may write between our metadata and our artifact. Metadata of another stager is waited for until its
    artifact is there, or replaced as orphaned. The stager whose artifact is first then restores what others have
    written meanwhile, and they undo what they wrote.

    Args:
        store: The region's bucket.
        key: The artifact's key.
        data: The metadata's bytes; ``None`` when it has none.

    Attributes:
        warnings: Problems so far that did not make it fail.
    """

    def __init__(self, store: ObjectStore, key: str, data: bytes | None) -> None:
        self.warnings: list[str] = []
        self._store = store
        self._artifact = key
        self._key = f"{key}/metadata"
        self._data = data
        self._acquired = False
        self._wrote = False
        self._before: bytes | None = None

    @property
    def digest(self) -> str:
        """The digest of our metadata, kept with the artifact: it says which metadata is the winner's."""
        return metadata_digest(self._data or NO_METADATA)

    async def acquire(self) -> None:
        """Write our metadata; ``Conflict`` when another stager's artifact is there first."""
        if self._acquired:
            return
        deadline = anyio.current_time() + _ORPHANED
        while not await self._try_acquire(over=anyio.current_time() >= deadline):  # noqa: ASYNC110 - no events in S3
            await anyio.sleep(_EVERY)
        self._acquired = True

    async def _try_acquire(self, *, over: bool) -> bool:
        """Return whether our metadata is there.

        Args:
            over: Whether the time is over in which another stager's artifact may follow its metadata.
        """
        if self._data is not None and await self._write():
            return True
        try:
            found = await self._store.get(self._key)
        except Forbidden:
            self._warn_unreadable()
            return True
        if (NO_METADATA if found is None else found[0]) == (self._data or NO_METADATA):
            return True
        if found is None:  # 409: another stager is about to write it
            if over:
                raise make_api_error(Conflict, "s3", f"another stager is writing {self._key}", status=409)
            return False
        # It is another stager's, which may be about to complete.
        if await self._is_staged():
            raise make_api_error(Conflict, "s3", f"another stager has staged {self._artifact} meanwhile", status=412)
        return over and await self._replace(found[0], found[1].etag)

    async def _is_staged(self) -> bool:
        try:
            return await self._store.head(self._artifact) is not None
        except Forbidden:
            return False  # what exists may be read: without s3:ListBucket, this is S3's response when there is nothing

    async def _write(self) -> bool:
        """Write our metadata where there is none, and return whether that succeeded."""
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
        """Write our metadata in place of orphaned metadata, and return whether that succeeded."""
        # Recorded first: a request whose response is lost may have been carried out.
        self._wrote, self._before = True, before
        try:
            await self._store.put_small(self._key, self._data or NO_METADATA, if_match=etag)
        except (Conflict, NotFound):
            return False
        return True

    async def confirm(self) -> None:
        """Restore our metadata, after our artifact was first: others may have written meanwhile."""
        await self._restore(self._data or NO_METADATA)

    async def withdraw(self, there: ObjectInfo) -> None:
        """Restore the winner's metadata, as far as it is known, after another stager's artifact was first.

        Where it is not known, the winner has not checked its metadata yet, and will.

        Args:
            there: The winner's artifact.
        """
        wanted = there.metadata.get(METADATA)
        known = [self._data or NO_METADATA, self._before or NO_METADATA, NO_METADATA]
        if wanted is None:  # startifact's, which writes its metadata, if any, after the artifact
            await self._undo()
        for data in known:
            if metadata_digest(data) == wanted:
                await self._restore(data)
                return

    async def _undo(self) -> None:
        """Write back what was there before our metadata."""
        found = await self._store.get(self._key)
        if self._wrote and found is not None and found[0] == (self._data or NO_METADATA):
            with suppress(Conflict, NotFound):
                await self._store.put_small(self._key, self._before or NO_METADATA, if_match=found[1].etag)

    async def _restore(self, data: bytes) -> None:
        """Write *data*, again while late writers are in the way."""
        may_be_done = False
        try:
            for _ in range(_MOST_ATTEMPTS):
                try:
                    found = await self._store.get(self._key)
                except Forbidden:
                    self._warn_unreadable()
                    return
                if (NO_METADATA if found is None else found[0]) == data:
                    return
                etag = None if found is None else found[1].etag
                try:
                    await self._store.put_small(self._key, data, if_match=etag, if_none_match=etag is None)
                except (Conflict, NotFound) as error:
                    # Unknown: perhaps with our own first request, whose response was lost.
                    may_be_done = may_be_done or error.outcome == "unknown"
                else:
                    return
        except LadingError as error:
            if may_be_done:
                error.outcome = "unknown"
            raise

    async def repair(self, there: ObjectInfo) -> bool:
        """Write metadata that is missing beside an intact artifact, and return whether it was missing.

        Args:
            there: The artifact.

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
        return make_api_error(
            VersionExists,
            "s3",
            f"{self._artifact} is staged already, with other metadata. A version cannot be changed: bump the version",
            status=412,
        )

    def _warn_unreadable(self) -> None:
        self.warnings.append("s3:GetObject or s3:ListBucket is missing: existing metadata cannot be compared")

"""Staging one version in one region: its metadata first, then the artifact, on the condition that there is none.

The artifact's appearance is the commit: the stager that completes it first has staged the version, and the others find
that out by the condition.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import anyio

from lading._core.api_errors import make_api_error
from lading.errors import Conflict, Forbidden, LadingError
from lading.s3._checksums import crc_of
from lading.s3._errors import VersionExists
from lading.s3._layout import METADATA, REMOVABLE, SHA256, SIZE, STAGE
from lading.s3._staging.metadata import MetadataClaim
from lading.s3._staging.removal import keep, remove
from lading.s3._staging.transfer import CleanUpScopes, Transfer, TransferResult

if TYPE_CHECKING:
    from lading.s3._interfaces import ObjectInfo, ObjectStore
    from lading.s3._staging.source import Source
    from lading.types import OnProgress

CommitStatus = Literal["created", "unchanged", "repaired"]

_MOST_ATTEMPTS = 5


@dataclass(slots=True)
class Commit:
    """The commit of one version in one region.

    Attributes:
        store: The region's bucket.
        project: The project.
        version: The version.
        key: The artifact's key.
        source: Its bytes.
        metadata: The bytes of its metadata; ``None`` when it has none.
        region: The region's name.
        copy_from: Bucket and key in another region, for the store to copy from; ``None`` to upload.
        on_progress: Called with how many bytes have been sent.
        removable: Whether the artifact is removed again unless a majority of the regions has it.
        transferred: The result of the transfer so far, also after a failure.
    """

    store: ObjectStore
    project: str
    version: str
    key: str
    source: Source
    metadata: bytes | None
    region: str
    copy_from: tuple[str, str] | None = None
    on_progress: OnProgress | None = None
    removable: bool = False
    transferred: TransferResult = field(default_factory=TransferResult, init=False)
    _there: ObjectInfo | None = None
    _compared: bool = False
    _readable: bool = True
    _transfer: Transfer | None = None
    _stage: str = field(default_factory=lambda: secrets.token_hex(16))
    _claim: MetadataClaim = field(init=False)
    _warnings: list[str] = field(default_factory=list[str], init=False)
    _clean_up_scopes: CleanUpScopes = field(default_factory=CleanUpScopes, init=False)

    def __post_init__(self) -> None:
        self._claim = MetadataClaim(self.store, self.key, self.metadata)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Problems so far that did not make it fail, each once."""
        return tuple(dict.fromkeys([*self._warnings, *self.transferred.warnings, *self._claim.warnings]))

    async def compare(self) -> bool:
        """Return whether the version is there.

        Raises:
            VersionExists: It is there, with other bytes.
        """
        self._there, self._compared = await self._head(), True
        if self._there is not None:
            await self._check_same(self._there)
        return self._there is not None

    async def run(self) -> CommitStatus:
        """Stage the version and return what was done.

        Raises:
            VersionExists: The version is there with other bytes, or with other metadata.
        """
        # What was there a moment ago is recent enough: a later artifact is found when ours is completed.
        there = self._there if self._compared else await self._head()
        if there is not None:
            return await self._accept_existing(there)
        transfer = self._transfer = self._make_transfer()
        try:
            return await self._try_create(transfer)
        except VersionExists:
            raise
        except (Exception, anyio.get_cancelled_exc_class()) as error:
            if isinstance(error, LadingError) and transfer.may_exist:
                error.outcome = "unknown"
            await self._clean_up(transfer)
            raise
        finally:
            self.transferred = transfer.result

    def abandon(self) -> None:
        """Stop cleaning up after a cancellation: the region does not respond."""
        self._clean_up_scopes.close()

    async def remove(self) -> bool:
        """Remove what this commit has created; return whether nothing of it is left.

        Raises:
            LadingError: What is left of it is not known.
        """
        if self._transfer is None or not self._transfer.may_exist:
            return True
        there = await self.store.head(self.key)
        return there is None or not self._transfer.is_ours(there) or await remove(self.store, self.key, there)

    def _make_transfer(self) -> Transfer:
        digests = {SHA256: self.source.sha256, SIZE: str(self.source.size), METADATA: self._claim.digest}
        return Transfer(
            store=self.store,
            region=self.region,
            key=self.key,
            source=self.source,
            metadata={**digests, STAGE: self._stage, **({REMOVABLE: "1"} if self.removable else {})},
            copy_from=self.copy_from,
            on_progress=self.on_progress,
            clean_up_scopes=self._clean_up_scopes,
        )

    async def _try_create(self, transfer: Transfer) -> CommitStatus:
        for _ in range(_MOST_ATTEMPTS):
            try:
                await transfer.run(self._claim.acquire)
            except Conflict as conflict:
                there = await self._head()
                if there is not None and not transfer.is_ours(there):
                    await self._claim.withdraw(there)
                    return await self._accept_existing(there)
                if there is None and conflict.status in {412, 304} and not self._readable:
                    # It is there and may not be read: whether it is the same cannot be known.
                    raise self._exists_error("what is there cannot be compared") from conflict
                if there is None:
                    # 409: another stager's completion is under way. 412: one that found no majority has removed it
                    # meanwhile. All parts are sent again.
                    continue
            try:
                await self._claim.confirm()
            except LadingError as error:
                error.outcome = "unknown"  # the artifact is there, with whatever metadata
                raise
            return "created"
        raise make_api_error(Conflict, "s3", f"{self.key} in {self.region}: other stagers were always in between")

    async def _clean_up(self, transfer: Transfer) -> None:
        """After an interruption, restore the metadata that belongs to the artifact that is there."""
        with self._clean_up_scopes.open(), suppress(LadingError):
            there = await self.store.head(self.key)
            if there is not None:
                await (self._claim.confirm() if transfer.is_ours(there) else self._claim.withdraw(there))

    async def _head(self) -> ObjectInfo | None:
        try:
            there = await self.store.head(self.key)
        except Forbidden:
            # s3:GetObject is needed to read what is there, and s3:ListBucket to see that nothing is. S3 does not say
            # which of them is missing.
            self._warnings.append("s3:GetObject or s3:ListBucket is missing: what is staged cannot be checked")
            self._readable = False
            return None
        self._readable = True
        return there

    async def _accept_existing(self, there: ObjectInfo) -> CommitStatus:
        """Compare the version with the one that is there, and repair its metadata."""
        await self._check_same(there)
        await keep(self.store, self.key, there)
        return "repaired" if await self._claim.repair(there) else "unchanged"

    def _exists_error(self, how: str) -> VersionExists:
        return make_api_error(
            VersionExists,
            "s3",
            f"{self.project} {self.version} is staged in {self.region} already, {how}. A version cannot be changed: "
            "bump the version",
            status=412,
        )

    async def _check_same(self, there: ObjectInfo) -> None:
        same = await self._is_same(there)
        if same is None:
            raise self._exists_error("and keeps no digest that could be compared")
        if not same:
            raise self._exists_error("with other bytes")

    async def _is_same(self, there: ObjectInfo) -> bool | None:
        """Return whether the artifact there has the same bytes; ``None`` when there is nothing to compare."""
        source = self.source
        if there.size != source.size:
            return False
        if SHA256 in there.metadata:
            return there.metadata[SHA256] == source.sha256
        # What startifact staged. An ETag that differs need not be an MD5 at all stores.
        if there.md5 is not None and there.md5 == await source.digest("md5"):
            return True
        if crc := crc_of(there.checksums):
            algorithm, digest = crc
            return digest == await source.digest(algorithm)
        return None if there.md5 is None else False

"""Staging one version in one region: metadata first, then the artifact, which must not be there yet.

The artifact's appearance is the commit: whoever completes it first has staged the version, everybody else is told so.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import anyio

from lading.errors import Conflict, Forbidden, LadingError
from lading.s3._checksums import crc_of
from lading.s3._errors import VersionExists
from lading.s3._staging.metadata import METADATA, SHA256, SIZE, STAGE, MetadataClaim
from lading.s3._staging.transfer import Transfer, grace_period

if TYPE_CHECKING:
    from lading.s3._interfaces import ObjectInfo, ObjectStore
    from lading.s3._staging.source import Source
    from lading.types import OnProgress

CommitStatus = Literal["created", "already there", "repaired"]

_AGAIN = 5


@dataclass(slots=True)
class Commit:
    """One version on its way into one region.

    Attributes:
        store: The region's bucket.
        project: The project.
        version: The version.
        key: The artifact's key.
        source: Its bytes.
        metadata: The bytes of its metadata; ``None`` when it has none.
        copy_from: Where the store can copy it from by itself: bucket and key in another region. ``None`` once that has
            turned out not to be so.
        on_progress: Told how many bytes have been sent.
        region: The region's name.
        warnings: What went less well than it could have.
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
    warnings: list[str] = field(default_factory=list[str])
    _there: ObjectInfo | None = None
    _looked: bool = False
    _stage: str = field(default_factory=lambda: secrets.token_hex(16))

    async def compare(self) -> bool:
        """Whether the version is there.

        Raises:
            VersionExists: It is, with other bytes.
        """
        self._there, self._looked = await self._head(), True
        if self._there is not None:
            await self._check_same(self._there)
        return self._there is not None

    async def run(self) -> CommitStatus:
        """What became of it.

        Raises:
            VersionExists: The version is there with other bytes, or with other metadata.
        """
        claim = MetadataClaim(self.store, self.key, self.metadata, self.warnings)
        # What was there a moment ago is good enough: what has come since is met when completing.
        there = self._there if self._looked else await self._head()
        if there is not None:
            return await self._accept_existing(there, claim)
        transfer = self._transfer(claim)
        try:
            return await self._try_create(claim, transfer)
        except VersionExists:
            raise
        except (Exception, anyio.get_cancelled_exc_class()):
            await self._clean_up(claim, transfer)
            raise
        finally:
            self.copy_from = transfer.copy_from

    def _transfer(self, claim: MetadataClaim) -> Transfer:
        digest = {SHA256: self.source.sha256, SIZE: str(self.source.size), METADATA: claim.digest}
        return Transfer(
            store=self.store,
            region=self.region,
            key=self.key,
            source=self.source,
            metadata={**digest, STAGE: self._stage},
            copy_from=self.copy_from,
            on_progress=self.on_progress,
            warnings=self.warnings,
        )

    async def _try_create(self, claim: MetadataClaim, transfer: Transfer) -> CommitStatus:
        for _ in range(_AGAIN):
            try:
                await transfer.run(claim.acquire)
            except Conflict as conflict:
                there = await self._head()
                if there is not None and not transfer.is_ours(there):
                    await claim.withdraw(there)
                    return await self._accept_existing(there, claim)
                if there is None and conflict.status == 412:
                    # It is there, and we may not look: then we cannot know whether it is the same.
                    raise self._exists("what is there cannot be compared") from conflict
                if there is None:
                    continue  # 409: somebody else's completion is under way; all parts are sent again
            await claim.confirm()
            return "created"
        raise Conflict(f"s3: {self.key} in {self.region}: other stagers were always in between", service="s3")

    async def _clean_up(self, claim: MetadataClaim, transfer: Transfer) -> None:
        """Have the right metadata beside whatever artifact is there, when we stop in the middle."""
        with grace_period(), suppress(LadingError):
            there = await self.store.head(self.key)
            if there is not None:
                await (claim.confirm() if transfer.is_ours(there) else claim.withdraw(there))

    async def _head(self) -> ObjectInfo | None:
        try:
            return await self.store.head(self.key)
        except Forbidden:
            # Without s3:GetObject one cannot look at what is there, and without s3:ListBucket not see that nothing is.
            self.warnings.append("s3:GetObject and s3:ListBucket are missing: what is staged cannot be looked at")
            return None

    async def _accept_existing(self, there: ObjectInfo, claim: MetadataClaim) -> CommitStatus:
        """What to say of the version that is there."""
        await self._check_same(there)
        return "repaired" if await claim.repair(there) else "already there"

    def _exists(self, how: str) -> VersionExists:
        return VersionExists(
            f"s3: {self.project} {self.version} is staged in {self.region} already, {how}. A version cannot be "
            "changed: raise it",
            service="s3",
            status=412,
        )

    async def _check_same(self, there: ObjectInfo) -> None:
        same = await self._is_same(there)
        if not same:
            raise self._exists("with other bytes" if same is False else "and keeps no digest that could be compared")

    async def _is_same(self, there: ObjectInfo) -> bool | None:
        """Whether what is there is the same; ``None`` where nothing tells."""
        source = self.source
        if there.size != source.size:
            return False
        if SHA256 in there.metadata:
            return there.metadata[SHA256] == source.sha256
        # What startifact staged. A tag that is another need not be an MD5 at all stores.
        if there.md5 is not None and there.md5 == await source.digest("md5"):
            return True
        if crc := crc_of(there.checksums):
            algorithm, digest = crc
            return digest == await source.digest(algorithm)
        return None if there.md5 is None else False

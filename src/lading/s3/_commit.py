"""Staging one version in one region: metadata first, then the artifact, which must not be there yet.

The artifact's appearance is the commit: whoever completes it first has staged the version, everybody else is told so.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import anyio

from lading._core.progress import Total
from lading.errors import ApiError, Conflict, ConnectError, Forbidden, IntegrityError, LadingError, NotFound
from lading.fanout import fan_out
from lading.s3._errors import VersionExists
from lading.s3._metadata import METADATA, Claim
from lading.s3._source import PART

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from lading.s3._ports import ObjectStore, Part, Stored
    from lading.s3._source import Source
    from lading.types import OnProgress

Made = Literal["created", "already there", "repaired"]

_PARTS_AT_ONCE = 8
# One copied part can be 5 GiB; smaller ones are copied side by side.
_COPY_PART = 64 << 20
# Completing and aborting are not given up half-way: a lost upload costs money until somebody finds it.
_GRACE = 60.0
_AGAIN = 5
SHA256, SIZE, STAGE = "lading-sha256", "lading-size", "lading-stage"


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
        copy_from: Where the store can copy it from by itself: bucket and key in another region.
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
    _there: Stored | None = None
    _looked: bool = False
    _stage: str = field(default_factory=lambda: secrets.token_hex(16))

    async def compare(self) -> bool:
        """Whether the version is there.

        Raises:
            VersionExists: It is, with other bytes.
        """
        self._there, self._looked = await self._head(), True
        if self._there is not None and not await self._is_same(self._there):
            raise self._exists("with other bytes")
        return self._there is not None

    async def run(self) -> Made:
        """What became of it.

        Raises:
            VersionExists: The version is there with other bytes, or with other metadata.
        """
        claim = Claim(self.store, self.key, self.metadata, self.warnings)
        # What was there a moment ago is good enough: what has come since is met when completing.
        there = self._there if self._looked else await self._head()
        if there is not None:
            return await self._settled(there, claim)
        try:
            return await self._first(claim)
        except VersionExists:
            raise
        except (Exception, anyio.get_cancelled_exc_class()):
            await self._leave(claim)
            raise

    async def _first(self, claim: Claim) -> Made:
        for _ in range(_AGAIN):
            try:
                await self._once(claim)
            except Conflict as conflict:
                there = await self._head()
                if there is not None and not self._is_ours(there):
                    await claim.withdraw(there)
                    return await self._settled(there, claim)
                if there is None and conflict.status == 412:
                    # It is there, and we may not look: then we cannot know whether it is the same.
                    raise self._exists("what is there cannot be compared") from conflict
                if there is None:
                    continue  # 409: somebody else's completion is under way; all parts are sent again
            await claim.confirm()
            return "created"
        raise Conflict(f"s3: {self.key} in {self.region}: other stagers were always in between", service="s3")

    async def _leave(self, claim: Claim) -> None:
        """Have the right metadata beside whatever artifact is there, when we stop in the middle."""
        with anyio.move_on_after(_GRACE, shield=True), suppress(LadingError):
            there = await self.store.head(self.key)
            if there is not None:
                await (claim.confirm() if self._is_ours(there) else claim.withdraw(there))

    async def _head(self) -> Stored | None:
        try:
            return await self.store.head(self.key)
        except Forbidden:
            # Without s3:GetObject one cannot look at what is there, and without s3:ListBucket not see that nothing is.
            self.warnings.append("s3:GetObject and s3:ListBucket are missing: what is staged cannot be looked at")
            return None

    async def _settled(self, there: Stored, claim: Claim) -> Made:
        """What to say of the version that is there."""
        if not await self._is_same(there):
            raise self._exists("with other bytes")
        return "repaired" if await claim.repair(there) else "already there"

    def _exists(self, how: str) -> VersionExists:
        return VersionExists(
            f"s3: {self.project} {self.version} is staged in {self.region} already, {how}. A version cannot be "
            "changed: raise it",
            service="s3",
            status=412,
        )

    def _is_ours(self, there: Stored) -> bool:
        return there.metadata.get(STAGE) == self._stage

    async def _is_same(self, there: Stored) -> bool:
        source = self.source
        if there.size != source.size:
            return False
        if SHA256 in there.metadata:
            return there.metadata[SHA256] == source.sha256
        if there.md5 is not None and there.md5 == await source.md5():
            return True
        return there.checksums.get(source.algorithm) == source.checked.value

    async def _once(self, claim: Claim) -> None:
        if self.copy_from is not None:
            try:
                await self._in_parts(claim, self._copied)
            except Conflict:
                raise
            except ApiError as error:  # not IntegrityError: then it is there, and spoilt
                self.warnings.append(f"could not be copied there, and was uploaded: {error}")
                self.copy_from = None
            else:
                return
        total = Total(self.on_progress, self.source.size, region=self.region)
        if self.source.size <= PART:
            await claim.make()
            await self._put(claim, total)
        else:
            await self._in_parts(claim, lambda upload: self._uploaded(upload, total))
        total.end()

    async def _put(self, claim: Claim, total: Total) -> None:
        source = self.source
        try:
            await self.store.put(
                self.key, source.whole(), source.checked, self._user_metadata(claim), on_progress=total.of(0)
            )
        except LadingError as error:
            await self._lost(error)

    async def _in_parts(self, claim: Claim, fill: Callable[[str], Awaitable[list[Part]]]) -> None:
        begun: list[str] = []
        try:
            await self._begin(claim, begun)
            parts = await fill(begun[0])
            await claim.make()
            with anyio.CancelScope(shield=True) as scope:
                scope.deadline = anyio.current_time() + _GRACE
                await self._complete(begun[0], parts)
            if scope.cancelled_caught:
                raise self._slow("complete")  # noqa: TRY301 - it aborts, as any other failure does
        except BaseException:
            for upload in begun:
                await self._abort(upload)
            raise

    async def _begin(self, claim: Claim, begun: list[str]) -> None:
        """Put the new upload's name into *begun*, whoever cancels us meanwhile: without its name it would be lost.

        In a task of its own, because asyncio's own cancelling passes a shield.
        """
        failed: list[Exception] = []

        async def create() -> None:
            with anyio.move_on_after(_GRACE, shield=True):
                try:
                    metadata = self._user_metadata(claim)
                    begun.append(await self.store.create_upload(self.key, self.source.algorithm, metadata))
                except Exception as error:  # noqa: BLE001 - raised below, out of the group
                    failed.append(error)

        async with anyio.create_task_group() as group:
            group.start_soon(create)
        if failed:
            raise failed[0]
        if not begun:
            raise self._slow("begin")

    def _slow(self, what: str) -> ConnectError:
        return ConnectError(
            f"s3: {self.region} did not {what} the upload within {_GRACE:g} s", phase="receive", outcome="unknown"
        )

    async def _complete(self, upload: str, parts: list[Part]) -> None:
        source = self.source
        try:
            await self.store.complete(self.key, upload, parts, source.checked, source.size)
        except IntegrityError:
            await self._unmake()
            raise
        except LadingError as error:
            await self._lost(error)

    async def _unmake(self) -> None:
        """Delete what we have just made and is not what it should be: the next one would take it for staged."""
        with anyio.move_on_after(_GRACE, shield=True):
            try:
                there = await self.store.head(self.key)
                if there is not None and there.metadata.get(STAGE) == self._stage:
                    await self.store.delete(self.key)
            except LadingError as error:
                self.warnings.append(f"{self.key} in {self.region} is spoilt, and could not be deleted: {error}")

    async def _lost(self, error: LadingError) -> None:
        """Nothing, when the artifact is there by our hand after all; *error* otherwise."""
        if isinstance(error, (NotFound, Conflict)) or error.outcome == "unknown":
            # A lost answer, or the answer to a second request whose first one did it.
            try:
                there = await self.store.head(self.key)
            except LadingError:
                raise error from None  # one cannot look: what it said counts
            if there is not None and self._is_ours(there):
                return
            if there is None and error.outcome == "unknown":
                error.outcome = "not_done"
        raise error

    async def _abort(self, upload: str) -> None:
        with anyio.move_on_after(_GRACE, shield=True):
            try:
                await self.store.abort(self.key, upload)
            except LadingError as error:
                self.warnings.append(f"an upload of {self.key} was left over in {self.region}: {error}")

    async def _uploaded(self, upload: str, total: Total) -> list[Part]:
        async def send(number: int) -> Part:
            body, checked = self.source.part(number)
            return await self.store.upload_part(self.key, upload, number, body, checked, on_progress=total.of(number))

        return await _all(send, range(1, self.source.parts + 1))

    async def _copied(self, upload: str) -> list[Part]:
        assert self.copy_from is not None  # noqa: S101 - else nobody copies
        source, size = self.copy_from, self.source.size
        length = max(_COPY_PART, self.source.part_size)
        count = max(1, -(-size // length))

        async def copy(number: int) -> Part:
            first = (number - 1) * length
            # A small object is copied as it is: an empty one has no first byte.
            span = None if count == 1 else (first, min(first + length, size) - 1)
            return await self.store.copy_part(self.key, upload, number, source, span)

        return await _all(copy, range(1, count + 1))

    def _user_metadata(self, claim: Claim) -> Mapping[str, str]:
        source = self.source
        size, digest = str(source.size), claim.digest
        return {SHA256: source.sha256, SIZE: size, STAGE: self._stage, METADATA: digest}


async def _all(work: Callable[[int], Awaitable[Part]], numbers: range) -> list[Part]:
    async with fan_out(work, numbers, limit=_PARTS_AT_ONCE) as outcomes:
        parts = [outcome.value async for outcome in outcomes]
    return sorted(parts, key=lambda part: part.number)

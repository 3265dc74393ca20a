"""How an artifact's bytes get into a region: in one request, in parts, or copied by the store itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from lading._core.progress import CombinedProgress
from lading.errors import ApiError, Conflict, IntegrityError, LadingError, NetworkError, NotFound
from lading.fanout import fan_out
from lading.s3._staging.metadata import STAGE
from lading.s3._staging.source import PART

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from lading.s3._interfaces import ObjectInfo, ObjectStore, Part
    from lading.s3._staging.source import Source
    from lading.types import OnProgress

    OnReady = Callable[[], Awaitable[None]]

_PARTS_AT_ONCE = 8
# One copied part can be 5 GiB; smaller ones are copied side by side.
_COPY_PART = 64 << 20
# Completing and aborting are not given up half-way: a lost upload costs money until somebody finds it.
_GRACE = 60.0


def grace_period() -> anyio.CancelScope:
    """A scope for what must be done even when we are cancelled, though not for ever."""
    return anyio.move_on_after(_GRACE, shield=True)


@dataclass(slots=True)
class Transfer:
    """One artifact on its way into one region, under the condition that nothing is there.

    Attributes:
        store: The region's bucket.
        region: The region's name.
        key: The artifact's key.
        source: Its bytes.
        metadata: What it says of itself.
        copy_from: Where the store can copy it from by itself: bucket and key in another region. ``None`` once that has
            turned out not to be so.
        on_progress: Told how many bytes have been sent.
        warnings: What went less well than it could have.
    """

    store: ObjectStore
    region: str
    key: str
    source: Source
    metadata: Mapping[str, str]
    copy_from: tuple[str, str] | None = None
    on_progress: OnProgress | None = None
    warnings: list[str] = field(default_factory=list[str])

    def is_ours(self, there: ObjectInfo) -> bool:
        """Whether what is there is what this transfer, and no other, has put there."""
        return there.metadata.get(STAGE) == self.metadata[STAGE]

    async def run(self, ready: OnReady) -> None:
        """Have it there. A second time, all is sent anew.

        Args:
            ready: Awaited when it is about to appear.

        Raises:
            Conflict: Something is there (412), or somebody else's completion is under way (409).
        """
        if self.copy_from is not None:
            try:
                await self._in_parts(ready, self._copy_parts)
            except Conflict:
                raise
            except ApiError as error:  # not IntegrityError: then it is there, and spoilt
                self.warnings.append(f"could not be copied there, and was uploaded: {error}")
                self.copy_from = None
            else:
                return
        total = CombinedProgress(self.on_progress, self.source.size, region=self.region)
        if self.source.size <= PART:
            await ready()
            await self._put(total)
        else:
            await self._in_parts(ready, lambda upload: self._upload_parts(upload, total))
        total.end()

    async def _put(self, total: CombinedProgress) -> None:
        source = self.source
        try:
            await self.store.put(self.key, source.whole(), source.checked, self.metadata, on_progress=total.child(0))
        except LadingError as error:
            await self._confirm_or_raise(error)

    async def _in_parts(self, ready: OnReady, fill: Callable[[str], Awaitable[list[Part]]]) -> None:
        begun: list[str] = []
        try:
            await self._begin(begun)
            parts = await fill(begun[0])
            await ready()
            with grace_period() as scope:
                await self._complete(begun[0], parts)
            if scope.cancelled_caught:
                raise self._timeout_error("complete")  # noqa: TRY301 - it aborts, as any other failure does
        except BaseException:
            for upload in begun:
                await self._abort(upload)
            raise

    async def _begin(self, begun: list[str]) -> None:
        """Put the new upload's name into *begun*, whoever cancels us meanwhile: without its name it would be lost.

        In a task of its own, because asyncio's own cancelling passes a shield.
        """
        failed: list[Exception] = []

        async def create() -> None:
            with grace_period():
                try:
                    begun.append(await self.store.create_upload(self.key, self.source.algorithm, self.metadata))
                except Exception as error:  # noqa: BLE001 - raised below, out of the group
                    failed.append(error)

        async with anyio.create_task_group() as group:
            group.start_soon(create)
        if failed:
            raise failed[0]
        if not begun:
            raise self._timeout_error("begin")

    def _timeout_error(self, what: str) -> NetworkError:
        return NetworkError(
            f"s3: {self.region} did not {what} the upload within {_GRACE:g} s", phase="receive", outcome="unknown"
        )

    async def _complete(self, upload: str, parts: list[Part]) -> None:
        source = self.source
        try:
            await self.store.complete(self.key, upload, parts, source.checked, source.size)
        except IntegrityError:
            await self._delete_corrupt()
            raise
        except LadingError as error:
            await self._confirm_or_raise(error)

    async def _delete_corrupt(self) -> None:
        """Delete what we have just made and is not what it should be: the next one would take it for staged."""
        with grace_period():
            try:
                there = await self.store.head(self.key)
                if there is not None and self.is_ours(there):
                    await self.store.delete(self.key)
            except LadingError as error:
                self.warnings.append(f"{self.key} in {self.region} is spoilt, and could not be deleted: {error}")

    async def _confirm_or_raise(self, error: LadingError) -> None:
        """Nothing, when the artifact is there by our hand after all; *error* otherwise."""
        if isinstance(error, (NotFound, Conflict)) or error.outcome == "unknown":
            # A lost answer, or the answer to a second request whose first one did it.
            try:
                there = await self.store.head(self.key)
            except LadingError:
                raise error from None  # one cannot look: what it said counts
            if there is not None and self.is_ours(there):
                return
            if there is None and error.outcome == "unknown":
                error.outcome = "not_done"
        raise error

    async def _abort(self, upload: str) -> None:
        with grace_period():
            try:
                await self.store.abort(self.key, upload)
            except LadingError as error:
                self.warnings.append(f"an upload of {self.key} was left over in {self.region}: {error}")

    async def _upload_parts(self, upload: str, total: CombinedProgress) -> list[Part]:
        async def send(number: int) -> Part:
            body, checked = self.source.part(number)
            return await self.store.upload_part(
                self.key, upload, number, body, checked, on_progress=total.child(number)
            )

        return await _run_parts(send, range(1, self.source.parts + 1))

    async def _copy_parts(self, upload: str) -> list[Part]:
        assert self.copy_from is not None  # noqa: S101 - else nobody copies
        source, size = self.copy_from, self.source.size
        length = max(_COPY_PART, self.source.part_size)
        count = max(1, -(-size // length))

        async def copy(number: int) -> Part:
            first = (number - 1) * length
            # A small object is copied as it is: an empty one has no first byte.
            span = None if count == 1 else (first, min(first + length, size) - 1)
            return await self.store.copy_part(self.key, upload, number, source, span)

        return await _run_parts(copy, range(1, count + 1))


async def _run_parts(work: Callable[[int], Awaitable[Part]], numbers: range) -> list[Part]:
    async with fan_out(work, numbers, limit=_PARTS_AT_ONCE) as outcomes:
        parts = [outcome.value async for outcome in outcomes]
    return sorted(parts, key=lambda part: part.number)

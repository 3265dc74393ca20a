"""Transfer of an artifact's bytes into a region: in one request, in parts, or copied by the store."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import anyio

from lading._core.progress import CombinedProgress
from lading._core.reports import logger
from lading._core.unretried import unwrap
from lading.errors import (
    ApiError,
    ConfigError,
    Conflict,
    IntegrityError,
    InvalidResponse,
    LadingError,
    NetworkError,
    NotFound,
)
from lading.fanout import fan_out
from lading.s3._layout import STAGE
from lading.s3._staging.source import PART

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from lading.s3._interfaces import ObjectInfo, ObjectStore, Part
    from lading.s3._staging.source import Source
    from lading.types import OnProgress

    OnReady = Callable[[], Awaitable[None]]

_CONCURRENT_PARTS = 8
# One copied part can be 5 GiB; smaller ones are copied concurrently.
_COPY_PART = 64 << 20
# Completing and aborting are not cancelled half-way: a lost upload costs money until it is found.
_GRACE = 60.0


class CleanUpScopes:
    """Scopes for what must be done even after a cancellation, though not without a limit."""

    def __init__(self) -> None:
        self._open: list[anyio.CancelScope] = []
        self._closed = False

    def open(self) -> anyio.CancelScope:
        """Return a new scope."""
        scope = anyio.move_on_after(_GRACE, shield=True)
        self._open.append(scope)
        if self._closed:
            scope.cancel()
        return scope

    def close(self) -> None:
        """End what is done in them, and what would be."""
        self._closed = True
        for scope in self._open:
            scope.cancel()


@dataclass(frozen=True, slots=True)
class TransferResult:
    """The result of a transfer.

    Attributes:
        copied: Whether the store copied the artifact; else it was uploaded.
        sent: Bytes that were uploaded.
        warnings: Problems that did not make it fail.
    """

    copied: bool = False
    sent: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class Transfer:
    """The transfer of one artifact into one region, on the condition that no object is there.

    Attributes:
        store: The region's bucket.
        region: The region's name.
        key: The artifact's key.
        source: Its bytes.
        metadata: Its user metadata.
        copy_from: Bucket and key in another region, for the store to copy from; ``None`` to upload.
        on_progress: Called with how many bytes have been sent.
        clean_up_scopes: Bound what is done after a cancellation.
        result: The result so far, also after a failure.
        may_exist: Whether it may have created the artifact, as far as is known.
    """

    store: ObjectStore
    region: str
    key: str
    source: Source
    metadata: Mapping[str, str]
    copy_from: tuple[str, str] | None = None
    on_progress: OnProgress | None = None
    clean_up_scopes: CleanUpScopes = field(default_factory=CleanUpScopes)
    result: TransferResult = field(default_factory=TransferResult, init=False)
    may_exist: bool = field(default=False, init=False)
    _upload_id: str = field(default="", init=False)

    def is_ours(self, there: ObjectInfo) -> bool:
        """Return whether this transfer, and no other, has written the object."""
        return there.metadata.get(STAGE) == self.metadata[STAGE]

    async def run(self, ready: OnReady) -> TransferResult:
        """Transfer the artifact and return the result; called again, it sends everything again.

        Args:
            ready: Awaited right before the artifact appears.

        Raises:
            Conflict: An object is there (412), or another stager's completion is under way (409).
            LadingError: Its outcome is that of the artifact: "not_done" before the request by which it appears.
        """
        try:
            if self.copy_from is not None and await self._try_copy(ready, self.copy_from):
                return self.result
            await unwrap(self._upload(ready))  # the last progress is reported outside any call
        except LadingError as error:
            if not self.may_exist:
                error.outcome = "not_done"
            raise
        finally:
            for text in self.store.warnings:
                self._warn(text)
        self.result = replace(self.result, sent=self.source.size)
        return self.result

    async def _try_copy(self, ready: OnReady, source: tuple[str, str]) -> bool:
        """Return whether the store could copy the artifact; if not, it is not tried again."""
        self.result = replace(self.result, copied=True)
        try:
            await self._in_parts(ready, lambda: self._copy_parts(source))
        except Conflict:
            raise
        # Not IntegrityError: then the artifact is there, and corrupt.
        except (ApiError, ConfigError, InvalidResponse) as error:
            self.copy_from, self.result = None, replace(self.result, copied=False)
            self._warn(f"could not be copied there, and was uploaded: {error}")
            return False
        return True

    async def _upload(self, ready: OnReady) -> None:
        total = CombinedProgress(self.on_progress, self.source.size, region=self.region)
        if self.source.size <= PART:
            await ready()
            await self._put(total)
        else:
            await self._in_parts(ready, lambda: self._upload_parts(total))
        total.end()

    async def _put(self, total: CombinedProgress) -> None:
        source, self.may_exist = self.source, True
        try:
            await self.store.put(self.key, source.body(), source.checksum, self.metadata, on_progress=total.child(0))
        except IntegrityError:
            await self._delete_corrupt()
            raise
        except LadingError as error:
            await self._confirm_or_raise(error)

    async def _in_parts(self, ready: OnReady, fill: Callable[[], Awaitable[list[Part]]]) -> None:
        self._upload_id = ""
        try:
            await self._initiate()
            parts = await fill()
            await ready()
            with self.clean_up_scopes.open() as scope:
                await self._complete(parts)
            if scope.cancelled_caught:
                raise self._timeout_error("complete")  # noqa: TRY301 - it aborts, as any other failure does
        except BaseException:
            if self._upload_id:
                await self._abort()
            raise

    async def _initiate(self) -> None:
        """Initiate an upload and keep its identifier, even when cancelled: without it the upload would be lost.

        It runs in a task of its own, because asyncio's own cancellation passes a shield.
        """
        failed: list[Exception] = []

        async def create() -> None:
            with self.clean_up_scopes.open():
                try:
                    self._upload_id = await self.store.create_upload(
                        self.key, self.source.algorithm, self.metadata, on_lost=self._warn_lost
                    )
                except Exception as error:  # noqa: BLE001 - raised below, outside the group
                    failed.append(error)

        async with anyio.create_task_group() as group:
            group.start_soon(create)
        if failed:
            if isinstance(failed[0], LadingError) and failed[0].outcome == "unknown":
                self._warn_lost()
            raise failed[0]
        if not self._upload_id:
            self._warn_lost()
            raise self._timeout_error("begin")

    def _warn_lost(self) -> None:
        """Say that an upload may have been initiated whose identifier is not known: it cannot be aborted."""
        text = (
            f"the response to CreateMultipartUpload of {self.key} in {self.store.bucket} ({self.region}) was lost: an "
            "empty upload may be left over; abort_stale_uploads finds it"
        )
        if text not in self.result.warnings:
            logger.warning("s3: %s", text)
            self._warn(text)

    def _timeout_error(self, what: str) -> NetworkError:
        return NetworkError(
            f"s3: {self.region} did not {what} the upload within {_GRACE:g} s", phase="receive", outcome="unknown"
        )

    async def _complete(self, parts: list[Part]) -> None:
        source, self.may_exist = self.source, True
        try:
            await self.store.complete(self.key, self._upload_id, parts, source.checksum, source.size)
        except IntegrityError:
            await self._delete_corrupt()
            raise
        except LadingError as error:
            await self._confirm_or_raise(error)

    async def _delete_corrupt(self) -> None:
        """Delete the corrupt artifact that this transfer has created: others would take it for staged."""
        with self.clean_up_scopes.open():
            try:
                there = await self.store.head(self.key)
                if there is not None and self.is_ours(there):
                    await self.store.delete(self.key, if_match=there.etag)
                self.may_exist = False
            except LadingError as error:
                self._warn(f"{self.key} in {self.region} is corrupt, and could not be deleted: {error}")

    async def _confirm_or_raise(self, error: LadingError) -> None:
        """Raise *error*, unless this transfer has created the artifact after all."""
        if isinstance(error, (NotFound, Conflict)) or error.outcome == "unknown":
            # A lost response, or the response to a second request when the first one had succeeded.
            try:
                there = await self.store.head(self.key)
            except LadingError:
                self.may_exist = error.outcome == "unknown"
                raise error from None  # it cannot be checked: the first error stands
            if there is not None and self.is_ours(there):
                return
            error.outcome = "not_done"
        self.may_exist = False
        raise error

    async def _abort(self) -> None:
        with self.clean_up_scopes.open() as scope:
            try:
                await self.store.abort(self.key, self._upload_id)
            except LadingError as error:
                self._warn_not_aborted(str(error))
                return
        if scope.cancelled_caught:
            self._warn_not_aborted("it did not respond in time")

    def _warn_not_aborted(self, why: str) -> None:
        self._warn(f"an upload of {self.key} was left over in {self.region}: {why}")

    async def _upload_parts(self, total: CombinedProgress) -> list[Part]:
        async def send(number: int) -> Part:
            body, checksum = self.source.part(number)
            return await self.store.upload_part(
                self.key, self._upload_id, number, body, checksum, on_progress=total.child(number)
            )

        return await _run_parts(send, range(1, self.source.parts + 1))

    async def _copy_parts(self, source: tuple[str, str]) -> list[Part]:
        size = self.source.size
        length = max(_COPY_PART, self.source.part_size)
        count = max(1, -(-size // length))

        async def copy(number: int) -> Part:
            first = (number - 1) * length
            # One part is copied without a range: an empty object has no first byte.
            span = None if count == 1 else (first, min(first + length, size) - 1)
            return await self.store.copy_part(self.key, self._upload_id, number, source, span)

        return await _run_parts(copy, range(1, count + 1))

    def _warn(self, text: str) -> None:
        if text not in self.result.warnings:
            self.result = replace(self.result, warnings=(*self.result.warnings, text))


async def _run_parts(work: Callable[[int], Awaitable[Part]], numbers: range) -> list[Part]:
    async with fan_out(work, numbers, limit=_CONCURRENT_PARTS) as outcomes:
        parts = [outcome.value async for outcome in outcomes]
    return sorted(parts, key=lambda part: part.number)

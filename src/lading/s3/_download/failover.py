"""Reading an artifact from whichever region responds."""

from __future__ import annotations

import hashlib
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import anyio

from lading._core.download import Expected
from lading.errors import NetworkError
from lading.s3._checksums import CrcHasher, crc_of
from lading.s3._layout import SHA256

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from lading._core.call import Call
    from lading._core.messages import ResponseStream
    from lading._core.sender import Sender
    from lading._core.service import Service
    from lading.s3._interfaces import ObjectInfo, ObjectStore

# Seconds without a response after which the next region is requested, too.
HEDGE = 0.5

T = TypeVar("T")


def expected_of(stored: ObjectInfo) -> Expected:
    """Return the size of an object, and the best digest that its store keeps."""
    if digest := stored.metadata.get(SHA256):
        return Expected(stored.size, {"sha256": digest}, {"sha256": hashlib.sha256})
    # What startifact staged: a checksum since boto3 1.36, and one request, so that the ETag may be an MD5.
    if crc := crc_of(stored.checksums):
        algorithm, digest = crc
        return Expected(stored.size, {algorithm: digest}, {algorithm: lambda: CrcHasher(algorithm)})
    if stored.md5:
        return Expected(stored.size, {"md5": stored.md5}, {"md5": lambda: hashlib.md5(usedforsecurity=False)})
    return Expected(stored.size)


@dataclass(frozen=True, slots=True)
class RegionCopy:
    """The artifact in one region.

    Attributes:
        store: The region's bucket.
        key: The key in it.
        etag: The object's ETag.
    """

    store: ObjectStore
    key: str
    etag: str


class RegionFailover:
    """Opens an artifact; after an interruption, in another region.

    Every request says which object it means (``If-Match``). For a download that resumes, all regions are one file with
    one ETag, provided that a digest shows in the end that they were.

    Args:
        copies: The artifact in each region, best first.
        sender: Its retry rule holds.
        same: Whether a digest says that all copies have the same bytes; else only the first is used.

    Attributes:
        service: What errors call the store.
    """

    def __init__(self, copies: Sequence[RegionCopy], sender: Sender, *, same: bool) -> None:
        self._copies = list(copies) if same else list(copies)[:1]
        self._next = 0
        self.service: Service = sender.service
        self._sender = sender

    async def retrying(self, step: Callable[[int], Awaitable[T]]) -> T:
        """Run ``step(number)`` under the sender's retry rule, and return what it returns."""
        return await self._sender.retrying(step)

    @asynccontextmanager
    async def stream(self, call: Call[Any], *, attempt: int | None = None) -> AsyncIterator[ResponseStream]:
        """Open the response of the first region that responds, as a sender does.

        Args:
            call: Its ``Range`` header and ``allow_statuses`` hold; the object is that of each region's copy.
            attempt: Make a single attempt, with this number; ``None`` to retry until the head of a response has
                arrived.
        """

        async def open_first(number: int) -> _OpenedCopy:
            return await _HedgedOpen(self._ordered(), call.headers.get("Range"), number, call.allow_statuses).run()

        opened = await (self.retrying(open_first) if attempt is None else open_first(attempt))
        try:
            yield _UnifiedResponse(opened.response, opened.copy, many=len(self._copies) > 1)
        except NetworkError:
            self.prefer_next()
            raise
        finally:
            with anyio.CancelScope(shield=True):
                await opened.response.aclose()

    def prefer_next(self) -> None:
        """Request another region first from now on."""
        self._next += 1

    def _ordered(self) -> list[RegionCopy]:
        first = self._next % len(self._copies)
        return self._copies[first:] + self._copies[:first]


@dataclass(frozen=True, slots=True)
class _OpenedCopy:
    copy: RegionCopy
    response: ResponseStream


class _HedgedOpen:
    """Hedged requests: one region, and the next when that fails or is slow; the first response wins."""

    def __init__(
        self, copies: list[RegionCopy], byte_range: str | None, attempt: int, allow_statuses: frozenset[int]
    ) -> None:
        self._copies = copies
        self._byte_range = byte_range
        self._attempt = attempt
        self._allow_statuses = allow_statuses
        self._won: _OpenedCopy | None = None
        self._errors: list[Exception] = []
        self._changed = anyio.Event()

    async def run(self) -> _OpenedCopy:
        """Return the first response; raise the first error when there is none."""
        try:
            await self._race()
        except BaseException:
            if self._won is not None:  # nobody will close it now
                with anyio.CancelScope(shield=True):
                    await self._won.response.aclose()
            raise
        if self._won is None:
            raise self._errors[0]
        return self._won

    async def _race(self) -> None:
        async with anyio.create_task_group() as group:
            for copy in self._copies:
                group.start_soon(self._open, copy)
                with anyio.move_on_after(HEDGE):
                    await self._wait()
                if self._won is not None:
                    break
            while self._won is None and len(self._errors) < len(self._copies):
                await self._wait()
            group.cancel_scope.cancel()

    async def _wait(self) -> None:
        """Wait for the next response or error."""
        await self._changed.wait()
        self._changed = anyio.Event()

    async def _open(self, copy: RegionCopy) -> None:
        try:
            response = await copy.store.stream(
                copy.key,
                if_match=copy.etag,
                byte_range=self._byte_range,
                attempt=self._attempt,
                allow_statuses=self._allow_statuses,
            )
        except Exception as error:  # noqa: BLE001 - raised by run(), when no region responds
            self._errors.append(error)
        else:
            if self._won is not None:
                with anyio.CancelScope(shield=True):
                    await response.aclose()
            else:
                self._won = _OpenedCopy(copy, response)
        self._changed.set()


class _UnifiedResponse:
    """A response whose ETag is the same in every region, for the one file that all of them have."""

    def __init__(self, response: ResponseStream, copy: RegionCopy, *, many: bool) -> None:
        self._response = response
        self.status: int = response.status
        self.url: str = response.url
        self.reason: str = response.reason
        self.request_sent: bool = response.request_sent
        self.headers: Mapping[str, str] = {**response.headers, "etag": '"same"' if many else copy.etag}

    async def read(self, limit: int) -> bytes:
        """Read the complete body."""
        return await self._response.read(limit)

    async def read_into(self, buffer: memoryview) -> int:
        """Put bytes of the body into *buffer* and return how many."""
        return await self._response.read_into(buffer)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._response.__aiter__()

    async def aclose(self) -> None:
        """Release the connection."""
        await self._response.aclose()

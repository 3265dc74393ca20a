"""Reading an artifact from whichever region responds."""

from __future__ import annotations

import hashlib
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

import anyio

from lading._core.download import Expected
from lading.errors import NetworkError, RequestTimeout
from lading.s3._checksums import CrcHasher, crc_of
from lading.s3._hedge import Hedge
from lading.s3._layout import SHA256

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from lading._core.call import Call
    from lading._core.messages import ResponseStream
    from lading._core.sender import Sender
    from lading._core.service import Service
    from lading.s3._interfaces import ObjectInfo, ObjectStore

# Seconds without a byte after which a response is continued in another region.
STALL = 1.5

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
        self._stalled: set[str] = set()
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

        async def open_copy(copy: RegionCopy, number: int) -> _OpenedCopy:
            response = await copy.store.stream(
                copy.key,
                if_match=copy.etag,
                byte_range=call.headers.get("Range"),
                attempt=number,
                allow_statuses=call.allow_statuses,
            )
            return _OpenedCopy(copy, response)

        async def open_first(number: int) -> _OpenedCopy:
            settings = self._sender.settings
            return await Hedge(lambda copy: open_copy(copy, number), self._ordered(), settings, _close).run()

        opened = await (self.retrying(open_first) if attempt is None else open_first(attempt))
        try:
            yield _UnifiedResponse(opened, self._on_stall(opened.copy), many=len(self._copies) > 1)
        except NetworkError:
            self.prefer_next()
            raise
        finally:
            with anyio.CancelScope(shield=True):
                await opened.response.aclose()

    def _on_stall(self, copy: RegionCopy) -> Callable[[], None] | None:
        """Return what notes that the region has stalled; ``None`` when there is no other to continue in."""
        # Each region once: when all are slow, it is not the regions, and the client's own timeouts hold.
        if copy.store.bucket in self._stalled or len(self._copies) == 1 or self._sender.settings.retry.attempts == 1:
            return None
        return lambda: self._stalled.add(copy.store.bucket)

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


async def _close(opened: _OpenedCopy) -> None:
    await opened.response.aclose()


class _UnifiedResponse:
    """A response whose ETag is the same in every region, for the one file that all of them have.

    Args:
        opened: The response of one region.
        stalled: Called when the region has sent nothing for ``STALL`` seconds, and another can continue; ``None`` when
            none can.
        many: Whether there are other regions.
    """

    def __init__(self, opened: _OpenedCopy, stalled: Callable[[], None] | None, *, many: bool) -> None:
        response, copy = opened.response, opened.copy
        self._response = response
        self._stalled = stalled
        self._limit = None if stalled is None else STALL
        self._pieces: AsyncIterator[bytes] | None = None
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
        with anyio.move_on_after(self._limit):
            return await self._response.read_into(buffer)
        raise self._stall_error()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._pieces is None:
            self._pieces = aiter(self._response)
        with anyio.move_on_after(self._limit):
            return await anext(self._pieces)
        raise self._stall_error()

    def _stall_error(self) -> RequestTimeout:
        if self._stalled is not None:
            self._stalled()
        return RequestTimeout(f"s3: nothing arrived within {STALL:g} s", phase="receive", request_sent=True)

    async def aclose(self) -> None:
        """Release the connection."""
        await self._response.aclose()

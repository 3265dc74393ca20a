"""Reading an artifact from whichever region answers."""

from __future__ import annotations

import hashlib
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import anyio

from lading.errors import NetworkError
from lading.s3._checksums import CrcHasher, crc_of
from lading.s3._staging.metadata import SHA256

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from lading._core.call import Call
    from lading._core.messages import ResponseStream
    from lading._core.service import Service
    from lading._core.settings import ClientSettings
    from lading.s3._aws.bucket import S3Bucket
    from lading.s3._interfaces import ObjectInfo

# A region that has not begun to answer by then is raced against the next.
HEDGE = 0.5


@dataclass(frozen=True, slots=True)
class Promised:
    """What the bytes must turn out to be.

    Attributes:
        digests: Hex digests by name.
        hashers: A maker of a hasher for each of those names.
    """

    digests: Mapping[str, str] = field(default_factory=dict[str, str])
    hashers: Mapping[str, Callable[[], Any]] = field(default_factory=dict[str, "Callable[[], Any]"])


def expected_of(stored: ObjectInfo) -> Promised:
    """The best digest that a store keeps of an object."""
    if digest := stored.metadata.get(SHA256):
        return Promised({"sha256": digest}, {"sha256": hashlib.sha256})
    # What startifact staged: a checksum since boto3 1.36, and one request, so that the tag may be an MD5.
    if crc := crc_of(stored.checksums):
        algorithm, digest = crc
        return Promised({algorithm: digest}, {algorithm: lambda: CrcHasher(algorithm)})
    if stored.md5:
        return Promised({"md5": stored.md5}, {"md5": lambda: hashlib.md5(usedforsecurity=False)})
    return Promised()


@dataclass(frozen=True, slots=True)
class RegionCopy:
    """The artifact in one region.

    Attributes:
        bucket: The region's bucket.
        key: The key in it.
        etag: The object's tag.
    """

    bucket: S3Bucket
    key: str
    etag: str


class RegionFailover:
    """Opens an artifact, attempt by attempt from another region; for :func:`lading._core.download.download`.

    Every request says which object it means (``If-Match``). To who resumes a download all regions are one file, with
    one tag, provided that a digest tells in the end that they were.

    Attributes:
        service: What errors call the store.
        settings: How long to go on.
    """

    def __init__(self, copies: Sequence[RegionCopy], *, same: bool) -> None:
        self._copies = list(copies) if same else list(copies)[:1]
        self._next = 0
        sender = self._copies[0].bucket.sender
        self.service: Service = sender.service
        self.settings: ClientSettings = sender.settings
        self.retrying = sender.retrying

    @property
    def url(self) -> str:
        """One address of it."""
        return self._copies[0].bucket.url(self._copies[0].key)

    @asynccontextmanager
    async def stream(self, call: Call[Any], *, attempt: int) -> AsyncIterator[ResponseStream]:
        """The answer of the region that is the first to begin one."""
        begun = await _HedgedOpen(self._ordered(), call, attempt).run()
        try:
            yield _UnifiedResponse(begun.incoming, begun.copy, len(self._copies) > 1)
        except NetworkError:
            self.go_elsewhere()
            raise
        finally:
            with anyio.CancelScope(shield=True):
                await begun.incoming.aclose()

    def go_elsewhere(self) -> None:
        """Ask another region first from now on."""
        self._next += 1

    def _ordered(self) -> list[RegionCopy]:
        first = self._next % len(self._copies)
        return self._copies[first:] + self._copies[:first]


@dataclass(frozen=True, slots=True)
class _OpenedCopy:
    copy: RegionCopy
    incoming: ResponseStream


class _HedgedOpen:
    """Asks one region, and the next when that fails or takes its time; the first answer counts."""

    def __init__(self, copies: list[RegionCopy], call: Call[Any], attempt: int) -> None:
        self._copies = copies
        self._call = call
        self._attempt = attempt
        self._won: _OpenedCopy | None = None
        self._errors: list[Exception] = []
        self._news = anyio.Event()

    async def run(self) -> _OpenedCopy:
        """The winner; the first error when there is none."""
        try:
            await self._race()
        except BaseException:
            if self._won is not None:  # and nobody will take it now
                with anyio.CancelScope(shield=True):
                    await self._won.incoming.aclose()
            raise
        if self._won is None:
            raise self._errors[0]
        return self._won

    async def _race(self) -> None:
        async with anyio.create_task_group() as group:
            for copy in self._copies:
                group.start_soon(self._begin, copy)
                with anyio.move_on_after(HEDGE):
                    await self._something()
                if self._won is not None:
                    break
            while self._won is None and len(self._errors) < len(self._copies):
                await self._something()
            group.cancel_scope.cancel()

    async def _something(self) -> None:
        await self._news.wait()
        self._news = anyio.Event()

    async def _begin(self, copy: RegionCopy) -> None:
        headers = {n: v for n, v in self._call.headers.items() if n != "If-Range"}
        call = replace(self._call, headers={**headers, "Accept": "*/*", "If-Match": copy.etag})
        try:
            incoming = await copy.bucket.stream(call, copy.key, self._attempt)
        except Exception as error:  # noqa: BLE001 - raised by run(), when nobody else is better
            self._errors.append(error)
        else:
            if self._won is not None:
                with anyio.CancelScope(shield=True):
                    await incoming.aclose()
            else:
                self._won = _OpenedCopy(copy, incoming)
        self._news.set()


class _UnifiedResponse:
    """An answer whose tag is the same in every region, for the one file that all of them have."""

    def __init__(self, incoming: ResponseStream, copy: RegionCopy, many: bool) -> None:
        self._incoming = incoming
        self.status: int = incoming.status
        self.url: str = incoming.url
        self.reason: str = incoming.reason
        self.request_sent: bool = incoming.request_sent
        self.headers: Mapping[str, str] = {**incoming.headers, "etag": '"same"' if many else copy.etag}

    async def read(self, limit: int) -> bytes:
        """The whole body."""
        return await self._incoming.read(limit)

    async def read_into(self, buffer: memoryview) -> int:
        """How many bytes were put into *buffer*."""
        return await self._incoming.read_into(buffer)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._incoming.__aiter__()

    async def aclose(self) -> None:
        """Give the connection back, or end it."""
        await self._incoming.aclose()

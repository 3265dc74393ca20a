"""Regions in memory: a bucket that keeps conditions, checksums and uploads as S3 does, and parameters as SSM does.

What goes wrong, and who acts in between, is said by rules: :meth:`FaultyStore.fail` has an operation fail before or after
it was done, :meth:`FaultyStore.before` and :meth:`FaultyStore.after` have somebody else act. Every operation waits at
:attr:`FaultyStore.turn` before it is done and again before its response arrives, so that a test can put several stagers in
any order, or cancel one anywhere.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar

from anyio import sleep_forever
from anyio.lowlevel import checkpoint

from lading._core.settings import ClientSettings
from lading.errors import BadRequest, Conflict, Forbidden, LadingError, NetworkError, NotFound, ServerError
from lading.s3._checksums import crc_function, encode_crc
from lading.s3._interfaces import Checksum, MultipartUpload, ObjectInfo, Part
from lading.s3._layout import Configuration
from lading.s3._regions import Regions
from lading.s3._staging.source import Source, SourceDigests
from tests.support.bodies import whole

if TYPE_CHECKING:
    from lading._core.body import Body
    from lading._core.messages import ResponseStream
    from lading._core.sender import Sender
    from lading.types import OnProgress
    from tests.support.virtual_clock import VirtualClock

T = TypeVar("T")
Act = Callable[[], Any]


def forbidden(what: str = "") -> Forbidden:
    """403."""
    return Forbidden(f"s3: {what} is not allowed (HTTP 403)", service="s3", status=403)


def conflict(status: int = 412) -> Conflict:
    """412: the condition does not hold; 409: somebody else is writing just now."""
    return Conflict(f"s3: conflict (HTTP {status})", service="s3", status=status)


def lost() -> NetworkError:
    """A response that never arrived."""
    return NetworkError("s3: the connection was lost", phase="receive", outcome="unknown")


def broken() -> ServerError:
    """500, with nothing done."""
    return ServerError("s3: internal error (HTTP 500)", service="s3", status=500)


def _missing(what: str) -> NotFound:
    return NotFound(f"s3: no {what} (HTTP 404)", service="s3", status=404)


@dataclass
class _Rule:
    operation: str
    act: Act
    done: bool
    times: int
    key: str | None

    def fits(self, operation: str, key: str, *, done: bool) -> bool:
        return self.times > 0 and self.done is done and self.operation == operation and self.key in (None, key)


class FaultyStore:
    """Faults and interference around operations.

    Attributes:
        calls: Every operation that was begun, with its key.
        denied: Operations that nobody is allowed.
        turn: Awaited before an operation is done.
        responding: Awaited when it is done, before its response arrives.
        history: Called with every operation and its result.
        silent: Operations that get no response; ``"*"`` is every one.
        done_silently: Whether they are carried out all the same.
        clock: Is told that something happens.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.denied: set[str] = set()
        self.turn: Callable[[str], Awaitable[None]] = _checkpoint
        self.responding: Callable[[str], Awaitable[None]] = _checkpoint
        self.history: Callable[[str, str, Any], None] = lambda *_: None
        self.silent: set[str] = set()
        self.done_silently = False
        self.clock: VirtualClock | None = None
        self._rules: list[_Rule] = []

    def before(self, operation: str, act: Act, *, times: int = 1, key: str | None = None) -> None:
        """Have *act* called right before the next *operation* is done; what it raises is the response."""
        self._rules.append(_Rule(operation, act, done=False, times=times, key=key))

    def after(self, operation: str, act: Act, *, times: int = 1, key: str | None = None) -> None:
        """Have *act* called right after the next *operation* was done; what it raises is the response."""
        self._rules.append(_Rule(operation, act, done=True, times=times, key=key))

    def fail(
        self,
        operation: str,
        error: Callable[[], LadingError],
        *,
        done: bool = False,
        times: int = 1,
        key: str | None = None,
    ) -> None:
        """Have the next *operation* fail, before or after it was *done*."""

        def raise_it() -> None:
            raise error()

        self._rules.append(_Rule(operation, raise_it, done=done, times=times, key=key))

    def count(self, operation: str) -> int:
        """How often the operation was begun."""
        return sum(name == operation for name, _ in self.calls)

    async def _do(self, operation: str, key: str, act: Callable[[], T]) -> T:
        self.calls.append((operation, key))
        self._note_activity()
        await self.turn(operation)
        self._note_activity()
        if self.silent & {operation, "*"}:
            if self.done_silently:
                with suppress(LadingError):
                    act()
            await sleep_forever()
        try:
            if operation in self.denied:
                raise forbidden(operation)
            self._act(operation, key, done=False)
            value = act()
            self._act(operation, key, done=True)
        except LadingError as error:
            self.history(operation, key, (type(error).__name__, getattr(error, "status", None)))
            await self.responding(operation)
            raise
        self.history(operation, key, value)
        await self.responding(operation)
        return value

    def _note_activity(self) -> None:
        if self.clock is not None:
            self.clock.activity += 1

    def _act(self, operation: str, key: str, *, done: bool) -> None:
        for rule in self._rules:
            if rule.fits(operation, key, done=done):
                rule.times -= 1
                rule.act()
                return


async def _checkpoint(operation: str) -> None:
    del operation
    await checkpoint()


@dataclass(frozen=True)
class Object:
    """An object, as the bucket keeps it."""

    data: bytes
    etag: str
    checksums: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)

    def stored(self) -> ObjectInfo:
        """As a store describes it."""
        md5 = None if "-" in self.etag else self.etag.strip('"')
        return ObjectInfo(
            len(self.data), self.etag, self.checksums, self.metadata, datetime(2026, 1, 1, tzinfo=UTC), md5
        )


@dataclass
class _Open:
    key: str
    algorithm: str
    metadata: Mapping[str, str]
    parts: dict[int, bytes] = field(default_factory=dict)


def tag(data: bytes) -> str:
    """The tag of an object of one request."""
    return f'"{hashlib.md5(data).hexdigest()}"'


class Bucket(FaultyStore):
    """An ``ObjectStore`` in memory.

    Attributes:
        objects: By key. A test may put anything there.
        open: The uploads that were begun and neither completed nor aborted.
        others: The other buckets that this one can copy from.
        replaces: Whether it honours conditions on what is replaced.
        warnings: What its store does not support.
    """

    def __init__(self, bucket: str = "bucket") -> None:
        super().__init__()
        self.bucket = bucket
        self.objects: dict[str, Object] = {}
        self.open: dict[str, _Open] = {}
        self.others: dict[str, Bucket] = {bucket: self}
        self.replaces = True
        self.warnings: tuple[str, ...] = ()
        self._count = 0

    def write(self, key: str, data: bytes, **metadata: str) -> None:
        """Somebody else writes an object."""
        self.objects[key] = Object(data, tag(data), {}, metadata)

    async def can_replace(self, key: str) -> bool:
        return self.replaces

    async def head(self, key: str) -> ObjectInfo | None:
        return await self._do("head", key, lambda: self.objects[key].stored() if key in self.objects else None)

    async def get(self, key: str) -> tuple[bytes, ObjectInfo] | None:
        def act() -> tuple[bytes, ObjectInfo] | None:
            found = self.objects.get(key)
            return None if found is None else (found.data, found.stored())

        return await self._do("get", key, act)

    async def put_small(
        self, key: str, data: bytes, *, if_match: str | None = None, if_none_match: bool = False
    ) -> str:
        def act() -> str:
            found = self.objects.get(key)
            if if_match is not None and found is None:
                raise _missing("such key")
            if (if_none_match and found is not None) or (
                if_match is not None and found is not None and found.etag != if_match
            ):
                raise conflict()
            self.objects[key] = Object(data, tag(data))
            return tag(data)

        return await self._do("put_small", key, act)

    async def put(
        self, key: str, body: Body, checksum: Checksum, metadata: Mapping[str, str], *, on_progress: OnProgress | None
    ) -> None:
        data = await whole(body)

        def act() -> None:
            _check(data, checksum)
            self._commit(key, Object(data, tag(data), {checksum.algorithm: checksum.value}, metadata))

        await self._do("put", key, act)

    async def create_upload(
        self, key: str, algorithm: str, metadata: Mapping[str, str], *, on_lost: Callable[[], None] = lambda: None
    ) -> str:
        def act() -> str:
            self._count += 1
            self.open[f"upload-{self._count}"] = _Open(key, algorithm, metadata)
            return f"upload-{self._count}"

        return await self._do("create_upload", key, act)

    async def upload_part(
        self, key: str, upload_id: str, number: int, body: Body, checksum: Checksum, *, on_progress: OnProgress | None
    ) -> Part:
        data = await whole(body)

        def act() -> Part:
            _check(data, checksum)
            self._upload(upload_id).parts[number] = data
            return Part(number, tag(data), checksum.value)

        return await self._do("upload_part", key, act)

    async def copy_part(
        self, key: str, upload_id: str, number: int, source: tuple[str, str], span: tuple[int, int] | None
    ) -> Part:
        def act() -> Part:
            there = self.others[source[0]].objects.get(source[1])
            if there is None:
                raise _missing("such key")
            data = there.data if span is None else there.data[span[0] : span[1] + 1]
            self._upload(upload_id).parts[number] = data
            return Part(number, tag(data))

        return await self._do("copy_part", key, act)

    async def complete(self, key: str, upload_id: str, parts: Sequence[Part], checksum: Checksum, size: int) -> None:
        def act() -> None:
            upload = self._upload(upload_id)
            assert [part.number for part in parts] == sorted(upload.parts) == list(range(1, len(parts) + 1))
            data = b"".join(upload.parts[part.number] for part in parts)
            assert [part.etag for part in parts] == [tag(upload.parts[part.number]) for part in parts]
            _check(data, checksum)
            if len(data) != size or checksum.algorithm != upload.algorithm:
                raise BadRequest("s3: InvalidRequest (HTTP 400)", service="s3", status=400)
            etag = f'"{hashlib.md5(data).hexdigest()}-{len(parts)}"'
            self._commit(key, Object(data, etag, {checksum.algorithm: checksum.value}, upload.metadata))
            del self.open[upload_id]

        await self._do("complete", key, act)

    async def abort(self, key: str, upload_id: str) -> None:
        await self._do("abort", key, lambda: self.open.pop(upload_id, None))

    async def uploads(self, prefix: str) -> Sequence[MultipartUpload]:
        def act() -> Sequence[MultipartUpload]:
            return [MultipartUpload(one.key, name) for name, one in self.open.items() if one.key.startswith(prefix)]

        return await self._do("uploads", prefix, act)

    async def keys(self, prefix: str) -> Sequence[str]:
        return await self._do("keys", prefix, lambda: sorted(key for key in self.objects if key.startswith(prefix)))

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        def act() -> None:
            found = self.objects.get(key)
            if found is not None and if_match is not None and found.etag != if_match:
                raise conflict()
            self.objects.pop(key, None)

        await self._do("delete", key, act)

    async def stream(
        self,
        key: str,
        *,
        if_match: str,
        byte_range: str | None,
        attempt: int,
        allow_statuses: frozenset[int] = frozenset(),
    ) -> ResponseStream:
        raise NotImplementedError("nothing is downloaded from memory")

    def with_sender(self, sender: Sender) -> Self:
        return self

    def _commit(self, key: str, new: Object) -> None:
        if key in self.objects:
            raise conflict()
        self.objects[key] = new

    def _upload(self, upload_id: str) -> _Open:
        if upload_id not in self.open:
            raise _missing("such upload")
        return self.open[upload_id]


def _check(data: bytes, checksum: Checksum) -> None:
    if encode_crc(crc_function(checksum.algorithm)(data, 0)) != checksum.value:
        raise BadRequest("s3: BadDigest (HTTP 400)", service="s3", status=400, code="BadDigest")


class Parameters(FaultyStore):
    """A ``ParameterStore`` in memory.

    Attributes:
        values: By name. A test may put anything there.
    """

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.values = dict(values or {})

    async def get(self, name: str) -> str | None:
        return await self._do("get", name, lambda: self.values.get(name))

    async def put(self, name: str, value: str) -> None:
        await self._do("put", name, lambda: self.values.update({name: value}))

    async def delete(self, name: str) -> None:
        await self._do("delete", name, lambda: self.values.pop(name, None))


@dataclass
class Region:
    """A region: a bucket of its own name, and parameters."""

    name: str
    parameters: Parameters
    store: Bucket
    down: bool = False

    async def bucket(self, name: str) -> Bucket:
        """The bucket of that name; there is no other."""
        if self.down:
            raise NetworkError(f"s3: {self.name} is down", phase="connect")
        assert name == self.store.bucket
        return self.store

    def with_sender(self, sender: Sender) -> Region:
        """The same: it has no settings."""
        return self


CONFIGURATION = Configuration("/buckets/name", "pre/", "/arts", ("a", "b", "c"))


def make_regions(*names: str, configuration: Configuration = CONFIGURATION) -> dict[str, Region]:
    """Regions of those names, set up, whose buckets copy from each other."""
    found = {}
    for name in names:
        values = {"/startifact": configuration.dump(), configuration.bucket_name_param: f"bucket-{name}"}
        found[name] = Region(name, Parameters(values), Bucket(f"bucket-{name}"))
    for region in found.values():
        region.store.others = {other.store.bucket: other.store for other in found.values()}
    return found


async def opened_regions(known: Mapping[str, Region], clock: VirtualClock | None = None) -> Regions:
    """What a stager opens."""
    settings = ClientSettings() if clock is None else ClientSettings(clock=clock.now, sleep=clock.sleep)
    for region in known.values():
        region.store.clock = region.parameters.clock = clock
    regions = Regions(known, "/startifact", settings=settings)
    await regions.load()
    return regions


def source_of(data: bytes, algorithm: str = "CRC32") -> Source:
    """A source of bytes, read."""
    digests = SourceDigests(algorithm)
    digests.update(data)
    found = Source(len(data), data, digests)
    # Computed in advance: interleavings are run without threads.
    found._more_digests = {"md5": hashlib.md5(data).hexdigest()}
    return found


def crc32(data: bytes) -> str:
    """As S3 writes it."""
    return b64encode(crc_function("CRC32")(data, 0).to_bytes(4, "big")).decode()

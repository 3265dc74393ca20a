"""The port of the stager: what it needs of a region, an object store and a store of parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from lading._core.body import Body
    from lading._core.messages import ResponseStream
    from lading._core.sender import Sender
    from lading.types import OnProgress


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object as a store describes it.

    Attributes:
        size: Bytes.
        etag: Its ETag, with quotation marks.
        md5: In hex, where the ETag is one: the object came in one request, and no key of its own encrypts it.
        checksums: By algorithm (``CRC32C``, ...): the checksum of the complete object, in base64.
        metadata: Its user metadata, names in lower case.
        changed_at: When it was written.
    """

    size: int
    etag: str
    checksums: Mapping[str, str] = field(default_factory=dict[str, str])
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    changed_at: datetime | None = None
    md5: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an upload that a store has.

    Attributes:
        number: From 1.
        etag: Its ETag, with quotation marks.
        checksum: Its checksum, in base64; empty when it is not known (a copied part).
    """

    number: int
    etag: str
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class MultipartUpload:
    """A multipart upload that was initiated and neither completed nor aborted.

    Attributes:
        key: The key of the object that it would become.
        upload_id: Its identifier.
        initiated_at: When it was initiated.
    """

    key: str
    upload_id: str
    initiated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Checksum:
    """A checksum that is sent with a request, for the store to compare.

    Attributes:
        algorithm: ``CRC32`` or ``CRC32C``.
        value: In base64.
    """

    algorithm: str
    value: str


class ObjectStore(Protocol):
    """The bucket of one region.

    Errors are lading's. ``Conflict`` means that a condition does not hold (412), or that another writer is at work
    (409); ``.status`` says which.

    Attributes:
        bucket: The bucket's name.
    """

    bucket: str

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is done differently because the store does not support it."""
        ...

    async def can_replace(self, key: str) -> bool:
        """Return whether ``if_match`` of :meth:`put_small` is honoured, for *key* and those beside it."""
        ...

    async def head(self, key: str) -> ObjectInfo | None:
        """Describe an object; ``None`` when there is none, ``Forbidden`` without permission to read it."""
        ...

    async def get(self, key: str) -> tuple[bytes, ObjectInfo] | None:
        """Read a small object; ``None`` when there is none."""
        ...

    async def stream(
        self,
        key: str,
        *,
        if_match: str,
        byte_range: str | None,
        attempt: int,
        allow_statuses: frozenset[int] = frozenset(),
    ) -> ResponseStream:
        """Open an object in a single attempt; the caller closes the response.

        Args:
            key: The key.
            if_match: The ETag that the object must have.
            byte_range: The value of the ``Range`` header; ``None`` for the complete object.
            attempt: The number of the attempt, for events.
            allow_statuses: Statuses that are returned instead of raised.
        """
        ...

    async def put_small(
        self, key: str, data: bytes, *, if_match: str | None = None, if_none_match: bool = False
    ) -> str:
        """Write a small object and return its ETag.

        Args:
            key: The key.
            data: The bytes.
            if_match: Write only while the object has this ETag.
            if_none_match: Write only while there is no object.
        """
        ...

    async def put(
        self, key: str, body: Body, checksum: Checksum, metadata: Mapping[str, str], *, on_progress: OnProgress | None
    ) -> None:
        """Write an object, on the condition that there is none."""
        ...

    async def create_upload(
        self, key: str, algorithm: str, metadata: Mapping[str, str], *, on_lost: Callable[[], None] = ...
    ) -> str:
        """Initiate a multipart upload and return its identifier.

        Args:
            key: The key.
            algorithm: The algorithm of its checksums.
            metadata: The user metadata of the object to be.
            on_lost: Called for each attempt whose response was lost: it may have initiated another upload.
        """
        ...

    async def upload_part(
        self, key: str, upload_id: str, number: int, body: Body, checksum: Checksum, *, on_progress: OnProgress | None
    ) -> Part:
        """Upload a part."""
        ...

    async def copy_part(
        self, key: str, upload_id: str, number: int, source: tuple[str, str], span: tuple[int, int] | None
    ) -> Part:
        """Have the store copy a part.

        Args:
            key: The key of the object to be.
            upload_id: The upload.
            number: The part's number, from 1.
            source: Bucket and key to copy from.
            span: First and last byte; ``None`` for the complete object.
        """
        ...

    async def complete(self, key: str, upload_id: str, parts: Sequence[Part], checksum: Checksum, size: int) -> None:
        """Turn an upload into an object, on the condition that there is none.

        Raises:
            IntegrityError: The object exists now, with another checksum.
        """
        ...

    async def abort(self, key: str, upload_id: str) -> None:
        """Abort an upload; no error when it does not exist."""
        ...

    async def uploads(self, prefix: str) -> Sequence[MultipartUpload]:
        """List the unfinished uploads under *prefix*."""
        ...

    async def keys(self, prefix: str) -> Sequence[str]:
        """List the keys under *prefix*, in order."""
        ...

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Delete an object; no error when there is none.

        Args:
            key: The key.
            if_match: Delete only while the object has this ETag; then the request is sent once.
        """
        ...

    def with_sender(self, sender: Sender) -> Self:
        """Return the same bucket, with the settings of *sender*."""
        ...


class ParameterStore(Protocol):
    """The parameters of one region."""

    async def get(self, name: str) -> str | None:
        """Read a parameter; ``None`` when there is none."""
        ...

    async def put(self, name: str, value: str) -> None:
        """Write a parameter."""
        ...

    async def delete(self, name: str) -> None:
        """Delete a parameter; no error when there is none."""
        ...


class Region(Protocol):
    """One region.

    Attributes:
        parameters: Its parameters.
    """

    @property
    def parameters(self) -> ParameterStore: ...

    async def bucket(self, name: str) -> ObjectStore:
        """Return the bucket of that name."""
        ...

    def with_sender(self, sender: Sender) -> Region:
        """Return the same region, with the settings of *sender*."""
        ...

"""What the stager needs of a region: an object store's bucket, and a store of parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from lading._core.body import Body
    from lading.types import OnProgress


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object as a store describes it.

    Attributes:
        size: Bytes.
        etag: Its tag, with quotation marks.
        md5: In hex, where the tag is one: the object came in one request, and no key of its own encrypts it.
        checksums: By algorithm (``CRC32C``, ...): the value over the whole object, in base64.
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
        etag: Its tag, with quotation marks.
        checksum: Its value, in base64; empty where nobody knows (a copied part).
    """

    number: int
    etag: str
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class MultipartUpload:
    """A multipart upload that was begun and neither completed nor aborted.

    Attributes:
        key: What it would become.
        upload_id: Its name.
        initiated_at: When it was begun.
    """

    key: str
    upload_id: str
    initiated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Checksum:
    """A checksum that goes with a request, and is compared with the store's.

    Attributes:
        algorithm: ``CRC32`` or ``CRC32C``.
        value: In base64.
    """

    algorithm: str
    value: str


class ObjectStore(Protocol):
    """The bucket of one region.

    Errors are lading's. ``Conflict`` is a condition that does not hold (412), or somebody else's write at the same
    time (409); ``.status`` tells which.
    """

    bucket: str

    async def head(self, key: str) -> ObjectInfo | None:
        """The object; ``None`` when there is none. ``Forbidden`` when one may not look."""
        ...

    async def get(self, key: str) -> tuple[bytes, ObjectInfo] | None:
        """A small object with its bytes; ``None`` when there is none."""
        ...

    async def put_small(
        self, key: str, data: bytes, *, if_match: str | None = None, if_none_match: bool = False
    ) -> str:
        """The tag of the object that was written."""
        ...

    async def put(
        self, key: str, body: Body, checked: Checksum, metadata: Mapping[str, str], *, on_progress: OnProgress | None
    ) -> None:
        """Write an object that must not be there yet."""
        ...

    async def create_upload(self, key: str, algorithm: str, metadata: Mapping[str, str]) -> str:
        """The name of a new multipart upload."""
        ...

    async def upload_part(
        self, key: str, upload_id: str, number: int, body: Body, checked: Checksum, *, on_progress: OnProgress | None
    ) -> Part:
        """The part that was uploaded."""
        ...

    async def copy_part(
        self, key: str, upload_id: str, number: int, source: tuple[str, str], span: tuple[int, int] | None
    ) -> Part:
        """The part that was copied from *source* (bucket, key), first and last byte of *span*, by the store itself."""
        ...

    async def complete(self, key: str, upload_id: str, parts: Sequence[Part], checked: Checksum, size: int) -> None:
        """Make the upload an object, which must not be there yet."""
        ...

    async def abort(self, key: str, upload_id: str) -> None:
        """Throw the upload away; no error when it is gone."""
        ...

    async def uploads(self, prefix: str) -> Sequence[MultipartUpload]:
        """The uploads under *prefix* that were left over."""
        ...

    async def keys(self, prefix: str) -> Sequence[str]:
        """The keys under *prefix*, in order."""
        ...

    async def delete(self, key: str) -> None:
        """Delete an object; no error when there is none."""
        ...


class ParameterStore(Protocol):
    """The parameters of one region."""

    async def get(self, name: str) -> str | None:
        """A parameter's value; ``None`` when there is none."""
        ...

    async def put(self, name: str, value: str) -> None:
        """Write a parameter."""
        ...

    async def delete(self, name: str) -> None:
        """Delete a parameter; no error when there is none."""
        ...

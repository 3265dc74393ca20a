"""A bucket whose objects botocore itself addresses and signs: S3 Express, access points, multi-region access points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading.errors import NotFound
from lading.s3._aws.bucket import S3Bucket, compare_checksums
from lading.s3._aws.control import BotocoreBody
from lading.s3._aws.object_parameters import object_parameters
from lading.s3._interfaces import Checksum, ObjectInfo, Part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading._core.body import Body
    from lading._core.messages import ResponseStream
    from lading.types import OnProgress

_SMALL = 16 * 1024 * 1024


class BotocoreBucket(S3Bucket):
    """An :class:`S3Bucket` of which botocore makes every request; lading streams the bodies all the same."""

    async def stream(
        self,
        key: str,
        *,
        if_match: str,
        byte_range: str | None,
        attempt: int,
        allow_statuses: frozenset[int] = frozenset(),
    ) -> ResponseStream:
        """Open an object in a single attempt; the caller closes the response."""
        del allow_statuses  # botocore raises an error for each
        params = {"IfMatch": if_match, **({} if byte_range is None else {"Range": byte_range})}
        return await self._client.stream("get_object", attempt, Bucket=self.bucket, Key=key, **params)

    async def get(self, key: str) -> tuple[bytes, ObjectInfo] | None:
        """Read a small object; ``None`` when there is none."""

        async def read(number: int) -> tuple[bytes, ObjectInfo] | None:
            try:
                response = await self._client.stream("get_object", number, Bucket=self.bucket, Key=key)
            except NotFound:
                return None
            try:
                data = await response.read(_SMALL)
            finally:
                await response.aclose()
            return data, ObjectInfo(len(data), response.headers.get("etag", ""))

        return await self._client.sender.retrying(read)

    async def put(
        self, key: str, body: Body, checksum: Checksum, metadata: Mapping[str, str], *, on_progress: OnProgress | None
    ) -> None:
        """Write an object, on the condition that there is none."""
        found = await self._call_with_body(
            "put_object",
            body,
            checksum,
            on_progress,
            Key=key,
            IfNoneMatch="*",
            Metadata=dict(metadata),
            **object_parameters(self._options),
        )
        compare_checksums(checksum, found.get(f"Checksum{checksum.algorithm}"), key)

    async def upload_part(
        self, key: str, upload_id: str, number: int, body: Body, checksum: Checksum, *, on_progress: OnProgress | None
    ) -> Part:
        """Upload a part."""
        found = await self._call_with_body(
            "upload_part", body, checksum, on_progress, Key=key, UploadId=upload_id, PartNumber=number
        )
        compare_checksums(checksum, found.get(f"Checksum{checksum.algorithm}"), f"part {number} of {key}")
        return Part(number, str(found["ETag"]), checksum.value)

    async def _call_with_body(
        self, operation: str, body: Body, checksum: Checksum, on_progress: OnProgress | None, **params: Any
    ) -> Any:
        body.content_type = ""  # botocore sends its own
        # Both: given the value alone, botocore does not name the algorithm.
        check = {"ChecksumAlgorithm": checksum.algorithm, f"Checksum{checksum.algorithm}": checksum.value}
        given: dict[str, Any] = {"Body": BotocoreBody(body, on_progress), **check, **params}
        return await self._call(operation, **given)

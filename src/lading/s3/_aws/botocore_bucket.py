"""A bucket whose objects botocore itself addresses and signs: S3 Express, access points, multi-region access points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading.errors import NotFound
from lading.s3._aws.bucket import S3Bucket
from lading.s3._aws.control import BotocoreBody
from lading.s3._aws.errors import invalid_response
from lading.s3._aws.integrity import compare_checksums
from lading.s3._aws.object_parameters import object_parameters
from lading.s3._interfaces import Checksum, ObjectInfo, Part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading._core.body import Body
    from lading._core.messages import ResponseStream
    from lading.s3._aws.place import Place
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

        async def request(place: Place) -> ResponseStream:
            return await place.client.stream("get_object", attempt, Bucket=self.bucket, Key=key, **params)

        return await self._places.at(request)

    async def get(self, key: str) -> tuple[bytes, ObjectInfo] | None:
        """Read a small object; ``None`` when there is none."""

        async def request(place: Place) -> tuple[bytes, ObjectInfo]:
            async def read(number: int) -> tuple[bytes, ObjectInfo]:
                response = await place.client.stream("get_object", number, Bucket=self.bucket, Key=key)
                try:
                    data = await response.read(_SMALL)
                finally:
                    await response.aclose()
                if "etag" not in response.headers:
                    raise invalid_response("s3", "GetObject", "has no ETag", reads=True)
                return data, ObjectInfo(len(data), response.headers["etag"])

            return await place.client.sender.retrying(read)

        try:
            return await self._places.at(request)
        except NotFound as error:
            if error.code == "NoSuchBucket":
                raise
            return None

    async def put(
        self, key: str, body: Body, checksum: Checksum, metadata: Mapping[str, str], *, on_progress: OnProgress | None
    ) -> None:
        """Write an object, on the condition that there is none."""
        await self._conditions.require_creates(key, self._requests.send_check)

        async def put() -> Any:
            condition = await self._requests.checked_condition(key, {"IfNoneMatch": "*"})
            return await self._call_with_body(
                "put_object",
                body,
                checksum,
                on_progress,
                Key=key,
                Metadata=dict(metadata),
                **condition,
                **object_parameters(self._options, self._region),
            )

        found = await self._requests.adapting(put)
        compare_checksums(checksum, found.get(f"Checksum{checksum.algorithm}"), key)

    async def _upload_part(
        self, key: str, upload_id: str, number: int, body: Body, checksum: Checksum, *, on_progress: OnProgress | None
    ) -> Part:
        found = await self._call_with_body(
            "upload_part", body, checksum, on_progress, Key=key, UploadId=upload_id, PartNumber=number
        )
        compare_checksums(checksum, found.get(f"Checksum{checksum.algorithm}"), f"part {number} of {key}")
        return Part(number, str(found["ETag"]), checksum.value if self._features.checksums else "")

    async def _call_with_body(
        self, operation: str, body: Body, checksum: Checksum, on_progress: OnProgress | None, **params: Any
    ) -> Any:
        body.content_type = ""  # botocore sends its own
        checks = await self._requests.integrity_parameters(body, checksum)
        return await self._requests.call(
            operation, needs=("ETag",), **{"Body": BotocoreBody(body, on_progress), **checks, **params}
        )

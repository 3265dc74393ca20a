"""A bucket whose objects botocore itself addresses and signs: S3 Express, access points, regions' points of access."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading.errors import IntegrityError, NotFound
from lading.s3._aws.bucket import S3Bucket
from lading.s3._aws.control import BotocoreBody
from lading.s3._interfaces import Checksum, ObjectInfo, Part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading._core.body import Body
    from lading._core.call import Call
    from lading._core.messages import ResponseStream
    from lading.types import OnProgress

_SMALL = 16 * 1024 * 1024


class BotocoreBucket(S3Bucket):
    """An :class:`S3Bucket` that sends nothing past botocore. Bodies are streamed by lading all the same."""

    async def begin(self, call: Call[Any], key: str, attempt: int) -> ResponseStream:
        """The answer to *call*, made for this bucket's object; the caller's to close."""
        headers = {name.lower(): value for name, value in call.headers.items()}
        given = {"IfMatch": headers.get("if-match"), "Range": headers.get("range")}
        params = {name: value for name, value in given.items() if value is not None}
        return await self.control.stream("get_object", attempt, Bucket=self.bucket, Key=key, **params)

    async def get(self, key: str) -> tuple[bytes, ObjectInfo] | None:
        """A small object with its bytes; ``None`` when there is none."""

        async def read(number: int) -> tuple[bytes, ObjectInfo] | None:
            try:
                incoming = await self.control.stream("get_object", number, Bucket=self.bucket, Key=key)
            except NotFound:
                return None
            try:
                data = await incoming.read(_SMALL)
            finally:
                await incoming.aclose()
            return data, ObjectInfo(len(data), incoming.headers.get("etag", ""))

        return await self.control.sender.retrying(read)

    async def put(
        self, key: str, body: Body, checked: Checksum, metadata: Mapping[str, str], *, on_progress: OnProgress | None
    ) -> None:
        """Write an object that must not be there yet."""
        found = await self._give(
            "put_object",
            body,
            checked,
            on_progress,
            Key=key,
            IfNoneMatch="*",
            Metadata=dict(metadata),
            **self.placing.extra,
        )
        _compare(checked, found, key)

    async def upload_part(
        self, key: str, upload_id: str, number: int, body: Body, checked: Checksum, *, on_progress: OnProgress | None
    ) -> Part:
        """The part that was uploaded."""
        found = await self._give(
            "upload_part", body, checked, on_progress, Key=key, UploadId=upload_id, PartNumber=number
        )
        _compare(checked, found, f"part {number} of {key}")
        return Part(number, str(found["ETag"]), checked.value)

    async def _give(
        self, operation: str, body: Body, checked: Checksum, on_progress: OnProgress | None, **params: Any
    ) -> Any:
        body.content_type = ""  # botocore says what it is
        # Both: given the value alone, botocore does not say which one it is.
        check = {"ChecksumAlgorithm": checked.algorithm, f"Checksum{checked.algorithm}": checked.value}
        given: dict[str, Any] = {"Bucket": self.bucket, "Body": BotocoreBody(body, on_progress), **check, **params}
        return await self.control.call(operation, **given)


def _compare(checked: Checksum, found: Any, what: str) -> None:
    theirs = str(found.get(f"Checksum{checked.algorithm}", checked.value))
    if theirs != checked.value:
        raise IntegrityError(f"s3: {what} arrived with {checked.algorithm} {theirs} instead of {checked.value}")

"""The requests of one bucket that botocore makes, by what its store supports and which conditions it honours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from lading._core.api_errors import make_api_error
from lading.errors import ApiError, Conflict, NotFound
from lading.s3._aws.integrity import md5_of
from lading.s3._aws.object_info import parse_head_object
from lading.s3._aws.object_parameters import record_parameters

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lading._core.body import Body
    from lading.s3._aws.conditions import Conditions
    from lading.s3._aws.features import Features
    from lading.s3._aws.place import BucketPlaces
    from lading.s3._interfaces import Checksum, ObjectInfo
    from lading.s3._settings import ObjectOptions

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BucketRequests:
    """The requests of one bucket, see :class:`~lading.s3._aws.bucket.S3Bucket` for what each field is."""

    bucket: str
    region: str
    places: BucketPlaces
    options: ObjectOptions
    features: Features
    conditions: Conditions

    async def head(self, key: str) -> ObjectInfo | None:
        """Describe an object; ``None`` when there is none."""
        mode = {"ChecksumMode": "ENABLED"} if self.features.checksum_mode else {}
        try:
            return await self._head(key, mode)
        except ApiError as error:
            # There is no body that would say what is not supported.
            if not mode or error.status not in {400, 501}:
                raise
            found = await self._head(key, {})
        self.features.drop_checksum_mode()
        return found

    async def _head(self, key: str, mode: dict[str, str]) -> ObjectInfo | None:
        try:
            found = await self.call("head_object", reads=True, needs=("ETag", "ContentLength"), Key=key, **mode)
        except NotFound:
            return None
        return parse_head_object(found)

    async def call(self, operation: str, **params: Any) -> Any:
        """Make a request where the bucket is, and return the parsed response."""
        return await self.places.at(lambda place: place.client.call(operation, Bucket=self.bucket, **params))

    async def send_check(self, operation: str, needs: tuple[str, ...], params: dict[str, Any]) -> Any:
        """Make a request that checks whether conditions are honoured."""
        if operation in {"put_object", "create_multipart_upload"}:
            params = {**params, **record_parameters(self.options, self.region)}
        return await self.call(operation, needs=needs, **params)

    async def adapting(self, request: Callable[[], Awaitable[T]]) -> T:
        """Make a request that is repeated without what the store turns out not to support."""
        try:
            return await self.features.adapting(request, agreed=self.conditions.agreed)
        except ApiError as error:
            if self.conditions.are_refused_by(error):
                raise self.conditions.refused() from error
            raise

    async def checked_condition(self, key: str, condition: dict[str, str]) -> dict[str, str]:
        """Return *condition* as it is sent; where stores need not honour it, look whether it holds first."""
        if not condition or not self.conditions.agreed:
            return condition
        there = await self.head(key)
        wanted = condition.get("IfMatch")
        if (there is None) != (wanted is None) or (there is not None and there.etag != wanted):
            raise make_api_error(Conflict, "s3", f"{key} in {self.bucket} was written by another", status=412)
        return condition if self.features.sends_conditions else {}

    async def integrity_parameters(self, body: Body, checksum: Checksum) -> dict[str, str]:
        """Return the parameters by which the store verifies what arrives."""
        if not self.features.checksums:
            return {"ContentMD5": await md5_of(body)}
        # Both: given the value alone, botocore does not name the algorithm.
        return {"ChecksumAlgorithm": checksum.algorithm, f"Checksum{checksum.algorithm}": checksum.value}

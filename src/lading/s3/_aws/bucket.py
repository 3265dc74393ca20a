"""One bucket of one region: botocore makes the requests without bodies, lading signs those with bodies itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar
from zlib import crc32

from lading._core.api_errors import make_api_error
from lading._core.body import BytesBody
from lading._core.call import Call
from lading.errors import ApiError, BadRequest, Conflict, IntegrityError, NotFound
from lading.s3._aws.errors import invalid_response
from lading.s3._aws.features import is_refusal
from lading.s3._aws.integrity import checksum_header, compare_checksums, md5_of
from lading.s3._aws.listing import list_keys, list_uploads
from lading.s3._aws.object_parameters import object_headers, object_parameters, record_parameters
from lading.s3._aws.requests import BucketRequests
from lading.s3._aws.signing import hash_body
from lading.s3._checksums import encode_crc
from lading.s3._interfaces import Checksum, MultipartUpload, ObjectInfo, Part

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lading._core.body import Body
    from lading._core.messages import Response, ResponseStream
    from lading._core.sender import Sender
    from lading.s3._aws.conditions import Conditions
    from lading.s3._aws.features import Features
    from lading.s3._aws.place import BucketPlaces, Place
    from lading.s3._settings import ObjectOptions
    from lading.types import OnProgress

T = TypeVar("T")


class S3Bucket:
    """An :class:`ObjectStore`: one bucket of one region.

    Args:
        bucket: Its name.
        region: The region that it belongs to, by the stager's configuration.
        places: Where it is requested.
        options: How objects are written.
        features: What its store supports.
        conditions: Whether its store honours conditions on writes.
    """

    def __init__(
        self,
        bucket: str,
        region: str,
        places: BucketPlaces,
        *,
        options: ObjectOptions,
        features: Features,
        conditions: Conditions,
    ) -> None:
        self.bucket = bucket
        self._region = region
        self._places = places
        self._options = options
        self._features = features
        self._conditions = conditions
        self._requests = BucketRequests(bucket, region, places, options, features, conditions)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is done differently because the store does not support it."""
        return tuple(self._features.warnings)

    def with_sender(self, sender: Sender) -> Self:
        """Return the same bucket, with the settings of *sender*."""
        return type(self)(
            self.bucket,
            self._region,
            self._places.with_sender(sender),
            options=self._options,
            features=self._features,
            conditions=self._conditions,
        )

    async def head(self, key: str) -> ObjectInfo | None:
        """Describe an object; ``None`` when there is none."""
        return await self._requests.head(key)

    async def get(self, key: str) -> tuple[bytes, ObjectInfo] | None:
        """Read a small object; ``None`` when there is none."""
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        try:
            response = await self._send_signed(
                lambda place: Call("GET", place.url(key), headers=headers, template="(GetObject)")
            )
        except NotFound as error:
            if error.code == "NoSuchBucket":
                raise
            return None
        if "etag" not in response.headers:
            raise invalid_response("s3", "GetObject", "has no ETag", reads=True)
        return response.body, ObjectInfo(len(response.body), response.headers["etag"])

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
        headers = {"Accept": "*/*", "If-Match": if_match, **({} if byte_range is None else {"Range": byte_range})}

        async def request(place: Place) -> ResponseStream:
            call: Call[Response] = Call(
                "GET", place.url(key), headers=headers, allow_statuses=allow_statuses, template="(GetObject)"
            )
            return await place.stream(call, attempt)

        return await self._places.at(request)

    async def can_replace(self, key: str) -> bool:
        """Return whether the store replaces an object only while it has the ETag that it is expected to have."""
        return await self._conditions.can_replace(key, self._requests.send_check)

    async def put_small(
        self, key: str, data: bytes, *, if_match: str | None = None, if_none_match: bool = False
    ) -> str:
        """Write a small object and return its ETag."""
        condition: dict[str, str] = {}
        if if_match is not None:
            if not await self.can_replace(key):
                raise self._conditions.refused()
            condition["IfMatch"] = if_match
        if if_none_match:
            await self._conditions.require_creates(key, self._requests.send_check)
            condition["IfNoneMatch"] = "*"
        checksum = Checksum("CRC32", encode_crc(crc32(data)))

        async def put() -> Any:
            sent = await self._requests.checked_condition(key, condition)
            return await self._requests.call(
                "put_object",
                needs=("ETag",),
                Key=key,
                Body=data,
                **await self._requests.integrity_parameters(BytesBody(data), checksum),
                **record_parameters(self._options, self._region),
                **sent,
            )

        found = await self._requests.adapting(put)
        compare_checksums(checksum, found.get("ChecksumCRC32"), key)
        return str(found["ETag"])

    async def put(
        self, key: str, body: Body, checksum: Checksum, metadata: Mapping[str, str], *, on_progress: OnProgress | None
    ) -> None:
        """Write an object, on the condition that there is none."""
        await self._conditions.require_creates(key, self._requests.send_check)

        async def put() -> Response:
            condition = await self._requests.checked_condition(key, {"IfNoneMatch": "*"})
            headers = {
                **{f"x-amz-meta-{name}": value for name, value in metadata.items()},
                **object_headers(self._options, self._region),
                **({"If-None-Match": "*"} if condition else {}),
            }
            return await self._send_body(
                key, "", body, checksum, headers, template="(PutObject)", on_progress=on_progress
            )

        found = await self._requests.adapting(put)
        compare_checksums(checksum, found.headers.get(checksum_header(checksum)), key)

    async def create_upload(
        self, key: str, algorithm: str, metadata: Mapping[str, str], *, on_lost: Callable[[], None] = lambda: None
    ) -> str:
        """Initiate a multipart upload and return its identifier."""
        await self._conditions.require_completes(key, self._requests.send_check)

        async def create() -> Any:
            checks: dict[str, str] = {"ChecksumAlgorithm": algorithm} if self._features.checksums else {}
            if self._features.whole:
                checks["ChecksumType"] = "FULL_OBJECT"
            return await self._requests.call(
                "create_multipart_upload",
                needs=("UploadId",),
                on_lost=on_lost,
                Key=key,
                Metadata=dict(metadata),
                **checks,
                **object_parameters(self._options, self._region),
            )

        return str((await self._requests.adapting(create))["UploadId"])

    async def upload_part(
        self, key: str, upload_id: str, number: int, body: Body, checksum: Checksum, *, on_progress: OnProgress | None
    ) -> Part:
        """Upload a part."""
        had_checksums = self._features.checksums

        async def upload() -> Part:
            self._require_same(had_checksums)
            return await self._upload_part(key, upload_id, number, body, checksum, on_progress=on_progress)

        return await self._requests.adapting(upload)

    async def _upload_part(
        self, key: str, upload_id: str, number: int, body: Body, checksum: Checksum, *, on_progress: OnProgress | None
    ) -> Part:
        query = Call("PUT", "", params={"partNumber": number, "uploadId": upload_id}).url("")
        found = await self._send_body(key, query, body, checksum, {}, template="(UploadPart)", on_progress=on_progress)
        compare_checksums(checksum, found.headers.get(checksum_header(checksum)), f"part {number} of {key}")
        return Part(number, found.headers["etag"], checksum.value if self._features.checksums else "")

    def _require_same(self, had_checksums: bool) -> None:
        """Raise ``Conflict`` (409) when the upload has to begin anew: its parts would have no checksums any more."""
        if self._features.checksums is not had_checksums:
            raise make_api_error(Conflict, "s3", "the upload has to begin anew, without checksums", status=409)

    async def copy_part(
        self, key: str, upload_id: str, number: int, source: tuple[str, str], span: tuple[int, int] | None
    ) -> Part:
        """Have the store copy a part."""
        if not self._features.whole:
            raise make_api_error(BadRequest, "s3", "the store keeps no checksum that could verify a copy")
        params: dict[str, Any] = {} if span is None else {"CopySourceRange": f"bytes={span[0]}-{span[1]}"}
        found = await self._requests.call(
            "upload_part_copy",
            needs=("CopyPartResult",),
            Key=key,
            UploadId=upload_id,
            PartNumber=number,
            CopySource={"Bucket": source[0], "Key": source[1]},
            **params,
        )
        result = found["CopyPartResult"]
        if result.get("ETag") is None:
            raise invalid_response("s3", "UploadPartCopy", "has no ETag", reads=False)
        checksum = next((str(v) for n, v in result.items() if n.startswith("Checksum") and n != "ChecksumType"), "")
        return Part(number, str(result["ETag"]), checksum)

    async def complete(self, key: str, upload_id: str, parts: Sequence[Part], checksum: Checksum, size: int) -> None:
        """Turn an upload into an object, on the condition that there is none."""
        name = f"Checksum{checksum.algorithm}"

        async def complete() -> Any:
            whole, checks = self._features.whole, self._features.checksums
            listed = [
                {"PartNumber": p.number, "ETag": p.etag, **({name: p.checksum} if p.checksum and checks else {})}
                for p in parts
            ]
            total = {"ChecksumType": "FULL_OBJECT", "MpuObjectSize": size, name: checksum.value} if whole else {}
            return await self._requests.call(
                "complete_multipart_upload",
                needs=("ETag",),
                Key=key,
                UploadId=upload_id,
                MultipartUpload={"Parts": listed},
                **await self._requests.checked_condition(key, {"IfNoneMatch": "*"}),
                **total,
            )

        found = await self._requests.adapting(complete)
        theirs = str(found.get(name) or "").removesuffix("-1")
        if not self._features.whole:
            await self._check_size(key, size)
        elif theirs and theirs != checksum.value:
            raise IntegrityError(
                f"s3: {key} in {self.bucket} has {name} {theirs} instead of {checksum.value}", outcome="unknown"
            )

    async def _check_size(self, key: str, size: int) -> None:
        """Look at an object whose parts were verified: the store says nothing of the complete one."""
        there = await self.head(key)
        if there is not None and there.size != size:
            raise IntegrityError(
                f"s3: {key} in {self.bucket} has {there.size} bytes instead of {size}", outcome="unknown"
            )

    async def abort(self, key: str, upload_id: str) -> None:
        """Abort an upload; no error when it does not exist."""
        try:
            await self._requests.call("abort_multipart_upload", Key=key, UploadId=upload_id)
        except NotFound:
            return

    async def uploads(self, prefix: str) -> Sequence[MultipartUpload]:
        """List the unfinished uploads under *prefix*."""
        read = partial(self._requests.call, "list_multipart_uploads", reads=True, needs=("IsTruncated",), Prefix=prefix)
        return await list_uploads(lambda marker: read(**marker))

    async def keys(self, prefix: str) -> Sequence[str]:
        """List the keys under *prefix*, in order."""
        read = partial(self._requests.call, "list_objects_v2", reads=True, needs=("IsTruncated",), Prefix=prefix)
        return await list_keys(lambda marker: read(**marker))

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Delete an object; no error when there is none."""
        try:
            if if_match is not None:
                # Sent once: a second one could delete another object, with the same ETag as it has the same bytes.
                await self._places.at(
                    lambda place: place.once().client.call(
                        "delete_object", Bucket=self.bucket, Key=key, IfMatch=if_match
                    )
                )
            else:
                await self._requests.call("delete_object", Key=key)
        except NotFound:
            return
        except ApiError as error:
            if if_match is None or not is_refusal(error):
                raise
            # The store has no such condition: look, and delete what is still the same.
            there = await self.head(key)
            if there is not None and there.etag == if_match:
                await self._requests.call("delete_object", Key=key)

    async def _send_body(
        self,
        key: str,
        query: str,
        body: Body,
        checksum: Checksum,
        headers: dict[str, str],
        *,
        template: str,
        on_progress: OnProgress | None,
    ) -> Response:
        if self._features.checksums:
            # Both: without the second header some servers ignore the first.
            checks = {checksum_header(checksum): checksum.value, "x-amz-sdk-checksum-algorithm": checksum.algorithm}
        else:
            checks = {"Content-MD5": await md5_of(body)}
        headers = {**checks, **headers}
        if self._options.sign_payload:
            headers["x-amz-content-sha256"] = (await hash_body(body)).hex()
        body.content_type = ""
        # Retried safely: a part may be replaced by itself, and an object that must be new refuses the second request.
        response = await self._send_signed(
            lambda place: Call(
                "PUT", place.url(key) + query, headers=headers, body=body, template=template, on_progress=on_progress
            )
        )
        if "etag" not in response.headers:
            raise invalid_response("s3", template.strip("()"), "has no ETag", reads=False)
        return response

    async def _send_signed(self, make: Callable[[Place], Call[Response]]) -> Response:
        return await self._places.at(lambda place: place.send(make(place)))

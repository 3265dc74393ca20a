"""One bucket of one region: botocore makes the requests without bodies, lading signs those with bodies itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote
from zlib import crc32

from lading._core.call import Call
from lading.errors import IntegrityError, NotFound
from lading.s3._aws.object_info import as_utc, parse_head_object
from lading.s3._aws.object_parameters import object_headers, object_parameters
from lading.s3._aws.signing import hash_body
from lading.s3._checksums import encode_crc
from lading.s3._interfaces import Checksum, MultipartUpload, ObjectInfo, Part
from lading.types import Retry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lading._core.body import Body
    from lading._core.messages import Response, ResponseStream
    from lading._core.sender import Sender
    from lading.s3._aws.control import BotocoreClient
    from lading.s3._settings import ObjectOptions
    from lading.types import OnProgress


class S3Bucket:
    """An :class:`ObjectStore`: one bucket of one region.

    Args:
        bucket: Its name.
        client: Makes the requests without bodies.
        data: Makes requests to the bucket's URL, signed.
        options: How objects are written.
    """

    def __init__(self, bucket: str, client: BotocoreClient, data: Sender, options: ObjectOptions) -> None:
        self.bucket = bucket
        self._client = client
        self._data = data
        self._options = options

    def with_sender(self, sender: Sender) -> Self:
        """Return the same bucket, with the settings of *sender*."""
        data = sender.to(self._data.service, self._data.settings.auth)
        return type(self)(self.bucket, self._client.with_sender(sender), data, self._options)

    async def head(self, key: str) -> ObjectInfo | None:
        """Describe an object; ``None`` when there is none."""
        try:
            found = await self._call("head_object", reads=True, Key=key, ChecksumMode="ENABLED")
        except NotFound:
            return None
        return parse_head_object(found)

    async def get(self, key: str) -> tuple[bytes, ObjectInfo] | None:
        """Read a small object; ``None`` when there is none."""

        def parse(response: Response) -> tuple[bytes, ObjectInfo] | None:
            if response.status == 404:
                return None
            return response.body, ObjectInfo(len(response.body), response.headers.get("etag", ""))

        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        call = Call(
            "GET", self._url(key), parse, headers=headers, allow_statuses=frozenset({404}), template="(GetObject)"
        )
        return await self._data.send(call)

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
        call = Call("GET", self._url(key), headers=headers, allow_statuses=allow_statuses, template="(GetObject)")
        return await self._data.stream(call, attempt=attempt).__aenter__()

    async def put_small(
        self, key: str, data: bytes, *, if_match: str | None = None, if_none_match: bool = False
    ) -> str:
        """Write a small object and return its ETag."""
        condition: dict[str, str] = {}
        if if_match is not None:
            condition["IfMatch"] = if_match
        if if_none_match:
            condition["IfNoneMatch"] = "*"
        checksum = encode_crc(crc32(data))
        found = await self._call(
            "put_object",
            Key=key,
            Body=data,
            ChecksumAlgorithm="CRC32",
            ChecksumCRC32=checksum,
            **{**object_parameters(self._options), "ContentType": "application/json"},
            **condition,
        )
        compare_checksums(Checksum("CRC32", checksum), found.get("ChecksumCRC32"), key)
        return str(found["ETag"])

    async def put(
        self, key: str, body: Body, checksum: Checksum, metadata: Mapping[str, str], *, on_progress: OnProgress | None
    ) -> None:
        """Write an object, on the condition that there is none."""
        headers = {
            **{f"x-amz-meta-{name}": value for name, value in metadata.items()},
            **object_headers(self._options),
            "If-None-Match": "*",
        }
        found = await self._send(self._url(key), body, checksum, headers, on_progress, template="(PutObject)")
        compare_checksums(checksum, found.headers.get(_checksum_header(checksum)), key)

    async def create_upload(self, key: str, algorithm: str, metadata: Mapping[str, str]) -> str:
        """Initiate a multipart upload and return its identifier."""
        found = await self._call(
            "create_multipart_upload",
            Key=key,
            ChecksumAlgorithm=algorithm,
            ChecksumType="FULL_OBJECT",
            Metadata=dict(metadata),
            **object_parameters(self._options),
        )
        return str(found["UploadId"])

    async def upload_part(
        self, key: str, upload_id: str, number: int, body: Body, checksum: Checksum, *, on_progress: OnProgress | None
    ) -> Part:
        """Upload a part."""
        url = f"{self._url(key)}?partNumber={number}&uploadId={quote(upload_id, safe='~')}"
        found = await self._send(url, body, checksum, {}, on_progress, template="(UploadPart)")
        compare_checksums(checksum, found.headers.get(_checksum_header(checksum)), f"part {number} of {key}")
        return Part(number, found.headers["etag"], checksum.value)

    async def copy_part(
        self, key: str, upload_id: str, number: int, source: tuple[str, str], span: tuple[int, int] | None
    ) -> Part:
        """Have the store copy a part."""
        params: dict[str, Any] = {} if span is None else {"CopySourceRange": f"bytes={span[0]}-{span[1]}"}
        found = await self._call(
            "upload_part_copy",
            Key=key,
            UploadId=upload_id,
            PartNumber=number,
            CopySource={"Bucket": source[0], "Key": source[1]},
            **params,
        )
        result = found["CopyPartResult"]
        checksum = next((str(v) for n, v in result.items() if n.startswith("Checksum") and n != "ChecksumType"), "")
        return Part(number, str(result["ETag"]), checksum)

    async def complete(self, key: str, upload_id: str, parts: Sequence[Part], checksum: Checksum, size: int) -> None:
        """Turn an upload into an object, on the condition that there is none."""
        name = f"Checksum{checksum.algorithm}"
        listed = [{"PartNumber": p.number, "ETag": p.etag, **({name: p.checksum} if p.checksum else {})} for p in parts]
        found = await self._call(
            "complete_multipart_upload",
            Key=key,
            UploadId=upload_id,
            MultipartUpload={"Parts": listed},
            IfNoneMatch="*",
            ChecksumType="FULL_OBJECT",
            MpuObjectSize=size,
            **{name: checksum.value},
        )
        theirs = str(found.get(name, "")).removesuffix("-1")
        if theirs and theirs != checksum.value:
            raise IntegrityError(f"s3: {key} in {self.bucket} has {name} {theirs} instead of {checksum.value}")

    async def abort(self, key: str, upload_id: str) -> None:
        """Abort an upload; no error when it does not exist."""
        try:
            await self._call("abort_multipart_upload", Key=key, UploadId=upload_id)
        except NotFound:
            return

    async def uploads(self, prefix: str) -> Sequence[MultipartUpload]:
        """List the unfinished uploads under *prefix*."""
        found: list[MultipartUpload] = []
        marker: dict[str, str] = {}
        while True:
            page = await self._call("list_multipart_uploads", reads=True, Prefix=prefix, **marker)
            found += (
                MultipartUpload(u["Key"], u["UploadId"], as_utc(u.get("Initiated"))) for u in page.get("Uploads", ())
            )
            if not page.get("IsTruncated"):
                return found
            marker = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    async def keys(self, prefix: str) -> Sequence[str]:
        """List the keys under *prefix*, in order."""
        found: list[str] = []
        marker: dict[str, str] = {}
        while True:
            page = await self._call("list_objects_v2", reads=True, Prefix=prefix, **marker)
            found += (str(entry["Key"]) for entry in page.get("Contents", ()))
            if not page.get("IsTruncated"):
                return found
            marker = {"ContinuationToken": page["NextContinuationToken"]}

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Delete an object; no error when there is none."""
        if if_match is None:
            await self._call("delete_object", Key=key)
            return
        # Sent once: a second request could delete another object, which has the same ETag when it has the same bytes.
        once = self._client.with_sender(self._client.sender.with_settings(retry=Retry(attempts=1)))
        await once.call("delete_object", Bucket=self.bucket, Key=key, IfMatch=if_match)

    def _url(self, key: str) -> str:
        return self._data.service.base_url + quote(key, safe="/~")

    async def _call(self, operation: str, **params: Any) -> Any:
        return await self._client.call(operation, Bucket=self.bucket, **params)

    async def _send(
        self,
        url: str,
        body: Body,
        checksum: Checksum,
        headers: dict[str, str],
        on_progress: OnProgress | None,
        *,
        template: str,
    ) -> Response:
        # Both: without the second header some servers ignore the first.
        headers = {
            _checksum_header(checksum): checksum.value,
            "x-amz-sdk-checksum-algorithm": checksum.algorithm,
            **headers,
        }
        if self._options.sign_payload:
            headers["x-amz-content-sha256"] = await hash_body(body)
        body.content_type = ""
        # Retried safely: a part may be replaced by itself, and an object that must be new refuses the second request.
        return await self._data.send(
            Call("PUT", url, headers=headers, body=body, template=template, on_progress=on_progress)
        )


def compare_checksums(sent: Checksum, received: str | None, what: str) -> None:
    """Raise ``IntegrityError`` when the store responds with another checksum than was sent."""
    if received is not None and received != sent.value:
        raise IntegrityError(f"s3: {what} arrived with {sent.algorithm} {received} instead of {sent.value}")


def _checksum_header(checksum: Checksum) -> str:
    return f"x-amz-checksum-{checksum.algorithm.lower()}"

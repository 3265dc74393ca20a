"""One bucket of one region, over S3's own requests."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from zlib import crc32

from lading._core.call import Call
from lading._core.threads import run_in_thread
from lading.errors import IntegrityError, NotFound
from lading.s3._aws.object_info import as_utc, parse_head_object
from lading.s3._checksums import encode_crc
from lading.s3._interfaces import Checksum, MultipartUpload, ObjectInfo, Part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lading._core.body import Body
    from lading._core.messages import Response, ResponseStream
    from lading._core.sender import Sender
    from lading.s3._aws.control import BotocoreClient
    from lading.types import OnProgress


@dataclass(frozen=True, slots=True)
class ObjectOptions:
    """How objects are written.

    Attributes:
        extra: Arguments of S3's own for every object: ``StorageClass``, ``ServerSideEncryption``, ``Tagging``, ...
        sign_payload: Sign SHA-256 digests of bodies, for stores that take no others.
        sign_with_botocore: Leave addresses and signatures of bodies to botocore, too.
    """

    extra: Mapping[str, str]
    sign_payload: bool = False
    sign_with_botocore: bool = False


class S3Bucket:
    """An :class:`ObjectStore`: one bucket of one region."""

    def __init__(self, bucket: str, control: BotocoreClient, data: Sender, placing: ObjectOptions) -> None:
        self.bucket = bucket
        self.control = control
        self._data = data
        self.placing = placing

    @property
    def sender(self) -> Sender:
        """Makes signed requests to the bucket."""
        return self._data

    def url(self, key: str) -> str:
        """An object's address."""
        return self._data.service.base_url + quote(key, safe="/~")

    async def stream(self, call: Call[Any], key: str, attempt: int) -> ResponseStream:
        """The answer to *call*, made for this bucket's object; the caller's to close."""
        return await self._data.stream(replace(call, path=self.url(key)), attempt=attempt).__aenter__()

    async def head(self, key: str) -> ObjectInfo | None:
        """The object; ``None`` when there is none."""
        try:
            found = await self._ask("head_object", reads=True, Key=key, ChecksumMode="ENABLED")
        except NotFound:
            return None
        return parse_head_object(found)

    async def get(self, key: str) -> tuple[bytes, ObjectInfo] | None:
        """A small object with its bytes; ``None`` when there is none."""

        def read(reply: Response) -> tuple[bytes, ObjectInfo] | None:
            if reply.status == 404:
                return None
            return reply.body, ObjectInfo(len(reply.body), reply.headers.get("etag", ""))

        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        call = Call(
            "GET", self.url(key), read, headers=headers, allow_statuses=frozenset({404}), template="(GetObject)"
        )
        return await self._data.send(call)

    async def put_small(
        self, key: str, data: bytes, *, if_match: str | None = None, if_none_match: bool = False
    ) -> str:
        """The tag of the object that was written."""
        condition: dict[str, str] = {}
        if if_match is not None:
            condition["IfMatch"] = if_match
        if if_none_match:
            condition["IfNoneMatch"] = "*"
        checksum = encode_crc(crc32(data))
        found = await self._ask(
            "put_object",
            Key=key,
            Body=data,
            ChecksumAlgorithm="CRC32",
            ChecksumCRC32=checksum,
            **{**self._extra(), "ContentType": "application/json"},
            **condition,
        )
        if found.get("ChecksumCRC32", checksum) != checksum:
            raise IntegrityError(f"s3: {key} arrived with CRC32 {found['ChecksumCRC32']} instead of {checksum}")
        return str(found["ETag"])

    async def put(
        self, key: str, body: Body, checked: Checksum, metadata: Mapping[str, str], *, on_progress: OnProgress | None
    ) -> None:
        """Write an object that must not be there yet."""
        headers = {
            **_checksum_headers(checked),
            **{f"x-amz-meta-{name}": value for name, value in metadata.items()},
            **self._extra_headers(),
            "If-None-Match": "*",
        }
        reply = await self._send("PUT", key, body, headers, on_progress, label="(PutObject)")
        _compare(checked, reply, key)

    async def create_upload(self, key: str, algorithm: str, metadata: Mapping[str, str]) -> str:
        """The name of a new multipart upload."""
        found = await self._ask(
            "create_multipart_upload",
            Key=key,
            ChecksumAlgorithm=algorithm,
            ChecksumType="FULL_OBJECT",
            Metadata=dict(metadata),
            **self._extra(),
        )
        return str(found["UploadId"])

    async def upload_part(
        self, key: str, upload_id: str, number: int, body: Body, checked: Checksum, *, on_progress: OnProgress | None
    ) -> Part:
        """The part that was uploaded."""
        query = f"?partNumber={number}&uploadId={quote(upload_id, safe='~')}"
        headers = _checksum_headers(checked)
        reply = await self._send("PUT", key, body, headers, on_progress, query=query, label="(UploadPart)")
        _compare(checked, reply, f"part {number} of {key}")
        return Part(number, reply.headers["etag"], checked.value)

    async def copy_part(
        self, key: str, upload_id: str, number: int, source: tuple[str, str], span: tuple[int, int] | None
    ) -> Part:
        """The part that was copied by the store itself."""
        params: dict[str, Any] = {} if span is None else {"CopySourceRange": f"bytes={span[0]}-{span[1]}"}
        found = await self._ask(
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

    async def complete(self, key: str, upload_id: str, parts: Sequence[Part], checked: Checksum, size: int) -> None:
        """Make the upload an object, which must not be there yet."""
        name = f"Checksum{checked.algorithm}"
        listed = [{"PartNumber": p.number, "ETag": p.etag, **({name: p.checksum} if p.checksum else {})} for p in parts]
        found = await self._ask(
            "complete_multipart_upload",
            Key=key,
            UploadId=upload_id,
            MultipartUpload={"Parts": listed},
            IfNoneMatch="*",
            ChecksumType="FULL_OBJECT",
            MpuObjectSize=size,
            **{name: checked.value},
        )
        theirs = str(found.get(name, "")).removesuffix("-1")
        if theirs and theirs != checked.value:
            raise IntegrityError(f"s3: {key} in {self.bucket} has {name} {theirs} instead of {checked.value}")

    async def abort(self, key: str, upload_id: str) -> None:
        """Throw the upload away; no error when it is gone."""
        try:
            await self._ask("abort_multipart_upload", Key=key, UploadId=upload_id)
        except NotFound:
            return

    async def uploads(self, prefix: str) -> Sequence[MultipartUpload]:
        """The uploads under *prefix* that were left over."""
        found: list[MultipartUpload] = []
        marker: dict[str, str] = {}
        while True:
            page = await self._ask("list_multipart_uploads", reads=True, Prefix=prefix, **marker)
            found += (
                MultipartUpload(u["Key"], u["UploadId"], as_utc(u.get("Initiated"))) for u in page.get("Uploads", ())
            )
            if not page.get("IsTruncated"):
                return found
            marker = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    async def keys(self, prefix: str) -> Sequence[str]:
        """The keys under *prefix*, in order."""
        found: list[str] = []
        marker: dict[str, str] = {}
        while True:
            page = await self._ask("list_objects_v2", reads=True, Prefix=prefix, **marker)
            found += (str(entry["Key"]) for entry in page.get("Contents", ()))
            if not page.get("IsTruncated"):
                return found
            marker = {"ContinuationToken": page["NextContinuationToken"]}

    async def delete(self, key: str) -> None:
        """Delete an object; no error when there is none."""
        await self._ask("delete_object", Key=key)

    async def _ask(self, operation: str, **params: Any) -> Any:
        return await self.control.call(operation, Bucket=self.bucket, **params)

    async def _send(
        self,
        method: str,
        key: str,
        body: Body,
        headers: dict[str, str],
        on_progress: OnProgress | None,
        *,
        label: str,
        query: str = "",
    ) -> Response:
        if self.placing.sign_payload:
            headers["x-amz-content-sha256"] = await _sha256(body)
        body.content_type = ""
        call = Call(
            method,
            self.url(key) + query,
            _whole,
            headers=headers,
            body=body,
            template=label,
            on_progress=on_progress,
        )
        # A part may be sent again as it is, and so may an object that must be new: the second is refused.
        return await self._data.send(call)

    def _extra(self) -> dict[str, str]:
        return dict(self.placing.extra)

    def _extra_headers(self) -> dict[str, str]:
        return {_HEADERS[name]: value for name, value in self.placing.extra.items()}


_HEADERS = {
    "ContentType": "Content-Type",
    "StorageClass": "x-amz-storage-class",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
    "Tagging": "x-amz-tagging",
}


def _checksum_headers(checked: Checksum) -> dict[str, str]:
    # Both: without the second some servers do not look at the first.
    return {
        f"x-amz-checksum-{checked.algorithm.lower()}": checked.value,
        "x-amz-sdk-checksum-algorithm": checked.algorithm,
    }


def _compare(checked: Checksum, reply: Response, what: str) -> None:
    theirs = reply.headers.get(f"x-amz-checksum-{checked.algorithm.lower()}", checked.value)
    if theirs != checked.value:
        raise IntegrityError(f"s3: {what} arrived with {checked.algorithm} {theirs} instead of {checked.value}")


async def _sha256(body: Body) -> str:
    hasher = hashlib.sha256()
    reader = body.open()
    try:
        async for piece in reader:
            await run_in_thread(hasher.update, piece)
    finally:
        await reader.aclose()
    return hasher.hexdigest()


def _whole(reply: Response) -> Response:
    return reply

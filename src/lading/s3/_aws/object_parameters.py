"""How objects are to be written, as S3's parameters and as its headers."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from lading.s3._settings import ObjectOptions

_HEADERS = {
    "ContentType": "Content-Type",
    "StorageClass": "x-amz-storage-class",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
    "Tagging": "x-amz-tagging",
}


def object_parameters(options: ObjectOptions, region: str) -> dict[str, str]:
    """Return *options* as parameters of PutObject and CreateMultipartUpload, for artifacts in *region*."""
    parameters = {
        "ContentType": options.content_type,
        "StorageClass": options.storage_class,
        "Tagging": urlencode(options.tags) if options.tags else None,
    }
    return {**{name: value for name, value in parameters.items() if value}, **_encryption(options, region)}


def record_parameters(options: ObjectOptions, region: str) -> dict[str, str]:
    """Return the parameters for what is written beside artifacts: pointers and metadata.

    They are read often and changed, so that a storage class or tags that archive or expire artifacts are not theirs.
    """
    return {"ContentType": "application/json", **_encryption(options, region)}


def object_headers(options: ObjectOptions, region: str) -> dict[str, str]:
    """Return *options* as headers of PutObject, for artifacts in *region*."""
    return {_HEADERS[name]: value for name, value in object_parameters(options, region).items()}


def _encryption(options: ObjectOptions, region: str) -> dict[str, str]:
    key = options.kms_key(region)
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}

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


def object_parameters(options: ObjectOptions) -> dict[str, str]:
    """Return *options* as parameters of PutObject and CreateMultipartUpload."""
    parameters = {
        "ContentType": options.content_type,
        "StorageClass": options.storage_class,
        "ServerSideEncryption": "aws:kms" if options.kms_key_id else None,
        "SSEKMSKeyId": options.kms_key_id,
        "Tagging": urlencode(options.tags) if options.tags else None,
    }
    return {name: value for name, value in parameters.items() if value}


def object_headers(options: ObjectOptions) -> dict[str, str]:
    """Return *options* as headers of PutObject."""
    return {_HEADERS[name]: value for name, value in object_parameters(options).items()}

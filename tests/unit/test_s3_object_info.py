"""What HeadObject says of an object, as botocore hands it on."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from lading.s3._aws.object_info import parse_head_object

MD5 = hashlib.md5(b"x").hexdigest()


def head(**more: Any) -> dict[str, Any]:
    return {"ContentLength": 1, "ETag": f'"{MD5}"', **more}


@pytest.mark.parametrize(
    ("found", "md5"),
    [
        (head(), MD5),
        (head(ServerSideEncryption="AES256"), MD5),
        (head(ServerSideEncryption="aws:kms"), None),
        (head(ServerSideEncryption="aws:kms:dsse"), None),
        (head(SSECustomerAlgorithm="AES256"), None),
        (head(ETag=f'"{MD5}-1"'), None),
        (head(ETag='"short"'), None),
    ],
)
def test_a_tag_is_an_md5_unless_a_key_of_its_own_encrypts_the_object(found: dict[str, Any], md5: str | None):
    """AWS's reference of the Object type: of SSE-C, SSE-KMS and parts the tag is no MD5 of the data."""
    assert parse_head_object(found).md5 == md5
    assert parse_head_object(found).etag == found["ETag"]


def test_checksums_of_parts_are_none_of_the_whole():
    found = head(ChecksumCRC32="AAAAAA==-1", ChecksumCRC32C="BBBBBB==-2", ChecksumSHA256="c", ChecksumType="COMPOSITE")
    assert parse_head_object(found).checksums == {"CRC32": "AAAAAA==", "SHA256": "c"}


def test_moments_are_in_utc():
    moment = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert parse_head_object(head(LastModified=moment)).changed_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert parse_head_object(head()).changed_at is None

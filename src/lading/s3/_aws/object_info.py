"""Objects as S3's responses describe them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lading.s3._interfaces import ObjectInfo


def parse_head_object(found: Any) -> ObjectInfo:
    """Parse a response of HeadObject."""
    checksums = {
        name.removeprefix("Checksum"): str(value).removesuffix("-1")
        for name, value in found.items()
        if name.startswith("Checksum") and name != "ChecksumType" and not _is_composite(str(value))
    }
    return ObjectInfo(
        int(found["ContentLength"]),
        str(found["ETag"]),
        checksums,
        dict(found.get("Metadata", {})),
        as_utc(found.get("LastModified")),
        _md5(found),
    )


def _md5(found: Any) -> str | None:
    """Return the ETag when it is an MD5, as it is not for objects in parts and those encrypted with a key."""
    tag = str(found["ETag"]).strip('"')
    if found.get("ServerSideEncryption", "AES256") != "AES256" or "SSECustomerAlgorithm" in found:
        return None
    return tag if len(tag) == 32 and "-" not in tag else None


def _is_composite(value: str) -> bool:
    """Return whether a checksum is one of the parts' checksums; with one part it is that of the object all the same."""
    _, dash, count = value.rpartition("-")
    return bool(dash) and count.isdigit() and count != "1"


def as_utc(moment: datetime | None) -> datetime | None:
    """Convert a time to UTC."""
    return None if moment is None else moment.astimezone(UTC)

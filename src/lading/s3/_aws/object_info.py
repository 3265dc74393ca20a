"""What a store's answers say of an object."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lading.s3._interfaces import ObjectInfo


def parse_head_object(found: Any) -> ObjectInfo:
    """What an answer to HeadObject says."""
    checksums = {
        name.removeprefix("Checksum"): str(value).removesuffix("-1")
        for name, value in found.items()
        if name.startswith("Checksum") and name != "ChecksumType" and not _is_of_parts(str(value))
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
    """What the tag tells, unless it is the tag of parts, or of what KMS or the writer's own key encrypted."""
    tag = str(found["ETag"]).strip('"')
    if found.get("ServerSideEncryption", "AES256") != "AES256" or "SSECustomerAlgorithm" in found:
        return None
    return tag if len(tag) == 32 and "-" not in tag else None


def _is_of_parts(value: str) -> bool:
    """Whether a checksum is of the parts' checksums; of one part, it is the whole's all the same."""
    _, dash, count = value.rpartition("-")
    return bool(dash) and count.isdigit() and count != "1"


def as_utc(moment: datetime | None) -> datetime | None:
    """That moment, in UTC."""
    return None if moment is None else moment.astimezone(UTC)

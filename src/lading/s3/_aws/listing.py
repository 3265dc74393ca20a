"""Listings of a bucket, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading.s3._aws.errors import invalid_response
from lading.s3._aws.object_info import as_utc
from lading.s3._interfaces import MultipartUpload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    ReadPage = Callable[[dict[str, str]], Awaitable[Any]]


async def list_keys(read: ReadPage) -> Sequence[str]:
    """List all keys.

    Args:
        read: Reads the page after a marker.
    """
    found: list[str] = []
    marker: dict[str, str] = {}
    while True:
        page = await read(marker)
        found += (str(entry["Key"]) for entry in _entries(page, "Contents", ("Key",), "ListObjectsV2"))
        if not page["IsTruncated"]:
            return found
        marker = _next(page, {"ContinuationToken": "NextContinuationToken"}, marker, "ListObjectsV2")


async def list_uploads(read: ReadPage) -> Sequence[MultipartUpload]:
    """List all unfinished uploads.

    Args:
        read: Reads the page after a marker.
    """
    found: list[MultipartUpload] = []
    marker: dict[str, str] = {}
    while True:
        page = await read(marker)
        entries = _entries(page, "Uploads", ("Key", "UploadId"), "ListMultipartUploads")
        found += (MultipartUpload(u["Key"], u["UploadId"], as_utc(u.get("Initiated"))) for u in entries)
        if not page["IsTruncated"]:
            return found
        names = {"KeyMarker": "NextKeyMarker", "UploadIdMarker": "NextUploadIdMarker"}
        marker = _next(page, names, marker, "ListMultipartUploads")


def _entries(page: Any, name: str, keys: tuple[str, ...], operation: str) -> Sequence[Any]:
    entries: Sequence[Any] = page.get(name) or ()
    if any(entry.get(key) is None for entry in entries for key in keys):
        raise invalid_response("s3", operation, "has an entry that is not complete", reads=True)
    return entries


def _next(page: Any, names: dict[str, str], before: dict[str, str], operation: str) -> dict[str, str]:
    marker = {name: page.get(theirs) for name, theirs in names.items()}
    if None in marker.values() or marker == before:
        raise invalid_response("s3", operation, "does not say where the next page begins", reads=True)
    return {name: str(value) for name, value in marker.items()}

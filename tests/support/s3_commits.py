"""One version on its way into a bucket in memory, in parts of a few bytes."""

from __future__ import annotations

from lading.s3._staging.commit import Commit
from tests.support.memory_s3 import Bucket, source_of

KEY = "P@1.0.0"
DATA = b"0123456789"
META = b'{\n  "a": "1"\n}'


def commit(bucket: Bucket, data: bytes = DATA, metadata: bytes | None = META, **options: object) -> Commit:
    """It, standing still."""
    return Commit(bucket, "P", "1.0.0", KEY, source_of(data), metadata, "here", **options)  # type: ignore[arg-type]


def check_there(bucket: Bucket, data: bytes = DATA, metadata: bytes | None = META) -> None:
    """The whole artifact, its metadata, and no upload."""
    assert bucket.objects[KEY].data == data
    assert (bucket.objects[f"{KEY}/metadata"].data if metadata else None) == metadata
    assert not bucket.open

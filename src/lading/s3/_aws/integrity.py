"""Checksums that go with a body, and what the store says of what has arrived."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from lading.errors import IntegrityError
from lading.s3._aws.signing import hash_body

if TYPE_CHECKING:
    from lading._core.body import Body
    from lading.s3._interfaces import Checksum


def compare_checksums(sent: Checksum, received: str | None, what: str) -> None:
    """Raise ``IntegrityError`` when the store responds with another checksum than was sent."""
    if received is not None and received != sent.value:
        raise IntegrityError(
            f"s3: {what} arrived with {sent.algorithm} {received} instead of {sent.value}", outcome="unknown"
        )


def checksum_header(checksum: Checksum) -> str:
    """Return the name of the header with a checksum."""
    return f"x-amz-checksum-{checksum.algorithm.lower()}"


async def md5_of(body: Body) -> str:
    """Return a body's MD5 as ``Content-MD5`` has it."""
    return b64encode(await hash_body(body, "md5")).decode("ascii")

"""The bytes that are staged: read once for their digests, then sent part by part."""

from __future__ import annotations

import hashlib
import os
from base64 import b64decode
from collections.abc import AsyncIterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio

from lading._core.body import BytesBody, FileBody
from lading._core.files import FileVersion, StrPath, file_changed_error, file_version, hash_file
from lading._core.spool import ByteSource, spool, temporary_file
from lading._core.threads import run_in_thread
from lading.errors import InputError
from lading.s3._checksums import CrcHasher, PartChecksums, combine_crcs, encode_crc
from lading.s3._interfaces import Checksum

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from lading._core.body import Body

ArtifactSource: TypeAlias = "StrPath | ByteSource"

# Each costs the store a request, and is what is sent again after an interruption. Of a gateway on loopback, parts of
# 16 MiB took 0.93 of the time of 8 MiB ones, parts of 32 MiB 0.89.
PART = 16 << 20
_MOST_PARTS = 10_000


@dataclass(frozen=True, slots=True)
class File:
    """A file on disk that has been read once.

    Attributes:
        path: Its path.
        version: What it was when it was read: it must not change until it has been sent.
    """

    path: StrPath
    version: FileVersion


@dataclass(slots=True)
class Source:
    """Bytes with their digests, in parts.

    Attributes:
        size: Bytes.
        content: The bytes, or the file that has them.
        digests: Their digests.
        name: The file's name; empty when there is none.
    """

    size: int
    content: bytes | File
    digests: SourceDigests
    name: str = ""
    _more_digests: dict[str, str] = field(default_factory=dict[str, str])
    _digesting: anyio.Lock = field(default_factory=anyio.Lock)

    @property
    def sha256(self) -> str:
        """The SHA-256 digest, in hex."""
        return self.digests.sha256

    @property
    def algorithm(self) -> str:
        """The algorithm of the checksums that S3 verifies."""
        return self.digests.algorithm

    @property
    def checksum(self) -> Checksum:
        """The checksum of all bytes."""
        return self._checksum_of(self.digests.crcs)

    @property
    def parts(self) -> int:
        """The number of parts."""
        return -(-len(self.digests.crcs) // self._pieces)

    @property
    def part_size(self) -> int:
        """Bytes in each part but the last."""
        return PART * self._pieces

    @property
    def _pieces(self) -> int:
        """How many of the pieces whose checksums are known make a part."""
        return -(-len(self.digests.crcs) // _MOST_PARTS)

    def part(self, number: int) -> tuple[Body, Checksum]:
        """Return a part, numbered from 1, and its checksum."""
        first = (number - 1) * self._pieces
        offset = first * PART
        length = min(self.part_size, self.size - offset)
        return self._slice(offset, length), self._checksum_of(self.digests.crcs[first : first + self._pieces])

    def body(self) -> Body:
        """Return all bytes in one body."""
        return self._slice(0, self.size)

    async def digest(self, name: str) -> str:
        """Compute another digest, in hex, to compare with what startifact staged, which has no SHA-256.

        It takes another pass: MD5 takes longer than all other digests together.

        Args:
            name: ``"md5"``, ``"CRC32"`` or ``"CRC32C"``.
        """
        if name == self.algorithm:
            return b64decode(self.checksum.value).hex()
        if name not in self._more_digests:
            async with self._digesting:  # all regions need it concurrently: one pass is enough
                if name not in self._more_digests:
                    self._more_digests[name] = await self._digest(name)
        return self._more_digests[name]

    async def _digest(self, name: str) -> str:
        # MD5 is not for security here: it is compared with what is in the store.
        hasher: Any = hashlib.md5(usedforsecurity=False) if name == "md5" else CrcHasher(name)
        if not isinstance(self.content, File):
            await run_in_thread(hasher.update, self.content)
        elif (await hash_file(self.content.path, {name: lambda: hasher})).stamp != self.content.version:
            raise file_changed_error(self.content.path)
        return str(hasher.hexdigest())

    def _checksum_of(self, crcs: Sequence[tuple[int, int]]) -> Checksum:
        return Checksum(self.algorithm, encode_crc(combine_crcs(self.algorithm, crcs)))

    def _slice(self, offset: int, length: int) -> Body:
        if isinstance(self.content, File):
            return FileBody(self.content.path, self.content.version, offset=offset, length=length)
        return BytesBody(self.content[offset : offset + length])


class SourceDigests:
    """Digests of a source, computed while it is read.

    Args:
        algorithm: The algorithm of the checksums that S3 verifies.
    """

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        self._sha256 = hashlib.sha256()
        self._crcs = PartChecksums(algorithm, PART)

    @property
    def makers(self) -> Mapping[str, Callable[[], Any]]:
        """A maker of each hasher, for :func:`hash_file`."""
        return {"sha256": lambda: self._sha256, "crcs": lambda: self._crcs}

    def update(self, data: bytes | memoryview) -> None:
        """Add bytes."""
        for hasher in (self._sha256, self._crcs):
            hasher.update(data)

    @property
    def sha256(self) -> str:
        """The SHA-256 digest, in hex."""
        return self._sha256.hexdigest()

    @property
    def crcs(self) -> Sequence[tuple[int, int]]:
        """(value, length) of every piece of ``PART`` bytes."""
        return self._crcs.values or [(0, 0)]


@asynccontextmanager
async def open_source(source: ArtifactSource, algorithm: str) -> AsyncIterator[Source]:
    """Read *source* once; within the block, what came from an async iterable is in a temporary file."""
    digests = SourceDigests(algorithm)
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
        await run_in_thread(digests.update, data)
        yield Source(len(data), data, digests)
    elif isinstance(source, AsyncIterable) or callable(source):
        async with temporary_file() as path:
            size = await spool(source, path, digests.update)
            yield Source(size, File(path, await file_version(path)), digests)
    elif isinstance(source, (str, os.PathLike)):
        version = (await hash_file(source, digests.makers)).stamp
        yield Source(version.size, File(source, version), digests, Path(source).name)
    else:
        raise InputError("source is a path, bytes, or an async iterable of bytes", argument="source")

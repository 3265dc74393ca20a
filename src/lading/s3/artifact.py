"""A staged artifact."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lading._core.arguments import checked
from lading._core.call import Call
from lading._core.download import Expected, download, target_path
from lading._core.download_stream import DownloadStream
from lading.errors import LadingError
from lading.s3._layout import FILENAME, NO_METADATA

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path

    from lading._core.files import StrPath
    from lading.s3._download.failover import RegionFailover
    from lading.types import OnProgress


@dataclass(frozen=True, slots=True)
class Location:
    """The location of an artifact in one region.

    Attributes:
        region: The region.
        bucket: Its bucket.
        key: The key in it.
        etag: The object's ETag, with quotation marks; differs between regions.
    """

    region: str
    bucket: str
    key: str
    etag: str


@checked()
@dataclass(frozen=True, slots=True)
class Artifact:
    """A staged artifact. ``artifact["lang"]`` reads its metadata.

    Attributes:
        project: The project.
        version: The version.
        key: The object's key, the same in every region.
        size: Bytes.
        sha256: Its digest in hex; ``None`` when it was staged by startifact, which stores none.
        md5: In hex; ``None`` where the object's ETag is not an MD5: for multipart objects, and for those that KMS
            encrypts.
        metadata: Its metadata.
        regions: Its locations, by region, best first.
        unreachable: Errors of the regions that could not be checked, by region.
    """

    project: str
    version: str
    key: str
    size: int
    sha256: str | None
    md5: str | None
    metadata: Mapping[str, str]
    regions: Mapping[str, Location]
    unreachable: Mapping[str, LadingError] = field(default_factory=dict[str, LadingError])
    _expected: Expected = field(default_factory=Expected, repr=False)
    _failover: RegionFailover | None = field(default=None, repr=False)
    _stored_metadata: bytes = field(default=NO_METADATA, repr=False)

    def __getitem__(self, name: str) -> str:
        return self.metadata[name]

    def __contains__(self, name: object) -> bool:
        return name in self.metadata

    def __iter__(self) -> Iterator[str]:
        return iter(self.metadata)

    def __len__(self) -> int:
        return len(self.metadata)

    @property
    def filename(self) -> str | None:
        """The name of the file that was staged, when it was saved."""
        return self.metadata.get(FILENAME)

    async def download(self, to: StrPath, *, on_progress: OnProgress | None = None) -> Path:
        """Download the artifact, verify it, and return the path of the file.

        There is no file at that path until size and digest match. An interrupted transfer resumes, in another region
        if there is one; when a region is slow to respond, the next is requested too.

        Args:
            to: The path of the file; or an existing directory, or a path that ends in a slash, which is created: then
                its saved name, or ``<project>-<version>``.
            on_progress: Called with how many bytes have arrived.

        Raises:
            IntegrityError: Size or digest do not match.
            InvalidResponse: The saved name is not a plain file name; nothing was written.
            OSError: The file cannot be written.
        """
        target = await target_path(to, self.filename or f"{self.project}-{self.version}")
        call = Call("GET", self.key, template="(GetObject)")
        return await download(self._require_failover(), call, target, promise=self._expected, on_progress=on_progress)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open an async context manager over the artifact's bytes as they arrive.

        An interrupted transfer resumes as in :meth:`download`.

        ::

            async with artifact.open() as pieces:
                async for piece in pieces: ...

        Raises:
            IntegrityError: With the last piece: size or digest do not match. Discard all pieces then.
        """
        # Leaving the block early releases the connection.
        failover = self._require_failover()
        call = Call("GET", self.key, template="(GetObject)")
        stream = DownloadStream(failover, call, self._expected, f"s3: {self.key}", failover.prefer_next)
        async with aclosing(stream) as pieces:
            await pieces.start()
            yield pieces

    def _require_failover(self) -> RegionFailover:
        assert self._failover is not None  # noqa: S101 - the stager sets it
        return self._failover


def stored_metadata(artifact: Artifact) -> bytes | None:
    """Return the bytes of an artifact's metadata, as they are stored; ``None`` when it has none."""
    data = artifact._stored_metadata  # noqa: SLF001 - of this module
    return None if data == NO_METADATA else data

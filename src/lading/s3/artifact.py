"""A staged artifact, as its regions have it."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lading._core.call import Call
from lading._core.download import Expected, download
from lading._core.files import safe_name
from lading._core.threads import run_in_thread
from lading.errors import LadingError
from lading.s3._download.failover import Promised, RegionFailover
from lading.s3._download.stream import ArtifactStream
from lading.s3._layout import FILENAME

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from lading._core.files import StrPath
    from lading._core.sender import Sender
    from lading.types import OnProgress


@dataclass(frozen=True, slots=True)
class Location:
    """Where one region has an artifact.

    Attributes:
        region: The region.
        bucket: Its bucket.
        key: The key in it.
        etag: The object's tag, with quotation marks; differs between regions.
    """

    region: str
    bucket: str
    key: str
    etag: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """A staged artifact. ``artifact["lang"]`` is its metadata's.

    Attributes:
        project: The project.
        version: The version.
        key: The object's key, the same in every region.
        size: Bytes.
        sha256: Its digest in hex; ``None`` when it was staged by startifact, which keeps none.
        md5: In hex; ``None`` where the object's tag is none, as of objects in parts and those that KMS encrypts.
        metadata: Its metadata.
        regions: Where it is, by region, best first.
        unreachable: By region: why it could not be asked.
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
    _promised: Promised = field(default_factory=Promised, repr=False)
    _reading: RegionFailover | None = field(default=None, repr=False)

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
        """The name of the file that was staged, where that was saved."""
        return self.metadata.get(FILENAME)

    async def download(self, to: StrPath, *, on_progress: OnProgress | None = None) -> Path:
        """The path of the downloaded file, verified.

        Nothing is at that path until size and digest are as they should be. A transfer that breaks off goes on where
        it was, from another region if need be; a region that is slow to answer is raced against the next.

        Args:
            to: The path of the file; or a folder that exists: then its saved name, or ``<project>-<version>``.
            on_progress: Told how many bytes have come.

        Raises:
            IntegrityError: Size or digest do not match.
            InvalidResponse: The saved name is not a plain file name; nothing was written.
            OSError: The file cannot be written.
        """
        target = Path(to)
        if await run_in_thread(target.is_dir):
            target /= safe_name(self.filename or f"{self.project}-{self.version}")
        reading = self._of()
        promise = Expected(self.size, self._promised.digests, self._promised.hashers)
        # It takes the place of a sender: which region is asked is its business, attempt by attempt.
        sender: Sender = reading  # type: ignore[assignment]
        call = Call("GET", reading.url, template="(GetObject)")
        return await download(sender, call, target, promise=promise, on_progress=on_progress)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[bytes]]:
        """An async context manager over the artifact's bytes, as they come. Where they break off, it goes on as
        :meth:`download` does.

        ::

            async with artifact.open() as pieces:
                async for piece in pieces: ...

        Raises:
            IntegrityError: With the last piece: size or digest do not match. Keep nothing then.
        """
        # Whoever leaves in the middle leaves no connection behind.
        async with aclosing(ArtifactStream(self._of(), self._promised, self.size, self.key)) as pieces:
            await pieces.begin()
            yield pieces

    def _of(self) -> RegionFailover:
        assert self._reading is not None  # noqa: S101 - the stager gives one
        return self._reading

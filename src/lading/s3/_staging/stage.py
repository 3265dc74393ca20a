"""Staging one version in all regions: one decides, the others copy from it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lading.errors import Forbidden, InputError, LadingError
from lading.s3._errors import VersionExists
from lading.s3._layout import highest
from lading.s3._regions import Regions, for_each_region
from lading.s3._results import RegionResult, RegionStatus, StageResult
from lading.s3._staging.commit import Commit
from lading.s3._staging.latest import LatestPointer, LatestState

if TYPE_CHECKING:
    from lading.s3._staging.source import Source
    from lading.types import OnProgress


@dataclass(slots=True)
class StageOperation:
    """One version on its way into all regions.

    Attributes:
        regions: The regions.
        project: The project.
        version: The version.
        source: Its bytes.
        metadata: The bytes of its metadata; ``None`` when it has none.
        latest: Whether it becomes the latest; ``None`` to decide by the versions.
        on_progress: Told how many bytes have been sent.
        read_only: Whether to look only.
    """

    regions: Regions
    project: str
    version: str
    source: Source
    metadata: bytes | None
    latest: bool | None = None
    on_progress: OnProgress | None = None
    read_only: bool = False
    _done: dict[str, RegionResult] = field(default_factory=dict[str, RegionResult])

    async def run(self) -> StageResult:
        """What became of it in every region.

        Raises:
            VersionExists: A region has that version with other bytes or metadata; nothing was written to any other.
        """
        commits = {name: self._commit(name) for name in self.regions.buckets}
        for name, error in self.regions.failed.items():
            self._record(name, "failed", error=error)
        await self._compare_all(commits)
        if not self.read_only:
            await self._write(commits)
            await self._update_latest(commits)
        key = self.regions.require_configuration.key(self.project, self.version)
        # In the order of the regions.
        done = {name: self._done[name] for name in self.regions.known if name in self._done}
        return StageResult(self.project, self.version, key, self.source.size, self.source.sha256, done)

    def _commit(self, region: str) -> Commit:
        return Commit(
            store=self.regions.buckets[region],
            project=self.project,
            version=self.version,
            key=self.regions.require_configuration.key(self.project, self.version),
            source=self.source,
            metadata=self.metadata,
            region=region,
            on_progress=self.on_progress,
        )

    async def _compare_all(self, commits: dict[str, Commit]) -> None:
        """See that no region has another version of that name, before any is written to."""

        async def look(region: str) -> bool:
            return await commits[region].compare()

        found, failed = await for_each_region(look, list(commits))
        for name, error in failed.items():
            if isinstance(error, (VersionExists, InputError)):
                raise error  # the file changed: that is no region's failure
            if not isinstance(error, Forbidden):
                self._record(name, "failed", error=error)
                del commits[name]
        if self.read_only:
            for name, there in found.items():
                self._record(name, "already there" if there else "would be created", commit=commits[name])

    async def _write(self, commits: dict[str, Commit]) -> None:
        """One region after the other until one has it: that decides between stagers. Then all others."""
        # All stagers in the same order, however their regions were given to them.
        left = sorted(commits)
        first = ""
        while left and not first:
            name = left.pop(0)
            if await self._commit_region(commits[name]):
                first = name
        for name in left:
            commits[name].copy_from = (commits[first].store.bucket, commits[first].key)

        async def rest(region: str) -> bool:
            return await self._commit_region(commits[region])

        _, failed = await for_each_region(rest, left)
        for error in failed.values():
            raise error

    async def _commit_region(self, commit: Commit) -> bool:
        """Whether the region has it now."""
        try:
            what = await commit.run()
        except VersionExists as error:
            if not any(found.error is None for found in self._done.values()):
                raise
            # Another stager could not reach the region that decided.
            self._record(commit.region, "failed", error=error, commit=commit)
        except InputError:
            raise  # the file changed: that is no region's failure
        except LadingError as error:
            self._record(commit.region, "failed", error=error, commit=commit)
        else:
            self._record(commit.region, what, commit=commit)
            return True
        return False

    async def _update_latest(self, commits: dict[str, Commit]) -> None:
        """Have every region that has it say which version is the latest."""
        done = [name for name, found in self._done.items() if found.error is None]
        pointers = {name: self._pointer(name, commits[name].warnings) for name in done}

        async def look(region: str) -> LatestState:
            return await pointers[region].read()

        async def advance(region: str) -> str | None:
            return await pointers[region].advance(
                self.version,
                self.source.sha256,
                latest=self.latest,
                fresh=self._done[region].status == "created",
                counter=counter,
                heard=heard,
                seen=seen.get(region),
            )

        seen, _ = await for_each_region(look, done)
        counter = max((one.counter for one in seen.values()), default=0)
        heard = highest(*(one.highest for one in seen.values()))
        latest, failed = await for_each_region(advance, done)
        for name in done:
            found = self._done[name]
            error = failed.get(name)
            what: RegionStatus = found.status if error is None else "failed"
            warnings = tuple(commits[name].warnings)
            self._done[name] = replace(found, status=what, latest=latest.get(name), error=error, warnings=warnings)

    def _pointer(self, region: str, warnings: list[str]) -> LatestPointer:
        return LatestPointer(
            self.regions.buckets[region],
            self.regions.known[region].parameters,
            self.regions.require_configuration,
            self.project,
            warnings,
        )

    def _record(
        self, region: str, what: RegionStatus, *, error: LadingError | None = None, commit: Commit | None = None
    ) -> None:
        if commit is None:
            self._done[region] = RegionResult(region, what, error=error)
            return
        copied = what == "created" and commit.copy_from is not None
        self._done[region] = RegionResult(
            region, what, commit.store.bucket, copied=copied, error=error, warnings=tuple(commit.warnings)
        )

"""Staging one version in all regions: the first decides between stagers, the others copy from it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lading.errors import Forbidden, InputError, LadingError
from lading.s3._errors import VersionExists
from lading.s3._layout import highest
from lading.s3._regions import Regions, for_each_region
from lading.s3._results import RegionResult, RegionStatus, StageResult
from lading.s3._staging.commit import Commit
from lading.s3._staging.latest import LatestState, pointer_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading.s3._staging.source import Source
    from lading.types import OnProgress


@dataclass(slots=True)
class StageOperation:
    """Staging of one version in all regions.

    Attributes:
        regions: The regions.
        project: The project.
        version: The version.
        source: Its bytes.
        metadata: The bytes of its metadata; ``None`` when it has none.
        latest: Whether it becomes the latest; ``None`` to decide by the versions.
        on_progress: Called with how many bytes have been sent.
        read_only: Whether to compare only.
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
        """Stage the version and return the result of every region.

        Raises:
            VersionExists: A region has that version with other bytes or metadata; nothing was written to any other.
        """
        for name, error in self.regions.failed.items():
            self._record(name, "failed", error=error)
        commits = await self._compare_all({name: self._make_commit(name) for name in self.regions.buckets})
        if not self.read_only:
            await self._write_all(commits)
            await self._update_latest(commits)
        key = self.regions.require_configuration.key(self.project, self.version)
        # In the order of the regions.
        done = {name: self._done[name] for name in self.regions.known if name in self._done}
        return StageResult(self.project, self.version, key, self.source.size, self.source.sha256, done)

    def _make_commit(self, region: str) -> Commit:
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

    async def _compare_all(self, commits: Mapping[str, Commit]) -> dict[str, Commit]:
        """Check that no region has another artifact of that name; return the commits of regions that responded."""

        async def compare(region: str) -> bool:
            return await commits[region].compare()

        found, failed = await for_each_region(compare, list(commits))
        for name, error in failed.items():
            if isinstance(error, (VersionExists, InputError)):
                raise error  # the file changed: that is not the region's failure
            if not isinstance(error, Forbidden):
                self._record(name, "failed", error=error)
        if self.read_only:
            for name, there in found.items():
                self._record(name, "unchanged" if there else "planned", commit=commits[name])
        return {name: commit for name, commit in commits.items() if name not in self._done}

    async def _write_all(self, commits: Mapping[str, Commit]) -> None:
        """Write to one region after the other until one has it, which decides between stagers; then to all others."""
        # All stagers in the same order, however their regions were given to them.
        left = sorted(commits)
        first = ""
        while left and not first:
            name = left.pop(0)
            if await self._commit_region(commits[name]):
                first = name
        for name in left:
            commits[name].copy_from = (commits[first].store.bucket, commits[first].key)

        async def commit_region(region: str) -> bool:
            return await self._commit_region(commits[region])

        _, failed = await for_each_region(commit_region, left)
        for error in failed.values():
            raise error

    async def _commit_region(self, commit: Commit) -> bool:
        """Stage the version in one region and return whether the region has it now."""
        try:
            status = await commit.run()
        except VersionExists as error:
            if not any(found.error is None for found in self._done.values()):
                raise
            # Another stager could not reach the region that decided.
            self._record(commit.region, "failed", error=error, commit=commit)
        except InputError:
            raise  # the file changed: that is not the region's failure
        except LadingError as error:
            self._record(commit.region, "failed", error=error, commit=commit)
        else:
            self._record(commit.region, status, commit=commit)
            return True
        return False

    async def _update_latest(self, commits: Mapping[str, Commit]) -> None:
        """Update the latest version in every region that has this one."""
        done = [name for name, found in self._done.items() if found.error is None]
        pointers = {name: pointer_of(self.regions, name, self.project) for name in done}

        async def read(region: str) -> LatestState:
            return await pointers[region].read()

        async def advance(region: str) -> str | None:
            return await pointers[region].advance(
                self.version,
                self.source.sha256,
                latest=self.latest,
                is_new=self._done[region].status == "created",
                counter=counter,
                named=named,
                state=states.get(region),
            )

        states, _ = await for_each_region(read, done)
        counter = max((one.counter for one in states.values()), default=0)
        named = highest(*(one.highest for one in states.values()))
        latest, failed = await for_each_region(advance, done)
        for name in done:
            found, error = self._done[name], failed.get(name)
            self._done[name] = replace(
                found,
                status=found.status if error is None else "failed",
                latest=latest.get(name),
                error=error,
                warnings=(*commits[name].warnings, *pointers[name].warnings),
            )

    def _record(
        self, region: str, status: RegionStatus, *, error: LadingError | None = None, commit: Commit | None = None
    ) -> None:
        if commit is None:
            self._done[region] = RegionResult(region, status, error=error)
            return
        copied = status == "created" and commit.transferred.copied
        self._done[region] = RegionResult(
            region, status, commit.store.bucket, copied=copied, error=error, warnings=commit.warnings
        )

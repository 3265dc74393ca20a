"""Staging one version in all regions: the first decides between stagers, the others copy from it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from lading.errors import Conflict, InputError, LadingError
from lading.s3._errors import VersionExists
from lading.s3._gather import STAGE_GRACE, Grace
from lading.s3._layout import highest
from lading.s3._results import Policy, RegionResult, RegionStatus, StageResult, needed
from lading.s3._staging.commit import Commit
from lading.s3._staging.latest import LatestState, pointer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lading.s3._regions import Regions
    from lading.s3._staging.source import Source
    from lading.types import OnProgress

T = TypeVar("T")

# Seconds for a region that did not respond a moment ago: it may decide, if it responds again.
_SUSPECTS = 1.0


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
        policy: How many regions must have it; see :meth:`Stager.stage`.
        read_only: Whether to compare only.
    """

    regions: Regions
    project: str
    version: str
    source: Source
    metadata: bytes | None
    latest: bool | None = None
    on_progress: OnProgress | None = None
    policy: Policy = "all"
    read_only: bool = False
    _commits: dict[str, Commit] = field(default_factory=dict[str, Commit])
    _done: dict[str, RegionResult] = field(default_factory=dict[str, RegionResult])

    async def run(self) -> StageResult:
        """Stage the version and return the result of every region.

        Raises:
            VersionExists: The region that decides has that version with other bytes or metadata, or any region had it
                before; nothing was written to any other.
            StageFailed: Fewer regions have it than the policy requires.
        """
        await self._compare_all()
        if not self.read_only:
            await self._write_all()
            if self.policy == "quorum" and self._count() < self._needed:
                await self._remove_all()
            else:
                await self._update_latest()
        key = self.regions.require_configuration.key(self.project, self.version)
        # In the order of the regions.
        done = {name: self._done[name] for name in self.regions.known if name in self._done}
        result = StageResult(
            self.project, self.version, key, self.source.size, self.source.sha256, done, self._make_warnings()
        )
        result.check(self.policy)
        return result

    @property
    def _needed(self) -> int:
        return needed(self.policy, len(self.regions.known))

    def _count(self) -> int:
        """Return how many regions have it so far."""
        return sum(found.error is None for found in self._done.values())

    def _make_warnings(self) -> tuple[str, ...]:
        failed = [name for name, found in self._done.items() if found.error is not None]
        if self.policy != "any" or not failed or self.read_only:
            return ()
        text = (
            f"{', '.join(failed)} failed: another stager may have staged {self.project} {self.version} there with "
            'other bytes, and have succeeded as well (policy="any")'
        )
        return (text,)

    def _make_grace(self, enough: Callable[[Mapping[str, T]], bool], *, writes: bool) -> Grace[T] | None:
        """Return how long other regions are waited for; ``None`` when the policy needs all."""
        if self.policy == "all":
            return None
        return Grace(enough, STAGE_GRACE, stretches=True, suspects=_SUSPECTS, writes=writes)

    def _abandon(self, region: str) -> None:
        if region in self._commits:
            self._commits[region].abandon()

    async def _compare_all(self) -> None:
        """Check that no region has another artifact of that name; keep the commits of regions that responded."""

        async def compare(region: str) -> bool:
            commit = Commit(
                store=await self.regions.bucket_of(region),
                project=self.project,
                version=self.version,
                key=self.regions.require_configuration.key(self.project, self.version),
                source=self.source,
                metadata=self.metadata,
                region=region,
                on_progress=self.on_progress,
                removable=self.policy == "quorum",
            )
            self._commits[region] = commit
            return await commit.compare()

        grace: Grace[bool] | None = self._make_grace(lambda some: len(some) >= self._needed, writes=False)
        found, failed = await self.regions.gather(compare, grace=grace)
        for name, error in failed.items():
            if isinstance(error, (VersionExists, InputError)):
                raise error  # the file changed: that is not the region's failure
            self._commits.pop(name, None)
            self._record(name, "failed", error=error)
        if self.read_only:
            for name, there in found.items():
                self._record(name, "unchanged" if there else "planned", commit=self._commits[name])

    async def _write_all(self) -> None:
        """Write to the region that decides between stagers, then to all others."""
        # All stagers in the same order, however their regions were given to them.
        order = sorted(self.regions.known)
        # Who needs all regions needs the first one: when it fails, no other may decide, nor have what it has not.
        first = await self._decide(order[:1] if self.policy == "all" else order)
        left = [name for name in order if name in self._commits and name not in self._done]
        if first is None:
            for name in left:
                self._record(name, "failed", error=LadingError(f"s3: {order[0]}, which decides, failed"))
            return
        for name in left:
            self._commits[name].copy_from = (first.store.bucket, first.key)

        async def commit_region(region: str) -> None:
            await self._commit_region(self._commits[region])

        grace: Grace[None] | None = self._make_grace(lambda _: self._count() >= self._needed, writes=True)
        _, failed = await self.regions.gather(commit_region, left, grace, self._abandon)
        for name, error in failed.items():
            self._record(name, "failed", error=error, commit=self._commits[name])
        for error in failed.values():
            if isinstance(error, InputError):
                await self._withdraw(error)
                raise error  # the file changed: that is not the region's failure

    async def _decide(self, order: list[str]) -> Commit | None:
        """Write to one region after another until one has it, and return its commit."""
        for name in order:
            if name not in self._commits:
                continue
            try:
                await self._commit_region(self._commits[name])
            except (Conflict, InputError) as error:
                await self._withdraw(error)
                raise
            except LadingError as error:
                self._record(name, "failed", error=error, commit=self._commits[name])
            else:
                return self._commits[name]
        return None

    async def _withdraw(self, error: LadingError) -> None:
        """Remove what was created, where the policy demands it, before *error* ends staging; set its outcome."""
        if self.policy == "quorum":
            await self._remove_all()
        # Another region may have it all the same.
        for found in self._done.values():
            if found.status == "created" or (found.error is not None and found.error.outcome == "unknown"):
                error.outcome = "unknown"

    async def _commit_region(self, commit: Commit) -> None:
        status = await commit.run()
        self._record(commit.region, status, commit=commit)

    async def _remove_all(self) -> None:
        """Remove what was created, as too few regions have it."""

        async def remove(region: str) -> bool:
            return await self._commits[region].remove()

        written = [
            name
            for name, found in self._done.items()
            if name in self._commits and (found.error is None or found.error.outcome == "unknown")
        ]
        grace: Grace[bool] = Grace(lambda _: True, STAGE_GRACE, suspects=_SUSPECTS, writes=True)
        removed, failed = await self.regions.gather(remove, written, grace)
        for name in written:
            found = self._done[name]
            error = failed.get(name) or found.error
            if error is not None and name in failed:
                error.outcome = "unknown"
            elif removed[name]:
                gone = LadingError(f"s3: it was removed from {name}, as too few regions have it")
                error = error or (gone if found.status == "created" else None)
                if error is not None:
                    error.outcome = "not_done"
            elif error is None:
                error = LadingError(f"s3: {name} has it, and another stager counts on that", outcome="unknown")
            self._done[name] = replace(found, status=found.status if error is None else "failed", error=error)

    async def _update_latest(self) -> None:
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

        reads: Grace[LatestState] | None = self._make_grace(lambda some: len(some) >= self._needed, writes=False)
        states, not_read = await self.regions.gather(read, done, reads)
        counter = max((one.counter for one in states.values()), default=0)
        named = highest(*(one.highest for one in states.values()))
        # One that did not respond to the reading is not waited for again.
        reached = [name for name in done if self.policy == "all" or name not in not_read]
        writes: Grace[str | None] | None = self._make_grace(lambda some: len(some) >= self._needed, writes=True)
        latest, failed = await self.regions.gather(advance, reached, writes)
        for name in done:
            found, error = self._done[name], failed.get(name)
            if name not in reached:
                error = not_read[name]
            if error is not None and found.status != "unchanged":
                error.outcome = "unknown"  # the artifact is there
            self._done[name] = replace(
                found,
                status=found.status if error is None else "failed",
                latest=latest.get(name),
                error=error,
                warnings=(*self._commits[name].warnings, *pointers[name].warnings),
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

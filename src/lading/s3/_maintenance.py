"""Looking after what is staged: the organisation's configuration, pointers, leftovers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lading.errors import ConfigError, InputError, LadingError, NotFound, StageFailed
from lading.s3._layout import Configuration, check_project, check_regions, check_version, highest
from lading.s3._regions import for_each_region
from lading.s3._session import StagerSession

if TYPE_CHECKING:
    from collections.abc import Sequence

    from semver import Version

    from lading.s3._interfaces import MultipartUpload
    from lading.s3._staging.latest import LatestState


class Care(StagerSession):
    """The part of a stager that looks after what is staged."""

    async def setup(
        self,
        *,
        bucket_name_param: str,
        bucket_key_prefix: str = "",
        parameter_name_prefix: str = "",
        regions: Sequence[str] | None = None,
    ) -> Configuration:
        """The organisation's new configuration, once every region has it. It is taken out of regions that it drops.

        Args:
            bucket_name_param: The name of the SSM parameter that holds the name of a region's bucket; it must be in
                every region already.
            bucket_key_prefix: What every key begins with; empty, or with a slash at its end.
            parameter_name_prefix: What the names of parameters begin with; empty, or ``/like/this``.
            regions: All regions of the organisation; by default the stager's.

        Raises:
            StageFailed: Some regions could not be written to, or do not say what was written; ``.failed`` has them.
            InputError: A prefix is not as it must be.
        """
        self._writes()
        if not bucket_name_param:
            raise InputError("bucket_name_param must not be empty", argument="bucket_name_param")
        known = await self._open()
        wanted = check_regions(tuple(known.known) if regions is None else regions)
        if not wanted:
            raise InputError("regions must not be empty: all would be dropped", argument="regions")
        before = () if known.configuration is None else known.configuration.regions
        dropped = [name for name in {*known.known, *before} if name not in wanted]
        new = Configuration(bucket_name_param, bucket_key_prefix, parameter_name_prefix, wanted)
        missing = [name for name in (*wanted, *dropped) if name not in known.known]
        all_regions = {**known.known, **await self._connect(missing)}

        async def write(region: str) -> None:
            parameters = all_regions[region].parameters
            if await parameters.get(bucket_name_param) is None:
                raise NotFound(f"ssm: {region} has no parameter {bucket_name_param}", service="ssm")
            await parameters.put(self._parameter, new.dump())
            if await parameters.get(self._parameter) != new.dump():
                raise LadingError(f"ssm: {region} does not say what was written to {self._parameter}")

        async def drop(region: str) -> None:
            await all_regions[region].parameters.delete(self._parameter)

        done, failed = await for_each_region(write, wanted)
        if not failed:
            _, failed = await for_each_region(drop, dropped)
        if failed:
            reasons = "; ".join(f"{name}: {error}" for name, error in failed.items())
            raise StageFailed(
                f"s3: the configuration is not the same everywhere now: {reasons}", succeeded=done, failed=failed
            )
        known.known, known.configuration = {name: all_regions[name] for name in wanted}, new
        known.buckets.clear()
        await known.load()
        return new

    async def set_latest(self, project: str, version: str | Version) -> None:
        """Make *version* the latest of its project, also one that is lower than the latest is now.

        Raises:
            NotFound: No region has that version.
            StageFailed: Some regions that have it could not be told; ``.failed`` has them.
        """
        self._writes()
        check_project(project)
        number = check_version(version)
        regions = await self._open()
        key = regions.require_configuration.key(project, number)

        async def look(region: str) -> tuple[bool, LatestState]:
            there = await regions.buckets[region].head(key) is not None
            return there, await self._pointer(regions, region, project).read()

        found, failed = await for_each_region(look, regions.buckets)
        have = [name for name, (there, _) in found.items() if there]
        if not have:
            raise NotFound(f"s3: {project} {number} is staged in none of {', '.join(found)}", service="s3")
        # Above every counter that any region has, and of all they have heard of: it is the last word.
        counter = max(seen.counter for _, seen in found.values())
        heard = highest(*(seen.highest for _, seen in found.values()))

        async def point(region: str) -> None:
            pointer = self._pointer(regions, region, project)
            await pointer.advance(number, "", latest=True, counter=counter, heard=heard)

        done, worse = await for_each_region(point, have)
        failed = {**regions.failed, **failed, **worse}
        if failed:
            reasons = "; ".join(f"{name}: {error}" for name, error in failed.items())
            raise StageFailed(f"s3: not every region could be told: {reasons}", succeeded=done, failed=failed)

    async def abort_stale_uploads(
        self, project: str, *, older_than: float = 86400.0
    ) -> dict[str, tuple[MultipartUpload, ...]]:
        """By region: the uploads that killed processes have left over, aborted now.

        Args:
            project: Of which project.
            older_than: Seconds. Younger ones may be at work still.

        Raises:
            Forbidden: Listing needs ``s3:ListBucketMultipartUploads``, aborting ``s3:AbortMultipartUpload``.
        """
        self._writes()
        check_project(project)
        regions = await self._open()
        prefix = regions.require_configuration.key(project, "")
        before = datetime.now(UTC) - timedelta(seconds=older_than)

        async def clean(region: str) -> tuple[MultipartUpload, ...]:
            bucket = regions.buckets[region]
            found = [u for u in await bucket.uploads(prefix) if u.initiated_at is None or u.initiated_at <= before]
            for upload in found:
                await bucket.abort(upload.key, upload.upload_id)
            return tuple(found)

        done, failed = await for_each_region(clean, regions.buckets)
        for error in failed.values():
            raise error
        return done

    def _writes(self) -> None:
        if self.read_only:
            raise ConfigError("s3: this stager is read-only")

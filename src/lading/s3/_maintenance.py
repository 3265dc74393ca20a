"""Maintenance: the organisation's configuration, the latest version, repairs, leftover uploads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lading._core.api_errors import make_api_error
from lading._core.spool import temporary_file
from lading.errors import InputError, LadingError, NotFound, StageFailed
from lading.s3._catalog import find_artifact
from lading.s3._checksums import preferred_algorithm
from lading.s3._errors import AbortFailed
from lading.s3._gather import gather
from lading.s3._layout import Configuration, check_regions, highest
from lading.s3._staging.latest import pointer_of
from lading.s3._staging.removal import is_removed, remove
from lading.s3._staging.source import open_source
from lading.s3._staging.stage import StageOperation
from lading.s3.artifact import stored_metadata

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lading._core.sender import Sender
    from lading.s3._interfaces import MultipartUpload, ObjectStore, Region
    from lading.s3._regions import Regions
    from lading.s3._results import StageResult
    from lading.s3._session import StagerSession
    from lading.s3._staging.latest import LatestState
    from lading.s3.artifact import Artifact


async def write_configuration(
    session: StagerSession,
    bucket_name_param: str,
    bucket_key_prefix: str,
    parameter_name_prefix: str,
    regions: Sequence[str] | None,
) -> Configuration:
    """Write the organisation's configuration to every region; see :meth:`Stager.setup`."""
    Configuration(bucket_name_param, bucket_key_prefix, parameter_name_prefix).check()
    if not bucket_name_param:
        raise InputError("bucket_name_param must not be empty", argument="bucket_name_param")
    opened = await session.open()
    wanted = check_regions(tuple(opened.known) if regions is None else regions)
    if not wanted:
        raise InputError("regions must not be empty: all would be dropped", argument="regions")
    before = () if opened.configuration is None else opened.configuration.regions
    dropped = [name for name in {*opened.known, *before} if name not in wanted]
    new = Configuration(bucket_name_param, bucket_key_prefix, parameter_name_prefix, wanted)
    missing = [name for name in (*wanted, *dropped) if name not in opened.known]
    all_regions: Mapping[str, Region] = {**opened.known, **await session.connect(missing)}

    async def write(region: str) -> None:
        parameters = all_regions[region].parameters
        if await parameters.get(bucket_name_param) is None:
            raise make_api_error(NotFound, "ssm", f"{region} has no parameter {bucket_name_param}")
        await parameters.put(session.parameter, new.dump())
        try:
            written = await parameters.get(session.parameter)
        except LadingError as error:
            error.outcome = "unknown"
            raise
        if written != new.dump():
            raise LadingError(
                f"ssm: {region} does not return what was written to {session.parameter}", outcome="unknown"
            )

    async def drop(region: str) -> None:
        await all_regions[region].parameters.delete(session.parameter)

    done, failed = await gather(write, wanted)
    if failed:
        kept = f"ssm: the configuration is not removed, as {', '.join(failed)} failed"
        failed.update((region, LadingError(kept)) for region in dropped)
    else:
        removed, failed = await gather(drop, dropped)
        done.update(removed)
    if failed:
        raise StageFailed(
            f"s3: the configuration is not the same everywhere now: {_reasons(failed)}", succeeded=done, failed=failed
        )
    await opened.replace_configuration({name: all_regions[name] for name in wanted}, new)
    return new


async def write_latest(regions: Regions, project: str, version: str) -> None:
    """Make *version* the latest of its project; see :meth:`Stager.set_latest`."""
    key = regions.require_configuration.key(project, version)

    async def read(region: str) -> tuple[bool, LatestState]:
        there = await (await regions.bucket_of(region)).head(key) is not None
        return there, await pointer_of(regions, region, project).read()

    found, failed = await regions.gather(read)
    have = [name for name, (there, _) in found.items() if there]
    if not have:
        raise make_api_error(NotFound, "s3", f"{project} {version} is staged in none of {', '.join(found)}")
    # Above the counters of all regions, and of all versions that they have named: so that it decides.
    counter = max(state.counter for _, state in found.values())
    named = highest(*(state.highest for _, state in found.values()))

    async def advance(region: str) -> None:
        pointer = pointer_of(regions, region, project)
        await pointer.advance(version, "", latest=True, counter=counter, named=named)

    done, not_written = await regions.gather(advance, have)
    failed = {**failed, **not_written}
    if failed:
        raise StageFailed(
            f"s3: the latest version was not set in every region: {_reasons(failed)}", succeeded=done, failed=failed
        )


async def repair(regions: Regions, sender: Sender, project: str, version: str) -> StageResult:
    """Write what is missing of a staged version in any region; see :meth:`Stager.repair`."""
    artifact = await find_artifact(regions, sender, project, version, all_regions=True)
    if await _remove_leftovers(regions, artifact):
        try:
            artifact = await find_artifact(regions, sender, project, version, all_regions=True)
        except NotFound as error:
            raise make_api_error(
                NotFound,
                "s3",
                f"a stager that found no majority for {project} {version} has left it half removed; what was left is "
                "removed now: stage it again",
            ) from error
    async with temporary_file() as path:
        await artifact.download(path)
        async with open_source(path, preferred_algorithm()) as content:
            data = stored_metadata(artifact)
            return await StageOperation(regions, project, artifact.version, content, data).run()


async def _remove_leftovers(regions: Regions, artifact: Artifact) -> bool:
    """Remove what stagers without a majority have left, and return whether there was anything.

    That is what its stager began to remove, wherever it is, as nobody counts on that; and other bytes than the
    artifact's, where a majority has those.
    """
    has_majority = len(artifact.regions) >= regions.majority

    async def remove_leftover(region: str) -> bool:
        store = await regions.bucket_of(region)
        there = await store.head(artifact.key)
        if there is None:
            return False
        is_other = has_majority and region not in artifact.regions
        return (is_other or await is_removed(store, artifact.key, there)) and await remove(store, artifact.key, there)

    found, _ = await regions.gather(remove_leftover)  # what fails here fails again when it is staged
    return any(found.values())


async def abort_uploads(regions: Regions, project: str, older_than: float) -> dict[str, tuple[MultipartUpload, ...]]:
    """Abort uploads that were left over; see :meth:`Stager.abort_stale_uploads`."""
    # Artifacts, and what is beside the pointer: checks of what the store honours leave uploads, too.
    artifacts = regions.require_configuration.key(project, "")
    common = artifacts.removesuffix("@")
    before = datetime.now(UTC) - timedelta(seconds=older_than)

    aborted: dict[str, tuple[MultipartUpload, ...]] = dict.fromkeys(regions.known, ())

    async def abort(region: str) -> None:
        bucket = await regions.bucket_of(region)
        for upload in await bucket.uploads(common):
            if not upload.key.startswith((artifacts, f"{common}/")):
                continue  # another project's, whose name begins the same
            if upload.initiated_at is None or upload.initiated_at <= before:
                await abort_upload(region, bucket, upload)

    async def abort_upload(region: str, bucket: ObjectStore, upload: MultipartUpload) -> None:
        try:
            await bucket.abort(upload.key, upload.upload_id)
        except LadingError as error:
            if aborted[region]:
                error.outcome = "unknown"  # others of this region are aborted
            raise
        aborted[region] += (upload,)

    _, failed = await regions.gather(abort)
    if failed:
        raise AbortFailed(
            f"s3: stale uploads of {project} were not aborted in every region: {_reasons(failed)}",
            aborted=aborted,
            failed=failed,
        )
    return aborted


def _reasons(failed: Mapping[str, LadingError]) -> str:
    return "; ".join(f"{name}: {error}" for name, error in failed.items())

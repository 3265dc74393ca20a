"""What is staged: artifacts, versions, and the latest version of a project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from semver import Version

from lading._core.api_errors import make_api_error
from lading.errors import Forbidden, LadingError, NotFound
from lading.s3._download.failover import RegionCopy, RegionFailover, expected_of
from lading.s3._layout import METADATA, NO_METADATA, load_metadata, metadata_digest
from lading.s3._regions import for_each_region
from lading.s3._staging.latest import LatestState, latest_of, pointer_of
from lading.s3.artifact import Artifact, Location

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading._core.sender import Sender
    from lading.s3._interfaces import ObjectInfo
    from lading.s3._regions import Regions


async def find_artifact(regions: Regions, sender: Sender, project: str, version: str) -> Artifact:
    """Find a staged artifact in all regions.

    Args:
        regions: The regions.
        sender: Its retry rule holds for downloads.
        project: The project.
        version: The version.

    Raises:
        NotFound: No region that responds has it.
    """
    key = regions.require_configuration.key(project, version)

    async def head(region: str) -> ObjectInfo | None:
        return await regions.buckets[region].head(key)

    found, failed = await for_each_region(head, regions.buckets)
    failed = {**regions.failed, **failed}
    there = {name: stored for name, stored in found.items() if stored is not None}
    if not there:
        if failed and not found:
            raise next(iter(failed.values()))
        unchecked = f"; {', '.join(failed)} could not be checked" if failed else ""
        raise make_api_error(NotFound, "s3", f"{project} {version} is staged in none of {', '.join(found)}{unchecked}")
    expected = expected_of(next(iter(there.values())))
    # Regions whose copies have other bytes are left out: another stager's, or corrupt.
    same = {name: stored for name, stored in there.items() if expected_of(stored).digests == expected.digests}
    copies = [RegionCopy(regions.buckets[name], key, stored.etag) for name, stored in same.items()]
    return Artifact(
        project=project,
        version=version,
        key=key,
        size=next(iter(there.values())).size,
        sha256=expected.digests.get("sha256"),
        md5=next((stored.md5 for stored in same.values() if stored.md5), None),
        metadata=await _read_metadata(regions, same, key),
        regions={name: Location(name, regions.buckets[name].bucket, key, s.etag) for name, s in same.items()},
        unreachable=failed,
        _expected=expected,
        _failover=RegionFailover(copies, sender, same=bool(expected.digests)),
    )


async def _read_metadata(regions: Regions, there: Mapping[str, ObjectInfo], key: str) -> dict[str, str]:
    """Read an artifact's metadata from the first region that has the right one."""
    last: LadingError | None = None
    second: bytes | None = None
    for name, stored in there.items():
        try:
            found = await regions.buckets[name].get(f"{key}/metadata")
        except Forbidden:
            found = None  # the artifact may be read: without s3:ListBucket, this is S3's response when there is none
        except LadingError as error:
            last = error
            continue
        data = NO_METADATA if found is None else found[0]
        # The artifact says which metadata belongs to it; startifact's does not.
        if stored.metadata.get(METADATA, metadata_digest(data)) == metadata_digest(data) and (
            found or METADATA in stored.metadata
        ):
            return load_metadata(data, f"{key}/metadata")
        second = data if found is not None or second is None else second
    if second is None and last is not None:
        raise last
    return load_metadata(second or NO_METADATA, f"{key}/metadata")


async def find_latest(regions: Regions, project: str) -> str:
    """Find the latest version of *project*, by more than half of the regions together.

    Raises:
        NotFound: Nothing of the project is staged.
    """

    async def read(region: str) -> LatestState:
        return await pointer_of(regions, region, project).read()

    found, failed = await for_each_region(read, list(regions.buckets))
    if len(found) <= len(regions.known) // 2:
        failed = {**regions.failed, **failed}
        first = next(iter(failed.values()))
        raise LadingError(
            f"s3: only {len(found)} of {len(regions.known)} regions say which version of {project} is the latest; "
            f"more than half are needed: {first}"
        ) from first
    version = latest_of(list(found.values()))
    if version is None and any(not (one.pointer_readable or one.parameter_readable) for one in found.values()):
        raise make_api_error(
            Forbidden,
            "s3",
            f"neither the pointer nor the parameter of {project} may be read: s3:GetObject or ssm:GetParameter is "
            "needed",
            status=403,
        )
    if version is None:
        raise make_api_error(NotFound, "s3", f"nothing of {project} is staged in {', '.join(found)}")
    return version


async def list_versions(regions: Regions, project: str) -> tuple[str, ...]:
    """List every version of *project* that any region has, the lowest first."""
    prefix = regions.require_configuration.key(project, "")

    async def list_region(region: str) -> set[str]:
        keys = await regions.buckets[region].keys(prefix)
        names = (key.removeprefix(prefix) for key in keys)
        return {name for name in names if "/" not in name and Version.is_valid(name)}

    found, failed = await for_each_region(list_region, regions.buckets)
    if not found and failed:
        raise next(iter(failed.values()))
    return tuple(sorted(set().union(*found.values()), key=lambda name: (Version.parse(name), name)))

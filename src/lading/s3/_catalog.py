"""What is staged: artifacts, versions, and the latest version of a project."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from semver import Version

from lading._core.api_errors import make_api_error
from lading.errors import Forbidden, LadingError, NetworkError, NotFound
from lading.s3._download.failover import RegionCopy, RegionFailover, expected_of
from lading.s3._gather import Grace
from lading.s3._hedge import Hedge
from lading.s3._layout import load_metadata
from lading.s3._staging.latest import LatestState, latest_of, pointer_of
from lading.s3._staging.metadata import MetadataSearch
from lading.s3.artifact import Artifact, Location

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading._core.sender import Sender
    from lading.s3._interfaces import ObjectInfo
    from lading.s3._regions import Regions


async def find_artifact(
    regions: Regions, sender: Sender, project: str, version: str, *, all_regions: bool = False
) -> Artifact:
    """Find a staged artifact in all regions.

    Args:
        regions: The regions.
        sender: Its retry rule holds for downloads.
        project: The project.
        version: The version.
        all_regions: Wait for every region, also when one has it.

    Raises:
        NotFound: No region that responds has it.
    """
    key = regions.require_configuration.key(project, version)

    async def head(region: str) -> ObjectInfo | None:
        return await (await regions.bucket_of(region)).head(key)

    def enough(found: Mapping[str, ObjectInfo | None]) -> bool:
        return any(found.values()) or len(found) >= regions.majority

    found, failed = await regions.gather(head, grace=None if all_regions else Grace(enough))
    there = {name: stored for name, stored in found.items() if stored is not None}
    if not there:
        if failed and not found:
            raise next(iter(failed.values()))
        unchecked = f"; {', '.join(failed)} could not be checked" if failed else ""
        raise make_api_error(NotFound, "s3", f"{project} {version} is staged in none of {', '.join(found)}{unchecked}")
    same = most_alike(there)
    expected = expected_of(next(iter(same.values())))
    copies = [RegionCopy(regions.buckets[name], key, stored.etag) for name, stored in same.items()]
    metadata = await _read_metadata(regions, same, key)
    return Artifact(
        project=project,
        version=version,
        key=key,
        size=next(iter(same.values())).size,
        sha256=expected.digests.get("sha256"),
        md5=next((stored.md5 for stored in same.values() if stored.md5), None),
        metadata=load_metadata(metadata, f"{key}/metadata"),
        regions={name: Location(name, regions.buckets[name].bucket, key, s.etag) for name, s in same.items()},
        unreachable=failed,
        _expected=expected,
        _stored_metadata=metadata,
        _failover=RegionFailover(copies, sender, same=bool(expected.digests)),
    )


def most_alike(there: Mapping[str, ObjectInfo]) -> dict[str, ObjectInfo]:
    """Return the artifacts with the bytes that most regions have; of equally many, those of the first region.

    The others are another stager's that found no majority, or corrupt.
    """
    groups: dict[tuple[object, ...], dict[str, ObjectInfo]] = {}
    for name, stored in there.items():
        digests = expected_of(stored).digests
        groups.setdefault(tuple(sorted(digests.items())), {})[name] = stored
    return max(groups.values(), key=len)


async def _read_metadata(regions: Regions, there: Mapping[str, ObjectInfo], key: str) -> bytes:
    """Read an artifact's metadata from the first region that has the right one."""
    search = MetadataSearch(key)

    async def read(name: str) -> bytes:
        data = await search.read(regions.buckets[name], name, there[name])
        if data is None:
            raise _OtherMetadata(f"s3: {key}/metadata in {name} is not that of the artifact")
        return data

    try:
        return await Hedge(read, list(there), regions.settings).run()
    except _OtherMetadata:
        return search.conclude()


class _OtherMetadata(LadingError):
    """Another region may have the right one."""


async def find_latest(regions: Regions, project: str) -> str:
    """Find the latest version of *project*, by more than half of the regions together.

    Raises:
        NotFound: Nothing of the project is staged.
    """

    async def read(region: str) -> LatestState:
        await regions.bucket_of(region)
        return await pointer_of(regions, region, project).read()

    found, failed = await regions.gather(read, grace=_majority(regions))
    if len(found) < regions.majority:
        raise _too_few_error(regions, found, failed, f"say which version of {project} is the latest")
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


def _majority(regions: Regions) -> Grace[Any]:
    return Grace(lambda found: len(found) >= regions.majority)


def _too_few_error(
    regions: Regions, found: Mapping[str, object], failed: Mapping[str, LadingError], what: str
) -> LadingError:
    """Create the error for fewer responses than a majority: of the class of all errors, else of the first network's."""
    first = next((error for error in failed.values() if isinstance(error, NetworkError)), next(iter(failed.values())))
    if len({type(error) for error in failed.values()}) == 1:
        first = next(iter(failed.values()))
    reasons = "; ".join(f"{name}: {error}" for name, error in failed.items())
    error = copy.copy(first)
    error.args = (
        f"s3: only {len(found)} of {len(regions.known)} regions {what}; more than half are needed: {reasons}",
    )
    error.__cause__ = first
    return error


async def list_versions(regions: Regions, project: str) -> tuple[str, ...]:
    """List every version of *project* that any region has, the lowest first."""
    prefix = regions.require_configuration.key(project, "")

    async def list_region(region: str) -> set[str]:
        keys = await (await regions.bucket_of(region)).keys(prefix)
        names = (key.removeprefix(prefix) for key in keys)
        return {name for name in names if "/" not in name and Version.is_valid(name)}

    found, failed = await regions.gather(list_region, grace=_majority(regions))
    if not found and failed:
        raise _too_few_error(regions, found, failed, f"list the versions of {project}")
    return tuple(sorted(set().union(*found.values()), key=lambda name: (Version.parse(name), name)))

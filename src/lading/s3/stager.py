"""The stager: one version of an artifact, in many regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from semver import Version

from lading.errors import Forbidden, InputError, LadingError, NotFound
from lading.s3._checksums import preferred_algorithm
from lading.s3._download.failover import RegionCopy, RegionFailover, expected_of
from lading.s3._layout import FILENAME, RESERVED, check_project, check_version, dump_metadata, load_metadata
from lading.s3._maintenance import Care
from lading.s3._regions import for_each_region
from lading.s3._results import Policy, check_policy
from lading.s3._staging.latest import LatestState, latest_of
from lading.s3._staging.metadata import METADATA, NO_METADATA, metadata_digest
from lading.s3._staging.source import open_source, temporary_file
from lading.s3._staging.stage import StageOperation
from lading.s3.artifact import Artifact, Location

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading.s3._interfaces import ObjectInfo
    from lading.s3._regions import Regions
    from lading.s3._results import StageResult
    from lading.s3._staging.source import ArtifactSource
    from lading.types import OnProgress


class Stager(Care):
    """Stages artifacts to S3 in many regions, and finds them again.

    ::

        async with lading.Stager(regions=["eu-west-1", "us-east-1"]) as stager:
            staged = await stager.stage("SugarWater", "1.0.9000", "dist.tar.gz", metadata={"lang": "dotnet"})
            artifact = await stager.get("SugarWater")
            await artifact.download("out.tar.gz")

    Buckets and parameters are laid out as startifact does it; see the guide for what differs.

    Args:
        regions: Where to; by default ``STARTIFACT_REGIONS``, else the regions of the organisation's configuration, as
            the session's own region has it.
        read_only: Look, and write nothing.
        parameter: The name of the parameter with the configuration; by default ``STARTIFACT_PARAMETER``, else
            ``/startifact``.
        session: An ``aiobotocore.session.AioSession`` to use.
        profile: A profile of AWS's configuration files; by default what the environment says.
        role_arn: A role to assume with what these give.
        endpoint_urls: Instead of AWS's own addresses, by service (``"s3"``, ``"ssm"``, ``"sts"``): one in which
            ``{region}`` is replaced, or one for each region.
        path_style: Name the bucket in the path, and not in the host.
        content_type: The content type of artifacts.
        storage_class: Their storage class.
        kms_key_id: Have them encrypted with that key.
        tags: Their tags.
        sign_payload: Sign the digest of every body, for stores that take no others; costs another pass.
        sign_with_botocore: Have botocore address and sign the requests with bodies too, for what only it knows: S3
            Express, access points. Costs more for each request.
        options: See :class:`lading.Options`.
    """

    async def stage(
        self,
        project: str,
        version: str | Version,
        source: ArtifactSource,
        *,
        metadata: Mapping[str, str] | None = None,
        save_filename: bool = False,
        policy: Policy = "all",
        latest: bool | None = None,
        on_progress: OnProgress | None = None,
    ) -> StageResult:
        """What became of it in every region. A version is staged once: a second time it must be the same.

        Args:
            project: The project.
            version: The version, by SemVer.
            source: The file; or bytes; or an async iterable of bytes of any length, which is kept on disk meanwhile.
            metadata: Text by text, kept beside it.
            save_filename: Keep the file's name in the metadata.
            policy: How many regions must have it in the end: ``"all"``, ``"quorum"`` (more than half) or ``"any"``.
            latest: Whether it becomes the project's latest version. By default a greater one does, save a pre-release
                when the latest is a stable version.
            on_progress: Told how many bytes have been sent, with the region.

        Raises:
            VersionExists: The version is there with other bytes or other metadata.
            StageFailed: Fewer regions have it than *policy* asks.
            InputError: No such name or version, or a file that changed while it was read.
        """
        check_project(project)
        number = check_version(version)
        check_policy(policy)
        found = dict(metadata or {})
        if any(name.startswith(RESERVED) for name in found):
            raise InputError(f"metadata must not begin with {RESERVED!r}", argument="metadata")
        regions = await self._open()
        _ = regions.require_configuration
        async with open_source(source, preferred_algorithm()) as content:
            if save_filename:
                if not content.name:
                    raise InputError("save_filename needs a file: this source has no name", argument="save_filename")
                found[FILENAME] = content.name
            data = dump_metadata(found) if found else None
            staging = StageOperation(
                regions, project, number, content, data, latest, on_progress, read_only=self.read_only
            )
            staged = await staging.run()
        staged.check(policy)
        return staged

    async def get(self, project: str, version: str | Version | None = None) -> Artifact:
        """A staged artifact, the latest where no *version* is named.

        Raises:
            NotFound: No region that answers has it.
        """
        check_project(project)
        number = await self.latest(project) if version is None else check_version(version)
        regions = await self._open()
        key = regions.require_configuration.key(project, number)

        async def look(region: str) -> ObjectInfo | None:
            return await regions.buckets[region].head(key)

        found, failed = await for_each_region(look, regions.buckets)
        failed = {**regions.failed, **failed}
        there = {name: stored for name, stored in found.items() if stored is not None}
        if not there:
            if failed and not found:
                raise next(iter(failed.values()))
            asked = f"; {', '.join(failed)} could not be asked" if failed else ""
            raise NotFound(f"s3: {project} {number} is staged in none of {', '.join(found)}{asked}", service="s3")
        first = next(iter(there))
        promise = expected_of(there[first])
        # Regions whose copies are not of the same bytes are left out: somebody else's, or broken.
        same = {name: stored for name, stored in there.items() if expected_of(stored).digests == promise.digests}
        copies = [RegionCopy(regions.buckets[name], key, stored.etag) for name, stored in same.items()]
        return Artifact(
            project=project,
            version=number,
            key=key,
            size=there[first].size,
            sha256=promise.digests.get("sha256"),
            md5=next((stored.md5 for stored in same.values() if stored.md5), None),
            metadata=await self._metadata(regions, same, key),
            regions={name: Location(name, regions.buckets[name].bucket, key, s.etag) for name, s in same.items()},
            unreachable=failed,
            _promised=promise,
            _reading=RegionFailover(copies, same=bool(promise.digests)),
        )

    async def _metadata(self, regions: Regions, there: Mapping[str, ObjectInfo], key: str) -> dict[str, str]:
        last: LadingError | None = None
        second: bytes | None = None
        for name, stored in there.items():
            try:
                found = await regions.buckets[name].get(f"{key}/metadata")
            except Forbidden:
                found = None  # the artifact may be read: without s3:ListBucket, this is how S3 says that it has none
            except LadingError as error:
                last = error
                continue
            data = NO_METADATA if found is None else found[0]
            # The artifact says which metadata is its own; startifact's does not.
            if stored.metadata.get(METADATA, metadata_digest(data)) == metadata_digest(data) and (
                found or METADATA in stored.metadata
            ):
                return load_metadata(data, f"{key}/metadata")
            second = data if found is not None or second is None else second
        if second is None and last is not None:
            raise last
        return load_metadata(second or NO_METADATA, f"{key}/metadata")

    async def latest(self, project: str) -> str:
        """The project's latest version, as more than half of the regions say together.

        Raises:
            NotFound: Nothing of the project is staged.
        """
        check_project(project)
        regions = await self._open()
        _ = regions.require_configuration
        names = list(regions.buckets)

        async def look(region: str) -> LatestState:
            return await self._pointer(regions, region, project).read()

        found, failed = await for_each_region(look, names)
        if len(found) <= len(regions.known) // 2:
            failed = {**regions.failed, **failed}
            first = next(iter(failed.values()))
            raise LadingError(
                f"s3: only {len(found)} of {len(regions.known)} regions say which version of {project} is the latest; "
                f"more than half are needed: {first}"
            ) from first
        version = latest_of(list(found.values()))
        if version is None and any(not (one.may_look or one.may_read) for one in found.values()):
            raise Forbidden(
                f"s3: neither the pointer nor the parameter of {project} may be read: s3:GetObject or ssm:GetParameter "
                "is needed",
                service="s3",
                status=403,
            )
        if version is None:
            raise NotFound(f"s3: nothing of {project} is staged in {', '.join(found)}", service="s3")
        return version

    async def versions(self, project: str) -> tuple[str, ...]:
        """Every version that any region has, the lowest first.

        Raises:
            Forbidden: Listing needs ``s3:ListBucket``.
        """
        check_project(project)
        regions = await self._open()
        prefix = regions.require_configuration.key(project, "")

        async def listed(region: str) -> set[str]:
            keys = await regions.buckets[region].keys(prefix)
            names = (key.removeprefix(prefix) for key in keys)
            return {name for name in names if "/" not in name and Version.is_valid(name)}

        found, failed = await for_each_region(listed, regions.buckets)
        if not found and failed:
            raise next(iter(failed.values()))
        return tuple(sorted(set().union(*found.values()), key=lambda name: (Version.parse(name), name)))

    async def repair(self, project: str, version: str | Version) -> StageResult:
        """What was done to have a staged version in every region: artifact, metadata, pointer.

        Raises:
            NotFound: No region has it.
            VersionExists: The regions have different ones of that name; this cannot be repaired.
            StageFailed: Some regions could not be repaired; ``.failed`` has them.
        """
        self._writes()
        artifact = await self.get(project, version)
        regions = await self._open()
        async with temporary_file() as path:
            await artifact.download(path)
            async with open_source(path, preferred_algorithm()) as content:
                data = dump_metadata(artifact.metadata) if artifact.metadata else None
                staged = await StageOperation(regions, project, artifact.version, content, data).run()
        staged.check("all")
        return staged

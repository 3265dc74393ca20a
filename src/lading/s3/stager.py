"""The stager: one version of an artifact, in many regions."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Self, Unpack

from lading._core.arguments import checked
from lading._core.unset import UNSET
from lading.errors import InputError, LadingError
from lading.s3 import _catalog, _maintenance
from lading.s3._checksums import preferred_algorithm
from lading.s3._layout import FILENAME, RESERVED, check_project, check_version, dump_metadata
from lading.s3._results import Policy, check_policy
from lading.s3._session import ClientOptions, StagerSession
from lading.s3._settings import AwsSettings, ConditionalWrites, EndpointUrls, ObjectOptions
from lading.s3._staging.source import open_source
from lading.s3._staging.stage import StageOperation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType

    from semver import Version

    from lading.s3._interfaces import MultipartUpload
    from lading.s3._layout import Configuration
    from lading.s3._results import StageResult
    from lading.s3._staging.source import ArtifactSource
    from lading.s3.artifact import Artifact
    from lading.types import Hook, OnProgress, Retry, Timeout


@checked(ClientOptions)
class Stager:
    """Stages artifacts to S3 in many regions, and reads them from any of them.

    ::

        async with lading.Stager(regions=["eu-west-1", "us-east-1"]) as stager:
            staged = await stager.stage("SugarWater", "1.0.9000", "dist.tar.gz", metadata={"lang": "dotnet"})
            artifact = await stager.get("SugarWater")
            await artifact.download("out.tar.gz")

    Buckets and parameters have the layout of startifact; the guide lists the differences.

    It opens no connection until it is used. Use it as an async context manager, or call :meth:`aclose`.

    Args:
        regions: The regions; by default ``STARTIFACT_REGIONS``, else the regions of the organisation's configuration in
            the region of the environment (``AWS_REGION``).
        read_only: Write nothing: :meth:`stage` compares only, and other writes are refused.
        parameter: The name of the parameter with the configuration; by default ``STARTIFACT_PARAMETER``, else
            ``/startifact``.
        session: An ``aiobotocore.session.AioSession`` to use.
        profile: A profile of AWS's configuration files; by default the environment's.
        role_arn: A role to assume with the credentials of session or profile.
        endpoint_urls: URLs to use instead of AWS's own, by service (``"s3"``, ``"ssm"``, ``"sts"``): one in which
            ``{region}`` is replaced, or one for each region.
        path_style: Put the bucket's name into the path instead of the host name.
        allow_http: Accept plain ``http://`` endpoints of other hosts than this machine, which exposes artifacts, and
            the tokens of temporary credentials, to the network.
        content_type: The content type of artifacts.
        storage_class: Their storage class; metadata and pointers have the bucket's own.
        kms_key_id: The KMS key that encrypts them, their metadata and pointers; or the key of each region.
        tags: Their tags; metadata and pointers have none.
        conditional_writes: Conditions on writes decide between stagers. AWS honours them; with ``"check"``, any other
            store is checked once for each bucket, and staging raises ``ConfigError`` where it does not. ``"trust"``
            spares the check. With ``"none"`` you promise that one stager works at a time.
        sign_payload: Sign the digest of every body, for stores that require it; costs another pass.
        sign_with_botocore: Let botocore address and sign requests with bodies too, for what only it supports: S3
            Express, access points. Costs more for each request.
        options: Options of every client, listed at :class:`lading.ClientOptions`.

    Raises:
        ConfigError: There are no regions, or the options contradict each other.
        InputError: The name of a region is invalid.
    """

    def __init__(
        self,
        regions: Sequence[str] | None = None,
        *,
        read_only: bool = False,
        parameter: str | None = None,
        session: Any = None,
        profile: str | None = None,
        role_arn: str | None = None,
        endpoint_urls: EndpointUrls | None = None,
        path_style: bool = False,
        allow_http: bool = False,
        content_type: str | None = None,
        storage_class: str | None = None,
        kms_key_id: str | Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        sign_payload: bool = False,
        sign_with_botocore: bool = False,
        conditional_writes: ConditionalWrites = "check",
        **options: Unpack[ClientOptions],
    ) -> None:
        aws = AwsSettings(session, profile, role_arn, dict(endpoint_urls or {}), path_style, allow_http)
        objects = ObjectOptions(
            content_type,
            storage_class,
            kms_key_id,
            dict(tags or {}),
            sign_payload,
            sign_with_botocore,
            conditional_writes,
        )
        self._session = StagerSession(regions, parameter, aws, objects, options, read_only=read_only)

    @property
    def read_only(self) -> bool:
        """Whether it writes nothing."""
        return self._session.read_only

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions; ``ConfigError`` before the stager has been entered or used."""
        return tuple(self._session.require_opened().known)

    @property
    def configuration(self) -> Configuration:
        """The organisation's configuration; ``ConfigError`` when no region has one."""
        return self._session.require_opened().require_configuration

    @property
    def buckets(self) -> dict[str, str]:
        """The names of the buckets that could be found, by region."""
        opened = self._session.require_opened()
        return {name: opened.buckets[name].bucket for name in opened.known if name in opened.buckets}

    @property
    def unreachable(self) -> dict[str, LadingError]:
        """The regions that were left out of the last call that used them, and why.

        A region is left out when it fails, or when enough others responded and it did not within the grace of the call.
        """
        return dict(self._session.require_opened().unreachable)

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
        """Stage a version in all regions and return the result of each.

        A version is staged once: staged again, it must have the same bytes and metadata.

        Args:
            project: The project.
            version: The version, by SemVer.
            source: The path of a file; or bytes; or an async iterable of bytes of any length, which is written to a
                temporary file first.
            metadata: Strings by name, stored beside it.
            save_filename: Store the file's name in the metadata.
            policy: How many regions must have it in the end. ``"all"``: only the first region by name decides between
                stagers, and when it fails, nothing is written to any other. ``"quorum"`` (more than half): the next
                one may decide then; who finds no majority removes what it has created, and raises. ``"any"``: the
                first one that responds decides; while a region is unreachable, two stagers may both succeed with
                different bytes, and the result has a warning. ``"all"`` waits for every region. The others return when
                enough regions have it and the rest had ten seconds, or as long as the slowest region took that has
                finished; an upload that is cut off is aborted, within five seconds more.
            latest: Whether it becomes the project's latest version. By default a higher version does, except a
                pre-release when the latest is a stable version.
            on_progress: Called with how many bytes have been sent, and the region.

        Raises:
            VersionExists: The version exists with different bytes or different metadata.
            StageFailed: Fewer regions have it than *policy* requires. The ``outcome`` of each error in ``.failed`` says
                whether that region may have it: ``"unknown"`` for one that was cut off.
            InputError: Project, version or metadata are not valid, or the file changed while it was read.
        """
        check_project(project)
        number = check_version(version)
        check_policy(policy)
        fields = dict(metadata or {})
        if any(name.startswith(RESERVED) for name in fields):
            raise InputError(f"metadata must not begin with {RESERVED!r}", argument="metadata")
        regions = await self._session.open_configured()
        async with open_source(source, preferred_algorithm()) as content:
            if save_filename:
                if not content.name:
                    raise InputError("save_filename needs a file: this source has no name", argument="save_filename")
                fields[FILENAME] = content.name
            data = dump_metadata(fields) if fields else None
            operation = StageOperation(
                regions, project, number, content, data, latest, on_progress, policy, read_only=self.read_only
            )
            return await operation.run()

    async def get(self, project: str, version: str | Version | None = None) -> Artifact:
        """Find a staged artifact.

        If regions have different bytes, those of most regions count. Once a region has it, or more than half have not,
        the others are waited for one second.

        Args:
            project: The project.
            version: The version; by default the latest.

        Raises:
            NotFound: No region that responds has it.
        """
        check_project(project)
        number = await self.latest(project) if version is None else check_version(version)
        regions = await self._session.open_configured()
        return await _catalog.find_artifact(regions, self._session.sender, project, number)

    async def latest(self, project: str) -> str:
        """Return a project's latest version, on which more than half of the regions agree.

        Once more than half have responded, the others are waited for one second; :attr:`unreachable` has those that
        were left out.

        Args:
            project: The project.

        Raises:
            NotFound: Nothing of the project is staged.
            Forbidden: No region allows it to be read.
            NetworkError: Fewer regions responded.
        """
        check_project(project)
        return await _catalog.find_latest(await self._session.open_configured(), project)

    async def versions(self, project: str) -> tuple[str, ...]:
        """List every version of a project that any region has, the lowest first.

        Once more than half of the regions have responded, the others are waited for one second;
        :attr:`unreachable` has those that were left out.

        Args:
            project: The project.

        Raises:
            Forbidden: Listing needs ``s3:ListBucket``.
        """
        check_project(project)
        return await _catalog.list_versions(await self._session.open_configured(), project)

    async def set_latest(self, project: str, version: str | Version) -> None:
        """Make a version the latest of its project, even if it is lower than the current one.

        Args:
            project: The project.
            version: The version.

        Raises:
            NotFound: No region has that version.
            StageFailed: It was not set in some regions; ``.failed`` has their errors. The outcome of a region is
                unknown once the pointer may be written, even if the next request is refused.
        """
        self._session.require_writable()
        check_project(project)
        number = check_version(version)
        await _maintenance.write_latest(await self._session.open_configured(), project, number)

    async def repair(self, project: str, version: str | Version) -> StageResult:
        """Write what is missing of a staged version in any region (artifact, metadata, pointer); return what was done.

        It waits for every region. Where regions have different bytes, it sides with the majority, and replaces what a
        stager with ``policy="quorum"`` has left in the others. What such a stager began to remove is removed.

        Args:
            project: The project.
            version: The version.

        Raises:
            NotFound: No region has it, or nothing but what such a stager began to remove.
            VersionExists: The regions have different artifacts of that name, without such a majority; this cannot be
                repaired.
            StageFailed: Some regions could not be repaired; ``.failed`` has their errors.
        """
        self._session.require_writable()
        check_project(project)
        number = check_version(version)
        regions = await self._session.open_configured()
        return await _maintenance.repair(regions, self._session.sender, project, number)

    async def abort_stale_uploads(
        self, project: str, *, older_than: float = 86400.0
    ) -> dict[str, tuple[MultipartUpload, ...]]:
        """Abort uploads that killed processes have left over, and return them by region.

        Args:
            project: The project.
            older_than: Seconds. Younger uploads may still be in progress.

        Raises:
            lading.s3.AbortFailed: Some regions failed; ``.failed`` has their errors, ``.aborted`` what was aborted.
                Listing needs ``s3:ListBucketMultipartUploads``, aborting ``s3:AbortMultipartUpload``.
        """
        self._session.require_writable()
        check_project(project)
        return await _maintenance.abort_uploads(await self._session.open_configured(), project, older_than)

    async def setup(
        self,
        *,
        bucket_name_param: str,
        bucket_key_prefix: str = "",
        parameter_name_prefix: str = "",
        regions: Sequence[str] | None = None,
    ) -> Configuration:
        """Write the organisation's configuration to every region and return it; delete it from regions that it drops.

        Args:
            bucket_name_param: The name of the SSM parameter that holds the name of a region's bucket; it must be in
                every region already.
            bucket_key_prefix: Prefix of every key; empty, or with a slash at its end.
            parameter_name_prefix: Prefix of the names of parameters; empty, or ``/like/this``.
            regions: All regions of the organisation; by default the stager's.

        Raises:
            StageFailed: Some regions could not be written to, or do not return what was written; ``.failed`` has
                their errors, and those of regions to drop, which have the old configuration then.
            InputError: A prefix is not valid.
        """
        self._session.require_writable()
        return await _maintenance.write_configuration(
            self._session, bucket_name_param, bucket_key_prefix, parameter_name_prefix, regions
        )

    @staticmethod
    def validate_project_name(name: str) -> None:
        """Raise ``InputError`` unless *name* is a valid project name: letters, digits, ``_``, ``-`` and ``.`` only."""
        check_project(name)

    def with_options(
        self, *, timeout: Timeout | float = UNSET, retry: Retry | int = UNSET, hooks: Hook | Iterable[Hook] = UNSET
    ) -> Self:
        """Return a copy with other settings that shares connections, and what is known about the regions.

        A copy need not be closed. Closing it ends the copy alone, closing the original ends its copies.

        Args:
            timeout: Seconds per phase; a number sets all but ``pool``.
            retry: How long to retry; a number is the number of attempts, the first included.
            hooks: Called with every event: plain functions, or one.
        """
        other = copy.copy(self)
        other._session = self._session.with_options(timeout=timeout, retry=retry, hooks=hooks)  # noqa: SLF001
        return other

    async def aclose(self) -> None:
        """Close all connections. Calls still running end with ``NetworkError``; closing twice is harmless."""
        await self._session.aclose()

    async def __aenter__(self) -> Self:
        await self._session.enter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        opened = self._session.opened
        return f"<{type(self).__name__} {'not opened' if opened is None else ', '.join(opened.known)}>"

"""A stager's settings and its connections."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, Unpack
from urllib.parse import urlencode

import anyio

from lading._client import Client, ClientOptions
from lading._core.loop_local import LoopLocal
from lading._core.service import Service
from lading.errors import ConfigError
from lading.s3._aws import AwsRegion, AwsSettings, EndpointUrls, Senders, open_regions
from lading.s3._aws.bucket import ObjectOptions
from lading.s3._layout import CONFIGURATION, Configuration, check_project, check_regions, split_regions
from lading.s3._regions import Regions
from lading.s3._staging.latest import LatestPointer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lading._core.auth import Auth
    from lading._core.sender import Sender


@dataclass(slots=True)
class _OpenRegions:
    """What a stager has found: open clients, configuration, buckets."""

    closing: AsyncExitStack = field(default_factory=AsyncExitStack)
    regions: Regions | None = None
    lock: LoopLocal[anyio.Lock] = field(default_factory=lambda: LoopLocal(anyio.Lock))


class StagerSession(Client):
    """The part of a stager that holds its settings and connections."""

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
        content_type: str | None = None,
        storage_class: str | None = None,
        kms_key_id: str | None = None,
        tags: Mapping[str, str] | None = None,
        sign_payload: bool = False,
        sign_with_botocore: bool = False,
        **options: Unpack[ClientOptions],
    ) -> None:
        self.read_only: bool = read_only
        self._named = None if regions is None else check_regions(regions)
        if self._named == ():
            raise ConfigError("s3: no regions are configured: give regions=, or set STARTIFACT_REGIONS")
        self._parameter = parameter or os.environ.get("STARTIFACT_PARAMETER") or CONFIGURATION
        self._access = AwsSettings(session, profile, role_arn, dict(endpoint_urls or {}), path_style)
        extra = {
            "ContentType": content_type,
            "StorageClass": storage_class,
            "ServerSideEncryption": "aws:kms" if kms_key_id else None,
            "SSEKMSKeyId": kms_key_id,
            "Tagging": urlencode(tags) if tags else None,
        }
        if sign_payload and sign_with_botocore:
            raise ConfigError(
                "s3: sign_payload= is for lading's own signatures, and sign_with_botocore= leaves them to botocore"
            )
        self._placing = ObjectOptions(
            {name: value for name, value in extra.items() if value}, sign_payload, sign_with_botocore
        )
        self._state = _OpenRegions()
        super().__init__(Service(name="s3", base_url="https://s3.amazonaws.com/", accept="*/*"), None, options)

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        try:
            await self._open()
        except BaseException:
            # Nobody else will: who cannot enter does not leave.
            with anyio.CancelScope(shield=True):
                await self.aclose()
            raise
        return self

    async def aclose(self) -> None:
        """Close all connections; harmless twice."""
        await super().aclose()
        if not self._connections.is_copy:
            await self._state.closing.aclose()

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions; known once the stager is entered or used."""
        return tuple(self._require_regions().known)

    @property
    def configuration(self) -> Configuration:
        """The organisation's configuration; ``ConfigError`` when no region has one."""
        return self._require_regions().require_configuration

    @property
    def buckets(self) -> dict[str, str]:
        """By region: the name of its bucket, as far as it could be found."""
        return {name: bucket.bucket for name, bucket in self._require_regions().buckets.items()}

    @staticmethod
    def validate_project_name(name: str) -> None:
        """``InputError`` when no project can be called so: letters, digits, ``_``, ``-`` and ``.`` only."""
        check_project(name)

    def _pointer(self, regions: Regions, region: str, project: str) -> LatestPointer:
        parameters = regions.known[region].parameters
        return LatestPointer(regions.buckets[region], parameters, regions.require_configuration, project, [])

    def _require_regions(self) -> Regions:
        if self._state.regions is None:
            raise ConfigError("s3: enter the stager (async with) before its configuration can be looked at")
        return self._state.regions

    async def _open(self) -> Regions:
        """The regions, opened when they are first needed; what could not be found then is looked for again."""
        self._connections.loop_state()
        async with self._state.lock.get():
            if self._state.regions is None:
                self._state.regions = await self._connect_regions()
            regions = self._state.regions
            if regions.configuration is None or len(regions.buckets) < len(regions.known):
                await regions.load()
        return regions

    async def _connect_regions(self) -> Regions:
        named = self._named or split_regions(os.environ.get("STARTIFACT_REGIONS", "")) or None
        if named is None:
            named = await self._find_regions()
        known = await self._connect(check_regions(named))
        return Regions(known, self._parameter, None, {}, {})

    async def _find_regions(self) -> tuple[str, ...]:
        """The regions that the organisation's configuration names, as the session's own region has it."""
        home = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if home:
            regions = Regions(await self._connect([home]), self._parameter, None, {}, {})
            await regions.load()
            if regions.configuration is not None and regions.configuration.regions:
                return regions.configuration.regions
        raise ConfigError(
            "s3: no regions are configured: give regions=, or set STARTIFACT_REGIONS, or AWS_REGION to a region that "
            "has the organisation's configuration"
        )

    async def _connect(self, regions: Sequence[str]) -> dict[str, AwsRegion]:
        return await open_regions(regions, self._access, self._placing, self._senders(), self._state.closing)

    def _senders(self) -> Senders:
        def made(service: Service, auth: Auth) -> Sender:
            return self._sender.to(service, auth)

        return Senders(made, self._sender)

    def with_options(self, **options: Any) -> Self:
        """Return a copy with other settings that shares connections."""
        other = super().with_options(**options)
        # Over the same clients and what was found with them.
        regions, other._state = self._state.regions, _OpenRegions()  # noqa: SLF001 - of this class
        if regions is not None:
            other._state.regions = regions.with_senders(other._senders())  # noqa: SLF001
        return other

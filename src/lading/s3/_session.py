"""A stager's settings, connections and open regions."""

from __future__ import annotations

import copy
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from lading._client import ClientOptions, Connections
from lading._core.loop_local import LoopLocal
from lading._core.service import Service
from lading._core.unset import UNSET
from lading.errors import ConfigError
from lading.s3._aws.regions import open_regions
from lading.s3._layout import CONFIGURATION, check_regions, split_regions
from lading.s3._regions import Regions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lading._core.sender import Sender
    from lading.s3._interfaces import Region
    from lading.s3._settings import AwsSettings, ObjectOptions
    from lading.types import Hook, Retry, Timeout

__all__ = ["ClientOptions", "StagerSession"]

# botocore's requests have absolute URLs, and are signed: none is relative to this one, and no host gets credentials.
_AWS = Service(name="s3", base_url="https://aws.invalid/", accept="*/*")


@dataclass(slots=True)
class _OpenRegions:
    """What is open: clients, configuration, buckets."""

    closing: AsyncExitStack = field(default_factory=AsyncExitStack)
    regions: Regions | None = None
    lock: LoopLocal[anyio.Lock] = field(default_factory=lambda: LoopLocal(anyio.Lock))


class StagerSession:
    """What a stager works with: it opens regions when they are first needed.

    Args:
        regions: The regions; ``None`` for those of the environment or the organisation's configuration.
        parameter: The name of the parameter with the configuration; ``None`` for the environment's or the default.
        read_only: Refuse to write.
        aws: How AWS is reached.
        objects: How objects are written.
        options: Options of every client.

    Attributes:
        parameter: The name of the parameter with the configuration.
        read_only: Whether writing is refused.
        sender: Sends requests that are signed already.
    """

    def __init__(
        self,
        regions: Sequence[str] | None,
        parameter: str | None,
        aws: AwsSettings,
        objects: ObjectOptions,
        options: ClientOptions,
        *,
        read_only: bool,
    ) -> None:
        self._named = None if regions is None else check_regions(regions)
        if self._named == ():
            raise ConfigError("s3: no regions are configured: give regions=, or set STARTIFACT_REGIONS")
        self.parameter: str = parameter or os.environ.get("STARTIFACT_PARAMETER") or CONFIGURATION
        self.read_only: bool = read_only
        self._aws = aws
        self._objects = objects
        self._use(Connections(options, owner="Stager"), None)

    def _use(self, connections: Connections, regions: Regions | None) -> None:
        """Send over *connections*, also to *regions* that are open already."""
        self._connections = connections
        self.sender: Sender = connections.sender(_AWS)
        self._open = _OpenRegions(regions=regions and regions.with_sender(self.sender))

    async def enter(self) -> None:
        """Open the regions; close everything when that fails."""
        try:
            await self.open()
        except BaseException:
            # A context manager that cannot be entered is not left either.
            with anyio.CancelScope(shield=True):
                await self.aclose()
            raise

    async def open(self) -> Regions:
        """Return the regions, opened when they are first needed."""
        self._connections.loop_state()  # raises when it has been closed
        async with self._open.lock.get():
            regions = self._open.regions
            if regions is None:
                known = await self.connect(await self._find_regions())
                regions = Regions(known, self.parameter, settings=self.sender.settings)
                self._open.regions = regions
            # Buckets that could not be found are looked up again by each call, beside its work in the other regions.
            if regions.configuration is None or not regions.buckets:
                await regions.load()
        return regions

    async def open_configured(self) -> Regions:
        """Return the regions, opened; ``ConfigError`` when no region has a configuration."""
        regions = await self.open()
        _ = regions.require_configuration
        return regions

    @property
    def opened(self) -> Regions | None:
        """The regions; ``None`` while they have not been opened."""
        return self._open.regions

    def require_opened(self) -> Regions:
        """Return the regions; ``ConfigError`` while they have not been opened."""
        if self._open.regions is None:
            raise ConfigError("s3: enter the stager (async with) before its configuration can be read")
        return self._open.regions

    def require_writable(self) -> None:
        """Raise ``ConfigError`` when writing is refused."""
        if self.read_only:
            raise ConfigError("s3: this stager is read-only")

    async def connect(self, regions: Sequence[str]) -> Mapping[str, Region]:
        """Open clients for *regions* and return them by name."""
        return await open_regions(regions, self._aws, self._objects, self.sender, self._open.closing)

    async def _find_regions(self) -> tuple[str, ...]:
        """Return the regions' names: the arguments', the environment's, or those that the configuration lists."""
        named = self._named or split_regions(os.environ.get("STARTIFACT_REGIONS", "")) or None
        return check_regions(named if named is not None else await self._load_region_names())

    async def _load_region_names(self) -> tuple[str, ...]:
        home = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if home:
            regions = Regions(await self.connect([home]), self.parameter, settings=self.sender.settings)
            await regions.load()
            if regions.configuration is not None and regions.configuration.regions:
                return regions.configuration.regions
        raise ConfigError(
            "s3: no regions are configured: give regions=, or set STARTIFACT_REGIONS, or AWS_REGION to a region that "
            "has the organisation's configuration"
        )

    def with_options(
        self, *, timeout: Timeout | float = UNSET, retry: Retry | int = UNSET, hooks: Hook | Iterable[Hook] = UNSET
    ) -> StagerSession:
        """Return a copy with other settings that shares connections, clients, and what was found with them."""
        other = copy.copy(self)
        connections = self._connections.copy(timeout=timeout, retry=retry, hooks=hooks)
        other._use(connections, self._open.regions)  # noqa: SLF001 - of this class
        return other

    async def aclose(self) -> None:
        """Close all connections, unless this is a copy; closing twice is harmless."""
        await self._connections.aclose()
        if not self._connections.is_copy:
            await self._open.closing.aclose()

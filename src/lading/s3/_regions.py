"""The regions that a stager works with: opened once, each of which may fail alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from lading._core.api_errors import make_api_error
from lading.errors import ConfigError, LadingError, NotFound
from lading.fanout import fan_out
from lading.s3._layout import Configuration

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from lading._core.sender import Sender
    from lading.s3._interfaces import ObjectStore, Region

T = TypeVar("T")


@dataclass(slots=True)
class Regions:
    """Regions, the configuration that they hold, and the bucket of each.

    Attributes:
        known: The regions, in order.
        parameter: The name of the parameter that holds the configuration.
        configuration: The configuration; ``None`` when no region has one.
        buckets: The buckets that could be found, by region.
        failed: Why the other buckets could not be found, by region.
    """

    known: Mapping[str, Region]
    parameter: str
    configuration: Configuration | None = None
    buckets: dict[str, ObjectStore] = field(default_factory=dict[str, "ObjectStore"])
    failed: dict[str, LadingError] = field(default_factory=dict[str, LadingError])

    @property
    def complete(self) -> bool:
        """Whether the configuration and every bucket have been found."""
        return self.configuration is not None and len(self.buckets) >= len(self.known)

    @property
    def require_configuration(self) -> Configuration:
        """The configuration; ``ConfigError`` when there is none."""
        if self.configuration is None:
            raise ConfigError(
                f"s3: none of {', '.join(self.known)} has a parameter {self.parameter} with the organisation's "
                "configuration: call setup()"
            )
        if not self.configuration.bucket_name_param:
            raise ConfigError(f"s3: {self.parameter} has no bucket_name_param: call setup()")
        return self.configuration

    async def load(self) -> None:
        """Find the configuration and the buckets that have not been found yet."""
        if self.configuration is None:
            self.configuration = await self._load_configuration()
        if self.configuration is not None and self.configuration.bucket_name_param:
            missing = [name for name in self.known if name not in self.buckets]
            found, self.failed = await for_each_region(self._find_bucket, missing)
            self.buckets.update(found)

    async def replace_configuration(self, known: Mapping[str, Region], configuration: Configuration) -> None:
        """Work with other regions and another configuration, and find their buckets."""
        self.known, self.configuration = known, configuration
        self.buckets.clear()
        await self.load()

    def with_sender(self, sender: Sender) -> Regions:
        """Return a copy with the settings of *sender*."""
        known = {name: region.with_sender(sender) for name, region in self.known.items()}
        buckets = {name: bucket.with_sender(sender) for name, bucket in self.buckets.items()}
        return replace(self, known=known, buckets=buckets, failed=dict(self.failed))

    async def _load_configuration(self) -> Configuration | None:
        async def read(region: str) -> Configuration | None:
            text = await self.known[region].parameters.get(self.parameter)
            return None if text is None else Configuration.load(text, region)

        found, self.failed = await for_each_region(read, self.known)
        # In the order of the regions, so that the choice between copies that differ does not depend on timing. A
        # region without a copy does not count: it may have been added a moment ago.
        copies = [found[region] for region in self.known if found.get(region) is not None]
        if not copies and self.failed and not found:
            raise next(iter(self.failed.values()))
        return copies[0] if copies else None

    async def _find_bucket(self, region: str) -> ObjectStore:
        name = self.require_configuration.bucket_name_param
        bucket = await self.known[region].parameters.get(name)
        if bucket is None:
            raise make_api_error(NotFound, "ssm", f"{region} has no parameter {name} with the name of its bucket")
        return await self.known[region].bucket(bucket)


async def for_each_region(
    work: Callable[[str], Awaitable[T]], regions: Iterable[str]
) -> tuple[dict[str, T], dict[str, LadingError]]:
    """Run *work* in all *regions* concurrently; return its results and its errors, by region."""
    names = list(regions)
    found: dict[str, T] = {}
    failed: dict[str, LadingError] = {}
    async with fan_out(work, names, limit=max(1, len(names))) as outcomes:
        async for outcome in outcomes:
            if isinstance(outcome.error, LadingError):
                failed[outcome.item] = outcome.error
            else:
                found[outcome.item] = outcome.value
    return (
        {name: found[name] for name in names if name in found},
        {name: failed[name] for name in names if name in failed},
    )

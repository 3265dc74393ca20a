"""The regions that a stager works with: opened once, and each failing alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from lading.errors import ConfigError, LadingError, NotFound
from lading.fanout import fan_out
from lading.s3._layout import Configuration

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from lading.s3._aws import AwsRegion, Senders
    from lading.s3._aws.bucket import S3Bucket

T = TypeVar("T")


@dataclass(slots=True)
class Regions:
    """Regions, the configuration they hold, and the bucket of each.

    Attributes:
        known: The regions, in order.
        parameter: The name of the parameter that holds the configuration.
        configuration: What was found; ``None`` when no region has one.
        buckets: By region, as far as they could be found.
        failed: By region: why its bucket could not be found.
    """

    known: Mapping[str, AwsRegion]
    parameter: str
    configuration: Configuration | None
    buckets: dict[str, S3Bucket]
    failed: dict[str, LadingError]

    async def load(self) -> None:
        """Find configuration and buckets; what could not be found before is tried again."""
        if self.configuration is None:
            self.configuration = await self._load_configuration()
        if self.configuration is not None and self.configuration.bucket_name_param:
            missing = [name for name in self.known if name not in self.buckets]
            found, self.failed = await for_each_region(self._find_bucket, missing)
            self.buckets.update(found)

    async def _load_configuration(self) -> Configuration | None:
        async def ask(region: str) -> Configuration | None:
            text = await self.known[region].parameters.get(self.parameter)
            return None if text is None else Configuration.load(text, region)

        found, self.failed = await for_each_region(ask, self.known)
        # In the order of the regions, so that copies that differ are not chosen by chance. A region without one is no
        # answer: it may have been added a moment ago.
        told = [found[region] for region in self.known if found.get(region) is not None]
        if not told and self.failed and not found:
            raise next(iter(self.failed.values()))
        return told[0] if told else None

    async def _find_bucket(self, region: str) -> S3Bucket:
        name = self.require_configuration.bucket_name_param
        bucket = await self.known[region].parameters.get(name)
        if bucket is None:
            raise NotFound(f"ssm: {region} has no parameter {name} with the name of its bucket", service="ssm")
        return await self.known[region].bucket(bucket)

    def with_senders(self, senders: Senders) -> Regions:
        """The same regions, asked with other settings over the same clients."""
        known = {name: region.sent_by(senders) for name, region in self.known.items()}
        buckets = {name: known[name].bucket_like(bucket) for name, bucket in self.buckets.items()}
        return replace(self, known=known, buckets=buckets, failed=dict(self.failed))

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


async def for_each_region(
    work: Callable[[str], Awaitable[T]], regions: Iterable[str]
) -> tuple[dict[str, T], dict[str, LadingError]]:
    """What *work* returned by region, and what it raised; all regions at the same time."""
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

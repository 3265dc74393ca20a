"""The regions that a stager works with: opened once, each of which may fail alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from lading._core.api_errors import make_api_error
from lading._core.settings import ClientSettings
from lading.errors import ConfigError, LadingError, NetworkError, NotFound
from lading.s3._gather import Grace, gather
from lading.s3._layout import Configuration

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from lading._core.sender import Sender
    from lading.s3._interfaces import ObjectStore, Region

T = TypeVar("T")

# Seconds in which a region that did not respond is not waited for, where others suffice.
_SUSPECT = 30.0


@dataclass(slots=True)
class Regions:
    """Regions, the configuration that they hold, and the bucket of each.

    Attributes:
        known: The regions, in order.
        parameter: The name of the parameter that holds the configuration.
        configuration: The configuration; ``None`` when no region has one.
        buckets: The buckets that could be found, by region.
        settings: Their clock and sleep measure how long a region is waited for.
        unreachable: The errors of the regions that were left out of the last work in them, by region.
    """

    known: Mapping[str, Region]
    parameter: str
    configuration: Configuration | None = None
    buckets: dict[str, ObjectStore] = field(default_factory=dict[str, "ObjectStore"])
    settings: ClientSettings = field(default_factory=ClientSettings)
    unreachable: dict[str, LadingError] = field(default_factory=dict[str, LadingError])
    _silent_since: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def majority(self) -> int:
        """How many regions are more than half."""
        return len(self.known) // 2 + 1

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
        """Find the configuration, and the buckets of the regions that respond."""
        if self.configuration is None:
            self.configuration = await self._load_configuration()
        if self.configuration is not None and self.configuration.bucket_name_param:
            missing = [name for name in self.known if name not in self.buckets]
            await self.gather(self.bucket_of, missing, Grace(bool))

    async def replace_configuration(self, known: Mapping[str, Region], configuration: Configuration) -> None:
        """Work with other regions and another configuration, and find their buckets."""
        self.known, self.configuration = known, configuration
        self.buckets.clear()
        self.unreachable.clear()
        await self.load()

    def with_sender(self, sender: Sender) -> Regions:
        """Return a copy with the settings of *sender*."""
        return replace(
            self,
            known={name: region.with_sender(sender) for name, region in self.known.items()},
            buckets={name: bucket.with_sender(sender) for name, bucket in self.buckets.items()},
            settings=sender.settings,
            unreachable=dict(self.unreachable),
            _silent_since=dict(self._silent_since),
        )

    async def bucket_of(self, region: str) -> ObjectStore:
        """Return a region's bucket, which is looked up if it has not been found yet."""
        if region not in self.buckets:
            name = self.require_configuration.bucket_name_param
            bucket = await self.known[region].parameters.get(name)
            if bucket is None:
                raise make_api_error(NotFound, "ssm", f"{region} has no parameter {name} with the name of its bucket")
            self.buckets[region] = await self.known[region].bucket(bucket)
        return self.buckets[region]

    async def gather(
        self,
        work: Callable[[str], Awaitable[T]],
        regions: Iterable[str] | None = None,
        grace: Grace[T] | None = None,
        abandon: Callable[[str], None] = lambda _: None,
    ) -> tuple[dict[str, T], dict[str, LadingError]]:
        """Run *work* in *regions*, by default in all, and return its results and its errors, by region.

        Args:
            work: The work, called with a region's name.
            regions: The regions.
            grace: When the results suffice; ``None`` to wait for every region.
            abandon: Called with the name of a region that was cut off and has not cleaned up in time.
        """
        names = list(self.known if regions is None else regions)
        now = self.settings.clock()
        suspects = {name for name, since in self._silent_since.items() if now - since < _SUSPECT}
        found, failed = await gather(
            work, names, settings=self.settings, grace=grace, suspects=suspects, abandon=abandon
        )
        for name in found:
            self._silent_since.pop(name, None)
            self.unreachable.pop(name, None)
        for name, error in failed.items():
            self.unreachable[name] = error
            # A suspect that was not waited for proves nothing new: it is given time again, once in a while.
            if isinstance(error, NetworkError) and name not in suspects:
                self._silent_since[name] = self.settings.clock()
        return found, failed

    async def _load_configuration(self) -> Configuration | None:
        async def read(region: str) -> Configuration | None:
            text = await self.known[region].parameters.get(self.parameter)
            return None if text is None else Configuration.load(text, region)

        # One region without a copy does not count: it may have been added a moment ago.
        grace: Grace[Configuration | None] = Grace(lambda some: any(some.values()) or len(some) >= self.majority)
        found, failed = await self.gather(read, grace=grace)
        # In the order of the regions, so that the choice between copies that differ depends less on timing.
        copies = [copy for copy in found.values() if copy is not None]
        if not copies and failed and not found:
            raise next(iter(failed.values()))
        return copies[0] if copies else None

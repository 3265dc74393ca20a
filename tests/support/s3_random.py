"""Regions in memory that fail at random, for each stager in its own way; what is in them at the end is the truth."""

from __future__ import annotations

from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from anyio import get_cancelled_exc_class

from lading import LadingError, NetworkError, RequestTimeout

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable

    from lading._core.sender import Sender
    from tests.support.memory_s3 import Bucket, Parameters, Region
    from tests.support.virtual_clock import VirtualClock

_BUCKET = {
    "head",
    "get",
    "put",
    "put_small",
    "create_upload",
    "upload_part",
    "copy_part",
    "complete",
    "abort",
    "delete",
}
_PARAMETERS = {"get", "put", "delete"}
_READS = {"head", "get"}
# Seconds after which a client gives up a region that does not respond.
GIVES_UP = 300.0

caller: ContextVar[str] = ContextVar("caller")


@dataclass
class Weather:
    """What goes wrong, by chance.

    Attributes:
        order: Decides.
        clock: Everybody's clock.
        severity: How often something goes wrong, from 0 to 1.
        down: Regions that reset every connection, or never respond.
        hit: Callers and regions where a write had no proper response.
        pointed: Callers and regions where the pointer or its parameter was written.
        late: Requests that have left, and will be carried out although nobody waits for them: by caller and region,
            whose next request is not carried out before them.
    """

    order: random.Random
    clock: VirtualClock
    severity: float
    down: dict[str, str] = field(default_factory=dict)
    hit: set[tuple[str, str]] = field(default_factory=set)
    pointed: set[tuple[str, str]] = field(default_factory=set)
    late: list[tuple[tuple[str, str], Callable[[], Awaitable[Any]]]] = field(default_factory=list)

    async def request(self, region: str, operation: str, act: Callable[[], Awaitable[Any]]) -> Any:
        """Carry out an operation, or not, and return its result, or not."""
        await self.arrive_late(region)
        if self.order.random() < self.severity / 40:
            self.down[region] = self.order.choice(["dead", "silent"])
        elif self.down and self.order.random() < 0.05:
            self.down.pop(self.order.choice(sorted(self.down)))
        chance = self.order.random()
        if self.down.get(region) == "dead":
            raise NetworkError(f"s3: {region} is dead", phase="connect")
        if self.down.get(region) == "silent" or chance < self.severity * 0.05:
            self._note(region, operation)
            await self._stay_silent(region, operation, act)
        if chance < self.severity * 0.15:
            self._note(region, operation)
            await self._lose(region, operation, act)
        if chance < self.severity * 0.35:
            await self._come_late(region, operation, act)
        return await act()

    async def arrive_late(self, region: str | None = None) -> None:
        """Carry out requests that nobody waits for any more: all of them, or before a caller's next one in a region."""
        late, self.late = self.late, []
        for whose, act in late:
            if region is None or whose == (caller.get(), region) or self.order.random() < 0.3:
                with suppress(LadingError):
                    await act()
            else:
                self.late.append((whose, act))

    def _note(self, region: str, operation: str) -> None:
        if operation not in _READS:
            self.hit.add((caller.get(), region))

    async def _stay_silent(self, region: str, operation: str, act: Callable[[], Awaitable[Any]]) -> None:
        if operation not in _READS and self.order.random() < 0.5:
            self.late.append(((caller.get(), region), act))
        try:
            await self.clock.sleep(GIVES_UP)
        except get_cancelled_exc_class():
            self.hit.add((caller.get(), region))  # it was cut off
            raise
        outcome: Any = "not_done" if operation in _READS else "unknown"
        raise RequestTimeout(f"s3: {region} is silent", phase="receive", outcome=outcome, request_sent=True)

    async def _lose(self, region: str, operation: str, act: Callable[[], Awaitable[Any]]) -> None:
        if self.order.random() < 0.5:
            with suppress(LadingError):
                await act()
        outcome: Any = "not_done" if operation in _READS else "unknown"
        raise NetworkError(f"s3: {region} was lost", phase="receive", outcome=outcome, request_sent=True)

    async def _come_late(self, region: str, operation: str, act: Callable[[], Awaitable[Any]]) -> None:
        try:
            await self.clock.sleep(self.order.choice([0.5, 2.0, 9.0, 30.0]))
        except get_cancelled_exc_class():
            self.hit.add((caller.get(), region))  # it was cut off
            if operation not in _READS and self.order.random() < 0.5:
                self.late.append(((caller.get(), region), act))
            raise


class _Exposed:
    """A store in that weather."""

    def __init__(self, store: Bucket | Parameters, operations: set[str], region: str, weather: Weather) -> None:
        self._store = store
        self._operations = operations
        self._region = region
        self._weather = weather

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in self._operations:
            return found

        async def operate(*arguments: Any, **options: Any) -> Any:
            result = await self._weather.request(self._region, name, lambda: found(*arguments, **options))
            if name in {"put", "put_small"} and arguments[0].endswith("/latest"):
                self._weather.pointed.add((caller.get(), self._region))
            return result

        return operate

    def with_sender(self, sender: Sender) -> _Exposed:
        del sender
        return self


class ExposedRegion:
    """A region in that weather."""

    def __init__(self, region: Region, weather: Weather) -> None:
        self.parameters: Any = _Exposed(region.parameters, _PARAMETERS, region.name, weather)
        self._region = region
        self._weather = weather

    async def bucket(self, name: str) -> Any:
        """The bucket of that name."""
        return _Exposed(await self._region.bucket(name), _BUCKET, self._region.name, self._weather)

    def with_sender(self, sender: Sender) -> ExposedRegion:
        """The same: it has no settings."""
        del sender
        return self

"""Work in several regions at once, of which some may suffice: the others get a bounded grace."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from types import NoneType
from typing import TYPE_CHECKING, Generic, TypeVar

import anyio

from lading._core.settings import ClientSettings
from lading.errors import Conflict, LadingError, RequestTimeout

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

    from anyio.abc import TaskGroup

T = TypeVar("T")

# Seconds for the other regions once enough have responded, for reads and for staging.
READ_GRACE = 1.0
STAGE_GRACE = 10.0
# Seconds in which a region that is cut off may still clean up, as by aborting its upload.
CLEAN_UP = 5.0


@dataclass(frozen=True, slots=True)
class Grace(Generic[T]):
    """When the results of some regions suffice, and how long the others are waited for then.

    Attributes:
        enough: Returns whether the results so far, by region, suffice.
        seconds: How long the others are waited for.
        stretches: Whether they have at least as long as the slowest region took that has finished.
        suspects: How long regions are waited for that did not respond a moment ago.
        writes: Whether the outcome is unknown in a region that is cut off.
    """

    enough: Callable[[Mapping[str, T]], bool]
    seconds: float = READ_GRACE
    stretches: bool = False
    suspects: float = 0.0
    writes: bool = False


async def gather(
    work: Callable[[str], Awaitable[T]],
    regions: Iterable[str],
    *,
    settings: ClientSettings | None = None,
    grace: Grace[T] | None = None,
    suspects: Collection[str] = (),
    abandon: Callable[[str], None] = lambda _: None,
) -> tuple[dict[str, T], dict[str, LadingError]]:
    """Run *work* in all *regions* concurrently; return its results and its errors, by region.

    Args:
        work: The work, called with a region's name.
        regions: The regions' names.
        settings: Their clock and sleep measure the grace.
        grace: When the results suffice; ``None`` to wait for every region. A region that is cut off then has a
            :class:`RequestTimeout` as its error.
        suspects: Regions that did not respond a moment ago.
        abandon: Called with the name of a region that was cut off and has not cleaned up in time.

    Raises:
        Exception: What *work* raised, unless it is lading's error; the work in the other regions is cancelled.
    """
    gathering = _Gathering(work, list(regions), settings or ClientSettings(), grace, suspects=suspects, abandon=abandon)
    return await gathering.run()


class _Gathering(Generic[T]):
    def __init__(
        self,
        work: Callable[[str], Awaitable[T]],
        names: list[str],
        settings: ClientSettings,
        grace: Grace[T] | None,
        *,
        suspects: Collection[str],
        abandon: Callable[[str], None],
    ) -> None:
        self._work = work
        self._names = names
        self._settings = settings
        self._grace = grace
        self._suspects = suspects
        self._abandon = abandon
        self._found: dict[str, T] = {}
        self._failed: dict[str, LadingError] = {}
        self._raised: Exception | None = None
        self._pending = dict.fromkeys(names)
        self._scopes: dict[str, anyio.CancelScope] = {}
        self._cut: set[str] = set()
        self._changed = anyio.Event()
        self._slowest = 0.0
        self._enough_at = inf

    async def run(self) -> tuple[dict[str, T], dict[str, LadingError]]:
        """Run it; return results and errors in the order of the regions."""
        self._scopes = {name: anyio.CancelScope() for name in self._names}
        async with anyio.create_task_group() as group:
            for name in self._names:
                group.start_soon(self._run_in, name)
            await self._wait_for_enough(group)
            await self._cut_off(group)
            group.cancel_scope.cancel()
        if self._raised is not None:
            raise self._raised
        return (
            {name: self._found[name] for name in self._names if name in self._found},
            {name: self._failed[name] for name in self._names if name in self._failed},
        )

    async def _run_in(self, name: str) -> None:
        started = self._settings.clock()
        with self._scopes[name] as scope:
            try:
                self._found[name] = await self._work(name)
            except LadingError as error:
                self._failed[name] = error
            except Exception as error:  # noqa: BLE001 - raised by run(), outside the group
                self._raised = self._raised or error
        # What cancelled work raises is no reason; that another stager was first, is one.
        if scope.cancelled_caught or (
            name in self._cut and not isinstance(self._failed.get(name), (Conflict, NoneType))
        ):
            self._failed[name] = self._cut_off_error(name)
        else:
            self._slowest = max(self._slowest, self._settings.clock() - started)
        del self._pending[name]
        self._changed.set()

    def _cut_off_error(self, name: str) -> RequestTimeout:
        writes = self._grace is not None and self._grace.writes
        return RequestTimeout(
            f"s3: {name} did not finish within {self._grace_of(name):.3g} s after enough other regions",
            phase="receive",
            outcome="unknown" if writes else "not_done",
            request_sent=True,
        )

    async def _wait_for_enough(self, group: TaskGroup) -> None:
        """Return when all regions have finished; or enough of them, and the grace of the others is over."""
        while self._pending and self._raised is None:
            if self._enough_at == inf and self._grace is not None and self._grace.enough(self._found):
                self._enough_at = self._settings.clock()
                group.start_soon(self._count_down)
                group.start_soon(self._count_down_suspects)
            if self._left() <= 0:
                return
            await self._wait()

    async def _count_down(self) -> None:
        while (left := self._left()) > 0:
            await self._settings.sleep(left)  # what has finished meanwhile may have made it longer
        self._changed.set()

    async def _count_down_suspects(self) -> None:
        assert self._grace is not None  # noqa: S101 - it is what is counted down
        await self._settings.sleep(self._grace.suspects)
        self._changed.set()

    def _left(self) -> float:
        """Return the seconds until the grace of all that have not finished is over."""
        longest = max((self._grace_of(name) for name in self._pending), default=0.0)
        return self._enough_at + longest - self._settings.clock()

    def _grace_of(self, name: str) -> float:
        if self._grace is None:
            return inf
        if name in self._suspects:
            return self._grace.suspects
        return max(self._grace.seconds, self._slowest if self._grace.stretches else 0.0)

    async def _cut_off(self, group: TaskGroup) -> None:
        """Cancel the work of the regions that have not finished, and bound what they do then."""
        self._cut = set(self._pending)
        for name in self._cut:
            self._scopes[name].cancel()
        if self._cut:
            group.start_soon(self._end_clean_up)
        while self._pending:
            await self._wait()

    async def _end_clean_up(self) -> None:
        await self._settings.sleep(CLEAN_UP)
        for name in self._pending:
            self._abandon(name)

    async def _wait(self) -> None:
        """Wait for the next change."""
        await self._changed.wait()
        if self._changed.is_set():
            self._changed = anyio.Event()

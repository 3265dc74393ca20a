"""Hedged requests: one region, and the next one concurrently when that fails or is slow; the first result counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from anyio.abc import TaskGroup

    from lading._core.settings import ClientSettings

K = TypeVar("K")
T = TypeVar("T")

# Seconds without a response after which the next region is requested, too.
HEDGE = 0.5


async def _nothing(value: object) -> None:
    del value


class Hedge(Generic[K, T]):
    """Work on one item, and concurrently on the next when that fails or is slow.

    Args:
        work: The work.
        items: What to work on, best first; not empty.
        settings: Its sleep measures what is slow.
        discard: Awaited with a result that is not returned.
    """

    def __init__(
        self,
        work: Callable[[K], Awaitable[T]],
        items: Sequence[K],
        settings: ClientSettings,
        discard: Callable[[T], Awaitable[None]] = _nothing,
    ) -> None:
        self._work = work
        self._items = items
        self._settings = settings
        self._discard = discard
        self._won: list[T] = []
        self._errors: list[Exception] = []
        self._changed = anyio.Event()

    async def run(self) -> T:
        """Return the first result; raise the first error when there is none."""
        try:
            await self._race()
        except BaseException:
            await self._discard_all(self._won)  # nobody will use it now
            raise
        if not self._won:
            raise self._errors[0]
        return self._won[0]

    async def _race(self) -> None:
        async with anyio.create_task_group() as group:
            for item in self._items:
                group.start_soon(self._run, item)
                await self._wait_a_little(group)
                if self._won:
                    break
            while not self._won and len(self._errors) < len(self._items):
                await self._wait()
            group.cancel_scope.cancel()

    async def _wait_a_little(self, group: TaskGroup) -> None:
        scope = anyio.CancelScope()

        async def count_down() -> None:
            with scope:
                await self._settings.sleep(HEDGE)
                self._changed.set()

        group.start_soon(count_down)
        await self._wait()
        scope.cancel()

    async def _wait(self) -> None:
        """Wait for the next result or error."""
        await self._changed.wait()
        self._changed = anyio.Event()

    async def _run(self, item: K) -> None:
        try:
            value = await self._work(item)
        except Exception as error:  # noqa: BLE001 - raised by run(), when there is no result
            self._errors.append(error)
        else:
            if self._won:
                await self._discard_all([value])
            else:
                self._won.append(value)
        self._changed.set()

    async def _discard_all(self, values: list[T]) -> None:
        with anyio.CancelScope(shield=True):
            for value in values:
                await self._discard(value)

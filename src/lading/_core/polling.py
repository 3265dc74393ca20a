"""The polling loop behind every ``wait()`` and ``watch()``."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import anyio

from lading._core.arguments import checked
from lading.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

K = TypeVar("K")
V = TypeVar("V")


@checked()
@dataclass(frozen=True, slots=True)
class PollInterval:
    """The seconds between two polls: they increase while nothing changes, and a change resets them.

    Attributes:
        initial: Seconds after the first poll, and after each that reports a change.
        factor: The interval is multiplied by this after a poll without a change.
        maximum: The longest interval.
    """

    initial: float = 2.0
    factor: float = 1.5
    maximum: float = 30.0

    def __post_init__(self) -> None:
        if not self.initial >= 0 or not self.maximum >= 0 or not self.factor >= 1:
            raise InputError("PollInterval needs seconds of 0 or more, and a factor of 1 or more", argument="poll")

    def after(self, interval: float) -> float:
        """Return the interval that follows one of *interval* seconds without a change."""
        return min(self.maximum, interval * self.factor)


def as_poll_interval(value: PollInterval | float | None) -> PollInterval:
    """Return *value*; a number is the seconds between two polls, whatever changes."""
    if value is None:
        return PollInterval()
    return PollInterval(value, 1.0, value) if isinstance(value, (int, float)) else value


class Watch(Generic[K, V]):
    """An async iterator over the changing values of many keys, until each is final; one poll serves all keys left.

    It has no background task: it polls while the next value is awaited, and can be used further after an error.

    Args:
        keys: What to watch.
        fetch: Called with the keys that are left; returns their current values. Keys may be missing from the result.
        done: Returns whether a value is final: its key is not polled again.
        changed: Returns whether the second value differs from the first. Values without a change are not yielded.
        only_done: Yield final values only.
        poll: How often to poll.
        sleep: Waits for seconds; the client's, so that tests need not wait.
    """

    def __init__(
        self,
        keys: Iterable[K],
        fetch: Callable[[tuple[K, ...]], Awaitable[Mapping[K, V]]],
        done: Callable[[V], bool],
        *,
        changed: Callable[[V, V], bool] = lambda before, now: before != now,
        only_done: bool = False,
        poll: PollInterval | float | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._left: dict[K, V | None] = dict.fromkeys(keys)
        self._fetch = fetch
        self._done = done
        self._changed = changed
        self._only_done = only_done
        self._poll = as_poll_interval(poll)
        self._sleep = sleep
        self._ready: deque[V] = deque()
        self._interval = 0.0
        self._started = False

    def __aiter__(self) -> Watch[K, V]:
        return self

    async def __anext__(self) -> V:
        while not self._ready:
            if not self._left:
                raise StopAsyncIteration
            if self._started:
                await self._sleep(self._interval)
            changed = self._update(await self._fetch(tuple(self._left)))
            soon = changed or not self._started
            self._interval = self._poll.initial if soon else self._poll.after(self._interval)
            self._started = True
        return self._ready.popleft()

    def _update(self, values: Mapping[K, V]) -> bool:
        """Record *values*, make ready those to yield, and return whether any has changed."""
        any_changed = False
        for key, value in values.items():
            if key not in self._left:
                continue
            before = self._left[key]
            changed = before is None or self._changed(before, value)
            final = self._done(value)
            if final:
                del self._left[key]
            else:
                self._left[key] = value
            if final or (changed and not self._only_done):
                self._ready.append(value)
            any_changed = any_changed or changed
        return any_changed


async def poll_until(
    fetch: Callable[[], Awaitable[V | None]],
    poll: PollInterval | float | None = None,
    *,
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
) -> V:
    """Call *fetch* until it returns something else than ``None``, and return that.

    The caller's cancel scope bounds it.

    Args:
        fetch: Returns the value, or ``None`` while there is none.
        poll: How often to poll.
        sleep: Waits for seconds.
    """

    async def fetch_one(_: tuple[None, ...]) -> dict[None, V]:
        value = await fetch()
        return {} if value is None else {None: value}

    return await anext(Watch((None,), fetch_one, lambda _: True, poll=poll, sleep=sleep))

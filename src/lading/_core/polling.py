"""The one loop that asks a store again and again, behind every ``wait()`` and ``watch()``."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class PollInterval:
    """Seconds between two questions: from *first*, each quiet one stretching it by *factor* up to *longest*.

    News sets it back to *first*: what has just moved is likely to move again.
    """

    initial: float = 2.0
    factor: float = 1.5
    maximum: float = 30.0

    def after(self, interval: float) -> float:
        """The interval after a quiet one of *interval* seconds."""
        return min(self.maximum, interval * self.factor)


class Watch(Generic[K, V]):
    """An async iterator over what many keys come to, until each is done; one question serves all that are left.

    It has no task of its own: it asks while somebody awaits the next value, and an error leaves it able to go on.

    Args:
        keys: What to watch.
        ask: From the keys that are left to what is known of them now; a key may be missing from the answer.
        done: Whether a value is final: its key is not asked for again.
        changed: Whether the second value is news after the first. Values that are no news are not given.
        only_done: Give final values alone.
        poll: How often to ask.
    """

    def __init__(
        self,
        keys: Iterable[K],
        ask: Callable[[tuple[K, ...]], Awaitable[Mapping[K, V]]],
        done: Callable[[V], bool],
        *,
        changed: Callable[[V, V], bool] = lambda before, now: before != now,
        only_done: bool = False,
        poll: PollInterval | None = None,
    ) -> None:
        self._left: dict[K, V | None] = dict.fromkeys(keys)
        self._ask = ask
        self._done = done
        self._changed = changed
        self._only_done = only_done
        self._poll = poll or PollInterval()
        self._ready: deque[V] = deque()
        self._interval = 0.0
        self._asked = False

    def __aiter__(self) -> Watch[K, V]:
        return self

    async def __anext__(self) -> V:
        while not self._ready:
            if not self._left:
                raise StopAsyncIteration
            if self._asked:
                await anyio.sleep(self._interval)
            news = self._take(await self._ask(tuple(self._left)))
            fresh = news or not self._asked
            self._interval = self._poll.initial if fresh else self._poll.after(self._interval)
            self._asked = True
        return self._ready.popleft()

    def _take(self, known: Mapping[K, V]) -> bool:
        news = False
        for key, value in known.items():
            if key not in self._left:
                continue
            before = self._left[key]
            moved = before is None or self._changed(before, value)
            final = self._done(value)
            if final:
                del self._left[key]
            else:
                self._left[key] = value
            if final or (moved and not self._only_done):
                self._ready.append(value)
            news = news or moved
        return news


async def poll_until(ask: Callable[[], Awaitable[V | None]], poll: PollInterval | None = None) -> V:
    """What *ask* returns as soon as that is not ``None``. The caller's cancel scope bounds it."""

    async def one(_: tuple[None, ...]) -> dict[None, V]:
        value = await ask()
        return {} if value is None else {None: value}

    return await anext(Watch((None,), one, lambda _: True, poll=poll))

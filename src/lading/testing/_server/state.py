"""The part of a double's state that is the same for every double: a lock, a clock and counters."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class Clock:
    """A clock that stands still until it is advanced.

    Args:
        now: The first time that it shows; by default the current time. Microseconds are cut off.
        lock: The lock that is held while the clock is advanced: time stands still for those who hold it.
    """

    def __init__(self, now: datetime | None, lock: threading.RLock) -> None:
        self._lock = lock
        self._now = (datetime.now(UTC) if now is None else now.astimezone(UTC)).replace(microsecond=0)

    @property
    def now(self) -> datetime:
        """The time that the clock shows, in UTC."""
        return self._now

    @property
    def timestamp(self) -> int:
        """The time that the clock shows, in seconds since the epoch."""
        return int(self._now.timestamp())

    def advance(self, seconds: float) -> None:
        """Move the clock forward by *seconds*."""
        with self._lock:
            self._now += timedelta(seconds=seconds)


class Ids:
    """Counters of numeric ids, one for each kind of object."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def next(self, kind: str) -> int:
        """Return the next id for an object of *kind*: 1 first, and no number twice."""
        self._last[kind] = self._last.get(kind, 0) + 1
        return self._last[kind]


class DoubleState:
    """The base of every double's state. Requests come from the server's threads, calls from the test's.

    Attributes:
        lock: Held while the state is read or changed.
        clock: The double's clock.
        ids: The double's counters of numeric ids.
    """

    def __init__(self, now: datetime | None = None) -> None:
        self.lock = threading.RLock()
        self.clock = Clock(now, self.lock)
        self.ids = Ids()

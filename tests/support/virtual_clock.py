"""A clock that passes only while nothing else happens."""

from __future__ import annotations

from anyio.lowlevel import checkpoint

# So often everybody else may run without doing anything that counts, before time passes.
_IDLE = 60


class VirtualClock:
    """Time that jumps to the end of the shortest wait once nothing else happens: a timeout never comes too early.

    Attributes:
        time: The current time, in seconds.
        activity: Counts what happens; who does something increments it.
    """

    def __init__(self) -> None:
        self.time = 0.0
        self.activity = 0
        self._deadlines: list[float] = []

    def now(self) -> float:
        """Return the current time."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Let *seconds* pass."""
        deadline = self.time + seconds
        self._deadlines.append(deadline)
        idle, seen = 0, self.activity
        try:
            while self.time < deadline:
                await checkpoint()
                idle, seen = (idle + 1, seen) if self.activity == seen else (0, self.activity)
                if idle >= _IDLE and deadline == min(self._deadlines):
                    self.time = deadline
                    self.activity += 1
        finally:
            self._deadlines.remove(deadline)

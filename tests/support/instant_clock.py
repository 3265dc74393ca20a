"""A clock that no one has to wait for."""

from __future__ import annotations

from anyio.lowlevel import checkpoint


class InstantClock:
    """Time that passes only by waiting, which takes no time.

    Attributes:
        time: The current time, in seconds.
    """

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        """Return the current time."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Let *seconds* pass."""
        await checkpoint()
        self.time += seconds

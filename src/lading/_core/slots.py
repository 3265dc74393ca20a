"""What the calls of one client share on one event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from lading.errors import RequestTimeout

if TYPE_CHECKING:
    from lading._core.call import Backend
    from lading.types import Limits


class LoopState:
    """Its exchange, and slots taken once per call."""

    def __init__(self, exchange: Backend, limits: Limits) -> None:
        self.exchange = exchange
        self._requests = anyio.Semaphore(limits.max_requests, fast_acquire=True)
        self._uploads = anyio.Semaphore(limits.max_uploads, fast_acquire=True)

    async def acquire(self, *, upload: bool, timeout: float | None) -> None:
        """Wait for a slot; :meth:`give_back` returns it."""
        with anyio.CancelScope() as scope:
            if timeout is not None:
                scope.deadline = anyio.current_time() + timeout
            # First a place among the uploads: those that wait for one leave the others' slots alone.
            if upload:
                await _acquire(self._uploads)
            try:
                await _acquire(self._requests)
            except BaseException:
                if upload:
                    self._uploads.release()
                raise
            return
        raise RequestTimeout(
            f"no slot was free within {timeout:g} s (Timeout.pool): more calls wait than Limits lets run",
            phase="pool",
        )

    def release(self, *, upload: bool) -> None:
        """Return the slot."""
        self._requests.release()
        if upload:
            self._uploads.release()


async def _acquire(semaphore: anyio.Semaphore) -> None:
    """Take a place; one that is free is taken by somebody without time to wait too, on both loops."""
    try:
        semaphore.acquire_nowait()
    except anyio.WouldBlock:
        await semaphore.acquire()

"""What the calls of one client share on one event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from lading.errors import RequestTimeout

if TYPE_CHECKING:
    from lading._core.messages import Backend
    from lading.types import Limits


class LoopState:
    """A backend, and slots: each call acquires one, and its attempts, auth flow and look-ups use it.

    Attributes:
        backend: What sends requests on this loop.
        notices: The stores' notices that were logged already; all loops of a client share them.
        prepared: Whether models can be built without reading files; see :func:`prepare_models`.
    """

    def __init__(self, backend: Backend, limits: Limits, notices: set[str]) -> None:
        self.backend = backend
        self.notices = notices
        self.prepared = False
        self._requests = anyio.Semaphore(limits.max_requests, fast_acquire=True)
        self._uploads = anyio.Semaphore(limits.max_uploads, fast_acquire=True)

    def acquire_nowait(self, *, upload: bool) -> bool:
        """Take a slot if one is free, and return whether one was."""
        try:
            if upload:
                self._uploads.acquire_nowait()
            try:
                self._requests.acquire_nowait()
            except anyio.WouldBlock:
                if upload:
                    self._uploads.release()
                raise
        except anyio.WouldBlock:
            return False
        return True

    async def acquire(self, *, upload: bool, timeout: float | None) -> None:
        """Wait for a slot, first come first served; :meth:`release` returns it.

        Raises:
            RequestTimeout: None was free within *timeout* seconds.
        """
        with anyio.CancelScope() as scope:
            if timeout is not None:
                scope.deadline = anyio.current_time() + timeout
            # First one of the uploads': uploads that wait for one do not occupy the others' slots.
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
            f"no slot was free within {timeout:g} s (Timeout.pool): more calls wait than Limits allows to run",
            phase="pool",
        )

    def release(self, *, upload: bool) -> None:
        """Return the slot."""
        self._requests.release()
        if upload:
            self._uploads.release()


async def _acquire(semaphore: anyio.Semaphore) -> None:
    """Take a place; a free one also when there is no time to wait, on both loops."""
    try:
        semaphore.acquire_nowait()
    except anyio.WouldBlock:
        await semaphore.acquire()

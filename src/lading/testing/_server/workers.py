"""Blocking work of a server, in threads that are gone when it has stopped."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

from anyio import to_thread

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Workers:
    """Runs functions in worker threads and remembers which.

    The event loop tells its worker threads to end but does not wait until they have; a test that counts
    threads after a server has stopped would now and then find one that is just leaving.
    """

    def __init__(self) -> None:
        self._threads: set[threading.Thread] = set()

    async def run(self, func: Callable[[*Ts], T], *args: *Ts) -> T:
        """What ``func(*args)`` returns, run in a worker thread; it is waited for even when cancelled."""

        def work() -> T:
            self._threads.add(threading.current_thread())
            return func(*args)

        return await to_thread.run_sync(work)

    def join(self) -> None:
        """Wait until the threads are gone, once the event loop has ended."""
        for thread in tuple(self._threads):
            thread.join()
        self._threads.clear()

"""Worker threads for the blocking work of a server, which have ended when the server has stopped."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

from anyio import to_thread

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Workers:
    """Runs functions in worker threads, and keeps track of the threads.

    The event loop signals its worker threads to end, but does not wait for them: a test that counts threads after a
    server has stopped would sometimes find one that is still ending.
    """

    def __init__(self) -> None:
        self._threads: set[threading.Thread] = set()

    async def run(self, func: Callable[[*Ts], T], *args: *Ts) -> T:
        """Run ``func(*args)`` in a worker thread and return its result; a cancelled call still waits for it."""

        def work() -> T:
            self._threads.add(threading.current_thread())
            return func(*args)

        return await to_thread.run_sync(work)

    def join(self) -> None:
        """Wait until the threads have ended, after the event loop has."""
        for thread in tuple(self._threads):
            thread.join()
        self._threads.clear()

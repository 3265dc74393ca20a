"""Work off the event loop, under limits of lading's own.

anyio's default limiter and asyncio's default executor belong to the application we are embedded in; using them could
starve either side. There are three limits here, so that no kind of work waits for another: files (hashing, reading,
writing), short steps (TLS handshakes, imports), and calls into the system that nothing can interrupt.
"""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

import anyio
from anyio import from_thread, to_thread
from anyio.lowlevel import current_token

from lading._core.loop_local import LoopLocal

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_files = LoopLocal(lambda: anyio.CapacityLimiter(16))
_short = LoopLocal(lambda: anyio.CapacityLimiter(8))
_detached: LoopLocal[dict[str, anyio.CapacityLimiter]] = LoopLocal(dict)
_here = threading.local()


async def run_in_thread(func: Callable[[*Ts], T], *args: *Ts) -> T:
    """Run ``func(*args)`` in a worker thread and return its result.

    When the caller is cancelled the thread is awaited, so that nothing runs after the call has ended;
    *func* keeps its steps short, or calls :func:`check_cancelled` between them. Its result may be lost then: what must
    be closed, *func* puts where the caller's clean-up finds it.
    """
    return await _run(_files.get(), func, args)


async def run_short_in_thread(func: Callable[[*Ts], T], *args: *Ts) -> T:
    """Run ``func(*args)``, which takes milliseconds, as :func:`run_in_thread` does; it never waits behind files."""
    return await _run(_short.get(), func, args)


async def _run(limiter: anyio.CapacityLimiter, func: Callable[..., T], args: tuple[Any, ...]) -> T:
    work = _ThreadCall(func, args)
    try:
        result: T = await to_thread.run_sync(work.run, limiter=limiter)
    except anyio.get_cancelled_exc_class():
        # anyio waits for the thread when a scope of its own is cancelled. It lets asyncio's own cancelling through (a
        # timeout, wait_for, a TaskGroup), and the thread would read on into a buffer that is somebody else's by then.
        await work.abandon(limiter)
        raise
    return result


async def import_in_thread(name: str) -> ModuleType:
    """Import the module *name* off the event loop, the first time, and return it."""
    module = sys.modules.get(name)
    # One that another thread is importing at this moment is not complete yet.
    if module is not None and not getattr(module.__spec__, "_initializing", False):
        return module
    return await run_short_in_thread(import_module, name)


async def run_detached(name: str, func: Callable[[*Ts], T], *args: *Ts) -> T:
    """Run ``func(*args)``, which nothing can interrupt, in a daemon thread called *name*; return its result.

    When the caller is cancelled the thread is left alone, and its result is dropped. anyio's worker threads, and those
    of asyncio's executor, would keep the interpreter from exiting until *func* returns. A thread that was left alone
    still counts for the limit of its name: a resolver that hangs does not collect threads without end.
    """
    limiters = _detached.get()
    limiter = limiters.get(name) or limiters.setdefault(name, anyio.CapacityLimiter(16))
    borrower = object()
    await limiter.acquire_on_behalf_of(borrower)
    finished = anyio.Event()
    token = current_token()
    results: list[T] = []
    errors: list[BaseException] = []

    def end() -> None:
        limiter.release_on_behalf_of(borrower)
        finished.set()

    def run() -> None:
        try:
            results.append(func(*args))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller
            errors.append(error)
        # The loop may have ended in the meantime: nothing waits for the result then.
        with suppress(anyio.RunFinishedError, RuntimeError):
            from_thread.run_sync(end, token=token)

    threading.Thread(target=run, name=name, daemon=True).start()
    await finished.wait()
    if errors:
        raise errors[0]
    return results[0]


def check_cancelled() -> None:
    """End the work of this thread if its caller has been cancelled; called between its steps."""
    from_thread.check_cancelled()
    if _here.work.abandoned:
        raise _Abandoned


class _Abandoned(BaseException):
    """Ends the work of a thread whose caller has gone; never seen outside."""


class _ThreadCall:
    def __init__(self, func: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._func = func
        self._args = args
        self._claim = threading.Lock()
        self._ended = threading.Event()
        self.abandoned = False

    def run(self) -> Any:
        if not self._claim.acquire(blocking=False):
            raise _Abandoned
        _here.work = self
        try:
            return self._func(*self._args)
        finally:
            self._ended.set()

    async def abandon(self, limiter: anyio.CapacityLimiter) -> None:
        """Wait until no thread works on it any more, nor will."""
        if self._claim.acquire(blocking=False):
            return
        self.abandoned = True
        while not self._ended.is_set():
            try:
                with anyio.CancelScope(shield=True):
                    await to_thread.run_sync(self._ended.wait, limiter=limiter)
            except anyio.get_cancelled_exc_class():
                continue  # cancelled once more

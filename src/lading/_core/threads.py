"""Work off the event loop, under a limit of lading's own.

anyio's default limiter belongs to the application we are embedded in; using it could starve either side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

import anyio
from anyio import to_thread
from anyio.lowlevel import RunVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_THREADS = 16
_limiter: RunVar[anyio.CapacityLimiter] = RunVar("lading thread limiter")


async def in_thread(func: Callable[[*Ts], T], *args: *Ts) -> T:
    """What ``func(*args)`` returns, run in a worker thread.

    When the caller is cancelled the thread is waited for, so that nothing works on after the call has ended;
    *func* keeps its steps short, or asks ``anyio.from_thread.check_cancelled()`` between them.
    """
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(_THREADS)
        _limiter.set(limiter)
    return await to_thread.run_sync(func, *args, limiter=limiter)

"""Long computations on the event loop, in steps."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

import anyio.lowlevel

if TYPE_CHECKING:
    from collections.abc import Generator

T = TypeVar("T")

# Seconds after which others get the loop. One step more may follow.
_BUDGET = 0.004


async def run_in_steps(steps: Generator[None, None, T]) -> T:
    """Run *steps* to its end and return what it returns; the loop runs others in between.

    Args:
        steps: Yields where it may be interrupted: after a few milliseconds at most.
    """
    begun = perf_counter()
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        if perf_counter() - begun > _BUDGET:
            await anyio.lowlevel.checkpoint()
            begun = perf_counter()

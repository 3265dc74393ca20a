"""Running what is computed in steps, without a loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator

T = TypeVar("T")


def run_steps(steps: Generator[None, None, T]) -> T:
    """Run *steps* to their end and return what they return."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value

"""Values of which each event loop has its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakKeyDictionary, finalize, ref

from anyio.lowlevel import current_token

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class LoopLocal(Generic[T]):
    """One value for each event loop, created when it is first needed there.

    It is released with its owner, or with the loop, which it does not keep alive. anyio's ``RunVar`` would keep it
    until the loop ends, and a web service makes a client for every request on one loop. Loops in several threads may
    use it at once.

    Args:
        make: Creates a value.
        on_loop_end: Called with a value whose loop is gone, from whichever thread that is noticed in.
    """

    __slots__ = ("_lock", "_make", "_on_loop_end", "_values")

    def __init__(self, make: Callable[[], T], *, on_loop_end: Callable[[T], object] | None = None) -> None:
        self._make = make
        self._on_loop_end = on_loop_end
        self._values: WeakKeyDictionary[object, T] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def get(self) -> T:
        """Return the running loop's value."""
        loop = current_token().native_token
        try:
            return self._values[loop]  # only this loop's own thread adds or removes it
        except KeyError:
            value = self._make()
            with self._lock:
                self._values[loop] = value
            if self._on_loop_end is not None:
                # After the entry above, whose own callback removes it: the later one is called first.
                finalize(loop, _end, self._on_loop_end, ref(value)).atexit = False
            return value

    def peek(self) -> T | None:
        """Return the running loop's value; ``None`` where it has none yet."""
        return self._values.get(current_token().native_token)

    def clear(self) -> list[T]:
        """Remove and return the values of all loops."""
        with self._lock:
            values = list(self._values.values())
            self._values = WeakKeyDictionary()
        return values

    def of_closed_loops(self) -> list[T]:
        """Remove and return the values of loops that have been closed but are still referred to."""
        with self._lock:
            closed = [loop for loop in list(self._values) if _is_closed(loop)]
            return [self._values.pop(loop) for loop in closed]


def _end(on_loop_end: Callable[[T], object], value: ref[T]) -> None:
    found = value()
    if found is not None:
        on_loop_end(found)


def _is_closed(loop: object) -> bool:
    # The loops of the standard library and uvloop say so; trio's tokens do not, and go with their run.
    is_closed: Callable[[], bool] | None = getattr(loop, "is_closed", None)
    return is_closed is not None and is_closed()

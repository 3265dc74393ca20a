"""What each event loop has its own of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakKeyDictionary

from anyio.lowlevel import current_token

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class LoopLocal(Generic[T]):
    """One value for each event loop, made when it is first asked for there.

    It goes with its owner, or with the loop. anyio's ``RunVar`` would keep it until the loop ends, and a web service
    makes a client for every request on one loop.
    """

    __slots__ = ("_make", "_values")

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._values: WeakKeyDictionary[object, T] = WeakKeyDictionary()

    def get(self) -> T:
        """The running loop's."""
        loop = current_token().native_token
        try:
            return self._values[loop]
        except KeyError:
            return self._values.setdefault(loop, self._make())

"""Errors that end a call whatever the retry rule says: what a callback raised, or what a look-up found decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

from lading.errors import InputError

T = TypeVar("T")


class Unretried(Exception):
    """Carries an error past the loops that would retry it; removed where the call returns to its caller.

    Attributes:
        error: The error that the caller gets.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}, not to be retried")
        # A callback may report to another: the error is that of the innermost.
        self.error: Exception = error.error if isinstance(error, Unretried) else error


def call_back(callback: Callable[[T], object], value: T) -> None:
    """Call a callback of the caller's; what it raises ends the call."""
    try:
        result = callback(value)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the caller's
        raise Unretried(error) from None
    if hasattr(result, "__await__"):
        raise Unretried(_await_error(result))


def _await_error(result: object) -> InputError:
    close = getattr(result, "close", None)
    if close is not None:
        close()  # else Python warns that it was never awaited
    return InputError("a callback or hook returned something to be awaited: give a plain function")


async def unwrap(work: Awaitable[T]) -> T:
    """Await *work*, and raise what an :class:`Unretried` carries as it is."""
    try:
        return await work
    except Unretried as wrapped:
        error = wrapped.error
    return _raise(error)


def _raise(error: Exception) -> NoReturn:
    raise error

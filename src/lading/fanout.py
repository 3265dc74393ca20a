"""Bounded concurrent work over many items, with results as they complete."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import anyio

from lading._core.arguments import checked
from lading.errors import InputError

if TYPE_CHECKING:
    from types import TracebackType

    from anyio.abc import TaskGroup
    from anyio.streams.memory import MemoryObjectSendStream

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Result(Generic[T, R]):
    """The result of one item: a value, or an error.

    Attributes:
        item: The item.
        error: What the work raised; ``None`` when it returned.
    """

    item: T
    _value: R | None = None
    error: Exception | None = None

    @property
    def ok(self) -> bool:
        """Whether the work returned."""
        return self.error is None

    @property
    def value(self) -> R:
        """What the work returned; raises what it raised."""
        if self.error is not None:
            raise self.error
        return self._value  # type: ignore[return-value] # None is a value too


class FanOut(Generic[T, R]):
    """What :func:`fan_out` returns: an async context manager, and an async iterator over results."""

    def __init__(
        self,
        func: Callable[[T], Awaitable[R]],
        items: Iterable[T] | AsyncIterable[T],
        limit: int,
    ) -> None:
        if limit < 1:
            raise InputError("limit must be 1 or more", argument="limit")
        self._func = func
        self._items = items
        self._limit = limit
        self._group: TaskGroup
        self._source_error: Exception | None = None
        self._exit: KeyboardInterrupt | SystemExit | None = None

    async def __aenter__(self) -> FanOut[T, R]:
        self._slots = anyio.Semaphore(self._limit)
        # No room in the stream: a finished item keeps its place until its result is read, so that a slow reader
        # bounds what is held in memory.
        self._send, self._receive = anyio.create_memory_object_stream[Result[T, R]](0)
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        self._group.start_soon(self._feed)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._group.cancel_scope.cancel()
        try:
            # What the body raised is not passed to the group, which would wrap it: it propagates as it is.
            await self._group.__aexit__(None, None, None)
        finally:
            self._send.close()
            self._receive.close()
        if self._exit is not None:
            raise self._exit

    def __aiter__(self) -> FanOut[T, R]:
        return self

    async def __anext__(self) -> Result[T, R]:
        try:
            return await self._receive.receive()
        except anyio.EndOfStream:
            if self._source_error is not None:
                error, self._source_error = self._source_error, None
                raise error from None
            raise StopAsyncIteration from None

    async def _feed(self) -> None:
        with self._send:
            try:
                source = _each(self._items)
                try:
                    async for item in source:
                        await self._slots.acquire()
                        self._group.start_soon(self._work, item, self._send.clone())
                finally:
                    await source.aclose()
            except Exception as error:  # noqa: BLE001 - raised to the reader, after the results
                self._source_error = error
            except (KeyboardInterrupt, SystemExit) as error:
                self._end_with(error)

    def _end_with(self, error: KeyboardInterrupt | SystemExit) -> None:
        """End the block with *error* as it is: raised in a task, it would come out as an exception group."""
        self._exit = error
        self._group.cancel_scope.cancel()

    async def _work(self, item: T, send: MemoryObjectSendStream[Result[T, R]]) -> None:
        with send:
            try:
                result: Result[T, R] = Result(item, await self._func(item))
            except Exception as error:  # noqa: BLE001 - it is the result
                result = Result(item, error=error)
            except (KeyboardInterrupt, SystemExit) as error:
                self._end_with(error)
                return
            await send.send(result)
            self._slots.release()


class _each(Generic[T]):  # noqa: N801 - used as a function
    """An async iterator over a plain or an async iterable."""

    def __init__(self, items: Iterable[T] | AsyncIterable[T]) -> None:
        self._async = aiter(items) if isinstance(items, AsyncIterable) else None
        self._plain = iter(()) if isinstance(items, AsyncIterable) else iter(items)

    def __aiter__(self) -> _each[T]:
        return self

    async def __anext__(self) -> T:
        if self._async is not None:
            return await anext(self._async)
        for item in self._plain:
            return item
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close an async generator that was left in the middle, instead of leaving that to the garbage collector."""
        close = getattr(self._async, "aclose", None)
        if close is not None:
            await close()


@checked()
def fan_out(
    func: Callable[[T], Awaitable[R]], items: Iterable[T] | AsyncIterable[T], *, limit: int = 10
) -> FanOut[T, R]:
    """Run ``func(item)`` for many items, and yield their results as they complete.

    ::

        async with lading.fan_out(pypi.releases.upload, wheels, limit=8) as results:
            async for result in results:
                print(result.item, result.error or result.value)

    The failure of one item ends neither the others nor the loop, and hides no other failure. Leaving the block early
    cancels what is still running and waits for it. Nothing is raised as an exception group.

    Args:
        func: The work. Bind further arguments with ``functools.partial``.
        items: What to work on; an async iterable is read as slots become free.
        limit: The maximum number that run concurrently.

    Returns:
        An async context manager that is an async iterator of :class:`Result`, in the order of completion.

    Raises:
        InputError: *limit* is below 1.
        Exception: What *items* itself raised, after the results of the items before it.
    """
    return FanOut(func, items, limit)

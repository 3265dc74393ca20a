"""Every order in which several coroutines can take their steps, tried one after the other without an event loop.

A step is one operation on a store. What an actor does next follows from what its operations returned so far, so two
ways to the same store and the same histories continue alike: the second is not followed any further. That leaves all
outcomes, and makes it quick.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from tests.support.memory_s3 import FaultyStore


class _Turn:
    def __await__(self) -> Generator[None, None, None]:
        yield


async def _at_once(operation: str) -> None:
    del operation


@dataclass
class Actors:
    """Coroutines on the same stores.

    Attributes:
        work: By name. Coroutines that stand still until they are stepped.
        stores: What they share.
        state: What distinguishes two states of the stores.
        atomic: Operations that are no step of their own: those whose order cannot matter.
        results: By name: what a finished one returned, or raised.
        crashed: Who was stopped on the way.
    """

    work: dict[str, Coroutine[Any, Any, Any]]
    stores: list[FaultyStore]
    state: Callable[[], object]
    atomic: frozenset[str] = frozenset()
    results: dict[str, Any] = field(default_factory=dict)
    crashed: set[str] = field(default_factory=set)
    _histories: dict[str, list[object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._histories = {name: [] for name in self.work}
        for store in self.stores:
            store.turn, store.responding, store.history = self._turn, _at_once, self._note
        for name in self.work:
            self.step(name)

    async def _turn(self, operation: str) -> None:
        if operation not in self.atomic:
            await _Turn()

    def _note(self, operation: str, key: str, value: object) -> None:
        self._histories[_acting[-1]].append((operation, key, repr(value)))

    @property
    def ready(self) -> list[str]:
        """Who has not finished."""
        return [name for name in self.work if name not in self.results and name not in self.crashed]

    def step(self, name: str) -> None:
        """Let one take a step; a name with ``!`` before it crashes."""
        if name.startswith("!"):
            self.crashed.add(name[1:])
            self.work[name[1:]].close()
            return
        _acting.append(name)
        try:
            self.work[name].send(None)
        except StopIteration as done:
            self.results[name] = done.value
        except Exception as error:
            self.results[name] = error
        finally:
            _acting.pop()

    def fingerprint(self) -> object:
        """The same for two states from which everything continues alike."""
        histories = tuple((name, tuple(history)) for name, history in self._histories.items())
        return hash((histories, repr(self.state()), frozenset(self.crashed), repr(_slept)))

    def close(self) -> None:
        """End those that have not finished."""
        for work in self.work.values():
            work.close()


_acting: list[str] = []
_slept: dict[str, float] = {}


def every_order(make: Callable[[], Actors], *, crashing: str = "") -> Iterator[tuple[tuple[str, ...], Actors]]:
    """All outcomes, each with one order of steps that leads to it.

    Args:
        make: Makes actors and stores from nothing.
        crashing: Who may crash, at any step.
    """
    seen: set[object] = set()
    todo: list[tuple[str, ...]] = [()]
    while todo:
        path = todo.pop()
        _slept.clear()
        actors = make()
        for name in path:
            actors.step(name)
        while ready := actors.ready:
            at = actors.fingerprint()
            if at in seen:
                break
            seen.add(at)
            choices = [*ready, *(f"!{crashing}" for _ in range(crashing in ready))]
            todo.extend((*path, other) for other in choices[1:])
            path = (*path, choices[0])
            actors.step(choices[0])
        else:
            yield path, actors
        actors.close()


class _NoScope(AbstractContextManager[Any]):
    """A cancel scope where nothing is cancelled."""

    cancelled_caught = False

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: object) -> None:
        return

    def cancel(self) -> None:
        """Do nothing."""


def acting() -> str:
    """The name of the actor whose step this is."""
    return _acting[-1]


@contextmanager
def without_time(*modules: str) -> Iterator[None]:
    """Sleeping is a step like any other, and moves the sleeper's own clock only."""

    async def sleep(seconds: float) -> None:
        _slept[_acting[-1]] = _slept.get(_acting[-1], 0.0) + seconds
        await _Turn()

    def now() -> float:
        return _slept.get(_acting[-1], 0.0)

    with pytest.MonkeyPatch.context() as patch:
        own = {
            "sleep": sleep,
            "current_time": now,
            "get_cancelled_exc_class": lambda: CancelledError,
            "move_on_after": lambda *_, **__: _NoScope(),
        }
        fake = SimpleNamespace(**{**vars(anyio), **own})
        for module in modules:
            patch.setattr(f"{module}.anyio", fake)
        yield

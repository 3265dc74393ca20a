"""What a server is told to do wrong, and what it then did: plain data and one thread-safe queue.

A fault is a small frozen value; :class:`Faults` hands each request at most one of them, in the order in
which they were added. Nothing here does I/O, so faults may be added from any thread while a server runs.

Example:
    >>> from lading.testing.faults import Answer, DropAfter, Faults
    >>> faults = Faults()
    >>> faults.add(Answer(503, retry_after=1), method="POST", path="/legacy/")
    >>> faults.add(DropAfter(), path="*/simple/*", times=2)
    >>> faults.take("POST", "/legacy/")
    Answer(status=503, body=b'', headers=(), retry_after=1, reason=None)
    >>> [plan.times for plan in faults.pending]
    [2]
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Mapping

HeaderPairs: TypeAlias = "Mapping[str, str] | Iterable[tuple[str, str]]"
Then = Literal["close", "reset", "half-close", "keep-reading", "hold"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What all faults have in common: nothing but being one."""


@dataclass(frozen=True, slots=True)
class Answer(Fault):
    """This answer instead of the real one: the request is read to its end, the work is not done.

    Attributes:
        status: The status code.
        body: The whole body.
        headers: More headers, as a mapping or as pairs.
        retry_after: The value of ``Retry-After``: seconds, or any text (a date, or nonsense).
        reason: The reason phrase; the usual one of the status where not given.
    """

    status: int = 503
    body: bytes = b""
    headers: HeaderPairs = ()
    retry_after: int | str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class EarlyAnswer(Answer):
    """An answer sent while the request's body is still coming; the work is not done.

    Attributes:
        after: Answer once at least this many bytes of the body have been read.
        then: What becomes of the connection. ``"close"`` closes it with the rest of the body unread (the
            system turns that into a reset as soon as more arrives), ``"reset"`` resets it at once,
            ``"half-close"`` ends our side and throws the rest of the body away, ``"keep-reading"`` reads the
            body and keeps the connection, ``"hold"`` reads nothing more and holds the socket until the
            server stops.
    """

    status: int = 413
    after: int = 0
    then: Then = "close"

    def __post_init__(self) -> None:
        if self.then not in get_args(Then):
            raise ValueError(f"then={self.then!r} is none of {', '.join(get_args(Then))}")


@dataclass(frozen=True, slots=True)
class RawAnswer(Fault):
    """These very bytes instead of an answer, then the end of the connection: for malformed answers."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Delay(Fault):
    """The real answer, ``seconds`` later: they pass before the work, or after it and before the answer."""

    seconds: float
    before: Literal["work", "answer"] = "work"


@dataclass(frozen=True, slots=True)
class DropBefore(Fault):
    """The whole request is read, the work is not done, and the connection ends without an answer."""

    reset: bool = False


@dataclass(frozen=True, slots=True)
class DropDuring(Fault):
    """The connection ends once ``after`` bytes of the body have been read (or all, if it has fewer)."""

    after: int
    reset: bool = False


@dataclass(frozen=True, slots=True)
class DropAfter(Fault):
    """The work is done and the connection ends without an answer: the outcome nobody knows."""

    reset: bool = False


@dataclass(frozen=True, slots=True)
class Truncate(Fault):
    """The real answer, whose body ends with the connection after ``after`` bytes.

    An answer whose body is no longer than that is left alone, and nothing is noted as having happened.
    """

    after: int


@dataclass(frozen=True, slots=True)
class Drip(Fault):
    """The real answer, head included, in pieces of ``size`` bytes with ``interval`` seconds between them."""

    size: int = 1
    interval: float = 0.0


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault waiting for requests it fits; ``times`` is how often it will still be used (None: always)."""

    fault: Fault
    method: str | None
    path: str | re.Pattern[str] | None
    times: int | None

    def fits(self, method: str, path: str) -> bool:
        """Whether a request with this method and (decoded) path is one this fault is meant for."""
        if self.method is not None and self.method.upper() != method.upper():
            return False
        if self.path is None:
            return True
        return fnmatchcase(path, self.path) if isinstance(self.path, str) else bool(self.path.search(path))


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """A fault that really was injected: into which request, with how much of its body read by then."""

    fault: Fault
    method: str
    path: str
    received: int


class Faults:
    """Faults that wait, and faults that have happened."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._plans: list[PlannedFault] = []
        self._happened: list[InjectedFault] = []

    def add(
        self,
        fault: Fault,
        *,
        method: str | None = None,
        path: str | re.Pattern[str] | None = None,
        times: int | None = 1,
    ) -> None:
        """*fault* waits for the next requests it fits, behind the faults added before it.

        Args:
            fault: What to do.
            method: Only for requests with this method.
            path: Only for requests with this path: a glob over the whole path (``*`` also matches slashes)
                or a compiled pattern, which is searched for. Paths are percent-decoded, without the query.
            times: For how many requests; ``None`` for all of them until :meth:`clear`.
        """
        with self._changed:
            self._plans.append(PlannedFault(fault, method, path, times))

    def take(self, method: str, path: str) -> Fault | None:
        """The fault for this request, used up by one; ``None`` when all goes well."""
        with self._changed:
            for index, plan in enumerate(self._plans):
                if plan.fits(method, path):
                    if plan.times is not None and plan.times <= 1:
                        del self._plans[index]
                    elif plan.times is not None:
                        self._plans[index] = replace(plan, times=plan.times - 1)
                    return plan.fault
        return None

    def record(self, injected: InjectedFault) -> None:
        """Note that a fault is being injected; servers do so before anybody can see its effect."""
        with self._changed:
            self._happened.append(injected)
            self._changed.notify_all()

    def wait(self, count: int = 1, timeout: float = 10.0) -> tuple[InjectedFault, ...]:
        """What has happened, once it is *count* faults or more; blocks, so call it off the event loop.

        Raises:
            TimeoutError: Fewer had happened after *timeout* seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._happened) >= count, timeout):
                raise TimeoutError(f"{len(self._happened)} of {count} faults happened within {timeout} s")
            return tuple(self._happened)

    @property
    def happened(self) -> tuple[InjectedFault, ...]:
        """What really was injected, in order."""
        with self._changed:
            return tuple(self._happened)

    @property
    def pending(self) -> tuple[PlannedFault, ...]:
        """What still waits for a request, in order; those for all requests stay here until :meth:`clear`."""
        with self._changed:
            return tuple(self._plans)

    def clear(self) -> None:
        """Forget what waits and what has happened."""
        with self._changed:
            self._plans.clear()
            self._happened.clear()

"""Faults that a server injects: frozen values, and a thread-safe queue of them.

:class:`Faults` gives each request at most one fault, in the order in which they were added. Nothing here does I/O, so
faults can be added from any thread while a server runs.

Example:
    >>> from lading.testing.faults import DropAfter, Faults, Respond
    >>> faults = Faults()
    >>> faults.add(Respond(503, retry_after=1), method="POST", path="/legacy/")
    >>> faults.add(DropAfter(), path="*/simple/*", times=2)
    >>> faults.take("POST", "/legacy/")
    Respond(status=503, body=b'', headers=(), retry_after=1, reason=None)
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
    """The base class of all faults."""


@dataclass(frozen=True, slots=True)
class Respond(Fault):
    """Respond with this response instead of the real one: the request is read completely, the work is not done.

    Attributes:
        status: The status code.
        body: The body.
        headers: Further headers, as a mapping or as pairs.
        retry_after: The value of ``Retry-After``: seconds, or any string (a date, or an invalid value).
        reason: The reason phrase; by default the standard one of the status.
    """

    status: int = 503
    body: bytes = b""
    headers: HeaderPairs = ()
    retry_after: int | str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RespondEarly(Respond):
    """Respond while the request's body is still being received; the work is not done.

    Attributes:
        after: Respond once at least this many bytes of the body have been read.
        then: What happens to the connection afterwards. ``"close"`` closes it with the rest of the body unread (the
            system turns that into a reset as soon as more arrives), ``"reset"`` resets it immediately,
            ``"half-close"`` ends the server's direction and drops the rest of the body, ``"keep-reading"`` reads the
            body and keeps the connection, ``"hold"`` reads nothing more and keeps the socket open until the server
            stops.
    """

    status: int = 413
    after: int = 0
    then: Then = "close"

    def __post_init__(self) -> None:
        if self.then not in get_args(Then):
            raise ValueError(f"then={self.then!r} is not one of {', '.join(get_args(Then))}")


@dataclass(frozen=True, slots=True)
class RespondAfter(Respond):
    """Do the work, and respond with this instead of the real response: a gateway that gave up, a login page.

    Attributes:
        work_after: Seconds of the server's clock after which the work is done, as for :class:`DropAfter`. By default
            it is done before the response.
    """

    work_after: float = 0.0


@dataclass(frozen=True, slots=True)
class RespondRaw(Fault):
    """Send these bytes instead of a response, then close the connection: for malformed responses."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Delay(Fault):
    """Delay the real response by ``seconds``, which pass before the work, or after it and before the response."""

    seconds: float
    before: Literal["work", "response"] = "work"


@dataclass(frozen=True, slots=True)
class DropBefore(Fault):
    """Drop the connection without a response when the complete request has been read, before the work is done."""

    reset: bool = False


@dataclass(frozen=True, slots=True)
class DropDuring(Fault):
    """Drop the connection once ``after`` bytes of the request's body have been read (or all, if it has fewer)."""

    after: int
    reset: bool = False


@dataclass(frozen=True, slots=True)
class DropAfter(Fault):
    """Drop the connection without a response after the work is done: the client cannot know the outcome.

    Attributes:
        reset: Reset it instead of closing it.
        work_after: Seconds of the server's clock (an embedded store's own) after which the work is done, when the
            client may be looking for it already. By default it is done before the connection is dropped.
    """

    reset: bool = False
    work_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Truncate(Fault):
    """Drop the connection after ``after`` bytes of the real response's body.

    A response whose body is no longer than that is not changed, and no fault is recorded.
    """

    after: int


@dataclass(frozen=True, slots=True)
class Drip(Fault):
    """Send the real response, head included, in pieces of ``size`` bytes with ``interval`` seconds between them."""

    size: int = 1
    interval: float = 0.0


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault that waits for matching requests; ``times`` is how often it will still be used (``None``: always)."""

    fault: Fault
    method: str | None
    path: str | re.Pattern[str] | None
    times: int | None

    def fits(self, method: str, path: str) -> bool:
        """Return whether the fault is meant for a request with this method and this (decoded) path."""
        if self.method is not None and self.method.upper() != method.upper():
            return False
        if self.path is None:
            return True
        return fnmatchcase(path, self.path) if isinstance(self.path, str) else bool(self.path.search(path))


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """A fault that was injected: into which request, and after how many bytes of its body."""

    fault: Fault
    method: str
    path: str
    received: int


class Faults:
    """The faults of a server: those that wait for requests, and those that were injected."""

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
        """Add a fault for the next matching requests, behind the faults that were added before.

        Args:
            fault: The fault.
            method: Only for requests with this method.
            path: Only for requests with this path: a glob over the complete path (``*`` also matches slashes)
                or a compiled pattern, which is searched for. Paths are percent-decoded, without the query.
            times: For how many requests; ``None`` for all of them until :meth:`clear`.
        """
        with self._changed:
            self._plans.append(PlannedFault(fault, method, path, times))

    def take(self, method: str, path: str) -> Fault | None:
        """Take the fault for a request; ``None`` if there is none for it."""
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
        """Record that a fault is being injected; servers do so before its effect can be seen."""
        with self._changed:
            self._happened.append(injected)
            self._changed.notify_all()

    def wait(self, count: int = 1, timeout: float = 10.0) -> tuple[InjectedFault, ...]:
        """Wait until *count* faults or more were injected, and return them. Blocks: do not call it on an event loop.

        Raises:
            TimeoutError: Fewer were injected within *timeout* seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._happened) >= count, timeout):
                raise TimeoutError(f"{len(self._happened)} of {count} faults were injected within {timeout} s")
            return tuple(self._happened)

    @property
    def happened(self) -> tuple[InjectedFault, ...]:
        """The faults that were injected, in order."""
        with self._changed:
            return tuple(self._happened)

    @property
    def pending(self) -> tuple[PlannedFault, ...]:
        """The faults that wait for requests, in order; those for all requests stay until :meth:`clear`."""
        with self._changed:
            return tuple(self._plans)

    def clear(self) -> None:
        """Remove the faults that wait, and forget those that were injected."""
        with self._changed:
            self._plans.clear()
            self._happened.clear()

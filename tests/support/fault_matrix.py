"""Every operation that changes a store, times every fault: what may come out of it, and whether it did."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from difflib import unified_diff
from pprint import pformat
from typing import TYPE_CHECKING, Any, Literal

from anyio import to_thread

from lading import LadingError
from lading._core.retry import GATEWAY_STATUSES
from lading.testing import Drip, DropAfter, DropBefore, DropDuring, Fault, Respond, RespondAfter, Truncate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from contextlib import AbstractAsyncContextManager

Outcome = Literal["done", "not_done", "unknown"]
Certainty = Literal["looked up", "by name", "repeated", "neither"]
"""What is done after a lost response.

The work is looked up at the store; looked up by a name that may have been there before, so that nobody knows whose it
is; repeated, as that is harmless; or neither.
"""

PAGE = b"<!DOCTYPE html><html><body><h1>Sign in</h1></body></html>"
HTML = {"Content-Type": "text/html"}
JSON = {"Content-Type": "application/json"}
GATEWAYS = sorted(GATEWAY_STATUSES | {500})


@dataclass(frozen=True)
class FaultCase:
    """A fault of the request that changes the store, and what must come out.

    Attributes:
        name: What happens.
        fault: The fault.
        outcomes: By what is done after a lost response: looked up, repeated, neither.
        times: How often it happens; ``None`` for ever.
        then: A fault that happens for ever afterwards; of the stager's rows only.
    """

    name: str
    fault: Fault
    outcomes: tuple[Outcome, Outcome, Outcome]
    times: int | None = 1
    then: Fault | None = None

    @property
    def lasts(self) -> bool:
        """Whether every attempt from some point on fails."""
        return self.times is None or self.then is not None

    @property
    def loses_finished_work(self) -> bool:
        """Whether the work is done and the response is not the store's."""
        return isinstance(self.fault, DropAfter | RespondAfter | Truncate)

    def expected(self, certainty: Certainty) -> Outcome:
        """Return what must come out of an operation."""
        if certainty == "by name":
            return "unknown" if self.loses_finished_work else self.outcomes[0]
        return self.outcomes[("looked up", "repeated", "neither").index(certainty)]


_LOST: tuple[Outcome, Outcome, Outcome] = ("done", "done", "unknown")
_NEVER: tuple[Outcome, Outcome, Outcome] = ("not_done", "unknown", "unknown")
_DONE: tuple[Outcome, Outcome, Outcome] = ("done", "done", "done")
_LIE_AFTER: tuple[Outcome, Outcome, Outcome] = ("done", "unknown", "unknown")

FAULTS = [
    FaultCase("no fault", Drip(1 << 20), _DONE),
    FaultCase("closed before the work", DropBefore(), _LOST),
    FaultCase("reset before the work", DropBefore(reset=True), _LOST),
    FaultCase("closed in the middle of the body", DropDuring(1), _LOST),
    FaultCase("reset in the middle of the body", DropDuring(1, reset=True), _LOST),
    FaultCase("closed after the work", DropAfter(), _LOST),
    FaultCase("reset after the work", DropAfter(reset=True), _LOST),
    FaultCase("work done 8 s later", DropAfter(work_after=8), _LOST),
    FaultCase("always closed before the work", DropBefore(), _NEVER, None),
    FaultCase("always closed after the work", DropAfter(), _LIE_AFTER, None),
    FaultCase("429 with Retry-After", Respond(429, retry_after=1), _DONE),
    FaultCase("429 for ever", Respond(429, retry_after=1), ("not_done", "not_done", "not_done"), None),
    FaultCase("503 with Retry-After", Respond(503, retry_after=1), _DONE),
    FaultCase("503 for ever", Respond(503), _NEVER, None),
    *(FaultCase(f"{status} of a gateway", Respond(status, PAGE, HTML), _LOST) for status in GATEWAYS),
    *(FaultCase(f"{status} after the work", RespondAfter(status, PAGE, HTML), _LOST) for status in GATEWAYS),
    FaultCase("504, work done 8 s later", RespondAfter(504, PAGE, HTML, work_after=8), _LOST),
    FaultCase("200 with a login page", Respond(200, PAGE, HTML), _NEVER),
    FaultCase("200 with a login page after the work", RespondAfter(200, PAGE, HTML), _LIE_AFTER),
    FaultCase("200 with a JSON error", Respond(200, b'{"error": "no"}', JSON), _NEVER),
    FaultCase("200 with other JSON", Respond(200, b"[]", JSON), _NEVER),
    FaultCase("slow drip", Drip(7), _DONE),
    FaultCase("truncated response", Truncate(0), _LOST),
]


@dataclass(frozen=True)
class Row:
    """An operation that changes a store.

    Attributes:
        name: As users write it: ``copr.builds.cancel``.
        run: Runs it, with a client and the store.
        certainty: What is done after a lost response.
        method: The method of the request that changes the store.
        path: A glob over the path of that request.
        prepare: What the store has before.
        shown: What else the store shows of it, where its state has nothing of it.
        differs: Other outcomes than those of the table, by fault, each with its reason beside it.
    """

    name: str
    run: Callable[[Any, Any], Awaitable[object]]
    certainty: Certainty
    method: str = "POST"
    path: str = "*"
    prepare: Callable[[Any], object] = lambda store: None
    shown: Callable[[Any], object] = lambda store: None
    differs: dict[str, Outcome] = field(default_factory=dict)


@dataclass(frozen=True)
class MatrixStore:
    """A store under test.

    Attributes:
        name: The name that its rows begin with.
        open: Starts an empty one.
        client: Opens a client of it.
        state: What it contains, in a form that can be compared; times and random values are left out.
        finish: Does all the work that is late.
        rows: Its operations.
        reads: The public methods that change nothing.
        client_example: A client, whose public methods must all be in ``rows`` or in ``reads``.
    """

    name: str
    open: Callable[[], AbstractAsyncContextManager[Any]]
    client: Callable[[Any], AbstractAsyncContextManager[Any]]
    state: Callable[[Any], object]
    finish: Callable[[Any], Awaitable[object]]
    rows: tuple[Row, ...]
    reads: frozenset[str]
    client_example: object

    def operations(self) -> set[str]:
        """Return every public method of a client and of its resources."""
        found: set[str] = set()
        for name, member in _public(self.client_example):
            if callable(member):
                found.add(f"{self.name}.{name}")
            elif type(member).__module__.startswith("lading"):
                found.update(f"{self.name}.{name}.{method}" for method, it in _public(member) if callable(it))
        return found


@dataclass(frozen=True)
class Cell:
    """One operation with one fault: what came out, and what was expected."""

    row: Row
    case: FaultCase
    outcome: Outcome
    expected: Outcome
    error: LadingError | None
    before: object
    after: object
    done: object

    @property
    def problem(self) -> str | None:
        """What did not hold; ``None`` if all did."""
        right = {"done": [self.done], "not_done": [self.before], "unknown": [self.before, self.done]}[self.outcome]
        if self.after not in right:
            return f"{self}: the result says {self.outcome}, which the store does not: {_difference(right[-1], self.after)}"
        if self.outcome != self.expected:
            return f"{self}: {self.outcome}, expected {self.expected}: {self.error!r} {getattr(self.error, '__cause__', '')!r}"
        return None

    def __str__(self) -> str:
        return f"{self.row.name} with {self.case.name}"


def _public(owner: object) -> Iterator[tuple[str, object]]:
    for name in dir(owner):
        if not name.startswith("_"):
            with suppress(LadingError):
                yield name, getattr(owner, name)


async def run_cell(store: MatrixStore, row: Row, case: FaultCase, done: object) -> Cell:
    """Run *row*'s operation on a new store with that fault."""
    async with _opened(store, row) as double:
        before = store.state(double), row.shown(double)
        double.faults.add(case.fault, method=row.method, path=row.path, times=case.times)
        outcome, error = await _outcome(store, row, double)
        injected = bool(double.faults.happened)
        double.faults.clear()
        await store.finish(double)
        after = store.state(double), row.shown(double)
        assert double.errors == []
    expected = row.differs.get(case.name, case.expected(row.certainty))
    # A response without a body cannot be truncated; anything else must have happened.
    if not injected and isinstance(case.fault, Truncate):
        expected = "done"
    else:
        assert injected, f"{row.name}: {case.name} did not happen"
    return Cell(row, case, outcome, expected, error, before, after, done)


async def done_state(store: MatrixStore, row: Row) -> object:
    """Return what the store has when *row*'s operation has been done once, without a fault."""
    async with _opened(store, row) as double:
        before = store.state(double), row.shown(double)
        outcome, error = await _outcome(store, row, double)
        assert outcome == "done", error
        await store.finish(double)
        done = store.state(double), row.shown(double)
        assert done != before, f"{row.name} changes nothing that the state shows"
        return done


def _difference(wanted: object, found: object) -> str:
    lines = unified_diff(pformat(wanted).splitlines(), pformat(found).splitlines(), lineterm="", n=0)
    return "\n    ".join(lines)


@asynccontextmanager
async def _opened(store: MatrixStore, row: Row) -> AsyncIterator[Any]:
    async with store.open() as double:
        await to_thread.run_sync(row.prepare, double)
        yield double


async def _outcome(store: MatrixStore, row: Row, double: Any) -> tuple[Outcome, LadingError | None]:
    async with store.client(double) as client:
        try:
            await row.run(client, double)
        except LadingError as error:
            return error.outcome, error
    return "done", None

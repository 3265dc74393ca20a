"""The rows of the fault matrix for the stager: kinds of write requests, judged per region."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyio import to_thread

from lading import LadingError, StageFailed, Stager
from lading.testing import DropAfter, DropBefore, Respond, RespondAfter
from tests.support.aws_proxy import REGIONS, error
from tests.support.fault_matrix import HTML, PAGE, FaultCase, Outcome
from tests.support.moto_aws import CONFIGURATION, Backdoor, make_stager

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tests.support.aws_proxy import Aws

FIRST, OTHER = "ap-south-1", "us-east-1"
ARTIFACT, METADATA, POINTER = "pre/P@1.0.0", "pre/P@1.0.0/metadata", "pre/P/latest"
DATA, FIELDS = b"artifact", {"lang": "dotnet"}
ONE: tuple[Outcome, Outcome, Outcome] = ("done", "done", "done")
NOT: tuple[Outcome, Outcome, Outcome] = ("not_done", "unknown", "unknown")
LIE: tuple[Outcome, Outcome, Outcome] = ("done", "unknown", "unknown")
SLOW = error("SlowDown")

# moto takes 0.1 to 0.3 s for one operation in three regions, so this is a selection of the faults of other stores: one
# status for each thing that the client distinguishes (429, 500, 503, another gateway's), and no faults in the middle
# of a message, which the transport treats like those before and after the work. S3 is consistent: no late work.
ONCE = [
    FaultCase("closed before the work", DropBefore(), ONE),
    FaultCase("429", Respond(429, SLOW, retry_after=0), ONE),
    FaultCase("504 after the work", RespondAfter(504, PAGE, HTML), ONE),
    FaultCase("200 with a login page after the work", RespondAfter(200, PAGE, HTML), LIE),
]
FOR_EVER = [
    FaultCase("always closed before the work", DropBefore(), NOT, None),
    FaultCase("always closed after the work", DropAfter(), LIE, None),
    FaultCase("503 for ever", Respond(503, SLOW, retry_after=0), NOT, None),
]
CELLS = [
    *((case, REGIONS) for case in ONCE),
    *((case, regions) for case in FOR_EVER for regions in ((FIRST,), REGIONS)),
]
"""Every fault, and the regions in which it happens."""

State = dict[str, dict[str, str]]
"""What lies in each region: the digest of each object, the value of each parameter, the number of open uploads."""


@dataclass(frozen=True)
class StagerRow:
    """A kind of write request of an operation of the stager.

    Attributes:
        operation: The operation, as users write it.
        request: The request that gets the faults, as AWS calls it.
        run: Runs the operation.
        path: The end of its path, or of the parameter's name.
        prepare: What the regions have before.
        parts: Whether the artifact is uploaded in parts, however small it is.
        may_leave: Items in which a region may differ from what its outcome says, each with its reason beside it.
    """

    operation: str
    request: str
    run: Callable[[Stager], Awaitable[object]]
    path: str = ""
    prepare: Callable[[Backdoor], object] = lambda _: None
    parts: bool = False
    may_leave: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return " ".join(filter(None, (self.operation, self.request, self.path.rpartition("/")[2])))


def read_state(backdoor: Backdoor) -> State:
    """Return what lies in the regions, past the proxy."""
    return {region: _read_region(backdoor, region) for region in REGIONS}


def _digest(data: bytes) -> str:
    """Return the digest of an object, without the time that a pointer contains."""
    return hashlib.sha256(re.sub(rb'"changed_at": "[^"]*"', b"", data)).hexdigest()


def _read_region(backdoor: Backdoor, region: str) -> dict[str, str]:
    found = {key: _digest(backdoor.get(region, key) or b"") for key in backdoor.keys(region)}
    for parameter in ("/startifact", "/arts/P/latest"):
        if (value := backdoor.parameter(region, parameter)) is not None:
            found[parameter] = value
    uploads = backdoor.s3(region).list_multipart_uploads(Bucket=f"bucket-{region}").get("Uploads", ())
    found["uploads"] = str(len(uploads))
    return found


def _stage(stager: Stager) -> Awaitable[object]:
    return stager.stage("P", "1.0.0", DATA, metadata=FIELDS)


def _setup(stager: Stager) -> Awaitable[object]:
    return stager.setup(**{**CONFIGURATION, "parameter_name_prefix": "/new"})


ROWS = (
    # Metadata is written before its artifact, and nobody sees it without one: the next stager replaces it.
    StagerRow("stager.stage", "PutObject", _stage, "/metadata", may_leave=frozenset({METADATA})),
    StagerRow("stager.setup", "PutParameter", _setup),
)


@dataclass(frozen=True)
class StagerCell:
    """One row with one fault: what came out in each region, and what lies there."""

    row: StagerRow
    case: FaultCase
    faulty: frozenset[str]
    error: LadingError | None
    before: State
    after: State
    done: State

    def outcome(self, region: str) -> Outcome:
        """Return what the result says of a region."""
        if self.error is None:
            return "done"
        if not isinstance(self.error, StageFailed):
            return self.error.outcome
        failed = self.error.failed.get(region)
        if failed is not None:
            return failed.outcome
        # setup() deletes from dropped regions only when all others have the new configuration.
        return "done" if region in self.error.succeeded else "not_done"

    @property
    def problems(self) -> list[str]:
        """What did not hold in any region."""
        found = [text for region in REGIONS for text in self._problems_of(region)]
        if isinstance(self.error, StageFailed):
            unknown = any(error.outcome == "unknown" for error in self.error.failed.values())
            if (self.error.outcome == "unknown") != unknown:
                found.append(f"{self}: the error says {self.error.outcome}, its regions something else")
            if self.error.failed.keys() & self.error.succeeded.keys():
                found.append(f"{self}: a region has both failed and succeeded")
        return found

    def _problems_of(self, region: str) -> list[str]:
        outcome, case = self.outcome(region), f"{self} in {region}"
        before, after, done = self.before[region], self.after[region], self.done[region]
        found = []
        for item in sorted(before.keys() | after.keys() | done.keys()):
            right = {"done": [done], "not_done": [before], "unknown": [before, done]}[outcome]
            if after.get(item) not in [state.get(item) for state in right] and not self._may_leave(
                item, after, outcome
            ):
                found.append(f"{case}: {outcome}, but {item} is {after.get(item)}: {self.error!r}")
        return found

    def _may_leave(self, item: str, after: Mapping[str, str], outcome: Outcome) -> bool:
        if item not in self.row.may_leave:
            return False
        # Metadata that nobody sees; what belongs to an artifact that is there must be right.
        return item == "uploads" or (outcome != "done" and ARTIFACT not in after)

    def __str__(self) -> str:
        return f"{self.row} with {self.case.name} in {', '.join(sorted(self.faulty))}"


async def run_cell(
    row: StagerRow, case: FaultCase, regions: tuple[str, ...], aws: Aws, backdoor: Backdoor, done: State
) -> StagerCell | None:
    """Run *row*'s operation with a fault in some regions; return ``None`` if none of them makes such a request."""
    before = await to_thread.run_sync(prepare, row, backdoor)
    async with make_stager(aws) as stager:
        for region in regions:
            aws.on(row.request, case.fault, region=region, path=row.path, times=case.times)
        caught = None
        try:
            await row.run(stager)
        except LadingError as error:
            caught = error
    faulty = frozenset(region for region, *_ in aws.injected)
    aws.clear()
    after = await to_thread.run_sync(read_state, backdoor)
    return StagerCell(row, case, faulty, caught, before, after, done) if faulty else None


def prepare(row: StagerRow, backdoor: Backdoor) -> State:
    """Bring all regions into the state before *row*'s operation, and return it."""
    backdoor.begin()
    backdoor.set_up()
    row.prepare(backdoor)
    return read_state(backdoor)


async def done_state(row: StagerRow, aws: Aws, backdoor: Backdoor) -> State:
    """Return what the regions have when *row*'s operation has been done once, without a fault."""
    before = await to_thread.run_sync(prepare, row, backdoor)
    async with make_stager(aws) as stager:
        await row.run(stager)
    assert any(one.operation == row.request and one.path.endswith(row.path) for one in aws.requests)
    aws.clear()
    done = await to_thread.run_sync(read_state, backdoor)
    assert done != before, f"{row} changes nothing that the state shows"
    return done

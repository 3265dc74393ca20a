"""The fault matrix of the stager: a write request, times every fault, judged in each region."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from anyio import to_thread

from lading import LadingError, StageFailed
from tests.support.aws_proxy import REGIONS
from tests.support.fault_matrix import Certainty, FaultCase, Outcome
from tests.support.moto_aws import make_stager
from tests.support.stager_faults import S3_FAULTS, SSM_FAULTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from lading import Stager
    from tests.support.aws_proxy import Aws
    from tests.support.moto_aws import Backdoor

ARTIFACT, METADATA = "pre/P@1.0.0", "pre/P@1.0.0/metadata"
Outcomes = dict[str, Outcome]
"""The outcome of a region with a fault, by fault."""
State = dict[str, dict[str, str]]
"""What each region has: the digest of each object, the value of each parameter, the number of open uploads."""


@dataclass(frozen=True)
class StagerRow:
    """A kind of write request of an operation of the stager.

    Attributes:
        operation: The operation, as users write it.
        request: The request that gets the faults, as AWS calls it.
        certainty: What is done after a lost response.
        path: The end of its path, or of the parameter's name.
        note: What distinguishes it from another row of the same request.
        run: Runs the operation.
        once: The regions that make this request, all of which have the faults that happen once.
        for_ever: The regions that have a fault for ever, one after another. All at once show nothing new: a login page
            makes all of them fail, too.
        deciders: While a fault makes one of these regions fail, nothing is written to ``held_back``.
        held_back: The regions that are written to after ``deciders``.
        prepare: What the regions have before.
        parts: Whether the artifact is uploaded in parts, however small it is.
        may_leave: Items in which a region may differ from what its outcome says, each with its reason beside it.
        differs: Other outcomes of a region with a fault than those of the table, by fault, each with its reason.
    """

    operation: str
    request: str
    certainty: Certainty
    path: str = ""
    note: str = ""
    run: Callable[[Stager], Awaitable[object]] = field(kw_only=True)
    once: tuple[str, ...] = REGIONS
    for_ever: tuple[str, ...] = REGIONS[-1:]
    deciders: frozenset[str] = frozenset()
    held_back: frozenset[str] = frozenset()
    prepare: Callable[[Backdoor], object] = lambda _: None
    parts: bool = False
    may_leave: frozenset[str] = frozenset()
    differs: Outcomes = field(default_factory=dict[str, Outcome])

    @property
    def cells(self) -> Iterator[tuple[FaultCase, frozenset[str]]]:
        """Every fault, and the regions in which it happens."""
        for case in SSM_FAULTS if self.request.endswith("Parameter") else S3_FAULTS:
            for regions in [[region] for region in self.for_ever] if case.lasts else [self.once]:
                yield case, frozenset(regions) - self._not_written(case, frozenset(regions))

    def expected(self, region: str, case: FaultCase, faulty: frozenset[str]) -> Outcome:
        """Return the outcome that a region must have when some have a fault."""
        if region in faulty:
            return self._expected_of_faulty(case)
        return "not_done" if region in self._not_written(case, faulty) else "done"

    def _expected_of_faulty(self, case: FaultCase) -> Outcome:
        return self.differs.get(case.name, case.expected(self.certainty))

    def _not_written(self, case: FaultCase, faulty: frozenset[str]) -> frozenset[str]:
        """Return the regions that are not written to, as one that decides fails."""
        fails = self._expected_of_faulty(case) != "done" and faulty & self.deciders
        return self.held_back if fails else frozenset()

    def __str__(self) -> str:
        return " ".join(filter(None, (self.operation, self.request, self.path.rpartition("/")[2], self.note)))


def read_state(backdoor: Backdoor) -> State:
    """Return what the regions have, past the proxy."""
    return {region: _read_region(backdoor, region) for region in REGIONS}


_digests: dict[str, str] = {}
"""The digests of objects by ETag: that of the same bytes is the same, and each request to moto costs 5 ms."""


def _digest(backdoor: Backdoor, region: str, key: str, etag: str) -> str:
    """Return the digest of an object, without the time that a pointer contains."""
    if etag not in _digests:
        data = backdoor.get(region, key) or b""
        _digests[etag] = hashlib.sha256(re.sub(rb'"changed_at": "[^"]*"', b"", data)).hexdigest()
    return _digests[etag]


def _read_region(backdoor: Backdoor, region: str) -> dict[str, str]:
    bucket, s3 = f"bucket-{region}", backdoor.s3(region)
    objects = s3.list_objects_v2(Bucket=bucket).get("Contents", ())
    found = {one["Key"]: _digest(backdoor, region, one["Key"], one["ETag"]) for one in objects}
    parameters = backdoor.ssm(region).get_parameters(Names=["/startifact", "/arts/P/latest"])["Parameters"]
    found.update((one["Name"], one["Value"]) for one in parameters)
    found["uploads"] = str(len(s3.list_multipart_uploads(Bucket=bucket).get("Uploads", ())))
    return found


@dataclass(frozen=True)
class StagerCell:
    """One row with one fault: the result of each region, and what the region has.

    Attributes:
        row: The row.
        case: The fault.
        faulty: The regions that had it.
        result: What the operation returned.
        error: What it raised.
        before: What the regions had.
        after: What they have.
        done: What they have after the operation without a fault.
    """

    row: StagerRow
    case: FaultCase
    faulty: frozenset[str]
    result: Any
    error: LadingError | None
    before: State
    after: State
    done: State

    def outcome(self, region: str) -> Outcome | None:
        """Return what the result says of a region; ``None`` when it says nothing."""
        if self.error is None:
            return "done"
        if not isinstance(self.error, StageFailed):
            return self.error.outcome
        if region in self.error.failed:
            return self.error.failed[region].outcome
        return "done" if region in self.error.succeeded else None

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
        outcome, case = self.outcome(region), f"{self}, {region}"
        expected = self.row.expected(region, self.case, self.faulty)
        if outcome is None:
            return [f"{case}: it has neither failed nor succeeded: {self.error!r}"]
        before, after, done = self.before[region], self.after[region], self.done[region]
        found = [] if outcome == expected else [f"{case}: {outcome}, expected {expected}: {self.error!r}"]
        right = {"done": [done], "not_done": [before], "unknown": [before, done]}[outcome]
        for item in sorted(before.keys() | after.keys() | done.keys()):
            values = [state.get(item) for state in right]
            if after.get(item) not in values and not self._may_leave(item, region, outcome):
                found.append(f"{case}: {outcome}, but {item} is {after.get(item)}: {self.error!r}")
        return found

    def _may_leave(self, item: str, region: str, outcome: Outcome) -> bool:
        if item not in self.row.may_leave:
            return False
        if item == "uploads":  # a result warns of it, and abort_stale_uploads finds it
            warnings = () if self.result is None else self.result.regions[region].warnings
            return self.result is None or any("abort_stale_uploads" in text for text in warnings)
        # Metadata without an artifact is seen by nobody; what belongs to an artifact that is there must be right.
        return outcome != "done" and ARTIFACT not in self.after[region]

    def __str__(self) -> str:
        return f"{self.row} with {self.case.name} in {', '.join(sorted(self.faulty))}"


async def run_row(row: StagerRow, aws: Aws, backdoor: Backdoor) -> list[StagerCell]:
    """Run *row*'s operation with every fault, and return what came of each."""
    await to_thread.run_sync(_prepare, row, backdoor)
    before = await to_thread.run_sync(read_state, backdoor)
    async with make_stager(aws) as stager:  # which takes as long as staging
        await row.run(stager.with_options())
        assert any(one.operation == row.request and one.path.endswith(row.path) for one in aws.requests)
        done = await to_thread.run_sync(read_state, backdoor)
        assert done != before, f"{row} changes nothing that the state shows"
        cells = []
        for case, regions in row.cells:
            await to_thread.run_sync(_prepare, row, backdoor)
            aws.clear()
            for region in regions:
                aws.on(row.request, case.fault, region=region, path=row.path, times=case.times)
                if case.then is not None:
                    aws.on(row.request, case.then, region=region, path=row.path, times=None)
            # A copy: the next one knows nothing of this one's configuration and failures.
            result, caught = await _call(row, stager.with_options())
            faulty = frozenset(region for region, *_ in aws.injected)
            assert faulty == regions, f"{row}: {case.name} happened in {faulty} instead of {regions}"
            aws.clear()
            after = await to_thread.run_sync(read_state, backdoor)
            cells.append(StagerCell(row, case, faulty, result, caught, before, after, done))
    return cells


async def _call(row: StagerRow, stager: Stager) -> tuple[Any, LadingError | None]:
    """Return what the operation returns, and what it raises."""
    try:
        return await row.run(stager), None
    except LadingError as error:
        return None, error


def _prepare(row: StagerRow, backdoor: Backdoor) -> None:
    """Bring all regions into the state before *row*'s operation."""
    backdoor.begin()
    backdoor.set_up()
    row.prepare(backdoor)

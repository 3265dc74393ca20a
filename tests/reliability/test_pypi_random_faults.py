"""Many uploads at once, requests disturbed at random, work done late: callers and index agree about every file.

The index's own log is the oracle: from what was done to the requests of a file follows what its caller can know, and
that is compared exactly. A caller who says "unknown" where the index could have been looked at is as wrong as one who
claims a success for what is not there.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from lading import ApiError, Index, InvalidResponse, LadingError, PyPI, Retry
from lading.testing import (
    Delay,
    DropAfter,
    DropBefore,
    DropDuring,
    EmbeddedIndex,
    Fault,
    Respond,
    RespondEarly,
    ServerRequest,
    ServerResponse,
)
from tests.support.distributions import sdist, sha256, wheel
from tests.support.recorded_sleeps import with_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]
ATTEMPTS = 4
SIGN_IN = b"<!DOCTYPE html><title>Sign in</title><script src=/app.js></script>"
LIES = [
    ServerResponse(200, {"Content-Type": "text/html"}, SIGN_IN),
    ServerResponse.json({"error": "who are you?"}),
    ServerResponse.json({"user": None}),
    ServerResponse(200, {"Content-Type": "application/json"}, b"{"),
]
GATEWAYS = (408, 425, 460, 499, 500, 502, 504, 507, 509, 520, 522, 524, 530)


class LyingIndex(EmbeddedIndex):
    """The embedded index; below a path of its own for each caller, so that faults find theirs.

    Attributes:
        token: A token for all projects.
        instead: By path: responses to the next uploads there, whose work is done all the same.
        log: What it did, in order: the paths of the uploads whose work was done.
    """

    def __init__(self) -> None:
        super().__init__()
        self.token = self.create_token()
        self.instead: dict[str, list[ServerResponse]] = {}
        self.log: list[str] = []
        self._shared = replace(self._shared, handler=partial(self._on_request, self._shared.handler))

    async def _on_request(self, handler: Any, request: ServerRequest) -> ServerResponse:
        path = request.path
        if request.method != "POST":
            return await handler(request)
        request.path = "/legacy/"
        response = await handler(request)
        if response.status == 200:
            self.log.append(path)
        lies = self.instead.get(path)
        return lies.pop(0) if lies else response

    def client(self, number: int, attempts: int) -> PyPI:
        """A caller's client, whose waiting moves the index's clock."""
        index = Index(f"{self.url}/caller-{number}/legacy/", self.index.simple_url, "index")
        pypi = PyPI(index, token=self.token, retry=Retry(attempts=attempts, backoff=1))
        return with_time(pypi, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        await anyio.lowlevel.checkpoint()
        self.advance_clock(seconds)


@dataclass
class Plan:
    """What happens to the requests of one caller, one after the other, and what the caller can know of it.

    Attributes:
        faults: The faults; a request after them is served.
        lie: The index's response when it has done the work, if it lies.
        statuses: The statuses of a success; empty where the upload fails.
        error: The kind of the failure.
    """

    faults: list[Fault] = field(default_factory=list[Fault])
    lie: ServerResponse | None = None
    statuses: tuple[str, ...] = ("uploaded",)
    error: type[LadingError] | None = None

    @property
    def late(self) -> bool:
        return any(isinstance(fault, DropAfter) and fault.work_after for fault in self.faults)


def lost_before(draw: random.Random) -> Fault:
    """An attempt after which the index has nothing, and the caller has to look."""
    return draw.choice(
        [
            DropBefore(reset=draw.random() < 0.5),
            DropDuring(draw.randrange(3000), reset=draw.random() < 0.5),
            Respond(draw.choice(GATEWAYS)),
            Respond(draw.choice(GATEWAYS), SIGN_IN, {"Content-Type": "text/html"}),
        ]
    )


def refused(draw: random.Random) -> Fault:
    """An attempt that the index refuses for now."""
    after = draw.choice([0, 1, 7])
    return draw.choice(
        [
            Respond(429, retry_after=after),
            Respond(503, retry_after=after),
            RespondEarly(429, retry_after=after, after=9),
        ]
    )


def random_plan(draw: random.Random) -> Plan:
    plan = Plan([draw.choice((lost_before, refused))(draw) for _ in range(draw.choice((0, 0, 1, 1, 2, 3, 4)))])
    if len(plan.faults) == ATTEMPTS:
        plan.error = LadingError
        return plan
    end = draw.randrange(7)
    if end == 0:  # the work is done, and the response is lost
        plan.faults.append(DropAfter(reset=draw.random() < 0.5))
        plan.statuses = ("confirmed",)
    elif end == 1:  # the work is done, and something else responds
        plan.faults.append(Delay(0))
        plan.lie = draw.choice(LIES)
        plan.statuses = ("confirmed",)
    elif end == 2:  # refused for good
        plan.faults.append(Respond(draw.choice((400, 413, 403)), b"no"))
        plan.error = ApiError
    elif end == 3:  # something else responds, and the work is not done: the same would respond again
        lie = draw.choice(LIES)
        plan.faults.append(Respond(lie.status, lie.body, lie.headers))
        plan.error = InvalidResponse
    elif end == 4 and len(plan.faults) < ATTEMPTS - 1:  # the work of an attempt is done late, while others follow
        plan.faults.insert(draw.randrange(len(plan.faults) + 1), DropAfter(work_after=draw.uniform(0.1, 8)))
        plan.statuses = ("uploaded", "confirmed")
    return plan


@pytest.fixture
def lying_index() -> Iterator[LyingIndex]:
    with LyingIndex() as index:
        yield index
    assert not index.errors


@pytest.fixture
def files(tmp_path: Path) -> dict[Path, str]:
    """The files of 60 callers, and of a fan-out, with their digests."""
    callers = [wheel(tmp_path, f"project-{n % 7}", f"1.{n}", payload=b"x" * (n * 97)) for n in range(60)]
    many = [make(tmp_path, "many", f"2.{n}") for n in range(8) for make in (wheel, sdist)]
    return {path: sha256(path) for path in callers + many}


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
@pytest.mark.parametrize("seed", range(4))
async def test_callers_and_index_agree(lying_index: LyingIndex, files: dict[Path, str], seed: int):
    draw = random.Random(seed)
    paths = list(files)
    plans = [random_plan(draw) for _ in range(60)]
    outcomes: dict[int, Any] = {}
    for number, plan in enumerate(plans):
        path = f"/caller-{number}/legacy/"
        for fault in plan.faults:
            lying_index.faults.add(fault, path=path)
        if plan.lie is not None:
            lying_index.instead[path] = [plan.lie]
    many = [draw.choice((lost_before, refused))(draw) for _ in range(25)] + [DropAfter() for _ in range(5)]
    draw.shuffle(many)
    for fault in many:
        lying_index.faults.add(fault, path="/caller-60/legacy/")

    async def upload(number: int) -> None:
        async with lying_index.client(number, ATTEMPTS) as pypi:
            try:
                outcomes[number] = await pypi.releases.upload(paths[number])
            except LadingError as error:
                outcomes[number] = error

    async def upload_many() -> None:
        async with lying_index.client(60, len(many) + 1) as pypi:
            outcomes[60] = await pypi.releases.upload_many(paths[60:], limit=5)

    async with anyio.create_task_group() as group:
        group.start_soon(upload_many)
        for number in draw.sample(range(60), 60):
            group.start_soon(upload, number)

    lying_index.advance_clock(100)
    async with lying_index.client(61, 1) as pypi:
        await pypi.projects.list()  # by now all late work is done
    # Work that is done late may be found before the faults that were to follow.
    left = {plan.path for plan in lying_index.faults.pending}
    early = {f"/caller-{number}/legacy/" for number, plan in enumerate(plans) if plan.late}
    assert left <= early, "requests were fewer than planned"
    stored = {file.filename: file.digests["sha256"] for file in lying_index.uploads}
    assert len(stored) == len(lying_index.uploads)
    for number, plan in enumerate(plans):
        check(
            plan,
            outcomes[number],
            paths[number].name,
            files[paths[number]],
            stored,
            lying_index.log.count(f"/caller-{number}/legacy/"),
        )
    assert [result.filename for result in outcomes[60]] == [path.name for path in paths[60::2] + paths[61::2]]
    assert {result.status for result in outcomes[60]} <= {"uploaded", "confirmed"}
    assert {path.name: files[path] for path in paths[60:]}.items() <= stored.items()
    assert lying_index.log.count("/caller-60/legacy/") == 16, "the same file was sent again after it was stored"


def check(plan: Plan, outcome: Any, name: str, digest: str, stored: dict[str, str], done: int) -> None:
    """Compare what a caller was told with the index, and with the plan."""
    if plan.error is None:
        assert not isinstance(outcome, LadingError), (plan, outcome)
        assert outcome.status in plan.statuses, plan
        assert stored.get(name) == outcome.sha256 == digest, plan
        assert done == 1 or (plan.late and done == 2), plan
    else:
        assert isinstance(outcome, plan.error), (plan, outcome)
        assert outcome.outcome == "not_done", (plan, outcome)
        assert name not in stored, plan
        assert done == 0, plan
        if isinstance(outcome, ApiError):
            assert outcome.attempts == len(plan.faults), plan

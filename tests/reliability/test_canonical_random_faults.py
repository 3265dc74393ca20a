"""Many uploads of several names at once, requests disturbed at random, work done late: callers and store agree.

The store's own log is the oracle: from what was done to the requests of a caller follows what it can know, and that is
compared exactly. A caller who says "unknown" where the store could have been looked at is as wrong as one who claims a
success for what is not there.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import to_thread

from lading import ApiError, InvalidResponse, LadingError, Retry, fan_out
from lading._core.retry import GATEWAY_STATUSES
from lading.testing import (
    Delay,
    DropAfter,
    DropBefore,
    DropDuring,
    Fault,
    Respond,
    RespondEarly,
    ServerResponse,
    make_charm,
)
from lading.testing.canonical.snap._processing import MAGIC
from tests.support.prefixed_stores import PrefixedCharmhub, PrefixedSnapStore

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]
ATTEMPTS, CALLERS, SHARED = 4, 30, 10
NAMES = [f"package-{number}" for number in range(5)]
PAGE = b"<!DOCTYPE html><title>Sign in</title><script src=/app.js></script>"
HTML = {"Content-Type": "text/html"}
LIES = [
    ServerResponse(200, HTML, PAGE),
    ServerResponse.json({"error": "who are you?"}),
    ServerResponse.json([]),
    ServerResponse(200, {"Content-Type": "application/json"}, b"{"),
]
GATEWAYS = sorted(GATEWAY_STATUSES | {500, 502, 504})


@dataclass
class Plan:
    """What happens to the requests of one caller, and what it can know of it.

    Attributes:
        faults: What happens to its notifications, one after the other; one after them is served.
        lie: The store's response to a notification whose work is done, if it lies.
        error: The kind of the failure; ``None`` for an upload that succeeds.
        statuses: The statuses of a success.
        lost: Whether one of the notifications may have been carried out, as far as the caller can see.
        late: Whether the work of one is done late.
    """

    faults: list[Fault] = field(default_factory=list[Fault])
    lie: ServerResponse | None = None
    error: type[LadingError] | None = None
    statuses: tuple[str, ...] = ("uploaded",)
    lost: bool = False
    late: bool = False


def lost_before(draw: random.Random) -> Fault:
    """An attempt after which the store has nothing, and the caller has to look."""
    return draw.choice(
        [
            DropBefore(reset=draw.random() < 0.5),
            DropDuring(draw.randrange(1, 40), reset=draw.random() < 0.5),
            Respond(draw.choice(GATEWAYS)),
            Respond(draw.choice(GATEWAYS), PAGE, HTML),
        ]
    )


def refused(draw: random.Random) -> Fault:
    """An attempt that the store refuses for now."""
    after = draw.choice([0, 1, 7])
    body = b'{"code": "register_window", "retry_after": 3}'
    return draw.choice(
        [
            Respond(429, retry_after=after),
            Respond(503, retry_after=after),
            Respond(429, body, {"Content-Type": "application/json"}),
            RespondEarly(429, retry_after=after, after=9),
        ]
    )


def random_plan(draw: random.Random) -> Plan:
    """Return a plan for the notifications of one caller."""
    plan = Plan()
    for _ in range(draw.choice((0, 0, 1, 1, 2, 3, 4))):
        lost = draw.random() < 0.5
        plan.lost |= lost
        plan.faults.append((lost_before if lost else refused)(draw))
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
        plan.error, plan.lost = InvalidResponse, True
    elif end == 4 and len(plan.faults) < ATTEMPTS - 1:  # the work of an attempt is done late, while others follow
        plan.faults.insert(draw.randrange(len(plan.faults) + 1), DropAfter(work_after=draw.uniform(0.1, 8)))
        plan.late, plan.statuses = True, ("uploaded", "confirmed")
    return plan


@dataclass(frozen=True)
class Kind:
    """A store, and what is different about it.

    Attributes:
        make: Makes it.
        notify: The path of notifications; ``{name}`` is the package's.
        content: Makes a file of a package that no other has.
        packages: Returns the store's packages.
        can_tell: Whether the store shows at once that it was notified of an upload. The Snap Store lists a revision
            only after it has been processed, so a failure after a lost response is "unknown" there.
        options: Further options of an upload.
    """

    make: Any
    notify: str
    content: Any
    packages: Any
    can_tell: bool
    options: dict[str, Any] = field(default_factory=dict[str, Any])

    def path(self, caller: int, name: str) -> str:
        """Return the path of a caller's notifications."""
        return f"/caller-{caller}{self.notify.format(name=name)}"


CHARMHUB = Kind(
    PrefixedCharmhub,
    "/v1/charm/{name}/revisions",
    lambda name, number: make_charm(name, padding=f"{number}".encode()),
    lambda store: store._packages.packages,
    can_tell=True,
)
SNAP_STORE = Kind(
    PrefixedSnapStore,
    "/dev/api/snap-push/",
    lambda name, number: MAGIC + f"{name} {number}".encode(),
    lambda store: store._snaps.snaps,
    can_tell=False,
    options={"check_permission": False},  # it would be disturbed in place of the notification: their path is the same
)


@pytest.fixture(params=[CHARMHUB, SNAP_STORE], ids=["charmhub", "snap-store"])
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture
def store(kind: Kind) -> Iterator[Any]:
    with kind.make() as store:
        for name in NAMES:
            store.add_package(name)
        yield store
    assert not store.errors


def revisions(kind: Kind, store: Any) -> dict[str, list[int]]:
    """Return the numbers of the revisions by digest."""
    found: dict[str, list[int]] = {}
    with store._state.lock:
        for package in kind.packages(store).values():
            for one in package.revisions.values():
                found.setdefault(one.upload.digests["sha3_384"], []).append(one.number)
    return found


def credentials_of(store: Any) -> str:
    issued: str = store.create_token() if isinstance(store, PrefixedCharmhub) else store.export_credentials()
    return issued


def plan_all(kind: Kind, store: Any, draw: random.Random) -> list[Plan]:
    """Plan what happens to the requests of all callers."""
    plans = [random_plan(draw) for _ in range(CALLERS)]
    for number, plan in enumerate(plans):
        path = kind.path(number, NAMES[number % len(NAMES)])
        for fault in plan.faults:
            store.faults.add(fault, method="POST", path=path)
        if plan.lie is not None:
            store.instead[path] = [plan.lie]
        # Sending the file, and reading, can be repeated: whatever happens to them, a caller gets its result.
        for _ in range(draw.randrange(3)):
            fault = draw.choice((lost_before(draw), refused(draw), DropAfter()))
            store.faults.add(fault, path=f"/caller-{number}/unscanned-upload/")
        for _ in range(draw.randrange(3)):
            fault = draw.choice((DropBefore(), Respond(502), refused(draw)))
            store.faults.add(fault, method="GET", path=f"/caller-{number}/*")
    return plans


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
@pytest.mark.parametrize("seed", range(3))
async def test_callers_and_store_agree(kind: Kind, store: Any, seed: int):
    draw = random.Random(seed)
    plans = plan_all(kind, store, draw)
    many = [draw.choice((lost_before, refused))(draw) for _ in range(12)] + [DropAfter() for _ in range(4)]
    draw.shuffle(many)
    for fault in many:
        store.faults.add(fault, method="POST", path=f"/caller-{CALLERS}/*")
    contents = [kind.content(NAMES[number % len(NAMES)], number) for number in range(CALLERS + SHARED)]
    credentials = await to_thread.run_sync(credentials_of, store)
    outcomes: dict[int, Any] = {}

    async def upload(client: Any, number: int) -> None:
        name = NAMES[number % len(NAMES)]
        try:
            outcomes[number] = await client.revisions.upload(
                name, contents[number], filename=f"{name}_{number}_amd64.snap", poll=1, **kind.options
            )
        except LadingError as error:
            outcomes[number] = error

    def open_client(caller: int, attempts: int) -> Any:
        # Time passes for all of them when one waits, so none has a deadline.
        return store.caller(caller, credentials, Retry(attempts=attempts, backoff=1, deadline=None))

    async def upload_one(number: int) -> None:
        async with open_client(number, ATTEMPTS) as client:
            await upload(client, number)

    async def upload_many() -> None:
        async with (
            open_client(CALLERS, len(many) + 1) as client,
            fan_out(partial(upload, client), range(CALLERS, CALLERS + SHARED), limit=5) as results,
        ):
            async for result in results:
                result.value  # noqa: B018 - raises what was no error of the SDK

    async with anyio.create_task_group() as group:
        group.start_soon(upload_many)
        for number in draw.sample(range(CALLERS), CALLERS):
            group.start_soon(upload_one, number)

    await to_thread.run_sync(store.advance_clock, 100)
    async with open_client(CALLERS + 1, 1) as client:
        await client.tokens.whoami()  # by now all late work is done
    for _ in range(2):
        await to_thread.run_sync(store.advance_reviews)
    there = await to_thread.run_sync(revisions, kind, store)
    assert all(len(numbers) == 1 for numbers in there.values()), "a file is two revisions"
    digests = await to_thread.run_sync(digests_of, contents)
    for number, plan in enumerate(plans):
        done = store.log.count(kind.path(number, NAMES[number % len(NAMES)]))
        check(kind, plan, outcomes[number], there.get(digests[number], []), done)
    for number in range(CALLERS, CALLERS + SHARED):
        assert outcomes[number].status in ("uploaded", "confirmed"), outcomes[number]
        assert there.get(digests[number]) == [outcomes[number].revision]


def digests_of(contents: list[bytes]) -> list[str]:
    import hashlib

    return [hashlib.sha3_384(content).hexdigest() for content in contents]


def check(kind: Kind, plan: Plan, outcome: Any, numbers: list[int], done: int) -> None:
    """Compare what a caller was told with the store, and with the plan."""
    if plan.error is None:
        assert not isinstance(outcome, LadingError), (plan, outcome)
        assert outcome.status in (plan.statuses if kind.can_tell else ("uploaded", "confirmed")), (plan, outcome)
        assert numbers == [outcome.revision], (plan, outcome)
        # Where the store does not show it at once, the same upload is notified of again, and becomes nothing more.
        assert done == 1 or (not kind.can_tell and done > 1), (plan, done)
        return
    assert isinstance(outcome, plan.error), (plan, outcome)
    assert outcome.outcome == ("unknown" if plan.lost and not kind.can_tell else "not_done"), (plan, outcome)
    assert numbers == [], plan
    assert done == 0, plan

"""A revision is uploaded at most once, whatever is lost at whatever step: the store's own log is compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from lading import AttemptEvent, LadingError, Retry
from lading.testing import DropAfter, DropBefore, DropDuring, Respond, RespondAfter, Truncate

if TYPE_CHECKING:
    from lading.canonical import Charmhub, UploadedRevision
    from tests.support.gateway_double import Gateway

pytestmark = pytest.mark.anyio
NAME = "my-charm"
DATA = b"charm" * 1000

STEPS = {
    "list": {"method": "GET", "path": "*/revisions"},
    "upload": {"method": "POST", "path": "/unscanned-upload/"},
    "notify": {"method": "POST", "path": "*/revisions"},
    "review": {"method": "GET", "path": "*/review"},
}
FAULTS = [
    DropBefore(),
    DropDuring(10),
    DropAfter(),
    DropAfter(reset=True),
    DropAfter(work_after=3),
    DropAfter(work_after=29),
    Respond(500),
    Respond(504),
    Respond(503, retry_after=1),
    Respond(429, retry_after=1),
    Respond(403),
    RespondAfter(500),
    RespondAfter(502),
    RespondAfter(504),
    RespondAfter(504, work_after=29),
    RespondAfter(200, b"<html>"),
    Truncate(5),
]


@pytest.fixture
def gateway(publishing_gateway: Gateway) -> Gateway:
    return publishing_gateway


async def upload(charmhub: Charmhub) -> UploadedRevision:
    return await charmhub.revisions.upload(NAME, DATA, filename="my.charm")


async def upload_again(gateway: Gateway) -> UploadedRevision:
    """The upload of a caller who has waited until nothing is under way any more."""
    gateway.faults.clear()
    gateway.clock.time += 31
    async with gateway.client() as charmhub:
        await charmhub.revisions.list(NAME)  # what was late is done before it
        for revision in gateway.revisions:
            if revision["status"] not in ("approved", "rejected"):
                revision["next"] = ["approved"]
        return await upload(charmhub)


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("attempts", [1, 3])
@pytest.mark.parametrize("times", [1, None], ids=["once", "always"])
async def test_a_fault_at_each_step(gateway: Gateway, step: str, fault: Any, attempts: int, times: int | None):
    """At a store that would make a second revision of the same file."""
    gateway.refuses_equal = False
    gateway.faults.add(fault, **STEPS[step], times=times)  # type: ignore[arg-type]
    done: UploadedRevision | None = None
    error: LadingError | None = None
    async with gateway.client(retry=Retry(attempts=attempts, backoff=0)) as charmhub:
        try:
            done = await upload(charmhub)
        except LadingError as failure:
            error = failure
    made = gateway.made(DATA)
    assert sum(one.notified for one in gateway.uploads.values()) <= 1
    assert len(made) <= 1
    if done is not None:
        assert made == [done.revision]
        assert gateway.revisions[0]["status"] == "approved"
    elif times is None and step == "notify" and not isinstance(fault, Respond):
        assert error is not None
    again = await upload_again(gateway)
    assert gateway.made(DATA) == [again.revision]
    if error is not None and error.outcome == "not_done":
        assert again.status == "uploaded", "the store had it, and it was said not to"
    if error is not None and step in ("list", "upload"):
        assert error.outcome == "not_done"


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
async def test_a_fault_whose_look_up_fails(gateway: Gateway, fault: Any):
    """It is unknown, unless the store has refused the notification; and nothing is sent again."""
    gateway.refuses_equal = False
    gateway.faults.add(fault, **STEPS["notify"])  # type: ignore[arg-type]
    gateway.faults.add(Respond(500), **STEPS["review"], times=None)  # type: ignore[arg-type]
    async with gateway.client() as charmhub:
        with pytest.raises(LadingError) as caught:
            await upload(charmhub)
    refused = isinstance(fault, Respond) and not isinstance(fault, RespondAfter) and fault.status == 403
    assert caught.value.outcome == ("not_done" if refused else "unknown")
    again = await upload_again(gateway)
    assert gateway.made(DATA) == [again.revision]


@pytest.mark.parametrize("deadline", [1, 10])
async def test_a_deadline_that_ends_before_late_work_can_be_excluded(gateway: Gateway, deadline: float):
    gateway.refuses_equal = False
    gateway.faults.add(DropAfter(work_after=20), **STEPS["notify"])  # type: ignore[arg-type]
    async with gateway.client(retry=Retry(attempts=3, backoff=0, deadline=deadline)) as charmhub:
        with pytest.raises(LadingError) as caught:
            await upload(charmhub)
    assert caught.value.outcome == "unknown"
    again = await upload_again(gateway)
    assert (gateway.made(DATA), again.status) == ([1], "unchanged")


@pytest.mark.parametrize("requests", range(1, 7))
async def test_a_call_that_is_cancelled_after_each_request(gateway: Gateway, requests: int):
    gateway.refuses_equal = False
    seen = 0
    with anyio.CancelScope() as scope:

        def hook(event: object) -> None:
            nonlocal seen
            seen += isinstance(event, AttemptEvent)
            if seen == requests:
                scope.cancel()

        async with gateway.client(hooks=hook) as charmhub:
            await upload(charmhub)
    assert scope.cancelled_caught or requests == 6
    again = await upload_again(gateway)
    assert gateway.made(DATA) == [again.revision]

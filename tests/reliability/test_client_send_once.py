"""A write whose response was lost: the store is queried, and the call ends as done, not done or unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from lading import (
    ApiError,
    Call,
    Conflict,
    InvalidResponse,
    LadingError,
    Limits,
    NetworkError,
    NotFound,
    RateLimited,
    Response,
    Retry,
)
from lading._core.send_once import NOT_FOUND, Found, Rejected
from lading.testing import (
    DropAfter,
    DropBefore,
    DropDuring,
    Fault,
    Respond,
    RespondRaw,
    Server,
    ServerRequest,
    ServerResponse,
)
from tests.support.transport_client import make_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lading import PyPI
    from lading._core.send_once import LookupResult, LookupSender

pytestmark = pytest.mark.anyio
QUICK = Retry(attempts=3, backoff=0)
LOST = [
    DropAfter(),
    DropAfter(reset=True),
    Respond(500),
    Respond(502),
    Respond(507),
    Respond(408),
    Respond(200, b"<html>"),
]


class Shop:
    """A store with things.

    Attributes:
        made: How often a thing was made.
        lookups: How often it was looked up.
    """

    def __init__(self) -> None:
        self.made = 0
        self.lookups = 0
        self.there = False
        self.server = Server(self.respond)
        self.faults = self.server.faults

    async def respond(self, request: ServerRequest) -> ServerResponse:
        if request.method == "GET":
            self.lookups += 1
            return ServerResponse.json("found") if self.there else ServerResponse(404)
        await request.read()
        self.made += 1
        self.there = True
        return ServerResponse.json("made")


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    with shop.server:
        yield shop


def read(response: Response) -> str:
    value: str = response.json()
    return value


MAKE = Call("POST", "thing", read)


async def find(sender: LookupSender, _: LadingError) -> LookupResult[str]:
    """A resource's look-up."""
    try:
        return Found(await sender.send(Call("GET", "thing", read)))
    except NotFound:
        return NOT_FOUND


async def make(client: PyPI) -> str:
    return await client._sender.send_once(MAKE, find)


async def test_no_lookup_after_a_success(shop: Shop):
    async with make_client(shop.server.url, retry=QUICK) as client:
        assert await make(client) == "made"
    assert (shop.made, shop.lookups) == (1, 0)


@pytest.mark.parametrize("fault", LOST, ids=repr)
@pytest.mark.parametrize("attempts", [1, 3])
async def test_work_that_is_there_is_the_result(shop: Shop, fault: Fault, attempts: int):
    shop.there = not isinstance(fault, DropAfter)  # done by a request whose response was a failure
    shop.faults.add(fault, method="POST")
    async with make_client(shop.server.url, retry=Retry(attempts=attempts, backoff=0)) as client:
        assert await make(client) == "found"
    assert shop.made == (1 if isinstance(fault, DropAfter) else 0)
    assert shop.lookups == 1


@pytest.mark.parametrize(
    "fault", [DropBefore(), DropDuring(0), RespondRaw(b"nonsense\r\n\r\n"), Respond(500)], ids=repr
)
async def test_work_that_is_not_there_is_sent_again(shop: Shop, fault: Fault):
    shop.faults.add(fault, method="POST", times=2)
    async with make_client(shop.server.url, retry=QUICK) as client:
        assert await make(client) == "made"
    assert (shop.made, shop.lookups) == (1, 2)


async def test_work_that_never_gets_there_is_not_done(shop: Shop):
    shop.faults.add(DropBefore(), method="POST", times=None)
    async with make_client(shop.server.url, retry=QUICK) as client:
        with pytest.raises(NetworkError) as caught:
            await make(client)
    assert caught.value.outcome == "not_done"
    assert (len(shop.faults.happened), shop.lookups) == (3, 3)


@pytest.mark.parametrize("fault", LOST, ids=repr)
@pytest.mark.parametrize("response", [Respond(403), Respond(500), DropBefore(), Respond(200, b"<html>")], ids=repr)
async def test_when_the_lookup_fails_the_outcome_is_unknown(shop: Shop, fault: Fault, response: Fault):
    shop.faults.add(fault, method="POST", times=None)
    shop.faults.add(response, method="GET", times=None)
    async with make_client(shop.server.url, retry=QUICK) as client:
        with pytest.raises(LadingError) as caught:
            await make(client)
    assert caught.value.outcome == "unknown"
    assert isinstance(caught.value.__cause__, LadingError)  # why nobody could
    assert [happened.method for happened in shop.faults.happened].count("POST") == 1


@pytest.mark.parametrize("fault", [Respond(400), Respond(409), Respond(413), Respond(501)], ids=repr)
async def test_a_refusal_needs_no_lookup(shop: Shop, fault: Fault):
    shop.faults.add(fault, method="POST")
    async with make_client(shop.server.url, retry=QUICK) as client:
        with pytest.raises(ApiError) as caught:
            await make(client)
    assert caught.value.outcome == "not_done"
    assert shop.lookups == 0


async def test_a_refusal_is_sent_again_without_a_lookup(shop: Shop):
    shop.faults.add(Respond(429, retry_after=0), method="POST")
    shop.faults.add(Respond(503, retry_after=0), method="POST")
    async with make_client(shop.server.url, retry=QUICK) as client:
        assert await make(client) == "made"
    assert (shop.made, shop.lookups) == (1, 0)


async def test_lost_then_refused_is_not_done(shop: Shop):
    shop.faults.add(DropBefore(), method="POST")
    shop.faults.add(Respond(429), method="POST", times=None)
    async with make_client(shop.server.url, retry=QUICK) as client:
        with pytest.raises(RateLimited) as caught:
            await make(client)
    assert (caught.value.outcome, shop.lookups) == ("not_done", 1)


async def test_after_any_error_of_the_lookup_the_outcome_is_unknown(shop: Shop):
    async def look_up(_: LookupSender, lost: LadingError) -> LookupResult[str]:
        raise ZeroDivisionError

    shop.faults.add(DropAfter(), method="POST")
    async with make_client(shop.server.url, retry=QUICK) as client:
        with pytest.raises(NetworkError) as caught:
            await client._sender.send_once(MAKE, look_up)
    assert caught.value.outcome == "unknown"
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


async def test_a_success_that_cannot_be_read_is_looked_up_too(shop: Shop):
    def broken(response: Response) -> str:
        raise InvalidResponse("a page for people")

    async with make_client(shop.server.url, retry=QUICK) as client:
        assert await client._sender.send_once(Call("POST", "thing", broken), find) == "found"
        assert (shop.made, shop.lookups) == (1, 1)
        with pytest.raises(InvalidResponse) as caught:
            await client.send(Call("POST", "thing", broken))
        assert caught.value.outcome == "unknown"


async def test_lookups_use_their_calls_slot(shop: Shop):
    """One slot and five calls whose responses are lost: a look-up that took a slot of its own would wait forever."""
    shop.faults.add(DropAfter(), method="POST", times=5)
    found: list[str] = []
    async with make_client(shop.server.url, retry=QUICK, limits=Limits(max_requests=1, max_uploads=1)) as client:

        async def run() -> None:
            found.append(await make(client))

        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                for _ in range(5):
                    group.start_soon(run)
    assert found == ["found"] * 5


async def test_events_count_what_was_sent(shop: Shop):
    events: list[Any] = []
    shop.faults.add(DropAfter(), method="POST")
    async with make_client(shop.server.url, retry=QUICK, hooks=[events.append]) as client:
        assert await make(client) == "found"
    shown = [(type(e).__name__, e.method, getattr(e, "attempt", None) or e.attempts, e.error) for e in events]
    assert shown == [
        ("AttemptEvent", "POST", 1, "NetworkError"),
        ("AttemptEvent", "GET", 1, None),
        ("CallEvent", "GET", 1, None),
        ("CallEvent", "POST", 1, None),
    ]


async def test_an_error_counts_what_was_sent(shop: Shop):
    shop.faults.add(Respond(500), method="POST", times=None)
    shop.faults.add(Respond(403), method="GET", times=None)
    async with make_client(shop.server.url, retry=QUICK) as client:
        with pytest.raises(ApiError) as caught:
            await make(client)
    assert (caught.value.status, caught.value.attempts) == (500, 1)


@pytest.mark.parametrize("attempts", [1, 3])
@pytest.mark.parametrize("verdict", [Conflict("another thing is there"), RateLimited("later", retry_after=0)], ids=repr)
async def test_a_rejection_that_a_look_up_found_is_raised_as_it_is(shop: Shop, verdict: ApiError, attempts: int):
    async def look_up(_: LookupSender, lost: LadingError) -> LookupResult[str]:
        return Rejected(verdict)

    shop.faults.add(DropAfter(), method="POST")
    async with make_client(shop.server.url, retry=Retry(attempts=attempts, backoff=0)) as client:
        with pytest.raises(type(verdict)) as caught:
            await client._sender.send_once(MAKE, look_up)
    assert caught.value is verdict
    assert shop.made == 1


@pytest.mark.parametrize("refusal", [Respond(503, retry_after=0), Respond(403)])
async def test_a_refusal_after_a_lookup_that_failed_says_nothing_of_the_lost_request(shop: Shop, refusal: Fault):
    """A harmless call is sent again, although nobody knows what the first one did."""
    shop.faults.add(DropAfter(), method="POST")
    shop.faults.add(Respond(403), method="GET")
    shop.faults.add(refusal, method="POST", times=None)
    async with make_client(shop.server.url, retry=QUICK) as client:
        with pytest.raises(ApiError) as caught:
            await client._sender.send_once(Call("POST", "thing", read, idempotent=True), find)
    assert shop.made == 1
    assert caught.value.status in (403, 503)
    assert caught.value.outcome == "unknown"

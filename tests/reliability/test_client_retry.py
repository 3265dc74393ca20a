"""What is sent again, and when, as the store sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

import lading
from lading import Call, LadingError, NetworkError, RateLimited, RequestTimeout, Retry, Timeout
from lading.testing import (
    Delay,
    DropAfter,
    DropBefore,
    DropDuring,
    Fault,
    Respond,
    RespondRaw,
    Server,
    ServerRequest,
    ServerResponse,
    Truncate,
)
from tests.support.raw_server import until
from tests.support.transport_client import as_response, make_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.recorded_sleeps import RecordedSleeps

pytestmark = pytest.mark.anyio
QUICK = Retry(attempts=3, backoff=0)


class Store:
    """A store that takes everything.

    Attributes:
        requests: Method and body of what was really worked on.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, bytes]] = []
        self.server = Server(self.respond)
        self.faults = self.server.faults

    async def respond(self, request: ServerRequest) -> ServerResponse:
        self.requests.append((request.method, await request.read()))
        return ServerResponse(body=b"x" * 1000)


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    with store.server:
        yield store


# What can be sent: (method, idempotent), and whether that may be done twice.
ONCE: list[tuple[str, bool | None]] = [("POST", None), ("PATCH", None), ("GET", False), ("PUT", False)]
OFTEN: list[tuple[str, bool | None]] = [("GET", None), ("HEAD", None), ("PUT", None), ("DELETE", None), ("POST", True)]

REFUSED = [Respond(429), Respond(429, retry_after=0), Respond(503, retry_after=0)]
UNKNOWN = [
    *map(Respond, (408, 425, 500, 502, 503, 504)),
    Respond(500, retry_after=0),
    *map(Respond, (460, 499, 507, 509, 520, 530)),
    DropBefore(),
    DropBefore(reset=True),
    DropAfter(),
    RespondRaw(b"nonsense\r\n\r\n"),
    RespondRaw(b"HTTP/1.1 200 OK\r\nContent-Le"),
    Truncate(10),
]
FINAL = [*map(Respond, (400, 401, 403, 404, 409, 410, 412, 413, 422, 501, 505, 511))]


async def sent(store: Store, fault: Fault, method: str, idempotent: bool | None) -> int:
    """How many requests arrived until the call was done, or not."""
    store.faults.add(fault, times=1)
    async with make_client(store.server.url, retry=QUICK) as client:
        body = None if method in ("GET", "HEAD", "DELETE") else lading.BytesBody(b"content")
        call = Call(method, "thing", as_response, idempotent=idempotent, body=body)
        try:
            await client.send(call)
        except LadingError:
            return 1
    return 2


@pytest.mark.parametrize("fault", REFUSED + UNKNOWN + FINAL, ids=repr)
async def test_the_whole_table(store: Store, fault: Fault):
    for methods, again in ((ONCE, fault in REFUSED), (OFTEN, fault not in FINAL)):
        for method, idempotent in methods:
            if method == "HEAD" and isinstance(fault, Truncate):
                continue  # has no body to cut
            count = await sent(store, fault, method, idempotent)
            assert count == (2 if again else 1), (method, idempotent)
    assert not store.faults.pending


@pytest.fixture
def nobody() -> str:
    """An address where nobody listens any more."""
    with Server(Store().respond) as server:
        return server.url


async def test_what_never_left_is_always_sent_again(nobody: str, slept: RecordedSleeps):
    for method, idempotent in ONCE + OFTEN:
        async with slept.client(nobody, retry=QUICK) as client:
            with pytest.raises(NetworkError) as caught:
                await client.send(Call(method, "thing", as_response, idempotent=idempotent))
            assert (caught.value.phase, caught.value.outcome) == ("connect", "not_done")
    assert len(slept.waits) == 2 * len(ONCE + OFTEN)


@pytest.mark.parametrize(("method", "outcome"), [("GET", "not_done"), ("POST", "unknown")])
async def test_a_slow_response_is_a_timeout(store: Store, method: str, outcome: str):
    store.faults.add(Delay(60), times=None)
    timeout = Timeout(read=0.05)
    async with make_client(store.server.url, timeout=timeout, retry=QUICK) as client:
        with pytest.raises(RequestTimeout) as caught:
            await client.send(Call(method, "thing", as_response))
    assert (caught.value.phase, caught.value.outcome) == ("receive", outcome)
    assert isinstance(caught.value, TimeoutError)
    await until(lambda: len(store.faults.happened) >= (3 if method == "GET" else 1))  # it may be slow to see them
    assert len(store.faults.happened) == (3 if method == "GET" else 1)


async def test_the_outcome_says_what_became_of_it(store: Store):
    async with make_client(store.server.url) as client:
        for fault, outcome in (
            (Respond(400), "not_done"),
            (Respond(503, retry_after=1), "not_done"),
            (Respond(500), "unknown"),
            (DropAfter(), "unknown"),
            (DropDuring(0), "unknown"),
        ):
            for method, expected in (("POST", outcome), ("GET", "not_done")):
                store.faults.add(fault)
                with pytest.raises(LadingError) as caught:
                    await client.send(Call(method, "thing", as_response))
                assert caught.value.outcome == expected, fault


async def test_attempts_are_bounded_and_counted(store: Store, slept: RecordedSleeps):
    store.faults.add(Respond(429), times=None)
    for most in (1, 2, 5):
        async with slept.client(store.server.url, retry=Retry(attempts=most)) as client:
            with pytest.raises(RateLimited) as caught:
                await client.send(Call("POST", "thing", as_response))
        assert caught.value.attempts == most
    assert len(store.faults.happened) == 1 + 2 + 5


async def test_the_callers_own_scope_bounds_all_of_it(store: Store):
    store.faults.add(Respond(429, retry_after=100), times=None)
    async with make_client(store.server.url, retry=Retry()) as client:
        with anyio.move_on_after(0.05) as scope:
            await client.send(Call("GET", "thing", as_response))
        assert scope.cancelled_caught
        store.faults.clear()
        assert (await client.send(Call("GET", "thing", as_response))).status == 200


async def test_no_retrying_at_all(store: Store):
    for fault in (Respond(429, retry_after=0), Respond(500), DropBefore()):
        store.faults.add(fault)
        async with make_client(store.server.url, retry=Retry(attempts=1)) as client:
            with pytest.raises(LadingError):
                await client.send(Call("GET", "thing", as_response))
    assert not store.requests


async def test_what_is_no_json_is_not_sent(store: Store):
    circle: list[Any] = []
    circle.append(circle)
    async with make_client(store.server.url, retry=QUICK) as client:
        for value in (object(), {"a": {1, 2}}, float("nan"), circle, {(1, 2): 3}):
            with pytest.raises(lading.InputError) as caught:
                await client.send(Call("POST", "thing", as_response, json=value))
            assert caught.value.argument == "json"
        assert await client.send(Call("POST", "thing", lambda r: r.status, json={"ä": [None, 1.5]})) == 200
    assert store.requests == [("POST", b'{"\\u00e4": [null, 1.5]}')]


async def test_errors_know_how_often_it_was_tried(store: Store):
    found: list[Any] = []
    store.faults.add(Respond(500))
    store.faults.add(Respond(404))
    async with make_client(store.server.url, retry=QUICK, hooks=[found.append]) as client:
        with pytest.raises(lading.NotFound) as caught:
            await client.send(Call("GET", "thing", as_response))
    assert caught.value.attempts == 2
    assert [(event.attempt, event.status) for event in found[:-1]] == [(1, 500), (2, 404)]
    assert found[-1].attempts == 2


REFUSALS = [Respond(403), Respond(429, retry_after=1000), Respond(503, retry_after=1000)]


@pytest.mark.parametrize("refusal", REFUSALS, ids=repr)
async def test_a_refusal_after_a_lost_response_does_not_say_that_nothing_was_done(store: Store, refusal: Fault):
    """The first attempt may have been carried out, whatever the second gets."""
    store.server.faults.add(DropAfter(), method="PUT")
    store.server.faults.add(refusal, method="PUT", times=None)
    async with make_client(store.server.url, retry=Retry(attempts=3, backoff=0)) as client:
        with pytest.raises(LadingError) as caught:
            await client.send(Call("PUT", "a", as_response))
    assert caught.value.outcome == "unknown"

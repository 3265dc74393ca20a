"""The wait before a retry: as the store requests, within the limits of the caller."""

from __future__ import annotations

from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from lading import ApiError, Call, RateLimited, Retry, ServerError
from lading.testing import Faults, Respond, Server, ServerRequest, ServerResponse
from tests.support.recorded_sleeps import NOW
from tests.support.transport_client import as_response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.recorded_sleeps import RecordedSleeps

pytestmark = pytest.mark.anyio
QUICK = Retry(attempts=3, backoff=0)


class Store:
    """A store that takes everything."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.server = Server(self.respond, faults=self.faults)

    async def respond(self, request: ServerRequest) -> ServerResponse:
        await request.read()
        return ServerResponse()


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    with store.server:
        yield store


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("0", 0),
        ("3", 3),
        ("2.5", 2.5),
        ("120", 120),
        (formatdate(NOW + 90, usegmt=True), 90),
        (formatdate(NOW - 90, usegmt=True), 0),
        (formatdate(0, usegmt=True), 0),
        ("-5", 0),
        ("soon", 0),
        ("", 0),
        ("1e3", 0),
        ("Fri, 31 Feb 2023 99:99:99 GMT", 0),
    ],
)
async def test_the_wait_is_as_long_as_the_store_requests(store: Store, slept: RecordedSleeps, header: str, wait: float):
    store.faults.add(Respond(429, retry_after=header))
    async with slept.client(store.server.url, retry=QUICK) as client:
        await client.send(Call("POST", "thing", as_response))
    assert slept.waits == [wait]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("121", "121"),
        ("86400", "86400"),
        ("31536000", "31536000"),
        ("9" * 400, "inf"),
        (formatdate(NOW + 7200, usegmt=True), "7200"),
        ("Fri, 31 Dec 9999 23:59:59 GMT", ""),
    ],
)
@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (503, ServerError)])
async def test_a_wait_that_is_too_long_fails_at_once_and_says_how_long(
    store: Store, slept: RecordedSleeps, header: str, message: str, status: int, kind: type[ApiError]
):
    store.faults.add(Respond(status, retry_after=header), times=None)
    async with slept.client(store.server.url, retry=QUICK) as client:
        with pytest.raises(kind, match=f"wait {message}") as caught:
            await client.send(Call("GET", "thing", as_response))
    assert not slept.waits
    assert caught.value.attempts == 1
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 120


async def test_waiting_is_bounded_by_the_deadline(store: Store, slept: RecordedSleeps):
    store.faults.add(Respond(429, retry_after=4), times=None)
    for deadline, waits in ((9.0, [4, 4]), (8.0, [4, 4]), (7.9, [4]), (3.0, []), (None, [4] * 9)):
        slept.waits.clear()
        async with slept.client(store.server.url, retry=Retry(attempts=10, backoff=0, deadline=deadline)) as client:
            with pytest.raises(RateLimited):
                await client.send(Call("GET", "thing", as_response))
        assert slept.waits == waits


async def test_backoff_doubles_to_its_cap_with_full_jitter(store: Store, slept: RecordedSleeps):
    # The draw is a default of the decision's, and so bound once: this policy shows its bounds instead.
    store.faults.add(Respond(500), times=None)
    policy = Retry(attempts=8, backoff=1, backoff_max=10, deadline=None)
    async with slept.client(store.server.url, retry=policy) as client:
        for _ in range(3):
            with pytest.raises(ServerError):
                await client.send(Call("GET", "thing", as_response))
    for first in range(0, 21, 7):
        waits = slept.waits[first : first + 7]
        assert len(waits) == 7
        assert all(0 <= wait <= most for wait, most in zip(waits, (1, 2, 4, 8, 10, 10, 10), strict=True))
    assert len(set(slept.waits)) == len(slept.waits)

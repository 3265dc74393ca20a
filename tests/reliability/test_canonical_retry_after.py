"""The time to wait that Canonical's stores put into the body of a response is waited as that of a header."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from anyio import to_thread

from lading import RateLimited, Retry
from lading.testing import EmbeddedCharmhub, EmbeddedSnapStore, Respond

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio
BODIES = {
    "flat": {"status": 429, "code": "register_window", "retry_after": 7},
    "flat, with a hyphen": {"code": "register-window", "retry-after": 7},
    "of a list": {"error_list": [{"code": "register_window", "message": "wait", "retry_after": 7}]},
    "extra of a list": {"error-list": [{"code": "api-error", "message": "wait", "extra": {"retry-after": 7}}]},
    "extra": {"code": "TOO_MANY_REQUESTS", "message": "wait", "extra": {"retry_after": 7}},
}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(params=[EmbeddedCharmhub, EmbeddedSnapStore], ids=["charmhub", "snap-store"])
def store(request: pytest.FixtureRequest) -> Iterator[Any]:
    with request.param() as store:
        yield store
    assert store.errors == []


async def register(store: Any, seconds_of_header: int | None, body: object, **retry: Any) -> float:
    """Register a name, the first request of which is refused, and return the seconds that were waited."""
    refusal = Respond(429, json.dumps(body).encode(), JSON, retry_after=seconds_of_header)
    store.faults.add(refusal, method="POST")
    client = await to_thread.run_sync(partial(store.client, retry=Retry(attempts=2, backoff=0, **retry)))
    before = store.now
    async with client as opened:
        await opened.packages.register("hello")
    waited: float = (store.now - before).total_seconds()
    return waited


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_the_body_alone(store: Any, body: object):
    assert await register(store, None, body) == 7


async def test_the_header_is_stronger(store: Any):
    assert await register(store, 3, BODIES["flat"]) == 3


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_longer_than_the_limit(store: Any, body: object):
    """Nothing is waited, and the error says for how long the store wants that."""
    with pytest.raises(RateLimited) as caught:
        await register(store, None, body, retry_after_max=6)
    assert (caught.value.retry_after, caught.value.attempts) == (7, 1)
    assert await to_thread.run_sync(lambda: store.packages) == ()


async def test_the_window_of_the_snap_store():
    """Two names in a row: the store's own refusal, whose body alone has the time."""
    async with EmbeddedSnapStore(register_window=60) as store:
        client = await to_thread.run_sync(partial(store.client, retry=Retry(attempts=2, backoff=0)))
        before = store.now
        async with client as snaps:
            await snaps.packages.register("one")
            await snaps.packages.register("two")
        assert await to_thread.run_sync(lambda: store.packages) == ("one", "two")
        assert 60 <= (store.now - before).total_seconds() < 70

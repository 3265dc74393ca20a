"""What hooks are called with, and that what they raise aborts the call and leaves nothing open."""

from __future__ import annotations

from typing import Any

import pytest
from anyio import to_thread

from lading import (
    AttemptEvent,
    BytesBody,
    Call,
    CallEvent,
    LadingError,
    Limits,
    NetworkError,
    NotFound,
    Retry,
)
from lading.testing import DropBefore, Respond
from tests.support.large_store import LargeStore
from tests.support.open_files import assert_no_leaks, open_descriptors
from tests.support.transport_client import as_response, make_client

pytestmark = pytest.mark.anyio
QUICK = Retry(attempts=3, backoff=0)


class Stop(Exception):
    """Of the caller's own."""


def shown(events: list[Any]) -> list[tuple[Any, ...]]:
    return [
        (type(e).__name__, e.method, e.path, getattr(e, "status", None), e.error, getattr(e, "attempt", None) or e.attempts)
        for e in events
    ]  # fmt: skip


async def test_one_event_for_each_attempt_and_one_for_the_call(large_store: LargeStore):
    events: list[Any] = []
    large_store.faults.add(Respond(503, retry_after=0))
    large_store.faults.add(DropBefore())
    async with make_client(large_store.server.url, retry=QUICK, hooks=[events.append]) as client:
        await client.send(
            Call("PUT", "a/{id}", as_response, path_params={"id": "secret"}, params={"q": 1}, body=BytesBody(b"12345"))
        )
        assert shown(events) == [
            ("AttemptEvent", "PUT", "a/{id}", 503, "ServerError", 1),
            ("AttemptEvent", "PUT", "a/{id}", None, "NetworkError", 2),
            ("AttemptEvent", "PUT", "a/{id}", 200, None, 3),
            ("CallEvent", "PUT", "a/{id}", None, None, 3),
        ]
        assert [e.sent for e in events[:-1]] == [5, 5, 5]
        assert {e.host for e in events[:-1]} == {large_store.server.url.removeprefix("http://")}
        assert {e.service for e in events} == {"index"}
        assert all(e.seconds >= 0 for e in events)
        assert events[-1].seconds >= sum(e.seconds for e in events[:-1])
        for event in events:
            with pytest.raises(AttributeError):
                event.method = "other"


async def test_events_of_what_failed(large_store: LargeStore):
    events: list[Any] = []
    async with make_client(large_store.server.url, retry=QUICK, hooks=[events.append]) as client:
        large_store.faults.add(Respond(404))
        with pytest.raises(NotFound):
            await client.send(Call("GET", "thing", as_response))
        with pytest.raises(LadingError):
            await client.send(Call("GET", "thing", lambda response: response.json()["x"]))
    assert shown(events) == [
        ("AttemptEvent", "GET", "thing", 404, "NotFound", 1),
        ("CallEvent", "GET", "thing", None, "NotFound", 1),
        ("AttemptEvent", "GET", "thing", 200, "InvalidResponse", 1),
        ("CallEvent", "GET", "thing", None, "InvalidResponse", 1),
    ]


async def test_nothing_sent_is_reported_as_nothing(large_store: LargeStore):
    events: list[Any] = []
    await to_thread.run_sync(large_store.server.stop)
    async with make_client(large_store.server.url, hooks=[events.append]) as client:
        for options in ({"json": {"a": 1}}, {"body": BytesBody(b"12345")}, {"body": BytesBody(bytes(100_000))}):
            with pytest.raises(NetworkError):
                await client.send(Call("POST", "thing", as_response, **options))
    assert [e.sent for e in events if isinstance(e, AttemptEvent)] == [0, 0, 0]


async def test_several_hooks_in_their_order(large_store: LargeStore):
    order: list[str] = []
    hooks = [lambda _: order.append("a"), lambda _: order.append("b")]
    async with make_client(large_store.server.url, hooks=hooks) as client:
        await client.send(Call("HEAD", "thing", as_response))
    assert order == ["a", "b", "a", "b"]


@pytest.mark.parametrize("event", [AttemptEvent, CallEvent])
@pytest.mark.parametrize("way", ["send", "open", "failing"])
@pytest.mark.parametrize("kind", [Stop, NetworkError])
async def test_what_a_hook_raises_aborts_the_call_and_leaves_nothing(
    large_store: LargeStore, event: type[Any], way: str, kind: type[Exception]
):
    error = kind("enough")
    calls: list[Any] = []

    def hook(e: Any) -> None:
        calls.append(e)
        if isinstance(e, event):
            raise error

    async with make_client(
        large_store.server.url, retry=QUICK, limits=Limits(max_connections=1, max_requests=1)
    ) as client:
        before = await to_thread.run_sync(open_descriptors)
        hooked = client.with_options(hooks=[hook])
        if way == "failing":
            large_store.faults.add(Respond(503, retry_after=0), times=None)
        with pytest.raises(kind) as caught:
            if way == "open":
                async with hooked._sender.stream(Call("GET", "thing")):
                    pytest.fail("was opened")
            else:
                await hooked.send(Call("HEAD", "thing", as_response))
        assert caught.value is error
        assert len([e for e in calls if isinstance(e, AttemptEvent)]) == (
            3 if way == "failing" and event is CallEvent else 1
        )
        large_store.faults.clear()
        if way == "open":
            await assert_no_leaks(before)  # half a response: the connection cannot be reused
        # Neither the only slot nor the only connection was lost.
        assert (await client.send(Call("HEAD", "thing", as_response))).status == 200

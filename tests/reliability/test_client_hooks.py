"""What hooks are told, and that what they raise aborts the call and leaves nothing open."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import to_thread

from lading import (
    AttemptEvent,
    BytesBody,
    Call,
    CallEvent,
    ConnectError,
    LadingError,
    Limits,
    NotFound,
    Retry,
)
from lading.testing import Answer, DropBefore, Request, Response, Server
from tests.support.asking import client_of, reply

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = pytest.mark.anyio
QUICK = Retry(attempts=3, backoff=0)
SIZE = 16 * 1024 * 1024


def opened() -> set[str]:
    """What is open. Nothing is collected before: what only the collector would close was left open."""
    found = set()
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found.add(f"{fd} {os.readlink(f'/proc/self/fd/{fd}')}")
    return found


class Stop(Exception):
    """Of the caller's own."""


class Store:
    """Takes and gives large files.

    Attributes:
        whole: How many bodies came whole.
    """

    def __init__(self) -> None:
        self.whole = 0
        self.server = Server(self.answer)
        self.faults = self.server.faults

    async def answer(self, request: Request) -> Response:
        async for _ in request.body:
            pass
        self.whole += 1
        return Response(body=bytes(SIZE) if request.method == "GET" else b"")


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    with store.server:
        yield store


async def nothing_left(before: set[str]) -> None:
    """Return when what is open is what was open: the server, in this process too, may be slow to see an end."""
    with anyio.fail_after(20):
        while await to_thread.run_sync(opened) - before:
            await anyio.sleep(0.01)


def shown(events: list[Any]) -> list[tuple[Any, ...]]:
    return [
        (type(e).__name__, e.method, e.path, getattr(e, "status", None), e.error, getattr(e, "attempt", None) or e.attempts)
        for e in events
    ]  # fmt: skip


async def test_one_event_for_each_attempt_and_one_for_the_call(store: Store):
    events: list[Any] = []
    store.faults.add(Answer(503, retry_after=0))
    store.faults.add(DropBefore())
    async with client_of(store.server.url, retry=QUICK, hooks=[events.append]) as client:
        await client.send(Call("PUT", "a/{id}", reply, at={"id": "secret"}, params={"q": 1}, body=BytesBody(b"12345")))
        assert shown(events) == [
            ("AttemptEvent", "PUT", "a/{id}", 503, "ServerError", 1),
            ("AttemptEvent", "PUT", "a/{id}", None, "ConnectError", 2),
            ("AttemptEvent", "PUT", "a/{id}", 200, None, 3),
            ("CallEvent", "PUT", "a/{id}", None, None, 3),
        ]
        assert [e.sent for e in events[:-1]] == [5, 5, 5]
        assert {e.host for e in events[:-1]} == {store.server.url.removeprefix("http://")}
        assert {e.service for e in events} == {"index"}
        assert all(e.seconds >= 0 for e in events)
        assert events[-1].seconds >= sum(e.seconds for e in events[:-1])
        for event in events:
            with pytest.raises(AttributeError):
                event.method = "other"


async def test_events_of_what_failed(store: Store):
    events: list[Any] = []
    async with client_of(store.server.url, retry=QUICK, hooks=[events.append]) as client:
        store.faults.add(Answer(404))
        with pytest.raises(NotFound):
            await client.send(Call("GET", "thing", reply))
        with pytest.raises(LadingError):
            await client.send(Call("GET", "thing", lambda reply: reply.json()["x"]))
    assert shown(events) == [
        ("AttemptEvent", "GET", "thing", 404, "NotFound", 1),
        ("CallEvent", "GET", "thing", None, "NotFound", 1),
        ("AttemptEvent", "GET", "thing", 200, "BadAnswer", 1),
        ("CallEvent", "GET", "thing", None, "BadAnswer", 1),
    ]


async def test_nothing_sent_is_told_as_nothing(store: Store):
    events: list[Any] = []
    await to_thread.run_sync(store.server.stop)
    async with client_of(store.server.url, hooks=[events.append]) as client:
        for options in ({"json": {"a": 1}}, {"body": BytesBody(b"12345")}, {"body": BytesBody(bytes(100_000))}):
            with pytest.raises(ConnectError):
                await client.send(Call("POST", "thing", reply, **options))
    assert [e.sent for e in events if isinstance(e, AttemptEvent)] == [0, 0, 0]


async def test_several_hooks_in_their_order(store: Store):
    order: list[str] = []
    hooks = [lambda _: order.append("a"), lambda _: order.append("b")]
    async with client_of(store.server.url, hooks=hooks) as client:
        await client.send(Call("HEAD", "thing", reply))
    assert order == ["a", "b", "a", "b"]


@pytest.mark.parametrize("event", [AttemptEvent, CallEvent])
@pytest.mark.parametrize("way", ["send", "open", "failing"])
@pytest.mark.parametrize("kind", [Stop, ConnectError])
async def test_what_a_hook_raises_aborts_the_call_and_leaves_nothing(
    store: Store, event: type[Any], way: str, kind: type[Exception]
):
    error = kind("enough")
    calls: list[Any] = []

    def hook(e: Any) -> None:
        calls.append(e)
        if isinstance(e, event):
            raise error

    async with client_of(store.server.url, retry=QUICK, limits=Limits(connections=1, requests=1)) as client:
        before = await to_thread.run_sync(opened)
        hooked = client.with_options(hooks=[hook])
        if way == "failing":
            store.faults.add(Answer(503, retry_after=0), times=None)
        with pytest.raises(kind) as caught:
            if way == "open":
                async with hooked._sender.open(Call("GET", "thing", bytes)):
                    pytest.fail("was opened")
            else:
                await hooked.send(Call("HEAD", "thing", reply))
        assert caught.value is error
        assert len([e for e in calls if isinstance(e, AttemptEvent)]) == (
            3 if way == "failing" and event is CallEvent else 1
        )
        store.faults.clear()
        if way == "open":
            await nothing_left(before)  # half an answer: the connection is of no use
        # Neither the only slot nor the only connection was lost.
        assert (await client.send(Call("HEAD", "thing", reply))).status == 200

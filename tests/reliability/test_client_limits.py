"""How much is done at the same time: never more than was said, in order, and nothing waits without need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest

from lading import Body, BytesBody, Call, Limits, NotFound, Progress, RequestTimeout, Retry, StreamBody, Timeout
from lading._core.auth import Auth
from lading.testing import Respond, Server, ServerRequest, ServerResponse
from tests.support.transport_client import as_response, make_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lading import PyPI

pytestmark = pytest.mark.anyio


class Store(httpx.AsyncBaseTransport):
    """A store on the test's own loop, so that requests in flight can be counted. It responds when the test says so.

    Attributes:
        waiting: The paths that wait for a response, in order.
        most: The most that ever waited at once, and the most uploads among them.
    """

    def __init__(self) -> None:
        self.waiting: dict[str, anyio.Event] = {}
        self.seen: list[str] = []
        self.most = [0, 0]
        self.held = True

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        event = self.waiting[path] = anyio.Event()
        self.seen.append(path)
        uploads = [path for path in self.waiting if path.startswith("/upload")]
        self.most = [max(self.most[0], len(self.waiting)), max(self.most[1], len(uploads))]
        try:
            assert isinstance(request.stream, httpx.AsyncByteStream)
            async for _ in request.stream:
                pass
            if self.held:
                await event.wait()
            return httpx.Response(404 if "missing" in path else 200, content=b"response")
        finally:
            del self.waiting[path]

    def respond(self, *paths: str) -> None:
        for path in paths or list(self.waiting):
            self.waiting[path].set()


@pytest.fixture
def store() -> Store:
    return Store()


def client_at(store: Store, **options: Any) -> PyPI:
    return make_client("http://127.0.0.1:9", http_client=httpx.AsyncClient(transport=store), **options)


def get(name: object) -> Call[Any]:
    return Call("GET", f"get-{name}", as_response)


def put(name: object, body: Body | None = None) -> Call[Any]:
    async def source() -> AsyncIterator[bytes]:
        yield b"content"

    return Call("PUT", f"upload-{name}", as_response, body=body or StreamBody(source, 7))


async def rest() -> None:
    """Let everything that can run do so."""
    await anyio.wait_all_tasks_blocked()


async def test_requests_wait_their_turn_in_order(store: Store):
    async with client_at(store, limits=Limits(max_requests=3)) as client, anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(client.send, get(number))
            await rest()
        assert list(store.waiting) == ["/get-0", "/get-1", "/get-2"]
        store.respond("/get-1")
        await rest()
        assert list(store.waiting) == ["/get-0", "/get-2", "/get-3"]
        while store.waiting:
            store.respond(next(iter(store.waiting)))
            await rest()
    assert store.seen == [f"/get-{number}" for number in range(10)]
    assert store.most == [3, 0]


async def test_uploads_have_a_limit_of_their_own_and_do_not_hold_up_the_rest(store: Store):
    async with (
        client_at(store, limits=Limits(max_requests=5, max_uploads=2)) as client,
        anyio.create_task_group() as group,
    ):
        for number in range(8):
            group.start_soon(client.send, put(number))
        await rest()
        assert len(store.waiting) == 2
        for number in range(5):
            group.start_soon(client.send, get(number))
        await rest()
        assert len(store.waiting) == 5
        while store.waiting:
            store.respond()
            await rest()
    assert len(store.seen) == 13
    assert store.most == [5, 2]


async def test_uploads_are_requests_too(store: Store):
    async with (
        client_at(store, limits=Limits(max_requests=2, max_uploads=5)) as client,
        anyio.create_task_group() as group,
    ):
        for number in range(6):
            group.start_soon(client.send, put(number))
        await rest()
        while store.waiting:
            store.respond()
            await rest()
    assert store.most == [2, 2]


@pytest.mark.parametrize(
    ("body", "reported", "is_upload"),
    [(bytes(1000), False, False), (bytes(1000), True, True), (bytes(100_000), False, True), (None, False, True)],
)
async def test_what_counts_as_an_upload(store: Store, body: bytes | None, reported: bool, is_upload: bool):
    progress: list[Progress] = []
    async with client_at(store, limits=Limits(max_uploads=1)) as client, anyio.create_task_group() as group:
        group.start_soon(client.send, put("first"))
        await rest()
        call = put("second", None if body is None else BytesBody(body))
        if reported:
            call = Call("PUT", "upload-second", as_response, body=call.body, on_progress=progress.append)
        group.start_soon(client.send, call)
        await rest()
        assert ("/upload-second" in store.waiting) is not is_upload
        store.held = False
        store.respond()


async def test_nobody_waits_longer_for_a_turn_than_was_said(store: Store):
    timeout = Timeout(pool=0.02)
    limits = Limits(max_requests=2, max_uploads=1)
    async with client_at(store, limits=limits, timeout=timeout) as client, anyio.create_task_group() as group:
        group.start_soon(client.send, put("first"))
        await rest()
        for call in (put("late"), put("later")):  # waiting for the uploads' place
            with pytest.raises(RequestTimeout, match=r"Timeout\.pool") as caught:
                await client.send(call)
            assert (caught.value.phase, caught.value.outcome) == ("pool", "not_done")
        group.start_soon(client.send, get("second"))
        await rest()
        with pytest.raises(RequestTimeout):  # waiting for a request's
            await client.send(get("late"))
        store.held = False
        store.respond()
        await rest()
        for call in (put("again"), get("again")):  # and no place was lost
            await client.send(call)
    assert store.seen == ["/upload-first", "/get-second", "/upload-again", "/get-again"]


async def test_a_free_turn_is_taken_without_any_time_to_wait(store: Store):
    async with client_at(store, limits=Limits(max_requests=1, max_uploads=1), timeout=Timeout(pool=0)) as client:
        store.held = False
        for _ in range(3):
            await client.send(put("one"))
        store.held = True
        async with anyio.create_task_group() as group:
            group.start_soon(client.send, put("held"))
            await rest()
            with pytest.raises(RequestTimeout):
                await client.send(get("late"))
            store.respond()


async def test_an_open_response_has_released_its_slot(store: Store):
    store.held = False
    async with client_at(store, limits=Limits(max_requests=1)) as client:
        with anyio.fail_after(10):
            async with client._sender.stream(get("open")) as incoming:
                await client.send(get("meanwhile"))
                assert await incoming.read(100) == b"response"


class OneMore(Auth):
    """Sends one more call, which is not signed."""

    def flow(self, request: Any) -> Any:
        yield Call("GET", "get-mint", as_response, auth=None)
        yield request


async def test_calls_inside_a_call_use_its_turn(store: Store):
    store.held = False
    async with client_at(store, limits=Limits(max_requests=1, max_uploads=1)) as client:
        signed = client.with_options(auth=OneMore())
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                for number in range(5):
                    group.start_soon(signed.send, put(number))
    assert store.most == [1, 1]
    assert len(store.seen) == 10


async def test_turns_come_back_whatever_happens(store: Store):
    store.held = False
    hooks: list[Any] = [lambda _: 1 / 0]
    limits = Limits(max_requests=1, max_uploads=1)
    async with client_at(store, limits=limits, retry=Retry(attempts=1)) as client:
        for _ in range(5):
            with pytest.raises(NotFound):
                await client.send(put("missing"))
            with pytest.raises(ZeroDivisionError):
                await client.with_options(hooks=hooks).send(put("hooked"))
            with anyio.CancelScope() as scope:
                scope.cancel()
                await client.send(put("cancelled"))
        with anyio.fail_after(10):
            await client.send(put("last"))


async def test_a_server_never_sees_more_than_was_said():
    now, most = 0, 0

    async def respond(request: ServerRequest) -> ServerResponse:
        nonlocal now, most
        now += 1
        most = max(most, now)
        async for _ in request.body:
            pass
        await anyio.sleep(0.002)
        now -= 1
        return ServerResponse()

    async with Server(respond) as server:
        server.faults.add(Respond(503, retry_after=0), times=10)
        limits = Limits(max_connections=6, max_requests=4, max_uploads=2)
        client = make_client(server.url, limits=limits, retry=Retry(backoff=0))
        async with client, anyio.create_task_group() as group:
            for number in range(40):
                group.start_soon(client.send, (get if number % 2 else put)(number))
    assert most <= 4


class ManualClock:
    """A clock whose sleepers wait until the test wakes them.

    Attributes:
        sleepers: Who sleeps, by the seconds that were given.
    """

    def __init__(self) -> None:
        self.sleepers: list[tuple[float, anyio.Event]] = []

    def now(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        event = anyio.Event()
        self.sleepers.append((seconds, event))
        await event.wait()

    async def wait_for(self, count: int) -> None:
        while len(self.sleepers) < count:
            await anyio.sleep(0.001)


async def complete(client: PyPI, path: str, done: list[str]) -> None:
    await client.send(Call("GET", path, as_response))
    done.append(path)


async def test_who_waits_for_retry_after_gives_its_slot_to_others():
    clock = ManualClock()
    done: list[str] = []
    async with Server(lambda _: _respond()) as server:
        server.faults.add(Respond(429, retry_after=8), path="/slow*", times=3)
        limits = Limits(max_requests=1)
        async with make_client(server.url, limits=limits, clock=clock, retry=Retry(attempts=2, backoff=0)) as client:
            async with anyio.create_task_group() as group:
                for number in range(3):
                    group.start_soon(complete, client, f"slow{number}", done)
                await clock.wait_for(3)
                assert [seconds for seconds, _ in clock.sleepers] == [8, 8, 8]
                await complete(client, "other", done)  # another tenant's
                for _, event in clock.sleepers:
                    event.set()
            assert (done[0], sorted(done)) == ("other", ["other", "slow0", "slow1", "slow2"])
            await complete(client, "after", done)


async def test_cancelling_who_waits_between_attempts_loses_no_slot():
    clock = ManualClock()
    done: list[str] = []
    async with Server(lambda _: _respond()) as server:
        server.faults.add(Respond(429, retry_after=8), path="/slow", times=None)
        limits = Limits(max_requests=1, max_uploads=1)
        async with make_client(server.url, limits=limits, clock=clock, retry=Retry(attempts=2, backoff=0)) as client:
            for number in range(1, 4):
                async with anyio.create_task_group() as group:
                    group.start_soon(complete, client, "slow", done)
                    await clock.wait_for(number)
                    group.cancel_scope.cancel()
                with anyio.fail_after(5):
                    await complete(client, "other", done)
            # Two slots would let two requests run at once: the limit is what it was.
            assert client._connections.loop_state().acquire_nowait(upload=False)
            assert not client._connections.loop_state().acquire_nowait(upload=False)
            client._connections.loop_state().release(upload=False)
    assert done == ["other"] * 3


async def _respond() -> ServerResponse:
    return ServerResponse(200, {}, b"response")

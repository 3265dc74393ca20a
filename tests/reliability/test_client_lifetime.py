"""One client over its life: cheap to make, on one loop after another, on two at once, and closed."""

from __future__ import annotations

import gc
import threading
import weakref
from dataclasses import replace
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
from anyio import to_thread

import lading
from lading import Call, ConfigError, FileBody, InputError, LadingError, Limits, Retry, TokenAuth
from lading._core.auth import RefreshingAuth
from lading.testing import Server, ServerRequest, ServerResponse
from tests.conftest import BACKENDS
from tests.support.open_files import open_descriptors
from tests.support.raw_server import until
from tests.support.transport_client import as_response, make_client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from lading import PyPI
    from lading._core.call import CallSender

GET = Call("GET", "thing", as_response)


class Store:
    """Responds at once, or when it is released.

    Attributes:
        held: How many requests wait.
    """

    def __init__(self) -> None:
        self.held = 0
        self.go = threading.Event()
        self.server = Server(self.respond)

    async def respond(self, request: ServerRequest) -> ServerResponse:
        if request.path == "/held":
            self.held += 1
            while not self.go.is_set():
                await anyio.sleep(0.002)
        return ServerResponse(body=b"x" * 100)


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    with store.server:
        yield store


def run(work: Callable[[], Awaitable[Any]], backend: Any) -> Any:
    """On a loop of its own, from outside of any."""
    name, options = backend
    return anyio.run(work, backend=name, backend_options=options)


def sockets() -> set[str]:
    """What is open, but for the pipes that uvloop keeps for the process."""
    return {name for name in open_descriptors() if "socket" in name}


def test_making_one_opens_nothing():
    before, threads = open_descriptors(), threading.active_count()
    clients = [make_client("http://127.0.0.1:9") for _ in range(50)]
    assert open_descriptors() == before
    assert threading.active_count() == threads
    del clients  # and leaves nothing to close


@pytest.mark.parametrize("first", BACKENDS)
@pytest.mark.parametrize("second", BACKENDS)
def test_a_second_loop_starts_afresh(store: Store, first: Any, second: Any):
    client = make_client(store.server.url, limits=Limits(max_connections=1, max_requests=1))

    async def send() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(client.send, GET)

    before = sockets()
    run(send, first)
    run(send, second)
    run(client.aclose, second)
    end = monotonic() + 20
    while left := sockets() - before:  # the server, in this process too, sees it a moment later
        assert monotonic() < end, left
        sleep(0.005)


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_loops_in_two_threads_at_once(store: Store, backend: Any):
    client = make_client(store.server.url, limits=Limits(max_connections=3, max_requests=3))
    errors: list[BaseException] = []
    counts: list[int] = []
    barrier = threading.Barrier(2)

    def work() -> None:
        async def send() -> None:
            for _ in range(20):
                async with anyio.create_task_group() as group:
                    for _ in range(6):
                        group.start_soon(client.send, GET)
                counts.append(6)

        barrier.wait()
        try:
            run(send, backend)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert sum(counts) == 240
    run(client.aclose, backend)


@pytest.mark.anyio
async def test_used_after_its_end(store: Store, tmp_path: Path):
    client = make_client(store.server.url)
    await client.send(GET)
    await client.aclose()
    await client.aclose()
    uses: list[Callable[[], Awaitable[Any]]] = [
        lambda: client.send(GET),
        lambda: client._sender.send_once(GET, lambda *_: client.send(GET)),  # type: ignore[arg-type]
        lambda: client._sender.stream(GET).__aenter__(),
        client.__aenter__,
        lambda: client.with_options(retry=Retry()).send(GET),
    ]
    for use in uses:
        with pytest.raises(ConfigError, match="has been closed"):
            await use()


@pytest.mark.anyio
async def test_closing_ends_what_is_still_running(store: Store):
    client = make_client(store.server.url)
    failures: list[LadingError] = []

    async def send() -> None:
        try:
            await client.send(Call("GET", "held", as_response))
        except LadingError as error:
            failures.append(error)

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(send)
        await until(lambda: store.held == 3)
        await client.aclose()
    store.go.set()
    assert len(failures) == 3
    assert {type(error).__name__ for error in failures} == {"NetworkError"}


@pytest.mark.anyio
async def test_its_end_leaves_nothing_open(store: Store):
    before = await to_thread.run_sync(open_descriptors)
    async with make_client(store.server.url) as client, anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(client.send, GET)
    with anyio.fail_after(20):
        while await to_thread.run_sync(open_descriptors) - before:
            await anyio.sleep(0.01)


@pytest.mark.anyio
async def test_a_handed_in_client_stays_its_owners(store: Store):
    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"mock")

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        async with make_client(store.server.url, http_client=http) as client:
            assert (await client.send(GET)).body == b"mock"
        assert not http.is_closed
        with pytest.raises(ConfigError):
            await client.send(GET)
        assert (await http.get("http://anything.test/")).content == b"mock"


@pytest.mark.parametrize("http", [httpx.Client, object(), "client", httpx.AsyncClient])
def test_what_is_no_client_is_refused_at_once(http: Any):
    if http is httpx.Client:
        http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200)))
    with pytest.raises(ConfigError, match="http_client= takes"):
        make_client("http://127.0.0.1:9", http_client=http)


def test_settings_that_contradict_each_other():
    for options in ({"token": "a", "auth": lading.BasicAuth("a", "b")},):
        with pytest.raises(ConfigError):
            lading.PyPI(**options)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        lading.PyPI("nothing")


def test_a_printed_client_names_its_store(store: Store):
    client: PyPI = make_client(store.server.url)
    assert repr(client) == f"<PyPI {store.server.url}/>"


async def renew(sender: CallSender, _: TokenAuth | None) -> TokenAuth:
    await sender.send(Call("POST", "mint", as_response, auth=None))
    return TokenAuth("minted")


async def use(client: PyPI, how: str, path: Path) -> None:
    """Send a request in one of the ways that keep something for each loop."""
    if how == "file":
        await client.send(Call("PUT", "thing", as_response, body=await FileBody.from_path(path)))
    elif how == "renewed credentials":
        await client.send(replace(GET, auth=AUTH))
    elif how == "stream":
        async with client._sender.stream(GET) as response:
            assert len(await response.read(1000)) == 100
    elif how == "fan-out":
        async with lading.fan_out(client.send, [GET] * 5, limit=2) as results:
            async for result in results:
                assert result.ok
    elif how == "copy":
        await client.with_options(retry=2, timeout=5).send(GET)
    else:
        await client.send(GET)


AUTH = RefreshingAuth(renew, lambda auth: auth)
USES = ["request", "file", "renewed credentials", "stream", "fan-out", "copy"]


@pytest.mark.parametrize("how", USES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_many_loops_in_turn_are_not_kept_alive(store: Store, backend: Any, how: str, tmp_path: Path):
    """A job that calls ``asyncio.run`` for every request with one client."""
    path = tmp_path / "content.bin"
    path.write_bytes(bytes(200_000))
    client = make_client(store.server.url)
    loops: list[weakref.ref[Any]] = []
    before = sockets()

    async def once() -> None:
        loops.append(weakref.ref(anyio.lowlevel.current_token().native_token))
        await use(client, how, path)

    for _ in range(50):
        run(once, backend)
    assert len(loops) == 50
    end = monotonic() + 20
    while [loop for loop in loops if loop() is not None]:  # a worker thread that ends may have the last one still
        assert monotonic() < end
        sleep(0.005)
        gc.collect()
    while left := sockets() - before:  # their connections went with them
        assert monotonic() < end, left
        sleep(0.005)
    run(client.aclose, backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_idle_connections_are_closed_from_another_thread_while_others_are_used(store: Store, backend: Any):
    client = make_client(store.server.url, limits=Limits(max_connections=4, max_requests=4))
    pools: list[Any] = []
    ended = threading.Event()
    errors: list[BaseException] = []

    def close() -> None:
        try:
            while not ended.is_set():
                for pool in pools:
                    pool.close_idle()
        except BaseException as error:
            errors.append(error)

    async def work() -> None:
        backend_of_loop: Any = client._connections.loop_state().backend
        pool = backend_of_loop._transport.pool
        pools.append(pool)
        for _ in range(150):
            async with anyio.create_task_group() as group:
                for _ in range(8):
                    group.start_soon(client.send, GET)
        await client.aclose()
        assert (pool.total, pool.idle, len(pool._busy)) == (0, 0, 0)

    thread = threading.Thread(target=close)
    thread.start()
    try:
        run(work, backend)
    finally:
        ended.set()
        thread.join()
    assert not errors


@pytest.mark.parametrize("backend", BACKENDS)
def test_loops_in_eight_threads_at_once(store: Store, backend: Any):
    """Loops come and go in eight threads while others work: 12,000 calls, and no error."""
    client = make_client(store.server.url, limits=Limits(max_connections=4, max_requests=4))
    errors: list[BaseException] = []
    counts: list[int] = []
    barrier = threading.Barrier(8)

    async def many() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(client.send, GET)
        counts.append(20)

    def work() -> None:
        barrier.wait()
        try:
            for _ in range(25 if backend[0] == "trio" else 75):
                run(many, backend)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert sum(counts) == (4_000 if backend[0] == "trio" else 12_000)
    run(client.aclose, backend)


def test_closing_while_another_threads_loop_works(store: Store):
    """The other loop's calls end, and its connections are closed when they are done with."""
    client = make_client(store.server.url)
    before = sockets()
    closed = threading.Event()
    errors: list[BaseException] = []

    async def other() -> None:
        try:
            await client.send(GET)  # leaves an idle connection
            async with anyio.create_task_group() as group:
                group.start_soon(client.send, Call("GET", "held", as_response))
                while not store.held:
                    await anyio.sleep(0.002)
                group.start_soon(anyio.to_thread.run_sync, anyio.run, client.aclose)
                await anyio.to_thread.run_sync(closed.wait, 0.2)
                store.go.set()
            with pytest.raises(ConfigError, match="has been closed"):
                await client.send(GET)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=anyio.run, args=[other])
    thread.start()
    thread.join(30)
    assert not errors
    end = monotonic() + 20
    while left := sockets() - before:
        assert monotonic() < end, left
        sleep(0.005)

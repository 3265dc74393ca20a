"""Cancelled at any point, a call leaves no file, socket, thread or temporary file, and no slot or connection taken."""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import to_thread

from lading import Call, FileBody, FilePart, Limits, MemoryCredentials, Multipart, Retry, TokenAuth
from lading._core import download as downloading
from lading._core import files
from lading._core.auth import Auth
from lading._core.download import Promise, download
from lading._core.files import FileReader, hash_file
from lading.testing import Answer, Request, Response, Server
from tests.conftest import BACKENDS, open_files
from tests.support.asking import client_of, reply
from tests.support.scripted import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from lading import PyPI

pytestmark = pytest.mark.anyio
SIZE = 16 * 1024 * 1024
ONE = Limits(connections=1, requests=1, uploads=1)
on_asyncio = pytest.mark.parametrize("anyio_backend", [p for p in BACKENDS if p.id != "trio"])


class Store:
    """A store that stops in the middle of things.

    Attributes:
        reached: Set when a request is where the test wants it.
        at: Where that is: in a request's body, before the answer, or in its body.
        over: Whether it may go on, to notice that nobody is there any more.
    """

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.at = ""
        self.over = False
        self.server = Server(self.answer)

    async def answer(self, request: Request) -> Response:
        async for _ in request.body:
            if self.at == "body":
                await self.stop()
        if self.at == "answer":
            await self.stop()
        if self.at == "answer's body":
            return Response(200, {"Content-Length": str(SIZE), "ETag": '"one"'}, self.half())
        return Response()

    async def half(self) -> AsyncIterator[bytes]:
        yield bytes(SIZE // 2)
        await self.stop()
        yield bytes(SIZE // 2)

    async def stop(self) -> None:
        self.reached.set()
        while not self.over:
            await anyio.sleep(0.005)


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    with store.server:
        yield store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "content"
    with path.open("wb") as file:
        file.truncate(SIZE)
    return path


def left_open() -> set[str]:
    return {name for name in open_files() if "eventpoll" not in name and "eventfd" not in name}


@asynccontextmanager
async def nothing_left(folder: Path, client: PyPI, store: Store) -> AsyncIterator[None]:
    """What happens inside leaves nothing: looked at as soon as it is over, and again when the server has noticed."""
    at, store.at = store.at, ""
    await ask(client, folder)  # a connection that is kept alive is not left over
    store.at = at
    store.reached.clear()
    before = await to_thread.run_sync(left_open)
    names = await to_thread.run_sync(lambda: sorted(os.listdir(folder)))
    yield
    store.over = True
    assert await to_thread.run_sync(lambda: sorted(os.listdir(folder))) == names
    opened = await to_thread.run_sync(left_open) - before
    assert not [name for name in opened if "socket" not in name]
    with anyio.fail_after(20):
        while await to_thread.run_sync(left_open) - before:
            await anyio.sleep(0.01)
    store.at = ""
    # The only slot, the only place among uploads and the only connection are free.
    with anyio.fail_after(20):
        body = Multipart([FilePart("content", await FileBody.of(folder / "content"), "content")])
        assert (await client.send(Call("POST", "after", reply, body=body))).status == 200


async def upload(client: PyPI, path: Path) -> None:
    body = Multipart([("a", "b"), FilePart("content", await FileBody.of(path), "content")])
    await client.send(Call("POST", "thing", reply, body=body))


async def fetch(client: PyPI, path: Path) -> None:
    await download(client._sender, Call("GET", "thing", bytes), path.with_name("target"), promise=Promise())


async def ask(client: PyPI, path: Path) -> None:
    await client.send(Call("GET", "thing", reply))


async def cancelled(work: Callable[[], Awaitable[None]], reached: Callable[[], object]) -> None:
    """Cancel *work* with a scope, once it is where it should be."""
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            await until(reached)
            scope.cancel()


async def cancelled_by_asyncio(work: Callable[[], Any], reached: Callable[[], object]) -> None:
    """Cancel *work* as ``asyncio.timeout`` and ``asyncio.TaskGroup`` do."""
    task = asyncio.create_task(work())
    await until(reached)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


POINTS = [("body", upload), ("answer", upload), ("answer", ask), ("answer's body", ask), ("answer's body", fetch)]
points = pytest.mark.parametrize(("at", "work"), POINTS, ids=lambda v: getattr(v, "__name__", v))


@points
async def test_on_the_wire(store: Store, path: Path, at: str, work: Any):
    async with client_of(store.server.url, limits=ONE) as client:
        store.at = at
        async with nothing_left(path.parent, client, store):
            await cancelled(lambda: work(client, path), store.reached.is_set)


@on_asyncio
@points
async def test_on_the_wire_by_asyncio(store: Store, path: Path, at: str, work: Any):
    async with client_of(store.server.url, limits=ONE) as client:
        store.at = at
        async with nothing_left(path.parent, client, store):
            await cancelled_by_asyncio(lambda: work(client, path), store.reached.is_set)


@pytest.mark.parametrize("work", [upload, ask, fetch])
async def test_between_attempts(store: Store, path: Path, work: Any):
    async with client_of(store.server.url, limits=ONE, retry=Retry()) as client:
        async with nothing_left(path.parent, client, store):
            store.server.faults.add(Answer(503, retry_after=100))
            await cancelled(lambda: work(client, path), lambda: store.server.faults.happened)


@pytest.mark.parametrize("work", [upload, ask, fetch])
async def test_while_waiting_for_a_slot(store: Store, path: Path, work: Any):
    async with client_of(store.server.url, limits=ONE) as client, nothing_left(path.parent, client, store):
        store.at = "answer"
        async with anyio.create_task_group() as group:
            group.start_soon(upload, client, path)
            await until(store.reached.is_set)

            async def late() -> None:
                with anyio.CancelScope() as scope:
                    async with anyio.create_task_group() as inner:
                        inner.start_soon(work, client, path)
                        await anyio.wait_all_tasks_blocked()
                        scope.cancel()

            await late()
            group.cancel_scope.cancel()


@pytest.mark.parametrize("work", [upload, ask, fetch])
async def test_while_credentials_are_looked_for(store: Store, path: Path, work: Any):
    looking: list[bool] = []

    class Slow(Auth):
        async def prepare(self, sender) -> None:
            looking.append(True)
            await anyio.sleep_forever()

    async with client_of(store.server.url, limits=ONE) as client, nothing_left(path.parent, client, store):
        await cancelled(lambda: work(client.with_options(auth=Slow()), path), lambda: looking)


async def test_in_an_auth_flows_own_call(store: Store, path: Path):
    class Minting(Auth):
        def flow(self, request: Any) -> Any:
            yield Call("GET", "mint", reply, auth=False)
            yield request

    async with client_of(store.server.url, limits=ONE) as client:
        store.at = "answer"
        async with nothing_left(path.parent, client, store):
            await cancelled(lambda: upload(client.with_options(auth=Minting()), path), store.reached.is_set)


async def test_an_auth_flow_that_fails_leaves_nothing(store: Store, path: Path):
    class Failing(Auth):
        def flow(self, request: Any) -> Any:
            yield request
            raise ZeroDivisionError

    async with client_of(store.server.url, limits=ONE) as client:
        store.at = "answer's body"
        async with nothing_left(path.parent, client, store):
            with pytest.raises(ZeroDivisionError):
                await ask(client.with_options(auth=Failing()), path)


class Gate:
    """Stands in a thread's way.

    Attributes:
        inside: Set when a thread has come to it.
        through: How many have passed it.
    """

    def __init__(self) -> None:
        self.inside = threading.Event()
        self.open = threading.Event()
        self.through = 0

    def pass_through(self) -> None:
        self.inside.set()
        self.open.wait(30)
        self.through += 1


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


async def in_a_thread(gate: Gate, work: Callable[[], Any], how: Any) -> None:
    """Cancel *work* while its thread stands at the gate, and let the thread on when that was noticed."""

    def reached() -> bool:
        if gate.inside.is_set():
            threading.Timer(0.02, gate.open.set).start()
        return gate.inside.is_set()

    await how(work, reached)
    assert gate.through == 1  # it was waited for


HOWS = [
    pytest.param(backend.values[0], how, id=f"{backend.id}-{how.__name__}")
    for backend in BACKENDS
    for how in (cancelled, cancelled_by_asyncio)
    if backend.id != "trio" or how is cancelled
]
both_ways = pytest.mark.parametrize(("anyio_backend", "how"), HOWS)


@both_ways
async def test_a_read_under_way_is_waited_for(
    store: Store, path: Path, gate: Gate, how: Any, monkeypatch: pytest.MonkeyPatch
):
    """Its buffer goes back to be used by other uploads: nobody may be writing into it then."""
    read = FileReader._read

    def slow(self: FileReader, buffer: memoryview, offset: int) -> int:
        gate.pass_through()
        return read(self, buffer, offset)

    monkeypatch.setattr(files, "_NOWAIT", 0)
    monkeypatch.setattr(FileReader, "_read", slow)
    async with client_of(store.server.url, limits=ONE) as client, nothing_left(path.parent, client, store):
        await in_a_thread(gate, lambda: upload(client, path), how)
        monkeypatch.undo()


@both_ways
@pytest.mark.parametrize("step", ["opened", "written", "renamed"])
async def test_a_download_at_the_disk_is_waited_for(
    store: Store, path: Path, gate: Gate, how: Any, step: str, monkeypatch: pytest.MonkeyPatch
):
    if step == "opened":
        original = os.open

        def slow(name: Any, *args: Any, **more: Any) -> Any:
            if str(name).endswith(".part"):
                gate.pass_through()
            return original(name, *args, **more)

        monkeypatch.setattr(os, "open", slow)
    else:
        kind = {"written": "_write", "renamed": "_keep"}[step]
        method = getattr(downloading._Download, kind)

        def slow_method(self: Any, *args: Any) -> None:
            gate.pass_through()
            method(self, *args)

        monkeypatch.setattr(downloading._Download, kind, slow_method)
        if step == "written":
            monkeypatch.setattr(downloading, "_BATCH", 1024 * 1024)
            store.at = "answer's body"
    async with client_of(store.server.url, limits=ONE) as client:
        before = await to_thread.run_sync(left_open)
        await in_a_thread(gate, lambda: fetch(client, path), how)
        names = await to_thread.run_sync(lambda: sorted(os.listdir(path.parent)))
        assert names == (["content", "target"] if step == "renamed" else ["content"])
        opened = await to_thread.run_sync(left_open) - before
        assert not [name for name in opened if "socket" not in name]


@both_ways
async def test_hashing_ends_soon(path: Path, how: Any):
    """Not at the end of the file, which may be minutes away."""
    rounds: list[int] = []

    class Counting:
        def update(self, data: object) -> None:
            rounds.append(1)
            with path.open("ab") as file:  # so that it never ends by itself
                file.write(bytes(4096))

    await how(lambda: hash_file(path, {"x": Counting}), lambda: rounds)
    count = len(rounds)
    await to_thread.run_sync(threading.Event().wait, 0.05)
    assert len(rounds) == count


async def test_hundreds_of_cancelled_calls_take_nothing_with_them(store: Store, path: Path):
    auth = TokenAuth(MemoryCredentials("token-token"))
    limits = Limits(connections=4, requests=4, uploads=2)
    async with client_of(store.server.url, limits=limits, auth=auth) as client:
        store.at = "answer"
        before = await to_thread.run_sync(left_open)
        for _ in range(10):
            async with anyio.create_task_group() as group:
                for number in range(30):
                    group.start_soon((upload, ask, fetch)[number % 3], client, path)
                for _ in range(5):
                    await anyio.sleep(0)
                group.cancel_scope.cancel()
        store.at, store.over = "", True
        with anyio.fail_after(20):
            while await to_thread.run_sync(left_open) - before:
                await anyio.sleep(0.01)
        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                for _ in range(12):
                    group.start_soon(upload, client, path)
    assert await to_thread.run_sync(lambda: sorted(os.listdir(path.parent))) == ["content"]

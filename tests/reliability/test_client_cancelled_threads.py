"""Cancelled while a thread works for it, a call waits for the thread; by a scope of anyio's, or as asyncio does it."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from anyio import to_thread

from lading import BytesBody, Call, FileBody
from lading._core import body as bodies
from lading._core import download as downloading
from lading._core import files
from lading._core.download import Expected, download
from lading._core.files import FileReader, hash_file
from lading.testing import Server, ServerRequest, ServerResponse
from tests.conftest import BACKENDS
from tests.support.cancelling import cancelled, cancelled_by_asyncio
from tests.support.open_files import open_descriptors
from tests.support.sparse_files import sparse
from tests.support.transport_client import as_response, make_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.anyio
SIZE = 4 * 1024 * 1024


@pytest.fixture
def url() -> Iterator[str]:
    """A store that takes and gives files."""

    async def respond(request: ServerRequest) -> ServerResponse:
        async for _ in request.body:
            pass
        return ServerResponse(body=bytes(SIZE) if request.method == "GET" else b"")

    with Server(respond) as server:
        yield server.url


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return sparse(tmp_path / "content", SIZE)


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


async def left_open(path: Path) -> list[str]:
    """Files of the test's directory that are open."""
    return [name for name in await to_thread.run_sync(open_descriptors) if str(path.parent) in name]


@both_ways
async def test_a_read_under_way_is_waited_for(
    url: str, path: Path, gate: Gate, how: Any, monkeypatch: pytest.MonkeyPatch
):
    """Its buffer goes back to be used by other uploads: nobody may be writing into it then."""
    read = FileReader._read
    returned: list[int] = []

    def slow(self: FileReader, buffer: memoryview, offset: int) -> int:
        gate.pass_through()
        returned.append(len(bodies._free))
        return read(self, buffer, offset)

    monkeypatch.setattr(files, "_NOWAIT", 0)
    monkeypatch.setattr(FileReader, "_read", slow)
    monkeypatch.setattr(bodies, "_free", [])
    async with make_client(url) as client:
        body = await FileBody.from_path(path)
        await in_a_thread(gate, lambda: client.send(Call("PUT", "thing", as_response, body=body)), how)
        assert returned == [0]
        assert len(bodies._free) == 1
        assert not await left_open(path)
        assert (await client.send(Call("PUT", "thing", as_response, body=BytesBody(bytes(SIZE))))).status == 200


@both_ways
@pytest.mark.parametrize("step", ["opened", "written", "renamed"])
async def test_a_download_at_the_disk_is_waited_for(
    url: str, path: Path, gate: Gate, how: Any, step: str, monkeypatch: pytest.MonkeyPatch
):
    system_open = os.open

    def slow_open(name: Any, *args: Any, **more: Any) -> Any:
        if str(name).endswith(".part"):
            gate.pass_through()
        return system_open(name, *args, **more)

    if step == "opened":
        monkeypatch.setattr(os, "open", slow_open)
    else:
        method = {"written": "_write", "renamed": "_keep"}[step]
        original = getattr(downloading._Download, method)

        def slow(self: Any, *args: Any) -> None:
            gate.pass_through()
            original(self, *args)

        monkeypatch.setattr(downloading._Download, method, slow)
    async with make_client(url) as client:
        target, call = path.with_name("target"), Call("GET", "thing")
        await in_a_thread(gate, lambda: download(client._sender, call, target, promise=Expected()), how)
        names = await to_thread.run_sync(lambda: sorted(os.listdir(path.parent)))
        assert names == (["content", "target"] if step == "renamed" else ["content"])
        assert not await left_open(path)


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

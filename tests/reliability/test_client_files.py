"""A file that changes after it was looked at: an error, and never a mixture in the store."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from anyio import to_thread

from lading import Call, FileBody, FilePart, InputError, Limits, Multipart, NetworkError, Retry
from lading.testing import Respond, Server, ServerRequest, ServerResponse
from tests.support.open_files import open_descriptors
from tests.support.recorded_sleeps import with_time
from tests.support.sparse_files import SIZE
from tests.support.transport_client import make_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lading import Body

pytestmark = pytest.mark.anyio
MIB = 1024 * 1024


class Store:
    """A store that meddles with the file while it is read.

    Attributes:
        meddle: Done once, when a MiB of a body has come.
        sizes: The bodies that came whole.
        begun: How many were begun.
    """

    def __init__(self) -> None:
        self.meddle: Callable[[], object] | None = None
        self.sizes: list[int] = []
        self.begun = 0
        self.server = Server(self.respond)

    async def respond(self, request: ServerRequest) -> ServerResponse:
        self.begun += 1
        size = 0
        async for piece in request.body:
            size += len(piece)
            if size > MIB and self.meddle is not None:
                meddle, self.meddle = self.meddle, None
                await request.in_thread(meddle)
        self.sizes.append(size)
        return ServerResponse()


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    with store.server:
        yield store


def shrink(path: Path) -> None:
    os.truncate(path, MIB)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"other")


def replace(path: Path) -> None:
    beside = path.with_name("beside")
    with beside.open("wb") as file:
        file.truncate(SIZE)
    beside.replace(path)


def vanish(path: Path) -> None:
    path.unlink()


async def body_of(kind: str, path: Path) -> Body:
    file = await FileBody.from_path(path)
    return file if kind == "file" else Multipart([("field", "x"), FilePart("content", file, "content")])


def put(body: Body) -> Call[int]:
    return Call("PUT", "thing", lambda response: response.status, body=body)


kinds = pytest.mark.parametrize("kind", ["file", "form"])


@kinds
@pytest.mark.parametrize("change", [shrink, empty, grow, rewrite, replace, vanish])
async def test_before_it_is_sent(store: Store, large_file: Path, kind: str, change: Callable[[Path], None]):
    body = await body_of(kind, large_file)
    await to_thread.run_sync(change, large_file)
    async with make_client(store.server.url, retry=Retry(attempts=3, backoff=0)) as client:
        with pytest.raises(InputError, match="changed while it was being read") as caught:
            await client.send(put(body))
    assert (caught.value.argument, caught.value.outcome) == ("path", "not_done")
    assert not store.sizes
    assert store.begun <= 1


@kinds
@pytest.mark.parametrize("change", [shrink, empty, grow, rewrite])
async def test_while_it_is_sent(store: Store, large_file: Path, kind: str, change: Callable[[Path], None]):
    body = await body_of(kind, large_file)
    store.meddle = lambda: change(large_file)
    before = await to_thread.run_sync(open_descriptors)
    async with make_client(
        store.server.url, retry=Retry(attempts=3, backoff=0), limits=Limits(max_connections=1)
    ) as client:
        with pytest.raises(InputError, match="changed while it was being read") as caught:
            await client.send(put(body))
        assert caught.value.argument == "path"
        assert not [name for name in await to_thread.run_sync(open_descriptors) - before if "content" in name]
        assert not store.sizes
        # The connection is of no use after half a body; the next call has another.
        fresh = await body_of(kind, large_file)
        await client.send(put(fresh))
    assert store.sizes == [fresh.length]
    assert store.begun == 2


@kinds
@pytest.mark.parametrize("change", [replace, vanish])
async def test_another_file_in_its_place_while_it_is_sent_is_not_read(
    store: Store, large_file: Path, kind: str, change: Callable[[Path], None]
):
    """The file that was looked at is still open, and is what arrives. (Windows would not let it go.)"""
    body = await body_of(kind, large_file)
    store.meddle = lambda: change(large_file)
    async with make_client(store.server.url) as client:
        await client.send(put(body))
    assert store.sizes == [body.length]


@pytest.mark.parametrize("change", [shrink, replace, vanish])
async def test_between_two_attempts(store: Store, large_file: Path, change: Callable[[Path], None]):
    async def sleep(_: float) -> None:
        await to_thread.run_sync(change, large_file)

    events: list[Any] = []
    body = await body_of("file", large_file)
    store.server.faults.add(Respond(503, retry_after=0))
    client = make_client(store.server.url, retry=Retry(attempts=3), hooks=[events.append])
    async with with_time(client, sleep=sleep):
        with pytest.raises(InputError):
            await client.send(put(body))
    assert [event.error for event in events] == ["ServerError", "InputError", "InputError"]
    assert not store.sizes


async def test_nothing_is_opened_for_a_body_that_is_refused_unread(store: Store, large_file: Path):
    """Waiting for a slot, bodies hold no files."""
    before = await to_thread.run_sync(open_descriptors)
    bodies = [await body_of("form", large_file) for _ in range(5)]
    readers = [body.open() for body in bodies]
    assert not [name for name in await to_thread.run_sync(open_descriptors) - before if "content" in name]
    for reader in readers:
        await reader.aclose()


async def test_what_the_system_says_of_the_callers_path_is_raised_as_it_is(tmp_path: Path):
    for look in (tmp_path / "missing", tmp_path):
        with pytest.raises(OSError):
            await FileBody.from_path(look)


async def test_it_is_let_go_when_the_server_is_gone(store: Store, large_file: Path):
    before = await to_thread.run_sync(open_descriptors)
    body = await body_of("form", large_file)
    server = store.server
    async with make_client(server.url) as client:
        await to_thread.run_sync(server.stop)
        with pytest.raises(NetworkError):
            await client.send(put(body))
    assert not [name for name in await to_thread.run_sync(open_descriptors) - before if "content" in name]

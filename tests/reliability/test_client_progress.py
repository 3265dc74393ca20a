"""What progress callbacks are told, and that what they raise aborts the call and leaves nothing open."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio import to_thread

from lading import (
    BytesBody,
    Call,
    ConnectError,
    FileBody,
    Limits,
    Progress,
    Retry,
    StreamBody,
)
from lading._core import progress
from lading._core.download import Promise, download
from lading.testing import Answer, DropDuring, Request, Response, Server
from tests.support.asking import client_of, reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from lading import PyPI

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


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "content"
    with path.open("wb") as file:
        file.truncate(SIZE)
    return path


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that progress goes by: a hundredth of a second passes whenever somebody looks."""
    now = [100.0]

    def tick() -> float:
        now[0] += 0.01
        return now[0]

    monkeypatch.setattr(progress, "monotonic", tick)
    return now


def put(path: Path, body: FileBody, told: Callable[[Progress], None]) -> Call[int]:
    return Call("PUT", "thing", lambda reply: reply.status, body=body, on_progress=told)


async def fetch(client: PyPI, path: Path, told: Callable[[Progress], None]) -> None:
    await download(client._sender, Call("GET", "thing", bytes), path, promise=Promise(SIZE), on_progress=told)


@pytest.mark.parametrize("way", ["up", "down"])
async def test_progress_is_told_now_and_then_and_the_end_once(store: Store, path: Path, clock: list[float], way: str):
    told: list[tuple[float, Progress]] = []

    def note(p: Progress) -> None:
        told.append((clock[0], p))

    async with client_of(store.server.url) as client:
        if way == "up":
            await client.send(put(path, await FileBody.of(path), note))
        else:
            await fetch(client, path, note)
    at, values = zip(*told, strict=True)
    assert len(told) > 1
    assert all(later - earlier >= 0.0499 for earlier, later in zip(at[:-1], at[1:-1], strict=False))
    assert [p.sent for p in values] == sorted({p.sent for p in values})
    assert {(p.total, p.attempt, p.region) for p in values} == {(SIZE, 1, None)}
    assert values[-1].sent == SIZE


async def test_a_count_starts_again_with_each_attempt(store: Store, path: Path, clock: list[float]):
    told: list[Progress] = []
    # Early: what is left then is more than the sockets between hold, so the first attempt cannot be handed over whole.
    store.faults.add(DropDuring(1024))
    store.faults.add(Answer(503, retry_after=0))
    async with client_of(store.server.url, retry=QUICK) as client:
        await client.send(put(path, await FileBody.of(path), told.append))
    for attempt in (1, 2, 3):
        sent = [p.sent for p in told if p.attempt == attempt]
        assert sent[0] == 0
        assert sent == sorted(set(sent))
        # The second is refused when its last byte has been read. A refusal ends the sending when it is seen, which may
        # be before the last word is said; only a success has one for certain.
        assert attempt == 2 or (sent[-1] == SIZE) is (attempt == 3)
    assert [p.attempt for p in told] == sorted(p.attempt for p in told)


async def test_bodies_of_unknown_length_and_of_none(store: Store, clock: list[float]):
    async def source() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield bytes(1000)

    for body, end in (
        (StreamBody(source), Progress(10_000, None)),
        (BytesBody(b""), Progress(0, 0)),
        (BytesBody(b"small"), Progress(5, 5)),
    ):
        told: list[Progress] = []
        async with client_of(store.server.url) as client:
            await client.send(Call("PUT", "thing", reply, body=body, on_progress=told.append))
        assert told[-1] == end
        assert end.total is None or told.count(end) == 1


async def nothing_left(before: set[str]) -> None:
    """Return when what is open is what was open: the server, in this process too, may be slow to see an end."""
    with anyio.fail_after(20):
        while await to_thread.run_sync(opened) - before:
            await anyio.sleep(0.01)


@pytest.mark.parametrize("when", ["start", "middle", "end"])
@pytest.mark.parametrize("way", ["up", "down"])
@pytest.mark.parametrize("kind", [Stop, ConnectError])
async def test_what_a_callback_raises_aborts_the_call_as_it_is(
    store: Store, path: Path, clock: list[float], when: str, way: str, kind: type[Exception]
):
    error = kind("enough")
    told: list[Progress] = []

    def raising(p: Progress) -> None:
        told.append(p)
        if when == "start" or (when == "middle" and p.sent > SIZE // 3) or p.sent == SIZE:
            raise error

    async with client_of(store.server.url, retry=QUICK, limits=Limits(connections=1)) as client:
        before = await to_thread.run_sync(opened)
        with pytest.raises(kind) as caught:
            if way == "up":
                await client.send(put(path, await FileBody.of(path), raising))
            else:
                await fetch(client, path.with_name("target"), raising)
        assert caught.value is error
        assert len([p for p in told if p.sent in (0, SIZE)]) <= 2
        assert {p.attempt for p in told} == {1}
        if (way, when) != ("down", "end"):  # then the answer was whole, and the connection is good
            await nothing_left(before)
        assert await to_thread.run_sync(lambda: [p.name for p in path.parent.iterdir()]) == ["content"]
        assert (await client.send(Call("HEAD", "thing", reply))).status == 200

"""What progress callbacks are called with, and that what they raise aborts the call and leaves nothing open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from anyio import to_thread

from lading import (
    BytesBody,
    Call,
    FileBody,
    Limits,
    NetworkError,
    Progress,
    Retry,
    StreamBody,
)
from lading._core import progress
from lading._core.download import Expected, download
from lading.testing import DropDuring, Respond
from tests.support.large_store import LargeStore
from tests.support.open_files import assert_no_leaks, open_descriptors
from tests.support.sparse_files import SIZE
from tests.support.transport_client import as_response, make_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from lading import PyPI

pytestmark = pytest.mark.anyio
QUICK = Retry(attempts=3, backoff=0)


class Stop(Exception):
    """Of the caller's own."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that progress goes by: a hundredth of a second passes whenever somebody looks."""
    now = [100.0]

    def tick() -> float:
        now[0] += 0.01
        return now[0]

    monkeypatch.setattr(progress, "monotonic", tick)
    return now


def put(path: Path, body: FileBody, report: Callable[[Progress], None]) -> Call[int]:
    return Call("PUT", "thing", lambda response: response.status, body=body, on_progress=report)


async def fetch(client: PyPI, path: Path, report: Callable[[Progress], None]) -> None:
    await download(client._sender, Call("GET", "thing"), path, promise=Expected(SIZE), on_progress=report)


@pytest.mark.parametrize("way", ["up", "down"])
async def test_progress_is_reported_now_and_then_and_the_end_once(
    large_store: LargeStore, large_file: Path, clock: list[float], way: str
):
    reported: list[tuple[float, Progress]] = []

    def note(p: Progress) -> None:
        reported.append((clock[0], p))

    async with make_client(large_store.server.url) as client:
        if way == "up":
            await client.send(put(large_file, await FileBody.from_path(large_file), note))
        else:
            await fetch(client, large_file, note)
    at, values = zip(*reported, strict=True)
    assert len(reported) > 1
    assert all(later - earlier >= 0.0499 for earlier, later in zip(at[:-1], at[1:-1], strict=False))
    assert [p.completed for p in values] == sorted({p.completed for p in values})
    assert {(p.total, p.attempt, p.region) for p in values} == {(SIZE, 1, None)}
    assert values[-1].completed == SIZE


async def test_a_count_starts_again_with_each_attempt(large_store: LargeStore, large_file: Path, clock: list[float]):
    reported: list[Progress] = []
    # Early: what is left then is more than the sockets between hold, so the first attempt cannot be handed over whole.
    large_store.faults.add(DropDuring(1024))
    large_store.faults.add(Respond(503, retry_after=0))
    async with make_client(large_store.server.url, retry=QUICK) as client:
        await client.send(put(large_file, await FileBody.from_path(large_file), reported.append))
    for attempt in (1, 2, 3):
        sent = [p.completed for p in reported if p.attempt == attempt]
        assert sent[0] == 0
        assert sent == sorted(set(sent))
        # The second is refused when its last byte has been read. A refusal ends the sending when it is seen, which may
        # be before the last word is said; only a success has one for certain.
        assert attempt == 2 or (sent[-1] == SIZE) is (attempt == 3)
    assert [p.attempt for p in reported] == sorted(p.attempt for p in reported)


async def test_bodies_of_unknown_length_and_of_none(large_store: LargeStore, clock: list[float]):
    async def source() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield bytes(1000)

    for body, end in (
        (StreamBody(source), Progress(10_000, None)),
        (BytesBody(b""), Progress(0, 0)),
        (BytesBody(b"small"), Progress(5, 5)),
    ):
        reported: list[Progress] = []
        async with make_client(large_store.server.url) as client:
            await client.send(Call("PUT", "thing", as_response, body=body, on_progress=reported.append))
        assert reported[-1] == end
        assert end.total is None or reported.count(end) == 1


@pytest.mark.parametrize("when", ["start", "middle", "end"])
@pytest.mark.parametrize("way", ["up", "down"])
@pytest.mark.parametrize("kind", [Stop, NetworkError])
async def test_what_a_callback_raises_aborts_the_call_as_it_is(
    large_store: LargeStore, large_file: Path, clock: list[float], when: str, way: str, kind: type[Exception]
):
    error = kind("enough")
    reported: list[Progress] = []

    def raising(p: Progress) -> None:
        reported.append(p)
        if when == "start" or (when == "middle" and p.completed > SIZE // 3) or p.completed == SIZE:
            raise error

    async with make_client(large_store.server.url, retry=QUICK, limits=Limits(max_connections=1)) as client:
        before = await to_thread.run_sync(open_descriptors)
        with pytest.raises(kind) as caught:
            if way == "up":
                await client.send(put(large_file, await FileBody.from_path(large_file), raising))
            else:
                await fetch(client, large_file.with_name("target"), raising)
        assert caught.value is error
        assert len([p for p in reported if p.completed in (0, SIZE)]) <= 2
        assert {p.attempt for p in reported} == {1}
        if (way, when) != ("down", "end"):  # then the response was complete, and the connection is good
            await assert_no_leaks(before)
        assert await to_thread.run_sync(lambda: [p.name for p in large_file.parent.iterdir()]) == ["content"]
        assert (await client.send(Call("HEAD", "thing", as_response))).status == 200

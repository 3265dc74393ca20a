"""Work off the loop: under a limit of our own, and never left behind, however the caller is cancelled."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio import to_thread

from lading._core import threads
from lading._core.loop_local import LoopLocal
from lading._core.threads import check_cancelled, run_in_thread
from tests.conftest import BACKENDS
from tests.support.raw_server import until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio
# asyncio alone has a second way of cancelling, which knows nothing of anyio's scopes.
on_asyncio = pytest.mark.parametrize("anyio_backend", [p for p in BACKENDS if p.id != "trio"])


class Work:
    """Something that takes until it is let go.

    Attributes:
        begun: Set when a thread is at it.
        ended: Whether one has come to its end.
    """

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()
        self.ended = False

    def __call__(self) -> str:
        self.begun.set()
        self.go.wait(30)
        self.ended = True
        return "done"

    async def under_way(self) -> None:
        await until(self.begun.is_set)


@pytest.fixture
def work() -> Iterator[Work]:
    work = Work()
    yield work
    work.go.set()


async def test_a_result_and_an_error_come_back():
    assert await run_in_thread(lambda a, b: (a, b, threading.current_thread() is threading.main_thread()), 1, 2) == (
        1,
        2,
        False,
    )
    with pytest.raises(KeyError):
        await run_in_thread({}.__getitem__, "missing")


async def test_the_applications_own_limit_is_left_alone(work: Work):
    default = to_thread.current_default_thread_limiter()
    async with anyio.create_task_group() as group:
        group.start_soon(run_in_thread, work)
        await work.under_way()
        assert default.borrowed_tokens == 0
        work.go.set()


async def test_a_cancelled_caller_waits_for_its_thread(work: Work):
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(run_in_thread, work)
            await work.under_way()
            threading.Timer(0.02, work.go.set).start()
            scope.cancel()
    assert work.ended


async def natively_cancelled(work: Work, times: int) -> None:
    """As ``asyncio.timeout``, ``wait_for`` and ``TaskGroup`` do it, which anyio's shields do not stop."""
    task = asyncio.create_task(run_in_thread(work))
    await work.under_way()
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert not task.done()
    work.go.set()
    with pytest.raises(asyncio.CancelledError):
        await task


@on_asyncio
@pytest.mark.parametrize("times", [1, 3])
async def test_a_caller_that_asyncio_cancels_waits_too(work: Work, times: int):
    await natively_cancelled(work, times)
    assert work.ended


@on_asyncio
async def test_what_has_not_begun_never_begins(work: Work, monkeypatch: pytest.MonkeyPatch):
    second = Work()
    limiter = anyio.CapacityLimiter(1)
    monkeypatch.setattr(threads, "_files", LoopLocal(lambda: limiter))
    first = asyncio.create_task(run_in_thread(work))
    await work.under_way()
    late = asyncio.create_task(run_in_thread(second))
    await until(lambda: limiter.statistics().tasks_waiting == 1)
    late.cancel()
    with pytest.raises(asyncio.CancelledError):
        await late
    work.go.set()
    assert await first == "done"
    assert not second.begun.is_set()


class Endless:
    """Work that ends only when nobody wants it any more."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.rounds = 0

    def __call__(self) -> None:
        while True:
            self.begun.set()
            check_cancelled()
            self.rounds += 1

    async def assert_ended(self) -> None:
        rounds = self.rounds
        await run_in_thread(lambda: None)
        assert self.rounds == rounds


async def test_long_work_can_check_whether_it_is_still_wanted():
    endless = Endless()
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(run_in_thread, endless)
            await until(endless.begun.is_set)
            scope.cancel()
    await endless.assert_ended()


@on_asyncio
async def test_long_work_hears_of_asyncios_cancelling_too():
    endless = Endless()
    task = asyncio.create_task(run_in_thread(endless))
    await until(endless.begun.is_set)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await endless.assert_ended()

"""Hundreds of requests, most of them cancelled, at any moment: nothing is left, and the pool serves at full width."""

from __future__ import annotations

import asyncio
import gc
import random
from typing import Any

import anyio
import pytest
from anyio import to_thread

from lading import Transport
from lading.types import Limits
from tests.conftest import open_files, threads
from tests.support.churn import KINDS, WIDTH, Churn, Server, scope
from tests.support.raw_server import Peer, RawServer, until
from tests.support.transport_client import open_response, read_body, request

pytestmark = pytest.mark.anyio

REQUESTS = 300


@pytest.mark.parametrize("seed", [1, 2])
async def test_churn(seed: int, tls: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with RawServer(Peer.serve) as warm, Transport() as transport:
        await request(transport, warm.url)  # what the loop opens on first use
        await to_thread.run_sync(lambda: None)
    before, tasks = await to_thread.run_sync(open_files), anyio.get_running_tasks()
    script = Server()
    async with RawServer(script, tls[0]) as server:
        transport = Transport(tls=tls[1], limits=Limits(max_connections=WIDTH))
        churn = Churn(transport, server.url, seed)
        async with anyio.create_task_group() as group:
            for _ in range(REQUESTS):
                group.start_soon(churn.one, scope)
        assert 0 < churn.whole < REQUESTS
        await serves_at_full_width(transport, server)
        await transport.aclose()
        assert transport._transport.pool.total == 0
    await nothing_left(before, tasks)
    assert not caplog.records


async def serves_at_full_width(transport: Transport, server: RawServer) -> None:
    assert transport._transport.pool.share.busy == 0
    assert not transport._transport.pool._waiters
    assert not transport._transport.pool._busy
    assert not transport._transport.pool._making
    async with anyio.create_task_group() as group:
        for _ in range(WIDTH):
            group.start_soon(request, transport, f"{server.url}/all")
    assert transport._transport.pool.idle == transport._transport.pool.total == WIDTH


async def nothing_left(before: set[str], tasks: list[anyio.TaskInfo]) -> None:
    gc.collect()
    assert await to_thread.run_sync(open_files) == before
    assert {task.id for task in anyio.get_running_tasks()} == {task.id for task in tasks}
    # Idle worker threads are the event loop's, and wait for its next work.
    working = {name for name in threads() if "scripted" in name}
    assert not working


async def test_churn_by_asyncios_own_cancelling(tls: Any, anyio_backend_name: str) -> None:
    """asyncio's ``Task.cancel`` (a timeout, ``wait_for``, a ``TaskGroup``) is delivered once, and not repeatedly."""
    if anyio_backend_name != "asyncio":
        return
    rng = random.Random(3)
    script = Server()
    before = await to_thread.run_sync(open_files)
    async with RawServer(script, tls[0]) as server:
        transport = Transport(tls=tls[1], limits=Limits(max_connections=WIDTH))
        churn = Churn(transport, server.url, 3)

        async def one() -> None:
            task = asyncio.ensure_future(rng.choice(KINDS)(churn, lambda: None))
            if rng.random() < 0.9:
                for _ in range(int(rng.expovariate(1 / 25))):
                    await asyncio.sleep(0)
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if not task.cancelled():
                task.result()

        async with anyio.create_task_group() as group:
            for _ in range(REQUESTS):
                group.start_soon(one)
        await serves_at_full_width(transport, server)
        await transport.aclose()
    gc.collect()
    assert await to_thread.run_sync(open_files) == before


async def test_cancelled_while_it_waits_for_a_place() -> None:
    """And everybody else still gets one."""
    script = Server()
    async with RawServer(script) as server, Transport(limits=Limits(max_connections=1)) as transport:
        response = await open_response(transport, f"{server.url}/stream")
        done: list[int] = []
        scopes = [anyio.CancelScope() for _ in range(30)]

        async def one(number: int) -> None:
            with scopes[number]:
                await request(transport, f"{server.url}/get")
                done.append(number)

        async with anyio.create_task_group() as group:
            for number in range(30):
                group.start_soon(one, number)
            await until(lambda: len(transport._transport.pool._waiters) == 30)
            for number in range(0, 30, 2):
                scopes[number].cancel()
            await read_body(response)
        assert sorted(done) == list(range(1, 30, 2))
        assert transport._transport.pool.total == 1

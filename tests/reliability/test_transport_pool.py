"""The pool: its limit, whose turn it is, what is kept, what is ended."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import anyio
import httpx
import pytest

import lading
from lading import Transport
from lading.types import Limits
from tests.support.raw_server import OK, Peer, RawServer, until
from tests.support.transport_client import as_response, make_client, open_response, read_body, request

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


class Gate:
    """A script whose every response waits for :meth:`open`; the body names the connection."""

    def __init__(self) -> None:
        self._tickets = threading.Semaphore(0)

    def open(self, responses: int = 1) -> None:
        self._tickets.release(responses)

    def __call__(self, peer: Peer) -> None:
        while True:
            peer.request()
            while not self._tickets.acquire(timeout=0.1):
                if peer.server.over.is_set():
                    return
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % peer.number)


def waiting(transport: Transport) -> int:
    return len(transport._transport.pool._waiters)


def in_use(transport: Transport) -> int:
    return transport._transport.pool.share.busy


async def test_never_more_connections_than_the_limit() -> None:
    transport = Transport(limits=Limits(max_connections=4))
    async with RawServer(Peer.serve) as server, transport:
        async with anyio.create_task_group() as group:
            for _ in range(60):
                group.start_soon(request, transport, server.url)
        assert len(server.requests) == 60
        assert len(server.peers) == 4
        assert (transport._transport.pool.total, transport._transport.pool.idle) == (4, 4)


async def test_first_come_first_served() -> None:
    gate = Gate()
    transport = Transport(limits=Limits(max_connections=1))
    async with RawServer(gate) as server, transport:
        async with anyio.create_task_group() as group:
            for number in range(40):
                group.start_soon(request, transport, f"{server.url}/{number}")
                await until(lambda n=number: in_use(transport) == 1 and waiting(transport) == n)
            gate.open(40)
        assert [request.target for request in server.requests] == [f"/{number}" for number in range(40)]
        assert len(server.peers) == 1


@pytest.mark.parametrize("first", ["cancelled", "granted"])
@pytest.mark.parametrize("whole", [True, False], ids=["connection", "place"])
async def test_what_a_cancelled_waiter_was_granted_goes_to_the_next(whole: bool, first: str) -> None:
    gate = threading.Event()

    def script(peer: Peer) -> None:
        if not peer.number:
            peer.request()
            peer.send(OK[:-2])
            gate.wait(20)
            peer.send(OK[-2:])
        peer.serve()

    transport = Transport(limits=Limits(max_connections=1))
    responses: list[bytes] = []

    async def waiter(number: int, scope: anyio.CancelScope) -> None:
        with scope:
            responses.append(b"%d" % number + (await request(transport, server.url)).body)

    async with RawServer(script) as server, transport:
        response = await open_response(transport, server.url)
        (connection,) = transport._transport.pool._busy
        async with anyio.create_task_group() as group:
            scopes = [anyio.CancelScope(), anyio.CancelScope()]
            for number, scope in enumerate(scopes):
                group.start_soon(waiter, number, scope)
                await until(lambda n=number: waiting(transport) == n + 1)
            gate.set()
            await until(lambda: not connection.is_idle())
            # Nothing of this suspends: the first waiter does not run in between.
            if first == "cancelled":
                scopes[0].cancel()
            if whole:
                await read_body(response)
            else:
                await response.aclose()
            scopes[0].cancel()
        assert responses == [b"1ok"]
        if first == "cancelled":  # else it may have used the connection, and ended it
            assert len(server.peers) == (1 if whole else 2)
        assert (in_use(transport), waiting(transport)) == (0, 0)
        assert (await request(transport, server.url)).body == b"ok"


async def test_waiter_for_another_server_gets_the_place() -> None:
    gate = Gate()
    transport = Transport(limits=Limits(max_connections=1))
    async with RawServer(gate) as one, RawServer(Peer.serve) as other, transport:
        async with anyio.create_task_group() as group:
            group.start_soon(request, transport, one.url)
            await until(lambda: one.requests)
            group.start_soon(request, transport, other.url)
            await until(lambda: waiting(transport) == 1)
            gate.open()
        assert len(other.requests) == 1
        assert transport._transport.pool.total == 1
        await until(lambda: one.failures)  # its script saw the end


async def test_pool_timeout() -> None:
    gate = Gate()
    limits = Limits(max_connections=1)
    async with RawServer(gate) as server, make_client(server.url, limits=limits) as client:
        impatient = client.with_options(timeout=lading.Timeout(pool=0.01))
        async with anyio.create_task_group() as group:
            group.start_soon(client.send, lading.Call("GET", "", as_response))
            await until(lambda: server.requests)
            with pytest.raises(lading.RequestTimeout) as caught:
                await impatient.send(lading.Call("POST", "", as_response))
            gate.open()
        assert (caught.value.phase, caught.value.outcome) == ("pool", "not_done")
        gate.open()
        await impatient.send(lading.Call("GET", "", as_response))
        assert len(server.requests) == 2


async def test_one_place_serves_one_waiter_after_the_other() -> None:
    """A place where no connection was made (connecting failed) is given on like one with a connection."""
    transport = Transport(limits=Limits(max_connections=1))
    async with RawServer(Peer.serve) as server, transport:
        pool = transport._transport.pool
        origin = ("http", "127.0.0.1", server.port)
        assert await pool.acquire(origin, None) is None  # type: ignore[arg-type]
        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(request, transport, server.url)
            await until(lambda: waiting(transport) == 2)
            pool.free_slot()
        assert (in_use(transport), len(server.requests)) == (0, 2)


async def test_idle_connections_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("lading._http.pool.monotonic", lambda: now)
    transport = Transport(limits=Limits(keepalive_expiry=30))
    async with RawServer(Peer.serve) as server, transport:
        await request(transport, server.url)
        now += 29
        await request(transport, server.url)
        assert len(server.peers) == 1
        now += 31
        await request(transport, server.url)
        assert len(server.peers) == 2
        await until(lambda: server.failures)  # the first was ended
        assert transport._transport.pool.total == 1


async def test_no_idle_time_at_all() -> None:
    transport = Transport(limits=Limits(keepalive_expiry=0))
    async with RawServer(Peer.serve) as server, transport:
        for _ in range(3):
            await request(transport, server.url)
        assert len(server.peers) == 3
        assert transport._transport.pool.total == 1


async def test_longest_idle_connection_makes_room() -> None:
    transport = Transport(limits=Limits(max_connections=2))
    async with RawServer(Peer.serve) as a, RawServer(Peer.serve) as b, RawServer(Peer.serve) as c, transport:
        for server in (a, b, a, c, a):
            await request(transport, server.url)
        # c took b's place, for a had been used since.
        assert [len(server.peers) for server in (a, b, c)] == [1, 1, 1]
        await until(lambda: b.failures)
        assert transport._transport.pool.total == 2
        await request(transport, b.url)
        assert [len(server.peers) for server in (a, b, c)] == [1, 2, 1]


async def test_connection_used_last_is_used_next() -> None:
    transport = Transport()
    order: list[bytes] = []
    gates = [Gate() for _ in range(3)]
    scripts: list[Callable[[Peer], None]] = list(gates)

    async def one() -> None:
        order.append((await request(transport, server.url)).body)

    async with RawServer(lambda peer: scripts[peer.number](peer)) as server, transport:
        async with anyio.create_task_group() as group:
            for number in range(3):
                group.start_soon(one)
                await until(lambda n=number: len(server.requests) == n + 1)
            for position, number in enumerate((1, 2, 0)):
                gates[number].open()
                await until(lambda n=position: len(order) == n + 1)
        for gate in gates:
            gate.open(9)
        assert [(await request(transport, server.url)).body for _ in range(2)] == [b"0", b"0"]
        assert order == [b"1", b"2", b"0"]


async def test_scheme_that_is_not_ours() -> None:
    async with Transport() as transport:
        with pytest.raises(httpx.UnsupportedProtocol):
            await request(transport, "ftp://127.0.0.1/")
        assert in_use(transport) == 0

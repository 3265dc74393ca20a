"""Connecting: names, several addresses, the one that connects first, and nothing left of the others."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
from anyio import to_thread

import lading
from lading import Transport
from lading._http import connect as dial
from lading._http.connect import connect
from tests.conftest import open_files
from tests.support.raw_server import Peer, RawServer, until
from tests.support.transport_client import as_response, make_client, request

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio


@contextmanager
def black_hole() -> Iterator[int]:
    """A port where connecting neither succeeds nor fails."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as one, socket.socket() as two:
        for sock in (one, two):  # once the queue is full, the system drops what comes
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        yield full.getsockname()[1]


@contextmanager
def refusing() -> Iterator[int]:
    """A port that refuses."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield unused.getsockname()[1]


@pytest.fixture
def leads_to(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make every name lead to the given ports of this machine, in that order."""

    def set_ports(*ports: int) -> None:
        async def resolve(*_: Any) -> list[Any]:
            return [(socket.AF_INET, ("127.0.0.1", port)) for port in ports]

        monkeypatch.setattr(dial, "_resolve", resolve)

    return set_ports


async def nothing_left(before: set[str]) -> None:
    assert await to_thread.run_sync(open_files) == before


async def test_next_address_when_the_first_refuses(leads_to: Any) -> None:
    async with RawServer(Peer.serve) as server:
        with refusing() as no, refusing() as neither:
            leads_to(no, neither, server.port)
            before = await to_thread.run_sync(open_files)
            async with Transport() as transport:
                assert (await request(transport, "http://index.test/")).body == b"ok"
            await until(lambda: server.failures)
            server.peers[0].sock.close()
            await nothing_left(before)


async def test_next_address_when_the_first_is_silent(leads_to: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dial, "_HEAD_START", 0.01)
    async with RawServer(Peer.serve) as server:
        with black_hole() as silent:
            leads_to(silent, server.port, silent)
            before = await to_thread.run_sync(open_files)
            async with Transport() as transport:
                assert (await request(transport, "http://index.test/", connect=20)).body == b"ok"
            await until(lambda: server.failures)
            server.peers[0].sock.close()
            await nothing_left(before)


async def test_the_second_that_connects_is_closed(leads_to: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both attempts succeed in the same turn of the loop."""
    monkeypatch.setattr(dial, "_HEAD_START", 0)
    original = dial._connect_one
    both = 0

    async def together(*args: Any) -> socket.socket:
        nonlocal both
        with anyio.CancelScope(shield=True):
            sock = await original(*args)
            both += 1
            while both < 2:
                await anyio.sleep(0.001)
        return sock

    monkeypatch.setattr(dial, "_connect_one", together)
    async with RawServer(Peer.drain) as server:  # type: ignore[arg-type]
        leads_to(server.port, server.port)
        before = await to_thread.run_sync(open_files)
        sock = await connect("index.test", 80)
        assert both == 2
        await until(lambda: len(server.peers) == 2)
        await until(lambda: sum(peer.sock.fileno() == -1 for peer in server.peers) == 1)
        sock.close()
        await until(lambda: all(peer.sock.fileno() == -1 for peer in server.peers))
        await nothing_left(before)


@pytest.mark.parametrize("count", [1, 3])
async def test_every_address_refuses(count: int, leads_to: Any) -> None:
    with refusing() as port:
        leads_to(*[port] * count)
        before = await to_thread.run_sync(open_files)
        events: list[Any] = []
        retry = lading.Retry(attempts=2, backoff=0)
        async with make_client("http://localhost", retry=retry, hooks=[events.append]) as client:
            with pytest.raises(lading.NetworkError, match="refused") as caught:
                await client.send(lading.Call("POST", "", as_response))
        assert (caught.value.phase, caught.value.outcome) == ("connect", "not_done")
        assert events[-1].attempts == 2
        await nothing_left(before)


@pytest.mark.parametrize("how", ["cancelled", "timed out", "closed"])
@pytest.mark.parametrize("count", [1, 3])
async def test_given_up_while_connecting(count: int, how: str, leads_to: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dial, "_HEAD_START", 0.001)
    opened: list[Any] = []
    original = dial._connect_one

    async def counted(*args: Any) -> socket.socket:
        opened.append(args)
        return await original(*args)

    monkeypatch.setattr(dial, "_connect_one", counted)
    with black_hole() as silent:
        leads_to(*[silent] * count)
        before = await to_thread.run_sync(open_files)
        transport = Transport()
        async with anyio.create_task_group() as group:

            async def run() -> None:
                if how == "cancelled":
                    await request(transport, "http://index.test/")
                elif how == "timed out":
                    with pytest.raises(httpx.ConnectTimeout):
                        await request(transport, "http://index.test/", connect=0.1)
                else:
                    with pytest.raises(httpx.ConnectError, match="closed"):
                        await request(transport, "http://index.test/")

            group.start_soon(run)
            await until(lambda: len(opened) == count)
            if how == "cancelled":
                group.cancel_scope.cancel()
            elif how == "closed":
                await transport.aclose()
        assert transport._transport.pool.total == 0
        await nothing_left(before)


async def test_a_name_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(dial, "_look_up", unknown)
    async with make_client("https://index.test") as client:
        with pytest.raises(lading.NetworkError, match=r"index\.test.*not known") as caught:
            await client.send(lading.Call("POST", "", as_response))
    assert (caught.value.phase, caught.value.outcome) == ("resolve", "not_done")


async def test_order_of_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's order within a family, the families in turn, each address once."""
    four, six = socket.AF_INET, socket.AF_INET6
    found = [(six, "a"), (six, "b"), (six, "c"), (four, "1"), (six, "a"), (four, "2"), (six, "d")]

    def respond(*_: Any) -> Any:
        return [(family, socket.SOCK_STREAM, 6, "", (host, 80)) for family, host in found]

    monkeypatch.setattr(dial, "_look_up", respond)
    addresses = await dial._resolve("index.test", 80)
    assert [where[0] for _, where in addresses] == ["a", "1", "b", "2", "c", "d"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_addresses_are_not_looked_up(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(*_: Any) -> Any:
        raise AssertionError("looked up")

    monkeypatch.setattr(dial, "_look_up", lookup)
    if host == "::1" and not has_ipv6():
        pytest.skip("this machine has no IPv6 loopback")
    async with RawServer(Peer.serve, host=host) as server, Transport() as transport:
        assert (await request(transport, server.url)).body == b"ok"
        assert server.requests[0].headers["host"] == server.url.removeprefix("http://")


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


async def test_a_name_is_looked_up_by_the_system() -> None:
    async with RawServer(Peer.serve) as server, Transport() as transport:
        assert (await request(transport, f"http://localhost:{server.port}/")).body == b"ok"

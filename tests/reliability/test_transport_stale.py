"""Kept-alive connections that the server has ended meanwhile: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import socket
import threading
from typing import Any

import anyio
import httpx
import pytest

import lading
from lading import Transport
from lading._http.sockets import SocketStream
from lading._http.tls import TLSStream
from lading.types import Limits
from tests.support.raw_server import OK, Peer, RawServer, until
from tests.support.transport_client import MIB, Source, as_response, make_client, request

pytestmark = pytest.mark.anyio

METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
SAFE = {"GET", "HEAD", "OPTIONS"}


# After a HEAD whose response announces a body the connection is not used again.
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def respond(peer: Peer) -> None:
    head, _ = peer.request()
    peer.send(EMPTY if head.method == "HEAD" else OK)


def content(method: str) -> bytes | None:
    return b"a body" if method in {"POST", "PUT", "PATCH"} else None


async def unquiet(transport: Transport) -> None:
    """Return when the server's end has arrived at the idle connection."""
    (connection,) = transport._transport.pool._ages
    # Below TLS, so that nothing is decrypted yet: that is what the transport is to do.
    await until(lambda: not SocketStream.is_idle(connection._link))


@pytest.mark.parametrize("method", METHODS)
async def test_ended_while_idle(method: str, tls: Any) -> None:
    def script(peer: Peer) -> None:
        respond(peer)
        if peer.number:
            peer.serve()

    async with RawServer(script, tls[0]) as server, Transport(tls=tls[1]) as transport:
        await request(transport, server.url, method, content=content(method))
        await unquiet(transport)
        await request(transport, server.url, method, content=content(method))
        assert [len(peer.requests) for peer in server.peers] == [1, 1]
        assert transport._transport.pool.total == 1


@pytest.mark.parametrize("method", METHODS)
async def test_unsolicited_response_on_an_idle_connection(method: str, tls: Any) -> None:
    idle = threading.Event()

    def script(peer: Peer) -> None:
        respond(peer)
        if not peer.number:
            idle.wait(20)
            peer.send(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        respond(peer)

    async with RawServer(script, tls[0]) as server, Transport(tls=tls[1]) as transport:
        await request(transport, server.url, method, content=content(method))
        idle.set()
        await unquiet(transport)
        assert (await request(transport, server.url, method, content=content(method))).status == 200
        assert [len(peer.requests) for peer in server.peers] == [1, 1]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("end", ["close", "reset"])
async def test_ended_upon_the_second_request(method: str, end: str, tls: Any) -> None:
    def script(peer: Peer) -> None:
        respond(peer)
        peer.request()
        if peer.number == 0:
            if end == "reset":
                peer.reset()
            return
        peer.send(EMPTY if method == "HEAD" else OK)

    async with RawServer(script, tls[0]) as server, Transport(tls=tls[1]) as transport:
        await request(transport, server.url, method, content=content(method))
        if method in SAFE:
            assert (await request(transport, server.url, method)).status == 200
            assert [len(peer.requests) for peer in server.peers] == [2, 1]
        else:
            with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
                await request(transport, server.url, method, content=content(method))
            assert [len(peer.requests) for peer in server.peers] == [2]


async def test_moved_once_and_not_for_ever() -> None:
    """A server that ends every connection, the fresh one too, gets no third request from one attempt."""

    def script(peer: Peer) -> None:
        if not peer.number:
            respond(peer)
        peer.request()

    async with RawServer(script) as server, Transport() as transport:
        await request(transport, server.url)
        with pytest.raises(httpx.RemoteProtocolError):
            await request(transport, server.url)
        assert [len(peer.requests) for peer in server.peers] == [2, 1]


async def test_lost_response_to_a_post_is_an_unknown_outcome() -> None:
    def script(peer: Peer) -> None:
        respond(peer)
        peer.request()

    retry = lading.Retry(attempts=3, backoff=0)
    async with RawServer(script) as server, make_client(server.url, retry=retry) as client:
        await client.send(lading.Call("POST", "", as_response, json=1))
        with pytest.raises(lading.NetworkError) as caught:
            await client.send(lading.Call("POST", "", as_response, json=2))
        assert (caught.value.phase, caught.value.outcome) == ("receive", "unknown")
        assert len(server.requests) == 2


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("method", METHODS)
async def test_what_never_left_is_moved(method: str, streamed: bool, tls: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server resets between the look at the connection and the first write, which then fails."""

    def script(peer: Peer) -> None:
        respond(peer)
        if not peer.number:
            peer.reset()

    async with RawServer(script, tls[0]) as server, Transport(tls=tls[1]) as transport:
        await request(transport, server.url, method)
        await unquiet(transport)
        (connection,) = transport._transport.pool._ages
        # What the kernel would report to the look is taken away, so that the write is first to see it.
        connection._link._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        for kind in (SocketStream, TLSStream):
            monkeypatch.setattr(kind, "is_idle", lambda _: True)
        source = Source(2 * MIB) if streamed else None
        headers = {"Content-Length": str(2 * MIB)} if streamed else None
        assert (await request(transport, server.url, method, stream=source, headers=headers)).status == 200
        assert [len(peer.requests) for peer in server.peers] == [1, 1]
        if source is not None:
            assert source.taken == source.size


async def test_ended_while_handed_over() -> None:
    """The response and the close arrive together, with others waiting for the connection: they get new ones."""

    def script(peer: Peer) -> None:
        peer.request()
        # Held back until the end goes out, so that both are one packet.
        peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        peer.send(OK)

    async with RawServer(script) as server, Transport(limits=Limits(max_connections=1)) as transport:
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(lambda: request(transport, server.url, "POST", content=b"once"))
        assert len(server.peers) == len(server.requests) == 20

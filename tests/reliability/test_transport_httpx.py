"""The transport inside somebody's ``httpx.AsyncClient``."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import httpx
import pytest

from lading import Transport
from lading.types import Limits
from tests.support.raw_server import OK, Peer, RawServer
from tests.support.transport_client import MIB, Source

pytestmark = pytest.mark.anyio


def echo(peer: Peer) -> None:
    """Responds with the size of the body."""
    while True:
        head, body = peer.request()
        if head.target == "/moved":
            peer.send(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")
            continue
        response = b'{"size": %d}' % len(body)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(response))
        if head.method != "HEAD":
            peer.send(response)


async def test_every_way_of_sending(tls: Any) -> None:
    async with RawServer(echo, tls[0]) as server:
        transport = Transport(tls=tls[1], limits=Limits(max_connections=1))
        async with httpx.AsyncClient(transport=transport, base_url=server.url, follow_redirects=True) as client:
            assert (await client.get("/")).json() == {"size": 0}
            assert (await client.get("/moved")).json() == {"size": 0}
            assert (await client.head("/")).content == b""
            assert (await client.post("/", content=b"x" * 10)).json() == {"size": 10}
            assert (await client.post("/", content=bytes(4 * MIB))).json() == {"size": 4 * MIB}
            assert (await client.post("/", content=Source(MIB))).json() == {"size": MIB}
            assert (await client.post("/", data={"a": "b"})).json() == {"size": 3}
            assert (await client.get("/")).http_version == "HTTP/1.1"
            async with client.stream("GET", "/") as response, aclosing(response.aiter_raw()) as pieces:
                assert b"".join([piece async for piece in pieces]) == b'{"size": 0}'
        assert transport.closed


async def test_refusal_of_a_large_body(tls: Any) -> None:
    def script(peer: Peer) -> None:
        if peer.number:
            return peer.serve()
        peer.head()
        peer.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        peer.hold()
        return None

    async with RawServer(script, tls[0]) as server, httpx.AsyncClient(transport=Transport(tls=tls[1])) as client:
        source = Source(64 * MIB)
        assert (await client.post(server.url, content=source)).status_code == 413
        assert source.taken < source.size / 2
        assert (await client.get(server.url)).content == b"ok"


async def test_timeouts_and_errors_are_httpxs() -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.hold()

    transport = Transport(limits=Limits(max_connections=1))
    async with RawServer(script) as server, httpx.AsyncClient(transport=transport) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get(server.url, timeout=httpx.Timeout(20, read=0.05))
        async with RawServer(half) as other, client.stream("GET", other.url) as response:
            assert response.status_code == 200
            with pytest.raises(httpx.PoolTimeout):
                await client.get(other.url, timeout=httpx.Timeout(20, pool=0.05))
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.get("ws://127.0.0.1/")


def half(peer: Peer) -> None:
    peer.head()
    peer.send(OK[:-1])
    peer.hold()

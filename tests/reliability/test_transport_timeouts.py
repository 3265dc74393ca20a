"""Every phase of a request has a timeout of its own, and the error names the phase."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest

import lading
from lading import Transport
from lading._core.body import StreamBody
from tests.support.raw_server import OK, Peer, RawServer
from tests.support.transport_client import MIB, Source, as_response, make_client, open_response, read_body, request

if TYPE_CHECKING:
    import ssl

pytestmark = pytest.mark.anyio

SOON = 0.05


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Len", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_read_timeout_before_the_head(sent: bytes, tls: Any) -> None:
    def script(peer: Peer) -> None:
        if peer.number:
            return peer.serve()
        peer.head()
        peer.send(sent)
        peer.hold()
        return None

    async with RawServer(script, tls[0]) as server, Transport(tls=tls[1]) as transport:
        with pytest.raises(httpx.ReadTimeout):
            await request(transport, server.url, read=SOON)
        assert transport._transport.pool.total == 0
        assert (await request(transport, server.url, read=20)).body == b"ok"


@pytest.mark.parametrize("framing", [b"Content-Length: 10", b"Transfer-Encoding: chunked", b"X: y"])
async def test_read_timeout_in_the_body(framing: bytes, tls: Any) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.send(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n9")
        peer.hold()

    async with RawServer(script, tls[0]) as server, Transport(tls=tls[1]) as transport:
        response = await open_response(transport, server.url, read=SOON)
        with pytest.raises(httpx.ReadTimeout):
            await read_body(response)
        assert transport._transport.pool.total == 0


async def test_write_timeout(tls: Any) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.hold()

    source = Source(64 * MIB)
    async with RawServer(script, tls[0]) as server, Transport(tls=tls[1]) as transport:
        with pytest.raises(httpx.WriteTimeout):
            await request(transport, server.url, "POST", stream=source, write=SOON, read=20)
        assert source.taken < source.size
        assert source.closed
        assert transport._transport.pool.total == 0


async def test_a_slow_source_is_no_timeout(tls: Any) -> None:
    """The timeout is the network's: as long as the caller's own source takes, nothing is wrong."""

    class Slow(Source):
        def __aiter__(self) -> Any:
            pieces = super().__aiter__()

            class Iterator:
                def __aiter__(self) -> Any:
                    return self

                async def __anext__(self) -> bytes:
                    await anyio.sleep(3 * SOON)
                    return await anext(pieces)

            return Iterator()

    async with RawServer(Peer.serve, tls[0]) as server, Transport(tls=tls[1]) as transport:
        response = await request(transport, server.url, "POST", stream=Slow(2, b"x"), write=SOON, read=20, connect=20)
        assert response.body == b"ok"


async def test_the_response_to_an_upload_has_its_own_timeout() -> None:
    def script(peer: Peer) -> None:
        peer.request()
        time.sleep(3 * SOON)
        peer.send(OK)
        peer.request()
        peer.hold()

    timeout = lading.Timeout(read=SOON, upload_response=20)
    async with RawServer(script) as server, make_client(server.url, timeout=timeout) as client:
        source = Source(MIB)
        response = await client.send(lading.Call("POST", "", as_response, body=StreamBody(lambda: source, source.size)))
        assert response.body == b"ok"
        with pytest.raises(lading.RequestTimeout) as caught:
            await client.send(lading.Call("POST", "", as_response, json=1))
        assert (caught.value.phase, caught.value.outcome) == ("receive", "unknown")


async def test_write_timeout_in_our_words() -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.hold()

    timeout = lading.Timeout(write=SOON)
    async with RawServer(script) as server, make_client(server.url, timeout=timeout) as client:
        body = StreamBody(lambda: Source(64 * MIB))
        with pytest.raises(lading.RequestTimeout) as caught:
            await client.send(lading.Call("POST", "", as_response, body=body))
        assert (caught.value.phase, caught.value.outcome) == ("send", "unknown")


async def test_connect_timeout_in_the_handshake(client_tls: ssl.SSLContext) -> None:
    """A server that accepts and is silent: nothing was sent, and any method may go again."""
    timeout = lading.Timeout(connect=SOON)
    retry = lading.Retry(attempts=3, backoff=0)
    async with RawServer(Peer.hold) as server:
        url = server.url.replace("http:", "https:")
        async with make_client(url, client_tls, timeout=timeout, retry=retry) as client:
            with pytest.raises(lading.RequestTimeout) as caught:
                await client.send(lading.Call("POST", "", as_response))
        assert (caught.value.phase, caught.value.outcome) == ("connect", "not_done")
        assert len(server.peers) == 3


async def test_connect_timeout_is_for_the_whole_of_it(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    """A handshake that moves by a byte now and then ends all the same."""

    def script(peer: Peer) -> None:
        greeting = b"\x16\x03\x03\x40\x00"  # a record that will be 16 KiB long
        while True:
            peer.send(greeting[:1])
            greeting = greeting[1:] or b"\x02"
            time.sleep(SOON / 5)

    async with RawServer(script) as server, Transport(tls=client_tls) as transport:
        with anyio.fail_after(20), pytest.raises(httpx.ConnectTimeout):
            await request(transport, server.url.replace("http:", "https:"), connect=4 * SOON)
        assert transport._transport.pool.total == 0


async def test_connect_timeout_of_a_host_that_is_silent() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as one, socket.socket() as two:
        # The queue of a server that never accepts: once it is full, the system drops what comes.
        for sock in (one, two):
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        async with Transport() as transport:
            with pytest.raises(httpx.ConnectTimeout):
                await request(transport, f"http://127.0.0.1:{full.getsockname()[1]}", connect=SOON)
            assert transport._transport.pool.total == 0


@pytest.mark.parametrize("timeout", [{}, {"connect": 20.0}], ids=["none", "longer"])
async def test_the_systems_own_connect_timeout(timeout: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(*_: Any) -> socket.socket:
        raise TimeoutError(110, "Connection timed out")

    monkeypatch.setattr("lading._http.connect._connect_one", gone)
    async with Transport() as transport:
        with pytest.raises(httpx.ConnectError, match="timed out"):
            await request(transport, "http://127.0.0.1:9", **timeout)

"""Closing a transport, and its client, while requests are running."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
from anyio import to_thread

import lading
from lading import Transport
from lading._core.body import StreamBody
from lading._http.connection import Connection
from lading._http.errors import ConnectFailed
from lading._http.pool import Origin
from lading.types import Limits
from tests.conftest import open_files
from tests.support.raw_server import OK, Peer, RawServer, until
from tests.support.transport_client import MIB, Source, as_response, make_client, open_response, read_body, request

if TYPE_CHECKING:
    import ssl

pytestmark = pytest.mark.anyio


def stubborn(peer: Peer) -> None:
    """Responds to ``/partly`` with half a body, reads nothing of ``/upload``, and never responds to anything else."""
    head = peer.head()
    if head.target == "/partly":
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf.")
    peer.hold()


async def test_everything_ends(tls: Any) -> None:
    before = await to_thread.run_sync(open_files)
    errors: list[Exception] = []
    transport = Transport(tls=tls[1], limits=Limits(max_connections=4))

    async def failing(func: Any, *args: Any, **options: Any) -> None:
        try:
            await func(transport, *args, **options)
        except httpx.TransportError as error:
            errors.append(error)

    async with RawServer(stubborn, tls[0]) as server:
        url = server.url
        held = await open_response(transport, f"{url}/partly")
        async with anyio.create_task_group() as group:
            group.start_soon(failing, request, f"{url}/silent")
            group.start_soon(failing, request, f"{url}/partly")
            group.start_soon(lambda: failing(request, f"{url}/upload", "POST", stream=Source(64 * MIB)))
            await until(lambda: len(server.requests) == 4)
            for _ in range(3):
                group.start_soon(failing, request, f"{url}/waiting")
            await until(lambda: len(transport._transport.pool._waiters) == 3)
            # All but the held one, and the upload both ways: the kernel takes no more of it.
            await until(lambda: sum(c._link._waiting for c in transport._transport.pool._busy) == 4)
            await transport.aclose()
            await transport.aclose()
        assert len(errors) == 6
        assert all("closed" in str(error) for error in errors)
        # A response that nobody was reading ends when it is read again.
        with pytest.raises(httpx.ReadError):
            await read_body(held)
        assert transport._transport.pool.total == 0
        assert len(server.requests) == 4
        with pytest.raises(RuntimeError, match="closed"):
            await request(transport, url)
    gc.collect()
    assert await to_thread.run_sync(open_files) == before


async def test_connections_being_made_end(client_tls: ssl.SSLContext) -> None:
    """Without any timeout: nothing but the closing ends a server that accepts and then says nothing."""
    transport = Transport(tls=client_tls)
    ended: list[int] = []
    async with RawServer(lambda peer: ended.append(peer.drain())) as server:
        async with anyio.create_task_group() as group:

            async def failing() -> None:
                with pytest.raises(httpx.ConnectError, match="closed"):
                    await request(transport, server.url.replace("http:", "https:"))

            for _ in range(3):
                group.start_soon(failing)
            await until(lambda: len(server.peers) == 3)
            await transport.aclose()
        assert transport._transport.pool.total == 0
        await until(lambda: len(ended) == 3)


async def test_response_that_flows_ends() -> None:
    """Data that is always ready is no reason to continue after the close."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.send(bytes(MIB))

    transport = Transport()
    async with RawServer(script) as server:
        response = await open_response(transport, server.url)
        stream = response.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        await anext(aiter(stream))
        await transport.aclose()
        with pytest.raises(httpx.ReadError, match="closed"):
            await read_body(response)
        assert transport._transport.pool.total == 0


async def test_idle_connections_end(tls: Any) -> None:
    transport = Transport(tls=tls[1])
    async with RawServer(Peer.serve, tls[0]) as server:
        for _ in range(2):
            await request(transport, server.url)
        transport.close_idle()
        await until(lambda: len(server.failures) == 1)
        await request(transport, server.url)  # it continues with a new one
        await transport.aclose()
        await until(lambda: len(server.failures) == 2)


async def test_response_ended_from_another_task() -> None:
    """Closing a response while it is read: the reader ends, and closes the socket itself."""
    transport = Transport()
    async with RawServer(stubborn) as server, transport:
        response = await open_response(transport, f"{server.url}/partly")
        async with anyio.create_task_group() as group:

            async def reader() -> None:
                with pytest.raises(httpx.ReadError):
                    await read_body(response)

            group.start_soon(reader)
            (connection,) = transport._transport.pool._busy
            await until(lambda: connection._link._waiting)
            await response.aclose()
        assert transport._transport.pool.total == 0
        assert connection._link._sock.fileno() == -1


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_calls_of_a_closed_client_end(method: str) -> None:
    """Nothing is sent again, and the error is ours."""
    limits = Limits(max_connections=1)
    retry = lading.Retry(attempts=5, backoff=0)
    errors: list[lading.LadingError] = []
    async with RawServer(stubborn) as server:
        client = make_client(server.url, retry=retry, limits=limits)

        async def failing(call: lading.Call[Any]) -> None:
            try:
                await client.send(call)
            except lading.LadingError as error:
                errors.append(error)

        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                group.start_soon(failing, lading.Call(method, "", as_response))
                await until(lambda: server.requests)
                body = StreamBody(lambda: Source(10))
                group.start_soon(failing, lading.Call("POST", "", as_response, body=body))
                await until(lambda: len(client._connections.loop_state().backend._transport.pool._waiters) == 1)
                await client.aclose()
        assert sorted(error.outcome for error in errors) == ["not_done", "not_done" if method == "GET" else "unknown"]
        assert all(isinstance(error, (lading.NetworkError, lading.ConfigError)) for error in errors)
        with pytest.raises(lading.ConfigError, match="closed"):
            await client.send(lading.Call("GET", "", as_response))
        assert len(server.requests) == 1


async def test_a_complete_response_is_not_lost_by_the_close() -> None:
    """A complete response is not lost by the close."""
    transport = Transport()
    async with RawServer(lambda peer: peer.serve(OK)) as server:
        response = await open_response(transport, server.url)
        await until(lambda: transport._transport.pool.idle)
        await transport.aclose()
        assert await read_body(response) == b"ok"


async def test_place_that_was_handed_over_when_the_client_closes() -> None:
    """The waiter has been granted a place, and has not run yet: it opens no connection any more."""
    transport = Transport(limits=Limits(max_connections=1))
    pool = transport._transport.pool
    async with RawServer(Peer.hold) as server:
        origin = Origin("http", "127.0.0.1", server.port)
        assert await pool.acquire(origin, None) is None
        async with anyio.create_task_group() as group:

            async def waiting() -> None:
                with pytest.raises(httpx.ConnectError, match="closed"):
                    await request(transport, server.url)

            group.start_soon(waiting)
            await until(lambda: pool._waiters)
            pool.free_slot()
            await transport.aclose()
        assert pool.total == 0
        assert not server.peers


async def test_connection_that_was_handed_over_when_the_client_closes() -> None:
    transport = Transport(limits=Limits(max_connections=1))
    pool = transport._transport.pool
    async with RawServer(Peer.serve) as server:
        await request(transport, server.url)
        origin = Origin("http", "127.0.0.1", server.port)
        connection = await pool.acquire(origin, None)
        assert connection is not None
        async with anyio.create_task_group() as group:

            async def waiting() -> None:
                with pytest.raises((httpx.ConnectError, httpx.ReadError), match="closed"):
                    await request(transport, server.url)

            group.start_soon(waiting)
            await until(lambda: pool._waiters)
            pool.release(origin, connection, reusable=True)
            await transport.aclose()
        assert pool.total == 0
        assert len(server.requests) == 1


async def test_connection_that_is_ready_when_the_client_closes() -> None:
    """Closing came first: the new connection is closed, and nobody gets it."""
    transport = Transport()
    pool = transport._transport.pool
    async with RawServer(Peer.serve) as server:
        origin = Origin("http", "127.0.0.1", server.port)
        opened: list[Connection] = []

        async def opening() -> Connection:
            connection = await transport._transport._open(origin)
            opened.append(connection)
            await transport.aclose()
            return connection

        assert await pool.acquire(origin, None) is None
        with pytest.raises(ConnectFailed, match="closed"):
            await pool.connect(opening, 20)
        assert pool.total == 0
        assert opened[0]._link._sock.fileno() == -1

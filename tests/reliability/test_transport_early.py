"""A response that arrives before the body has been sent is read, whatever the server then does to the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

import lading
from lading._core.body import StreamBody
from lading._http.uploading import EarlyResponseWatch
from tests.support.raw_server import OK, Peer, RawServer, until
from tests.support.transport_client import MIB, Source, as_response, make_client

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

SIZE = 64 * MIB
TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 8\r\n\r\ntoo big\n"
SLOW_DOWN = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"


def close(peer: Peer) -> None:
    """Ends with data unread: the system sends a reset."""


def reset(peer: Peer) -> None:
    peer.reset()


def half_close(peer: Peer) -> None:
    peer.half_close()
    peer.drain()


def keep_reading(peer: Peer) -> None:
    peer.drain()


def stop_reading(peer: Peer) -> None:
    peer.hold()


def early(response: bytes, then: Callable[[Peer], None]) -> Callable[[Peer], None]:
    """A script that responds on the first connection after the head, and serves the others."""

    def script(peer: Peer) -> None:
        if peer.number:
            return peer.serve()
        peer.head()
        peer.send(response)
        then(peer)
        return None

    return script


@pytest.mark.parametrize("length", [SIZE, None], ids=["length", "chunked"])
@pytest.mark.parametrize("response", [TOO_LARGE, SLOW_DOWN], ids=["413", "429"])
@pytest.mark.parametrize("then", [close, reset, half_close, keep_reading, stop_reading])
async def test_early_response(tls: Any, then: Callable[[Peer], None], response: bytes, length: int | None) -> None:
    source = Source(SIZE)
    events: list[Any] = []
    async with (
        RawServer(early(response, then), tls[0]) as server,
        make_client(server.url, tls[1], hooks=[events.append]) as client,
    ):
        call = lading.Call("POST", "upload", as_response, body=StreamBody(lambda: source, length))
        with pytest.raises(lading.ApiError) as caught:
            await client.send(call)
        if response is TOO_LARGE:
            assert isinstance(caught.value, lading.PayloadTooLarge)
        else:
            assert isinstance(caught.value, lading.RateLimited)
            assert caught.value.retry_after == 7
        assert caught.value.outcome == "not_done"
        assert source.taken < SIZE / 2
        assert events[0].sent < SIZE / 2
        assert events[0].status == caught.value.status
        assert (await client.send(lading.Call("GET", "next", as_response))).body == b"ok"
        # The first connection is in the middle of a body: of no use to anybody.
        assert len(server.peers) == 2


async def test_early_response_to_a_large_body_in_memory(tls: Any) -> None:
    async with RawServer(early(TOO_LARGE, stop_reading), tls[0]) as server, make_client(server.url, tls[1]) as client:
        with pytest.raises(lading.PayloadTooLarge):
            await client.send(lading.Call("POST", "upload", as_response, json="x" * (32 * MIB)))
        assert (await client.send(lading.Call("GET", "next", as_response))).body == b"ok"


async def test_early_success_is_kept_until_the_body_is_out(tls: Any) -> None:
    received: list[int] = []

    def script(peer: Peer) -> None:
        head = peer.head()
        peer.send(b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\ndone")
        received.append(len(peer.body(head)))
        peer.serve()

    async with RawServer(script, tls[0]) as server, make_client(server.url, tls[1]) as client:
        source = Source(16 * MIB)
        for length in (source.size, None):
            response = await client.send(
                lading.Call("POST", "upload", as_response, body=StreamBody(lambda: source, length))
            )
            assert (response.status, response.body) == (201 if length else 200, b"done" if length else b"ok")
        assert received == [source.size]
        # The body was sent to its end, so the connection was as good as new.
        assert len(server.peers) == 1


async def test_refused_upload_ends_its_connection(tls: Any) -> None:
    """Though the system took the whole body: nobody knows how much of it the server will read."""

    async with (
        RawServer(lambda peer: peer.serve(TOO_LARGE), tls[0]) as server,
        make_client(server.url, tls[1]) as client,
    ):
        for _ in range(2):
            with pytest.raises(lading.PayloadTooLarge):
                await client.send(lading.Call("POST", "upload", as_response, body=StreamBody(lambda: Source(10), 10)))
        assert len(server.peers) == 2


async def test_informational_responses_while_uploading(tls: Any) -> None:
    def script(peer: Peer) -> None:
        head = peer.head()
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        peer.exactly(4 * MIB)
        peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </y>\r\n\r\n")
        peer.exactly(int(head.headers["content-length"]) - 4 * MIB)
        peer.send(OK)

    async with RawServer(script, tls[0]) as server, make_client(server.url, tls[1]) as client:
        source = Source(16 * MIB)
        response = await client.send(
            lading.Call("POST", "upload", as_response, body=StreamBody(lambda: source, source.size))
        )
        assert (response.status, response.body) == (200, b"ok")


async def test_informational_responses_before_an_early_refusal(tls: Any) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        for piece in (b"HTTP/1.1 100 Cont", b"inue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r", b"\n", TOO_LARGE):
            peer.send(piece)
            peer.exactly(1 * MIB)
        peer.hold()

    async with RawServer(script, tls[0]) as server, make_client(server.url, tls[1]) as client:
        source = Source(SIZE)
        with pytest.raises(lading.PayloadTooLarge):
            await client.send(lading.Call("POST", "upload", as_response, body=StreamBody(lambda: source, source.size)))
        assert source.taken < SIZE / 2


async def test_server_ends_during_the_body_without_a_response(tls: Any) -> None:
    def script(peer: Peer) -> None:
        if peer.number:
            return peer.serve()
        peer.head()
        peer.exactly(1 * MIB)
        return None

    async with RawServer(script, tls[0]) as server, make_client(server.url, tls[1]) as client:
        source = Source(SIZE)
        with pytest.raises(lading.NetworkError) as caught:
            await client.send(lading.Call("POST", "upload", as_response, body=StreamBody(lambda: source, source.size)))
        assert caught.value.outcome == "unknown"
        assert source.taken < SIZE / 2
        assert (await client.send(lading.Call("GET", "next", as_response))).body == b"ok"


CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\ndone"
CREATED_UNTIL_THE_END = b"HTTP/1.1 201 Created\r\n\r\ndone"


@pytest.mark.parametrize("response", [CREATED, CREATED_UNTIL_THE_END], ids=["length", "until the end"])
@pytest.mark.parametrize("length", [SIZE, None], ids=["length", "chunked"])
@pytest.mark.parametrize("then", [close, reset, half_close])
async def test_early_success_and_the_end_are_no_success(
    tls: Any, then: Callable[[Peer], None], length: int | None, response: bytes
) -> None:
    """Only a complete body ends an upload, or a refusal: nothing can be there that was never sent."""
    async with RawServer(early(response, then), tls[0]) as server, make_client(server.url, tls[1]) as client:
        source = Source(SIZE)
        with pytest.raises(lading.NetworkError) as caught:
            await client.send(lading.Call("POST", "upload", as_response, body=StreamBody(lambda: source, length)))
        assert caught.value.outcome == "unknown"
        assert not caught.value.request_sent
        assert (await client.send(lading.Call("GET", "next", as_response))).body == b"ok"


@pytest.mark.parametrize("length", [6, None], ids=["length", "chunked"])
async def test_early_success_and_the_end_before_the_last_piece(length: int | None, tls: Any) -> None:
    """The system would still take the rest: that it was written does not mean that anybody reads it."""

    def script(peer: Peer) -> None:
        peer.head()
        peer.until(b"abc")
        peer.send(CREATED)
        peer.end()
        if not tls[0]:
            peer.half_close()
        peer.drain()

    class Pieces:
        count = 0

        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> bytes:
            self.count += 1
            if self.count == 1:
                return b"abc"
            if self.count == 2:
                await until(lambda: watched and watched[0].ended_at is not None)
                return b"def"
            raise StopAsyncIteration

    watched: list[Any] = []
    original = EarlyResponseWatch.__init__

    def noted(self: Any, link: Any, parser: Any, writer: Any) -> None:
        watched.append(writer)
        original(self, link, parser, writer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EarlyResponseWatch, "__init__", noted)
        async with RawServer(script, tls[0]) as server, make_client(server.url, tls[1]) as client:
            with pytest.raises(lading.NetworkError, match="before it had received") as caught:
                await client.send(lading.Call("POST", "", as_response, body=StreamBody(Pieces, length)))
            assert caught.value.outcome == "unknown"
            assert not caught.value.request_sent


@pytest.mark.parametrize(("length", "sent"), [(6, True), (None, False)], ids=["length", "chunked"])
async def test_response_after_the_last_byte_and_before_the_source_has_ended(
    tls: Any, length: int | None, sent: bool
) -> None:
    """The server had all of it, whatever the source still does: closing a file, on a busy machine, takes a while."""

    def script(peer: Peer) -> None:
        peer.head()
        peer.until(b"abcdef")
        peer.send(b"HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n")
        peer.drain()

    class Pieces:
        given = False

        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> bytes:
            if self.given:
                await anyio.sleep_forever()
            self.given = True
            return b"abcdef"

    async with RawServer(script, tls[0]) as server, make_client(server.url, tls[1]) as client:
        with pytest.raises(lading.ServerError) as caught:
            await client.send(lading.Call("POST", "", as_response, body=StreamBody(Pieces, length)))
        assert caught.value.outcome == "unknown"
        assert caught.value.request_sent is sent

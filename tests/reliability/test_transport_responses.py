"""Responses in every form that HTTP/1.1 allows, and in many that it does not."""

from __future__ import annotations

import gzip
import json
import threading
import time
from typing import Any, NamedTuple

import httpx
import pytest

import lading
from lading import Transport
from lading._core.body import StreamBody
from lading._http.errors import ProtocolError, ReadFailed
from lading._http.httpx_adapter import _BodyStream
from tests.support.raw_server import OK, Peer, RawServer
from tests.support.transport_client import MIB, Source, as_response, make_client, open_response, request

pytestmark = pytest.mark.anyio


class Case(NamedTuple):
    """What the server sends, and what is made of it."""

    sent: bytes
    body: bytes = b""
    again: bool = True  # whether the connection is used for the next request
    status: int = 200
    method: str = "GET"
    ends: bool = False  # whether the server then ends its side


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

GOOD = {
    "length": Case(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    "empty": Case(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    "no reason": Case(b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"),
    "chunked": Case(CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde"),
    "chunk extensions": Case(CHUNKED + b'3;a=b;c="d"\r\nabc\r\n0;last\r\n\r\n', b"abc"),
    "trailers": Case(CHUNKED + b"A\r\n0123456789\r\n0\r\nX-Sum: 1\r\nX-End: 2\r\n\r\n", b"0123456789"),
    "until the end": Case(b"HTTP/1.1 200 OK\r\n\r\nall of it", b"all of it", again=False, ends=True),
    "nothing until the end": Case(b"HTTP/1.1 200 OK\r\n\r\n", again=False, ends=True),
    "head": Case(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", method="HEAD", again=False),
    "head chunked": Case(CHUNKED, method="HEAD", again=False),
    "head of unknown length": Case(b"HTTP/1.1 200 OK\r\n\r\n", method="HEAD", again=False),
    "head of nothing": Case(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", method="HEAD"),
    "204": Case(b"HTTP/1.1 204 No Content\r\n\r\n", status=204),
    "204 of some length": Case(b"HTTP/1.1 204 No\r\nContent-Length: 4\r\n\r\n", status=204, again=False),
    "204 chunked": Case(b"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n", status=204, again=False),
    "304": Case(b"HTTP/1.1 304 Not Modified\r\nETag: a\r\n\r\n", status=304),
    "304 of some length": Case(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", status=304, again=False),
    "length and chunks": Case(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"ok",
        again=False,
    ),
    "100 and 103": Case(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"ok",
    ),
    "close": Case(b"HTTP/1.1 200 OK\r\nConnection: foo, Close\r\nContent-Length: 2\r\n\r\nok", b"ok", again=False),
    "1.0": Case(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok", again=False),
    "1.0 kept": Case(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "equal lengths": Case(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "too long": Case(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more", b"ok", again=False),
    "more chunks": Case(CHUNKED + b"2\r\nok\r\n0\r\n\r\n2\r\nno\r\n", b"ok", again=False),
    "204 with a body": Case(b"HTTP/1.1 204 No Content\r\n\r\nbody", status=204, again=False),
    "large": Case(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (3 * MIB) + bytes(3 * MIB), bytes(3 * MIB)),
    "many chunks": Case(CHUNKED + b"1\r\nx\r\n" * 5000 + b"0\r\n\r\n", b"x" * 5000),
}

BAD = {
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "short body": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf.",
    "no body": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
    "short chunk": CHUNKED + b"A\r\nhalf.",
    "no last chunk": CHUNKED + b"2\r\nok\r\n",
    "half a trailer": CHUNKED + b"2\r\nok\r\n0\r\nX-A: ",
    "chunk size no number": CHUNKED + b"zz\r\nok\r\n0\r\n\r\n",
    "chunk size negative": CHUNKED + b"-2\r\nok\r\n0\r\n\r\n",
    "chunk size huge": CHUNKED + b"f" * 30 + b"\r\nok\r\n0\r\n\r\n",
    "chunk longer than said": CHUNKED + b"2\r\nokok\r\n0\r\n\r\n",
    "garbage": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "binary garbage": bytes(range(256)) * 10,
    "status no number": b"HTTP/1.1 abc OK\r\n\r\n",
    "another HTTP": b"HTTP/2 200\r\n\r\n",
    "lengths in conflict": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk",
    "length negative": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
    "length no number": b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok",
    "header without colon": b"HTTP/1.1 200 OK\r\nContent-Length\r\n\r\n",
    "space in header name": b"HTTP/1.1 200 OK\r\nX Y: 1\r\n\r\n",
    "unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "101 unrequested": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "huge header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * MIB,
    "endless head": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * (MIB // 6),
    "huge status line": b"HTTP/1.1 200 " + b"x" * MIB,
}


@pytest.mark.parametrize("how", ["bytes", "into"])
@pytest.mark.parametrize("case", GOOD.values(), ids=GOOD.keys())
async def test_good_response(case: Case, how: str, tls: Any) -> None:
    """However the bytes arrive, and however they are taken."""

    def script(peer: Peer) -> None:
        if peer.number:
            return peer.serve()
        peer.request()
        # What is too much would be noticed or not, by the byte: it comes with the rest.
        if how == "bytes" and len(case.sent) < 1000 and (case.again or case.ends):
            for index in range(len(case.sent)):
                peer.send(case.sent[index : index + 1])
                time.sleep(0)  # another thread's turn: no more than a hint
        else:
            peer.send(case.sent)
        if case.ends:
            peer.end()
        else:
            peer.serve()
        return None

    async with RawServer(script, tls[0]) as server, Transport(tls=tls[1]) as transport:
        response = await open_response(transport, server.url, case.method)
        assert response.status_code == case.status
        assert await (taken_into(response) if how == "into" else taken(response)) == case.body
        assert (await request(transport, server.url)).body == b"ok"
        assert len(server.peers) == (1 if case.again else 2)
        assert transport._transport.pool.share.busy == 0


async def taken(response: httpx.Response) -> bytes:
    stream = response.stream
    assert isinstance(stream, httpx.AsyncByteStream)
    return b"".join([piece async for piece in stream])


async def taken_into(response: httpx.Response) -> bytes:
    stream = response.stream
    if not isinstance(stream, _BodyStream):  # it came with the head
        return await taken(response)
    body, buffer, found = stream._body, bytearray(1000), b""
    while count := await body.read_into(memoryview(buffer)):
        found += buffer[:count]
    assert await body.read_into(memoryview(buffer)) == 0
    return found


@pytest.mark.parametrize("sent", BAD.values(), ids=BAD.keys())
async def test_bad_response(sent: bytes, tls: Any) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(sent)

    async with RawServer(script, tls[0]) as server, Transport(tls=tls[1]) as transport:
        for take in (taken, taken_into):
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError, ProtocolError, ReadFailed)):
                await take(await open_response(transport, server.url))
            assert transport._transport.pool.total == 0
        assert len(server.peers) == 2


@pytest.mark.parametrize("name", ["garbage", "short body", "no last chunk"])
async def test_bad_response_is_reported_as_our_error(name: str) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(BAD[name])

    async with RawServer(script) as server, make_client(server.url) as client:
        with pytest.raises(lading.NetworkError) as caught:
            await client.send(lading.Call("POST", "", as_response))
        assert (caught.value.phase, caught.value.outcome) == ("receive", "unknown")
        assert f"127.0.0.1:{server.port}" in str(caught.value)


@pytest.mark.parametrize("cut", [0, 1, 9])
@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP"])
async def test_compressed_response(coding: str, cut: int) -> None:
    """A body that ends before its compression does is incomplete, however well it was framed."""
    plain = json.dumps(list(range(100_000))).encode()
    packed = gzip.compress(plain, 1)
    packed = packed[: len(packed) - cut]
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(packed)}\r\n\r\n"

    async with RawServer(lambda peer: peer.serve(head.encode() + packed)) as server, make_client(server.url) as client:
        call = lading.Call("GET", "", as_response)
        if cut:
            with pytest.raises(lading.InvalidResponse):
                await client.send(call)
        else:
            assert (await client.send(call)).body == plain
        nothing = lading.Call("HEAD", "", as_response)
        assert (await client.send(nothing)).body == b""


@pytest.mark.parametrize("interim", [b"HTTP/1.1 102 Processing\r\n\r\n", b"X"])
async def test_head_that_takes_for_ever(interim: bytes, tls: Any) -> None:
    """Neither interim responses nor single bytes extend the timeout without end."""

    def script(peer: Peer) -> None:
        peer.request()
        if interim == b"X":
            peer.send(b"HTTP/1.1 200 OK\r\nX-More: ")
        while not peer.server.over.wait(0.02):
            peer.send(interim)

    async with RawServer(script, tls[0]) as server, Transport(tls=tls[1]) as transport:
        with pytest.raises((httpx.ReadTimeout, httpx.RemoteProtocolError), match=r"not complete after|interim"):
            await request(transport, server.url, read=0.1)
        assert transport._transport.pool.total == 0


async def test_interim_responses_without_end_to_an_upload(tls: Any) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        while True:
            peer.send(b"HTTP/1.1 102 Processing\r\n\r\n")

    async with RawServer(script, tls[0]) as server, make_client(server.url, tls[1]) as client:
        body = StreamBody(lambda: Source(64 * MIB))
        with pytest.raises(lading.NetworkError, match="more than 32 interim responses"):
            await client.send(lading.Call("POST", "", as_response, body=body))


@pytest.mark.parametrize("framing", [b"Content-Length: 44\r\n", b"Transfer-Encoding: chunked\r\n", b""])
async def test_late_body_of_a_response_to_head(framing: bytes, tls: Any) -> None:
    """It arrives when the next request is under way, and looks like a response: it is nobody's."""
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong"

    def script(peer: Peer) -> None:
        if peer.number:
            return peer.serve()
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n")
        peer.head()  # the next request, if it comes over this connection
        peer.send(forged)
        return None

    async with RawServer(script, tls[0]) as server, Transport(tls=tls[1]) as transport:
        assert (await request(transport, server.url, "HEAD")).body == b""
        assert (await request(transport, server.url)).body == b"ok"


@pytest.mark.parametrize("how", ["bytes", "into"])
async def test_too_long_a_body_in_pieces(how: str, tls: Any) -> None:
    """What comes after the announced end is no part of this response, nor of the next."""
    read = threading.Event()

    def script(peer: Peer) -> None:
        if peer.number:
            return peer.serve()
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
        read.wait(20)
        peer.send(b"llo" + OK)
        peer.hold()
        return None

    async with RawServer(script, tls[0]) as server, Transport(tls=tls[1]) as transport:
        response = await open_response(transport, server.url)
        assert response.status_code == 200
        read.set()
        assert await (taken_into(response) if how == "into" else taken(response)) == b"hello"
        assert (await request(transport, server.url)).body == b"ok"
        assert len(server.peers) == 2

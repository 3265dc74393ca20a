"""Nothing that a caller or a store puts into a request's head can end a line early; and no error repeats it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lading
from lading import Transport
from lading._core.body import Body, BytesBody, StreamBody
from lading._http.errors import UnsendableRequest
from lading._http.h1 import encode_fields, encode_head
from tests.support.raw_server import Peer, RawServer, until
from tests.support.transport_client import Source, as_response, make_client

BREAKS = [
    "\r\nX-Injected: 1",
    "\nX-Injected: 1",
    "\rX-Injected: 1",
    "\0",
    "\r\n\r\nGET /smuggled HTTP/1.1",
    "\x7f",
    "\x0b",
]
SECRET = "s3cret"


class Watching:
    """A script that keeps whatever comes."""

    def __init__(self) -> None:
        self.received: list[bytes] = []

    def __call__(self, peer: Peer) -> None:
        while data := peer.receive():
            self.received.append(data)
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def request_with(where: str, text: str, url: str) -> httpx.Request:
    """A request made as httpx lets one be made, with *text* in one place."""
    value = f"{SECRET}{text}".encode("latin-1")
    if where == "header name":
        return httpx.Request("GET", url, headers=[(b"X-" + value, b"1")])
    if where == "header value":
        return httpx.Request("GET", url, headers=[(b"Authorization", value)])
    if where == "host header":
        return httpx.Request("GET", url, headers=[(b"Host", value)])
    request = httpx.Request("GET", url)
    if where == "method":
        request.method = value.decode("latin-1")
    else:
        # httpx quotes what it is given; a URL object need not come from there.
        request.url = _RawURL(request.url, b"/" + value)  # type: ignore[assignment]
    return request


class _RawURL:
    def __init__(self, url: httpx.URL, raw_path: bytes) -> None:
        self._url = url
        self.raw_path = raw_path

    def __getattr__(self, name: str) -> Any:
        return getattr(self._url, name)


@pytest.mark.anyio
@pytest.mark.parametrize("text", BREAKS)
@pytest.mark.parametrize("where", ["header name", "header value", "host header", "method", "target"])
async def test_refused_before_anything_is_sent(where: str, text: str) -> None:
    watching = Watching()
    async with RawServer(watching) as server, Transport() as transport:
        with pytest.raises(httpx.LocalProtocolError) as caught:
            await transport.handle_async_request(request_with(where, text, server.url))
        if where == "header name":
            assert "X-Injected: 1" not in str(caught.value).replace("\\", "")[:20]
        else:
            assert SECRET not in str(caught.value)
        assert transport._transport.pool.share.busy == 0
        await until(lambda: len(server.peers) == 0 or server.peers[0].sock.fileno() == -1)
        assert not watching.received


@pytest.mark.anyio
@pytest.mark.parametrize("text", [*BREAKS, " ", "\t", "\n", "\u00e9", "\u20ac", "\udc80"])
async def test_header_values_of_a_call(text: str) -> None:
    """A token read from a file with its line end, for one: reported by the header's name, never by its value."""
    watching = Watching()
    async with RawServer(watching) as server, make_client(server.url) as client:
        call = lading.Call("GET", "", as_response, headers={"X-Token": SECRET + text})
        with pytest.raises(lading.InputError) as caught:
            await client.send(call)
        assert SECRET not in repr(caught.value) + str(caught.value)
        assert "address" not in str(caught.value)
        assert not watching.received


@pytest.mark.anyio
@pytest.mark.parametrize("text", BREAKS)
@pytest.mark.parametrize("where", ["method", "path", "hole", "query", "header name"])
async def test_the_rest_of_a_call(where: str, text: str) -> None:
    """Refused, or quoted: what arrives, if anything does, is one request."""
    watching = Watching()
    calls = {
        "method": lading.Call(f"GET{text}", "", as_response),
        "path": lading.Call("GET", f"simple{text}/", as_response),
        "hole": lading.Call("GET", "simple/{name}/", as_response, path_params={"name": f"a{text}"}),
        "query": lading.Call("GET", "", as_response, params={"q": f"a{text}"}),
        "header name": lading.Call("GET", "", as_response, headers={f"X-A{text}": "1"}),
    }
    async with RawServer(watching) as server, make_client(server.url) as client:
        if where in {"hole", "query"}:
            await client.send(calls[where])
        else:
            with pytest.raises(lading.InputError):
                await client.send(calls[where])
        heads = b"".join(watching.received)
        assert heads.count(b" HTTP/1.1\r\n") == (1 if where in {"hole", "query"} else 0)
        assert b"\r\nX-Injected" not in heads


@pytest.mark.anyio
@pytest.mark.parametrize(
    "headers",
    [
        {"content-length": "3"},
        {"Content-Length": "11"},
        {"Content-Length": "+10"},
        {"Content-Length": "ten"},
        {"Content-Length": "10", "content-length": "10"},
        {"Transfer-Encoding": "chunked"},
        {"transfer-encoding": "gzip"},
        {"Content-Length": "10", "Transfer-Encoding": "chunked"},
    ],
)
@pytest.mark.parametrize(
    "body", [BytesBody(b"0123456789"), StreamBody(lambda: Source(10), 10)], ids=["bytes", "stream"]
)
async def test_where_the_body_ends_is_said_once_and_truly(headers: dict[str, str], body: Body) -> None:
    """Else the rest of it would be the server's next request."""
    async with RawServer(Peer.serve) as server, make_client(server.url) as client:
        try:
            await client.send(lading.Call("POST", "", as_response, headers=headers, body=body))
        except lading.InputError:
            assert not server.requests
        else:  # ours took the place of the caller's
            assert body.length == 10
            assert not isinstance(body, BytesBody)
            assert server.requests[0].headers["content-length"] == "10"
            assert set(headers) == {"Content-Length"}


@pytest.mark.anyio
async def test_length_that_nobody_announced() -> None:
    async with RawServer(Peer.serve) as server, Transport() as transport:
        request = httpx.Request("POST", server.url, stream=httpx.ByteStream(b"0123456789"))
        await (await transport.handle_async_request(request)).aclose()
        assert server.requests[0].headers["content-length"] == "10"
        assert len(server.peers[0].requests) == 1


@given(st.binary(), st.binary(), st.lists(st.tuples(st.binary(), st.binary()), max_size=3))
def test_any_head_that_is_written_has_just_its_lines(
    method: bytes, target: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    try:
        head = encode_head(method, target, encode_fields(headers))
    except UnsendableRequest:
        return
    first, *lines = head.split(b"\r\n")
    assert first == method + b" " + target + b" HTTP/1.1"
    assert first.count(b" ") == 2
    assert lines == [name + b": " + value for name, value in headers] + [b"", b""]
    assert b"\0" not in head
    assert head.count(b"\n") == head.count(b"\r") == len(headers) + 2


_TOKEN = st.text("!#$%&'*+.^_`|~-0123456789abcXYZ", min_size=1).map(str.encode)
_INSIDE = st.binary(min_size=1).map(lambda b: bytes(c for c in b if c > 32 and c != 127)).filter(bool)


@given(_TOKEN, st.lists(st.tuples(_TOKEN, st.lists(_INSIDE, max_size=3).map(b" \t".join)), max_size=3))
def test_every_head_that_http_allows_is_written(method: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    head = encode_head(method, b"/a?b=%20", encode_fields(headers))
    assert head == b"".join(
        [method, b" /a?b=%20 HTTP/1.1\r\n", *(n + b": " + v + b"\r\n" for n, v in headers), b"\r\n"]
    )

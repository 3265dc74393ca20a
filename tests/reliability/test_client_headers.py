"""Headers that a caller gives: each is sent once, the caller's own before the defaults, and the framing is true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest

from lading import BytesBody, Call, InputError, StreamBody, TokenAuth
from tests.support.raw_server import OK, RawServer
from tests.support.transport_client import as_response, make_client

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from lading import Body
    from tests.support.raw_server import Peer

pytestmark = pytest.mark.anyio


class Recorder:
    """Keeps the lines of every request's head."""

    def __init__(self) -> None:
        self.heads: list[list[str]] = []
        self.rest = b""

    def __call__(self, peer: Peer) -> None:
        while True:
            self.heads.append(peer.until(b"\r\n\r\n").decode().split("\r\n")[1:-2])
            peer.send(OK)

    def values(self, name: str) -> list[str]:
        pairs = [line.split(": ", 1) for line in self.heads[-1]]
        return [value for found, value in pairs if found.lower() == name]


@pytest.fixture(params=[None, httpx, httpx2], ids=["own transport", "httpx", "httpx2"])
def http(request: pytest.FixtureRequest, client_tls: ssl.SSLContext) -> Any:
    """A client to hand in, or None; made off the loop: that reads files."""
    return request.param and request.param.AsyncClient(verify=client_tls, trust_env=False)


@pytest.fixture
async def options(http: Any) -> AsyncIterator[dict[str, Any]]:
    if http is None:
        yield {}
    else:
        async with http:
            yield {"http_client": http}


async def three() -> AsyncIterator[bytes]:
    yield b"abc"


async def test_a_default_is_replaced_whatever_the_case(options: dict[str, Any]) -> None:
    given = {"HOST": "other.test", "accept": "x/y", "user-agent": "me", "ACCEPT-ENCODING": "identity"}
    recorder = Recorder()
    async with RawServer(recorder) as server, make_client(server.url, **options) as client:
        await client.send(Call("GET", "a", as_response, headers=given))
    for name, value in given.items():
        assert recorder.values(name.lower()) == [value]


async def test_the_content_type_is_sent_once(options: dict[str, Any]) -> None:
    recorder = Recorder()
    async with RawServer(recorder) as server, make_client(server.url, **options) as client:
        await client.send(Call("POST", "a", as_response, headers={"content-type": "x/y"}, json={}))
    assert recorder.values("content-type") == ["application/json"]


async def test_a_header_of_the_credentials_is_not_given_a_second_time(options: dict[str, Any]) -> None:
    recorder = Recorder()
    async with RawServer(recorder) as server, make_client(server.url, **options) as client:
        call = Call("GET", "a", as_response, headers={"authorization": "mine"}, auth=TokenAuth("of-the-call"))
        with pytest.raises(InputError, match="twice"):
            await client.send(call)
    assert not recorder.heads


@pytest.mark.parametrize("body", [StreamBody(three), StreamBody(three, 3), BytesBody(b"abc")], ids=["?", "3", "bytes"])
async def test_a_host_is_the_callers(body: Body, options: dict[str, Any]) -> None:
    async with RawServer(lambda peer: peer.serve()) as server, make_client(server.url, **options) as client:
        await client.send(Call("POST", "a", as_response, headers={"host": "other.test"}, body=body))
        assert [request.headers["host"] for request in server.requests] == ["other.test"]


@pytest.mark.parametrize("headers", [{"X": 1}, {"X": None}, {"X": b"y"}, {1: "x"}, {b"X": "y"}], ids=str)
def test_names_and_values_are_strings(headers: Any) -> None:
    with pytest.raises(InputError, match="must be str"):
        Call("GET", "a", headers=headers)


@pytest.mark.parametrize(
    ("headers", "length", "fits"),
    [
        ({"Content-Length": "3"}, 3, True),
        ({"content-length": "3"}, None, True),
        ({"transfer-encoding": "chunked"}, None, True),
        ({"Content-Length": "2"}, 3, False),
        ({"Content-Length": "2"}, None, False),
        ({"content-length": "5"}, 3, False),
        ({"content-length": "5"}, None, False),
        ({"Transfer-Encoding": "chunked"}, 3, False),
    ],
    ids=str,
)
async def test_a_streamed_body_ends_where_its_head_says(
    headers: dict[str, str], length: int | None, fits: bool, options: dict[str, Any]
) -> None:
    """Else its rest would be the next request, or the server would wait for what never comes."""
    bodies: list[bytes] = []
    rest: list[bytes] = []

    def script(peer: Peer) -> None:
        _, body = peer.request()
        bodies.append(body)
        peer.send(OK)
        rest.append(peer.receive())

    async with RawServer(script) as server, make_client(server.url, **options) as client:
        call = Call("POST", "a", as_response, headers=headers, body=StreamBody(three, length))
        if fits:
            await client.send(call)
        else:
            with pytest.raises(InputError):
                await client.send(call)
    assert bodies == ([b"abc"] if fits else [])
    assert not any(rest)

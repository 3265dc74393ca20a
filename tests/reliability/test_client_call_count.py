"""A small request costs few Python calls: a count, which no busy machine changes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from lading import Call, Model, TokenAuth
from tests.support.raw_server import Peer, RawServer
from tests.support.transport_client import make_client

if TYPE_CHECKING:
    from types import FrameType

pytestmark = pytest.mark.anyio

BODY = b'{"name": "demo"}'
RESPONSE = (
    b"HTTP/1.1 200 OK\r\nServer: demo\r\nDate: Fri, 27 Nov 2026 23:00:00 GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nCache-Control: no-cache\r\nConnection: keep-alive\r\n\r\n" % len(BODY)
) + BODY
# On asyncio a call takes about 200. Half of it are the event loop's and anyio's own.
MOST = 220


class Thing(Model):
    name: str


class Counter:
    """Counts calls of Python functions, resumed coroutines included, as ``sys.setprofile`` reports them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        del frame, argument
        self.count += event == "call"


@pytest.mark.parametrize("auth", [None, TokenAuth("token-of-the-client")], ids=["no auth", "token"])
async def test_python_calls_of_one_send(auth: TokenAuth | None, anyio_backend_name: str) -> None:
    if anyio_backend_name != "asyncio":
        pytest.skip("other loops have other calls of their own")
    call = Call("GET", "thing/{name}", Thing, path_params={"name": "demo"})
    counts = []
    async with (
        RawServer(lambda peer: Peer.serve(peer, RESPONSE)) as server,
        make_client(server.url, auth=auth) as client,
    ):
        for _ in range(5):  # the first opens the connection and builds the model
            await client.send(call)
        before = sys.getprofile()
        for _ in range(20):
            counter = Counter()
            sys.setprofile(counter)
            try:
                await client.send(call)
            finally:
                sys.setprofile(before)
            counts.append(counter.count)
    # The least: how often the loop has to wait for the server differs.
    assert min(counts) <= MOST

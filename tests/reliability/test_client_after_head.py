"""Connections after a response to HEAD, which may announce a body that some servers send all the same."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lading import Call, Limits
from tests.support.raw_server import Peer, RawServer
from tests.support.transport_client import as_response, make_client

if TYPE_CHECKING:
    from lading import Response

pytestmark = pytest.mark.anyio
HEAD: Call[Response] = Call("HEAD", "x", as_response)


@pytest.mark.parametrize("keeps", [True, False])
async def test_a_service_says_whether_connections_are_kept(keeps: bool) -> None:
    def script(peer: Peer) -> None:
        with suppress(EOFError):
            while peer.head():
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n")

    async with RawServer(script) as server, make_client(server.url, limits=Limits(max_connections=1)) as client:
        service = replace(client._service, keeps_after_head=keeps)
        sender = client._connections.sender(service)
        for _ in range(3):
            assert (await sender.send(HEAD)).headers["content-length"] == "7"
    assert len(server.peers) == (1 if keeps else 3)

"""TCP keep-alive: a path that is dead is noticed while a connection is silent."""

from __future__ import annotations

import errno
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

import lading
from lading import KeepAlive, Limits, Transport
from lading._core.body import StreamBody
from tests.support.raw_server import Peer, RawServer
from tests.support.transport_client import MIB, Source, as_response, make_client, request

if TYPE_CHECKING:
    import ssl

pytestmark = pytest.mark.anyio

linux = pytest.mark.skipif(sys.platform != "linux", reason="these names of the options are Linux's")


def options(transport: Transport) -> dict[str, int]:
    """What the system says of the one idle connection."""
    (connection,) = transport._transport.pool._ages
    sock = connection._link._sock
    names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
    found = {name: sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in names}
    return {"SO_KEEPALIVE": sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), **found}


@linux
async def test_connections_are_probed(tls: Any) -> None:
    async with RawServer(Peer.serve, tls[0]) as server, Transport(tls=tls[1]) as transport:
        await request(transport, server.url)
        assert options(transport) == {
            "SO_KEEPALIVE": 1,
            "TCP_KEEPIDLE": 30,
            "TCP_KEEPINTVL": 10,
            "TCP_KEEPCNT": 6,
            "TCP_USER_TIMEOUT": 90_000,
        }


@linux
@pytest.mark.parametrize("secure", [True, False])
async def test_connections_through_a_proxy_are_probed(
    secure: bool, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(peer: Peer) -> None:
        if secure:
            peer.head()
            peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            peer.start_tls(server_tls)
        peer.serve()

    async with RawServer(script) as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        limits = Limits(tcp_keepalive=KeepAlive(idle=5.5, interval=2, count=3))
        async with Transport(tls=client_tls, limits=limits) as transport:
            await request(transport, f"{'https' if secure else 'http'}://localhost/")
            assert options(transport) == {
                "SO_KEEPALIVE": 1,
                "TCP_KEEPIDLE": 6,
                "TCP_KEEPINTVL": 2,
                "TCP_KEEPCNT": 3,
                "TCP_USER_TIMEOUT": 11_500,
            }


@linux
async def test_probes_can_be_switched_off() -> None:
    async with RawServer(Peer.serve) as server, Transport(limits=Limits(tcp_keepalive=None)) as transport:
        await request(transport, server.url)
        found = options(transport)
        assert (found["SO_KEEPALIVE"], found["TCP_USER_TIMEOUT"]) == (0, 0)


async def test_systems_that_lack_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_KEEPIDLE", "_KEEPINTVL", "_KEEPCNT", "_USER_TIMEOUT"):
        monkeypatch.setattr(f"lading._http.sockets.{name}", None if name == "_KEEPCNT" else 9999)
    async with RawServer(Peer.serve) as server, Transport() as transport:
        assert (await request(transport, server.url)).body == b"ok"


@pytest.mark.parametrize(
    "wrong", [{"idle": 0}, {"interval": 0.5}, {"count": 0}, {"idle": 40_000}, {"interval": 40_000}, {"count": 128}]
)
def test_settings_that_the_system_would_not_take(wrong: dict[str, Any]) -> None:
    with pytest.raises(lading.InputError):
        KeepAlive(**wrong)


async def test_a_dead_path_while_an_upload_waits_for_its_response(tls: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system reports when probes stay without a response: the request was sent, its outcome is unknown."""

    def script(peer: Peer) -> None:
        peer.request()
        dead.append(peer)
        peer.send(b"HTTP/1.1 102 Processing\r\n\r\n")  # wakes the client, to whom the system then says:
        peer.hold()

    class Socket(socket.socket):
        def recv(self, *arguments: Any) -> bytes:
            if dead:
                raise OSError(errno.ETIMEDOUT, "Connection timed out")
            return super().recv(*arguments)

    dead: list[Peer] = []
    monkeypatch.setattr("lading._http.connect.socket.socket", Socket)
    async with RawServer(script, tls[0]) as server, make_client(server.url, tls[1]) as client:
        body = StreamBody(lambda: Source(MIB), MIB)
        with pytest.raises(lading.NetworkError, match="timed out") as caught:
            await client.send(lading.Call("POST", "", as_response, body=body))
        assert (caught.value.phase, caught.value.outcome) == ("receive", "unknown")
        assert caught.value.request_sent

"""TLS: who is trusted, what is said when nobody is, and connections that are ready to read but have said nothing."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from anyio import to_thread

import lading
from lading import Transport
from lading._core.body import StreamBody
from lading._core.download import Expected, download
from lading._http.connect import connect
from lading._http.sockets import LoopShare, SocketStream
from lading._http.tls import TLSStream
from tests.support.raw_server import OK, Peer, RawServer, until
from tests.support.transport_client import MIB, Source, as_response, make_client, request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import trustme

pytestmark = pytest.mark.anyio


async def refused(server: RawServer, tls: Any, *, host: str = "127.0.0.1") -> tuple[lading.NetworkError, int]:
    """The error of a call that may go again, and how many times it was made."""
    events: list[Any] = []
    url = f"https://{host}:{server.port}"
    retry = lading.Retry(attempts=3, backoff=0)
    async with make_client(url, tls, retry=retry, hooks=[events.append]) as client:
        with pytest.raises(lading.NetworkError) as caught:
            await client.send(lading.Call("GET", "", as_response))
        lane = client._connections.loop_state()
        assert lane.backend._transport.pool.total == 0  # type: ignore[attr-defined]
    assert caught.value.outcome == "not_done"
    return caught.value, events[-1].attempts


async def test_certificate_of_an_unknown_authority(server_tls: ssl.SSLContext) -> None:
    async with RawServer(Peer.serve, server_tls) as server:
        error, attempts = await refused(server, None)
        assert not server.requests
    assert (error.phase, attempts) == ("tls", 1)
    assert "certificate verify failed" in str(error)
    assert "tls=" in str(error)


async def test_certificate_for_another_host(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(_: str, port: int) -> list[Any]:
        return [(socket.AF_INET, ("127.0.0.1", port))]

    monkeypatch.setattr("lading._http.connect._resolve", resolve)
    async with RawServer(Peer.serve, server_tls) as server:
        error, attempts = await refused(server, client_tls, host="another.test")
        assert not server.requests
    assert (error.phase, attempts) == ("tls", 1)
    assert "another.test" in str(error)
    assert "certificate" in str(error)


async def test_no_tls_behind_https(client_tls: ssl.SSLContext) -> None:
    def script(peer: Peer) -> None:
        peer.receive()
        peer.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        peer.drain()

    async with RawServer(script) as server:
        error, attempts = await refused(server, client_tls)
    assert (error.phase, attempts) == ("tls", 1)
    assert "responded without TLS" in str(error)
    assert "http://" in str(error)


@pytest.fixture
def index_tls(authority: trustme.CA) -> ssl.SSLContext:
    """A server's context with a certificate for ``index.test``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("index.test").configure_cert(context)
    return context


async def test_dot_at_the_end_of_the_name(
    index_tls: ssl.SSLContext, client_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is for the resolver: no certificate has it, and no server name (RFC 6066). The Host is as it was given."""
    names: list[str | None] = []
    resolved: list[str] = []

    async def resolve(host: str, port: int) -> list[Any]:
        resolved.append(host)
        return [(socket.AF_INET, ("127.0.0.1", port))]

    monkeypatch.setattr("lading._http.connect._resolve", resolve)
    index_tls.sni_callback = lambda _, name, __: names.append(name)
    async with RawServer(Peer.serve, index_tls) as server, Transport(tls=client_tls) as transport:
        assert (await request(transport, f"https://index.test.:{server.port}/")).body == b"ok"
        assert server.requests[0].headers["host"] == f"index.test.:{server.port}"
    assert (names, resolved) == (["index.test"], ["index.test."])


@pytest.mark.parametrize("host", [".", ".index.test", "a" * 64 + ".test", "index..test"])
async def test_names_that_no_certificate_can_have(
    host: str, client_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(_: str, port: int) -> list[Any]:
        return [(socket.AF_INET, ("127.0.0.1", port))]

    monkeypatch.setattr("lading._http.connect._resolve", resolve)
    async with RawServer(Peer.serve) as server:
        error, attempts = await refused(server, client_tls, host=host)
    assert (error.phase, attempts) == ("tls", 1)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
async def test_server_is_told_why_its_certificate_was_refused(
    version: ssl.TLSVersion, own_server_tls: ssl.SSLContext
) -> None:
    """By TLS's alert, and not by a connection that just ends."""
    own_server_tls.minimum_version = own_server_tls.maximum_version = version
    async with RawServer(Peer.serve, own_server_tls) as server:
        await refused(server, None)
        await until(lambda: server.failures)
        assert "unknown ca" in str(server.failures[0])


def end(peer: Peer) -> None:
    peer.receive()


def reset(peer: Peer) -> None:
    peer.receive()
    peer.reset()


def half_a_record(peer: Peer) -> None:
    peer.receive()
    peer.send(b"\x16\x03\x03\x40\x00\x02")


@pytest.mark.parametrize("script", [end, reset, half_a_record])
async def test_handshake_that_is_interrupted(script: Callable[[Peer], None], client_tls: ssl.SSLContext) -> None:
    """Nothing was sent, and it says nothing about certificates: it is tried again."""
    async with RawServer(script) as server:
        error, attempts = await refused(server, client_tls)
        assert len(server.peers) == 3
    assert "TLS handshake" in str(error)
    assert (error.phase, attempts) == ("connect", 3)


async def test_authorities_from_a_file(server_tls: ssl.SSLContext, ca_file: Path) -> None:
    async with RawServer(Peer.serve, server_tls) as server:
        for path in (ca_file, str(ca_file)):
            async with Transport(tls=path) as transport:
                assert (await request(transport, server.url)).body == b"ok"


@pytest.fixture(params=["missing", "no certificates", "a directory"])
def no_ca_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    if request.param == "no certificates":
        path.write_text("nothing of the kind")
    elif request.param == "a directory":
        path.mkdir()
    return path


@pytest.mark.parametrize("how", ["argument", "environment"])
async def test_authorities_from_no_such_file(
    no_ca_file: Path, how: str, server_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "environment":
        monkeypatch.setenv("SSL_CERT_FILE", str(no_ca_file))
    async with RawServer(Peer.serve, server_tls) as server:
        async with make_client(server.url, no_ca_file if how == "argument" else None) as client:
            with pytest.raises(lading.ConfigError, match=r"ca\.pem"):
                await client.send(lading.Call("GET", "", as_response))
        assert not server.requests


async def test_the_environment_can_be_left_out(
    server_tls: ssl.SSLContext, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    async with RawServer(Peer.serve, server_tls) as server:
        async with Transport() as transport:
            assert (await request(transport, server.url)).body == b"ok"
        async with Transport(trust_env=False) as transport:
            with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
                await request(transport, server.url)


async def test_authorities_from_the_environment(
    server_tls: ssl.SSLContext, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    async with RawServer(Peer.serve, server_tls) as server, make_client(server.url) as client:
        assert (await client.send(lading.Call("GET", "", as_response))).body == b"ok"


async def test_environment_is_ignored_without_trust_env(
    server_tls: ssl.SSLContext, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    async with RawServer(Peer.serve, server_tls) as server, Transport(trust_env=False) as transport:
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            await request(transport, server.url)


@pytest.fixture
def own_server_tls(authority: trustme.CA) -> ssl.SSLContext:
    """A server's context that a test may change."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.configure_trust(context)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
async def test_versions(version: ssl.TLSVersion, own_server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    own_server_tls.minimum_version = own_server_tls.maximum_version = version

    def script(peer: Peer) -> None:
        assert isinstance(peer.sock, ssl.SSLSocket)
        assert peer.sock.version() == version.name.replace("_", ".")
        for _ in range(2):
            peer.request()
            peer.send(OK)
        peer.head()
        peer.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        peer.hold()

    async with RawServer(script, own_server_tls) as server, make_client(server.url, client_tls) as client:
        assert (await client.send(lading.Call("GET", "", as_response))).body == b"ok"
        source = Source(8 * MIB)
        body = StreamBody(lambda: source, source.size)
        assert (await client.send(lading.Call("POST", "", as_response, body=body))).body == b"ok"
        with pytest.raises(lading.PayloadTooLarge):
            await client.send(lading.Call("POST", "", as_response, body=StreamBody(lambda: Source(64 * MIB))))


@pytest.fixture
def showing_tls(authority: trustme.CA) -> ssl.SSLContext:
    """A client's context with a certificate of its own."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    authority.issue_cert("client@lading.test").configure_cert(context)
    return context


@pytest.mark.parametrize("shown", [True, False])
async def test_certificate_of_the_client(
    shown: bool, own_server_tls: ssl.SSLContext, showing_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    own_server_tls.verify_mode = ssl.CERT_REQUIRED
    context = showing_tls if shown else client_tls
    async with RawServer(Peer.serve, own_server_tls) as server, make_client(server.url, context) as client:
        call = lading.Call("GET", "", as_response)
        if shown:
            assert (await client.send(call)).body == b"ok"
        else:
            with pytest.raises(lading.NetworkError, match="certificate required"):
                await client.send(call)


async def test_session_tickets_are_nothing_said(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    """An idle connection with tickets to read is as good as one without."""
    async with RawServer(Peer.serve, server_tls) as server:
        link = TLSStream(await connect("127.0.0.1", server.port), LoopShare(), client_tls, "127.0.0.1")
        try:
            await link.handshake()
            await link.wait_readable(20)  # the tickets that TLS 1.3 servers send first
            assert not SocketStream.is_idle(link)
            assert link.is_idle()
            assert link.is_idle()
            await link.send(b"GET / HTTP/1.1\r\n\r\n", 20)
            assert await link.receive(20) == OK
        finally:
            link.close()


async def test_response_that_came_with_the_handshake(
    own_server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """A server that refuses at once, in the packet that ends the handshake (TLS 1.2), and then keeps still."""
    own_server_tls.maximum_version = ssl.TLSVersion.TLSv1_2

    def script(peer: Peer) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        server_side = own_server_tls.wrap_bio(incoming, outgoing, server_side=True)
        while True:
            try:
                server_side.do_handshake()
                break
            except ssl.SSLWantReadError:
                peer.send(outgoing.read())
                incoming.write(peer.receive())
        server_side.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
        peer.send(outgoing.read())
        peer.hold()

    async with RawServer(script) as server, Transport(tls=client_tls) as transport:
        response = await request(transport, server.url.replace("http:", "https:"), read=5)
        assert response.status == 503


@pytest.mark.parametrize("unwrapped", [True, False])
async def test_the_end_of_a_tls_connection(
    unwrapped: bool, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """With TLS's own closing message the end is noticed at once, though the socket stays open."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf.")
        if unwrapped:
            assert isinstance(peer.sock, ssl.SSLSocket)
            peer.sock.unwrap()

    async with RawServer(script, server_tls) as server, Transport(tls=client_tls) as transport:
        with pytest.raises(httpx.RemoteProtocolError, match="after 5 of 10"):
            await request(transport, server.url, read=20)
        await until(lambda: transport._transport.pool.total == 0)


HEADS = [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n"]


@pytest.mark.parametrize("head", HEADS, ids=["1.1", "1.0"])
@pytest.mark.parametrize("unwrapped", [True, False])
async def test_response_that_only_the_end_frames(
    head: bytes, unwrapped: bool, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """Without TLS's closing message anybody on the way may have cut it (RFC 9112 9.8)."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(head + bytes(MIB))
        if unwrapped:
            peer.end()

    async with RawServer(script, server_tls) as server, make_client(server.url, client_tls) as client:
        call = lading.Call("GET", "", as_response)
        if unwrapped:
            assert (await client.send(call)).body == bytes(MIB)
            return
        with pytest.raises(lading.NetworkError, match="close_notify") as caught:
            await client.send(call)
        assert (caught.value.phase, caught.value.outcome) == ("receive", "not_done")


@pytest.mark.parametrize("unwrapped", [True, False])
async def test_download_without_size_and_digest_that_was_cut(
    unwrapped: bool, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, tmp_path: Path
) -> None:
    """No half of a file is kept."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(HEADS[0] + bytes(MIB))
        if unwrapped:
            peer.end()

    target = tmp_path / "file"
    async with RawServer(script, server_tls) as server, make_client(server.url, client_tls) as client:
        call = lading.Call("GET", "file", as_response)
        if unwrapped:
            await download(client._sender, call, target, promise=Expected())
            assert await to_thread.run_sync(target.read_bytes) == bytes(MIB)
            return
        with pytest.raises(lading.NetworkError, match="close_notify"):
            await download(client._sender, call, target, promise=Expected())
    assert await to_thread.run_sync(lambda: list(tmp_path.iterdir())) == []

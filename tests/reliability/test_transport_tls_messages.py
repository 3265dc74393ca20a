"""TLS messages in the middle of a connection: what OpenSSL writes while it reads is sent, and in order."""

from __future__ import annotations

import hashlib
import select
import ssl
import threading
from typing import TYPE_CHECKING, Any

import anyio
import pytest

import lading
from lading import Transport
from lading._core.body import StreamBody
from tests.support.raw_server import OK, Peer, RawServer, until
from tests.support.transport_client import MIB, Source, as_response, make_client, request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import trustme

pytestmark = pytest.mark.anyio


@pytest.fixture
def requesting_tls(authority: trustme.CA) -> ssl.SSLContext:
    """A server's context that requests the client's certificate when a script says so (TLS 1.3)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.configure_trust(context)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    context.verify_mode = ssl.CERT_REQUIRED
    context.post_handshake_auth = True
    return context


@pytest.fixture
def identified_tls(authority: trustme.CA) -> ssl.SSLContext:
    """A client's context with a certificate, which it shows after the handshake, too."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    authority.issue_cert("client@lading.test").configure_cert(context)
    context.post_handshake_auth = True
    return context


def request_certificate(peer: Peer) -> bool:
    """Request the client's certificate; return ``False`` when an earlier request is still on its way."""
    sock = peer.sock
    assert isinstance(sock, ssl.SSLSocket)
    try:
        sock.verify_client_post_handshake()
    except ssl.SSLError as error:
        if error.reason not in {"REQUEST_PENDING", "REQUEST_SENT"}:
            raise
        return False
    sock.do_handshake()  # only sends it
    return True


def await_certificate(peer: Peer) -> None:
    """Read until the client has shown its certificate; what else arrives is kept."""
    sock = peer.sock
    assert isinstance(sock, ssl.SSLSocket)
    sock.settimeout(0)
    while not sock.getpeercert():
        assert select.select([sock], [], [], 20)[0], "the client does not show its certificate"
        try:
            data = sock.recv(65536)
        except ssl.SSLWantReadError:
            continue
        assert data, "the client ended"
        peer._buffer += data
    sock.settimeout(20)


async def test_certificate_requested_before_the_response(
    requesting_tls: ssl.SSLContext, identified_tls: ssl.SSLContext
) -> None:
    """The server waits for it before it responds; the client has nothing else to send."""

    def script(peer: Peer) -> None:
        peer.request()
        request_certificate(peer)
        await_certificate(peer)
        peer.send(OK)
        peer.serve()

    async with RawServer(script, requesting_tls) as server, Transport(tls=identified_tls) as transport:
        for method, content in (("GET", None), ("POST", b"small"), ("GET", None)):
            assert (await request(transport, server.url, method, content=content, read=20)).body == b"ok"
        assert len(server.peers) == 1


async def test_certificate_requested_in_the_middle_of_a_response(
    requesting_tls: ssl.SSLContext, identified_tls: ssl.SSLContext
) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (2 * MIB) + bytes(MIB))
        request_certificate(peer)
        await_certificate(peer)
        peer.send(bytes(MIB))
        peer.serve()

    async with RawServer(script, requesting_tls) as server, make_client(server.url, identified_tls) as client:
        assert len((await client.send(lading.Call("GET", "", as_response))).body) == 2 * MIB


class Gated(Source):
    """A body whose pieces after the first come when the server says so."""

    def __init__(self, size: int, gate: threading.Event) -> None:
        super().__init__(size)
        self._gate = gate

    def __aiter__(self) -> AsyncIterator[bytes]:
        pieces, gate = super().__aiter__(), self._gate

        class Pieces:
            first = True

            def __aiter__(self) -> Any:
                return self

            async def __anext__(self) -> bytes:
                if not self.first:
                    await until(gate.is_set)
                self.first = False
                return await anext(pieces)

        return Pieces()


async def test_certificate_requested_while_an_upload_waits_for_its_source(
    requesting_tls: ssl.SSLContext, identified_tls: ssl.SSLContext
) -> None:
    """Nothing is sent meanwhile: the one who watches for the response sends what the server waits for."""
    gate = threading.Event()

    def script(peer: Peer) -> None:
        head = peer.head()
        request_certificate(peer)
        await_certificate(peer)
        gate.set()
        peer.body(head)
        peer.send(OK)
        peer.hold()

    async with RawServer(script, requesting_tls) as server, make_client(server.url, identified_tls) as client:
        source = Gated(MIB, gate)
        body = StreamBody(lambda: source, source.size)
        assert (await client.send(lading.Call("POST", "", as_response, body=body))).body == b"ok"


async def test_certificate_requested_while_an_upload_is_blocked(
    requesting_tls: ssl.SSLContext, identified_tls: ssl.SSLContext
) -> None:
    """The sender has half a record out and waits for room; what OpenSSL writes meanwhile comes after it."""
    blocked, go = threading.Event(), threading.Event()
    size = 32 * MIB

    def script(peer: Peer) -> None:
        head = peer.head()
        blocked.wait(20)
        request_certificate(peer)
        go.wait(20)
        assert len(peer.body(head)) == size
        await_certificate(peer)
        peer.send(OK)
        peer.hold()

    async with (
        RawServer(script, requesting_tls) as server,
        Transport(tls=identified_tls) as transport,
        anyio.create_task_group() as group,
    ):

        async def upload() -> None:
            headers = {"Content-Length": str(size)}
            response = await request(transport, server.url, "POST", stream=Source(size), headers=headers, write=20)
            assert response.body == b"ok"

        group.start_soon(upload)
        await until(lambda: transport._transport.pool._busy)
        (connection,) = transport._transport.pool._busy
        link: Any = connection._link
        await until(lambda: link._writing.taken)
        blocked.set()
        await until(lambda: link._out.pending)
        assert link._writing.taken
        go.set()


async def test_certificates_requested_throughout_an_upload(
    requesting_tls: ssl.SSLContext, identified_tls: ssl.SSLContext
) -> None:
    """Sender and watcher both write, again and again; the server finds every record whole, and every byte."""
    piece = bytes(range(256)) * 1024
    size = 128 * len(piece)
    wanted = hashlib.sha256(piece * 128).hexdigest()
    found: list[str] = []
    requested: list[int] = []

    def script(peer: Peer) -> None:
        head = peer.head()
        left, digest = int(head.headers["content-length"]), hashlib.sha256()
        while left:
            if request_certificate(peer):
                requested.append(left)
            for _ in range(4):
                data = peer.exactly(min(left, len(piece)))
                digest.update(data)
                left -= len(data)
        await_certificate(peer)
        found.append(digest.hexdigest())
        peer.send(OK)
        peer.serve()

    async with RawServer(script, requesting_tls) as server, make_client(server.url, identified_tls) as client:
        body = StreamBody(lambda: Source(size, piece), size)
        assert (await client.send(lading.Call("POST", "", as_response, body=body))).body == b"ok"
        assert (await client.send(lading.Call("GET", "", as_response))).body == b"ok"
    assert found == [wanted]
    assert len(requested) > 1


async def test_certificate_that_is_not_there(requesting_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    """A client that has none says so, and is refused at once, not after a timeout."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.post_handshake_auth = True

    def script(peer: Peer) -> None:
        peer.request()
        request_certificate(peer)
        await_certificate(peer)

    async with RawServer(script, requesting_tls) as server, make_client(server.url, context) as client:
        with pytest.raises(lading.NetworkError) as caught:
            await client.send(lading.Call("GET", "", as_response))
        assert (caught.value.phase, caught.value.outcome) == ("receive", "not_done")
        assert "certificate required" in str(caught.value)

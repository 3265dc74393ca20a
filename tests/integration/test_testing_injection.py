"""Every fault as clients see it, plain and over TLS."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Self

import httpx
import pytest
import trustme

from lading.testing import (
    Delay,
    Drip,
    DropAfter,
    DropBefore,
    DropDuring,
    InjectedFault,
    Respond,
    RespondEarly,
    RespondRaw,
    Server,
    ServerRequest,
    ServerResponse,
    Truncate,
)

if TYPE_CHECKING:
    from pathlib import Path

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
PUT = b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
LARGE = 64 << 20


class Client:
    """A socket that distinguishes how its connection ends: closed, cut, or reset."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def send_zeros(self, count: int) -> None:
        for left in range(count, 0, -1 << 16):
            self.send(bytes(min(left, 1 << 16)))

    def receive(self, size: int = 1 << 16) -> bytes:
        return self.sock.recv(size)

    def receive_head(self) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            data = self.receive(1)
            assert data, head
            head += data
        return head

    def receive_rest(self) -> tuple[bytes, str]:
        """Return everything that arrives, and how the connection ends: "end", "cut" or "reset"."""
        response = b""
        try:
            while data := self.receive():
                response += data
        except EOFError:
            return response, "cut"
        except ConnectionResetError:
            return response, "reset"
        return response, "end"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.sock.close()


class TLSClient(Client):
    """The same over TLS in memory, because ``ssl.SSLSocket`` hides how a connection ends."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        super().__init__(sock)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="127.0.0.1")
        self.step(self.tls.do_handshake)

    def send(self, data: bytes) -> None:
        self.step(self.tls.write, data)

    def receive(self, size: int = 1 << 16) -> bytes:
        return self.step(self.tls.read, size)

    def step(self, func, *args):
        while True:
            try:
                result = func(*args)
            except ssl.SSLWantReadError:
                self.flush()
                data = self.sock.recv(1 << 16)
                if not data:
                    raise EOFError from None
                self.incoming.write(data)
            else:
                self.flush()
                return result

    def flush(self) -> None:
        if self.outgoing.pending:  # sending nothing would report a reset before the response is read
            self.sock.sendall(self.outgoing.read())


class Site:
    """A server that records its work, and sockets to it."""

    def __init__(self, contexts: tuple[ssl.SSLContext, ssl.SSLContext] | None) -> None:
        self.worked: list[str] = []
        self.started = threading.Event()
        self.client_tls = contexts and contexts[1]
        self.server = Server(self._handler, tls=contexts and contexts[0])
        self.faults = self.server.faults
        self.body: bytes | Path = b"0123456789"

    async def _handler(self, request: ServerRequest) -> ServerResponse:
        self.started.set()
        await request.read(limit=LARGE)
        self.worked.append(request.path)
        return ServerResponse(headers={"Content-Type": "text/plain"}, body=self.body)

    @property
    def cut(self) -> str:
        """Return how an end without a closing alert appears: without TLS there is no alert to miss."""
        return "end" if self.client_tls is None else "cut"

    def connect(self) -> Client:
        sock = socket.create_connection(("127.0.0.1", self.server.port), timeout=30)
        return Client(sock) if self.client_tls is None else TLSClient(sock, self.client_tls)

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.server.url, verify=self.client_tls or False)


@pytest.fixture(scope="module")
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = trustme.CA()
    for_server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(for_server)
    for_client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(for_client)
    return for_server, for_client


@pytest.fixture(params=["plain", "tls1.2", "tls1.3"])
def site(request, contexts):
    if request.param != "plain":
        version = ssl.TLSVersion.TLSv1_2 if request.param == "tls1.2" else ssl.TLSVersion.TLSv1_3
        contexts[1].minimum_version = contexts[1].maximum_version = version
    site = Site(None if request.param == "plain" else contexts)
    with site.server:
        yield site
    assert site.server.errors == []


def test_without_faults_nothing_is_injected(site):
    with site.client() as client:
        assert client.put("/a", content=bytes(3 << 20)).text == "0123456789"
        assert client.get("/b").text == "0123456789"
    assert site.worked == ["/a", "/b"]
    assert site.faults.happened == ()


def test_a_response_instead_of_the_work(site):
    fault = Respond(503, b"busy", {"X-Thing": "1"}, retry_after=7, reason="Come back")
    site.faults.add(fault)
    with site.connect() as client:
        client.send(PUT % 100_000 + bytes(100_000))
        head = client.receive_head()
        assert head.startswith(b"HTTP/1.1 503 Come back\r\n")
        assert b"X-Thing: 1\r\nRetry-After: 7\r\n" in head
        assert client.receive(4) == b"busy"
        assert site.worked == []
        client.send(GET)  # the connection has been kept
        assert client.receive_head().startswith(b"HTTP/1.1 200 OK\r\n")
    assert site.worked == ["/a"]
    assert site.faults.happened == (InjectedFault(fault, "PUT", "/a", 100_000),)


@pytest.mark.parametrize("value", [0, 3600, "Sun, 06 Nov 1994 08:49:37 GMT", "soon"])
def test_retry_after_is_any_text(site, value):
    site.faults.add(Respond(429, retry_after=value))
    with site.client() as client:
        assert client.get("/").headers["Retry-After"] == str(value)


def test_only_the_requests_that_fit(site):
    site.faults.add(Respond(500), method="PUT", path="/files/*", times=2)
    site.faults.add(Respond(404), path=re.compile(r"^/[bc]$"), times=None)
    with site.client() as client:
        sent = [("GET", "/files/a"), ("PUT", "/a"), *[("PUT", "/files/a")] * 3, ("GET", "/b"), ("PUT", "/c")]
        responses = [client.request(method, path).status_code for method, path in sent]
    assert responses == [200, 200, 500, 500, 200, 404, 404]
    assert [(done.method, done.path) for done in site.faults.happened] == [sent[i] for i in (2, 3, 5, 6)]
    assert len(site.faults.pending) == 1


def test_bytes_that_are_not_http(site):
    site.faults.add(RespondRaw(b"HTTP/1.1 lots of nonsense\r\n\n"))
    with site.connect() as client:
        client.send(GET)
        assert client.receive_rest() == (b"HTTP/1.1 lots of nonsense\r\n\n", "end")
    assert site.worked == []


@pytest.mark.parametrize(("before", "worked"), [("work", []), ("response", ["/a"])])
def test_a_response_that_is_lost(site, before, worked):
    site.faults.add(Delay(3600, before=before))
    with site.connect() as client:
        client.send(PUT % 5 + b"hello")
        (injected,) = site.faults.wait()
        assert site.worked == worked
        assert injected.received == (5 if worked else 0)
        site.server.stop()
        assert client.receive_rest() == (b"", site.cut)


@pytest.mark.parametrize("before", ["work", "response"])
def test_a_delayed_response(site, before):
    fault = Delay(0.001, before=before)
    site.faults.add(fault)
    with site.client() as client:
        assert client.get("/a").text == "0123456789"
    assert [done.fault for done in site.faults.happened] == [fault]


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("kind", [DropBefore, DropAfter])
def test_the_connection_ends_before_or_after_the_work(site, kind, reset):
    fault = kind(reset=reset)
    site.faults.add(fault)
    with site.connect() as client:
        client.send(PUT % 100_000 + bytes(100_000))
        assert client.receive_rest() == (b"", "reset" if reset else site.cut)
    assert site.worked == (["/a"] if kind is DropAfter else [])
    assert site.faults.happened == (InjectedFault(fault, "PUT", "/a", 100_000),)
    with site.client() as client:
        assert client.get("/b").status_code == 200


@pytest.mark.parametrize("reset", [False, True])
def test_the_connection_ends_in_the_middle_of_the_body(site, reset):
    fault = DropDuring(100_000, reset=reset)
    site.faults.add(fault)
    with site.connect() as client:
        client.send(PUT % LARGE)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            client.send_zeros(LARGE)
    assert site.worked == []
    (injected,) = site.faults.happened
    assert 100_000 <= injected.received < LARGE // 2


def test_a_body_shorter_than_the_drop_is_dropped_at_its_end(site):
    site.faults.add(DropDuring(100_000))
    with site.connect() as client:
        client.send(PUT % 5 + b"hello")
        assert client.receive_rest() == (b"", site.cut)
    assert site.faults.happened == (InjectedFault(DropDuring(100_000), "PUT", "/a", 5),)


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_truncated_response(site, on_disk, tmp_path: Path):
    if on_disk:
        site.body = tmp_path / "body"
        site.body.write_bytes(b"0123456789")
    site.faults.add(Truncate(4))
    site.faults.add(Truncate(0))
    site.faults.add(Truncate(10))
    for body in (b"0123", b""):
        with site.connect() as client:
            client.send(GET)
            assert b"Content-Length: 10\r\n" in client.receive_head()
            assert client.receive_rest() == (body, site.cut)
    with site.client() as client:
        assert client.get("/a").text == "0123456789"  # there was nothing to cut
    assert [done.fault for done in site.faults.happened] == [Truncate(4), Truncate(0)]
    assert site.faults.pending == ()


def test_a_response_in_small_pieces(site):
    """Only the first piece arrives: the interval is an hour."""
    site.faults.add(Drip(3, interval=3600))
    with site.connect() as client:
        client.send(GET)
        assert client.receive() == b"HTT"
        site.server.stop()
        assert client.receive_rest() == (b"", site.cut)
    assert [done.fault for done in site.faults.happened] == [Drip(3, interval=3600)]


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_response_in_small_pieces_arrives_completely(site, size):
    site.faults.add(Drip(size))
    with site.client() as client:
        assert client.get("/a").text == "0123456789"


@pytest.mark.parametrize("after", [0, 70_000])
@pytest.mark.parametrize("status", [413, 429])
@pytest.mark.parametrize("then", ["close", "reset", "half-close", "keep-reading", "hold"])
def test_an_early_response(site, then, status, after):
    """The response arrives before most of the body is sent; then the connection ends as requested."""
    fault = RespondEarly(status, b"too much", retry_after=3, after=after, then=then)
    site.faults.add(fault)
    with site.connect() as client:
        client.send(PUT % LARGE + bytes(after))
        head = client.receive_head()
        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert b"Retry-After: 3\r\n" in head
        assert (b"Connection: close\r\n" in head) is (then in {"close", "half-close"})
        assert client.receive(8) == b"too much"
        assert site.faults.happened == (InjectedFault(fault, "PUT", "/a", after),)
        ENDINGS[then](site, client, LARGE - after)
    with site.client() as client:
        assert client.get("/b").status_code == 200


def after_close(site: Site, client: Client, left: int) -> None:
    assert client.receive_rest() == (b"", "end")


def after_reset(site: Site, client: Client, left: int) -> None:
    assert client.receive_rest() == (b"", "reset")


def after_half_close(site: Site, client: Client, left: int) -> None:
    assert client.receive_rest() == (b"", "end")
    client.send_zeros(left)  # is thrown away, and nothing breaks


def after_keep_reading(site: Site, client: Client, left: int) -> None:
    client.send_zeros(left)
    client.send(GET)
    assert client.receive_head().startswith(b"HTTP/1.1 200 OK\r\n")


def after_hold(site: Site, client: Client, left: int) -> None:
    """The server does not read: what is sent fills the buffers and stays there."""
    client.sock.settimeout(0.2)
    with pytest.raises(TimeoutError):
        client.send_zeros(left)


ENDINGS = {
    "close": after_close,
    "reset": after_reset,
    "half-close": after_half_close,
    "keep-reading": after_keep_reading,
    "hold": after_hold,
}


def test_closing_with_the_body_unread_resets_the_rest_of_it(site):
    site.faults.add(RespondEarly(413, then="close"))
    with site.connect() as client:
        client.send(PUT % LARGE)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            client.send_zeros(LARGE)
    assert site.worked == []


def test_an_early_response_to_a_client_that_waits_for_100_continue(site):
    """With Expect: 100-continue the refusal is sent instead of 100 Continue."""
    site.faults.add(RespondEarly(401, then="keep-reading"))
    with site.connect() as client:
        client.send(PUT.replace(b"Host", b"Expect: 100-continue\r\nHost") % LARGE)
        assert client.receive_head().startswith(b"HTTP/1.1 401 Unauthorized\r\n")
        assert client.receive_rest() == (b"", "end")


def test_a_client_that_does_not_trust_the_certificate_is_no_error(contexts):
    site = Site(contexts)
    untrusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with site.server:
        with (
            socket.create_connection(("127.0.0.1", site.server.port)) as sock,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            untrusting.wrap_socket(sock, server_hostname="127.0.0.1")
        with Client(socket.create_connection(("127.0.0.1", site.server.port))) as client:
            client.send(GET)  # no TLS at all
            client.receive_rest()
    assert site.server.errors == []
    assert site.worked == []

"""The fault proxy: what it forwards unchanged, and the faults that it injects."""

from __future__ import annotations

import gzip
import hashlib
import socket
import ssl
import threading

import anyio
import httpx
import pytest
import trustme

from lading.testing import (
    DropAfter,
    DropBefore,
    DropDuring,
    FaultProxy,
    Respond,
    RespondEarly,
    RespondRaw,
    Server,
    ServerRequest,
    ServerResponse,
    Truncate,
)


class Upstream:
    """A server that records its requests and sends a given response."""

    def __init__(self) -> None:
        self.requests: list[ServerRequest] = []
        self.bodies: list[bytes] = []
        self.response = ServerResponse(body=b"stored")
        self.server = Server(self._handler)

    async def _handler(self, request: ServerRequest) -> ServerResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        return self.response


@pytest.fixture
def upstream():
    upstream = Upstream()
    with upstream.server:
        yield upstream


@pytest.fixture
def proxy(upstream):
    with FaultProxy(upstream.server.url) as proxy:
        yield proxy


def talk(proxy: FaultProxy, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as sock:
        sock.sendall(data)
        response = b""
        while piece := sock.recv(65536):
            response += piece
        return response


def test_a_request_arrives_as_it_was_sent(proxy, upstream):
    talk(
        proxy,
        b"PATCH /a%2Fb//c%7e?q=%20+&[x]=|y HTTP/1.1\r\nHost: index.example:8080\r\n"
        b"X-Odd-CASE: 1\r\nx-odd-case: 2\r\n"
        b"Accept-Encoding: gzip\r\nContent-Length: 5\r\nX-Latin: \xe4\r\nConnection: close\r\n\r\nhello",
    )
    (request,) = upstream.requests
    assert (request.method, request.target) == ("PATCH", "/a%2Fb//c%7e?q=%20+&[x]=|y")
    assert [pair for pair in request.headers.pairs if pair[0] != "Connection"] == [
        ("Host", "index.example:8080"),
        ("X-Odd-CASE", "1"),
        ("x-odd-case", "2"),
        ("Accept-Encoding", "gzip"),
        ("Content-Length", "5"),
        ("X-Latin", "\xe4"),
    ]
    assert upstream.bodies == [b"hello"]


def test_a_response_arrives_unchanged(proxy, upstream):
    packed = gzip.compress(b"hello")
    headers = [("Content-Encoding", "gzip"), ("X-Odd-CASE", "1"), ("x-odd-case", "2"), ("X-Latin", "\xe4")]
    upstream.response = ServerResponse(409, headers, packed, reason="File already exists")
    received = talk(proxy, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 409 File already exists",
        b"Content-Encoding: gzip",
        b"X-Odd-CASE: 1",
        b"x-odd-case: 2",
        b"X-Latin: \xe4",
        b"Content-Length: %d" % len(packed),
        b"Connection: close",
    ]
    assert body == packed


def test_headers_about_the_connection_are_not_forwarded(proxy, upstream):
    upstream.response = ServerResponse(
        headers={"Keep-Alive": "timeout=1", "X-Kept": "1", "Proxy-Authenticate": "Basic"}
    )
    with httpx.Client() as client:
        received = client.get(proxy.url, headers={"Connection": "X-Hop", "X-Hop": "1", "TE": "trailers", "X-Kept": "1"})
    (request,) = upstream.requests
    assert {"x-hop", "te"}.isdisjoint(request.headers)
    assert request.headers["X-Kept"] == received.headers["X-Kept"] == "1"
    assert {"Keep-Alive", "Proxy-Authenticate"}.isdisjoint(received.headers)


@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_keep_their_framing(proxy, upstream, chunked):
    async def pieces():
        yield b"sto"
        yield b"red"

    if chunked:
        upstream.response = ServerResponse(body=pieces())
    received = httpx.post(proxy.url, content=iter([b"he", b"llo"]) if chunked else b"hello")
    (request,) = upstream.requests
    assert ("Transfer-Encoding" in request.headers, "Content-Length" in request.headers) == (
        chunked,
        not chunked,
    )
    assert ("Transfer-Encoding" in received.headers, "Content-Length" in received.headers) == (
        chunked,
        not chunked,
    )
    assert (upstream.bodies, received.text) == ([b"hello"], "stored")


@pytest.mark.parametrize("status", [200, 204, 304])
@pytest.mark.parametrize("method", ["HEAD", "GET", "DELETE", "POST", "OPTIONS"])
def test_requests_and_responses_without_a_body(proxy, upstream, method, status):
    upstream.response = ServerResponse(status, body=b"stored" if status == 200 else b"")
    with httpx.Client() as client:
        for _ in range(2):
            received = client.request(method, proxy.url)
            assert received.status_code == status
            assert received.text == ("stored" if status == 200 and method != "HEAD" else "")
            assert received.headers.get("Content-Length") == ("6" if status == 200 else None)
    assert upstream.bodies == [b"", b""]


def test_a_path_in_the_upstream_url_is_put_in_front(upstream):
    with FaultProxy(f"{upstream.server.url}/root/") as proxy:
        httpx.get(f"{proxy.url}/simple/?x=1")
    assert upstream.requests[0].target == "/root/simple/?x=1"


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "127.0.0.1:80", "/path", "http://"])
def test_an_upstream_that_is_no_http_url_is_refused(url):
    with pytest.raises(ValueError, match="is not an http or https URL"):
        FaultProxy(url)


def test_large_bodies_pass_in_both_directions(tmp_path):
    async def handler(request: ServerRequest) -> ServerResponse:
        await request.save(tmp_path / "blob")
        return ServerResponse(body=tmp_path / "blob")

    content = bytes(range(256)) * (32 << 12)
    with Server(handler) as server, FaultProxy(server.url) as proxy:
        response = httpx.put(proxy.url, content=content, timeout=60)
        ranged = httpx.put(proxy.url, content=content, headers={"Expect": "100-continue"}, timeout=60)
    assert hashlib.sha256(response.content).digest() == hashlib.sha256(content).digest()
    assert ranged.status_code == 200


def test_bodies_are_forwarded_as_they_arrive():
    """Each side receives the first half while the other still holds the second one."""
    arrived, resume = threading.Event(), threading.Event()

    class Halves:
        def __init__(self) -> None:
            self.halves = [b"first ", b"second"]

        def __aiter__(self) -> Halves:
            return self

        async def __anext__(self) -> bytes:
            if len(self.halves) == 1:
                await anyio.to_thread.run_sync(resume.wait, 30)
            if not self.halves:
                raise StopAsyncIteration
            return self.halves.pop(0)

    async def handler(request: ServerRequest) -> ServerResponse:
        assert await anext(request.body) == b"first "
        arrived.set()
        assert await request.read() == b"second"
        return ServerResponse(body=Halves())

    with (
        Server(handler) as server,
        FaultProxy(server.url) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as sock,
    ):
        sock.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\nfirst ")
        assert arrived.wait(30)
        sock.sendall(b"second")
        response = b""
        while b"first " not in response:
            response += sock.recv(65536)
        assert b"second" not in response
        resume.set()
        while b"second" not in response:
            response += sock.recv(65536)
    assert (server.errors, proxy.errors) == ([], [])


def test_work_is_done_before_the_connection_drops(proxy, upstream):
    proxy.faults.add(DropAfter(), method="PUT")
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.put(proxy.url, content=b"hello")
    assert upstream.bodies == [b"hello"]
    assert [injected.received for injected in proxy.faults.happened] == [5]


@pytest.mark.parametrize(
    "fault", [DropBefore(), DropDuring(3), Respond(503), RespondEarly(401), RespondRaw(b"?\r\n\r\n")]
)
def test_the_server_receives_nothing_if_the_work_is_not_done(proxy, upstream, fault):
    proxy.faults.add(fault)
    try:
        assert httpx.put(proxy.url, content=b"hello").status_code == fault.status
    except httpx.TransportError:
        assert not isinstance(fault, Respond)
    assert upstream.requests == []
    assert [injected.fault for injected in proxy.faults.happened] == [fault]
    assert httpx.put(proxy.url, content=b"hello").text == "stored"
    assert (proxy.errors, upstream.server.errors) == ([], [])


def test_a_response_is_truncated_by_the_proxy(proxy):
    proxy.faults.add(Truncate(2))
    with httpx.stream("GET", proxy.url) as response:
        assert response.headers["Content-Length"] == "6"
        pieces = response.iter_raw()
        assert next(pieces) == b"st"
        with pytest.raises(httpx.RemoteProtocolError):
            next(pieces)


def test_a_server_that_is_not_there_is_a_502():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))  # taken, so that nobody else listens there, but not listening
        port = sock.getsockname()[1]
        with FaultProxy(f"http://127.0.0.1:{port}") as proxy:
            received = httpx.put(proxy.url, content=bytes(100_000))
    assert received.status_code == 502
    assert received.text.startswith(f"no response from http://127.0.0.1:{port}: ConnectError")
    assert [type(error) for error in proxy.errors] == [httpx.ConnectError]


def test_a_server_that_leaves_is_a_502_or_a_truncated_response(proxy, upstream):
    upstream.server.faults.add(DropBefore())
    upstream.server.faults.add(Truncate(2))
    assert httpx.get(proxy.url).status_code == 502
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(proxy.url)
    assert [type(error) for error in proxy.errors] == [httpx.RemoteProtocolError] * 2
    assert httpx.get(proxy.url).text == "stored"


def test_a_client_that_leaves_cancels_the_forwarded_request():
    arrived, ended = threading.Event(), threading.Event()

    async def handler(request: ServerRequest) -> ServerResponse:
        try:
            async for _ in request.body:
                arrived.set()
        except ConnectionError:
            ended.set()
            raise
        return ServerResponse()

    with Server(handler) as server, FaultProxy(server.url) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port)) as sock:
            sock.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
            assert arrived.wait(30)
        assert ended.wait(30)
    assert (server.errors, proxy.errors) == ([], [])


def test_https_in_front_and_behind(upstream):
    authority, stranger = trustme.CA(), trustme.CA()
    for_server, for_client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.issue_cert("127.0.0.1").configure_cert(for_server)
    authority.configure_trust(for_client)
    suspicious = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    stranger.configure_trust(suspicious)
    with (
        FaultProxy(upstream.server.url, tls=for_server) as inner,
        FaultProxy(inner.url, tls=for_server, upstream_tls=for_client) as outer,
        FaultProxy(inner.url, upstream_tls=suspicious) as careful,
        FaultProxy(inner.url) as ordinary,
    ):
        assert httpx.put(outer.url, content=bytes(1_000_000), verify=for_client).text == "stored"
        assert httpx.get(careful.url).status_code == 502
        assert httpx.get(ordinary.url).status_code == 502
    assert upstream.bodies == [bytes(1_000_000)]
    assert "certificate verify failed" in str(careful.errors[0]).lower()


def test_no_proxy_from_the_environment_comes_between(upstream, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:9")
    with FaultProxy(upstream.server.url) as proxy, httpx.Client(trust_env=False) as client:
        assert client.get(proxy.url).text == "stored"


def test_stop_leaves_no_thread_and_no_request(upstream):
    waiting = threading.Event()

    async def handler(request: ServerRequest) -> ServerResponse:
        waiting.set()
        await anyio.sleep_forever()
        raise AssertionError

    before = set(threading.enumerate())
    with Server(handler) as server:
        # A name, not an address: it is looked up in a thread, which has to go as well.
        proxy = FaultProxy(f"http://localhost:{server.port}")
        with proxy, socket.create_connection(("127.0.0.1", proxy.port)) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert waiting.wait(30)
            proxy.stop()
            assert sock.recv(1) == b""
    assert set(threading.enumerate()) <= before
    assert (server.errors, proxy.errors) == ([], [])

"""HTTP proxies from the environment."""

from __future__ import annotations

import base64
import socket
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import lading
from lading import Transport
from lading._core.body import StreamBody
from tests.support.raw_server import Peer, RawServer
from tests.support.transport_client import MIB, Source, as_response, make_client, request

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

USER, PASSWORD = "clerk", "s3cret/pass"
CREDENTIALS = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every host name leads to this machine; the names that were looked up."""
    names: list[str] = []

    async def resolve(host: str, port: int) -> list[Any]:
        names.append(host)
        return [(socket.AF_INET, ("127.0.0.1", port))]

    monkeypatch.setattr("lading._http.connect._resolve", resolve)
    return names


def tunnelling(server_tls: ssl.SSLContext) -> Callable[[Peer], None]:
    """A script: the proxy and, behind its tunnel, the server."""

    def script(peer: Peer) -> None:
        peer.head()
        peer.send(b"HTTP/1.1 200 Connection established\r\nX-Via: proxy\r\n\r\n")
        peer.start_tls(server_tls)
        peer.serve()

    return script


async def test_plain_http_requests_the_complete_url(monkeypatch: pytest.MonkeyPatch) -> None:
    async with RawServer(Peer.serve) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        async with Transport() as transport:
            await request(transport, "http://index.test/simple/?a=b")
            await request(transport, "http://index.test:8080/", "POST", content=b"x")
            await request(transport, "http://index.test/again")
        first, third = proxy.peers[0].requests
        (second,) = proxy.peers[1].requests
        assert (first.target, first.headers["host"]) == ("http://index.test:80/simple/?a=b", "index.test")
        assert (second.target, second.headers["host"]) == ("http://index.test:8080/", "index.test:8080")
        assert third.target == "http://index.test:80/again"
        assert "proxy-authorization" not in first.headers


async def test_https_goes_through_a_tunnel(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, loopback_only: list[str]
) -> None:
    async with RawServer(tunnelling(server_tls)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{USER}:s3cret%2Fpass@127.0.0.1:{proxy.port}")
        async with make_client("https://localhost:8443", client_tls, auth=lading.BasicAuth("me", "mine")) as client:
            source = Source(4 * MIB)
            for _ in range(2):
                call = lading.Call("POST", "legacy/", as_response, body=StreamBody(lambda: source, source.size))
                assert (await client.send(call)).body == b"ok"
        tunnel, *requests = proxy.requests
        assert len(proxy.peers) == 1
        assert tunnel == ("CONNECT", "localhost:8443", {"host": "localhost:8443", "proxy-authorization": CREDENTIALS})
        assert [request.target for request in requests] == ["/legacy/", "/legacy/"]
        # Each got its own credentials, and not the other's.
        assert all("proxy-authorization" not in request.headers for request in requests)
        assert all("authorization" in request.headers for request in requests)
        assert loopback_only == ["127.0.0.1"]  # the store's name is the proxy's business


async def test_credentials_go_with_every_plain_request(monkeypatch: pytest.MonkeyPatch) -> None:
    async with RawServer(Peer.serve) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"{USER}:s3cret%2Fpass@127.0.0.1:{proxy.port}")
        async with Transport() as transport:
            for _ in range(2):
                await request(transport, "http://index.test/")
        assert [request.headers["proxy-authorization"] for request in proxy.requests] == [CREDENTIALS, CREDENTIALS]


def refusing(response: bytes) -> Callable[[Peer], None]:
    def script(peer: Peer) -> None:
        peer.head()
        peer.send(response)

    return script


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 4\r\n\r\nno!\n", "407 Proxy Authentication"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "403 Forbidden"),
        (b"HTTP/1.0 502 Bad Gateway\r\n\r\n", "502 Bad Gateway"),
        (b"", "did not respond"),
        (b"\x05\x00", "did not respond"),
        (b"HTTP/1.1 200 OK\r\n\r\nsurprise", "sent data"),
    ],
)
async def test_proxy_that_refuses(
    response: bytes, words: str, monkeypatch: pytest.MonkeyPatch, client_tls: ssl.SSLContext
) -> None:
    """It was the proxy, nothing was sent to the store, and the password is nowhere."""
    async with RawServer(refusing(response)) as proxy:
        monkeypatch.setenv("https_proxy", f"http://{USER}:s3cret%2Fpass@127.0.0.1:{proxy.port}")
        async with make_client("https://index.test", client_tls) as client:
            with pytest.raises(lading.NetworkError, match=words) as caught:
                await client.send(lading.Call("POST", "", as_response))
            assert client._connections.loop_state().backend._transport.pool.total == 0  # type: ignore[attr-defined]
        error = caught.value
        assert (error.phase, error.outcome) == ("proxy", "not_done")
        assert f"127.0.0.1:{proxy.port}" in str(error)
        assert_no_secret(error)
        assert len(proxy.requests) == 1


async def test_proxy_that_resets_the_connection(monkeypatch: pytest.MonkeyPatch, client_tls: ssl.SSLContext) -> None:
    async with RawServer(Peer.reset) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        async with make_client("https://index.test", client_tls) as client:
            with pytest.raises(lading.NetworkError) as caught:
                await client.send(lading.Call("POST", "", as_response))
        assert (caught.value.phase, caught.value.outcome) == ("proxy", "not_done")


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_no_connection_to_the_proxy(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, and not listening
        port = unused.getsockname()[1]
        monkeypatch.setenv(f"{scheme}_proxy", f"http://{USER}:s3cret%2Fpass@proxy.test:{port}")
        client = lading.PyPI(lading.Index(f"{scheme}://index.test/", allow_http=True), retry=lading.Retry(attempts=1))
        async with client:
            with pytest.raises(lading.NetworkError, match=f"proxy.test:{port}") as caught:
                await client.send(lading.Call("POST", "", as_response))
    assert (caught.value.phase, caught.value.outcome) == ("proxy", "not_done")
    assert_no_secret(caught.value)


async def test_silent_proxy(monkeypatch: pytest.MonkeyPatch, client_tls: ssl.SSLContext) -> None:
    async with RawServer(Peer.hold) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        async with Transport(tls=client_tls) as transport:
            with pytest.raises(httpx.ConnectTimeout):
                await request(transport, "https://index.test/", connect=0.05)
            assert transport._transport.pool.total == 0


@pytest.mark.parametrize("exempt", ["localhost", "*", ".localhost, 127.0.0.1,localhost", "localhost:{port}"])
@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
async def test_hosts_without_a_proxy(exempt: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with RawServer(Peer.serve) as server, RawServer(Peer.serve) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv(name, exempt.format(port=server.port))
        async with Transport() as transport:
            assert (await request(transport, f"http://localhost:{server.port}/direct")).body == b"ok"
        assert [request.target for request in server.requests] == ["/direct"]
        assert not proxy.requests


async def test_environment_is_ignored_without_trust_env(monkeypatch: pytest.MonkeyPatch) -> None:
    async with RawServer(Peer.serve) as server, RawServer(Peer.serve) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        async with Transport(trust_env=False) as transport:
            await request(transport, server.url)
        assert (len(server.requests), len(proxy.requests)) == (1, 0)


@pytest.mark.parametrize(
    "proxy",
    [
        "socks5://{user}@127.0.0.1:1080",
        "https://{user}@127.0.0.1:3128",
        "http://{user}@127.0.0.1:port",
        "http://{user}@",
        "http://{user}@127.0.0.1:99999",
        f"http://{USER}:{PASSWORD}@127.0.0.1:3128",  # the slash not quoted: half the password is the host's port
        "http://[{user}",
    ],
)
async def test_proxy_of_another_kind(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", proxy.format(user=f"{USER}:s3cret%2Fpass"))
    async with make_client("http://127.0.0.1:9", retry=lading.Retry(attempts=3, backoff=0)) as client:
        with pytest.raises(lading.ConfigError) as caught:
            await client.send(lading.Call("GET", "", as_response))
        assert_no_secret(caught.value)
        assert client._connections.loop_state().backend._transport.pool.total == 0  # type: ignore[attr-defined]


async def test_refusal_of_a_plain_request_is_a_response(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    async with RawServer(lambda peer: peer.serve(refusal)) as proxy:
        monkeypatch.setenv("http_proxy", f"http://{USER}:s3cret%2Fpass@127.0.0.1:{proxy.port}")
        async with make_client("http://127.0.0.1:9") as client:
            with pytest.raises(lading.ApiError) as caught:
                await client.send(lading.Call("GET", "", as_response))
            assert caught.value.status == 407
            assert_no_secret(caught.value)


def assert_no_secret(error: BaseException) -> None:
    """Nowhere in *error*, nor in what caused it."""
    seen: BaseException | None = error
    while seen is not None:
        assert "s3cret" not in f"{seen!r} {seen} {vars(seen)}"
        assert CREDENTIALS.split()[1] not in f"{seen!r} {seen}"
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


@pytest.mark.parametrize(
    ("status", "connections"),
    [(400, 1), (401, 1), (403, 1), (404, 1), (407, 1), (408, 3), (425, 3), (429, 3), (451, 1), (500, 3), (503, 3)],
)
async def test_final_refusals_are_not_repeated(
    status: int, connections: int, monkeypatch: pytest.MonkeyPatch, client_tls: ssl.SSLContext
) -> None:
    """Another attempt with the same password, or for the same forbidden host, only locks the account."""
    async with RawServer(refusing(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)) as proxy:
        monkeypatch.setenv("https_proxy", f"http://{USER}:s3cret%2Fpass@127.0.0.1:{proxy.port}")
        retry = lading.Retry(attempts=3, backoff=0)
        async with make_client("https://index.test", client_tls, retry=retry) as client:
            with pytest.raises(lading.NetworkError, match=f"the proxy 127.0.0.1:{proxy.port} .* {status} No") as caught:
                await client.send(lading.Call("GET", "", as_response))
        assert len(proxy.requests) == connections
        assert (caught.value.phase, caught.value.outcome) == ("proxy", "not_done")
        assert caught.value.final == (connections == 1)
        assert_no_secret(caught.value)


@pytest.mark.parametrize("credentials", [f"{USER}:s3cret%2Fpass@", ""])
async def test_a_proxy_that_wants_a_password(
    credentials: str, monkeypatch: pytest.MonkeyPatch, client_tls: ssl.SSLContext
) -> None:
    async with RawServer(refusing(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")) as proxy:
        monkeypatch.setenv("https_proxy", f"http://{credentials}127.0.0.1:{proxy.port}")
        async with make_client("https://index.test", client_tls) as client:
            with pytest.raises(lading.NetworkError) as caught:
                await client.send(lading.Call("GET", "", as_response))
        wanted = "does not accept the user and password" if credentials else "Put a user and password"
        assert wanted in str(caught.value)
        assert_no_secret(caught.value)

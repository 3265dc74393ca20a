"""Redirects: never of a write, credentials never to a host they are not for, nothing in the clear."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import lading
from lading import ApiError, BasicAuth, Call, LadingError, Limits, Timeout
from lading._core.sender import Sender
from lading._core.service import origin
from lading.testing import Server, ServerRequest, ServerResponse
from tests.support.raw_server import OK, Peer, RawServer
from tests.support.transport_client import as_response, make_client

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from lading import PyPI

pytestmark = pytest.mark.anyio
SECRET = "hunter22-hunter22"
OURS = {"X-Custom": SECRET, "Cookie": f"session={SECRET}", "X-Api-Key": SECRET}


class Host:
    """A server that sends people elsewhere.

    Attributes:
        location: Where ``/go`` leads to.
        status: The status of the response.
        heads: Path and headers of every request.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.location: str | None = None
        self.status = 302
        self.reason: str | None = None
        self.heads: list[tuple[str, dict[str, str]]] = []
        self.server = Server(self.respond, tls=tls)

    async def respond(self, request: ServerRequest) -> ServerResponse:
        await request.read()
        self.heads.append((request.target, {name.lower(): value for name, value in request.headers.pairs}))
        if request.path == "/go":
            headers = {} if self.location is None else {"Location": self.location}
            return ServerResponse(self.status, headers, b"moved", self.reason)
        if request.path == "/round":
            return ServerResponse(302, {"Location": "/round"})
        return ServerResponse(body=b"arrived")

    @property
    def url(self) -> str:
        return self.server.url

    def got_secret(self) -> bool:
        return any(SECRET in str(headers) or "authorization" in headers for _, headers in self.heads)


@pytest.fixture
def plain() -> Iterator[Host]:
    host = Host()
    with host.server:
        yield host


@pytest.fixture
def secure(server_tls: ssl.SSLContext) -> Iterator[Host]:
    host = Host(server_tls)
    with host.server:
        yield host


@pytest.fixture
def elsewhere(server_tls: ssl.SSLContext) -> Iterator[Host]:
    host = Host(server_tls)
    with host.server:
        yield host


def client_at(host: Host, tls: ssl.SSLContext, **options: Any) -> PyPI:
    return make_client(host.url, tls, auth=BasicAuth("me", SECRET), user_agent="mine/1", **options)


def go(method: str = "GET", **options: Any) -> Call[lading.Response]:
    return Call(method, "go?from=here", as_response, headers=OURS, **options)


STATUSES = [301, 302, 303, 307, 308]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_write_is_never_redirected(plain: Host, client_tls: ssl.SSLContext, status: int, method: str):
    plain.status, plain.location = status, f"/there?token={SECRET}"
    async with client_at(plain, client_tls) as client:
        with pytest.raises(ApiError, match="never redirected") as caught:
            await client.send(go(method, idempotent=True, body=lading.BytesBody(b"content")))
    assert [path for path, _ in plain.heads] == ["/go?from=here"]
    assert f"{plain.url}/there." in str(caught.value)
    assert SECRET not in str(caught.value)
    assert (caught.value.status, caught.value.outcome) == (status, "not_done")


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("location", ["/there", "there", "{url}/there", "//{netloc}/there", "?from=here&again"])
async def test_a_read_is_followed_within_its_host(plain: Host, client_tls: ssl.SSLContext, status: int, location: str):
    plain.status = status
    plain.location = location.format(url=plain.url, netloc=plain.url.removeprefix("http://"))
    if location.startswith("?"):
        plain.location = "/there?from=here&again"
    async with client_at(plain, client_tls) as client:
        response = await client.send(go())
    assert (response.body, response.url.partition("?")[0]) == (b"arrived", f"{plain.url}/there")
    first, second = (headers for _, headers in plain.heads)
    assert first == second
    assert second["authorization"].startswith("Basic ")
    assert second["x-custom"] == SECRET


async def test_credentials_go_along_to_hosts_they_are_for(secure: Host, elsewhere: Host, client_tls: ssl.SSLContext):
    secure.location = f"{elsewhere.url}/there"
    client = client_at(secure, client_tls)
    service = replace(client._service, hosts=frozenset({origin(elsewhere.url)}))
    async with client:
        await Sender(service, client._connections.settings, client._connections.loop_state).send(go())
    assert elsewhere.heads[0][1]["authorization"].startswith("Basic ")
    assert elsewhere.heads[0][1]["x-custom"] == SECRET


@pytest.fixture(params=["plain", "secure"])
def host(request: pytest.FixtureRequest) -> Host:
    found: Host = request.getfixturevalue(request.param)
    return found


async def test_a_read_is_followed_elsewhere_without_what_is_ours(
    host: Host, elsewhere: Host, client_tls: ssl.SSLContext
):
    host.location = f"{elsewhere.url}/there?signed=1"
    async with client_at(host, client_tls) as client:
        response = await client.send(go())
        assert response.body == b"arrived"
        path, headers = elsewhere.heads[0]
        assert path == "/there?signed=1"
        assert not elsewhere.got_secret()
        assert headers.keys() <= {"host", "user-agent", "accept", "accept-encoding"}
        assert headers["user-agent"].startswith("mine/1 ")
        assert headers["host"] == elsewhere.url.removeprefix("https://")
        # And there and back again: what was dropped stays dropped.
        elsewhere.location = f"{host.url}/back"
        host.location = f"{elsewhere.url}/go"
        host.heads.clear()
        await client.send(go())
        assert [path for path, _ in host.heads] == ["/go?from=here", "/back"]
        assert "authorization" not in host.heads[1][1]


async def test_a_body_of_a_read_is_not_shown_elsewhere(secure: Host, elsewhere: Host, client_tls: ssl.SSLContext):
    secure.location = f"{elsewhere.url}/there"
    async with client_at(secure, client_tls) as client:
        for options in ({"json": {"secret": SECRET}}, {"body": lading.BytesBody(SECRET.encode())}):
            with pytest.raises(ApiError):
                await client.send(go(**options))
    assert not elsewhere.heads


async def test_a_call_without_credentials_stays_without(plain: Host, client_tls: ssl.SSLContext):
    plain.location = "/there"
    async with client_at(plain, client_tls) as client:
        await client.send(Call("GET", "go", as_response, auth=None))
        await client.send(Call("GET", f"{plain.url}/go", as_response, auth=None))
    assert not plain.got_secret()


async def test_a_whole_address_elsewhere_gets_no_credentials(secure: Host, elsewhere: Host, client_tls: ssl.SSLContext):
    elsewhere.location = f"{secure.url}/there"
    async with client_at(secure, client_tls) as client:
        await client.send(Call("GET", f"{elsewhere.url}/there", as_response))
        await client.send(Call("GET", f"{elsewhere.url}/go", as_response))  # and not for being sent to ours from there
    assert not elsewhere.got_secret()
    assert not secure.got_secret()


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{port}/there",
        "http://localhost/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://[",
        "https://127.0.0.1:port/",
        "https://127.0.0.1:99999/",
        "http://",
    ],
)
async def test_what_is_not_https_is_not_followed(secure: Host, plain: Host, client_tls: ssl.SSLContext, location: str):
    secure.location = location.format(port=plain.server.port)
    async with client_at(secure, client_tls, limits=Limits(max_connections=1)) as client:
        with pytest.raises(ApiError, match="not followed"):
            await client.send(go())
        assert not plain.heads
        secure.location = "/there"
        assert (await client.send(go())).body == b"arrived"  # and the connection is still good


async def test_http_at_another_host_is_not_followed_from_http(client_tls: ssl.SSLContext, plain: Host):
    plain.location = f"http://localhost:{plain.server.port}/there"
    async with client_at(plain, client_tls) as client:
        with pytest.raises(ApiError, match="not https"):
            await client.send(go())
    assert len(plain.heads) == 1


async def test_going_round_in_circles_ends(plain: Host, client_tls: ssl.SSLContext):
    async with client_at(plain, client_tls) as client:
        with pytest.raises(ApiError, match="redirected more than 5 times") as caught:
            await client.send(Call("GET", "round", as_response))
    assert caught.value.status == 302
    assert len(plain.heads) == 6


@pytest.mark.parametrize("status", [300, 304, 305, 306, *STATUSES])
async def test_a_redirect_to_nowhere_is_an_error(plain: Host, client_tls: ssl.SSLContext, status: int):
    plain.status = status
    async with client_at(plain, client_tls) as client:
        with pytest.raises(ApiError) as caught:
            await client.send(go())
    assert caught.value.status == status


async def test_what_the_server_says_about_it_is_masked(plain: Host, client_tls: ssl.SSLContext):
    plain.location, plain.reason = f"/{SECRET}/there", f"Moved {SECRET}"
    async with client_at(plain, client_tls) as client:
        with pytest.raises(LadingError) as caught:
            await client.send(go("POST"))
    assert SECRET not in f"{caught.value} {vars(caught.value)}"


async def test_a_streamed_response_is_redirected_like_any_other(
    secure: Host, elsewhere: Host, client_tls: ssl.SSLContext
):
    secure.location = f"{elsewhere.url}/there"
    async with client_at(secure, client_tls) as client, client._sender.stream(go()) as incoming:
        assert await incoming.read(100) == b"arrived"
    assert not elsewhere.got_secret()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_whose_body_is_not_finished_gives_its_connection_back(status: int):
    """More of them than the client may have connections, in one call and in several."""

    def script(peer: Peer) -> None:
        head = peer.head()
        step = int(head.target.rpartition("/")[2])
        if step == 4:
            peer.send(OK)
            return
        location = f"Location: /{step + 1}\r\nContent-Length: 1000000\r\n\r\nthe beginning"
        peer.send(f"HTTP/1.1 {status} Moved\r\n{location}".encode())
        peer.drain()

    limits = Limits(max_connections=1, max_requests=1)
    async with (
        RawServer(script) as server,
        make_client(server.url, limits=limits, timeout=Timeout(pool=10, read=10)) as client,
    ):
        for _ in range(3):
            response = await client.send(Call("GET", "1", as_response))
            assert response.body == b"ok"

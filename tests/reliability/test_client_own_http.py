"""A user's own client: used for what it knows about connections, and for nothing else."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import pytest
from anyio import to_thread

import lading
from lading import (
    BytesBody,
    Call,
    FileBody,
    LadingError,
    NetworkError,
    Progress,
    RequestTimeout,
    Retry,
    StreamBody,
    Timeout,
    TokenAuth,
)
from lading._core.download import Expected, download
from lading.testing import (
    Delay,
    DropBefore,
    DropDuring,
    Respond,
    RespondRaw,
    Server,
    ServerRequest,
    ServerResponse,
    Truncate,
)
from tests.support.bodies import CONTENT, bodies, whole
from tests.support.transport_client import as_response, make_client

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from lading import PyPI

pytestmark = pytest.mark.anyio
SECRET = "of-the-users-other-work"
THEIRS: dict[str, Any] = {
    "headers": {"X-Theirs": SECRET, "User-Agent": SECRET, "Accept": SECRET, "Authorization": SECRET},
    "cookies": {"theirs": SECRET},
    "params": {"theirs": SECRET},
    "auth": ("theirs", SECRET),
    "base_url": "http://elsewhere.test/",
    "follow_redirects": True,
    "timeout": 0.000_001,
    "trust_env": False,
}


class Store:
    """Keeps what it gets, and gives it back."""

    def __init__(self) -> None:
        self.heads: list[tuple[str, dict[str, str]]] = []
        self.bodies: list[bytes] = []
        self.server = Server(self.respond)
        self.faults = self.server.faults

    async def respond(self, request: ServerRequest) -> ServerResponse:
        self.heads.append((request.target, {name.lower(): value for name, value in request.headers.pairs}))
        if request.method != "GET":
            self.bodies.append(await request.read())
            return ServerResponse.json({"got": len(self.bodies[-1])}, headers={"Set-Cookie": "session=1"})
        if request.path == "/gone":
            return ServerResponse(302, {"Location": "/file"})
        if request.path == "/packed":
            return ServerResponse(200, {"Content-Encoding": "deflate"}, zlib.compress(CONTENT))
        return ServerResponse(200, {"Set-Cookie": "session=1", "ETag": '"one"'}, CONTENT)


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    with store.server:
        yield store


@pytest.fixture
def http(library: Any, client_tls: ssl.SSLContext) -> Any:
    """The user's client, made off the loop: that reads files."""
    return library.AsyncClient(verify=client_tls, **THEIRS)


@pytest.fixture
async def client(http: Any, store: Store) -> Any:
    async with http, make_client(store.server.url, http_client=http, retry=Retry(attempts=3, backoff=0)) as client:
        yield client


async def test_bodies_arrive_byte_for_byte(client: PyPI, store: Store, content_file: Path):
    for body in await bodies(content_file):
        reported: list[Progress] = []
        expected = await whole(body)
        call = Call("PUT", "file", lambda r: r.json()["got"], body=body, on_progress=reported.append)
        assert await client.send(call) == len(expected)
        assert store.bodies[-1] == expected
        head = store.heads[-1][1]
        if body.length is None:
            assert head["transfer-encoding"] == "chunked"
        else:
            assert head["content-length"] == str(len(expected))
        assert reported[-1] == Progress(len(expected), body.length)


async def test_nothing_of_the_users_other_work_is_sent(client: PyPI, store: Store):
    signed = client.with_options(auth=TokenAuth("ours-ours"))
    for method, at in (("GET", "file"), ("POST", "file"), ("GET", "gone"), ("GET", "packed")):
        await signed.send(Call(method, at, as_response, params={"ours": 1}))
        await client.send(Call(method, at, as_response))
    assert SECRET not in str(store.heads)
    assert not [head for _, head in store.heads if "cookie" in head]
    assert {head.get("authorization") for _, head in store.heads} == {None, "Bearer ours-ours"}
    assert {head["user-agent"].partition("/")[0] for _, head in store.heads} == {"lading"}
    assert store.heads[0][0] == "/file?ours=1"


async def test_responses_are_unpacked_once(client: PyPI):
    assert (await client.send(Call("GET", "packed", as_response))).body == CONTENT


async def test_redirects_are_ours(client: PyPI, store: Store):
    assert (await client.send(Call("GET", "gone", as_response))).url == f"{store.server.url}/file"
    store.faults.add(Respond(302, headers={"Location": "/file"}))
    with pytest.raises(lading.ApiError, match="never redirected"):
        await client.send(Call("POST", "file", as_response))


async def test_retries_are_ours(client: PyPI, store: Store, content_file: Path):
    store.faults.add(Respond(503, retry_after=0))
    store.faults.add(DropDuring(100_000))
    body = await FileBody.from_path(content_file)
    await client.send(Call("PUT", "file", as_response, body=body))
    assert store.bodies == [CONTENT]


async def test_downloads_resume(client: PyPI, store: Store, content_file: Path):
    target = content_file.with_name("target")
    store.faults.add(Truncate(300_000))
    await download(client._sender, Call("GET", "file"), target, promise=Expected(len(CONTENT)))
    assert await to_thread.run_sync(target.read_bytes) == CONTENT
    assert store.heads[1][1]["range"] == "bytes=300000-"


ERRORS = [
    (DropBefore(), NetworkError, "receive", "unknown"),
    (DropBefore(reset=True), NetworkError, None, "unknown"),
    (RespondRaw(b"nonsense\r\n\r\n"), NetworkError, "receive", "unknown"),
    (Truncate(1), NetworkError, "receive", "unknown"),
    (Delay(60), RequestTimeout, "receive", "unknown"),
]


@pytest.mark.parametrize(("fault", "kind", "phase", "outcome"), ERRORS, ids=repr)
async def test_its_errors_become_ours(
    client: PyPI, store: Store, library: Any, fault: Any, kind: Any, phase: str | None, outcome: str
):
    store.faults.add(fault)
    with pytest.raises(kind) as caught:
        await client.with_options(timeout=Timeout(read=0.1)).send(Call("POST", "file", as_response, json={}))
    assert (caught.value.phase, caught.value.outcome) == (phase or caught.value.phase, outcome)
    assert isinstance(caught.value.__cause__, library.TransportError)
    assert store.server.url.removeprefix("http://") in str(caught.value)


async def test_nobody_at_home(client: PyPI, store: Store, library: Any):
    await to_thread.run_sync(store.server.stop)
    with pytest.raises(NetworkError) as caught:
        await client.send(Call("POST", "file", as_response, json={}))
    assert (caught.value.phase, caught.value.outcome) == ("connect", "not_done")
    with pytest.raises(NetworkError) as caught:
        await client.send(Call("POST", "http://nobody.invalid/", as_response, json={}))
    assert caught.value.outcome == "not_done"


async def test_a_full_pool_is_a_timeout(library: Any, store: Store, client_tls: ssl.SSLContext):
    transport = library.AsyncHTTPTransport(verify=client_tls, limits=library.Limits(max_connections=1))
    async with (
        library.AsyncClient(transport=transport) as http,
        make_client(store.server.url, http_client=http, timeout=Timeout(pool=0.05)) as client,
        client._sender.stream(Call("GET", "file")),
    ):
        with pytest.raises(RequestTimeout) as caught:
            await client.send(Call("GET", "file", as_response))
        assert (caught.value.phase, caught.value.outcome) == ("pool", "not_done")


@pytest.mark.parametrize("url", ["http://[/", "http://host:port/", "ftp://host/", "http:///x", "http://\u2100.test/"])
async def test_urls_that_cannot_be_requested(client: PyPI, url: str):
    with pytest.raises(LadingError):
        await client.send(Call("GET", url, as_response))


class Mine(Exception):
    """Of the user's own."""


async def test_what_a_source_or_callback_raises_comes_out_as_it_is(client: PyPI):
    async def broken() -> AsyncIterator[bytes]:
        yield CONTENT
        raise Mine

    def stop(_: Progress) -> None:
        raise Mine

    for body, reported in ((StreamBody(broken), None), (BytesBody(CONTENT), stop)):
        with pytest.raises(Mine) as caught:
            await client.send(Call("PUT", "file", as_response, body=body, on_progress=reported))
        assert caught.value.__cause__ is None


async def test_what_its_own_hooks_raise_comes_out_as_it_is(library: Any, store: Store):
    async def stop(_: Any) -> None:
        raise Mine

    transport = library.MockTransport(lambda _: library.Response(200))
    for when in ("request", "response"):
        async with (
            library.AsyncClient(transport=transport, event_hooks={when: [stop]}) as http,
            make_client(store.server.url, http_client=http) as client,
        ):
            with pytest.raises(Mine):
                await client.send(Call("GET", "file", as_response))

"""Signing: a flow may send a request first, read the response, and sign again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lading import (
    Body,
    BytesBody,
    Call,
    ConfigError,
    Forbidden,
    Index,
    Progress,
    PyPI,
    Response,
    Retry,
    StreamBody,
    Unauthorized,
)
from lading._core.auth import Auth
from lading.testing import DropBefore, Respond, Server, ServerRequest, ServerResponse
from tests.support.transport_client import as_response, make_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from lading._core.messages import Request
    from lading._core.sender import Sender

pytestmark = pytest.mark.anyio
QUICK = Retry(attempts=3, backoff=0)
CONTENT = bytes(200_000)


class Store:
    """A store whose tokens are good for one minute of the test's own.

    Attributes:
        good: The token that is.
        seen: Method, path, token and length of each request.
    """

    def __init__(self) -> None:
        self.good = 1
        self.seen: list[tuple[str, str, str | None, int]] = []
        self.server = Server(self.respond)
        self.faults = self.server.faults

    async def respond(self, request: ServerRequest) -> ServerResponse:
        token = request.headers.get("Authorization")
        self.seen.append((request.method, request.path, token, len(await request.read())))
        if request.path == "/mint":
            return ServerResponse.json(f"token-{self.good}")
        if token != f"token-{self.good}":
            return ServerResponse.json({"error": f"{token} has expired"}, 401)
        return ServerResponse.json("done")


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    with store.server:
        yield store


class Minting(Auth):
    """Gets a token from the store, and another when that is refused.

    Attributes:
        responses: What the flow was given.
    """

    def __init__(self) -> None:
        self.token = ""
        self.prepared = 0
        self.responses: list[tuple[int, bytes]] = []

    async def prepare(self, sender: Sender) -> None:
        self.prepared += 1

    def flow(self, request: Request) -> Any:
        if not self.token:
            self.token = yield self.mint()
        request.headers["Authorization"] = self.token
        response: Response = yield request
        self.responses.append((response.status, response.body))
        if response.status == 401:
            self.token = yield self.mint()
            request.headers["Authorization"] = self.token
            response = yield request
            self.responses.append((response.status, response.body))

    def mint(self) -> Call[str]:
        return Call("POST", "mint", Response.json, auth=None, idempotent=True)

    def secrets(self) -> tuple[str, ...]:
        return (self.token,) if self.token else ()


def source() -> AsyncIterator[bytes]:
    async def generate() -> AsyncIterator[bytes]:
        yield CONTENT

    return generate()


PUT = Call("PUT", "thing", Response.json)


async def test_a_token_is_minted_once_and_kept(store: Store):
    auth = Minting()
    async with make_client(store.server.url, auth=auth) as client:
        for _ in range(3):
            assert await client.send(PUT) == "done"
    assert [path for _, path, *_ in store.seen] == ["/mint", "/thing", "/thing", "/thing"]
    assert auth.prepared == 3
    assert auth.responses == [(200, b"")] * 3  # the body of a successful response is for the call alone


@pytest.mark.parametrize("body", [BytesBody(CONTENT), BytesBody(b"small"), StreamBody(source), None])
async def test_a_refused_token_is_replaced_within_the_attempt(store: Store, body: Body | None):
    auth, events, reported = Minting(), [], list[Progress]()
    auth.token = "token-0"
    call = Call("PUT", "thing", Response.json, body=body, on_progress=reported.append if body else None)
    async with make_client(store.server.url, auth=auth, hooks=[events.append], retry=Retry(attempts=1)) as client:
        assert await client.send(call) == "done"
    length = 0 if body is None else len(CONTENT) if body.length is None else body.length
    assert store.seen == [
        ("PUT", "/thing", "token-0", length),
        ("POST", "/mint", None, 0),
        ("PUT", "/thing", "token-1", length),
    ]
    assert auth.responses == [(401, b'{"error": "token-0 has expired"}'), (200, b"")]
    assert [event.path for event in events] == ["mint", "mint", "thing", "thing"]
    if body is not None:
        assert reported[-1].completed == length


async def test_what_can_be_read_once_is_not_signed_twice(store: Store):
    auth = Minting()
    auth.token = "token-0"
    async with make_client(store.server.url, auth=auth) as client:
        with pytest.raises(Unauthorized, match=r"\*\*\* has expired"):
            await client.send(Call("PUT", "thing", Response.json, body=StreamBody(source())))
    assert [token for _, path, token, _ in store.seen if path == "/thing"] == ["token-0"]


async def test_a_token_that_is_refused_again_is_the_error(store: Store):
    auth = Minting()
    store.faults.add(Respond(401, b'{"error": "no"}', {"Content-Type": "application/json"}), path="/thing", times=2)
    async with make_client(store.server.url, auth=auth, retry=QUICK) as client:
        with pytest.raises(Unauthorized, match="no"):
            await client.send(PUT)
        assert await client.send(PUT) == "done"  # and the connection is good


async def test_what_the_minting_meets_is_the_calls_error(store: Store):
    store.faults.add(Respond(403), path="/mint")
    async with make_client(store.server.url, auth=Minting(), retry=QUICK) as client:
        with pytest.raises(Forbidden):
            await client.send(PUT)
        store.faults.add(DropBefore(), path="/mint")
        store.faults.add(Respond(503), path="/mint")
        assert await client.send(PUT) == "done"
    assert [path for _, path, *_ in store.seen] == ["/mint", "/thing"]


async def test_each_attempt_is_signed_anew(store: Store):
    auth = Minting()
    store.faults.add(Respond(500), path="/thing", times=2)
    async with make_client(store.server.url, auth=auth, retry=QUICK) as client:
        assert await client.send(PUT) == "done"
    assert auth.prepared == 3


async def test_a_call_without_auth_meets_no_flow(store: Store):
    auth = Minting()
    async with make_client(store.server.url, auth=auth) as client:
        assert await client.send(auth.mint()) == "token-1"
    assert auth.prepared == 0
    assert store.seen[0][2] is None


async def test_no_credentials_is_said_before_anything_is_sent(store: Store):
    class Missing(Auth):
        async def prepare(self, sender: Sender) -> None:
            raise ConfigError("no credentials")

    async with make_client(store.server.url, auth=Missing(), retry=QUICK) as client:
        with pytest.raises(ConfigError):
            await client.send(PUT)
    assert not store.seen


async def test_an_open_response_is_signed_too(store: Store):
    client = make_client(store.server.url, auth=Minting())
    async with client, client._sender.stream(Call("GET", "thing", as_response)) as incoming:
        assert await incoming.read(100) == b'"done"'


async def test_a_request_of_the_flow_goes_without_the_flow(anyio_backend):
    requested: list[str | None] = []

    async def handler(request: ServerRequest) -> ServerResponse:
        requested.append(request.headers.get("Authorization"))
        return ServerResponse.json({})

    class Requesting(Auth):
        def flow(self, request):
            yield Call("GET", "ticket", lambda response: response.json())  # auth=True, as calls are by default
            request.headers["Authorization"] = "Bearer ticket-0123456789"
            yield request

    async with Server(handler) as server:
        url = f"{server.url}/"
        async with PyPI(Index(url, url), auth=Requesting()) as client:
            await client.send(Call("GET", "thing", lambda response: response.json()))
            await client.with_options(auth=None).send(Call("GET", "thing", lambda response: response.json()))
    assert requested == [None, "Bearer ticket-0123456789", None]

"""Many tenants on one pool: no header, cookie or credential of one reaches the other."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import httpx2
import pytest

from lading import BasicAuth, Call, ConfigError, Limits, PyPI, Response, Retry, TokenAuth
from lading._core.auth import Auth
from lading.testing import Respond, Server, ServerRequest, ServerResponse
from tests.support.transport_client import as_response, make_client

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio


class Store:
    """A store that gives everybody a session, and remembers what each request had."""

    def __init__(self) -> None:
        self.heads: list[dict[str, str]] = []
        self.connections: set[str] = set()
        self.server = Server(self.respond)

    async def respond(self, request: ServerRequest) -> ServerResponse:
        head = {name.lower(): value for name, value in request.headers.pairs}
        self.heads.append(head)
        who = head.get("authorization", "nobody")
        cookies = [("Set-Cookie", f"session={who.split()[-1]}; Path=/"), ("Set-Cookie", "other=1")]
        return ServerResponse.json({"who": who, "path": request.path}, headers=cookies)


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    with store.server:
        yield store


@pytest.fixture(params=["ours", "httpx", "httpx2"])
def http(request: pytest.FixtureRequest, client_tls: ssl.SSLContext) -> Any:
    """None for our own transport, or a user's client with one connection; made off the loop, for that reads files."""
    if request.param == "ours":
        return None
    library: Any = {"httpx": httpx, "httpx2": httpx2}[request.param]
    return library.AsyncClient(verify=client_tls, limits=library.Limits(max_connections=1), trust_env=False)


@pytest.fixture
async def client(http: Any, store: Store) -> Any:
    """A client with one connection, over each of the transports."""
    async with http or nullcontext(), make_client(store.server.url, http_client=http, limits=Limits(1, 5)) as client:
        yield client


async def test_every_request_has_its_own_tenants_credentials_and_no_others(client: PyPI, store: Store):
    tenants = {
        "alice": client.with_options(auth=TokenAuth("alice-alice")),
        "bob": client.with_options(auth=TokenAuth("bob-bob")),
        "carol": client.with_options(auth=BasicAuth("carol", "carol-carol")),
        "nobody": client,
    }
    responses: dict[str, set[str]] = {name: set() for name in tenants}

    async def send(name: str, number: int) -> None:
        call = Call(
            "GET", "{who}/{n}", Response.json, path_params={"who": name, "n": number}, headers={"X-Tenant": name}
        )
        found = await tenants[name].send(call)
        assert found["path"] == f"/{name}/{number}"
        responses[name].add(found["who"])

    async with anyio.create_task_group() as group:
        for number in range(10):
            for name in tenants:
                group.start_soon(send, name, number)
    assert responses == {
        "alice": {"Bearer alice-alice"},
        "bob": {"Bearer bob-bob"},
        "carol": {"Basic Y2Fyb2w6Y2Fyb2wtY2Fyb2w="},
        "nobody": {"nobody"},
    }
    assert len(store.heads) == 40
    assert not [head for head in store.heads if "cookie" in head]
    for head in store.heads:
        assert head["x-tenant"] == {"Bearer alice-alice": "alice", "Bearer bob-bob": "bob"}.get(
            head.get("authorization", ""), "carol" if "authorization" in head else "nobody"
        )


async def test_a_copy_changes_the_given_settings_and_nothing_else(store: Store):
    events: list[Any] = []
    mine: list[Any] = []
    async with make_client(store.server.url, auth=TokenAuth("first-first"), hooks=[events.append]) as client:
        copy = client.with_options(hooks=[mine.append], retry=Retry(attempts=2, backoff=0))
        again = copy.with_options(auth=Auth())
        store.server.faults.add(Respond(500), times=1)
        assert (await copy.send(Call("GET", "a", Response.json)))["who"] == "Bearer first-first"
        assert (await again.send(Call("GET", "b", Response.json)))["who"] == "nobody"
        assert (await client.send(Call("GET", "c", Response.json)))["who"] == "Bearer first-first"
        assert [e.path for e in events] == ["c", "c"]
        assert [e.path for e in mine] == ["a", "a", "a", "b", "b"]
        for resource in ("files", "releases"):
            assert getattr(copy, resource) is not getattr(client, resource)


async def test_copies_share_slots_and_connections(store: Store):
    async with make_client(store.server.url, limits=Limits(max_requests=1)) as client:
        copy = client.with_options(auth=TokenAuth("copy-copy"))
        waited: list[str] = []

        async def send() -> None:
            await copy.send(Call("GET", "late", as_response))
            waited.append("done")

        # An auth flow that waits inside the only slot.
        inside, go = anyio.Event(), anyio.Event()

        class Waiting(Auth):
            async def prepare(self, sender) -> None:
                inside.set()
                await go.wait()

        async with anyio.create_task_group() as group:
            group.start_soon(client.with_options(auth=Waiting()).send, Call("GET", "early", as_response))
            await inside.wait()
            group.start_soon(send)
            await anyio.wait_all_tasks_blocked()
            assert not store.heads
            go.set()
        assert waited == ["done"]
        assert len(store.heads) == 2


async def test_closing_a_copy_ends_the_copy_alone(store: Store):
    async with make_client(store.server.url) as client:
        async with client.with_options() as copy:
            await copy.send(Call("GET", "a", as_response))
        with pytest.raises(ConfigError, match="closed"):
            await copy.send(Call("GET", "b", as_response))
        other = client.with_options()
        await client.send(Call("GET", "c", as_response))
    with pytest.raises(ConfigError, match="closed"):
        await other.send(Call("GET", "d", as_response))
    assert len(store.heads) == 2

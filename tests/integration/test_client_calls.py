"""What a call and a service can say: bodies, statuses, credentials and timeouts of one call, headers, notices, errors."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lading import (
    ApiError,
    BadRequest,
    Call,
    Index,
    InputError,
    Model,
    NetworkError,
    NoticeEvent,
    PyPI,
    RequestTimeout,
    Response,
    Retry,
    ServerError,
    StreamBody,
    Timeout,
    TokenAuth,
)
from lading._core.responses import api_error
from lading._core.send_once import NOT_FOUND
from lading._core.service import Service
from lading.testing import Delay, DropBefore, DropDuring, Respond, RespondEarly, Server, ServerRequest, ServerResponse
from tests.support.transport_client import MIB, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lading._core.sender import Sender

pytestmark = pytest.mark.anyio
ONCE = Retry(attempts=1)


class Store:
    """A store that keeps the requests it has received and echoes what matters."""

    def __init__(self) -> None:
        self.server = Server(self.respond)
        self.requests: list[tuple[ServerRequest, bytes]] = []
        self.response = ServerResponse.json({"name": "demo"})

    async def respond(self, request: ServerRequest) -> ServerResponse:
        self.requests.append((request, await request.read()))
        return self.response

    def client(self, **options: Any) -> PyPI:
        return PyPI(Index(f"{self.server.url}/", None, "index"), **{"retry": ONCE, **options})


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    with store.server:
        yield store


other = store


def to(client: PyPI, **changes: Any) -> Sender:
    """A sender to the client's service with *changes* made to it."""
    return client._connections.sender(replace(client._service, **changes))


class Thing(Model):
    name: str


async def test_without_a_parser_the_response_is_the_result(store: Store):
    async with store.client() as client:
        response = await client.send(Call("GET", "thing"))
        assert isinstance(response, Response)
        assert (response.status, response.json()) == (200, {"name": "demo"})
        assert (await client.send(Call("GET", "thing", Thing))).name == "demo"
        assert await client.send(Call("GET", "thing", lambda r: r.status)) == 200


async def test_a_form_is_url_encoded(store: Store):
    async with store.client() as client:
        await client.send(Call("POST", "token", form={"grant_type": "device code", "scope": ["a", "b"], "no": None}))
        await client.send(Call("POST", "token", form={}))
    (request, body), (_, empty) = store.requests
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert body == b"grant_type=device+code&scope=a&scope=b"
    assert empty == b""


async def test_a_form_that_cannot_be_encoded_is_an_input_error(store: Store):
    async with store.client() as client:
        with pytest.raises((InputError, UnicodeEncodeError)) as caught:
            await client.send(Call("POST", "token", form={"a": "\ud800"}))
    assert isinstance(caught.value, InputError)
    assert store.requests == []


async def test_success_replaces_2xx_and_allow_statuses_adds_to_it(store: Store):
    created = Call("POST", "thing", success=frozenset({201}))
    async with store.client() as client:
        with pytest.raises(ApiError, match="HTTP 200"):
            await client.send(created)
        store.response = ServerResponse(201)
        assert (await client.send(created)).status == 201
        store.response = ServerResponse(404)
        assert (await client.send(Call("GET", "thing", allow_statuses=frozenset({404})))).status == 404


async def test_credentials_of_one_call(store: Store):
    async with store.client(auth=TokenAuth("of-the-client")) as client:
        await client.send(Call("GET", "thing"))
        await client.send(Call("GET", "thing", auth=None))
        await client.send(Call("GET", "thing", auth=TokenAuth("of-the-call")))
    seen = [request.headers.get("authorization") for request, _ in store.requests]
    assert seen == ["Bearer of-the-client", None, "Bearer of-the-call"]


async def test_credentials_of_one_call_go_to_the_services_own_hosts_only(store: Store, other: Store):
    async with store.client() as client:
        await client.send(Call("GET", f"{other.server.url}/thing", auth=TokenAuth("of-the-call")))
    assert [request.headers.get("authorization") for request, _ in other.requests] == [None]


async def test_a_timeout_of_one_call(store: Store):
    store.server.faults.add(Delay(before="response", seconds=20), times=1)
    async with store.client() as client:
        with pytest.raises(RequestTimeout) as caught:
            await client.send(Call("GET", "slow", timeout=Timeout(read=0.05)))
        assert caught.value.request_sent
        assert (await client.send(Call("GET", "thing"))).status == 200


async def test_headers_of_a_service_go_with_every_request(store: Store):
    async with store.client() as client:
        sender = to(client, headers={"X-Api-Version": "7", "X-Other": "a"})
        await sender.send(Call("GET", "thing"))
        await sender.send(Call("GET", "thing", headers={"X-Other": "b"}))
    seen = [(request.headers["x-api-version"], request.headers["x-other"]) for request, _ in store.requests]
    assert seen == [("7", "a"), ("7", "b")]


async def test_safe_characters_of_a_service(store: Store):
    async with store.client() as client:
        await to(client, path_safe="!").send(Call("GET", "p/{name}", path_params={"name": "a!@b"}))
    assert store.requests[0][0].target == "/p/a!%40b"


async def test_another_service_of_the_same_client(store: Store, other: Store):
    """A refusal of the other service is reported as its own, and the client's credentials are not sent to it."""
    other.response = ServerResponse(403, body=b"no permission")
    service = Service(name="ci", base_url=f"{other.server.url}/")
    async with store.client(auth=TokenAuth("of-the-client")) as client:
        with pytest.raises(ApiError, match=r"^ci: no permission \(HTTP 403\)$") as caught:
            await client._sender.to(service).send(Call("GET", "token"))
        other.response = ServerResponse(200)
        await client._sender.to(service, TokenAuth("of-the-job")).send(Call("GET", "token"))
    assert caught.value.service == "ci"
    assert [request.headers.get("authorization") for request, _ in other.requests] == [None, "Bearer of-the-job"]
    assert store.requests == []


async def test_notices_are_logged_once_and_given_to_hooks(store: Store, caplog: pytest.LogCaptureFixture):
    events: list[Any] = []

    def notices(head: Any) -> list[str]:
        return [head.headers["deprecation"]] if "deprecation" in head.headers else []

    store.response = ServerResponse(200, {"Deprecation": "use v2  \t s3cret-token"})
    async with store.client(hooks=[events.append], auth=TokenAuth("s3cret-token")) as client:
        sender = to(client, on_response=notices)
        with caplog.at_level(logging.WARNING, "lading"):
            for _ in range(3):
                await sender.send(Call("GET", "thing/{id}", path_params={"id": 1}))
            copy = client.with_options(retry=ONCE)
            await to(copy, on_response=notices).send(Call("GET", "thing"))
    assert [record.getMessage() for record in caplog.records] == ["index: use v2 ***"]
    assert [e for e in events if isinstance(e, NoticeEvent)] == [
        NoticeEvent("index", "GET", "thing/{id}", "use v2 ***")
    ]


async def test_an_observer_that_fails_loses_no_response(store: Store):
    async with store.client() as client:
        sender = to(client, on_response=lambda head: [head.headers["missing"]])
        assert (await sender.send(Call("GET", "thing"))).status == 200


@pytest.mark.parametrize(
    "failure",
    [KeyError("x"), RecursionError(), ZeroDivisionError(), UnicodeDecodeError("utf-8", b"", 0, 1, "x")],
    ids=repr,
)
async def test_an_error_reader_that_fails_leaves_the_error(store: Store, failure: Exception):
    def read_error(*_: Any) -> Any:
        raise failure

    store.response = ServerResponse.json({"error": "too long"}, 400)
    async with store.client() as client:
        with pytest.raises(BadRequest, match=r"^index: too long \(HTTP 400\)") as caught:
            await to(client, read_error=read_error).send(Call("POST", "thing"))
    assert type(failure).__name__ in "".join(caught.value.__notes__)


async def test_whether_the_request_had_been_sent(store: Store):
    body = StreamBody(lambda: Source(64 * MIB), 64 * MIB)
    async with store.client() as client:
        with pytest.raises(NetworkError) as refused:
            await client.send(Call("GET", "http://127.0.0.1:1/"))
        store.server.faults.add(DropBefore())
        with pytest.raises(NetworkError) as lost:
            await client.send(Call("POST", "thing"))
        store.server.faults.add(DropDuring(1000, reset=True))
        with pytest.raises(NetworkError) as cut:
            await client.send(Call("POST", "thing", body=body))
        store.server.faults.add(RespondEarly(413))
        with pytest.raises(ApiError) as early:
            await client.send(Call("POST", "thing", body=body))
        store.server.faults.add(Respond(500))
        with pytest.raises(ServerError) as late:
            await client.send(Call("POST", "thing", json={}))
    found = [caught.value.request_sent for caught in (refused, lost, cut, early, late)]
    assert found == [False, True, False, False, True]


async def test_every_error_that_the_store_sent(store: Store):
    def read_error(service: Service, response: Response, method: str, secrets: Any) -> ApiError:
        pairs = [(e["code"], e["message"]) for e in response.json()["error-list"]]
        return api_error(service.name, response, method=method, errors=pairs, secrets=secrets)

    store.response = ServerResponse.json(
        {"error-list": [{"code": "a", "message": "b tok3n-s3cret"}, {"code": "c", "message": "d"}]}, 400
    )
    async with store.client(auth=TokenAuth("tok3n-s3cret")) as client:
        with pytest.raises(BadRequest) as caught:
            await to(client, read_error=read_error).send(Call("GET", "thing"))
    assert caught.value.errors == (("a", "b ***"), ("c", "d"))
    assert caught.value.code == "a"


async def test_a_sender_with_other_settings_and_its_retries(store: Store):
    store.server.faults.add(Respond(503), times=2)
    numbers: list[int] = []
    async with store.client() as client:
        sender = client._sender.with_settings(retry=Retry(attempts=3, backoff=0))
        assert sender.settings.timeout == client._sender.settings.timeout

        async def step(number: int) -> int:
            numbers.append(number)
            return (await client._sender.send(Call("GET", "thing"))).status

        assert await sender.retrying(step) == 200
    assert numbers == [1, 2, 3]
    assert repr(NOT_FOUND) == "NOT_FOUND"

"""No secret is printed: not by a repr, a log line, an error, an event, nor when the server says it back to us."""

from __future__ import annotations

import base64
import html
import json
import logging
import pickle
import traceback
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest
from anyio import to_thread

import lading
from lading import BasicAuth, Call, LadingError, Model, Response, Retry, TokenAuth
from lading._core.auth import Auth
from lading.testing import (
    DropAfter,
    DropDuring,
    Fault,
    Respond,
    RespondRaw,
    Server,
    ServerRequest,
    ServerResponse,
    Truncate,
)
from tests.support.leaks import forms_of, locals_of
from tests.support.transport_client import as_response, make_client

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from lading import PyPI

pytestmark = pytest.mark.anyio

SECRET = 'k3y&"pa<ss>wörd-0123456789'  # needs escaping everywhere
TOKEN = "tok3n-0123456789-abcdefghij"
BASE64 = base64.b64encode(f"me:{SECRET}".encode()).decode()
HEADER = {"X-Store-Session": "sess1on-0123456789"}
PARAMS = {"signature": "s1gnature-0123456789"}
SECRETS = [SECRET, TOKEN, BASE64, *HEADER.values(), *PARAMS.values()]

AUTHS = [BasicAuth("me", SECRET), TokenAuth(TOKEN)]


class Thing(Model):
    name: str


class Echo:
    """A store that echoes its requests.

    Attributes:
        how: In which form.
        status: With which status.
        secret: What the credentials it got stand for.
    """

    def __init__(self) -> None:
        self.secret = SECRET
        self.how = "json"
        self.status = 401
        self.server = Server(self.respond)

    async def respond(self, request: ServerRequest) -> ServerResponse:
        await request.read()
        authorization = request.headers.get("Authorization", "")
        text = f"no such token {self.secret}; you sent Authorization: {authorization}"
        if self.how == "reason":
            return ServerResponse(self.status, {}, b"", f"No {authorization}")
        kind, body = {
            "json": ("application/json", json.dumps({"error": text, "code": text})),
            "bare json": ("application/json", json.dumps(authorization)),
            "html": ("text/html", f"<html><title>{html.escape(text)}</title></html>"),
            "text": ("text/plain", text),
            "thing": ("application/json", json.dumps({"nom": text, "name": [text]})),
        }[self.how]
        headers = {"Content-Type": kind + "; charset=utf-8", "Location": f"/{quote(self.secret)}?t={TOKEN}"}
        if self.status < 300 or self.status >= 400:
            del headers["Location"]
        return ServerResponse(self.status, headers, body.encode())


@pytest.fixture
def echo() -> Iterator[Echo]:
    echo = Echo()
    with echo.server:
        yield echo


class Watched:
    """A client, and everything that is shown to anybody while it is used."""

    def __init__(self, client: PyPI, caplog: pytest.LogCaptureFixture, events: list[Any]) -> None:
        self.client = client
        self.caplog = caplog
        self.events = events

    async def failing(self, call: Call[Any]) -> LadingError:
        with pytest.raises(LadingError) as caught:
            await self.client.send(call)
        await to_thread.run_sync(self.look, caught.value, call)
        return caught.value

    def look(self, error: LadingError, call: Call[Any]) -> None:
        """Look at all of it; off the loop, for tracebacks read files."""
        shown = [
            repr(error),
            str(error),
            repr(vars(error)),
            *traceback.format_exception(error),
            repr(pickle.loads(pickle.dumps(error))),
            repr(self.client),
            repr(self.client._connections.settings),
            repr(call),
            *map(repr, self.events),
            *(f"{record.getMessage()} {record.args!r} {record.exc_info!r}" for record in self.caplog.records),
        ]
        assert self.events
        assert self.caplog.records
        shown += locals_of(error)
        for secret in SECRETS:
            for form in forms_of(secret):
                assert not [text[max(text.index(form) - 200, 0) :][:300] for text in shown if form in text]


@pytest.fixture(params=AUTHS, ids=repr)
async def watched(request: pytest.FixtureRequest, echo: Echo, caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.DEBUG)
    echo.secret = SECRET if isinstance(request.param, BasicAuth) else TOKEN
    events: list[Any] = []
    retry = Retry(attempts=2, backoff=0)
    async with make_client(echo.server.url, auth=request.param, hooks=[events.append], retry=retry) as client:
        yield Watched(client, caplog, events)


async def shown(error: BaseException) -> str:
    """The traceback; written off the loop, for that reads files."""
    return "".join(await to_thread.run_sync(traceback.format_exception, error))


def call(method: str = "GET", read: Any = as_response, path: str = "a/{name}") -> Call[Any]:
    body = lading.BytesBody(SECRET.encode()) if method == "POST" else None
    return Call(method, path, read, path_params={"name": TOKEN}, headers=HEADER, params=PARAMS, body=body)


@pytest.mark.parametrize("how", ["json", "bare json", "html", "text", "reason"])
@pytest.mark.parametrize("status", [400, 401, 403, 500])
async def test_what_the_server_says_back_is_masked(watched: Watched, echo: Echo, how: str, status: int):
    echo.how, echo.status = how, status
    for method in ("GET", "POST"):
        error = await watched.failing(call(method))
        assert "***" in str(error)


@pytest.mark.parametrize(
    "read", [Thing, lambda r: r.json()["missing"], lambda r: int(r.text)], ids=["model", "key", "int"]
)
async def test_a_bad_response_is_not_quoted(watched: Watched, echo: Echo, read: Any):
    echo.status = 200
    for echo.how in ("thing", "json"):
        if not (echo.how == "json" and read is Thing):
            await watched.failing(call("GET", read))


async def test_a_redirect_is_masked(watched: Watched, echo: Echo):
    echo.status, echo.how = 302, "text"
    await watched.failing(call("POST"))
    await watched.failing(call("GET"))  # in a circle


@pytest.mark.parametrize(
    "fault",
    [
        DropAfter(),
        DropDuring(0),
        RespondRaw(b"nonsense"),
        RespondRaw(f"HTTP/1.1 {TOKEN}\r\n\r\n".encode()),
        Truncate(3),
    ],
    ids=repr,
)
async def test_a_broken_connection_shows_no_address(watched: Watched, echo: Echo, fault: Fault):
    echo.server.faults.add(fault, times=None)
    echo.status = 200
    await watched.failing(call("GET"))
    await watched.failing(call("POST"))


async def test_nobody_at_home(watched: Watched, echo: Echo):
    port = echo.server.port
    await lading._core.threads.run_in_thread(echo.server.stop)  # type: ignore[attr-defined]
    await watched.failing(call())
    await watched.failing(call(path=f"http://me:{TOKEN}@127.0.0.1:{port}/{TOKEN}/{{name}}"))


@pytest.mark.parametrize("value", [TOKEN + "\r\nX: y", TOKEN + "\n", "ö" + TOKEN, TOKEN + "\0", f" {TOKEN}"])
@pytest.mark.parametrize("where", ["header", "name"])
async def test_a_header_that_cannot_be_sent_is_not_quoted(watched: Watched, echo: Echo, value: str, where: str):
    echo.status = 200
    headers = {"X-Key": value} if where == "header" else {value: "x"}
    with pytest.raises(lading.InputError) as caught:
        await watched.client.send(Call("GET", "a", as_response, headers=headers))
    assert caught.value.argument == "headers"
    if where == "header":
        assert TOKEN not in await shown(caught.value)


@pytest.fixture
def http(client_tls: ssl.SSLContext) -> httpx.AsyncClient:
    return httpx.AsyncClient(verify=client_tls, trust_env=False)


@pytest.mark.parametrize("value", [TOKEN + "\r\nX: y", "ö" + TOKEN, TOKEN + "\0"])
async def test_nor_with_a_client_of_the_users(echo: Echo, http: httpx.AsyncClient, value: str):
    async with http, make_client(echo.server.url, http_client=http) as client:
        with pytest.raises(lading.InputError) as caught:
            await client.send(Call("GET", "a", as_response, headers={"X-Key": value}))
    assert TOKEN not in await shown(caught.value)


async def test_secrets_of_an_auth_flow_that_makes_a_call(echo: Echo, caplog: pytest.LogCaptureFixture):
    """What an exchange of tokens gets and sends is as secret as what it began with."""

    class Minting(Auth):
        minted = ""

        def flow(self, request: Any) -> Any:
            response: Response = yield Call("POST", "mint", as_response, json={"token": SECRET}, auth=None)
            self.minted = response.headers.get("x-minted", TOKEN)
            request.headers["Authorization"] = f"Bearer {self.minted}"
            yield request

        def secrets(self) -> tuple[str, ...]:
            return (self.minted, SECRET) if self.minted else (SECRET,)

    caplog.set_level(logging.DEBUG)
    events: list[Any] = []
    echo.server.faults.add(Respond(200), path="/mint")
    async with make_client(echo.server.url, auth=Minting(), hooks=[events.append]) as client:
        await Watched(client, caplog, events).failing(call())
    assert [getattr(event, "path", "") for event in events[:2]] == ["mint", "mint"]


@pytest.mark.parametrize("header", ["ö" + TOKEN, TOKEN + "\n"])
async def test_no_frame_of_an_input_error_shows_a_secret(echo: Echo, header: str):
    async with make_client(echo.server.url) as client:
        for made in (
            lambda: Call("GET", "a", as_response, headers={"X-Key": header}),
            lambda: Call("GET", "a", as_response, headers={"X-Key": TOKEN.encode()}),  # type: ignore[dict-item]
            lambda: Call("POST", "a", as_response, json={"x": TOKEN, "y": object()}),
            lambda: Call("POST", "a", as_response, form={"x": TOKEN + "\ud800"}),
            lambda: Call("GET", "a", as_response, params={"x": TOKEN + "\ud800"}),
            lambda: Call("GET", f"http://me:{TOKEN}\ud800@h/", as_response),
            lambda: Call("GET", "a", as_response, auth=TokenAuth(TOKEN + "ö")),
        ):
            with pytest.raises(LadingError) as caught:
                await client.send(made())
            for text in [*await to_thread.run_sync(locals_of, caught.value), str(caught.value)]:
                assert TOKEN not in text


@pytest.mark.parametrize(
    "make",
    [
        lambda: lading.PyPI(token=TOKEN, auth=BasicAuth("me", TOKEN)),
        lambda: lading.PyPI("no such index", token=TOKEN),
        lambda: lading.Copr("http://copr.test", login="login", token=TOKEN),
        lambda: lading.Copr(token=TOKEN),
        lambda: lading.PyPI(token=TOKEN, tls=False),  # type: ignore[arg-type]
        lambda: lading.PyPI(token=TOKEN.encode()),  # type: ignore[arg-type]
        lambda: lading.PyPI(auth=("me", TOKEN)),  # type: ignore[arg-type]
        lambda: BasicAuth("a:b", TOKEN),
    ],
)
async def test_no_frame_of_a_constructor_shows_a_secret(make: Any):
    with pytest.raises(LadingError) as caught:
        make()
    for text in [*await to_thread.run_sync(locals_of, caught.value), str(caught.value)]:
        assert TOKEN not in text


class Renewed(Auth):
    """Credentials that are renewed once when they are refused."""

    def flow(self, request: Any) -> Any:
        response = yield request
        if response.status == 401:
            yield request


@pytest.mark.parametrize("auth", [None, BasicAuth("me", SECRET), TokenAuth(TOKEN), Renewed()], ids=repr)
@pytest.mark.parametrize("attempts", [1, 3])
@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 500])
async def test_a_refusal_has_no_other_error_as_its_context(echo: Echo, auth: Auth | None, attempts: int, status: int):
    echo.status, echo.how = status, "text"
    retry = Retry(attempts=attempts, backoff=0)
    async with make_client(echo.server.url, auth=auth, retry=retry, hooks=[lambda _: None]) as client:
        for method in ("GET", "POST"):
            with pytest.raises(lading.ApiError) as caught:
                await client.send(call(method))
            assert caught.value.__context__ is None
            with pytest.raises(lading.ApiError) as caught:
                async with client._sender.stream(call(method)):
                    pass
            assert caught.value.__context__ is None

"""Logging in by Candid where something is wrong, against canned responses; what is right is in tests/conformance."""

from __future__ import annotations

import json
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import anyio
import pytest
from anyio import to_thread

import lading
from lading import ApiError, ConfigError, Conflict, InputError, InvalidResponse, RequestTimeout, Retry, Unauthorized
from lading._macaroons.codec import Caveat, Macaroon, to_json_value
from lading.canonical import (
    CHARMHUB_CANDID,
    SNAP_STORE_CANDID,
    Agent,
    Charmhub,
    SnapStore,
    on_prem_snap_store,
)
from lading.canonical._login import browser
from lading.testing import Delay, Server, ServerRequest, ServerResponse

pytestmark = pytest.mark.anyio

TOKEN = "store-token-0123456789"
DISCHARGE_TOKEN = "discharge-token-0123456789"
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
Override = Callable[[ServerRequest, dict[str, str]], ServerResponse | None]


def macaroon(identifier: bytes, *locations: str, version: int = 2) -> dict[str, Any]:
    caveats = [Caveat(b"caveat-%d" % number, b"v" * 72, location.encode()) for number, location in enumerate(locations)]
    return to_json_value(Macaroon(b"here", identifier, bytes(32), caveats, version))  # type: ignore[arg-type]


class Candid:
    """A store and its Candid on one server, whose macaroons nobody verifies.

    Attributes:
        seen: Method and path of each request.
        forms: The requests for discharges.
        opened: The pages that were opened.
        location: Of the root's caveat; relative to the server.
        override: The response to a request instead of the usual one.
    """

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.bodies: list[Any] = []
        self.opened: list[str] = []
        self.locations = ["/identity"]
        self.override: Override = lambda _request, _form: None
        self.info: dict[str, Any] = {
            "InteractionMethods": {"browser-window": {"VisitURL": "login", "WaitTokenURL": "wait-token"}}
        }
        self.server = Server(self._respond)

    def client(self, base: Any = CHARMHUB_CANDID, **options: Any) -> Any:
        url = self.server.url
        endpoints = replace(base, api_url=url, storage_url=url, info_url=url, login_url=url)
        options = {"retry": Retry(attempts=3, backoff=0), **options}
        return (Charmhub if base.namespace == "charm" else SnapStore)(endpoints, **options)

    async def open_url(self, url: str) -> None:
        self.opened.append(url)

    async def login(self, **options: Any) -> str:
        async with self.client() as client:
            return await client.tokens.login_candid(**{"open_url": self.open_url, **options})

    async def _respond(self, request: ServerRequest) -> ServerResponse:
        body = (await request.read()).decode()
        self.seen.append(f"{request.method} {request.path}")
        form = dict(parse_qsl(body)) if request.path.endswith("/discharge") else {}
        response = self.override(request, form)
        if response is not None:
            return response
        if form:
            self.forms.append(form)
            if "token-kind" in form:
                return ServerResponse.json({"Macaroon": macaroon(form["id"].encode())})
            return ServerResponse.json({"Code": "interaction required", "Message": "m", "Info": self.info}, 401)
        if request.path.endswith("/wait-token"):
            return ServerResponse.json({"kind": "window", "token": DISCHARGE_TOKEN})
        if request.path.endswith("/exchange"):
            bundle = json.loads(urlsafe_b64decode(request.headers["Macaroons"]))
            return ServerResponse.json({"macaroon": f"{TOKEN}-{len(bundle)}"})
        assert request.path in ("/v1/tokens", "/api/v2/tokens")
        self.bodies.append(json.loads(body))
        locations = [f"{self.server.url}{one}" if one.startswith("/") else one for one in self.locations]
        return ServerResponse.json({"macaroon": json.dumps(macaroon(b"root", *locations))})


@pytest.fixture
def candid() -> Iterator[Candid]:
    candid = Candid()
    with candid.server:
        yield candid
    assert candid.server.errors == []


def at(path: str, response: ServerResponse) -> Override:
    return lambda request, _: response if request.path.endswith(path) else None


async def test_the_whole_way(candid: Candid):
    stored = json.loads(b64decode(await candid.login()))
    assert stored == {"t": "macaroon", "v": f"{TOKEN}-2"}
    assert candid.opened == [f"{candid.server.url}/identity/login"]
    discharge = "POST /identity/discharge"
    assert candid.seen == [
        "POST /v1/tokens",
        discharge,
        "GET /identity/wait-token",
        discharge,
        "POST /v1/tokens/exchange",
    ]
    assert candid.forms[1] == {"id": "caveat-0", "token": DISCHARGE_TOKEN, "token-kind": "window"}


async def test_the_snap_store_and_on_prem_stores_have_their_own_paths(candid: Candid):
    on_prem = on_prem_snap_store("https://api.example.com", "https://storage.example.com")
    for base in (SNAP_STORE_CANDID, on_prem):
        async with candid.client(base) as client:
            await client.tokens.login_candid(open_url=candid.open_url, packages=["x"], ttl=60)
    assert candid.seen[0] == "POST /api/v2/tokens"
    assert candid.seen[4:6] == ["POST /api/v2/tokens/exchange", "POST /v1/tokens"]
    assert candid.seen[-1] == "POST /v1/tokens/offline/exchange"
    first, second = candid.bodies
    assert list(first) == ["permissions", "description", "expires", "packages"]
    assert first["packages"] == [{"series": "16", "name": "x"}]
    assert list(second) == ["permissions", "description", "ttl", "packages"]
    assert second["packages"] == [{"type": "snap", "name": "x"}]


@pytest.mark.parametrize(
    ("info", "offered"),
    [
        ({"InteractionMethods": {"agent": {}, "browser-redirect": {}}}, "agent, browser-redirect"),
        ({"InteractionMethods": {}}, "none"),
        ({"InteractionMethods": {"browser-window": "strange"}}, "browser-window"),
        ({"InteractionMethods": ["browser-window"]}, "none"),
        ({"none": 1}, "none"),
    ],
)
async def test_a_way_to_log_in_that_is_not_offered(candid: Candid, info: dict[str, Any], offered: str):
    candid.info = info
    with pytest.raises(Unauthorized, match=rf"browser-window is not among those offered \({offered}\)") as caught:
        await candid.login()
    assert caught.value.outcome == "not_done"
    assert candid.opened == []


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (403, {"Code": "forbidden", "Message": "not a member"}, "not a member"),
        (403, {"code": "forbidden", "message": "lower case"}, "lower case"),
        (401, {"Code": "unauthorized", "Message": "invalid token"}, "invalid token"),
        (401, {"Code": "interaction required", "Message": "no info"}, "no info"),
        (401, {"Code": "macaroon discharge required", "Message": "no macaroon", "Info": {"x": 1}}, "no macaroon"),
        (401, [1], "HTTP 401"),
        (407, None, "HTTP 407"),
        (404, "text", "HTTP 404"),
    ],
)
async def test_a_refused_discharge(candid: Candid, status: int, body: Any, text: str):
    candid.override = at("/discharge", ServerResponse.json(body, status))
    with pytest.raises(ApiError, match=text) as caught:
        await candid.login()
    assert caught.value.service == "charmhub login"
    assert (caught.value.status, caught.value.outcome) == (status, "not_done")
    assert len(candid.seen) == 2


@pytest.mark.parametrize("response", [ServerResponse(401, {}, b"<html>"), ServerResponse(407, {}, b"\xff")])
async def test_a_refusal_of_something_else(candid: Candid, response: ServerResponse):
    candid.override = at("/discharge", response)
    with pytest.raises(ApiError):
        await candid.login()


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b'{"Macaroon": 1}', b'{"Macaroon": {"m": {}, "v": 2}}'])
async def test_a_success_without_a_discharge(candid: Candid, body: bytes):
    candid.override = at("/discharge", ServerResponse(200, {}, body))
    with pytest.raises(InvalidResponse) as caught:
        await candid.login()
    assert caught.value.outcome == "not_done"


@pytest.mark.parametrize(
    "root", ["", "text", "{", "[]", '{"i": 1}', '{"m": 1, "v": 3}', '{"m": {}, "v": 3, "cdata": [1]}']
)
async def test_a_root_that_is_no_macaroon(candid: Candid, root: str):
    candid.override = at("/v1/tokens", ServerResponse.json({"macaroon": root}))
    with pytest.raises(InvalidResponse) as caught:
        await candid.login()
    assert caught.value.outcome == "not_done"
    assert len(candid.seen) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"token": "t"}',
        b'{"kind": "", "token": "t"}',
        b'{"kind": "k"}',
        b'{"kind": "k", "token": ""}',
        b'{"kind": "k", "token64": "%"}',
        b'{"kind": "k", "token64": 7}',
    ],
)
async def test_a_wait_that_ends_without_a_token(candid: Candid, body: bytes):
    candid.override = at("/wait-token", ServerResponse(200, {}, body))
    with pytest.raises(InvalidResponse) as caught:
        await candid.login()
    assert caught.value.outcome == "not_done"


@pytest.mark.parametrize(
    "response",
    [
        ServerResponse.json({"Code": "", "Message": "rendezvous wait timed out"}, 500),
        ServerResponse.json({"message": "rendezvous wait timed out"}, 500),
        ServerResponse(204),
        ServerResponse(408),
        ServerResponse(504, {}, b"Gateway Timeout"),
    ],
)
async def test_nobody_logs_in(candid: Candid, response: ServerResponse):
    candid.override = at("/wait-token", response)
    with pytest.raises(RequestTimeout, match="nobody logged in on the page in time") as caught:
        await candid.login()
    assert caught.value.outcome == "not_done"
    assert candid.seen.count("GET /identity/wait-token") == 1  # waiting again would be in vain


async def test_nobody_logs_in_and_candid_says_nothing(candid: Candid, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(browser, "WAIT", 0.1)
    candid.server.faults.add(Delay(before="response", seconds=30), path="*/wait-token")
    with pytest.raises(RequestTimeout, match="nobody logged in on the page in time"):
        await candid.login()
    assert candid.seen.count("GET /identity/wait-token") <= 1


async def test_a_wait_is_longer_than_other_requests(candid: Candid):
    candid.server.faults.add(Delay(before="response", seconds=0.5), path="*/wait-token")
    async with candid.client(timeout=lading.Timeout(read=0.2)) as client:
        await client.tokens.login_candid(open_url=candid.open_url)


async def test_another_failure_of_the_wait_is_what_it_is(candid: Candid):
    candid.override = at("/wait-token", ServerResponse.json({"Message": "broken"}, 500))
    with pytest.raises(lading.ServerError, match="broken"):
        await candid.login()


async def test_a_wait_that_is_cancelled(candid: Candid):
    candid.server.faults.add(Delay(before="response", seconds=30), path="*/wait-token")
    async with candid.client() as client:
        with anyio.move_on_after(0.2) as scope:
            await client.tokens.login_candid(open_url=candid.open_url)
        assert scope.cancelled_caught
        await client.tokens.login_candid(open_url=candid.open_url)  # nothing was stored


@pytest.mark.parametrize("member", ["VisitURL", "WaitTokenURL"])
@pytest.mark.parametrize(
    "url",
    [
        "http://candid.example.com/login",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "//candid.example.com/login",
        "http://[broken",
        "http://127.0.0.1:1/",
        "",
        None,
        7,
    ],
)
async def test_a_url_that_is_not_followed(candid: Candid, member: str, url: Any):
    candid.info["InteractionMethods"]["browser-window"][member] = url
    with pytest.raises((Unauthorized, InvalidResponse)) as caught:
        await candid.login()
    assert caught.value.outcome == "not_done"
    assert candid.opened == []
    assert candid.seen == ["POST /v1/tokens", "POST /identity/discharge"]


async def test_a_page_elsewhere_at_https_is_opened(candid: Candid):
    candid.info["InteractionMethods"]["browser-window"]["VisitURL"] = "https://login.example.com/x?y=1"
    await candid.login()
    assert candid.opened == ["https://login.example.com/x?y=1"]


@pytest.mark.parametrize("location", ["http://candid.example.com", "candid.example.com:80/x", "local", "ftp://x"])
async def test_a_location_that_is_not_followed(candid: Candid, location: str):
    candid.locations = [location]
    with pytest.raises((Unauthorized, InvalidResponse)) as caught:
        await candid.login()
    assert caught.value.outcome == "not_done"
    assert len(candid.seen) == 1


async def test_a_loop_of_discharges_ends(candid: Candid):
    def respond(request: ServerRequest, form: dict[str, str]) -> ServerResponse | None:
        location = f"{candid.server.url}/identity"
        if form:
            return ServerResponse.json({"Macaroon": macaroon(form["id"].encode(), location, location)})
        return None

    candid.override = respond
    with pytest.raises(InvalidResponse, match="more than 20 discharges"):
        await candid.login()
    assert len(candid.seen) == 21


async def test_access_that_is_refused_again_and_again(candid: Candid):
    info = {"Macaroon": macaroon(b"access"), "CookieNameSuffix": "a b;c"}
    refusal = {"Code": "macaroon discharge required", "Message": "again", "Info": info}
    cookies: list[str | None] = []

    def respond(request: ServerRequest, form: dict[str, str]) -> ServerResponse | None:
        if form:
            cookies.append(request.headers.get("Cookie"))
            return ServerResponse.json(refusal, 401)
        return None

    candid.override = respond
    with pytest.raises(Unauthorized, match="again"):
        await candid.login()
    assert len(cookies) == 3
    assert cookies[0] is None
    assert str(cookies[1]).startswith("macaroon-auth=")


async def test_access_that_needs_itself(candid: Candid):
    location = f"{candid.server.url}/identity"
    info = {"Macaroon": macaroon(b"access", location)}
    refusal = {"Code": "macaroon discharge required", "Message": "again", "Info": info}
    candid.override = at("/discharge", ServerResponse.json(refusal, 407))
    with pytest.raises((Unauthorized, InvalidResponse)):
        await candid.login()
    assert len(candid.seen) < 30


async def test_what_opening_the_page_raises_passes(candid: Candid):
    async def open_url(url: str) -> None:
        raise OSError("no browser")

    with pytest.raises(OSError, match="no browser"):
        await candid.login(open_url=open_url)
    with pytest.raises(InputError, match="open_url= must be an async function") as caught:
        await candid.login(open_url=lambda _: None)
    assert caught.value.argument == "open_url"


async def test_nothing_is_sent_when_it_could_not_be_stored_or_is_invalid(candid: Candid):
    async with candid.client(token="a-token") as client:
        with pytest.raises(Conflict):
            await client.tokens.login_candid(open_url=candid.open_url)
        with pytest.raises(Conflict):
            await client.tokens.login_agent(Agent(username="bot", private_key=KEY))
        with pytest.raises(InputError):
            await client.tokens.login_candid(open_url=candid.open_url, ttl=0, overwrite=True)
        with pytest.raises(InputError):
            await client.tokens.login_candid(open_url="https://x", overwrite=True)
        assert candid.seen == []
        await client.tokens.login_candid(open_url=candid.open_url, overwrite=True)


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"agents": []}', '{"key": {"private": 1}, "agents": [{"url": "u", "username": "n"}]}', "\ufffe"],
)
async def test_a_file_that_is_no_agent_file(candid: Candid, tmp_path: Any, content: str):
    file = tmp_path / "agent.json"
    await to_thread.run_sync(lambda: file.write_text(content, "utf-8"))
    async with candid.client() as client:
        with pytest.raises(ConfigError, match=r"agent\.json is no agent file"):
            await client.tokens.login_agent(file)
        with pytest.raises(ConfigError, match=r"cannot be read: FileNotFoundError"):
            await client.tokens.login_agent(tmp_path / "missing")
        with pytest.raises(ConfigError, match=r"cannot be read: IsADirectoryError"):
            await client.tokens.login_agent(tmp_path)
    assert candid.seen == []


@pytest.mark.parametrize("key", ["x", "AAAA", "%%%%", KEY[:-4]])
async def test_a_damaged_key(candid: Candid, key: str):
    async with candid.client() as client:
        with pytest.raises(ConfigError, match="the agent's private key is damaged"):
            await client.tokens.login_agent(Agent(username="bot", private_key=key))
    assert candid.seen == []


async def test_an_agent_that_is_known_elsewhere(candid: Candid):
    candid.info = {"InteractionMethods": {"agent": {"login-url": "login/agent"}}}
    async with candid.client() as client:
        agent = Agent(username="bot", private_key=KEY, url="https://candid.example.com/")
        with pytest.raises(ConfigError, match="none of the agents is for http://127"):
            await client.tokens.login_agent(agent)
        candid.info = {"InteractionMethods": {"browser-window": {}}}
        with pytest.raises(Unauthorized, match="agent is not among those offered"):
            await client.tokens.login_agent(agent)


async def test_a_proof_for_another_key(candid: Candid):
    candid.info = {"InteractionMethods": {"agent": {"login-url": "login/agent?did=1"}}}
    candid.override = at("/login/agent", ServerResponse.json({"macaroon": macaroon(b"agent", "local")}))
    async with candid.client() as client:
        with pytest.raises(lading.TokenError, match="format that is not known"):
            await client.tokens.login_agent(Agent(username="bot", private_key=KEY))
        candid.override = at("/login/agent", ServerResponse.json({"Code": "x", "Message": "no such agent"}, 401))
        with pytest.raises(Unauthorized, match="no such agent"):
            await client.tokens.login_agent(Agent(username="bot", private_key=KEY))

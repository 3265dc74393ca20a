"""Login and token on requests: where they go, where they do not, and where nobody sees them."""

from __future__ import annotations

import base64
import logging
import pickle
import traceback
from typing import Any

import pytest
from anyio import to_thread

from lading import BasicAuth, Call, ConfigError, Copr, LadingError, Response, Unauthorized
from lading._core.auth import Auth
from lading.copr import TokenPairAuth
from lading.testing import DropAfter, Respond, Server, ServerResponse
from tests.support.copr_frontend import LOGIN, QUICK, READS, TOKEN, WRITES, CannedFrontend, RecordingCopr

pytestmark = pytest.mark.anyio

BASIC = base64.b64encode(f"{LOGIN}:{TOKEN}".encode()).decode()


async def test_without_credentials_nothing_that_needs_them_is_sent(frontend: CannedFrontend):
    async with Copr(frontend.url, retry=QUICK) as copr:
        for write in WRITES:
            with pytest.raises(ConfigError, match="needs a login and token") as caught:
                await write(copr)
            assert caught.value.outcome == "not_done"
    assert frontend.seen == []


async def test_reading_is_anonymous_with_and_without_credentials(frontend: CannedFrontend):
    async with Copr(frontend.url) as nobody, frontend.client() as somebody:
        for read, response in READS:
            for copr in (nobody, somebody):
                frontend.responses = [ServerResponse.json(response)]
                await read(copr)
    assert len(frontend.seen) == 2 * len(READS)
    for requested in frontend.seen:
        assert "Authorization" not in requested.headers
        assert "Cookie" not in requested.headers


async def test_writing_says_who(frontend: CannedFrontend):
    async with frontend.client() as copr:
        for write in WRITES:
            with pytest.raises(LadingError):
                await write(copr)
    assert {request.user for request in frontend.seen} == {f"{LOGIN}:{TOKEN}"}
    assert len(frontend.seen) == len(WRITES)


async def test_bot_wall_the_agents_name_begins_with_copr(frontend: CannedFrontend):
    """The gate of the public instance lets these pass, and shows others a page."""
    frontend.responses = [ServerResponse.json({"version": 3})]
    for options in ({}, {"user_agent": "bot/1 (me)"}):
        async with frontend.client(**options) as copr:
            await copr.home()
            await copr.with_options(auth=None).home()
    plain, _, named, copied = (request.headers["User-Agent"] for request in frontend.seen)
    assert plain.startswith("copr lading/")
    assert named == copied
    assert named.startswith("copr bot/1 (me) lading/")


@pytest.mark.parametrize("how", ["json", "html", "reason", "header"])
@pytest.mark.parametrize("status", [400, 401, 403, 500, 302])
async def test_what_the_frontend_says_back_is_masked(
    frontend: CannedFrontend, caplog: pytest.LogCaptureFixture, how: str, status: int
):
    caplog.set_level(logging.DEBUG)
    message = f"bad token {TOKEN} in Authorization: Basic {BASIC}"
    headers = {"Location": f"/{TOKEN}", "X-Said": message, "WWW-Authenticate": message}
    frontend.responses = [
        {
            "json": ServerResponse.json({"error": message}, status, headers),
            "html": ServerResponse(status, {**headers, "Content-Type": "text/html"}, f"<h1>{message}</h1>".encode()),
            "reason": ServerResponse(status, headers, reason=message),
            "header": ServerResponse(status, headers),
        }[how]
    ]
    events: list[Any] = []
    async with frontend.client(hooks=[events.append]) as copr:
        with pytest.raises(LadingError) as caught:
            await copr.projects.update("me", "demo", description="x")
        shown = [
            repr(caught.value),
            repr(vars(caught.value)),
            "".join(await to_thread.run_sync(traceback.format_exception, caught.value)),
            repr(pickle.loads(pickle.dumps(caught.value))),
            repr(copr),
            repr(copr._connections.settings),
            *map(repr, events),
            *(f"{record.getMessage()} {record.args!r}" for record in caplog.records),
        ]
    assert events
    assert caplog.records
    for secret in (TOKEN, BASIC):
        assert not [text for text in shown if secret in text]


async def test_credentials_stay_with_their_instance():
    async def other(request: Any) -> ServerResponse:
        there.append(request.headers)
        return ServerResponse.json({"id": 1, "name": "evil"})

    there: list[Any] = []
    async with (
        Server(other) as elsewhere,
        CannedFrontend(ServerResponse(302, {"Location": f"{elsewhere.url}/x"})) as frontend,
        frontend.client() as copr,
    ):
        with pytest.raises(LadingError, match="redirected"):  # plain http to another origin
            await copr.tokens.whoami()
        with pytest.raises(LadingError, match="A write is never redirected"):
            await copr.projects.update("me", "demo", description="x")
        await copr.send(Call("GET", f"{elsewhere.url}/y", Response.json))
    assert [set(headers) & {"authorization", "cookie"} for headers in there] == [set()]


async def test_no_cookies_are_kept(frontend: CannedFrontend):
    """A session of somebody's outranks login and token there."""
    frontend.responses = [ServerResponse.json({"name": "me"}, headers={"Set-Cookie": "session=theirs; Path=/"})]
    async with frontend.client() as copr:
        for _ in range(2):
            await copr.tokens.whoami()
    assert not any("Cookie" in request.headers for request in frontend.seen)


async def test_a_token_from_elsewhere_and_other_credentials(demo_store: RecordingCopr):
    class Place:
        async def get(self) -> str:
            return demo_store.owner.token

    async with demo_store.client(token=Place()) as copr, demo_store.reader() as reader:
        assert (await copr.tokens.whoami()).name == "owner"
        auth = BasicAuth(demo_store.owner.login, demo_store.owner.token)
        assert (await reader.with_options(auth=auth).tokens.whoami()).name == "owner"
        with pytest.raises(Unauthorized, match="Login invalid/expired"):
            await reader.with_options(auth=Auth()).tokens.whoami()


def test_a_login_with_a_colon():
    with pytest.raises(ConfigError, match="colon"):
        Copr(login="a:b", token="c")
    assert repr(TokenPairAuth("a", "s3cret")) == "TokenPairAuth('a', ***)"


async def test_after_a_lost_connection_it_is_requested_once_more(demo_store: RecordingCopr):
    demo_store.faults.add(DropAfter(), path="/api_3/auth-check")
    demo_store.faults.add(Respond(503), path="/api_3/auth-check")
    async with demo_store.client() as copr:
        assert (await copr.tokens.verify()).name == "owner"

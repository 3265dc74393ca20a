"""Minting tokens for trusted publishing, at an index that counts and forgets nothing."""

from __future__ import annotations

import base64
import json
import logging
import sys
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import anyio
import pytest

import lading
from lading import BadRequest, Forbidden, Index, InvalidResponse, PyPI, Retry
from lading.pypi import MintedToken, TrustedPublishing, _indexes
from lading.pypi import _trusted_publishing as _trusted
from lading.testing import DropAfter, DropBefore, Respond, Server, ServerRequest, ServerResponse
from tests.support.distributions import wheel
from tests.support.raw_server import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Minting:
    """An index that mints, GitHub that identifies, and the clock of both.

    Attributes:
        now: What the clock shows.
        seen: The requests.
        used: Identity tokens that were taken already: each is good for once.
        users: What uploads and pages came with.
        minted: How many tokens were.
        respond: The response to a request for a token, from what it contains usually.
        resume: Minting waits for this.
        audience: What the index requests.
    """

    def __init__(self) -> None:
        self.now = START
        self.seen: list[str] = []
        self.used: set[str] = set()
        self.users: list[str] = []
        self.minted = 0
        self.audience: str | None = "testpypi"
        self.respond: Callable[[dict[str, Any]], ServerResponse] = ServerResponse.json
        self.server = Server(self._handle)
        self.resume = threading.Event()
        self.resume.set()
        self._identities = 0

    async def _handle(self, request: ServerRequest) -> ServerResponse:
        self.seen.append(f"{request.method} {request.path}")
        body = await request.read()
        authorization = request.headers.get("Authorization", "")
        if request.path == "/_/oidc/audience":
            assert authorization == ""
            return ServerResponse.json({"audience": self.audience})
        if request.path == "/identity":
            assert authorization == "bearer s3cret-of-the-job"
            assert request.query["audience"] == "testpypi"
            self._identities += 1
            return ServerResponse.json({"value": f"s3cret-jwt-{self._identities}"})
        if request.path == "/_/oidc/mint-token":
            assert authorization == ""
            await request.in_thread(self.resume.wait, 20)
            return self._mint(json.loads(body)["token"])
        self.users.append(base64.b64decode(authorization.removeprefix("Basic ")).decode())
        return ServerResponse(404) if request.method == "GET" else ServerResponse()

    def _mint(self, identity: str) -> ServerResponse:
        if identity in self.used:
            return refusal("invalid-reuse-token", "already-used: the identity was used before")
        self.used.add(identity)
        self.minted += 1
        ends = int((self.now + timedelta(minutes=15)).timestamp())
        return self.respond({"success": True, "token": f"pypi-s3cret-{self.minted}", "expires": ends})

    @property
    def index(self) -> Index:
        return Index(f"{self.server.url}/legacy/", f"{self.server.url}/simple/", "testpypi")

    @property
    def env(self) -> dict[str, str]:
        return {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.server.url}/identity?v=1",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "s3cret-of-the-job",
        }

    def client(self, **options: Any) -> PyPI:
        return PyPI(
            self.index,
            auth=TrustedPublishing(self.index, self.env, audience="testpypi"),
            retry=Retry(backoff=0, attempts=3),
            **options,
        )


def refusal(code: str, description: str) -> ServerResponse:
    errors = [{"code": code, "description": description}]
    return ServerResponse.json({"message": "Token request failed", "errors": errors}, 422)


@pytest.fixture
def minting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Minting]:
    fake = Minting()

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return fake.now.astimezone(tz)

    monkeypatch.setattr(_trusted, "datetime", Clock)
    with fake.server:
        yield fake
    assert fake.server.errors == []


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    return [wheel(tmp_path, f"demo{number}") for number in range(8)]


async def test_mint(minting, capsys):
    async with PyPI(minting.index, retry=Retry(backoff=0)) as pypi:
        minted = await pypi.tokens.mint(minting.env, audience="testpypi")
    assert minted == MintedToken("pypi-s3cret-1", START + timedelta(minutes=15))
    assert "s3cret" not in repr(minted)
    assert minting.seen == ["GET /_/oidc/audience", "GET /identity", "POST /_/oidc/mint-token"]
    # GitHub's log puts stars for it from now on; this is the one place where it is printed.
    assert capsys.readouterr() == ("\n::add-mask::pypi-s3cret-1\n", "")


async def test_the_log_command_stands_on_a_line_of_its_own(minting, capsys):
    sys.stdout.write("Uploading ...")
    async with PyPI(minting.index) as pypi:
        await pypi.tokens.mint(minting.env, audience="testpypi")
    assert capsys.readouterr().out.splitlines() == ["Uploading ...", "::add-mask::pypi-s3cret-1"]


@pytest.mark.parametrize("token", ["x\n::set-output name=a::b", "x\r", "x y", "", "töken", None, 5, ["x"]])
async def test_what_an_index_returns_is_checked_before_it_is_printed(minting, capsys, token):
    minting.respond = lambda found: ServerResponse.json(found | {"token": token})
    async with PyPI(minting.index) as pypi:
        with pytest.raises(InvalidResponse, match="no usable 'token'"):
            await pypi.tokens.mint(minting.env, audience="testpypi")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("audience", ["pypi", "sts.amazonaws.com", "https://github.com/acme", "", None, "a b"])
async def test_an_index_does_not_choose_the_audience(minting, audience):
    """Whoever has an identity token with the audience of another index can publish there."""
    minting.audience = audience
    elsewhere = {"GITLAB_CI": "true", "PYPI_ID_TOKEN": "s3cret", "STS_AMAZONAWS_COM_ID_TOKEN": "s3cret"}
    for env in (minting.env, elsewhere | {"TESTPYPI_ID_TOKEN": "s3cret"}):
        async with PyPI(minting.index) as pypi:
            with pytest.raises((lading.ConfigError, InvalidResponse)):
                await pypi.tokens.mint(env, audience="testpypi")
    assert set(minting.seen) == {"GET /_/oidc/audience"}


async def test_an_index_of_ones_own_is_given_what_belongs_to_it(minting):
    """Its host, or what the caller says; never the audience of an official index, except on this machine."""
    acme = Index("https://packages.acme.example/up/")
    for audience in ("pypi", "testpypi"):
        with pytest.raises(lading.ConfigError, match="is another index's"):
            TrustedPublishing(acme, {}, audience=audience)
    minting.audience = "127.0.0.1"
    async with PyPI(minting.index) as pypi:
        await pypi.tokens.mint({"GITLAB_CI": "true", "127_0_0_1_ID_TOKEN": "s3cret-jwt"})
    minting.audience = "acme"
    async with PyPI(minting.index) as pypi:
        with pytest.raises(lading.ConfigError, match=r"requests .* 'acme', and may have one with '127.0.0.1' only"):
            await pypi.tokens.mint({"GITLAB_CI": "true", "127_0_0_1_ID_TOKEN": "s3cret-jwt"})
        await pypi.tokens.mint({"GITLAB_CI": "true", "ACME_ID_TOKEN": "s3cret-jwt-2"}, audience="acme")


@pytest.mark.parametrize("name", ["pypi", "testpypi"])
async def test_the_official_indexes_have_one_audience_each(minting, name, monkeypatch):
    monkeypatch.setitem(_indexes._BY_NAME, name, minting.index)
    minting.audience = {"pypi": "testpypi", "testpypi": "pypi"}[name]
    async with PyPI(minting.index) as pypi:
        with pytest.raises(lading.ConfigError, match=f"may have one with '{name}' only"):
            await pypi.tokens.mint(minting.env)
        with pytest.raises(lading.ConfigError, match="have the audience"):
            await pypi.tokens.mint(minting.env, audience=minting.audience)
    assert set(minting.seen) == {"GET /_/oidc/audience"}


async def test_elsewhere_nothing_is_printed(minting, capsys):
    async with PyPI(minting.index) as pypi:
        await pypi.tokens.mint({"GITLAB_CI": "true", "TESTPYPI_ID_TOKEN": "s3cret-jwt"}, audience="testpypi")
    assert minting.seen == ["GET /_/oidc/audience", "POST /_/oidc/mint-token"]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("fault", [DropAfter(), DropBefore(), Respond(500), Respond(503), Respond(429)], ids=repr)
async def test_every_attempt_to_mint_has_an_identity_of_its_own(minting, fault):
    minting.server.faults.add(fault, path="/_/oidc/mint-token")
    async with PyPI(minting.index, retry=Retry(backoff=0)) as pypi:
        minted = await pypi.tokens.mint(minting.env, audience="testpypi")
    assert minted.value == f"pypi-s3cret-{minting.minted}"
    assert minting._identities == 2
    assert len(minting.server.faults.happened) == 1


@pytest.mark.parametrize("path", ["/_/oidc/audience", "/identity", "/_/oidc/mint-token"])
async def test_attempts_are_counted_once(minting, path):
    minting.server.faults.add(Respond(500), path=path, times=None)
    async with PyPI(minting.index, retry=Retry(backoff=0, attempts=3)) as pypi:
        with pytest.raises(lading.ServerError):
            await pypi.tokens.mint(minting.env, audience="testpypi")
    assert len(minting.server.faults.happened) == 3


async def test_why_it_was_refused_in_one_line(minting, capsys):
    minting.respond = lambda _: refusal("invalid-publisher", "valid token, but no corresponding publisher")
    async with PyPI(minting.index) as pypi:
        with pytest.raises(BadRequest) as caught:
            await pypi.tokens.mint(minting.env, audience="testpypi")
    assert str(caught.value) == ("testpypi: valid token, but no corresponding publisher (invalid-publisher) (HTTP 422)")
    assert minting.seen.count("POST /_/oidc/mint-token") == 1
    assert capsys.readouterr().out == ""


async def test_an_index_that_mints_for_nobody(minting):
    body = b'{"message": "Trusted publishing functionality not enabled"}'
    minting.server.faults.add(Respond(403, body, {"Content-Type": "application/json"}), path="/_/oidc/audience")
    async with PyPI(minting.index) as pypi:
        with pytest.raises(Forbidden, match="functionality not enabled"):
            await pypi.tokens.mint(minting.env, audience="testpypi")


async def test_a_refusal_of_github_is_reported_as_githubs(minting):
    """And not as the index's, which had no part in it."""
    body = b'{"message": "s3cret-of-the-job may not ask", "typeKey": "UnauthorizedRequestException"}'
    minting.server.faults.add(Respond(403, body, {"Content-Type": "application/json"}), path="/identity")
    async with PyPI(minting.index) as pypi:
        with pytest.raises(Forbidden) as caught:
            await pypi.tokens.mint(minting.env, audience="testpypi")
    assert str(caught.value) == "github: *** may not ask (HTTP 403)"
    assert (caught.value.service, caught.value.code) == ("github", "UnauthorizedRequestException")
    assert "POST /_/oidc/mint-token" not in minting.seen


async def test_the_requests_of_one_mint_are_those_of_two_services(minting):
    events: list[Any] = []
    async with PyPI(minting.index, hooks=[events.append]) as pypi:
        await pypi.tokens.mint(minting.env, audience="testpypi")
    calls = [event for event in events if isinstance(event, lading.CallEvent)]
    assert [event.service for event in calls] == ["testpypi", "github", "testpypi"]


async def test_githubs_request_token_goes_to_its_own_host_alone(minting, server_tls, client_tls):
    """Not along a redirect, not even to the index that the identity is for."""
    at_index: list[tuple[str, str | None]] = []

    async def handle(request: ServerRequest) -> ServerResponse:
        at_index.append((request.path, request.headers.get("Authorization")))
        answers = {"/_/oidc/audience": {"audience": "testpypi"}, "/_/oidc/mint-token": {"token": "pypi-t"}}
        return ServerResponse.json(answers.get(request.path, {"value": "jwt"}))

    async with Server(handle, tls=server_tls) as index:
        minting.server.faults.add(Respond(302, b"", {"Location": f"{index.url}/identity"}), path="/identity")
        async with PyPI(Index(f"{index.url}/legacy/"), tls=client_tls) as pypi:
            await pypi.tokens.mint(minting.env, audience="testpypi")
    assert ("/identity", None) in at_index
    assert {authorization for _, authorization in at_index} == {None}


@pytest.mark.parametrize("url", ["identity", "/identity", "http://id.example/identity", "https://user:pw@id.example/"])
async def test_a_request_url_that_credentials_must_not_go_to(minting, url):
    """A relative one would have been taken for one of the index's."""
    async with PyPI(minting.index) as pypi:
        with pytest.raises(lading.ConfigError, match="ACTIONS_ID_TOKEN_REQUEST_URL"):
            await pypi.tokens.mint({**minting.env, "ACTIONS_ID_TOKEN_REQUEST_URL": url}, audience="testpypi")
    assert minting.seen == []


@pytest.mark.parametrize("found", [{}, {"token": "pypi-s3cret", "expires": "soon"}, {"token": "x", "expires": 10**20}])
async def test_what_is_no_token(minting, found):
    minting.respond = lambda _: ServerResponse.json(found)
    async with PyPI(minting.index) as pypi:
        with pytest.raises(InvalidResponse) as caught:
            await pypi.tokens.mint(minting.env, audience="testpypi")
    assert "s3cret" not in str(caught.value)


async def test_without_an_end_a_quarter_of_an_hour_is_taken(minting):
    minting.respond = lambda _: ServerResponse.json({"token": "pypi-t"})
    async with PyPI(minting.index) as pypi:
        assert await pypi.tokens.mint(minting.env, audience="testpypi") == MintedToken(
            "pypi-t", START + timedelta(minutes=15)
        )


async def test_many_uploads_mint_once(minting, paths):
    async with minting.client() as pypi, pypi.releases.upload_many(paths) as outcomes:
        assert {outcome.value.status async for outcome in outcomes} == {"uploaded"}
    assert minting.minted == 1
    assert set(minting.users) == {"__token__:pypi-s3cret-1"}


@pytest.mark.parametrize(("passed", "minted"), [(timedelta(minutes=10), 1), (timedelta(minutes=10, seconds=1), 2)])
async def test_a_token_with_less_than_five_minutes_left_is_renewed(minting, paths, passed, minted):
    async with minting.client() as pypi:
        await pypi.releases.upload(paths[0])
        minting.now += passed
        await pypi.releases.upload(paths[1])
    assert minting.minted == minted
    assert minting.users[-1] == f"__token__:pypi-s3cret-{minted}"


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(hours=-1)])
@pytest.mark.parametrize(
    ("passed", "minted"), [(timedelta(minutes=9, seconds=59), 1), (timedelta(minutes=10, seconds=1), 2)]
)
async def test_the_index_may_have_another_clock(minting, paths, ahead, passed, minted):
    """How long a token is still valid is measured by the clock of the index that minted it."""

    def respond(found: dict[str, Any]) -> ServerResponse:
        there = minting.now + ahead
        ends = int((there + timedelta(minutes=15)).timestamp())
        return ServerResponse.json(found | {"expires": ends}, headers=[("Date", format_datetime(there, usegmt=True))])

    minting.respond = respond
    async with minting.client() as pypi:
        token = await pypi.tokens.mint(minting.env, audience="testpypi")
        assert (token.clock_skew, token.remaining) == (ahead, timedelta(minutes=15))
        await pypi.releases.upload(paths[0])
        minting.now += passed
        await pypi.releases.upload(paths[1])
    assert minting.minted == 1 + minted


async def test_a_failed_mint_leaves_the_next_one_its_turn(minting, paths):
    minting.server.faults.add(Respond(422), path="/_/oidc/mint-token")
    path = paths[0]
    async with minting.client() as pypi:
        with pytest.raises(BadRequest):
            await pypi.releases.upload(path)
        assert minting.users == []
        assert (await pypi.releases.upload(path)).status == "uploaded"


async def test_who_gives_up_while_it_is_minted_does_not_keep_the_others(minting, paths):
    minting.resume.clear()
    scope = anyio.CancelScope()

    async def first() -> None:
        with scope:
            await pypi.releases.upload(paths[0])

    async with minting.client() as pypi, anyio.create_task_group() as group:
        group.start_soon(first)
        await until(lambda: "POST /_/oidc/mint-token" in minting.seen)
        for path in paths[1:]:
            group.start_soon(pypi.releases.upload, path)
        scope.cancel()
        minting.resume.set()
    assert minting.seen.count("POST /_/oidc/mint-token") == 2
    # A look and an upload each, and once whether anything is at simple_url.
    assert len(minting.users) == 2 * len(paths[1:]) + 1
    assert len(set(minting.users)) == 1


async def test_the_token_shows_nowhere(minting, paths, caplog):
    caplog.set_level(logging.DEBUG)
    minting.server.faults.add(Respond(400, b"no: pypi-s3cret-1 is bad"), method="POST", path="/legacy/")
    events: list[object] = []
    client = minting.client(hooks=[events.append])
    async with client as pypi:
        with pytest.raises(BadRequest) as caught:
            await pypi.releases.upload(paths[0])
    shown = [
        str(caught.value),
        repr(caught.value.detail),
        caplog.text,
        repr(events),
        repr(client._connections.settings.auth),
    ]
    assert [text for text in shown if "s3cret" in text] == []
    assert minting.users

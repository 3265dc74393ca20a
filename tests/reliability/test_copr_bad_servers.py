"""Copr behind proxies, gates and bugs: what users see is always an error of ours, in one line that says what happened."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

import lading
from lading import (
    ApiError,
    BadRequest,
    Copr,
    InvalidResponse,
    LadingError,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    Retry,
    ServerError,
)
from lading.testing import DropAfter, Respond, RespondRaw, ServerResponse
from tests.support.copr_frontend import (
    CHROOT,
    QUICK,
    READS,
    WRITES,
    CannedFrontend,
    RecordingCopr,
    SeenRequest,
    refusal,
)

pytestmark = pytest.mark.anyio

NGINX = b"<html>\r\n<head><title>504 Gateway Time-out</title></head>\r\n<body>\r\n<h1>504 Gateway Time-out</h1></body></html>"
GATE = b"<!doctype html><html><head><title>Making sure you&#39;re not a bot!</title></head><body></body></html>"
HTML = {"Content-Type": "text/html; charset=utf-8"}
JSON = {"Content-Type": "application/json"}


async def failing(call: Any) -> LadingError:
    with pytest.raises(LadingError) as caught:
        await call
    error = caught.value
    assert "\n" not in str(error)
    assert len(str(error)) < 600
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    return error


@pytest.mark.parametrize(
    "response",
    [
        ServerResponse(200, HTML, GATE),
        ServerResponse(200, JSON, b""),
        ServerResponse(204, {}, b""),
        ServerResponse(200, JSON, b'{"items": [{"id": 1, "name": "a", "packages": [{"name": '),
        ServerResponse(200, JSON, b"[1, 2]"),
        ServerResponse(200, JSON, b"null"),
        ServerResponse(200, JSON, b'"text"'),
        ServerResponse(200, JSON, b"[" * 100_000),
        ServerResponse(200, JSON, b'{"name": [], "id": {}, "items": 7, "packages": "x", "can_build_in": []'),
        ServerResponse(200, JSON, b"\xff\xfe\x00"),
    ],
    ids=["gate", "empty", "204", "truncated", "list", "null", "text", "deep", "open", "bytes"],
)
async def test_successes_that_are_none(frontend: CannedFrontend, response: ServerResponse):
    """Whatever is called: a InvalidResponse, which for a write says that nobody knows."""
    frontend.responses = [response]
    async with frontend.client(retry=Retry(attempts=1)) as copr:
        for read, _ in READS:
            error = await failing(read(copr))
            assert type(error) is InvalidResponse
            assert error.outcome == "not_done"
        for write in WRITES:
            error = await failing(write(copr))
            assert type(error) is InvalidResponse, error
    if response.body == GATE:
        assert "text/html" in str(error)


async def test_bot_wall_its_page_is_not_taken_for_a_response(frontend: CannedFrontend):
    frontend.responses = [ServerResponse(200, HTML, GATE)]
    async with frontend.client() as copr:
        error = await failing(copr.projects.get("owner", "demo"))
        assert f"copr: the response to GET project is 200 with {len(GATE)} bytes of text/html" in str(error)
        assert len(frontend.seen) == 1
        error = await failing(copr.projects.update("owner", "demo", description="x"))
        assert error.outcome == "unknown"
    assert all(request.headers["User-Agent"].startswith("copr ") for request in frontend.seen)


@pytest.mark.parametrize(
    ("response", "kind", "message", "reads", "writes"),
    [
        (ServerResponse(502, HTML, b"<h1>Bad Gateway</h1>"), ServerError, "copr: Bad Gateway (HTTP 502)", 3, 1),
        (ServerResponse(503, HTML, b""), ServerError, "copr: Service Unavailable (HTTP 503)", 3, 1),
        (ServerResponse(504, HTML, NGINX), ServerError, "copr: 504 Gateway Time-out (HTTP 504)", 3, 1),
        (refusal(504, "The API request timeouted"), ServerError, "copr: The API request timeouted (HTTP 504)", 3, 1),
        (ServerResponse(408, HTML, b""), BadRequest, "copr: Request Timeout (HTTP 408)", 3, 1),
        (ServerResponse(413, HTML, b"<h1>Too big</h1>"), PayloadTooLarge, "copr: Too big (HTTP 413)", 1, 1),
        (ServerResponse.json({"message": "Bad"}, 400), BadRequest, "copr: Bad (HTTP 400)", 1, 1),
        (
            ServerResponse.json({"message": "Slow"}, 429, {"Retry-After": "0"}),
            RateLimited,
            "copr: Slow (HTTP 429); wait 0 s (Retry-After)",
            3,
            3,
        ),
        (
            ServerResponse(503, {"Retry-After": "0"}),
            ServerError,
            "copr: Service Unavailable (HTTP 503); wait 0 s (Retry-After)",
            3,
            3,
        ),
        (ServerResponse(501, HTML), ServerError, "copr: Not Implemented (HTTP 501)", 1, 1),
        (ServerResponse(418, {}, b"I am a teapot"), BadRequest, "copr: I am a teapot (HTTP 418)", 1, 1),
        (ServerResponse(300, {}, b""), ApiError, "copr: Multiple Choices (HTTP 300)", 1, 1),
    ],
    ids=lambda value: str(getattr(value, "status", "")) if isinstance(value, ServerResponse) else "",
)
async def test_outages(
    frontend: CannedFrontend, response: ServerResponse, kind: type[ApiError], message: str, reads: int, writes: int
):
    """A read is retried, a write only where it was rejected before any work."""
    frontend.responses = [response]
    async with frontend.client() as copr:
        error = await failing(copr.projects.get("owner", "demo"))
        assert (type(error), str(error)) == (kind, message)
        assert isinstance(error, ApiError)
        assert (error.status, error.attempts, len(frontend.seen)) == (response.status, reads, reads)
        assert error.outcome == "not_done"
        frontend.seen.clear()
        error = await failing(copr.tokens.rotate())
        assert (type(error), len(frontend.seen)) == (kind, 1)  # whatever the response
        frontend.seen.clear()
        error = await failing(copr.modules.build_from_url("owner", "demo", "https://example.com/x"))
        assert (type(error), str(error), len(frontend.seen)) == (kind, message, writes)
        assert error.outcome == (
            "unknown" if response.status in (408, 502, 504) or (reads, writes) == (3, 1) else "not_done"
        )


async def test_a_read_survives_an_outage(demo_store: RecordingCopr):
    for fault in (DropAfter(), Respond(502, b"<html>"), RespondRaw(b"nonsense\r\n\r\n"), Respond(503, retry_after=0)):
        demo_store.faults.add(fault)
    async with demo_store.client(retry=Retry(attempts=5, backoff=0)) as copr:
        assert (await copr.projects.get("owner", "demo")).name == "demo"
    assert len(demo_store.faults.happened) == 4


async def test_the_wait_that_the_store_requests(frontend: CannedFrontend):
    frontend.responses = [ServerResponse(429, {"Retry-After": "86400"})]
    async with frontend.client() as copr:
        error = await failing(copr.projects.delete("owner", "demo"))
        assert isinstance(error, RateLimited)
        assert (error.retry_after, error.outcome) == (86400, "not_done")
    assert len(frontend.seen) == 1


async def test_words_and_fields_of_later_frontends(frontend: CannedFrontend):
    """Unknown states, kinds and fields are carried on."""
    async with frontend.client() as copr:
        frontend.responses = [
            ServerResponse.json({"name": "demo", "storage": "tape", "new": {"deep": [1]}, "isolation": "vm"})
        ]
        project = await copr.projects.get("owner", "demo")
        assert (project.storage, project.isolation) == ("tape", "vm")
        assert project.model_extra == {"new": {"deep": [1]}}
        frontend.responses = [ServerResponse.json({"name": "a", "source_type": "flatpak", "source_dict": {"x": None}})]
        assert (await copr.packages.get("owner", "demo", "a")).source_type == "flatpak"
        frontend.responses = [ServerResponse.json({"name": CHROOT, "state": "paused", "result_url": None})]
        assert (await copr.build_chroots.get(1, CHROOT)).state == "paused"
        row = {"state": "paused", "status": 77, "build_id": 1, "more": True}
        frontend.responses = [ServerResponse.json({"packages": [{"name": "a", "chroots": {CHROOT: row}}]})]
        (package,) = await copr.projects.monitor("owner", "demo")
        assert (package.chroots[CHROOT].state, package.chroots[CHROOT].status) == ("paused", 77)
        frontend.responses = [ServerResponse.json({"permissions": {"ada": {"admin": "revoked", "owner": "yes"}}})]
        assert await copr.projects.permissions("owner", "demo") == {"ada": {"admin": "revoked", "owner": "yes"}}


async def test_the_least_that_is_said(frontend: CannedFrontend):
    """Only what identifies a thing has to be there, and null is nothing."""
    nulls = {"ownername": "", "homepage": None, "storage": None, "repo_priority": None, "chroot_repos": {}}
    async with frontend.client() as copr:
        for response in ({"name": "demo"}, {"name": "demo", **nulls}):
            frontend.responses = [ServerResponse.json(response)]
            assert (await copr.projects.get("owner", "demo")).name == "demo"
        frontend.responses = [ServerResponse.json({})]
        error = await failing(copr.projects.get("owner", "demo"))
        assert "name: Field required" in str(error)


async def test_responses_that_are_too_long(frontend: CannedFrontend):
    """16 MiB for one project; lists and the monitor are longer by nature."""
    many = [{"name": f"p{number}", "id": number, "description": "x" * 1000} for number in range(20_000)]
    frontend.responses = [ServerResponse(200, JSON, json.dumps({"name": "x" * (17 * 1024 * 1024)}).encode())]
    async with frontend.client() as copr:
        assert type(await failing(copr.projects.get("owner", "demo"))) is InvalidResponse
        frontend.responses = [ServerResponse.json({"items": many, "meta": {"limit": 20_000}})]
        assert len(await copr.projects.list(page_size=20_000)) == 20_000
        frontend.responses = [ServerResponse.json({"packages": many})]
        assert len(await copr.projects.monitor("owner", "demo")) == 20_000


async def test_redirects(frontend: CannedFrontend):
    """A read follows within the instance; a write says where it was sent, and stays."""

    def respond(request: SeenRequest) -> ServerResponse:
        if request.line == "GET project":
            return ServerResponse(302, {"Location": "/api_3/moved?ownername=owner"})
        if request.line == "GET moved":
            return ServerResponse.json({"name": "demo"})
        return ServerResponse(308, {"Location": "https://elsewhere.example/api_3/x"})

    frontend.responses = [respond]
    async with frontend.client() as copr:
        assert (await copr.projects.get("owner", "demo")).name == "demo"
        error = await failing(copr.projects.delete("owner", "demo"))
        assert "was redirected to https://elsewhere.example/api_3/x. A write is never redirected" in str(error)
        assert error.outcome == "not_done"
        frontend.responses = [ServerResponse(302, {"Location": "/login"})]
        error = await failing(copr.projects.get("owner", "demo"))
        assert "redirected more than" in str(error)


async def test_nobody_at_home():
    frontend = CannedFrontend(refusal(403, "no"))
    async with frontend:
        url = frontend.url
    async with Copr(url, login="a", token="b", retry=QUICK) as copr:
        for call in (copr.projects.get("a", "b"), copr.projects.delete("a", "b"), copr.tokens.rotate()):
            error = await failing(call)
            assert isinstance(error, lading.NetworkError)
            assert error.outcome == "not_done"


async def test_a_mistake_that_the_frontend_calls_its_own(demo_store: RecordingCopr):
    """500 for impossible requests: raised as what it is, where the message shows it."""
    async with demo_store.client() as copr:
        error = await failing(copr.projects.list("owner", order="nosuch"))
        assert (type(error), getattr(error, "status", None)) == (BadRequest, 500)
        error = await failing(copr.projects.can_build_in("nobody", "owner", "demo"))
        assert type(error) is NotFound
        assert str(error) == "copr: there is no user nobody: Database error, contact admin (HTTP 500)"

"""Whether the index has the file: looked up before an upload, and after one whose outcome is unknown."""

from __future__ import annotations

import base64

import pytest

import lading
from lading import Conflict, InvalidResponse
from lading.testing import DropAfter, ServerResponse

pytestmark = pytest.mark.anyio

HELP = "<!DOCTYPE html><html><body><h1>Upload</h1><form action='/x'></form></body></html>"


async def test_an_html_page_from_an_index_that_cannot_be_queried(fake_index, blind_client, demo_wheel):
    fake_index.responses = [ServerResponse(200, {"Content-Type": "text/html"}, HELP.encode())]
    async with blind_client:
        with pytest.raises(InvalidResponse) as caught:
            await blind_client.releases.upload(demo_wheel)
    assert caught.value.outcome == "unknown"


JSON_ERRORS = [
    {"error": "no"},
    {"errors": [{"message": "no"}]},
    {"status": 403},
    {"status": "error"},
    {"code": "403"},
    {"success": False},
    ["no"],
]
NO_RESPONSES = {
    "sign-in": ServerResponse(200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><title>Sign in</title>"),
    "script": ServerResponse(200, {"Content-Type": "text/html"}, b"<html><script src=/app.js></script></html>"),
    "untyped": ServerResponse(200, {}, b"<html><body>Sign in</body></html>"),
    "plain": ServerResponse(200, {"Content-Type": "text/plain"}, b"<html><body>Sign in</body></html>"),
    "not JSON": ServerResponse(200, {"Content-Type": "application/json"}, b"<html>"),
    **{str(body): ServerResponse.json(body) for body in JSON_ERRORS},
}


@pytest.mark.parametrize("response", NO_RESPONSES.values(), ids=NO_RESPONSES)
@pytest.mark.parametrize("stored", [True, False])
async def test_a_success_that_no_index_sends_is_looked_up(
    fake_index, fake_client, demo_wheel, demo_sha256, response, stored
):
    fake_index.responses = [response]
    if stored:
        fake_index.stores = (demo_wheel.name, demo_sha256)
    async with fake_client:
        if stored:
            assert (await fake_client.releases.upload(demo_wheel)).status == "confirmed"
        else:
            with pytest.raises(InvalidResponse) as caught:
                await fake_client.releases.upload(demo_wheel)
            assert caught.value.outcome == "not_done"
    # Absence proves something only when the index has had time.
    looks = fake_index.seen[2:]
    assert fake_index.seen[:2] == ["GET /simple/demo-pkg/", "POST /legacy/"]
    assert set(looks) == {"GET /simple/demo-pkg/"}
    assert (len(looks) == 1) is stored


@pytest.mark.parametrize(
    "response",
    [
        ServerResponse(200, {"Content-Type": "text/html; charset=UTF-8"}),
        ServerResponse(201, {"Content-Type": "application/json"}),
        ServerResponse.json({"message": "201 Created"}, 201),
        ServerResponse.json({"status": 200, "message": "OK"}),
    ],
    ids=lambda response: str(response.body),
)
async def test_what_indexes_send_is_a_success(fake_index, fake_client, demo_wheel, response):
    fake_index.responses = [response]
    async with fake_client:
        assert (await fake_client.releases.upload(demo_wheel)).status == "uploaded"


@pytest.mark.parametrize(
    "hashes",
    [
        lambda sha: {"sha256": sha},
        lambda sha: {"sha256": sha.upper()},
        lambda sha: {"sha256": sha, "md5": "00"},
    ],
)
async def test_the_same_file_is_skipped(fake_index, fake_client, demo_wheel, demo_sha256, hashes):
    fake_index.lists(demo_wheel.name, **hashes(demo_sha256))
    async with fake_client:
        uploaded = await fake_client.releases.upload(demo_wheel)
    assert (uploaded.status, uploaded.sha256, uploaded.project) == ("unchanged", demo_sha256, "Demo_Pkg")
    assert fake_index.seen == ["GET /simple/demo-pkg/"]


@pytest.mark.parametrize(
    ("hashes", "why"),
    [
        ({"sha256": "0" * 64}, "another file"),
        ({}, "lists no digest to compare it by"),
        ({"md5": "0" * 32}, "lists no digest to compare it by"),
    ],
)
async def test_what_may_be_another_file_is_a_conflict(fake_index, fake_client, demo_wheel, hashes, why):
    fake_index.lists(demo_wheel.name, **hashes)
    async with fake_client:
        with pytest.raises(Conflict, match=why) as caught:
            await fake_client.releases.upload(demo_wheel)
    assert (caught.value.status, caught.value.outcome) == (None, "not_done")
    assert fake_index.seen == ["GET /simple/demo-pkg/"]


async def test_digests_that_agree_and_one_that_does_not_are_a_conflict(
    fake_index, fake_client, demo_wheel, demo_sha256
):
    fake_index.lists(demo_wheel.name, sha256=demo_sha256, blake2b_256="0" * 64)
    async with fake_client:
        with pytest.raises(Conflict, match="another file"):
            await fake_client.releases.upload(demo_wheel)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_page_that_may_not_be_read_does_not_keep_from_uploading(fake_index, fake_client, demo_wheel, status):
    fake_index.page = ServerResponse(status)
    async with fake_client:
        uploaded = await fake_client.releases.upload(demo_wheel)
    assert uploaded.status == "uploaded"
    assert uploaded.warnings == (
        (
            f"the index's listing could not be read (HTTP {status}): lading could not check whether it has "
            f"{demo_wheel.name}"
        ),
    )
    assert fake_index.seen == ["GET /simple/demo-pkg/", "POST /legacy/"]


async def test_an_index_that_cannot_be_queried_is_said_in_the_result(fake_index, blind_client, demo_wheel):
    async with blind_client:
        uploaded = await blind_client.releases.upload(demo_wheel)
    assert (uploaded.status, len(uploaded.warnings)) == ("uploaded", 1)
    assert uploaded.warnings[0].startswith("the index has no simple_url: ")


@pytest.mark.parametrize(
    "response",
    [
        ServerResponse(400, reason="400 File already exists ('demo', with blake2_256 hash 'abc')."),
        ServerResponse(409),
        ServerResponse(500),
        ServerResponse(502, {"Content-Type": "text/html"}, b"<title>502 Bad Gateway</title>"),
        ServerResponse(503),
        ServerResponse(504),
        *map(ServerResponse, (408, 425, 460, 499, 507, 509, 520, 524, 530)),
    ],
    ids=lambda response: str(response.status),
)
async def test_a_failure_after_which_the_file_is_there_is_a_success(
    fake_index, fake_client, demo_wheel, demo_sha256, response
):
    fake_index.responses = [response]
    fake_index.stores = (demo_wheel.name, demo_sha256)
    async with fake_client:
        assert (await fake_client.releases.upload(demo_wheel)).status == "confirmed"
    assert fake_index.seen == ["GET /simple/demo-pkg/", "POST /legacy/", "GET /simple/demo-pkg/"]


@pytest.mark.parametrize("attempts", [1, 2])
async def test_a_file_that_is_listed_some_seconds_after_the_last_attempt(
    fake_index, fake_client, demo_wheel, demo_sha256, attempts
):
    fake_index.responses = [ServerResponse(504)] * attempts
    fake_index.stores, fake_index.late = (demo_wheel.name, demo_sha256), attempts + 2
    async with fake_client:
        pypi = fake_client.with_options(retry=lading.Retry(attempts=attempts, backoff=0))
        assert (await pypi.releases.upload(demo_wheel)).status == "confirmed"
    assert fake_index.seen.count("POST /legacy/") == attempts


async def test_a_refusal_of_what_an_attempt_before_it_has_brought(fake_index, fake_client, demo_wheel, demo_sha256):
    fake_index.responses = [ServerResponse(504), ServerResponse(403)]
    fake_index.stores, fake_index.late = (demo_wheel.name, demo_sha256), 3
    async with fake_client:
        assert (await fake_client.releases.upload(demo_wheel)).status == "confirmed"


async def test_somebody_elses_file_after_a_failure_is_a_conflict(fake_index, fake_client, demo_wheel):
    fake_index.responses = [ServerResponse(500)]
    fake_index.stores = (demo_wheel.name, "0" * 64)
    async with fake_client:
        with pytest.raises(Conflict, match="another file") as caught:
            await fake_client.releases.upload(demo_wheel)
    assert caught.value.outcome == "not_done"
    assert fake_index.seen.count("POST /legacy/") == 1


async def test_a_file_without_digest_after_a_failure_leaves_the_outcome_open(fake_index, fake_client, demo_wheel):
    fake_index.responses = [ServerResponse(500)]
    fake_index.stores = (demo_wheel.name, "")
    async with fake_client:
        with pytest.raises(lading.ServerError) as caught:
            await fake_client.releases.upload(demo_wheel)
    assert caught.value.outcome == "unknown"
    assert isinstance(caught.value.__cause__, Conflict)
    assert fake_index.seen.count("POST /legacy/") == 1


async def test_a_failure_after_which_the_file_is_not_there_is_tried_again(fake_index, fake_client, demo_wheel):
    fake_index.responses = [ServerResponse(500), ServerResponse(502)]
    async with fake_client:
        assert (await fake_client.releases.upload(demo_wheel)).status == "uploaded"
    assert fake_index.seen == [
        "GET /simple/demo-pkg/",
        *["POST /legacy/", "GET /simple/demo-pkg/"] * 2,
        "POST /legacy/",
    ]
    assert fake_index.bodies[1] == fake_index.bodies[3] == fake_index.bodies[5]


async def test_tried_in_vain(fake_index, fake_client, demo_wheel):
    fake_index.responses = [ServerResponse(500)] * 5
    async with fake_client:
        with pytest.raises(lading.ServerError, match=r"^index: Internal Server Error \(HTTP 500\)$") as caught:
            await fake_client.releases.upload(demo_wheel)
    assert (caught.value.attempts, caught.value.outcome) == (5, "not_done")
    assert fake_index.seen.count("POST /legacy/") == 5


async def test_a_refusal_is_not_tried_again(fake_index, fake_client, demo_wheel):
    fake_index.responses = [ServerResponse.json({"code": "400 Invalid distribution file."}, 400)]
    async with fake_client:
        with pytest.raises(lading.BadRequest, match=r"^index: Invalid distribution file. \(HTTP 400\)$"):
            await fake_client.releases.upload(demo_wheel)
    assert fake_index.seen == ["GET /simple/demo-pkg/", "POST /legacy/"]


async def test_nothing_is_sent_twice_to_an_index_that_cannot_be_queried(fake_index, blind_client, demo_wheel):
    fake_index.server.faults.add(DropAfter(), method="POST")
    async with blind_client:
        with pytest.raises(lading.NetworkError) as caught:
            await blind_client.releases.upload(demo_wheel)
        assert caught.value.outcome == "unknown"
        assert fake_index.seen == ["POST /legacy/"]
        fake_index.responses = [ServerResponse(409)]
        with pytest.raises(Conflict) as conflict:
            await blind_client.releases.upload(demo_wheel)
    assert (conflict.value.status, conflict.value.outcome) == (409, "not_done")
    assert fake_index.requests[0].headers["Authorization"] == f"Basic {base64.b64encode(b'ada:s3cret').decode()}"


async def test_a_conflict_at_an_index_that_does_not_let_us_look_stays_one(fake_index, fake_client, demo_wheel):
    fake_index.page = ServerResponse(403)
    fake_index.responses = [ServerResponse(409, reason="demo is there")]
    async with fake_client:
        with pytest.raises(Conflict, match=r"^index: demo is there \(HTTP 409\)$"):
            await fake_client.releases.upload(demo_wheel)

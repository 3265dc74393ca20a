"""Whether the index has the file: asked before an upload, and after one whose outcome is unknown."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

import lading
from lading import BadAnswer, Conflict, PyPI
from lading.testing import DropAfter, Response
from tests.stores.distributions import sha256, wheel
from tests.stores.fake_index import FakeIndex

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

HELP = "<!DOCTYPE html><html><body><h1>Upload</h1><form action='/x'></form></body></html>"


@pytest.fixture
def index():
    fake = FakeIndex()
    with fake.server:
        yield fake


@pytest.fixture
def client(index: FakeIndex) -> PyPI:
    return index.client()


@pytest.fixture
def blind(index: FakeIndex) -> PyPI:
    return index.blind_client()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return wheel(tmp_path, "Demo_Pkg", "1.0")


@pytest.fixture
def digest(path: Path) -> str:
    return sha256(path)


async def test_a_page_for_people_from_an_index_that_cannot_be_asked(index, blind, path):
    index.answers = [Response(200, {"Content-Type": "text/html"}, HELP.encode())]
    async with blind:
        with pytest.raises(BadAnswer) as caught:
            await blind.releases.upload(path)
    assert caught.value.outcome == "unknown"


@pytest.mark.parametrize(
    "hashes",
    [
        lambda sha: {"sha256": sha},
        lambda sha: {"sha256": sha.upper()},
        lambda sha: {"sha256": sha, "md5": "00"},
    ],
)
async def test_the_same_file_is_skipped(index, client, path, digest, hashes):
    index.lists(path.name, **hashes(digest))
    async with client:
        uploaded = await client.releases.upload(path)
    assert (uploaded.result, uploaded.sha256, uploaded.project) == ("skipped", digest, "Demo_Pkg")
    assert index.seen == ["GET /simple/demo-pkg/"]


@pytest.mark.parametrize(
    ("hashes", "why"),
    [
        ({"sha256": "0" * 64}, "another file"),
        ({}, "lists no digest to compare it by"),
        ({"md5": "0" * 32}, "lists no digest to compare it by"),
    ],
)
async def test_what_may_be_another_file_is_a_conflict(index, client, path, hashes, why):
    index.lists(path.name, **hashes)
    async with client:
        with pytest.raises(Conflict, match=why) as caught:
            await client.releases.upload(path)
    assert (caught.value.status, caught.value.outcome) == (None, "not_done")
    assert index.seen == ["GET /simple/demo-pkg/"]


async def test_digests_that_agree_and_one_that_does_not_are_a_conflict(index, client, path, digest):
    index.lists(path.name, sha256=digest, blake2b_256="0" * 64)
    async with client:
        with pytest.raises(Conflict, match="another file"):
            await client.releases.upload(path)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_page_that_may_not_be_read_does_not_keep_from_uploading(index, client, path, status):
    index.page = Response(status)
    async with client:
        assert (await client.releases.upload(path)).result == "uploaded"
    assert index.seen == ["GET /simple/demo-pkg/", "POST /legacy/"]


@pytest.mark.parametrize(
    "answer",
    [
        Response(400, reason="400 File already exists ('demo', with blake2_256 hash 'abc')."),
        Response(409),
        Response(500),
        Response(502, {"Content-Type": "text/html"}, b"<title>502 Bad Gateway</title>"),
        Response(503),
        Response(504),
    ],
    ids=lambda answer: str(answer.status),
)
async def test_a_failure_after_which_the_file_is_there_is_a_success(index, client, path, digest, answer):
    index.answers = [answer]
    index.stores = (path.name, digest)
    async with client:
        assert (await client.releases.upload(path)).result == "confirmed"
    assert index.seen == ["GET /simple/demo-pkg/", "POST /legacy/", "GET /simple/demo-pkg/"]


async def test_somebody_elses_file_after_a_failure_is_a_conflict(index, client, path):
    index.answers = [Response(500)]
    index.stores = (path.name, "0" * 64)
    async with client:
        with pytest.raises(Conflict, match="another file") as caught:
            await client.releases.upload(path)
    assert caught.value.outcome == "not_done"
    assert index.seen.count("POST /legacy/") == 1


async def test_a_file_without_digest_after_a_failure_leaves_the_outcome_open(index, client, path):
    index.answers = [Response(500)]
    index.stores = (path.name, "")
    async with client:
        with pytest.raises(lading.ServerError) as caught:
            await client.releases.upload(path)
    assert caught.value.outcome == "unknown"
    assert isinstance(caught.value.__cause__, Conflict)
    assert index.seen.count("POST /legacy/") == 1


async def test_a_failure_after_which_the_file_is_not_there_is_tried_again(index, client, path):
    index.answers = [Response(500), Response(502)]
    async with client:
        assert (await client.releases.upload(path)).result == "uploaded"
    assert index.seen == ["GET /simple/demo-pkg/", *["POST /legacy/", "GET /simple/demo-pkg/"] * 2, "POST /legacy/"]
    assert index.bodies[1] == index.bodies[3] == index.bodies[5]


async def test_tried_in_vain(index, client, path):
    index.answers = [Response(500)] * 5
    async with client:
        with pytest.raises(lading.ServerError, match=r"^index: Internal Server Error \(HTTP 500\)$") as caught:
            await client.releases.upload(path)
    assert (caught.value.attempts, caught.value.outcome) == (5, "not_done")
    assert index.seen.count("POST /legacy/") == 5


async def test_a_refusal_is_not_tried_again(index, client, path):
    index.answers = [Response.json({"code": "400 Invalid distribution file."}, 400)]
    async with client:
        with pytest.raises(lading.BadRequest, match=r"^index: Invalid distribution file. \(HTTP 400\)$"):
            await client.releases.upload(path)
    assert index.seen == ["GET /simple/demo-pkg/", "POST /legacy/"]


async def test_an_index_that_cannot_be_asked_is_sent_nothing_twice(index, blind, path):
    index.server.faults.add(DropAfter(), method="POST")
    async with blind:
        with pytest.raises(lading.ConnectError) as caught:
            await blind.releases.upload(path)
        assert caught.value.outcome == "unknown"
        assert index.seen == ["POST /legacy/"]
        index.answers = [Response(409)]
        with pytest.raises(Conflict) as conflict:
            await blind.releases.upload(path)
    assert (conflict.value.status, conflict.value.outcome) == (409, "not_done")
    assert index.requests[0].headers["Authorization"] == f"Basic {base64.b64encode(b'ada:s3cret').decode()}"


async def test_a_conflict_at_an_index_that_does_not_let_us_look_stays_one(index, client, path):
    index.page = Response(403)
    index.answers = [Response(409, reason="demo is there")]
    async with client:
        with pytest.raises(Conflict, match=r"^index: demo is there \(HTTP 409\)$"):
            await client.releases.upload(path)

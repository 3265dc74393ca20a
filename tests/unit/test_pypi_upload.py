"""What an upload sends, and what it makes of the answer."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import pytest

import lading
from lading import BadAnswer, PyPI
from lading.testing import Request, Response, Server
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


async def test_what_is_sent(index, client, path):
    async with client:
        await client.releases.upload(path)
    look, post = index.requests
    assert index.seen == ["GET /simple/demo-pkg/", "POST /legacy/"]
    assert look.headers["Cache-Control"] == "no-cache"
    assert look.headers["Accept"].startswith("application/vnd.pypi.simple.v1+json, ")
    assert look.headers["Accept"].endswith("text/html;q=0.01")
    credentials = base64.b64encode(b"__token__:pypi-s3cret").decode()
    assert look.headers["Authorization"] == post.headers["Authorization"] == f"Basic {credentials}"
    # JSON, so that the reason of an error is in the body whatever became of the reason phrase.
    assert post.headers["Accept"] == "application/json"
    assert post.headers["User-Agent"] == f"lading/{lading.__version__}"
    assert post.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert int(post.headers["Content-Length"]) == len(index.bodies[1])
    assert {"Transfer-Encoding", "Expect", "Cookie"}.isdisjoint(post.headers)


async def test_the_file_is_the_last_part(index, client, path, digest):
    async with client:
        await client.releases.upload(path)
    body = index.bodies[1]
    head = b'Content-Disposition: form-data; name="content"; filename="Demo_Pkg-1.0-py3-none-any.whl"\r\n'
    head += b"Content-Type: application/octet-stream\r\n\r\n"
    before, _, rest = body.partition(head)
    boundary = body[: body.index(b"\r\n")]
    content, _, end = rest.partition(b"\r\n" + boundary)
    assert end == b"--\r\n"
    assert hashlib.sha256(content).hexdigest() == digest
    assert digest.encode() in before


async def test_what_the_index_remarks(index, client, path):
    index.answers = [Response(200, {"Content-Type": "text/plain"}, b"first remark\n\n second \nOK\n")]
    async with client:
        uploaded = await client.releases.upload(path)
    assert (uploaded.result, uploaded.warnings) == ("uploaded", ("first remark", "second"))


@pytest.mark.parametrize("status", [200, 201, 204])
async def test_any_success_without_words_is_one(index, client, path, status):
    index.answers = [Response(status)]
    async with client:
        uploaded = await client.releases.upload(path)
    assert (uploaded.result, uploaded.warnings) == ("uploaded", ())


@pytest.mark.parametrize("media_type", ["text/html", "text/html; charset=utf-8"])
async def test_a_page_for_people_is_no_success(index, client, path, media_type):
    index.answers = [Response(200, {"Content-Type": media_type}, HELP.encode())]
    async with client:
        with pytest.raises(BadAnswer, match="is upload_url right") as caught:
            await client.releases.upload(path)
    # The index was asked: it does not have the file.
    assert caught.value.outcome == "not_done"
    assert index.seen == ["GET /simple/demo-pkg/", "POST /legacy/", "GET /simple/demo-pkg/"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirected_upload_is_not_followed(index, client, path, status):
    index.answers = [Response(status, {"Location": "/elsewhere/"})]
    async with client:
        with pytest.raises(lading.LadingError) as caught:
            await client.releases.upload(path)
    assert caught.value.outcome == "not_done"
    assert index.seen == ["GET /simple/demo-pkg/", "POST /legacy/"]


async def test_what_a_progress_callback_raises_is_raised(index, client, path):
    def stop(_: lading.Progress) -> None:
        raise KeyError("enough")

    async with client:
        with pytest.raises(KeyError, match="enough"):
            await client.releases.upload(path, on_progress=stop)


async def test_a_project_name_stays_one_part_of_the_address(index, client):
    async with client:
        with pytest.raises(lading.NotFound):
            await client.files.list("a/../B?c#d%2e")
        with pytest.raises(lading.InputError):
            await client.files.list("")
    assert index.seen == ["GET /simple/a%2F-%2Fb%3Fc%23d%252e/"]


async def test_a_file_elsewhere_gets_no_credentials(index, client, path, digest, tmp_path):
    async def files(request: Request) -> Response:
        assert "Authorization" not in request.headers
        return Response(body=b"content")

    async with Server(files) as elsewhere, client:
        file = lading.pypi.File(
            filename="f.whl", url=f"{elsewhere.url}/f.whl", hashes={"sha256": hashlib.sha256(b"content").hexdigest()}
        )
        with pytest.raises(BadAnswer, match="not https"):
            await client.files.download(file, tmp_path)
        assert elsewhere.errors == []


async def test_a_file_under_a_name_that_leads_elsewhere_is_not_written(index, client, tmp_path):
    file = lading.pypi.File(filename="../f.whl", url=f"{index.server.url}/f.whl")
    async with client:
        with pytest.raises(BadAnswer, match="not a plain file name"):
            await client.files.download(file, tmp_path)
    assert index.seen == []

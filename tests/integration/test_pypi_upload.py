"""What an upload sends, and what it makes of the response."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import lading
from lading import InvalidResponse
from lading.testing import Server, ServerRequest, ServerResponse

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.fake_index import FakeIndex

pytestmark = pytest.mark.anyio

HELP = "<!DOCTYPE html><html><body><h1>Upload</h1><form action='/x'></form></body></html>"


async def test_what_is_sent(fake_index, fake_client, demo_wheel):
    async with fake_client:
        await fake_client.releases.upload(demo_wheel)
    look, post = fake_index.requests
    assert fake_index.seen == ["GET /simple/demo-pkg/", "POST /legacy/"]
    assert look.headers["Cache-Control"] == "no-cache"
    assert look.headers["Accept"].startswith("application/vnd.pypi.simple.v1+json, ")
    assert look.headers["Accept"].endswith("text/html;q=0.01")
    credentials = base64.b64encode(b"__token__:pypi-s3cret").decode()
    assert look.headers["Authorization"] == post.headers["Authorization"] == f"Basic {credentials}"
    # JSON, so that the reason of an error is in the body whatever became of the reason phrase.
    assert post.headers["Accept"] == "application/json"
    assert post.headers["User-Agent"] == f"lading/{lading.__version__}"
    assert post.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert int(post.headers["Content-Length"]) == len(fake_index.bodies[1])
    assert {"Transfer-Encoding", "Expect", "Cookie"}.isdisjoint(post.headers)


async def test_the_file_is_the_last_part(fake_index, fake_client, demo_wheel, demo_sha256):
    async with fake_client:
        await fake_client.releases.upload(demo_wheel)
    body = fake_index.bodies[1]
    head = b'Content-Disposition: form-data; name="content"; filename="Demo_Pkg-1.0-py3-none-any.whl"\r\n'
    head += b"Content-Type: application/octet-stream\r\n\r\n"
    before, _, rest = body.partition(head)
    boundary = body[: body.index(b"\r\n")]
    content, _, end = rest.partition(b"\r\n" + boundary)
    assert end == b"--\r\n"
    assert hashlib.sha256(content).hexdigest() == demo_sha256
    assert demo_sha256.encode() in before


async def test_what_the_index_remarks(fake_index, fake_client, demo_wheel, demo_sha256):
    fake_index.stores = (demo_wheel.name, demo_sha256)
    fake_index.responses = [ServerResponse(200, {"Content-Type": "text/plain"}, b"first remark\n\n second \nOK\n")]
    async with fake_client:
        uploaded = await fake_client.releases.upload(demo_wheel)
    assert (uploaded.status, uploaded.warnings) == ("uploaded", ("first remark", "second"))


@pytest.mark.parametrize("status", [200, 201, 204])
async def test_any_success_without_words_is_one(fake_index, fake_client, demo_wheel, status):
    fake_index.responses = [ServerResponse(status)]
    async with fake_client:
        uploaded = await fake_client.releases.upload(demo_wheel)
    assert (uploaded.status, uploaded.warnings) == ("uploaded", ())


@pytest.mark.parametrize("media_type", ["text/html", "text/html; charset=utf-8"])
async def test_a_page_for_people_is_no_success(fake_index, fake_client, demo_wheel, media_type):
    fake_index.responses = [ServerResponse(200, {"Content-Type": media_type}, HELP.encode())]
    async with fake_client:
        with pytest.raises(InvalidResponse, match="is upload_url right") as caught:
            await fake_client.releases.upload(demo_wheel)
    # The index was checked: it does not have the file.
    assert caught.value.outcome == "not_done"
    assert fake_index.seen[:3] == ["GET /simple/demo-pkg/", "POST /legacy/", "GET /simple/demo-pkg/"]
    assert fake_index.seen.count("POST /legacy/") == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirected_upload_is_not_followed(fake_index, fake_client, demo_wheel, status):
    fake_index.responses = [ServerResponse(status, {"Location": "/elsewhere/"})]
    async with fake_client:
        with pytest.raises(lading.LadingError) as caught:
            await fake_client.releases.upload(demo_wheel)
    assert caught.value.outcome == "not_done"
    assert fake_index.seen == ["GET /simple/demo-pkg/", "POST /legacy/"]


async def test_what_a_progress_callback_raises_is_raised(fake_index, fake_client, demo_wheel):
    def stop(_: lading.Progress) -> None:
        raise KeyError("enough")

    async with fake_client:
        with pytest.raises(KeyError, match="enough"):
            await fake_client.releases.upload(demo_wheel, on_progress=stop)


async def test_a_project_name_stays_one_part_of_the_address(fake_index, fake_client):
    fake_index.page = ServerResponse(404)
    async with fake_client:
        with pytest.raises(lading.NotFound):
            await fake_client.files.list("a/../B?c#d%2e")
        with pytest.raises(lading.InputError):
            await fake_client.files.list("")
    assert fake_index.seen == ["GET /simple/a%2F-%2Fb%3Fc%23d%252e/"]


async def test_a_file_elsewhere_gets_no_credentials(fake_index, fake_client, demo_wheel, demo_sha256, tmp_path):
    async def files(request: ServerRequest) -> ServerResponse:
        assert "Authorization" not in request.headers
        return ServerResponse(body=b"content")

    async with Server(files) as elsewhere, fake_client:
        file = lading.pypi.File(
            filename="f.whl", url=f"{elsewhere.url}/f.whl", hashes={"sha256": hashlib.sha256(b"content").hexdigest()}
        )
        with pytest.raises(InvalidResponse, match="not https"):
            await fake_client.files.download(file, tmp_path)
        assert elsewhere.errors == []


async def test_a_file_under_a_name_that_leads_elsewhere_is_not_written(fake_index, fake_client, tmp_path):
    file = lading.pypi.File(filename="../f.whl", url=f"{fake_index.server.url}/f.whl")
    async with fake_client:
        with pytest.raises(InvalidResponse, match="not a plain file name"):
            await fake_client.files.download(file, tmp_path)
    assert fake_index.seen == []


WATCH = """
import sys, threading
from lading import Index, PyPI, Retry

LATE = {late!r}
main = threading.main_thread()

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name in LATE or name.startswith("lading.pypi."):
            print(name, threading.current_thread() is main)

async def run():
    async with PyPI(Index({url!r} + "/legacy", {url!r} + "/simple"), token="pypi-x", retry=Retry(attempts=1)) as pypi:
        sys.meta_path.insert(0, Watch())
        try:
            print((await pypi.releases.upload({path!r})).status, "result")
        finally:
            sys.meta_path.pop(0)

import anyio
anyio.run(run)
"""


def test_what_an_upload_imports_is_imported_off_the_loop(fake_index: FakeIndex, demo_wheel: Path):
    fake_index.page = ServerResponse(200, {"Content-Type": "text/html"}, b'<a href="other-1.0.tar.gz">other</a>')
    late = {"packaging.metadata", "packaging.utils", "packaging.tags", "lxml.etree", "tarfile"}
    code = WATCH.format(late=late, url=fake_index.server.url, path=str(demo_wheel))
    found = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    lines = dict(line.split() for line in found.stdout.splitlines())
    assert lines.pop("uploaded") == "result"
    assert lines.keys() >= {"packaging.metadata", "lxml.etree", "tarfile", "lading.pypi._simple_html"}
    assert set(lines.values()) == {"False"}

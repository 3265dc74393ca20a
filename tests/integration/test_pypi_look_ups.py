"""What an upload looks up at the index: how often, what cannot be looked up, and what replaces a file."""

from __future__ import annotations

import zipfile
from shutil import copyfile
from typing import TYPE_CHECKING

import pytest

import lading
from lading import Conflict, Index, IntegrityError, InvalidResponse, PyPI, Retry
from lading.errors import ServerError, TokenInvalid
from lading.pypi import Token
from lading.pypi._indexes import resolve_index
from lading.testing import DropAfter, Respond, ServerResponse
from tests.support.distributions import sdist, wheel
from tests.support.recorded_sleeps import with_time

if TYPE_CHECKING:
    from pathlib import Path

    from lading.testing import ServerRequest
    from tests.support.fake_index import FakeIndex

pytestmark = pytest.mark.anyio


@pytest.fixture
def demo_wheels(tmp_path: Path) -> list[Path]:
    return [wheel(tmp_path, "demo", f"1.{number}") for number in range(4)]


@pytest.fixture
def two_projects(tmp_path: Path) -> list[Path]:
    return [make(tmp_path, name, f"1.{n}") for name in ("demo", "other") for n in range(6) for make in (wheel, sdist)]


NOT_THERE = ServerResponse(404)


def with_root(fake_index: FakeIndex, root: ServerResponse) -> None:
    """The index's root responds with *root*, and no project is there."""
    handle = fake_index.server._shared.handler

    async def respond(request: ServerRequest) -> ServerResponse:
        response = await handle(request)
        return root if request.path == "/simple/" else response

    object.__setattr__(fake_index.server._shared, "handler", respond)
    fake_index.page = NOT_THERE


async def test_a_simple_url_where_nothing_is_is_said_in_the_result(fake_index, fake_client, demo_wheel, demo_wheels):
    fake_index.page = NOT_THERE
    async with fake_client:
        first = await fake_client.releases.upload(demo_wheel)
        second = await fake_client.releases.upload(demo_wheels[0])
    assert (first.status, second.status) == ("uploaded", "uploaded")
    assert first.warnings == (
        (
            "the index has neither this project nor a page at simple_url, which may be wrong: lading could not check "
            f"whether it has {demo_wheel.name}"
        ),
    )
    assert len(second.warnings) == 1
    # Found out once.
    assert fake_index.seen.count("GET /simple/") == 1


async def test_what_is_not_found_below_a_wrong_simple_url_proves_nothing(fake_index, fake_client, demo_wheel):
    fake_index.page = NOT_THERE
    fake_index.server.faults.add(DropAfter(), method="POST")
    async with fake_client:
        with pytest.raises(lading.NetworkError) as caught:
            await fake_client.releases.upload(demo_wheel)
    assert caught.value.outcome == "unknown"
    assert fake_index.seen.count("POST /legacy/") == 1


@pytest.mark.parametrize(
    "root",
    [
        ServerResponse(200, {"Content-Type": "text/html"}, b"<title>Simple index</title>"),
        ServerResponse(200, {"Content-Type": "text/html"}, b"x" * 1_000_000),
        ServerResponse(403),
        ServerResponse(405),
        ServerResponse(500),
    ],
    ids=["empty", "large", "forbidden", "not allowed", "failing"],
)
async def test_a_root_that_is_there_or_may_be_is_no_reason_to_warn(fake_index, fake_client, demo_wheel, root):
    with_root(fake_index, root)
    async with fake_client:
        uploaded = await fake_client.releases.upload(demo_wheel)
    assert (uploaded.status, uploaded.warnings) == ("uploaded", ())


async def test_a_project_that_is_there_needs_no_look_at_the_root(fake_index, fake_client, demo_wheel):
    async with fake_client:
        await fake_client.releases.upload(demo_wheel)
    assert "GET /simple/" not in fake_index.seen


async def test_a_fan_out_looks_once_at_each_project(fake_index, fake_client, two_projects):
    async with fake_client:
        results = await fake_client.releases.upload_many(two_projects)
        assert [result.status for result in results] == ["uploaded"] * 24
        assert sorted(r for r in fake_index.seen if r.startswith("GET")) == ["GET /simple/demo/", "GET /simple/other/"]
        # The next one looks again.
        await fake_client.releases.upload_many(two_projects[:1])
    assert fake_index.seen.count("GET /simple/demo/") == 2


async def test_a_fan_out_looks_again_after_a_lost_response(fake_index, fake_client, demo_wheels):
    fake_index.server.faults.add(DropAfter(), method="POST")
    async with fake_client:
        results = await fake_client.releases.upload_many(demo_wheels, limit=1)
    assert [result.status for result in results] == ["uploaded"] * 4
    assert fake_index.seen.count("GET /simple/demo/") == 2
    assert fake_index.seen.count("POST /legacy/") == 5


async def test_a_look_that_fails_fails_its_file_and_the_next_looks_again(fake_index, fake_client, demo_wheels):
    fake_index.server.faults.add(Respond(400), method="GET")
    results = []
    async with fake_client, fake_client.releases.upload_many(demo_wheels, limit=3) as outcomes:
        async for result in outcomes:
            results.append(result)
    assert sorted(type(result.error) for result in results if result.error) == [lading.BadRequest]
    assert fake_index.seen.count("GET /simple/demo/") == 1


async def test_a_listing_that_may_not_be_read_is_not_read_for_each_file(fake_index, fake_client, demo_wheels):
    fake_index.page = ServerResponse(403)
    async with fake_client:
        results = await fake_client.releases.upload_many(demo_wheels)
    assert all(
        len(result.warnings) == 1 and path.name in result.warnings[0]
        for path, result in zip(demo_wheels, results, strict=True)
    )
    assert fake_index.seen.count("GET /simple/demo/") == 1


async def test_a_sign_in_page_instead_of_the_listing_ends_the_upload(fake_index, fake_client, demo_wheel):
    fake_index.page = ServerResponse(200, {"Content-Type": "text/html"}, b"<form><input type=password></form>")
    async with fake_client:
        for call in (
            fake_client.releases.upload(demo_wheel),
            fake_client.files.find("demo-pkg", "x"),
            fake_client.projects.get("demo-pkg"),
        ):
            with pytest.raises(InvalidResponse, match="not one of the Simple API") as caught:
                await call
            assert caught.value.outcome == "not_done"
        with pytest.raises(InvalidResponse, match="not one of the Simple API"):
            await fake_client.projects.list()
    assert "POST /legacy/" not in fake_index.seen


UNKNOWN = [
    ServerResponse.json({"user": "ada"}),
    ServerResponse.json({"message": "Welcome back"}),
    ServerResponse.json({"status": "pending"}, 202),
    ServerResponse.json({"task": "/pulp/api/v3/tasks/1/"}, 202),
    ServerResponse(200, {"Content-Type": "application/xml"}, b"hello"),
]


@pytest.mark.parametrize("response", UNKNOWN, ids=lambda response: str(response.body)[:30])
async def test_a_response_that_no_known_index_sends_is_looked_up(
    fake_index, fake_client, demo_wheel, demo_sha256, response
):
    fake_index.responses = [response]
    fake_index.stores = (demo_wheel.name, demo_sha256)
    async with fake_client:
        assert (await fake_client.releases.upload(demo_wheel)).status == "confirmed"
    fake_index.responses = [response]
    fake_index.stores = None
    fake_index.lists("another", sha256="00")
    async with fake_index.client() as pypi:
        with pytest.raises(InvalidResponse) as caught:
            await pypi.releases.upload(demo_wheel)
    assert caught.value.outcome == "not_done"


@pytest.mark.parametrize("response", UNKNOWN, ids=lambda response: str(response.body)[:30])
@pytest.mark.parametrize("blind", [True, False])
async def test_without_a_listing_a_response_that_no_known_index_sends_is_warned_of(
    fake_index, fake_client, blind_client, demo_wheel, response, blind
):
    fake_index.responses = [response]
    fake_index.page = ServerResponse(401)
    async with blind_client if blind else fake_client as pypi:
        uploaded = await pypi.releases.upload(demo_wheel)
    assert uploaded.status == "uploaded"
    assert uploaded.warnings[1:] == (
        "the index's response is none that lading knows as a success, and could not be verified",
    )


async def test_replacing_a_file(fake_index, fake_client, demo_wheel, demo_sha256):
    fake_index.lists(demo_wheel.name, sha256="0" * 64)
    async with fake_client:
        with pytest.raises(Conflict, match="bump the version, or pass overwrite=True if this index replaces files"):
            await fake_client.releases.upload(demo_wheel)
        assert "POST /legacy/" not in fake_index.seen
        fake_index.stores = (demo_wheel.name, demo_sha256)
        assert (await fake_client.releases.upload(demo_wheel, overwrite=True)).status == "uploaded"
        # Looked up before and after; what is there already is not sent.
        assert fake_index.seen[1:] == ["GET /simple/demo-pkg/", "POST /legacy/", "GET /simple/demo-pkg/"]
        assert (await fake_client.releases.upload(demo_wheel, overwrite=True)).status == "unchanged"
        assert fake_index.seen.count("POST /legacy/") == 1
        (result,) = await fake_client.releases.upload_many([demo_wheel], overwrite=True)
        assert result.status == "unchanged"


async def test_a_replacement_whose_response_is_lost(fake_index, fake_client, demo_wheel, demo_sha256):
    fake_index.lists(demo_wheel.name, sha256="0" * 64)
    fake_index.responses = [ServerResponse(502), ServerResponse(502)]
    async with fake_client:
        with pytest.raises(IntegrityError):  # it keeps the old one
            await replaced_at_once(fake_client).releases.upload(demo_wheel, overwrite=True)
        fake_index.responses = [ServerResponse(502)]
        fake_index.stores = (demo_wheel.name, demo_sha256)
        assert (await fake_client.releases.upload(demo_wheel, overwrite=True)).status == "confirmed"


def replaced_at_once(pypi: PyPI) -> PyPI:
    """The client with a clock that passes only by its waiting."""
    now = [0.0]

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    return with_time(pypi, clock=lambda: now[0], sleep=sleep)


async def test_an_index_that_keeps_the_old_file_has_not_replaced_it(fake_index, fake_client, demo_wheel):
    fake_index.lists(demo_wheel.name, sha256="0" * 64)
    async with fake_client:
        with pytest.raises(IntegrityError, match=r"accepted .* and does not list its digest") as caught:
            await replaced_at_once(fake_client).releases.upload(demo_wheel, overwrite=True)
    assert caught.value.outcome == "unknown"
    assert fake_index.seen.count("POST /legacy/") == 1


async def test_an_index_that_refuses_to_replace_says_so(fake_index, fake_client, demo_wheel):
    fake_index.lists(demo_wheel.name, sha256="0" * 64)
    fake_index.responses = [ServerResponse(409)]
    async with fake_client:
        with pytest.raises(Conflict, match=r"has another file .*; bump the version$"):
            await fake_client.releases.upload(demo_wheel, overwrite=True)


@pytest.mark.parametrize("name", ["pypi", "testpypi"])
async def test_the_official_indexes_never_replace_a_file(name, demo_wheel):
    async with PyPI(name, token="pypi-s3cret") as pypi:
        with pytest.raises(lading.ConfigError, match=f"^{name} never replaces a file"):
            await pypi.releases.upload(demo_wheel, overwrite=True)
        with pytest.raises(lading.ConfigError, match=f"^{name} never replaces a file"):
            pypi.releases.upload_many([demo_wheel], overwrite=True)


async def test_errors_name_the_thing_and_the_place(fake_index, fake_client, demo_wheel):
    fake_index.page = NOT_THERE
    host = fake_index.server.url.partition("://")[2]
    async with fake_client:
        with pytest.raises(lading.NotFound, match=rf"^index: Not Found: GET simple/demo-pkg/ at {host} \(HTTP 404\)$"):
            await fake_client.files.list("Demo.Pkg")
        for status, phrase in ((405, "Method Not Allowed"), (404, "Not Found")):
            fake_index.responses = [ServerResponse(status)]
            with pytest.raises(
                lading.ApiError,
                match=rf"^index: {phrase}: POST legacy/ at {host}: is upload_url right\? \(HTTP {status}",
            ):
                await fake_client.releases.upload(demo_wheel)


def test_an_index_is_called_by_its_host():
    assert Index("https://files.example:8443/a/b").name == "files.example:8443"
    assert Index("https://files.example/a", name="ours").name == "ours"


async def test_the_clock_of_the_index_moves_on_while_a_fan_out_runs(fake_index, demo_wheels):
    """A token that ends while many files are sent is not sent with the last of them."""
    domain = resolve_index("pypi").token_domain or ""
    token = Token.create(domain, "id", "s3cret-key").restrict(not_before=0, not_after=2_000).dump()
    headers = {"Content-Type": "application/json", "Date": "Thu, 01 Jan 1970 00:30:00 GMT"}
    fake_index.page = ServerResponse(200, headers, b'{"meta": {}, "files": []}')
    url = fake_index.server.url
    pypi = PyPI(Index(f"{url}/legacy/", f"{url}/simple/", "index"), token=token, retry=Retry(attempts=1))
    # Each upload takes five minutes, and the token is good for 200 s more.
    pypi = with_time(pypi, clock=lambda: 300.0 * fake_index.seen.count("POST /legacy/"))
    async with pypi, pypi.releases.upload_many(demo_wheels, limit=1) as results:
        errors = [result.error async for result in results]
    assert errors[0] is None
    assert [type(error) for error in errors[1:]] == [TokenInvalid] * 3
    assert [r for r in fake_index.seen if r.startswith("GET")] == ["GET /simple/demo/"]


SAID = {
    "JSON in a text": ServerResponse(200, {"Content-Type": "text/plain"}, b'{"error": "denied"}'),
    "JSON in HTML": ServerResponse(200, {"Content-Type": "text/html"}, b'{"status": 403}'),
    "words": ServerResponse(200, {"Content-Type": "text/plain"}, b"Access denied. Please sign in."),
    "words in HTML": ServerResponse(200, {"Content-Type": "text/html"}, b"Session expired"),
    "words of no type": ServerResponse(200, {}, b"error: quota exceeded"),
}


@pytest.mark.parametrize("response", SAID.values(), ids=SAID)
async def test_words_are_no_success_where_the_file_is_not_listed(fake_index, fake_client, demo_wheel, response):
    fake_index.responses = [response]
    async with fake_client:
        with pytest.raises(InvalidResponse):
            await replaced_at_once(fake_client).releases.upload(demo_wheel)
    assert fake_index.seen.count("POST /legacy/") == 1


@pytest.mark.parametrize("response", SAID.values(), ids=SAID)
async def test_words_are_a_success_where_the_file_is_listed(fake_index, fake_client, demo_wheel, demo_sha256, response):
    fake_index.responses = [response]
    fake_index.stores = (demo_wheel.name, demo_sha256)
    async with fake_client:
        assert (await fake_client.releases.upload(demo_wheel)).status in ("uploaded", "confirmed")


@pytest.mark.parametrize("response", [ServerResponse(), ServerResponse(409)], ids=["accepted", "conflict"])
async def test_a_look_that_fails_after_an_upload_leaves_its_outcome_open(fake_index, fake_client, demo_wheel, response):
    fake_index.lists(demo_wheel.name, sha256="0" * 64)
    fake_index.responses = [response]
    fake_index.page_after_upload = ServerResponse(500)
    async with fake_client:
        with pytest.raises(ServerError) as caught:
            await replaced_at_once(fake_client).releases.upload(demo_wheel, overwrite=True)
    assert caught.value.outcome == "unknown"


@pytest.fixture
def copied_wheel(tmp_path: Path, demo_wheel: Path) -> Path:
    """The same wheel in another directory."""
    path = tmp_path / "other" / demo_wheel.name
    path.parent.mkdir()
    copyfile(demo_wheel, path)
    return path


@pytest.fixture
def changed_wheel(copied_wheel: Path) -> Path:
    """Another wheel of the same name."""
    with zipfile.ZipFile(copied_wheel, "a") as archive:
        archive.writestr("extra.py", "1")
    return copied_wheel


@pytest.mark.parametrize("limit", [1, 8])
async def test_a_file_that_is_there_twice_is_sent_once(fake_index, fake_client, demo_wheel, copied_wheel, limit):
    async with fake_client:
        results = await fake_client.releases.upload_many([demo_wheel, copied_wheel], limit=limit)
    assert sorted(result.status for result in results) == ["unchanged", "uploaded"]
    assert fake_index.seen == ["GET /simple/demo-pkg/", "POST /legacy/"]


@pytest.mark.parametrize("limit", [1, 8])
async def test_two_files_of_one_name_do_not_replace_each_other(
    fake_index, fake_client, demo_wheel, changed_wheel, limit
):
    async with fake_client, fake_client.releases.upload_many([demo_wheel, changed_wheel], limit=limit) as outcomes:
        ended = [outcome async for outcome in outcomes]
    assert sorted(str(type(outcome.error).__name__) for outcome in ended) == ["Conflict", "NoneType"]
    assert fake_index.seen == ["GET /simple/demo-pkg/", "POST /legacy/"]


async def test_a_root_that_fails_once_is_looked_at_again(fake_index, fake_client, demo_wheels):
    fake_index.page = NOT_THERE
    async with fake_client:
        pypi = fake_client.with_options(retry=1)
        fake_index.server.faults.add(Respond(500), path="/simple/")
        warnings = [(await pypi.releases.upload(path)).warnings for path in demo_wheels[:2]]
    assert warnings[0] == ()
    assert "simple_url, which may be wrong" in warnings[1][0]

"""A submission whose response was lost: found, sent again or unknown; never submitted twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from lading import BytesBody, InvalidResponse, NetworkError, Retry, ServerError, Timeout
from lading.copr import PyPISource
from lading.copr._client import LATE_WORK
from lading.testing import Delay, DropAfter, DropBefore, DropDuring, Respond, ServerResponse
from tests.support.copr_double import HELLO, SteppedCopr
from tests.support.recorded_sleeps import with_time

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lading import Copr
    from lading.copr import Build

    Create = Callable[[Copr], Awaitable[Build]]

pytestmark = pytest.mark.anyio
POST = "POST /api_3/build/create"
HTML = {"Content-Type": "text/html"}
JSON = {"Content-Type": "application/json"}
SPEC = BytesBody(b"Name: hello\n")

CREATE: dict[str, Create] = {
    "url": lambda c: c.builds.create_from_url("owner", "demo", HELLO),
    "file": lambda c: c.builds.create_from_file("owner", "demo", SPEC, filename="hello.spec"),
    "scm": lambda c: c.builds.create_from_scm("owner", "demo", "https://example.com/a.git", subdirectory="a/b"),
    "distgit": lambda c: c.builds.create_from_distgit("owner", "demo", "tar", namespace="rpms", committish="f43"),
    "pypi": lambda c: c.builds.create_from_pypi("owner", "demo", "pello", pypi_package_version="1.0"),
    "rubygems": lambda c: c.builds.create_from_rubygems("owner", "demo", "rake"),
    # The frontend ends the script with a newline, and tidies the blanks.
    "custom": lambda c: c.builds.create_from_custom("owner", "demo", "make it", script_repos="http://a.example/  b"),
    "package": lambda c: c.packages.build("owner", "demo", "pello"),
    "directory": lambda c: c.builds.create_from_url("owner", "demo", HELLO, project_dirname="demo:pr:1"),
}
url = CREATE["url"]


@pytest.fixture
async def copr(copr: Copr, copr_store: SteppedCopr) -> Copr:
    """With a package to build."""
    await copr.packages.create("owner", "demo", "pello", PyPISource("pello"))
    copr_store.seen.clear()
    return copr


def submissions(store: SteppedCopr) -> int:
    """How many submissions the store was sent, done or not."""
    lost = [
        happened
        for happened in store.faults.happened
        if isinstance(happened.fault, (Respond, DropBefore, DropDuring, Delay))
    ]
    return store.count("POST") + [happened.method for happened in lost].count("POST")


@pytest.mark.parametrize("kind", CREATE)
async def test_done_and_the_response_lost(copr_store: SteppedCopr, copr: Copr, kind: str):
    copr_store.faults.add(DropAfter(), method="POST")
    build = await CREATE[kind](copr)
    assert [build.id] == [made.id for made in copr_store.builds]
    assert submissions(copr_store) == 1


@pytest.mark.parametrize("kind", CREATE)
async def test_not_done_and_the_response_lost(copr_store: SteppedCopr, copr: Copr, kind: str):
    copr_store.faults.add(DropBefore(), method="POST")
    build = await CREATE[kind](copr)
    assert [build.id] == [made.id for made in copr_store.builds]
    assert submissions(copr_store) == 2


@pytest.mark.parametrize("again", [url, CREATE["package"]], ids=["url", "package"])
async def test_one_like_it_from_a_moment_before_is_not_taken_for_it(copr_store: SteppedCopr, copr: Copr, again: Any):
    """The same twice on purpose, by one client: the response to the second is lost, and the first is not taken for it."""
    first = await again(copr)
    copr_store.faults.add(DropBefore(), method="POST")
    second = await again(copr.with_options())
    assert [first.id, second.id] == [made.id for made in copr_store.builds] == [1, 2]


RESPONSES = [
    ServerResponse(502, HTML, b"<title>502 Proxy Error</title>"),
    ServerResponse(503, HTML, b"<title>Service Unavailable</title>"),
    ServerResponse(504, JSON, b'{"error": "The API request timeouted"}'),
    ServerResponse(408, HTML, b"<title>408 Request Timeout</title>"),
    ServerResponse(200, HTML, b"<html>Making sure you're not a bot!</html>"),
    ServerResponse(200, JSON, b'{"items": [], "meta": {}}'),
    ServerResponse(200, JSON, b'{"items": [{"id":'),
]


@pytest.mark.parametrize("response", RESPONSES, ids=lambda a: f"{a.status}-{len(a.body)}")
async def test_done_but_another_response(copr_store: SteppedCopr, copr: Copr, response: ServerResponse):
    """packit/packit-service#1579, #1901: no wrapper around the client that guesses what an outage did."""
    copr_store.instead = [response]
    assert (await url(copr)).id == 1
    assert submissions(copr_store) == len(copr_store.builds) == 1


@pytest.mark.parametrize("status", [502, 503])
async def test_an_outage_is_sat_out(copr_store: SteppedCopr, copr: Copr, status: int):
    """fedora-copr/copr#2609: a write that was not done is made again."""
    copr_store.faults.add(Respond(status, b"<title>down</title>", HTML), method="POST", times=2)
    assert (await url(copr)).id == 1
    assert (submissions(copr_store), len(copr_store.builds)) == (3, 1)


async def test_an_outage_that_does_not_end(copr_store: SteppedCopr, copr: Copr):
    copr_store.faults.add(DropBefore(), method="POST", times=None)
    with pytest.raises(NetworkError) as caught:
        await url(copr)
    assert (caught.value.outcome, submissions(copr_store)) == ("not_done", 3)


@pytest.mark.parametrize("status", [408, 502, 504])
async def test_it_is_sent_again_when_the_frontend_cannot_be_at_work_any_more(copr_store: SteppedCopr, status: int):
    start = copr_store.now
    copr_store.faults.add(Respond(status, b"<title>Gateway Time-out</title>", HTML), method="POST")
    async with copr_store.client() as copr:
        assert (await url(copr)).id == 1
    assert submissions(copr_store) == 2
    assert copr_store.now - start >= timedelta(seconds=LATE_WORK)


async def test_a_deadline_ends_the_waiting(copr_store: SteppedCopr):
    copr_store.faults.add(DropBefore(), method="POST")
    async with copr_store.client(retry=Retry(attempts=3, backoff=0, deadline=LATE_WORK - 1)) as copr:
        with pytest.raises(NetworkError) as caught:
            await url(copr)
    assert (caught.value.outcome, submissions(copr_store)) == ("unknown", 1)
    assert "Retry.deadline ended the look-up" in caught.value.__notes__[0]


async def test_what_did_not_arrive_is_sent_again_at_once(copr_store: SteppedCopr):
    start = copr_store.now
    copr_store.faults.add(DropDuring(1000), method="POST")
    async with copr_store.client() as copr:
        body = BytesBody(bytes(32 * 1024 * 1024))
        assert (await copr.builds.create_from_file("owner", "demo", body, filename="x.src.rpm")).id == 1
    assert (submissions(copr_store), copr_store.now) == (2, start)


async def test_no_response_in_time(copr_store: SteppedCopr):
    copr_store.faults.add(Delay(1000), method="POST")
    async with copr_store.client(timeout=Timeout(read=0.2, upload_response=0.2)) as copr:
        assert (await url(copr)).id == 1
    assert submissions(copr_store) == 2


async def test_the_frontends_own_failure_is_a_refusal(copr_store: SteppedCopr, copr: Copr):
    body = b'{"error": "Request wasn\'t successful, there is probably a bug in the Copr code."}'
    copr_store.faults.add(Respond(500, body, JSON), method="POST")
    with pytest.raises(ServerError) as caught:
        await url(copr)
    assert (caught.value.outcome, submissions(copr_store), copr_store.seen) == ("not_done", 1, [])


async def test_two_like_it_cannot_be_distinguished(copr_store: SteppedCopr, copr: Copr):
    copr_store.add_build("demo", HELLO)
    copr_store.faults.add(DropAfter(), method="POST")
    with pytest.raises(NetworkError) as caught:
        await url(copr)
    assert (caught.value.outcome, submissions(copr_store)) == ("unknown", 1)
    assert "there are similar builds, but not as many" in str(caught.value.__cause__)


async def test_a_store_that_cannot_be_queried(copr_store: SteppedCopr, copr: Copr):
    copr_store.faults.add(DropAfter(), method="POST")
    copr_store.faults.add(Respond(503, b"down", HTML), method="GET", times=None)
    with pytest.raises(NetworkError) as caught:
        await url(copr)
    assert (caught.value.outcome, submissions(copr_store)) == ("unknown", 1)
    assert isinstance(caught.value.__cause__, ServerError)


async def test_what_is_not_ours_is_not_taken_for_it(copr_store: SteppedCopr, copr: Copr):
    await url(copr)  # ours, but older
    copr_store.advance_clock(60)
    async with copr_store.client(copr_store.add_user("other", admin=True)) as other:
        await url(other)
    await CREATE["directory"](copr)
    await copr.builds.create_from_url("owner", "demo", HELLO.replace("1.0", "11.0"))
    await copr.builds.create_from_scm("owner", "demo", HELLO.rpartition("/")[0])
    assert (submissions(copr_store), len(copr_store.builds)) == (5, 5)
    copr_store.faults.add(DropBefore(), method="POST")
    assert (await url(copr)).id == 6
    copr_store.faults.add(DropBefore(), method="POST")
    assert (await copr.packages.build("owner", "demo", "pello")).id == 7


@pytest.mark.parametrize("year", [1999, 2099])
@pytest.mark.parametrize("kind", ["url", "package"])
async def test_the_stores_clock_is_the_one_that_counts(year: int, kind: str):
    async with SteppedCopr(now=datetime(year, 1, 1, tzinfo=UTC)) as store, store.client() as copr:
        await copr.packages.create("owner", "demo", "pello", PyPISource("pello"))
        await CREATE[kind](copr)
        store.advance_clock(60)
        store.faults.add(DropAfter(), method="POST")
        assert (await CREATE[kind](copr)).id == 2
        store.advance_clock(60)
        store.faults.add(DropBefore(), method="POST")
        assert (await CREATE[kind](copr)).id == 3


async def test_a_look_that_takes_its_time_still_finds_it(copr_store: SteppedCopr):
    def clock() -> float:
        return copr_store.now.timestamp()

    def pass_time(event: Any) -> None:
        if getattr(event, "status", None) == 503:
            copr_store.advance_clock(100)

    copr_store.faults.add(DropAfter(), method="POST")
    copr_store.faults.add(Respond(503), path="*/build/list", times=2)
    async with with_time(copr_store.client(hooks=[pass_time]), clock=clock) as copr:
        assert (await url(copr)).id == 1
    assert submissions(copr_store) == 1


async def test_a_file_name_that_the_frontend_tidied(copr_store: SteppedCopr, copr: Copr):
    copr_store.faults.add(DropAfter(), method="POST")
    tidied = b'{"source_type": "upload", "source_dict": {"tmp": "tmpx", "pkg": "gtk-21rc1-1.src.rpm"}}'
    copr_store.faults.add(Respond(200, tidied, JSON), path="*/source-build-config/*")
    build = await copr.builds.create_from_file("owner", "demo", BytesBody(b"x"), filename="gtk+-2^1~rc1-1.src.rpm")
    assert (build.id, submissions(copr_store)) == (1, 1)


A, B = HELLO.replace("hello", "a"), HELLO.replace("hello", "b")


@pytest.mark.parametrize("urls", [[B, A], [A], [B, A, B]], ids=len)
@pytest.mark.parametrize("fault", [DropAfter(), DropBefore()], ids=repr)
async def test_several_at_once(copr_store: SteppedCopr, copr: Copr, urls: list[str], fault: Any):
    copr_store.add_build("demo", HELLO)
    copr_store.faults.add(fault, method="POST")
    builds = await copr.builds.create_from_urls("owner", "demo", urls)
    assert [copr_store.build(build.id).source["url"] for build in builds] == urls
    assert len(copr_store.builds) == len(urls) + 1
    assert submissions(copr_store) == (1 if isinstance(fault, DropAfter) else 2)


async def test_some_of_several_are_there_already(copr_store: SteppedCopr, copr: Copr):
    copr_store.add_build("demo", A)
    copr_store.faults.add(DropBefore(), method="POST")
    with pytest.raises(NetworkError) as caught:
        await copr.builds.create_from_urls("owner", "demo", [B, A])
    assert (caught.value.outcome, submissions(copr_store)) == ("unknown", 1)


async def test_more_builds_in_the_meantime_than_are_searched(copr_store: SteppedCopr, copr: Copr):
    """Whether one of them is this one cannot be known: it is neither taken for done nor made again."""
    copr_store.faults.add(DropBefore(), method="POST")
    copr_store.steps = [lambda: [copr_store.add_build("demo", A) for _ in range(2001)]]
    with pytest.raises(NetworkError) as caught:
        await url(copr)
    assert (caught.value.outcome, submissions(copr_store), len(copr_store.builds)) == ("unknown", 1, 2001)
    assert "2000 or more builds were submitted in the meantime" in str(caught.value.__cause__)


async def test_builds_beyond_one_page_are_searched(copr_store: SteppedCopr, copr: Copr):
    copr_store.faults.add(DropAfter(), method="POST")
    copr_store.steps = [lambda: [copr_store.add_build("demo", A) for _ in range(250)]]
    assert (await url(copr)).id == 1
    assert (submissions(copr_store), len(copr_store.builds)) == (1, 251)


@pytest.mark.parametrize(("mine", "other"), [(None, "demo:pr:1"), ("demo:pr:1", None), ("demo:pr:1", "demo:pr:2")])
async def test_a_build_in_another_directory_is_another(
    copr_store: SteppedCopr, copr: Copr, mine: str | None, other: str | None
):
    """Of another process of the same account, at the same moment."""
    copr_store.faults.add(DropBefore(), method="POST")
    copr_store.steps = [lambda: copr_store.add_build("demo", HELLO, dirname=other)]
    build = await copr.builds.create_from_url("owner", "demo", HELLO, project_dirname=mine)
    assert (build.id, build.project_dirname) == (2, mine or "demo")
    assert [made.dirname for made in copr_store.builds] == [other or "demo", mine or "demo"]


@pytest.mark.parametrize("owner", ["owner", "@crew"])
async def test_the_message_of_an_unknown_outcome_says_where_to_look(owner: str):
    async with SteppedCopr() as store:
        user = store.add_user("owner", groups=["crew"])
        user.groups |= {"crew"}
        if owner != "owner":
            store.add_project("demo", owner=owner)
        store.faults.add(DropAfter(work_after=20), method="POST")
        async with store.client(retry=Retry(attempts=3, backoff=0, deadline=2)) as copr:
            with pytest.raises(NetworkError) as caught:
                await copr.builds.create_from_url(owner, "demo", HELLO)
        place = "owner" if owner == "owner" else "g/crew"
        assert caught.value.outcome == "unknown"
        assert str(caught.value).endswith(
            f"; a build may have been submitted all the same: see {store.url}/coprs/{place}/demo/builds/"
        )


CONFIRM_NOTHING = [b"{}", b'{"status": "ok"}', b'{"id": 1}', b'{"items": [{"id": 1}], "meta": {}}']


@pytest.mark.parametrize("body", CONFIRM_NOTHING)
@pytest.mark.parametrize("kind", CREATE)
async def test_json_that_is_not_about_the_build_confirms_nothing(
    copr_store: SteppedCopr, copr: Copr, kind: str, body: bytes
):
    copr_store.faults.add(Respond(200, body, JSON), method="POST")
    with pytest.raises(InvalidResponse) as caught:
        await CREATE[kind](copr)
    assert (caught.value.outcome, len(copr_store.builds)) == ("not_done", 0)
    copr_store.instead = [ServerResponse(200, JSON, body)]
    assert (await CREATE[kind](copr)).id == 1


async def test_a_page_for_people_when_nothing_was_done(copr_store: SteppedCopr):
    copr_store.faults.add(Respond(200, b"<html>Sign in</html>", HTML), method="POST")
    async with copr_store.client(retry=Retry(attempts=3, backoff=0)) as copr:
        with pytest.raises(InvalidResponse) as caught:
            await url(copr)
    assert (caught.value.outcome, submissions(copr_store)) == ("not_done", 1)

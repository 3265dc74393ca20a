"""The complete way from a file to an approved revision."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from lading import (
    BadRequest,
    Call,
    ConfigError,
    Conflict,
    Forbidden,
    InputError,
    InvalidResponse,
    NetworkError,
    NotFound,
    Progress,
    Retry,
    ServerError,
    fan_out,
)
from lading.canonical import Charmhub, ReviewRejected, SnapStore, UploadedRevision, on_prem_snap_store
from lading.testing import Delay, DropAfter, DropBefore, Respond, RespondAfter, ServerResponse
from tests.support.gateway_double import TOKEN, Gateway, refusal, sha3
from tests.support.recorded_sleeps import with_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.anyio
NAME = "my-charm"
DATA = b"charm" * 50_000
LIST = "GET /v1/charm/my-charm/revisions"
UPLOAD = "POST /unscanned-upload/"
NOTIFY = "POST /v1/charm/my-charm/revisions"
REVIEW = "GET /v1/charm/my-charm/revisions/review"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def gateway(publishing_gateway: Gateway) -> Gateway:
    return publishing_gateway


@pytest.fixture
def charm(tmp_path: Path) -> Path:
    path = tmp_path / "my.charm"
    path.write_bytes(DATA)
    return path


def revision(number: int, status: Any, **members: Any) -> UploadedRevision:
    return UploadedRevision(NAME, number, sha3(DATA), len(DATA), status, **members)


async def test_a_new_file(gateway: Gateway, charm: Path):
    reports: list[Progress] = []
    async with gateway.client() as charmhub:
        done = await charmhub.revisions.upload(NAME, charm, on_progress=reports.append)
    assert done.review is not None
    assert done == revision(1, "uploaded", review=done.review)
    assert (done.review.status, done.review.revision) == ("approved", 1)
    assert gateway.seen == [LIST, UPLOAD, NOTIFY, REVIEW, REVIEW, REVIEW]
    assert gateway.credentials == [f"Macaroon {TOKEN}", None, *[f"Macaroon {TOKEN}"] * 4]
    assert reports[-1].completed == reports[-1].total == len(gateway.bodies[0])


async def test_bytes(gateway: Gateway):
    async with gateway.client() as charmhub:
        done = await charmhub.revisions.upload(NAME, DATA, filename="my.charm")
    assert (done.status, gateway.uploads["upload-1"].filename) == ("uploaded", "my.charm")


@pytest.mark.parametrize("status", ["approved", "released"])
async def test_a_file_that_the_package_has_is_not_sent(gateway: Gateway, charm: Path, status: str):
    gateway.add_revision(b"other")
    gateway.add_revision(DATA, status)
    async with gateway.client() as charmhub:
        assert await charmhub.revisions.upload(NAME, charm) == revision(2, "unchanged")
    assert gateway.seen == [LIST]


async def test_the_digest_may_be_spelled_in_capitals(gateway: Gateway, charm: Path):
    gateway.add_revision(DATA, **{"sha3-384": sha3(DATA).upper()})
    async with gateway.client() as charmhub:
        assert (await charmhub.revisions.upload(NAME, charm)).status == "unchanged"


async def test_of_several_equal_revisions_the_newest_that_is_accepted(gateway: Gateway, charm: Path):
    for status in ("approved", "approved", "rejected", "new"):
        gateway.add_revision(DATA, status)
    async with gateway.client() as charmhub:
        assert await charmhub.revisions.upload(NAME, charm) == revision(2, "unchanged")


async def test_a_file_that_another_upload_has_under_review_is_waited_for(gateway: Gateway, charm: Path):
    """Its number is no approval. States that are not known are none either."""
    gateway.add_revision(DATA, "new", next=["new", "scanned", "checked", "approved"])
    async with gateway.client() as charmhub:
        assert await charmhub.revisions.upload(NAME, charm) == revision(1, "unchanged")
    assert gateway.seen == [LIST] * 5
    assert gateway.queries == ["", *["revision=1"] * 4]
    assert gateway.clock.time > 0


async def test_a_file_that_another_upload_has_under_review_is_rejected(gateway: Gateway, charm: Path):
    errors = [{"code": "lint", "message": "no licence"}]
    gateway.add_revision(DATA, "new", next=["rejected"], errors=errors)
    async with gateway.client() as charmhub:
        with pytest.raises(ReviewRejected, match=r"the review rejected revision 1: lint: no licence") as caught:
            await charmhub.revisions.upload(NAME, charm)
    assert (caught.value.review.revision, caught.value.outcome) == (1, "not_done")
    assert gateway.count(UPLOAD) == 0


async def test_a_file_that_was_rejected_before_is_reviewed_again(gateway: Gateway, charm: Path):
    gateway.add_revision(DATA, "rejected")
    gateway.refuses_equal = False
    async with gateway.client() as charmhub:
        done = await charmhub.revisions.upload(NAME, charm)
    assert (done.revision, done.status) == (2, "uploaded")


async def test_a_rejection(gateway: Gateway, charm: Path):
    gateway.reasons[DATA] = [{"code": "review-error", "message": "Missing required file: metadata.yaml"}]
    async with gateway.client() as charmhub:
        with pytest.raises(ReviewRejected, match=r"review-error: Missing required file: metadata\.yaml") as caught:
            await charmhub.revisions.upload(NAME, charm)
    assert (caught.value.outcome, caught.value.review.upload_id) == ("not_done", "upload-1")


async def test_a_rejection_because_the_package_has_the_file(gateway: Gateway, charm: Path):
    """Another machine uploads it after the list was read."""
    respond = gateway._upload

    def upload(*args: Any) -> Any:
        gateway.add_revision(DATA)
        return respond(*args)

    gateway._upload = upload  # type: ignore[method-assign]
    async with gateway.client() as charmhub:
        assert await charmhub.revisions.upload(NAME, charm) == revision(1, "confirmed")
    assert gateway.made(DATA) == [1]


async def test_a_digest_that_another_package_has(gateway: Gateway, charm: Path):
    message = f"An upload with that digest (SHA3-384: '{sha3(DATA)}') already exists in the database."
    gateway.reasons[DATA] = [{"code": "review-error", "message": message}]
    async with gateway.client() as charmhub:
        with pytest.raises(ReviewRejected, match="already exists in the database"):
            await charmhub.revisions.upload(NAME, charm)


@pytest.mark.parametrize(("status", "kind"), [(409, Conflict), (400, BadRequest)])
@pytest.mark.parametrize("has", [True, False])
async def test_a_notification_that_is_refused_for_the_file(
    gateway: Gateway, charm: Path, status: int, kind: type[Exception], has: bool
):
    def notify(_: str) -> Any:
        if has:
            gateway.add_revision(DATA)
        return refusal(status, "review-error", "already exists")

    gateway._notify = notify  # type: ignore[method-assign]
    async with gateway.client() as charmhub:
        if has:
            assert await charmhub.revisions.upload(NAME, charm) == revision(1, "confirmed")
            return
        with pytest.raises(kind, match="already exists") as caught:
            await charmhub.revisions.upload(NAME, charm)
    assert caught.value.outcome == "not_done"  # type: ignore[attr-defined]


async def test_a_rejection_whose_cause_cannot_be_looked_up(gateway: Gateway, charm: Path):
    gateway.reasons[DATA] = [{"code": "review-error", "message": "no"}]
    async with gateway.client() as charmhub:
        notify = gateway._notify

        def fail_from_now_on(upload_id: str) -> Any:
            gateway.faults.add(Respond(403), path="*/revisions", method="GET", times=None)
            return notify(upload_id)

        gateway._notify = fail_from_now_on  # type: ignore[method-assign]
        with pytest.raises(ReviewRejected) as caught:
            await charmhub.revisions.upload(NAME, charm)
    assert "could not be looked up" in caught.value.__notes__[0]
    assert isinstance(caught.value.__cause__, Forbidden)


@pytest.mark.parametrize("fault", [DropAfter(), RespondAfter(504), DropAfter(work_after=20)], ids=repr)
async def test_a_notification_whose_response_is_lost(gateway: Gateway, charm: Path, fault: Any):
    """canonical/charmcraft#688, #826: 504, and the revision was there."""
    gateway.faults.add(fault, method="POST", path="*/revisions")
    async with gateway.client() as charmhub:
        done = await charmhub.revisions.upload(NAME, charm)
    assert (done.revision, done.status) == (1, "confirmed")
    assert (gateway.made(DATA), gateway.count(UPLOAD)) == ([1], 1)


@pytest.mark.parametrize("number", [None, 0, -1])
async def test_an_approval_without_a_number(gateway: Gateway, charm: Path, number: int | None):
    show = gateway._show
    gateway._show = lambda upload_id: {**show(upload_id), "revision": number}  # type: ignore[method-assign]
    async with gateway.client() as charmhub:
        done = await charmhub.revisions.upload(NAME, charm)
    assert (done.revision, done.status) == (1, "uploaded")


async def test_an_approval_of_what_the_package_does_not_list(gateway: Gateway, charm: Path):
    show = gateway._show
    gateway._show = lambda upload_id: {**show(upload_id), "revision": None}  # type: ignore[method-assign]
    gateway._list = lambda _: ServerResponse.json({"revisions": None})  # type: ignore[method-assign]
    async with gateway.client() as charmhub:
        with pytest.raises(InvalidResponse, match="is approved and has no revision") as caught:
            await charmhub.revisions.upload(NAME, charm)
    assert caught.value.outcome == "unknown"


async def test_a_number_may_be_a_string(gateway: Gateway, charm: Path):
    show = gateway._show
    gateway._show = lambda upload_id: {**show(upload_id), "revision": "7"}  # type: ignore[method-assign]
    async with gateway.client() as charmhub:
        assert (await charmhub.revisions.upload(NAME, charm)).revision == 7


@pytest.mark.parametrize("fault", [Respond(500), DropBefore(), Respond(404)], ids=repr)
async def test_a_review_that_cannot_be_polled_leaves_the_outcome_unknown(gateway: Gateway, charm: Path, fault: Any):
    gateway.faults.add(fault, path="*/review", times=None)
    async with gateway.client() as charmhub:
        with pytest.raises((ServerError, NetworkError, NotFound)) as caught:
            await charmhub.revisions.upload(NAME, charm)
        assert caught.value.outcome == "unknown"
        assert "wait_review(PendingReview('my-charm', 'upload-1'))" in caught.value.__notes__[0]
        # Uploading it again looks it up.
        gateway.faults.clear()
        gateway.revisions[0]["next"] = ["approved"]
        assert await charmhub.revisions.upload(NAME, charm) == revision(1, "unchanged")
    assert gateway.count(NOTIFY) == 1


async def test_nothing_is_sent_to_a_package_that_is_not_there(gateway: Gateway, charm: Path):
    async with gateway.client() as charmhub:
        with pytest.raises(NotFound) as caught:
            await charmhub.revisions.upload("other", charm)
        gateway.faults.add(Respond(403))
        with pytest.raises(Forbidden):
            await charmhub.revisions.upload(NAME, charm)
    assert caught.value.outcome == "not_done"
    assert gateway.count(UPLOAD) == 0


@pytest.fixture
def snap_gateway() -> Iterator[Gateway]:
    with Gateway("snap") as gateway:
        yield gateway


async def test_an_on_prem_store_of_snaps(snap_gateway: Gateway):
    url, clock = snap_gateway.server.url, snap_gateway.clock
    snaps = with_time(SnapStore(on_prem_snap_store(url, url), token=TOKEN), clock=clock.now, sleep=clock.sleep)
    async with snaps:
        done = await snaps.revisions.upload(NAME, DATA, filename="my.snap")
        assert [found.revision async for found in snaps.revisions.list(NAME)] == [1]
    assert (done.revision, done.status) == (1, "uploaded")
    assert snap_gateway.seen[2:4] == ["POST /v1/snap/my-charm/revisions", "GET /v1/snap/my-charm/revisions/review"]


async def test_without_credentials_nothing_is_sent(gateway: Gateway, charm: Path):
    async with Charmhub(gateway.endpoints) as charmhub:
        with pytest.raises(ConfigError, match="this needs credentials"):
            await charmhub.revisions.upload(NAME, charm)
    assert gateway.seen == []


class TestFanOut:
    @pytest.fixture
    def paths(self, tmp_path: Path) -> list[Path]:
        paths = [tmp_path / f"{number}.charm" for number in range(12)]
        for path in paths:
            path.write_bytes(path.name.encode())
        return paths

    async def test_the_list_is_read_once(self, gateway: Gateway, paths: list[Path]):
        gateway.add_revision(b"0.charm")
        async with gateway.client() as charmhub:

            async def upload(path: Path) -> UploadedRevision:
                return await charmhub.revisions.upload(NAME, path)

            async with fan_out(upload, paths, limit=12) as results:
                done = {result.item.name: result.value async for result in results}
            assert gateway.count(LIST) - gateway.count(REVIEW) == 1
            # Those of the next fan-out read it again.
            await charmhub.revisions.upload(NAME, paths[3])
        assert done["0.charm"].status == "unchanged"
        assert {done[path.name].status for path in paths[1:]} == {"uploaded"}
        assert sorted(one.revision for one in done.values()) == list(range(1, 13))
        assert gateway.count(LIST) - gateway.count(REVIEW) == 2

    async def test_equal_files_are_sent_once(self, gateway: Gateway):
        gateway.refuses_equal = False
        async with gateway.client() as charmhub:

            async def upload(number: int) -> UploadedRevision:
                return await charmhub.revisions.upload(NAME, DATA, filename=f"{number}.charm")

            async with fan_out(upload, range(5)) as results:
                done = [result.value async for result in results]
        assert sorted(one.status for one in done) == ["unchanged"] * 4 + ["uploaded"]
        assert {one.revision for one in done} == {1}
        assert gateway.count(UPLOAD) == 1

    async def test_an_old_list_is_read_again(self, gateway: Gateway):
        """What others have uploaded meanwhile is found."""
        async with gateway.client() as charmhub:
            concurrent = charmhub.revisions._publisher._concurrent
            async with concurrent.of(NAME):  # an upload that is under way
                await _upload(charmhub, b"1")
                gateway.add_revision(b"2")
                gateway.add_revision(b"3")
                gateway.clock.time += 29
                assert await concurrent._packages.get()[NAME].find(sha3(b"2")) is None
                gateway.clock.time += 2
                assert (await charmhub.revisions.upload(NAME, b"3", filename="x")).status == "unchanged"

    async def test_a_list_that_is_older_than_an_upload_of_this_process(self, gateway: Gateway):
        gateway.refuses_equal = False
        gateway._list = lambda _: ServerResponse.json({"revisions": []})  # type: ignore[method-assign]
        client = gateway.client()
        async with client as charmhub, charmhub.revisions._publisher._concurrent.of(NAME):
            await _upload(charmhub, DATA)
            gateway.clock.time += 31
            assert await charmhub.revisions.upload(NAME, DATA, filename="x") == revision(1, "unchanged")
        assert gateway.made(DATA) == [1]

    async def test_a_file_whose_upload_may_have_been_done_is_looked_up_anew(self, gateway: Gateway):
        """Although another upload is under way, which keeps the list."""
        gateway.refuses_equal = False
        gateway.faults.add(DropAfter(work_after=20), method="POST", path="*/revisions")
        client = gateway.client(retry=Retry(attempts=1, deadline=1))
        async with client as charmhub, charmhub.revisions._publisher._concurrent.of(NAME) as digests:
            with pytest.raises(NetworkError) as caught:
                await _upload(charmhub, DATA)
            assert caught.value.outcome == "unknown"
            assert "wait_review(PendingReview('my-charm', 'upload-1'))" in caught.value.__notes__[-1]
            assert await digests.find(sha3(b"other")) is None
            gateway.clock.time += 20
            await charmhub.send(Call("GET", "v1/charm/my-charm/revisions"))
            gateway.revisions[0]["next"] = ["approved"]
            assert await charmhub.revisions.upload(NAME, DATA, filename="x") == revision(1, "unchanged")
        assert gateway.made(DATA) == [1]

    async def test_cancelling_one_leaves_the_others(self, gateway: Gateway):
        async with gateway.client() as charmhub:
            async with anyio.create_task_group() as group:

                async def cancelled() -> None:
                    with anyio.CancelScope() as scope:
                        await charmhub.revisions.upload(NAME, DATA, filename="x", on_progress=lambda _: scope.cancel())

                group.start_soon(cancelled)
                group.start_soon(_upload, charmhub, b"2")
            assert (await charmhub.revisions.upload(NAME, DATA, filename="x")).status == "uploaded"
            assert charmhub.revisions._publisher._concurrent._packages.get() == {}
        assert len(gateway.made(DATA)) == 1


async def _upload(charmhub: Any, data: bytes) -> None:
    await charmhub.revisions.upload(NAME, data, filename="x")


class TestRelease:
    async def test_the_list_is_kept_while_one_is_being_released(self, gateway: Gateway):
        """All of those that run together may be at their releases when the next ones begin."""
        gateway.faults.add(Delay(before="response", seconds=0.5), path="*/releases")
        async with gateway.client() as charmhub, anyio.create_task_group() as group:
            first = partial(charmhub.revisions.upload, NAME, b"1", filename="1", release=["latest/edge"])
            group.start_soon(first)
            with anyio.fail_after(30):
                while not gateway.released:
                    await anyio.sleep(0.01)
            await charmhub.revisions.upload(NAME, b"2", filename="2")
        assert gateway.made(b"1") == [1]
        assert gateway.made(b"2") == [2]
        assert gateway.count(LIST) - gateway.count(REVIEW) == 1

    async def test_after_the_upload(self, gateway: Gateway, charm: Path):
        async with gateway.client() as charmhub:
            await charmhub.revisions.upload(
                NAME, charm, release=["latest/edge", "1/stable"], resources={"image": 3}, progressive=20
            )
            await charmhub.revisions.upload(NAME, charm)
            again = await charmhub.revisions.upload(NAME, charm, release=("latest/beta",))
        assert again.status == "unchanged"
        options = {"resources": [{"name": "image", "revision": 3}], "progressive": {"percentage": 20, "paused": False}}
        assert gateway.released == [
            [{"channel": channel, "revision": 1, **options} for channel in ("latest/edge", "1/stable")],
            [{"channel": "latest/beta", "revision": 1}],
        ]

    async def test_a_release_that_fails(self, gateway: Gateway, charm: Path):
        gateway.faults.add(Respond(403), path="*/releases")
        async with gateway.client() as charmhub:
            with pytest.raises(Forbidden) as caught:
                await charmhub.revisions.upload(NAME, charm, release=["latest/edge"])
            assert caught.value.__notes__ == ["revision 1 of my-charm is approved; only its release failed"]
            assert caught.value.outcome == "unknown"
            gateway.faults.add(Respond(403), path="*/releases")
            with pytest.raises(Forbidden) as caught:
                await charmhub.revisions.upload(NAME, charm, release=["latest/edge"])
            assert caught.value.outcome == "not_done"  # nothing was sent but the release
            await charmhub.revisions.upload(NAME, charm, release=["latest/edge"])
        assert gateway.made(DATA) == [1]
        assert gateway.channels["latest/edge"]["revision"] == 1

    @pytest.mark.parametrize(
        ("options", "argument"),
        [
            ({"release": "latest/edge"}, "release"),
            ({"release": ["latest/edge", " "]}, "release"),
            ({"release": ["latest/edgy/x/y"]}, "release"),
            ({"release": ["edge"], "progressive": 120}, "progressive"),
            ({"resources": {"image": 1}}, "resources"),
            ({"progressive": 10}, "progressive"),
            ({"release": ["edge"], "resources": ["image"]}, "resources"),
            ({"poll": -1}, "poll"),
            ({"poll": math.nan}, "poll"),
        ],
    )
    async def test_what_cannot_be_released_is_refused_first(
        self, gateway: Gateway, charm: Path, options: Any, argument: str
    ):
        async with gateway.client() as charmhub:
            with pytest.raises(InputError) as caught:
                await charmhub.revisions.upload(NAME, charm, **options)
        assert caught.value.argument == argument
        assert gateway.seen == []


async def test_the_errors_show_no_secret(gateway: Gateway, charm: Path):
    gateway.faults.add(Respond(400, b'{"error-list": [{"code": "x", "message": "%s"}]}' % TOKEN.encode(), JSON))
    async with gateway.client() as charmhub:
        with pytest.raises(BadRequest) as caught:
            await charmhub.revisions.upload(NAME, charm)
    assert TOKEN not in str(caught.value) + repr(caught.value.errors)

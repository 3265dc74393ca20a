"""Revisions of snaps at the dashboard: uploaded, pushed, processed, listed."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from lading import (
    BadRequest,
    ConfigError,
    Conflict,
    Forbidden,
    InputError,
    InvalidResponse,
    NetworkError,
    NotFound,
    ServerError,
)
from lading.canonical import ReviewRejected
from lading.canonical._reviews import PendingReview
from lading.testing import DropAfter, DropBefore, Respond, RespondAfter
from tests.support.snap_dashboard import DUPLICATE, SNAP_ID, TOKEN, SnapDashboard, refusal, sha3

if TYPE_CHECKING:
    from pathlib import Path

    from lading import SnapStore

pytestmark = pytest.mark.anyio
NAME = "my-snap"
DATA = b"hsqs" + b"x" * 1000
PUSH = "POST /dev/api/snap-push/"
UPLOAD = "POST /unscanned-upload/"
HISTORY = "GET /api/v2/snaps/my-snap/releases?page=1"
RELEASE = "POST /dev/api/snap-release/"


@pytest.fixture
def snap_file(tmp_path: Path) -> Path:
    """A snap."""
    path = tmp_path / "my-snap_1.0_amd64.snap"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def component(tmp_path: Path) -> Path:
    """A component of it."""
    path = tmp_path / "extras.comp"
    path.write_bytes(b"component")
    return path


async def upload(store: SnapStore, **options: Any) -> Any:
    """Upload the file."""
    return await store.revisions.upload(NAME, DATA, filename="my-snap_1.0_amd64.snap", **options)


def pushed(dashboard: SnapDashboard) -> list[Any]:
    """The bodies of pushes, dry runs apart."""
    return [body for body in dashboard.bodies.get(PUSH, ()) if not body.get("dry_run")]


class TestUpload:
    async def test_the_complete_way(self, dashboard: SnapDashboard, snap_file: Path):
        async with dashboard.client() as store:
            done = await store.revisions.upload(NAME, snap_file)
        assert (done.name, done.revision, done.status) == (NAME, 1, "uploaded")
        assert (done.sha3_384, done.size) == (sha3(DATA), len(DATA))
        assert done.review is not None
        assert (done.review.upload_id, done.review.status, done.review.is_approved) == ("upload-1", "approved", True)
        assert dashboard.seen == [
            PUSH,
            HISTORY,
            UPLOAD,
            PUSH,
            *[f"GET /dev/api/snaps/{SNAP_ID}/builds/1/status"] * 2,
        ]
        assert dashboard.bodies[PUSH] == [
            {"name": NAME, "dry_run": True},
            {
                "name": NAME,
                "series": "16",
                "updown_id": "upload-1",
                "binary_filesize": len(DATA),
                "source_uploaded": False,
            },
        ]
        assert dashboard.credentials[UPLOAD] is None
        assert dashboard.credentials[PUSH] == f"Macaroon {TOKEN}"

    async def test_all_that_a_push_can_have(self, dashboard: SnapDashboard, component: Path):
        async with dashboard.client() as store:
            await upload(
                store,
                release=["edge", "2.0/beta"],
                built_at=datetime(2026, 11, 1, 10, tzinfo=UTC),
                components={"extras": component},
            )
        (body,) = pushed(dashboard)
        assert body["channels"] == ["edge", "2.0/beta"]
        assert body["built_at"] == "2026-11-01T10:00:00+00:00"
        assert body["components"] == {"extras": "upload-1"}
        assert dashboard.uploads == {"upload-1": b"component", "upload-2": DATA}

    async def test_what_may_not_be_uploaded_is_refused_before_a_byte_is_sent(self, dashboard: SnapDashboard):
        dashboard.forbidden.add(NAME)
        async with dashboard.client() as store:
            with pytest.raises(Forbidden, match="not allowed to upload"):
                await upload(store)
            with pytest.raises(Forbidden, match="not allowed to upload"):
                await store.revisions.check_upload(NAME)
        assert dashboard.uploads == {}

    async def test_the_check_can_be_left_out(self, dashboard: SnapDashboard):
        async with dashboard.client() as store:
            await upload(store, check_permission=False)
        assert dashboard.seen[0] == HISTORY

    async def test_the_same_file_is_not_sent_again(self, dashboard: SnapDashboard):
        dashboard.add_revision(DATA)
        dashboard.add_revision(b"newer")
        async with dashboard.client() as store:
            done = await upload(store, release=["edge"])
        assert (done.revision, done.status, done.review) == (1, "unchanged", None)
        assert dashboard.uploads == {}
        assert dashboard.channels == {("amd64", "latest/edge"): (1, None)}

    async def test_equal_files_at_the_same_time_are_sent_once(self, dashboard: SnapDashboard):
        statuses = []
        async with dashboard.client() as store, anyio.create_task_group() as group:

            async def run() -> None:
                statuses.append((await upload(store)).status)

            for _ in range(3):
                group.start_soon(run)
        assert sorted(statuses) == ["unchanged", "unchanged", "uploaded"]
        assert len(dashboard.uploads) == len(pushed(dashboard)) == 1

    async def test_the_same_content_from_two_clients_is_one_revision(self, dashboard: SnapDashboard):
        statuses = []
        async with dashboard.client() as one, dashboard.client() as other, anyio.create_task_group() as group:

            async def run(store: SnapStore) -> None:
                done = await upload(store, release=["edge"])
                statuses.append((done.revision, done.status))

            group.start_soon(run, one)
            group.start_soon(run, other)
        assert {revision for revision, _ in statuses} == {1}
        assert {status for _, status in statuses} <= {"uploaded", "confirmed", "unchanged"}
        assert len(dashboard.revisions) == 1

    async def test_an_old_revision_is_found_after_the_store_refuses_its_content(self, dashboard: SnapDashboard):
        """Before the upload only the newest revisions are read."""
        dashboard.page_size = 2
        for data in (DATA, b"2", b"3", b"4", b"5"):
            dashboard.add_revision(data)
        async with dashboard.client() as store:
            done = await upload(store, release=["edge"])
        assert (done.revision, done.status) == (1, "confirmed")
        assert len(dashboard.revisions) == 5
        assert dashboard.channels == {("amd64", "latest/edge"): (1, None)}

    async def test_a_revision_that_was_rejected_is_not_taken_for_the_file(self, dashboard: SnapDashboard):
        dashboard.add_revision(DATA, status="Rejected")
        async with dashboard.client() as store:
            done = await upload(store)
        assert (done.revision, done.status) == (2, "uploaded")

    @pytest.mark.parametrize("code", ["processing_error", "processing_upload_delta_error"])
    async def test_a_rejection_has_the_store_s_reasons(self, dashboard: SnapDashboard, code: str):
        dashboard.codes = ("being_processed", code)
        dashboard.reasons = ["not a squashfs", "too big"]
        async with dashboard.client() as store:
            with pytest.raises(ReviewRejected, match="not a squashfs; too big") as caught:
                await upload(store, release=["edge"])
        assert caught.value.review.status == "rejected"
        assert [error.message for error in caught.value.review.errors] == ["not a squashfs", "too big"]
        assert caught.value.outcome == "not_done"
        assert dashboard.count(RELEASE) == 0

    async def test_a_manual_review_is_not_waited_for(self, dashboard: SnapDashboard):
        dashboard.codes = ("being_processed", "need_manual_review")
        async with dashboard.client() as store:
            for _ in range(2):  # the second time it is found by its digest
                with pytest.raises(ReviewRejected, match="revision 1 waits for a manual review") as caught:
                    await upload(store, release=["edge"])
                assert caught.value.review.status == "need_manual_review"
                assert caught.value.review.revision == 1
                assert caught.value.outcome == "unknown"
            assert len(dashboard.uploads) == 1
            assert dashboard.count(RELEASE) == 0
            dashboard.revisions[0]["status"] = "Published"
            done = await upload(store, release=["edge"])
        assert (done.revision, done.status) == (1, "unchanged")
        assert dashboard.channels == {("amd64", "latest/edge"): (1, None)}

    async def test_a_state_that_is_not_known_is_no_success(self, dashboard: SnapDashboard):
        dashboard.codes = ("being_processed", "held_back")
        async with dashboard.client() as store:
            with pytest.raises(ReviewRejected):
                await upload(store)

    async def test_a_revision_that_is_still_being_reviewed_is_waited_for(self, dashboard: SnapDashboard):
        dashboard.add_revision(DATA, status="ReviewInProgress")
        polls = 0

        def respond(*_: Any) -> Any:
            nonlocal polls
            polls += 1
            if polls == 4:
                dashboard.revisions[0]["status"] = "Published"
            return {"releases": [], "revisions": dashboard.revisions}

        dashboard.canned["GET /api/v2/snaps/my-snap/releases"] = respond
        async with dashboard.client() as store:
            done = await upload(store)
        assert (done.revision, done.status, polls) == (1, "unchanged", 4)

    async def test_a_snap_that_is_not_there(self, dashboard: SnapDashboard):
        async with dashboard.client() as store:
            with pytest.raises(NotFound, match="Snap not found for name=other"):
                await store.revisions.upload("other", DATA, filename="x.snap", check_permission=False)
        assert dashboard.uploads == {}

    async def test_arguments_that_do_not_fit(self, dashboard: SnapDashboard):
        async with dashboard.client() as store:
            for wrong in ({"progressive": 30}, {"release": ["nowhere"]}, {"release": ["edge"], "progressive": 130}):
                with pytest.raises(InputError):
                    await upload(store, **wrong)
        assert dashboard.seen == []


class TestUploadAndRelease:
    async def test_the_store_releases_by_itself(self, dashboard: SnapDashboard):
        async with dashboard.client() as store:
            await upload(store, release=["edge"])
        assert dashboard.count(RELEASE) == 0
        assert dashboard.channels == {("amd64", "latest/edge"): (1, None)}

    async def test_what_the_store_has_not_released_is_released(self, dashboard: SnapDashboard):
        dashboard.releases_itself = False
        async with dashboard.client() as store:
            await upload(store, release=["edge", "latest/beta"])
        assert dashboard.bodies[RELEASE] == [{"name": NAME, "revision": "1", "channels": ["edge", "latest/beta"]}]

    async def test_a_progressive_release_is_not_sent_with_the_push(self, dashboard: SnapDashboard):
        async with dashboard.client() as store:
            await upload(store, release=["stable"], progressive=30)
        assert "channels" not in pushed(dashboard)[0]
        assert dashboard.bodies[RELEASE] == [
            {
                "name": NAME,
                "revision": "1",
                "channels": ["stable"],
                "progressive": {"percentage": 30, "paused": False},
            }
        ]

    async def test_a_percentage_of_100_is_no_progressive_release(self, dashboard: SnapDashboard):
        dashboard.releases_itself = False
        async with dashboard.client() as store:
            await upload(store, release=["stable"], progressive=100)
        assert pushed(dashboard)[0]["channels"] == ["stable"]
        assert "progressive" not in dashboard.bodies[RELEASE][0]

    async def test_a_release_that_fails_says_which_revision_is_there(self, dashboard: SnapDashboard):
        dashboard.releases_itself = False
        dashboard.faults.add(Respond(403), method="POST", path="/dev/api/snap-release/")
        async with dashboard.client() as store:
            with pytest.raises(Forbidden) as caught:
                await upload(store, release=["edge"])
        assert caught.value.__notes__ == ["revision 1 of my-snap is approved; only its release failed"]
        assert caught.value.outcome == "unknown"

    async def test_a_release_that_fails_after_nothing_was_sent_is_not_done(self, dashboard: SnapDashboard):
        dashboard.add_revision(DATA)
        dashboard.faults.add(Respond(403), method="POST", path="/dev/api/snap-release/")
        async with dashboard.client() as store:
            with pytest.raises(Forbidden) as caught:
                await upload(store, release=["edge"])
        assert caught.value.outcome == "not_done"

    async def test_channels_that_the_store_refuses_cost_the_release_only(self, dashboard: SnapDashboard):
        async with dashboard.client() as store:
            with pytest.raises(BadRequest, match="Not a valid channel: alpha") as caught:
                await upload(store, release=["alpha/edge"])
        assert caught.value.__notes__ == ["revision 1 of my-snap is approved; only its release failed"]
        assert [body.get("channels") for body in pushed(dashboard)] == [["alpha/edge"], None]
        assert len(dashboard.uploads) == len(dashboard.revisions) == 1


LOST = [DropAfter(), DropAfter(reset=True), RespondAfter(504)]


class TestLostPush:
    @pytest.mark.parametrize("fault", [*LOST, RespondAfter(200, b"<html>")], ids=repr)
    async def test_a_revision_that_is_listed_is_not_pushed_again(self, dashboard: SnapDashboard, fault: Any):
        dashboard.processes_at_once = True
        dashboard.faults.add(fault, method="POST", path="/dev/api/snap-push/")
        async with dashboard.client() as store:
            done = await upload(store, check_permission=False, release=["edge"])
        assert (done.revision, done.status) == (1, "confirmed")
        assert len(pushed(dashboard)) == len(dashboard.revisions) == 1
        assert dashboard.channels == {("amd64", "latest/edge"): (1, None)}

    @pytest.mark.parametrize("fault", [*LOST, DropBefore()], ids=repr)
    async def test_a_push_that_is_not_processed_yet_is_repeated_with_the_same_upload(
        self, dashboard: SnapDashboard, fault: Any
    ):
        dashboard.faults.add(fault, method="POST", path="/dev/api/snap-push/")
        async with dashboard.client() as store:
            done = await upload(store, check_permission=False, release=["edge"])
        assert (done.revision, done.status) == (1, "uploaded")
        assert len(dashboard.revisions) == 1
        assert {body["updown_id"] for body in pushed(dashboard)} == {"upload-1"}

    async def test_the_store_refuses_the_content_of_the_second_push(self, dashboard: SnapDashboard):
        """The first one is processed between the look-up and the second push."""
        first = dashboard._history

        def respond(*arguments: Any) -> Any:
            result = first(*arguments)
            for push in dashboard.pushes:
                push.codes = [dashboard._process(push, "ready_to_release")] if push.revision is None else push.codes
            return result

        dashboard._history = respond  # type: ignore[method-assign]
        dashboard.faults.add(DropAfter(), method="POST", path="/dev/api/snap-push/")
        async with dashboard.client() as store:
            done = await upload(store, check_permission=False, release=["edge"])
        assert (done.revision, done.status) == (1, "confirmed")
        assert len(pushed(dashboard)) == 2
        assert len(dashboard.revisions) == 1

    @pytest.mark.parametrize("fault", [RespondAfter(504), RespondAfter(200, b"<html>")], ids=repr)
    async def test_without_a_finding_the_outcome_is_unknown(self, dashboard: SnapDashboard, fault: Any):
        """The store may still be processing the push, for longer than any look-up waits."""
        dashboard.faults.add(fault, method="POST", path="/dev/api/snap-push/", times=None)
        async with dashboard.client() as store:
            with pytest.raises((ServerError, InvalidResponse)) as caught:
                await upload(store, check_permission=False)
        assert caught.value.outcome == "unknown"
        assert dashboard.clock.time >= 30

    async def test_a_refusal_of_the_second_request_does_not_say_that_nothing_was_done(self, dashboard: SnapDashboard):
        dashboard.faults.add(DropAfter(), method="POST", path="/dev/api/snap-push/")
        dashboard.faults.add(Respond(409), method="POST", path="/dev/api/snap-push/")
        async with dashboard.client() as store:
            with pytest.raises(Conflict) as caught:
                await upload(store, check_permission=False)
        assert caught.value.outcome == "unknown"

    async def test_a_request_that_never_left_is_not_done(self, dashboard: SnapDashboard):
        dashboard.faults.add(Respond(403), method="POST", path="/dev/api/snap-push/")
        async with dashboard.client() as store:
            with pytest.raises(Forbidden) as caught:
                await upload(store, check_permission=False)
        assert caught.value.outcome == "not_done"

    async def test_an_error_while_waiting_says_what_was_pushed(self, dashboard: SnapDashboard):
        dashboard.faults.add(Respond(403), method="GET", path=f"/dev/api/snaps/{SNAP_ID}/builds/1/status")
        async with dashboard.client() as store:
            with pytest.raises(Forbidden) as caught:
                await upload(store)
        assert caught.value.outcome == "unknown"
        assert "upload-1 of my-snap was pushed" in caught.value.__notes__[0]


class TestNotify:
    async def test_it_returns_what_to_wait_for(self, dashboard: SnapDashboard):
        async with dashboard.client() as store:
            sent = await store.uploads.upload(DATA, filename="my.snap")
            pending = await store.revisions.notify(NAME, sent, channels=["edge"])
            url = f"{dashboard.server.url}/dev/api/snaps/{SNAP_ID}/builds/1/status"
            assert pending == PendingReview(NAME, "upload-1", url, sha3(DATA))
            review = await store.revisions.wait_review(pending)
        assert (review.revision, review.is_approved) == (1, True)

    async def test_many_are_waited_for_together(self, dashboard: SnapDashboard):
        async with dashboard.client() as store:
            waiting = [
                await store.revisions.notify(NAME, await store.uploads.upload(data, filename="my.snap"))
                for data in (b"1", b"2", b"2")
            ]
            found = [review async for review in store.revisions.wait_review(waiting)]
        statuses = {review.upload_id: review.status for review in found}
        assert statuses.pop("upload-1") == "approved"
        # Of two equal files, the one that is polled first.
        assert sorted(statuses) == ["upload-2", "upload-3"]
        assert sorted(statuses.values()) == ["approved", "rejected"]
        assert [e.message for r in found for e in r.errors] == [DUPLICATE]

    async def test_many_are_polled_slowly(self, dashboard: SnapDashboard):
        dashboard.codes = (*["being_processed"] * 3, "ready_to_release")
        async with dashboard.client() as store:
            waiting = [
                await store.revisions.notify(NAME, await store.uploads.upload(b"%d" % number, filename="my.snap"))
                for number in range(20)
            ]
            started = dashboard.clock.time
            assert len([review async for review in store.revisions.wait_review(waiting, poll=0)]) == 20
        assert dashboard.count("GET /dev/api/snaps/") == 80
        assert dashboard.clock.time - started == pytest.approx(12)  # the last poll of four does not wait after it

    async def test_without_a_status_url_it_is_waited_for_by_its_digest(self, dashboard: SnapDashboard):
        async with dashboard.client() as store:
            dashboard.add_revision(DATA)
            review = await store.revisions.wait_review(PendingReview(NAME, "upload-1", sha3_384=sha3(DATA)))
            assert (review.revision, review.is_approved) == (1, True)
            with pytest.raises(InputError, match="no status_url"):
                await store.revisions.wait_review(PendingReview(NAME, "upload-1"))

    async def test_credentials_are_sent_to_the_store_s_own_host_only(self, dashboard: SnapDashboard):
        dashboard.canned[PUSH] = {"status_details_url": "https://example.com/status"}
        async with dashboard.client(retry=1) as store:
            sent = await store.uploads.upload(DATA, filename="my.snap")
            with pytest.raises(InvalidResponse, match="not one at the store's own host"):
                await store.revisions.notify(NAME, sent)

    async def test_nothing_is_notified_of_when_the_storage_host_fails(self, dashboard: SnapDashboard):
        dashboard.faults.add(DropAfter(), method="POST", path="/unscanned-upload/", times=None)
        async with dashboard.client() as store:
            with pytest.raises(NetworkError) as caught:
                await upload(store)
        assert caught.value.outcome == "not_done"
        assert pushed(dashboard) == []


class TestList:
    async def test_all_pages_each_revision_once(self, dashboard: SnapDashboard):
        dashboard.page_size = 2
        for data in (b"1", b"2", b"3", b"4", b"5"):
            dashboard.add_revision(data)
        async with dashboard.client() as store:
            assert [one.revision async for one in store.revisions.list(NAME)] == [5, 4, 3, 2, 1]
            assert [one.revision async for one in store.revisions.list(NAME, max_items=3)] == [5, 4, 3]
            first = await store.revisions.list(NAME)
        assert (first[0].architectures, first[0].status, first[0].version) == (("amd64",), "Published", "1.0")
        assert first[0].created_at is not None

    async def test_a_page_that_repeats_revisions(self, dashboard: SnapDashboard):
        dashboard.add_revision(b"1")
        responses = [{"_links": {"next": "x"}, "revisions": dashboard.revisions}, {"revisions": dashboard.revisions}]
        dashboard.canned["GET /api/v2/snaps/my-snap/releases"] = lambda *_: responses.pop(0)
        async with dashboard.client() as store:
            assert [one.revision async for one in store.revisions.list(NAME)] == [1]


async def test_no_error_shows_the_token(dashboard: SnapDashboard):
    dashboard.canned[PUSH] = refusal(400, "invalid", f"bad header: Macaroon {TOKEN}")
    async with dashboard.client() as store:
        with pytest.raises(BadRequest, match="bad header") as caught:
            await upload(store)
    assert TOKEN not in repr(caught.value) + str(caught.value) + str(caught.value.errors)


async def test_a_client_without_credentials_says_how_to_get_them(dashboard: SnapDashboard):
    async with dashboard.client(token=None) as store:
        with pytest.raises(ConfigError, match="SNAPCRAFT_STORE_CREDENTIALS"):
            await upload(store)
    assert dashboard.seen == []


async def test_a_revision_that_is_rejected_while_its_review_is_waited_for(dashboard: SnapDashboard):
    dashboard.add_revision(DATA, status="ReviewQueued")
    usual, asked = dashboard._history, 0

    def history(request: Any, body: bytes) -> Any:
        nonlocal asked
        asked += 1
        if asked == 3:
            dashboard.revisions[0]["status"] = "Rejected"
        return usual(request, body, NAME)

    dashboard.canned[f"GET /api/v2/snaps/{NAME}/releases"] = history
    async with dashboard.client() as store:
        with anyio.fail_after(5), pytest.raises(ReviewRejected, match="revision 1"):
            await upload(store)
    assert dashboard.uploads == {}


async def test_an_empty_page_is_the_last_one(dashboard: SnapDashboard):
    dashboard.canned[f"GET /api/v2/snaps/{NAME}/releases"] = {
        "revisions": [],
        "releases": [],
        "_links": {"next": {"href": "x"}},
    }
    async with dashboard.client() as store:
        with anyio.fail_after(5):
            assert [one async for one in store.revisions.list(NAME)] == []


@pytest.mark.parametrize("poll", [-1, math.nan])
async def test_an_invalid_poll_is_refused_before_anything_is_sent(dashboard: SnapDashboard, poll: float):
    async with dashboard.client() as store:
        with pytest.raises(InputError, match="PollInterval needs"):
            await upload(store, poll=poll)
    assert dashboard.seen == []


async def test_a_rejection_of_the_second_of_two_pushes_is_not_the_last_word(dashboard: SnapDashboard):
    """The first, whose response was lost, has become a revision that is not listed yet."""
    dashboard.faults.add(DropBefore(), method="POST", path="/dev/api/snap-push/")
    dashboard.reasons = [DUPLICATE]
    async with dashboard.client() as store:
        with pytest.raises(ReviewRejected, match="exact same content") as caught:
            await upload(store, check_permission=False)
        assert caught.value.outcome == "unknown"
        with pytest.raises(ReviewRejected) as caught:
            await upload(store, check_permission=False)
        assert caught.value.outcome == "not_done"


@pytest.mark.parametrize("number", [None, "0", 0])
async def test_an_approval_without_a_number(dashboard: SnapDashboard, number: Any):
    dashboard.processes_at_once = True
    status = f"GET /dev/api/snaps/{SNAP_ID}/builds/1/status"
    dashboard.canned[status] = {"code": "ready_to_release", "processed": True, "can_release": True, "revision": number}
    async with dashboard.client() as store:
        done = await upload(store)
    assert (done.revision, done.status) == (1, "uploaded")

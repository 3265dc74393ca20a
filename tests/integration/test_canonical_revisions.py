"""Revisions of packages: listed, notified of, and waited for."""

from __future__ import annotations

import logging
import pickle
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from lading import (
    BadRequest,
    Forbidden,
    InputError,
    InvalidResponse,
    NetworkError,
    NotFound,
    NoticeEvent,
    PollInterval,
    ServerError,
)
from lading.canonical import PendingReview, Review, ReviewRejected
from lading.testing import DropAfter, DropBefore, Respond, RespondAfter
from tests.support.gateway_double import TOKEN, Gateway, refusal
from tests.support.recorded_sleeps import with_time

if TYPE_CHECKING:
    from lading.canonical import Charmhub

pytestmark = pytest.mark.anyio
NAME = "my-charm"
NOTIFY = "POST /v1/charm/my-charm/revisions"
REVIEW = "GET /v1/charm/my-charm/revisions/review"


@pytest.fixture
def gateway(publishing_gateway: Gateway) -> Gateway:
    return publishing_gateway


async def notified(gateway: Gateway, charmhub: Charmhub, *contents: bytes) -> list[PendingReview]:
    """New uploads that the store was notified of."""
    found = [await charmhub.revisions.notify(NAME, gateway.add_upload(data)) for data in contents]
    gateway.seen.clear()
    return found


class TestList:
    async def test_one_page(self, gateway: Gateway):
        for number in range(3):
            gateway.add_revision(b"%d" % number)
        async with gateway.client() as charmhub:
            page = await charmhub.revisions.list(NAME)
            assert [revision.revision async for revision in charmhub.revisions.list(NAME, max_items=2)] == [1, 2]
        assert (page.total, page.next) == (3, None)
        assert (page[0].status, page[0].size, page[0].bases) == ("approved", 1, (None,))
        assert page[0].created_at is not None

    async def test_options_are_sent_as_the_store_spells_them(self, gateway: Gateway):
        async with gateway.client() as charmhub:
            await charmhub.revisions.list(NAME)
            await charmhub.revisions.list(NAME, revision=3, fields=["revision", "status"], include_craft_yaml=True)
        assert gateway.queries == ["", "revision=3&fields=revision%2Cstatus&include-craft-yaml=true"]

    async def test_a_package_that_is_not_there(self, gateway: Gateway):
        async with gateway.client() as charmhub:
            with pytest.raises(NotFound, match="Name not found"):
                await charmhub.revisions.list("other")


class TestNotify:
    async def test_it_returns_what_to_wait_for(self, gateway: Gateway):
        async with gateway.client() as charmhub:
            pending = await charmhub.revisions.notify(NAME, gateway.add_upload())
        url = "/v1/charm/my-charm/revisions/review?upload-id=upload-1"
        assert pending == PendingReview(NAME, "upload-1", url)
        assert gateway.seen == [NOTIFY]
        assert gateway.credentials == [f"Macaroon {TOKEN}"]

    @pytest.mark.parametrize(
        "fault",
        [DropAfter(), DropAfter(reset=True), RespondAfter(504), RespondAfter(502), RespondAfter(200, b"<html>")],
        ids=repr,
    )
    async def test_work_that_was_done_is_found_by_the_upload(self, gateway: Gateway, fault: Any):
        gateway.faults.add(fault, method="POST")
        async with gateway.client() as charmhub:
            pending = await charmhub.revisions.notify(NAME, gateway.add_upload())
        assert (pending.name, pending.upload_id) == (NAME, "upload-1")
        assert gateway.uploads["upload-1"].notified == 1
        assert gateway.clock.time == 0

    async def test_a_page_that_is_not_found_does_not_say_that_there_is_no_review(self, gateway: Gateway):
        """A proxy's page: sent again, the store could have it twice."""
        gateway.faults.add(DropAfter(), method="POST")
        gateway.faults.add(Respond(404, b"<html>"), method="GET", times=None)
        async with gateway.client() as charmhub:
            with pytest.raises(NetworkError) as caught:
                await charmhub.revisions.notify(NAME, gateway.add_upload())
        assert caught.value.outcome == "unknown"
        assert gateway.uploads["upload-1"].notified == 1

    @pytest.mark.parametrize("seconds", [0.5, 10, 29])
    @pytest.mark.parametrize("fault", [DropAfter, RespondAfter])
    async def test_work_that_is_done_late_is_waited_for(self, gateway: Gateway, seconds: float, fault: Any):
        given = fault(work_after=seconds) if fault is DropAfter else RespondAfter(504, work_after=seconds)
        gateway.faults.add(given, method="POST")
        async with gateway.client() as charmhub:
            await charmhub.revisions.notify(NAME, gateway.add_upload())
        assert gateway.uploads["upload-1"].notified == 1
        assert seconds <= gateway.clock.time <= seconds + 5

    @pytest.mark.parametrize("shows_pending", [False, True])
    async def test_a_request_that_was_lost_is_sent_again_when_no_work_can_come(
        self, gateway: Gateway, shows_pending: bool
    ):
        """Some stores show the review of an upload that they were not notified of."""
        gateway.shows_pending = shows_pending
        gateway.faults.add(DropBefore(), method="POST")
        async with gateway.client() as charmhub:
            await charmhub.revisions.notify(NAME, gateway.add_upload())
        assert gateway.uploads["upload-1"].notified == 1
        assert gateway.clock.time >= 30

    @pytest.mark.parametrize("shown", [True, False])
    async def test_a_second_request_that_is_refused_for_the_first(self, gateway: Gateway, shown: bool):
        """The store has taken longer than it is given."""
        gateway.refuses_again = True
        gateway.faults.add(DropAfter(work_after=30), method="POST")
        review = gateway._review
        gateway._review = lambda name: review(name) if gateway.count(NOTIFY) > 1 and shown else refusal(404, "no", "no")  # type: ignore[method-assign]
        async with gateway.client() as charmhub:
            if shown:
                assert (await charmhub.revisions.notify(NAME, gateway.add_upload())).upload_id == "upload-1"
            else:
                with pytest.raises(BadRequest, match="processed already"):
                    await charmhub.revisions.notify(NAME, gateway.add_upload())
        assert (gateway.uploads["upload-1"].notified, gateway.count(NOTIFY)) == (1, 2)

    async def test_what_cannot_be_looked_up_is_unknown(self, gateway: Gateway):
        gateway.faults.add(DropAfter(), method="POST")
        gateway.faults.add(Respond(403), path="*/review")
        async with gateway.client() as charmhub:
            with pytest.raises(NetworkError) as caught:
                await charmhub.revisions.notify(NAME, gateway.add_upload())
        assert caught.value.outcome == "unknown"
        assert isinstance(caught.value.__cause__, Forbidden)
        assert gateway.uploads["upload-1"].notified == 1

    async def test_a_refusal(self, gateway: Gateway):
        async with gateway.client() as charmhub:
            with pytest.raises(NotFound) as caught:
                await charmhub.revisions.notify(NAME, "upload-9")
            assert caught.value.outcome == "not_done"
            gateway.faults.add(
                Respond(
                    400,
                    b'{"error-list": [{"code": "invalid", "message": "no charm"}]}',
                    {"Content-Type": "application/json"},
                )
            )
            with pytest.raises(BadRequest, match="no charm"):
                await charmhub.revisions.notify(NAME, gateway.add_upload())
            with pytest.raises(InputError) as empty:
                await charmhub.revisions.notify(NAME, "")
        assert empty.value.argument == "upload_id"

    @pytest.mark.parametrize(
        "status_url",
        [
            "https://example.com/v1/x",
            "//example.com/x",
            "/v1/x y",
            "/v1/\u00e9",
            "ftp://x",
            "review?upload-id=1",
            7,
            None,
        ],
    )
    async def test_a_status_url_elsewhere_is_not_followed(self, gateway: Gateway, status_url: Any):
        """The notification counts all the same: the review is at the usual place."""
        gateway.status_url = status_url if status_url is not None else []
        async with gateway.client() as charmhub:
            pending = await charmhub.revisions.notify(NAME, gateway.add_upload())
            assert pending == PendingReview(NAME, "upload-1")
            assert (await charmhub.revisions.wait_review(pending)).revision == 1
        assert gateway.uploads["upload-1"].notified == 1


class TestWaitReview:
    async def test_until_it_is_approved(self, gateway: Gateway):
        """A revision that has its number is not approved yet."""
        async with gateway.client() as charmhub:
            (pending,) = await notified(gateway, charmhub, b"charm")
            review = await charmhub.revisions.wait_review(pending)
        assert review == Review(upload_id="upload-1", status="approved", revision=1)
        assert gateway.seen == [REVIEW] * 3
        # Soon again after the first and after each change.
        assert gateway.clock.time == 0.4

    async def test_a_review_of_another_process(self, gateway: Gateway):
        async with gateway.client() as charmhub:
            await notified(gateway, charmhub, b"charm")
            review = await charmhub.revisions.wait_review(PendingReview(NAME, "upload-1"))
        assert review.is_approved

    async def test_an_absolute_status_url_of_the_store(self, gateway: Gateway):
        async with gateway.client() as charmhub:
            (pending,) = await notified(gateway, charmhub, b"charm")
            absolute = PendingReview(NAME, "upload-1", gateway.server.url + pending.status_url)
            assert (await charmhub.revisions.wait_review(absolute)).is_approved

    async def test_a_status_url_elsewhere(self, gateway: Gateway):
        async with gateway.client() as charmhub:
            with pytest.raises(InvalidResponse, match="not one at the store's own host"):
                await charmhub.revisions.wait_review(PendingReview(NAME, "upload-1", "https://example.com/x"))
        assert gateway.seen == []

    async def test_less_and_less_often_while_nothing_changes(self, gateway: Gateway):
        gateway.steps = ("new",) * 14 + ("approved",)
        waits: list[float] = []

        async def sleep(seconds: float) -> None:
            waits.append(round(seconds, 2))
            await gateway.clock.sleep(seconds)

        async with with_time(gateway.client(), sleep=sleep) as charmhub:
            (pending,) = await notified(gateway, charmhub, b"charm")
            await charmhub.revisions.wait_review(pending)
            waited = [wait for wait in waits if wait]
            assert waited == [0.2, 0.3, 0.45, 0.68, 1.01, 1.52, 2.28, 3.42, 5.13, 7.69, 11.53, 17.3, 25.95, 30.0]
            gateway.uploads["upload-1"].steps = ["new", "new", "new", "approved"]
            waits.clear()
            await charmhub.revisions.wait_review(pending, poll=7)
            assert [wait for wait in waits if wait] == [7, 7, 7]
            gateway.uploads["upload-1"].steps = ["new", "new", "approved"]
            waits.clear()
            await charmhub.revisions.wait_review(pending, poll=PollInterval(1, 2, 9))
            assert [wait for wait in waits if wait] == [1, 2]

    async def test_a_rejection_has_the_stores_reasons(self, gateway: Gateway):
        gateway.reasons[b"bad"] = [
            {"code": "review-error", "message": f"no metadata.yaml, Macaroon {TOKEN}"},
            {"code": "lint", "message": "too\nlarge"},
        ]
        async with gateway.client() as charmhub:
            (pending,) = await notified(gateway, charmhub, b"bad")
            with pytest.raises(ReviewRejected) as caught:
                await charmhub.revisions.wait_review(pending)
        error = caught.value
        text = "charmhub: my-charm: the review rejected upload upload-1: review-error: no metadata.yaml, Macaroon ***; "
        assert str(error) == text + "lint: too large"
        assert (error.review.status, error.review.errors[1].code) == ("rejected", "lint")
        assert pickle.loads(pickle.dumps(error)).review == error.review

    async def test_a_rejection_without_reasons(self, gateway: Gateway):
        gateway.reasons[b"bad"] = []
        async with gateway.client() as charmhub:
            (pending,) = await notified(gateway, charmhub, b"bad")
            with pytest.raises(ReviewRejected, match="no reason given"):
                await charmhub.revisions.wait_review(pending)

    @pytest.mark.parametrize(
        ("status", "text"),
        [
            ("need_manual_review", "needs a manual review by the store's staff; still waiting"),
            ("held", "has the status 'held', which lading does not know; still waiting"),
        ],
    )
    async def test_what_needs_people_or_is_not_known_is_reported_once(
        self, gateway: Gateway, caplog: pytest.LogCaptureFixture, status: str, text: str
    ):
        gateway.steps = ("new", status, status, status, "approved")
        notices: list[NoticeEvent] = []
        hook = lambda event: notices.append(event) if isinstance(event, NoticeEvent) else None  # noqa: E731
        with caplog.at_level(logging.WARNING, "lading"):
            async with gateway.client(hooks=hook) as charmhub:
                (pending,) = await notified(gateway, charmhub, b"charm")
                assert (await charmhub.revisions.wait_review(pending)).is_approved
        text = f"my-charm: upload upload-1 {text}"
        assert notices == [NoticeEvent("charmhub", "GET", "v1/{namespace}/{name}/revisions/review", text)]
        assert caplog.messages == [f"charmhub: {text}"]

    async def test_what_a_hook_raises_is_raised_as_it_is(self, gateway: Gateway):
        gateway.steps = ("need_manual_review",)

        def hook(event: object) -> None:
            if isinstance(event, NoticeEvent):
                raise KeyError("mine")

        async with gateway.client(hooks=hook) as charmhub:
            (pending,) = await notified(gateway, charmhub, b"charm")
            with pytest.raises(KeyError, match="mine"):
                await charmhub.revisions.wait_review(pending)

    async def test_it_ends_with_the_callers_scope(self, gateway: Gateway):
        gateway.steps = ("need_manual_review",)
        async with with_time(gateway.client(), sleep=anyio.sleep) as charmhub:
            (pending,) = await notified(gateway, charmhub, b"charm")
            with pytest.raises(TimeoutError):
                with anyio.fail_after(0.3):
                    await charmhub.revisions.wait_review(pending, poll=0.05)

    async def test_an_upload_that_the_store_does_not_know(self, gateway: Gateway):
        async with gateway.client() as charmhub:
            with pytest.raises(NotFound):
                await charmhub.revisions.wait_review(PendingReview(NAME, "upload-9"))

    async def test_a_failure_of_the_store_ends_the_wait_after_retries(self, gateway: Gateway):
        async with gateway.client() as charmhub:
            (pending,) = await notified(gateway, charmhub, b"charm")
            gateway.faults.add(Respond(500), times=2)
            assert (await charmhub.revisions.wait_review(pending)).is_approved
            gateway.faults.add(Respond(500), times=3)
            with pytest.raises(ServerError):
                await charmhub.revisions.wait_review(pending)


class TestWaitManyReviews:
    async def ends(self, gateway: Gateway, charmhub: Charmhub, pending: list[PendingReview]) -> dict[str, str]:
        return {review.upload_id: review.status async for review in charmhub.revisions.wait_review(pending)}

    @pytest.mark.parametrize("lists", [True, False])
    async def test_approved_and_rejected_ones(self, gateway: Gateway, lists: bool):
        gateway.lists_reviews = lists
        gateway.reasons[b"bad"] = []
        async with gateway.client() as charmhub:
            pending = await notified(gateway, charmhub, b"1", b"2", b"bad", b"4")
            ends = await self.ends(gateway, charmhub, pending)
        assert ends == {f"upload-{n}": "rejected" if n == 3 else "approved" for n in range(1, 5)}

    async def test_one_poll_of_a_package_where_the_store_lists_its_reviews(self, gateway: Gateway):
        gateway.lists_reviews = True
        async with gateway.client() as charmhub:
            pending = await notified(gateway, charmhub, *(b"%d" % n for n in range(50)))
            assert set((await self.ends(gateway, charmhub, pending)).values()) == {"approved"}
        assert gateway.seen == [REVIEW] * 3

    async def test_a_list_that_is_refused_is_tried_once(self, gateway: Gateway):
        async with gateway.client() as charmhub:
            pending = await notified(gateway, charmhub, *(b"%d" % n for n in range(5)))
            assert set((await self.ends(gateway, charmhub, pending)).values()) == {"approved"}
        assert gateway.seen == [REVIEW] * (1 + 3 * 5)

    async def test_many_are_a_few_requests_a_second(self, gateway: Gateway):
        async with gateway.client() as charmhub:
            pending = await notified(gateway, charmhub, *(b"%d" % n for n in range(40)))
            before = gateway.clock.time
            await self.ends(gateway, charmhub, pending)
        assert len(gateway.seen) == 1 + 3 * 40
        assert gateway.clock.time - before >= 2 * 40 / 5

    async def test_one_that_is_unknown_does_not_stop_the_others(self, gateway: Gateway):
        async with gateway.client() as charmhub:
            pending = await notified(gateway, charmhub, b"1", b"2")
            watch = charmhub.revisions.wait_review([PendingReview(NAME, "upload-9"), *pending])
            with pytest.raises(NotFound):
                await anext(watch)
            assert {review.upload_id async for review in watch} == {"upload-1", "upload-2"}

    async def test_polling_resumes_after_an_error(self, gateway: Gateway):
        async with gateway.client() as charmhub:
            pending = await notified(gateway, charmhub, b"1", b"2")
            gateway.faults.add(DropBefore(), times=6)
            watch = charmhub.revisions.wait_review(pending)
            with pytest.raises(NetworkError):
                await anext(watch)
            gateway.faults.clear()
            assert {review.upload_id async for review in watch} == {"upload-1", "upload-2"}

    async def test_none(self, gateway: Gateway):
        async with gateway.client() as charmhub:
            assert await self.ends(gateway, charmhub, []) == {}
        assert gateway.seen == []

    async def test_arguments_of_other_types(self, gateway: Gateway):
        async with gateway.client() as charmhub:
            with pytest.raises(InputError):
                charmhub.revisions.wait_review(["upload-1"])  # type: ignore[list-item]

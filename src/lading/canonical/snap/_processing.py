"""Waiting until the Snap Store has processed what was pushed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading._core.call import Call
from lading._core.polling import Watch
from lading._core.redact import one_line
from lading.canonical._errors import ReviewRejected
from lading.canonical._notify import resolve_status_url
from lading.canonical._review_watch import as_review_poll, rejected_error
from lading.canonical._reviews import Review
from lading.canonical.snap._models import UploadState
from lading.canonical.snap._queries import REJECTED, find_digest
from lading.errors import InputError
from lading.fanout import fan_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lading._core.polling import PollInterval
    from lading._core.sender import Sender
    from lading.canonical._models_revisions import Revision
    from lading.canonical._reviews import PendingReview

_STATUS = "dev/api/snaps/{snap_id}/builds/{build}/status"
_CONCURRENT = 8
# Requests a second in the long run, however many uploads there are.
_RATE = 5.0
# The states of revisions that the store has not decided about, and of those that wait for a person there.
_UNDECIDED = ("ReviewQueued", "ReviewInProgress")
_FOR_PEOPLE = ("ManualReviewPending", "NeedsInformation")
# One that is not known is not taken for one of these.
_APPROVED = ("Approved", "Published", "Unpublished", "Released")
_WAITS_FOR_PEOPLE = "need_manual_review"


class SnapReviewWatch:
    """An async iterator over uploads as the store has processed them; see :meth:`SnapRevisions.wait_review`.

    After an error, iterating further polls again.
    """

    def __init__(
        self,
        sender: Sender,
        reviews: Iterable[PendingReview],
        poll: PollInterval | float | None,
        known: Mapping[PendingReview, int] | None = None,
    ) -> None:
        self._sender = sender
        # The revisions that were found by their digests: one of them that is rejected is no other one.
        self._known = dict(known or {})
        self._next = 0.0
        self._watch: Watch[PendingReview, Review] = Watch(
            _check(reviews),
            self._fetch,
            _is_processed,
            only_done=True,
            poll=as_review_poll(poll),
            sleep=sender.settings.sleep,
        )

    def __aiter__(self) -> SnapReviewWatch:
        return self

    async def __anext__(self) -> Review:
        return await anext(self._watch)

    async def _fetch(self, left: tuple[PendingReview, ...]) -> dict[PendingReview, Review]:
        clock, sleep = self._sender.settings.clock, self._sender.settings.sleep
        await sleep(max(0.0, self._next - clock()))
        self._next = clock() + len(left) / _RATE
        found: dict[PendingReview, Review] = {}

        async def fetch_one(pending: PendingReview) -> None:
            review = await self._fetch_one(pending)
            if review is not None:
                found[pending] = review

        async with fan_out(fetch_one, left, limit=_CONCURRENT) as results:
            async for result in results:
                _ = result.value
        return found

    async def _fetch_one(self, pending: PendingReview) -> Review | None:
        if pending.status_url:
            url = resolve_status_url(self._sender.service, pending.status_url)
            state = await self._sender.send(Call("GET", url, UploadState, template=_STATUS))
            return _review_of_state(pending.upload_id, state)
        known = self._known.get(pending)
        revision = await find_digest(self._sender, pending.name, pending.sha3_384, known=known)
        if revision is None:
            return None
        self._known[pending] = revision.revision
        return _review_of_revision(pending.upload_id, revision)


async def wait_processed(
    sender: Sender, pending: PendingReview, poll: PollInterval | float | None, *, known: int | None = None
) -> Review:
    """Wait until the store has processed an upload, and return its review, whatever that says.

    Args:
        sender: A sender to the API.
        pending: The upload.
        poll: How often to poll.
        known: The revision that it has become already.
    """
    return await anext(SnapReviewWatch(sender, [pending], poll, {} if known is None else {pending: known}))


def check_approved(sender: Sender, name: str, review: Review) -> Review:
    """Return the review of an approved upload.

    Args:
        sender: A sender to the API.
        name: The snap.
        review: The review.

    Raises:
        ReviewRejected: It was rejected, or a person at the store has to decide about it.
    """
    if review.is_approved:
        return review
    if review.status != _WAITS_FOR_PEOPLE:
        raise rejected_error(sender, name, review)
    what = f"revision {review.revision}" if review.revision is not None else f"upload {review.upload_id}"
    text = f"{sender.service.name}: {name}: {what} waits for a manual review by the store's staff; it is not released"
    error = ReviewRejected(one_line(text), review=review)
    error.outcome = "unknown"  # a person decides
    raise error


def _check(reviews: Iterable[PendingReview]) -> list[PendingReview]:
    checked = list(reviews)
    for pending in checked:
        if not pending.status_url and not pending.sha3_384:
            raise InputError(
                f"upload {pending.upload_id} of {pending.name} has no status_url and no sha3_384 to look it up by",
                argument="reviews",
            )
    return checked


def _is_processed(review: Review) -> bool:
    return review.is_final or review.status == _WAITS_FOR_PEOPLE


def _review_of_state(upload_id: str, state: UploadState) -> Review:
    """Return what the dashboard says of a push, in the words that both stores' reviews have."""
    status = state.code
    if not state.processed:
        status = "being_processed"
    elif state.code == "ready_to_release":
        status = "approved"  # errors besides are those of the release that was requested along with the push
    elif state.code != _WAITS_FOR_PEOPLE:
        # What is processed, and of which no known code says that it can be released, was not accepted.
        status = "approved" if state.can_release and not state.errors else "rejected"
    return Review(upload_id=upload_id, status=status, revision=state.revision, errors=state.errors)


def _review_of_revision(upload_id: str, revision: Revision) -> Review:
    if revision.status in _UNDECIDED:
        status = "being_processed"
    elif revision.status in REJECTED:
        status = "rejected"
    elif revision.status in _FOR_PEOPLE:
        status = _WAITS_FOR_PEOPLE
    else:
        status = "approved" if revision.status in _APPROVED else revision.status or "being_processed"
    return Review(upload_id=upload_id, status=status, revision=revision.revision, errors=revision.errors)

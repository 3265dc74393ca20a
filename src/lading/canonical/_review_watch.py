"""Waiting for the reviews of many uploads with few requests."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from lading._core.call import Call
from lading._core.polling import PollInterval, Watch, as_poll_interval
from lading._core.redact import one_line, scrub
from lading._core.reports import CallReporter
from lading._core.unretried import unwrap
from lading.canonical._errors import ReviewRejected
from lading.canonical._notify import REVIEW, review_call
from lading.canonical._reviews import ReviewList, reasons
from lading.errors import BadRequest, InvalidResponse, NotFound
from lading.fanout import fan_out

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from lading._core.sender import Sender
    from lading._core.service import Service
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._reviews import PendingReview, Review

# A charm takes seconds, a snap minutes, and one that people look at days. The first are charmcraft's intervals.
_POLL = PollInterval(initial=0.2, factor=1.5, maximum=30.0)

MANY = 3
"""From this many uploads of a package on, it is worth trying whether the store lists its reviews."""

_CONCURRENT = 8
# Requests a second in the long run, however many uploads there are.
_RATE = 5.0

_USUAL = frozenset({"new", "scanned", "approved", "rejected"})


def as_review_poll(poll: PollInterval | float | None) -> PollInterval:
    """Return *poll*, or how often reviews are polled by default.

    Raises:
        InputError: It is a number of seconds that cannot be waited for.
    """
    return as_poll_interval(_POLL if poll is None else poll)


class ReviewWatch:
    """An async iterator over reviews as they end; see :meth:`Revisions.wait_review`.

    An upload that the store does not know (any more) raises ``NotFound``, once; iterate further for the others. After
    any other error, iterating further polls again.
    """

    def __init__(
        self,
        sender: Sender,
        endpoints: Endpoints,
        reviews: Iterable[PendingReview],
        *,
        poll: PollInterval | float | None,
        find: Callable[[PendingReview], Awaitable[Review | None]] | None = None,
        sleep: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        sleep = sleep or sender.settings.sleep
        self._watch: Watch[PendingReview, Review | NotFound] = Watch(
            reviews,
            _ReviewPoller(sender, endpoints, find, sleep),
            _is_done,
            only_done=True,
            poll=as_review_poll(poll),
            sleep=sleep,
        )

    def __aiter__(self) -> ReviewWatch:
        return self

    async def __anext__(self) -> Review:
        found = await unwrap(anext(self._watch))
        if isinstance(found, NotFound):
            raise found
        return found


async def wait_approved(
    sender: Sender, endpoints: Endpoints, pending: PendingReview, poll: PollInterval | float | None
) -> Review:
    """Wait until the store has approved an upload and return the review; ``ReviewRejected`` when it rejects it."""
    return approved(sender, pending.name, await anext(ReviewWatch(sender, endpoints, [pending], poll=poll)))


def approved(sender: Sender, name: str, review: Review) -> Review:
    """Return a review that has ended; ``ReviewRejected`` when it has rejected the file."""
    if not review.is_approved:
        raise rejected_error(sender, name, review)
    return review


def rejected_error(sender: Sender, name: str, review: Review) -> ReviewRejected:
    """Return the error for a review that has rejected a file.

    Args:
        sender: A sender to the API.
        name: The package.
        review: The review.
    """
    what = f"upload {review.upload_id}" if review.upload_id else f"revision {review.revision}"
    text = f"{sender.service.name}: {name}: the review rejected {what}: {reasons(review.errors)}"
    return ReviewRejected(one_line(scrub(text, sender.settings.auth.secrets()), 1000), review=review)


def list_url(service: Service, endpoints: Endpoints, pending: PendingReview) -> str:
    """Return where the reviews of the upload's package are listed, if the store lists them."""
    url = review_call(service, endpoints, pending).url(service.base_url, safe=service.path_safe)
    return url.partition("?")[0]


async def fetch_listed(sender: Sender, url: str) -> ReviewList:
    """Return the reviews of a package; none where the store does not list them.

    Source: ``GET /v1/{namespace}/{name}/revisions/review`` without ``upload-id``, which stores may refuse.
    """
    try:
        return await sender.send(Call("GET", url, ReviewList, template=REVIEW))
    except (BadRequest, NotFound, InvalidResponse):
        return ReviewList(revisions=())


def _is_done(found: Review | NotFound) -> bool:
    return isinstance(found, NotFound) or found.is_final


class _ReviewPoller:
    """Fetches the reviews of many uploads: those of one package together where the store lists them.

    Args:
        sender: A sender to the API.
        endpoints: The store.
        find: Returns a review that another call has fetched a moment ago, or ``None``.
        sleep: Waits for seconds.
    """

    def __init__(
        self,
        sender: Sender,
        endpoints: Endpoints,
        find: Callable[[PendingReview], Awaitable[Review | None]] | None,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._sender = sender
        self._endpoints = endpoints
        self._find = find
        self._sleep = sleep
        # Lists that do not have what is waited for.
        self._useless: set[str] = set()
        self._reported: set[tuple[PendingReview, str]] = set()
        self._requests = 0
        self._next = 0.0

    async def __call__(self, left: tuple[PendingReview, ...]) -> dict[PendingReview, Review | NotFound]:
        """Fetch the reviews of the uploads that are *left*; those that the store does not show yet are missing."""
        clock = self._sender.settings.clock
        await self._sleep(max(0.0, self._next - clock()))
        started, self._requests = clock(), 0
        try:
            found = await self._fetch_all(left)
        finally:
            self._next = started + self._requests / _RATE
        for pending, review in found.items():
            if not isinstance(review, NotFound):
                self._report(pending, review)
        return found

    async def _fetch_all(self, left: tuple[PendingReview, ...]) -> dict[PendingReview, Review | NotFound]:
        found: dict[PendingReview, Review | NotFound] = {}
        packages: defaultdict[str, list[PendingReview]] = defaultdict(list)
        for pending in left:
            packages[list_url(self._sender.service, self._endpoints, pending)].append(pending)
        for url, several in packages.items():
            if len(several) >= MANY and url not in self._useless:
                await self._fetch_listed(url, several, found)

        async def fetch_one(pending: PendingReview) -> None:
            review = await self._fetch_one(pending)
            if review is not None:
                found[pending] = review

        alone = [pending for pending in left if pending not in found]
        if len(alone) == 1:  # as for each of many calls: no tasks are needed
            await fetch_one(alone[0])
            return found
        async with fan_out(fetch_one, alone, limit=_CONCURRENT) as results:
            async for result in results:
                _ = result.value
        return found

    async def _fetch_listed(
        self, url: str, several: list[PendingReview], found: dict[PendingReview, Review | NotFound]
    ) -> None:
        """Fill *found* from the list of a package's reviews; remember where it has none of them."""
        self._requests += 1
        listed = await fetch_listed(self._sender, url)
        reviews = {review.upload_id: review for review in listed.revisions}
        shown = {pending: reviews[pending.upload_id] for pending in several if pending.upload_id in reviews}
        found |= shown
        if not shown:
            self._useless.add(url)

    async def _fetch_one(self, pending: PendingReview) -> Review | NotFound | None:
        if self._find is not None and (found := await self._find(pending)) is not None:
            return found
        self._requests += 1
        try:
            reviews = await self._sender.send(review_call(self._sender.service, self._endpoints, pending))
        except NotFound as error:
            return error
        return reviews.of(pending.upload_id)

    def _report(self, pending: PendingReview, review: Review) -> None:
        """Report once what keeps a review waiting that does not pass by itself, or that lading does not know."""
        if review.status in _USUAL or (pending, review.status) in self._reported:
            return
        self._reported.add((pending, review.status))
        why = (
            "needs a manual review by the store's staff"
            if review.status == "need_manual_review"
            else f"has the status {review.status!r}, which lading does not know"
        )
        call = review_call(self._sender.service, self._endpoints, pending)
        reporter = CallReporter(self._sender.service, call, self._sender.settings)
        reporter.report_notice(f"{pending.name}: upload {pending.upload_id} {why}; still waiting")

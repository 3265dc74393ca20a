"""The reviews that concurrent uploads to one package wait for: where the store lists them, one request serves all."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import anyio

from lading.canonical._review_watch import MANY, ReviewWatch, approved, fetch_listed, list_url

if TYPE_CHECKING:
    from lading._core.polling import PollInterval
    from lading._core.sender import Sender
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._reviews import PendingReview, Review

# Seconds for which a list serves all that wait.
_FRESH = 0.5


class SharedReviews:
    """The reviews of one package that are waited for in separate calls. Each polls at its own times.

    Args:
        sender: A sender to the API.
        endpoints: The store.
    """

    def __init__(self, sender: Sender, endpoints: Endpoints) -> None:
        self._sender = sender
        self._endpoints = endpoints
        self._waiting: dict[PendingReview, None] = {}
        self._reading = anyio.Lock()
        self._listed: dict[str, Review] = {}
        self._read_at = -inf
        self._useless = False

    async def wait_approved(self, pending: PendingReview, poll: PollInterval | float | None) -> Review:
        """Wait until the store has approved an upload and return the review; ``ReviewRejected`` when it rejects it."""
        self._waiting[pending] = None
        try:
            watch = ReviewWatch(self._sender, self._endpoints, [pending], poll=poll, find=self._find)
            return approved(self._sender, pending.name, await anext(watch))
        finally:
            del self._waiting[pending]

    async def _find(self, pending: PendingReview) -> Review | None:
        """Return the review as the list shows it that all share; ``None`` where it has to be fetched alone."""
        if len(self._waiting) < MANY or self._useless:
            return None
        clock = self._sender.settings.clock
        async with self._reading:
            if clock() - self._read_at >= _FRESH:
                url = list_url(self._sender.service, self._endpoints, pending)
                listed = await fetch_listed(self._sender, url)
                self._listed, self._read_at = {review.upload_id: review for review in listed.revisions}, clock()
                self._useless = self._listed.keys().isdisjoint(one.upload_id for one in self._waiting)
        return self._listed.get(pending.upload_id)

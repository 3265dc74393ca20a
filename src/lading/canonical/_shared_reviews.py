"""The reviews that concurrent uploads to one package wait for: where the store lists them, one request serves all."""

from __future__ import annotations

from functools import partial
from math import inf
from typing import TYPE_CHECKING

import anyio

from lading.canonical._review_watch import MANY, ReviewWatch, approved, fetch_listed, list_url

if TYPE_CHECKING:
    from lading._core.polling import PollInterval
    from lading._core.sender import Sender
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._reviews import PendingReview, Review

# Seconds for which a list serves all that wait; for one that has just begun to, a part of its last pause.
_FRESH = 0.5
_SHARE = 0.25
# For an upload that the list does not show yet another is fetched when lists are this short; else the upload alone.
_SHORT = 200


class _Waiting:
    """An upload whose review is waited for.

    Attributes:
        paused: The seconds of its last pause between two polls.
        pause: The pause that it is in, to end it early.
    """

    __slots__ = ("pause", "paused")

    def __init__(self) -> None:
        self.paused = inf
        self.pause: anyio.CancelScope | None = None


class SharedReviews:
    """The reviews of one package that are waited for in separate calls.

    Each polls at its own times. A list that one has fetched ends the pauses of all whose reviews have ended.

    Args:
        sender: A sender to the API.
        endpoints: The store.
    """

    def __init__(self, sender: Sender, endpoints: Endpoints) -> None:
        self._sender = sender
        self._endpoints = endpoints
        self._waiting: dict[PendingReview, _Waiting] = {}
        self._reading = anyio.Lock()
        self._listed: dict[str, Review] = {}
        self._read_at = -inf
        self._useless = False

    async def wait_approved(self, pending: PendingReview, poll: PollInterval | float | None) -> Review:
        """Wait until the store has approved an upload and return the review; ``ReviewRejected`` when it rejects it."""
        waiting = self._waiting[pending] = _Waiting()
        watch = ReviewWatch(
            self._sender,
            self._endpoints,
            [pending],
            poll=poll,
            find=partial(self._find, waiting),
            sleep=partial(self._pause, pending, waiting),
        )
        try:
            return approved(self._sender, pending.name, await anext(watch))
        finally:
            del self._waiting[pending]

    async def _pause(self, pending: PendingReview, waiting: _Waiting, seconds: float) -> None:
        """Wait for seconds, or until a list shows that the review has ended."""
        if not seconds or self._has_ended(pending):
            return
        waiting.paused = seconds
        with anyio.CancelScope() as waiting.pause:
            await self._sender.settings.sleep(seconds)
        waiting.pause = None

    def _has_ended(self, pending: PendingReview) -> bool:
        review = self._listed.get(pending.upload_id)
        return review is not None and review.is_final

    async def _find(self, waiting: _Waiting, pending: PendingReview) -> Review | None:
        """Return the review as the list shows it that all share; ``None`` where it has to be fetched alone."""
        if self._has_ended(pending):
            return self._listed[pending.upload_id]
        if len(self._waiting) < MANY or self._useless:
            return None
        async with self._reading:
            if not self._has_ended(pending) and self._is_old(pending, waiting):
                await self._read(pending)
        return self._listed.get(pending.upload_id)

    def _is_old(self, pending: PendingReview, waiting: _Waiting) -> bool:
        """Return whether the list is to be fetched again."""
        if self._useless:  # as another call has found in the meantime
            return False
        is_first = waiting.paused == inf
        if is_first and pending.upload_id not in self._listed and len(self._listed) <= _SHORT:
            return True
        age = self._sender.settings.clock() - self._read_at
        return age >= min(_FRESH, waiting.paused * _SHARE)

    async def _read(self, pending: PendingReview) -> None:
        """Fetch the list; end the pauses of those whose reviews have ended."""
        listed = await fetch_listed(self._sender, list_url(self._sender.service, self._endpoints, pending))
        self._listed = {review.upload_id: review for review in listed.revisions}
        self._read_at = self._sender.settings.clock()
        self._useless = self._listed.keys().isdisjoint(one.upload_id for one in self._waiting)
        for one, waiting in self._waiting.items():
            if waiting.pause is not None and self._has_ended(one):
                waiting.pause.cancel()

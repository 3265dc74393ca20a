"""Reporting the progress of transfers to a callback, at a bounded rate."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from lading._core.unretried import call_back
from lading.types import Progress

if TYPE_CHECKING:
    from collections.abc import Hashable

    from lading.types import OnProgress

_EVERY = 1 / 20


class ProgressReporter:
    """Counts bytes, and calls *on_progress* at most 20 times a second and once at the end."""

    __slots__ = ("_attempt", "_next", "_on_progress", "_region", "_total", "count")

    def __init__(
        self, on_progress: OnProgress | None, total: int | None, attempt: int = 1, region: str | None = None
    ) -> None:
        self.count: int = 0
        self._on_progress = on_progress
        self._total = total
        self._attempt = attempt
        self._region = region
        self._next = 0.0

    def add(self, count: int) -> None:
        """Count more bytes."""
        self.count += count
        if self._on_progress is not None and self.count != self._total and (now := monotonic()) >= self._next:
            self._next = now + _EVERY
            self._report(self._on_progress)

    def end(self) -> None:
        """Report that all bytes have been transferred; called once."""
        if self._on_progress is not None:
            self._report(self._on_progress)

    def _report(self, on_progress: OnProgress) -> None:
        call_back(on_progress, Progress(self.count, self._total, self._attempt, self._region))


class CombinedProgress:
    """Adds up the progress of many transfers for one callback; what is sent again counts once.

    Args:
        on_progress: The callback.
        total: Bytes of all of them, where known.
        region: The region they go to.
    """

    def __init__(self, on_progress: OnProgress | None, total: int | None = None, region: str | None = None) -> None:
        self._reporter = ProgressReporter(on_progress, total, region=region)
        self._wanted = on_progress is not None
        self._counts: dict[Hashable, int] = {}

    def child(self, transfer: Hashable) -> OnProgress | None:
        """Return the callback for one of them; ``None`` where there is no callback for all."""

        def report(progress: Progress) -> None:
            self._reporter.add(progress.completed - self._counts.get(transfer, 0))
            self._counts[transfer] = progress.completed

        return report if self._wanted else None

    def end(self) -> None:
        """Report that all transfers have ended."""
        self._reporter.end()

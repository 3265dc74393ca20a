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

    __slots__ = ("_attempt", "_files", "_next", "_on_progress", "_region", "_total", "count", "files_completed")

    def __init__(
        self,
        on_progress: OnProgress | None,
        total: int | None,
        attempt: int = 1,
        region: str | None = None,
        files: int | None = None,
    ) -> None:
        self.count: int = 0
        self._on_progress = on_progress
        self._total = total
        self._attempt = attempt
        self._region = region
        self._files = files
        self._next = 0.0
        self.files_completed: int = 0

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
        done = None if self._files is None else self.files_completed
        call_back(on_progress, Progress(self.count, self._total, self._attempt, self._region, done, self._files))


class CombinedProgress:
    """Adds up the progress of many transfers for one callback; what is sent again counts once, so it never decreases.

    Args:
        on_progress: The callback.
        total: Bytes of all of them, where known.
        region: The region they go to.
        files: How many files they are, to report how many of them have ended.
    """

    def __init__(
        self,
        on_progress: OnProgress | None,
        total: int | None = None,
        region: str | None = None,
        files: int | None = None,
    ) -> None:
        self._reporter = ProgressReporter(on_progress, total, region=region, files=files)
        self._wanted = on_progress is not None
        self._counts: dict[Hashable, int] = {}

    def child(self, transfer: Hashable, size: int | None = None) -> OnProgress | None:
        """Return the callback for one of them; ``None`` where there is no callback for all.

        Args:
            transfer: Which one.
            size: Bytes that it counts as, where that is not what it sends: a form is larger than the file in it.
        """

        def report(progress: Progress) -> None:
            count = progress.completed
            if size is not None:
                count = count * size // progress.total if progress.total else 0
            self._count(transfer, count)

        return report if self._wanted else None

    def _count(self, transfer: Hashable, count: int) -> None:
        before = self._counts.setdefault(transfer, 0)
        if count >= before:  # the beginning is reported, too
            self._counts[transfer] = count
            self._reporter.add(count - before)

    def finish_file(self, transfer: Hashable, size: int) -> None:
        """Report that a file has ended, however it did: all its bytes count."""
        if self._wanted:
            self._reporter.files_completed += 1
            before = self._counts.get(transfer, 0)
            self._counts[transfer] = size
            self._reporter.add(size - before)

    def end(self) -> None:
        """Report that all transfers have ended."""
        self._reporter.end()

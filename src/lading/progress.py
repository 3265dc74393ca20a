"""Ready listeners for ``on_progress``: bars of rich and tqdm.

Neither library is imported: you create the bar, and the listener moves it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from lading.types import OnProgress, Progress

__all__ = ["RichBars", "TqdmBar", "rich_listener", "tqdm_listener"]


class TqdmBar(Protocol):
    """What a listener needs of a ``tqdm.tqdm``."""

    def reset(self, total: float | None = None) -> object:
        """Begin again, with another total."""
        ...

    def update(self, n: float | None = 1) -> object:
        """Move on by *n*."""
        ...


class RichBars(Protocol):
    """What a listener needs of a ``rich.progress.Progress``."""

    def add_task(self, description: str, *, total: float | None = ...) -> object:
        """Add a bar."""
        ...

    @property
    def update(self) -> Callable[..., object]:
        """Move a bar."""
        ...


def tqdm_listener(bar: TqdmBar) -> OnProgress:
    """Return a listener that moves *bar*, which gets its total from the first report.

    ::

        with tqdm(unit="B", unit_scale=True) as bar:
            await pypi.releases.upload_many("dist", on_progress=tqdm_listener(bar))

    When one file is sent again, the bar begins again.

    Args:
        bar: A ``tqdm.tqdm``, of one transfer, or of many together.
    """
    shown: Progress | None = None

    def show(progress: Progress) -> None:
        nonlocal shown
        before = 0
        if shown is not None and shown.total == progress.total and shown.completed <= progress.completed:
            before = shown.completed
        else:
            bar.reset(progress.total)
        shown = progress
        bar.update(progress.completed - before)

    return show


def rich_listener(bars: RichBars, description: str) -> OnProgress:
    """Return a listener that adds a bar to *bars* and moves it; when staging, one for each region.

    ::

        with rich.progress.Progress() as bars:
            await pypi.releases.upload_many("dist", on_progress=rich_listener(bars, "Publishing"))

    Args:
        bars: A ``rich.progress.Progress``.
        description: What stands before the bar; how many files have ended is added to it.
    """
    tasks: dict[str | None, object] = {}

    def show(progress: Progress) -> None:
        text = f"{description} {progress.region}" if progress.region is not None else description
        if progress.files_total is not None:
            text += f" ({progress.files_completed}/{progress.files_total})"
        if progress.region not in tasks:
            tasks[progress.region] = bars.add_task(text, total=progress.total)
        task = tasks[progress.region]
        bars.update(task, description=text, total=progress.total, completed=progress.completed)

    return show

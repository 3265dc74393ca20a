"""Ready listeners, on real bars of rich and tqdm."""

from __future__ import annotations

import io
import subprocess
import sys

from rich.console import Console
from rich.progress import Progress as RichProgress
from tqdm import tqdm

from lading import Progress
from lading.progress import rich_listener, tqdm_listener

TRANSFER = [Progress(0, 1000), Progress(400, 1000), Progress(100, 1000, 2), Progress(1000, 1000, 2)]


def test_a_bar_of_tqdm_has_a_total_and_begins_again_with_an_attempt():
    out = io.StringIO()
    with tqdm(unit="B", file=out, mininterval=0, ncols=60) as bar:
        show = tqdm_listener(bar)
        seen = []
        for progress in TRANSFER:
            show(progress)
            seen.append((bar.n, bar.total))
    assert seen == [(progress.completed, 1000) for progress in TRANSFER]
    lines = out.getvalue().split("\r")
    assert any("40%|" in line and "400/1" in line for line in lines)
    assert "100%|" in lines[-1]


def test_a_bar_of_tqdm_without_a_total():
    with tqdm(file=io.StringIO(), mininterval=0) as bar:
        show = tqdm_listener(bar)
        for count in (5, 7, 7):
            show(Progress(count, None))
            assert (bar.n, bar.total) == (count, None)


def test_a_bar_of_rich():
    bars = RichProgress(console=Console(file=io.StringIO()), auto_refresh=False)
    show = rich_listener(bars, "Uploading")
    for progress in TRANSFER:
        show(progress)
        (task,) = bars.tasks
        assert (task.description, task.completed, task.total) == ("Uploading", progress.completed, 1000)
    assert task.percentage == 100


def test_bars_of_rich_for_many_files_and_regions():
    bars = RichProgress(console=Console(file=io.StringIO()), auto_refresh=False)
    show = rich_listener(bars, "dist")
    show(Progress(1, 10, files_completed=2, files_total=3))
    assert bars.tasks[0].description == "dist (2/3)"
    for region in ("eu-west-1", "us-east-1", "eu-west-1"):
        show(Progress(3, 10, region=region))
    assert [task.description for task in bars.tasks] == ["dist (2/3)", "dist eu-west-1", "dist us-east-1"]


def test_neither_library_is_imported():
    code = "import sys, lading, lading.progress; print([m for m in sys.modules if m.startswith(('rich', 'tqdm'))])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"

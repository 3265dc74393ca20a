"""Progress: at most 20 times a second, and the end said once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lading import Progress
from lading._core import progress
from lading._core.progress import CombinedProgress, ProgressReporter
from lading._core.unretried import Unretried

steps = st.lists(st.tuples(st.integers(0, 1000), st.floats(0, 0.2)), max_size=60)


@given(steps, st.booleans(), st.integers(1, 9))
def test_the_contract_holds_at_any_speed(moves: list[tuple[int, float]], known: bool, attempt: int):
    now = [1000.0]
    total = sum(count for count, _ in moves) if known else None
    reported: list[tuple[float, Progress]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress, "monotonic", lambda: now[0])
        meter = ProgressReporter(lambda p: reported.append((now[0], p)), total, attempt)
        for count, seconds in moves:
            now[0] += seconds
            meter.add(count)
        before = len(reported)
        meter.end()
    assert len(reported) == before + 1
    assert reported[-1][1] == Progress(sum(count for count, _ in moves), total, attempt)
    sent = [p.completed for _, p in reported]
    assert sent == sorted(sent)
    assert {(p.total, p.attempt) for _, p in reported} == {(total, attempt)}
    if known:
        assert [p.completed == total for _, p in reported].count(True) == 1  # nothing looks like the end before it
    times = [at for at, _ in reported[:-1]]
    assert all(later - earlier >= 0.05 - 1e-9 for earlier, later in zip(times, times[1:], strict=False))


def test_what_the_callback_raises_comes_out():
    class Enough(Exception):
        pass

    def stop(_: Progress) -> None:
        raise Enough

    for report in (lambda: ProgressReporter(stop, 10).add(1), lambda: ProgressReporter(stop, 10).end()):
        with pytest.raises(Unretried) as caught:  # which the call unwraps
            report()
        assert isinstance(caught.value.error, Enough)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 100)), max_size=50))
def test_the_progress_of_many_transfers_never_goes_back(moves: list[tuple[str, int]]):
    """Whatever each of them does: an attempt that begins again begins at 0."""
    seen: list[int] = []
    now = [0.0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress, "monotonic", lambda: now[0])
        total = CombinedProgress(lambda p: seen.append(p.completed), 300)
        for name, count in moves:
            now[0] += 1
            child = total.child(name)
            assert child is not None
            child(Progress(count, 100))
        total.end()
    assert seen == sorted(seen)
    assert seen[-1] == sum(max(count for n, count in moves if n == name) for name in {n for n, _ in moves})

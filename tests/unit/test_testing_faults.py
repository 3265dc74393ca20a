"""The queue of faults, without a server."""

from __future__ import annotations

import re
import threading

import pytest

from lading.testing import Delay, DropAfter, DropBefore, Faults, InjectedFault, PlannedFault, Respond, RespondEarly


def test_faults_are_used_in_order_and_once():
    faults = Faults()
    faults.add(DropBefore())
    faults.add(DropAfter())
    assert [faults.take("GET", "/") for _ in range(3)] == [DropBefore(), DropAfter(), None]
    assert faults.pending == ()


def test_times_counts_down_and_none_stays():
    faults = Faults()
    faults.add(DropBefore(), times=2)
    faults.add(DropAfter(), times=None)
    assert faults.take("GET", "/") == DropBefore()
    assert faults.pending == (PlannedFault(DropBefore(), None, None, 1), PlannedFault(DropAfter(), None, None, None))
    assert [faults.take("GET", "/") for _ in range(3)] == [DropBefore(), DropAfter(), DropAfter()]
    faults.clear()
    assert faults.take("GET", "/") is None


@pytest.mark.parametrize(
    ("method", "path", "fits"),
    [
        ("POST", None, True),
        ("post", None, True),
        ("GET", None, False),
        (None, "/simple/demo/", True),
        (None, "/simple/*", True),
        (None, "*/demo/", True),
        (None, "/simple", False),
        (None, "/SIMPLE/*", False),
        (None, re.compile("d.mo"), True),
        (None, re.compile("^demo"), False),
        ("POST", "/other/*", False),
    ],
)
def test_a_fault_waits_for_matching_requests(method, path, fits):
    faults = Faults()
    faults.add(Respond(), method=method, path=path)
    assert faults.take("POST", "/simple/demo/") == (Respond() if fits else None)
    assert bool(faults.pending) is not fits


def test_a_fault_that_does_not_match_does_not_block_the_next():
    faults = Faults()
    faults.add(Respond(500), method="PUT")
    faults.add(Respond(429), method="GET")
    assert faults.take("GET", "/") == Respond(429)
    assert faults.take("PUT", "/") == Respond(500)


def test_injected_faults_are_kept_until_cleared():
    faults = Faults()
    injected = InjectedFault(Delay(1), "PUT", "/a", 7)
    faults.record(injected)
    assert faults.happened == (injected,)
    assert faults.wait() == (injected,)
    faults.clear()
    assert faults.happened == ()


def test_waiting_ends_with_a_fault_in_another_thread():
    faults = Faults()
    injected = InjectedFault(Delay(1), "PUT", "/a", 7)
    found: list[tuple[InjectedFault, ...]] = []
    waiting = threading.Thread(target=lambda: found.append(faults.wait(3)))
    waiting.start()
    for _ in range(2):
        faults.record(injected)
        waiting.join(0.05)
        assert waiting.is_alive()
        assert not found
    faults.record(injected)
    waiting.join(10)
    assert found == [(injected,) * 3]


def test_a_timeout_reports_how_many_faults_were_injected():
    with pytest.raises(TimeoutError, match="0 of 2 faults"):
        Faults().wait(2, timeout=0)


def test_many_threads_share_one_queue():
    faults = Faults()
    faults.add(DropAfter(), times=400)
    taken: list[object] = []

    def take() -> None:
        taken.extend(filter(None, (faults.take("GET", "/") for _ in range(100))))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 400
    assert faults.pending == ()


def test_an_unknown_value_of_then_is_refused():
    with pytest.raises(ValueError, match="then='shut' is not one of close, reset, half-close"):
        RespondEarly(then="shut")  # type: ignore[arg-type]

"""Whether, and after how long: the decision as a table, and what holds for any policy."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lading import (
    ApiError,
    InputError,
    IntegrityError,
    InvalidResponse,
    LadingError,
    NetworkError,
    RequestTimeout,
    Retry,
    ServerError,
)
from lading._core.responses import error_class
from lading._core.retry import is_retryable, parse_retry_after, retry_delay, run_with_retry
from lading._core.settings import ClientSettings

NOW = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT, RFC 9110's own example


def api(status: int, retry_after: float | None = None) -> ApiError:
    return error_class(status)("no", status=status, retry_after=retry_after)


def lost(phase: str = "receive", outcome: str = "unknown", cls: type[NetworkError] = NetworkError) -> NetworkError:
    return cls("lost", phase=phase, outcome=outcome)  # type: ignore[arg-type]


ALWAYS, IF_REPEATABLE, NEVER = (True, True), (False, True), (False, False)  # for: once only, repeatable

TABLE = [
    *((lost(phase, "not_done"), ALWAYS) for phase in ("resolve", "connect", "proxy", "pool")),
    *((lost(phase, "not_done", RequestTimeout), ALWAYS) for phase in ("connect", "pool")),
    (lost("tls", "not_done"), NEVER),
    *((lost(phase, "unknown", cls), IF_REPEATABLE) for phase, cls in product(("send", "receive"), (NetworkError, RequestTimeout))),
    (api(429), ALWAYS),
    (api(429, 1.0), ALWAYS),
    (api(503, 0.0), ALWAYS),
    *((api(status), IF_REPEATABLE) for status in (408, 425, 460, 499, 500, 502, 503, 504, 507, 509, 520, 530)),
    (api(500, 1.0), IF_REPEATABLE),
    *((api(status), NEVER) for status in (400, 401, 403, 404, 409, 410, 412, 413, 422, 501, 505, 511)),
    *((error, NEVER) for error in (InvalidResponse("x"), InputError("x"), IntegrityError("x"), LadingError("x"))),
]  # fmt: skip


@pytest.mark.parametrize(("error", "expected"), TABLE, ids=lambda v: f"{type(v).__name__}-{getattr(v, 'status', '')}")
def test_what_may_be_sent_again(error: LadingError, expected: tuple[bool, bool]):
    assert (is_retryable(error, repeatable=False), is_retryable(error, repeatable=True)) == expected
    for repeatable, again in zip((False, True), expected, strict=True):
        wait = retry_delay(error, 1, repeatable=repeatable, policy=Retry())
        assert (wait is not None) == again


policies = st.builds(
    Retry,
    attempts=st.integers(1, 2000),
    deadline=st.none() | st.floats(0, 1e6),
    backoff=st.floats(0, 1e6),
    backoff_max=st.floats(0, 1e6),
    retry_after_max=st.floats(0, 1e6),
)
draws = st.floats(0, 1)


@given(policies, st.integers(1, 3000), draws, st.none() | st.floats(0, 1e7), st.floats(0, 1e7))
def test_no_wait_breaks_a_bound(policy: Retry, attempt: int, draw: float, requested: float | None, elapsed: float):
    error = api(429, requested)
    wait = retry_delay(error, attempt, repeatable=False, policy=policy, elapsed=elapsed, draw=lambda: draw)
    over = attempt >= policy.attempts or (requested or 0) > policy.retry_after_max
    if wait is None:
        # Only a bound ends it: of the attempts, of what the store may request, or of the time in all.
        longest = policy.backoff_max + (requested or 0)
        assert over or (policy.deadline is not None and elapsed + longest >= policy.deadline)
        return
    assert not over
    assert wait >= (requested or 0)
    assert wait - (requested or 0) <= policy.backoff_max * (1 + 1e-9) + 1e-9 * (requested or 0)
    assert policy.deadline is None or elapsed + wait <= policy.deadline


@given(policies, st.integers(1, 1000), draws)
def test_waits_grow_to_their_cap_and_with_the_draw(policy: Retry, attempt: int, draw: float):
    policy = Retry(10_000, None, policy.backoff, policy.backoff_max, 0)
    first, second = (
        retry_delay(api(429), number, repeatable=False, policy=policy, draw=lambda: draw)
        for number in (attempt, attempt + 1)
    )
    longest = retry_delay(api(429), attempt, repeatable=False, policy=policy, draw=lambda: 1.0)
    assert first is not None
    assert second is not None
    assert longest is not None
    assert 0 <= first <= second <= policy.backoff_max
    assert first <= longest


def test_what_retry_after_says_in_seconds():
    message = {"0": 0, "120": 120, " 7 ": 7, "1.5": 1.5, "9" * 400: math.inf}
    assert {text: parse_retry_after(text) for text in message} == message


@pytest.mark.parametrize(
    "text",
    ["", " ", "-1", "-0.5", "soon", "1 2", "1,5", "0x10", "1e3", "nan", "inf", "+3", "٣", "²", "1.2.3", ".", "5s"],
)
def test_nonsense_is_no_wait(text: str):
    assert parse_retry_after(text) is None


@pytest.mark.parametrize(
    "text",
    ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"],
    ids=["IMF-fixdate", "RFC 850", "asctime"],
)
@pytest.mark.parametrize("zone", ["UTC", "EST+5", "CET-1"])
def test_dates_in_all_three_forms_wherever_the_machine_is(text: str, zone: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert parse_retry_after(text, now=NOW - 90) == 90
        assert parse_retry_after(text, now=NOW + 90) == 0
    finally:
        monkeypatch.undo()
        time.tzset()


@given(st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1)).map(lambda d: d.replace(microsecond=0, tzinfo=UTC)))
def test_any_date_is_read(moment: datetime):
    text = format_datetime(moment, usegmt=True)
    assert parse_retry_after(text, now=moment.timestamp() - 10) == 10


@given(st.text() | st.from_regex(r"[A-Za-z]{3}, [0-9]{1,9} [A-Z][a-z]{2} [0-9]{1,9} [0-9:]{1,12} .{0,9}"))
def test_any_text_at_all_is_a_wait_or_none(text: str):
    wait = parse_retry_after(text)
    assert wait is None or wait >= 0


@pytest.mark.anyio
async def test_the_loop_waits_as_decided():
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def step(number: int) -> str:
        if number < 4:
            raise api(429, float(number))
        return f"after {number}"

    settings = ClientSettings(retry=Retry(attempts=4, backoff=0), sleep=sleep)
    assert await run_with_retry(step, settings, lambda _: False) == "after 4"
    assert slept == [1, 2, 3]
    with pytest.raises(ApiError):
        await run_with_retry(step, replace(settings, retry=Retry(attempts=3, backoff=0)), lambda _: False)


@pytest.mark.anyio
async def test_the_deadline_is_by_the_clock_of_the_settings():
    now = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    async def step(number: int) -> None:
        steps.append(number)
        raise api(429, 10.0)

    steps: list[int] = []
    policy = Retry(attempts=100, backoff=0, deadline=35)
    with pytest.raises(ApiError):
        await run_with_retry(step, ClientSettings(retry=policy, clock=lambda: now, sleep=sleep), lambda _: False)
    assert (steps, now) == ([1, 2, 3, 4], 30.0)


@pytest.mark.anyio
async def test_what_is_not_ours_is_not_retried():
    calls: list[int] = []

    async def step(number: int) -> None:
        calls.append(number)
        raise KeyError("theirs")

    with pytest.raises(KeyError):
        await run_with_retry(step, ClientSettings(), lambda _: True)
    assert calls == [1]


@pytest.mark.anyio
async def test_a_stores_last_word_is_not_retried():
    calls: list[int] = []

    async def step(number: int) -> None:
        calls.append(number)
        raise ServerError("store: no", status=503, retry_after=0.0, final=True)

    with pytest.raises(ServerError):
        await run_with_retry(step, ClientSettings(retry=Retry(backoff=0)), lambda _: True)
    assert calls == [1]

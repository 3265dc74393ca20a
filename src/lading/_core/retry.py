"""Whether an attempt is made again, and after how long. The decision is pure; the loop is tenacity's."""

from __future__ import annotations

import random
from datetime import UTC
from email.utils import parsedate_to_datetime
from time import time
from typing import TYPE_CHECKING, TypeVar

from lading._core.threads import import_in_thread
from lading.errors import ApiError, LadingError, NetworkError, RateLimited

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tenacity import RetryCallState

    from lading._core.settings import ClientSettings
    from lading.types import Retry

T = TypeVar("T")

# What gateways say of a connection of their own, whatever the store behind them has done: nginx 499, AWS 460,
# Cloudflare 520 to 530, Apache 509. PyPI's edge sends 499 for large uploads (warehouse#19713).
GATEWAY_STATUSES = frozenset({408, 425, 460, 499, 507, 509, *range(520, 531)})
# A failure that may pass, of a request that may have been processed.
_PASSING = GATEWAY_STATUSES | {500, 502, 503, 504}


def parse_retry_after(value: str | None, *, now: float | None = None) -> float | None:
    """Return the seconds of a ``Retry-After`` header: a number or an HTTP date (RFC 9110 10.2.3), else ``None``."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.replace(".", "", 1).isdigit():
        return float(value)  # more digits than a float holds give infinity, which is above every limit
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:  # one of HTTP's three forms of a date names no zone, and means GMT
            moment = moment.replace(tzinfo=UTC)
        left = moment.timestamp() - (time() if now is None else now)
    except (ValueError, OverflowError, TypeError):
        return None
    return max(0.0, left)


def is_retryable(error: LadingError, *, repeatable: bool) -> bool:
    """Return whether sending again after *error* does no harm and may help.

    Args:
        error: What the attempt ended with.
        repeatable: Whether sending twice does no more than sending once.
    """
    if isinstance(error, ApiError):
        if error.final:
            return False
        refused = isinstance(error, RateLimited) or (error.status == 503 and error.retry_after is not None)
        return refused or (repeatable and error.status in _PASSING)
    if isinstance(error, NetworkError):
        if error.final or error.phase == "tls":  # a certificate does not become trusted by another attempt
            return False
        return error.outcome == "not_done" or repeatable
    return False


def retry_delay(
    error: LadingError,
    attempt: int,
    *,
    repeatable: bool,
    policy: Retry,
    elapsed: float = 0.0,
    draw: Callable[[], float] = random.random,
) -> float | None:
    """Return the seconds to wait before the next attempt, or ``None`` to give up.

    Args:
        error: What this attempt ended with.
        attempt: Its number, from 1.
        repeatable: Whether sending twice does no more than sending once.
        policy: How long to retry.
        elapsed: Seconds since the first attempt began.
        draw: A random number from 0 to 1, for full jitter.
    """
    if attempt >= policy.attempts or not is_retryable(error, repeatable=repeatable):
        return None
    # The exponent is bounded so that a huge number of attempts cannot overflow.
    wait = draw() * min(policy.backoff_max, policy.backoff * 2.0 ** min(attempt - 1, 60))
    wanted = error.retry_after if isinstance(error, ApiError) else None
    if wanted is not None:
        if wanted > policy.retry_after_max:
            return None
        # Never sooner than the store wants; the jitter on top keeps a fan-out from coming back all at once.
        wait += wanted
    if policy.deadline is not None and elapsed + wait > policy.deadline:
        return None
    return wait


async def run_with_retry(
    step: Callable[[int], Awaitable[T]],
    settings: ClientSettings,
    repeatable: Callable[[LadingError], bool],
) -> T:
    """Run ``step(number)``, again while :func:`retry_delay` gives a delay, and return what it returns.

    Args:
        step: One attempt; called with its number, from 1.
        settings: The retry policy, the clock and the sleep.
        repeatable: Called after a failure: whether the step may be made twice.
    """
    started = settings.clock()
    try:
        return await step(1)
    except LadingError as error:
        first = error
    return await retry(first, step, settings, repeatable, started)


async def retry(
    first: LadingError,
    step: Callable[[int], Awaitable[T]],
    settings: ClientSettings,
    repeatable: Callable[[LadingError], bool],
    started: float,
) -> T:
    """Run ``step(number)`` again, after a first attempt that failed, and return what it returns.

    Apart from :func:`run_with_retry`, as tenacity's loop costs a fifth of a small request: a first attempt that
    succeeds does without, and one that failed is the loop's first.

    Args:
        first: What the first attempt raised.
        step: One attempt; called with its number, from 2.
        settings: The retry policy, the clock and the sleep.
        repeatable: Called after a failure: whether the step may be made twice.
        started: When the first attempt began, by the clock.
    """
    delay: float | None = None
    number = 0

    def again(state: RetryCallState) -> bool:
        nonlocal delay
        error = None if state.outcome is None else state.outcome.exception()
        if not isinstance(error, LadingError):  # a result, a cancellation, the caller's own error
            return False
        elapsed = settings.clock() - started
        delay = retry_delay(
            error, state.attempt_number, repeatable=repeatable(error), policy=settings.retry, elapsed=elapsed
        )
        return delay is not None

    async def numbered() -> T:
        nonlocal number
        number += 1
        if number == 1:
            raise first
        return await step(number)

    tenacity = await import_in_thread("tenacity")
    loop = tenacity.AsyncRetrying(retry=again, wait=lambda _: delay or 0.0, sleep=settings.sleep, reraise=True)
    result: T = await loop(numbered)
    return result

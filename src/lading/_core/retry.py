"""When an attempt is made again, and after how long. The decision is pure; the loop is tenacity's."""

from __future__ import annotations

import random
from datetime import UTC
from email.utils import parsedate_to_datetime
from time import monotonic, time
from typing import TYPE_CHECKING, TypeVar

import anyio
from tenacity import AsyncRetrying, RetryCallState

from lading.errors import ApiError, LadingError, NetworkError, RateLimited

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lading.types import Retry

T = TypeVar("T")

# A failure that may pass, of a request that may have been processed.
_PASSING = frozenset({408, 425, 500, 502, 503, 504})


def parse_retry_after(value: str | None, *, now: float | None = None) -> float | None:
    """Seconds to wait by a ``Retry-After`` header: seconds or an HTTP date (RFC 9110 10.2.3); ``None`` for neither."""
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


def end_with(error: Exception) -> None:
    """See that *error* is not retried: a callback of the caller's raised it, and so ended the call."""
    if isinstance(error, LadingError):
        vars(error)["_ends"] = True


def ends(error: LadingError) -> bool:
    """Whether *error* is the caller's own."""
    return "_ends" in vars(error)


def end_here(error: LadingError) -> None:
    """See that *error* is not retried, whatever its status: the store itself has said its last word."""
    vars(error)["_final"] = True


def is_retryable(error: LadingError, *, repeatable: bool) -> bool:
    """Whether sending again after *error* can do no harm and may help.

    Args:
        error: What the attempt ended with.
        repeatable: Whether sending twice does no more than sending once.
    """
    if "_final" in vars(error):
        return False
    if isinstance(error, ApiError):
        refused = isinstance(error, RateLimited) or (error.status == 503 and error.retry_after is not None)
        return refused or (repeatable and error.status in _PASSING)
    if isinstance(error, NetworkError):
        if error.phase == "tls":  # a certificate does not become trusted by asking again
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
    """Seconds to wait before the next attempt, or ``None`` to give up.

    Args:
        error: What this attempt ended with.
        attempt: Its number, from 1.
        repeatable: Whether sending twice does no more than sending once.
        policy: How long to go on.
        elapsed: Seconds since the first attempt began.
        draw: A random number from 0 to 1, for full jitter.
    """
    if attempt >= policy.attempts or not is_retryable(error, repeatable=repeatable):
        return None
    # The exponent is bounded so that a huge number of attempts cannot overflow.
    wait = draw() * min(policy.backoff_max, policy.backoff * 2.0 ** min(attempt - 1, 60))
    asked = error.retry_after if isinstance(error, ApiError) else None
    if asked is not None:
        if asked > policy.retry_after_max:
            return None
        # Never sooner than asked; the jitter on top keeps a fan-out from coming back all at once.
        wait += asked
    if policy.deadline is not None and elapsed + wait > policy.deadline:
        return None
    return wait


async def run_with_retry(
    step: Callable[[int], Awaitable[T]],
    policy: Retry,
    repeatable: Callable[[LadingError], bool],
) -> T:
    """What ``step(number)`` returns, called again while :func:`decide` says so.

    Args:
        step: One attempt, told its number from 1.
        policy: How long to go on.
        repeatable: Asked after a failure whether the step may be made twice.
    """
    started = monotonic()
    wait: float | None = None

    def again(state: RetryCallState) -> bool:
        nonlocal wait
        error = None if state.outcome is None else state.outcome.exception()
        if not isinstance(error, LadingError) or ends(error):  # a result, a cancellation, the caller's own error
            return False
        number = state.attempt_number
        wait = retry_delay(error, number, repeatable=repeatable(error), policy=policy, elapsed=monotonic() - started)
        return wait is not None

    try:
        return await step(1)
    except LadingError as error:
        first = error
    # tenacity's loop costs a fifth of a small request. A first attempt that succeeds does without; one that failed
    # is the loop's first.
    number = 0

    async def numbered() -> T:
        nonlocal number
        number += 1
        if number == 1:
            raise first
        return await step(number)

    loop = AsyncRetrying(retry=again, wait=lambda _: wait or 0.0, sleep=anyio.sleep, reraise=True)
    result: T = await loop(numbered)
    return result

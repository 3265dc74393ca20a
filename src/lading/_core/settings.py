"""What ``with_options`` may change: the settings that all resources of one client share."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

import anyio

from lading._core.call import NO_AUTH, Auth
from lading.types import Retry, Timeout

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from lading.types import Hook


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """The settings of one client.

    Attributes:
        auth: Credentials for the service's own hosts.
        timeout: Seconds by phase.
        retry: How long to retry.
        hooks: Called with every event.
        user_agent: The ``User-Agent``.
        clock: Seconds, for deadlines and what took how long.
        sleep: Waits for seconds, between attempts.
    """

    auth: Auth = NO_AUTH
    timeout: Timeout = field(default_factory=Timeout)
    retry: Retry = field(default_factory=Retry)
    hooks: tuple[Hook, ...] = ()
    user_agent: str = "lading"
    clock: Callable[[], float] = monotonic
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep


def as_timeout(value: Timeout | float) -> Timeout:
    """Return *value*; a number is the seconds of every phase but the wait for a free slot."""
    if isinstance(value, Timeout):
        return value
    return Timeout(connect=value, read=value, write=value, upload_response=value)


def as_retry(value: Retry | int) -> Retry:
    """Return *value*; a number is the number of attempts, the first included."""
    return value if isinstance(value, Retry) else Retry(attempts=value)


def as_hooks(value: Hook | Iterable[Hook]) -> tuple[Hook, ...]:
    """Return the hooks in *value*: one, or several."""
    return (value,) if callable(value) else tuple(value)

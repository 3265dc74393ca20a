"""What ``with_options`` may change: the settings that all resources of one client share."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

import anyio

from lading._core.call import NO_AUTH, Auth
from lading.types import Retry, Timeout

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

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

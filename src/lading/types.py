"""Plain values: settings that callers pass in, progress reports, and the events for hooks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Protocol

from lading.errors import InputError


def _refuse_below(settings: Retry | Timeout | Limits | KeepAlive, least: float) -> None:
    for setting in fields(settings):
        value = getattr(settings, setting.name)
        if value is None or isinstance(value, KeepAlive):
            continue
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise InputError(
                f"{type(settings).__name__}({setting.name}=...) must be a number, not a {type(value).__name__}",
                argument=setting.name,
            )
        if not value >= least:
            raise InputError(
                f"{type(settings).__name__}({setting.name}={value!r}) must be at least {least:g}",
                argument=setting.name,
            )


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of one upload or download, or of many together.

    Attributes:
        completed: Bytes transferred so far: of the request body when uploading (a few hundred more than the file),
            of the file when downloading.
        total: All bytes to transfer; ``None`` where that is unknown.
        attempt: 1 at first. It increases by one each time the transfer starts from the beginning, and ``completed``
            from 0.
        region: The region, when staging to several; ``None`` elsewhere.
        files_completed: How many files have ended, when many are uploaded together; ``None`` elsewhere. The bytes are
            then those of the files, ``attempt`` is always 1, and ``completed`` never decreases.
        files_total: How many files there are.
    """

    completed: int
    total: int | None
    attempt: int = 1
    region: str | None = None
    files_completed: int | None = None
    files_total: int | None = None


OnProgress = Callable[[Progress], object]
"""Called on the event loop, at most 20 times a second and once at the end. What it raises aborts the call."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How long to retry. Whether a request may be sent again at all does not depend on it: see :doc:`/retries`.

    Attributes:
        attempts: The maximum number of times that a request is sent, the first included; 1 disables retries.
        deadline: Seconds since the first attempt began, after which no new one starts; ``None`` means no limit.
        backoff: Seconds: the first wait is a random time up to this, the next up to twice this, and so on.
        backoff_max: Seconds: the longest such wait.
        retry_after_max: Seconds: a store's ``Retry-After`` is obeyed up to this; above it the call fails at once
            and the error contains the time that the store requested.
    """

    attempts: int = 5
    deadline: float | None = 300.0
    backoff: float = 0.5
    backoff_max: float = 30.0
    retry_after_max: float = 120.0

    def __post_init__(self) -> None:
        _refuse_below(self, 0)
        if self.attempts < 1:
            raise InputError("Retry(attempts=...) counts the first one too: 1 or more", argument="attempts")


@dataclass(frozen=True, slots=True)
class Timeout:
    """The seconds that each phase of one attempt may take; ``None`` means no limit.

    The caller's cancel scope (``anyio.fail_after``) bounds the whole call, retries included.

    Attributes:
        connect: To resolve the name, to connect, and for the TLS handshake.
        read: To wait for the next bytes of a response. Its head must be complete this long after its first bytes.
        write: To wait until the store accepts more of a request.
        pool: To wait for a free slot and connection. Unbounded by default: in a fan-out of hundreds, waiting is not a
            failure.
        upload_response: To wait for the response once a streamed body has been sent; stores check and store a file
            before they respond.
    """

    connect: float | None = 10.0
    read: float | None = 60.0
    write: float | None = 60.0
    pool: float | None = None
    upload_response: float | None = 900.0

    def __post_init__(self) -> None:
        _refuse_below(self, 0)


class Clock(Protocol):
    """The time that a client measures deadlines and waits with. By default the machine's."""

    def now(self) -> float:
        """Return the current time in seconds; it never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after *seconds*; a point at which the caller can be cancelled."""
        ...


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """How the system finds out that nothing gets through any more on a connection that is silent (TCP keep-alive).

    A store may work for minutes on an upload before it responds. Meanwhile the probes keep routers and load balancers
    from forgetting the connection, and a path that is dead is noticed after ``idle + count * interval`` seconds: the
    call ends with a :class:`lading.NetworkError`. Where the system has ``TCP_USER_TIMEOUT`` (Linux), the same time
    bounds how long sent bytes may stay unacknowledged, and how long a store may accept nothing more.

    Attributes:
        idle: Seconds of silence before the first probe.
        interval: Seconds between probes.
        count: How many probes may stay without a response.
    """

    idle: float = 30.0
    interval: float = 10.0
    count: int = 6

    def __post_init__(self) -> None:
        _refuse_below(self, 1)
        # What Linux takes; a larger value would be ignored.
        if self.idle > 32767 or self.interval > 32767 or self.count > 127:
            raise InputError(
                "KeepAlive: at most 32767 seconds for idle and interval, and 127 for count", argument="tcp_keepalive"
            )

    @property
    def lost_after(self) -> float:
        """Seconds after which a silent path counts as dead."""
        return self.idle + self.count * self.interval


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one client does concurrently, on one event loop.

    Attributes:
        max_connections: Open connections, idle ones included. Keep it above ``max_requests``: a streamed response
            keeps its connection after releasing its slot.
        max_requests: Calls in flight, uploads included; the others wait in order.
        max_uploads: Calls in flight that send a file.
        keepalive_expiry: Seconds an idle connection is kept.
        tcp_keepalive: The system's probes on open connections; ``None`` for none.
    """

    max_connections: int = 100
    max_requests: int = 50
    max_uploads: int = 10
    keepalive_expiry: float = 30.0
    tcp_keepalive: KeepAlive | None = field(default_factory=KeepAlive)

    def __post_init__(self) -> None:
        _refuse_below(self, 0)
        if min(self.max_connections, self.max_requests, self.max_uploads) < 1:
            raise InputError(
                "Limits: max_connections, max_requests and max_uploads must each be 1 or more", argument="limits"
            )


@dataclass(frozen=True, slots=True)
class AttemptEvent:
    """One request as it was sent. Hooks are called with it when it has ended.

    Attributes:
        service: The store's name, as in ``"pypi"``.
        method: ``"GET"``, ``"POST"``, ...
        host: The host and port that the request was sent to.
        path: The path's template, as in ``"simple/{project}/"``: no identifiers, no query, no secrets.
        status: The HTTP status; ``None`` when no response arrived.
        error: The name of the error class that the attempt ended with; ``None`` for a success.
        sent: Bytes of the request body that were written.
        seconds: From the first step of the attempt to the end of the response's head (for a streamed response) or
            of its body.
        attempt: 1 for the first.
    """

    service: str
    method: str
    host: str
    path: str
    status: int | None
    error: str | None
    sent: int
    seconds: float
    attempt: int


@dataclass(frozen=True, slots=True)
class CallEvent:
    """One call with all its attempts. Hooks are called with it when it has ended.

    Attributes:
        service: The store's name.
        method: The HTTP method of the call's request.
        path: The path's template.
        error: The name of the error class that the caller receives; ``None`` for a success.
        attempts: How many times the request was sent.
        seconds: From the call to its end, waiting for a slot and between attempts included.
    """

    service: str
    method: str
    path: str
    error: str | None
    attempts: int
    seconds: float


@dataclass(frozen=True, slots=True)
class NoticeEvent:
    """A notice that a store sent with a response: a deprecation, a maintenance window, a review that needs people.

    Each text is reported once per client, or once per call where the call waits for what it says.

    Attributes:
        service: The store's name.
        method: The HTTP method of the request that it came with.
        path: The path's template.
        text: The notice, in one line.
    """

    service: str
    method: str
    path: str
    text: str


Event = AttemptEvent | CallEvent | NoticeEvent

Hook = Callable[[Event], object]
"""Called on the event loop with every event. What it raises aborts the call."""

"""Plain values that callers pass in and get back: settings, progress, and the events for hooks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

from lading.errors import InputError


def _refuse_below(settings: Retry | Timeout | Limits, least: float) -> None:
    for field in fields(settings):
        value = getattr(settings, field.name)
        if value is not None and not value >= least:
            raise InputError(
                f"{type(settings).__name__}({field.name}={value!r}) must be at least {least:g}",
                argument=field.name,
            )


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one upload or download is.

    Attributes:
        sent: Bytes moved so far: of the request body when uploading (a few hundred more than the file), of the
            file when downloading.
        total: All bytes there will be; ``None`` where nobody knows.
        attempt: 1 at first; one more each time the transfer starts again, and ``sent`` with it.
        region: The region, when staging to several; ``None`` elsewhere.
    """

    completed: int
    total: int | None
    attempt: int = 1
    region: str | None = None


OnProgress = Callable[[Progress], object]
"""Called on the event loop, at most 20 times a second and once at the end. What it raises aborts the call."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How long to go on trying. What may be sent again at all is not up to this: see :doc:`/retries`.

    Attributes:
        attempts: How many times a request is sent at the most; 1 switches retrying off.
        deadline: Seconds after the first attempt began after which no new one starts; ``None`` for no bound.
        backoff: Seconds: the first wait is a random time up to this, the next up to twice this, and so on.
        backoff_max: Seconds: the longest such wait.
        retry_after_max: Seconds: a store's ``Retry-After`` is obeyed up to this; above it the call fails at once
            and the error says how long the store asked for.
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
    """Seconds each phase of one attempt may take; ``None`` for no bound.

    The caller's cancel scope (``anyio.fail_after``) bounds the whole call, retries included.

    Attributes:
        connect: To resolve the name, connect and shake hands.
        read: To wait for the next bytes of an answer.
        write: To wait until the store takes more of a request.
        pool: To wait for a free slot and connection. Unbounded by default: in a fan-out of hundreds, waiting
            for a turn is no failure.
        upload: To wait for the answer once a body has been sent; stores check and store a file before they
            answer.
    """

    connect: float | None = 10.0
    read: float | None = 60.0
    write: float | None = 60.0
    pool: float | None = None
    upload_response: float | None = 900.0

    def __post_init__(self) -> None:
        _refuse_below(self, 0)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one client does at the same time, on one event loop.

    Attributes:
        connections: Open connections, idle ones included. Keep it above ``requests``: a streamed answer keeps
            its connection after giving its slot back.
        requests: Calls in flight, uploads included; the others wait their turn in order.
        uploads: Calls in flight that send a file.
        idle: Seconds an unused connection is kept.
    """

    max_connections: int = 100
    max_requests: int = 50
    max_uploads: int = 10
    keepalive_expiry: float = 30.0

    def __post_init__(self) -> None:
        _refuse_below(self, 0)
        if min(self.max_connections, self.max_requests, self.max_uploads) < 1:
            raise InputError("Limits: connections, requests and uploads must each be 1 or more", argument="limits")


@dataclass(frozen=True, slots=True)
class AttemptEvent:
    """One request as it went over the wire, given to hooks when it has ended.

    Attributes:
        service: The store's name, as in ``"pypi"``.
        method: ``"GET"``, ``"POST"``, ...
        host: Host and port the request was for.
        path: The path's template, as in ``"simple/{project}/"``: no identifiers, no query, no secrets.
        status: The HTTP status; ``None`` when no answer came.
        error: The name of the error class the attempt ended with; ``None`` for a success.
        sent: Bytes of the request body that were written.
        seconds: From the first step of the attempt to the end of the answer's head (for a streamed answer) or
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
    """One call of the SDK with all its attempts, given to hooks when it has ended.

    Attributes:
        service: The store's name.
        method: The HTTP method of the call's request.
        path: The path's template.
        error: The name of the error class the caller sees; ``None`` for a success.
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
    """A notice that a store sent with a response: a deprecation, a maintenance window. Each text once per client.

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

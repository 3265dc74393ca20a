"""Every error lading raises.

::

    LadingError                   .outcome: "not_done" or "unknown"
    ├─ ConfigError                no credentials, a bad configuration file, http:// where https is needed
    ├─ InputError                 also a ValueError: a bad argument or local file .argument
    ├─ NetworkError               no usable response .phase .request_sent
    │  └─ RequestTimeout             also a builtin TimeoutError
    ├─ ApiError                   .service .status .code .errors .detail .retry_after .request_id
    │  ├─ BadRequest   ├─ Unauthorized   ├─ Forbidden   ├─ NotFound
    │  ├─ Conflict     ├─ PayloadTooLarge       ├─ RateLimited └─ ServerError
    ├─ InvalidResponse                  a 2xx whose body is not what the store promises
    ├─ IntegrityError             a digest or size does not match
    ├─ TokenError
    │  ├─ TokenUnreadable
    │  ├─ TokenInvalid
    │  │  └─ MissingContext
    │  └─ InvalidRestriction      also an InputError
    ├─ JobFailed                  a job has failed
    └─ StageFailed                .succeeded .failed (region -> error)

``outcome`` says whether the call that raised has changed anything: ``"not_done"`` when the request never left this
machine or the store refused it, ``"unknown"`` when the response was lost and a look-up could not tell. Only an
``"unknown"`` error leaves anything to check by hand.

All of them pickle, so they cross process pools and task queues (``__cause__`` stays behind, as for every
exception).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

WriteOutcome = Literal["not_done", "unknown"]
Phase = Literal["resolve", "connect", "tls", "proxy", "pool", "send", "receive"]


class LadingError(Exception):
    """The base class of every error that lading raises.

    Attributes:
        outcome: ``"not_done"`` (never sent, or refused) or ``"unknown"`` (the response was lost, and the result could
            not be determined).
    """

    # Subclasses take one positional message and keep the rest in __dict__ as keyword arguments with
    # defaults: that is all the default exception pickling needs.
    def __init__(self, message: str, *, outcome: WriteOutcome = "not_done") -> None:
        super().__init__(message)
        self.outcome: WriteOutcome = outcome


class ConfigError(LadingError):
    """The client is not configured correctly; nothing was sent."""


class InputError(LadingError, ValueError):
    """A bad argument or local file, found before anything was sent, or a file that changed while it was read.

    Attributes:
        argument: The name of the offending argument, where there is one.
    """

    def __init__(self, message: str, *, argument: str | None = None, outcome: WriteOutcome = "not_done") -> None:
        super().__init__(message, outcome=outcome)
        self.argument = argument


class NetworkError(LadingError):
    """No usable response arrived.

    Attributes:
        phase: The phase that failed: ``"resolve"``, ``"connect"``, ``"tls"``, ``"proxy"``, ``"pool"`` (all before
            anything was sent), ``"send"`` or ``"receive"``.
        request_sent: Whether the last byte of the request had been sent. If not, the store cannot have received all of
            it. With an ``httpx`` client of your own this is ``True`` unless the body was certainly cut short.
        final: Whether the error is final: it is not retried. A proxy's refusal is (407, 403): repeated wrong passwords
            lock accounts.
    """

    def __init__(
        self,
        message: str,
        *,
        phase: Phase = "connect",
        outcome: WriteOutcome = "not_done",
        request_sent: bool = False,
        final: bool = False,
    ) -> None:
        super().__init__(message, outcome=outcome)
        self.phase: Phase = phase
        self.request_sent: bool = request_sent
        self.final: bool = final


class RequestTimeout(NetworkError, TimeoutError):
    """One phase of a call took longer than its :class:`lading.Timeout` allows."""


class ApiError(LadingError):
    """The store refused the request.

    Attributes:
        service: The store's name, as in ``"pypi"``.
        status: The HTTP status; ``None`` when the problem was found before sending.
        code: The store's own machine-readable code, where it gives one: the first of ``errors``.
        errors: Every (code, message) that the store sent; either may be empty.
        detail: The store's message, in one line.
        retry_after: How many seconds the store requests the client to wait, if it does.
        request_id: The store's identifier of the request, to quote in a report.
        attempts: How many times the request was sent.
        request_sent: Whether the last byte of the request had been sent when the store responded.
        final: Whether the error is final: it is not retried, whatever its status.
    """

    def __init__(
        self,
        message: str,
        *,
        service: str = "",
        status: int | None = None,
        code: str | None = None,
        errors: Iterable[tuple[str, str]] = (),
        detail: str = "",
        retry_after: float | None = None,
        request_id: str | None = None,
        attempts: int = 1,
        outcome: WriteOutcome = "not_done",
        request_sent: bool = True,
        final: bool = False,
    ) -> None:
        super().__init__(message, outcome=outcome)
        self.service = service
        self.status = status
        self.errors: tuple[tuple[str, str], ...] = tuple(errors)
        self.code: str | None = code if code is not None or not self.errors else self.errors[0][0] or None
        self.detail = detail
        self.retry_after = retry_after
        self.request_id = request_id
        self.attempts = attempts
        self.request_sent = request_sent
        self.final = final


class BadRequest(ApiError):
    """The store does not accept the request as it is (400, 422 and their like)."""


class Unauthorized(ApiError):
    """The store does not accept the credentials (401): they are missing, wrong or expired."""


class Forbidden(ApiError):
    """The credentials do not allow this (403)."""


class NotFound(ApiError):
    """The requested object does not exist (404, 410)."""


class Conflict(ApiError):
    """Something else already exists, or something changed meanwhile (409, 412, or a store's "already exists")."""


class PayloadTooLarge(ApiError):
    """The store refused the size (413). Nothing was stored."""


class RateLimited(ApiError):
    """The store received too many requests (429); ``retry_after`` is how long to wait, if the store sends it."""


class ServerError(ApiError):
    """The store failed (5xx). After a write, ``outcome`` says whether the work may have been done."""


class InvalidResponse(LadingError):
    """A success whose body is not what the store promises: a proxy's HTML, truncated JSON, a missing key."""


class IntegrityError(LadingError):
    """A digest or a size does not match what the store listed."""


class TokenError(LadingError):
    """Something is wrong with a token."""


class TokenUnreadable(TokenError):
    """The string is not a token of the expected kind."""


class TokenInvalid(TokenError):
    """The token does not allow this use, or its signature does not verify.

    Attributes:
        failures: Every reason against it, when several were found.
    """

    def __init__(
        self, message: str, *, failures: tuple[LadingError, ...] = (), outcome: WriteOutcome = "not_done"
    ) -> None:
        super().__init__(message, outcome=outcome)
        self.failures = failures


class MissingContext(TokenInvalid):
    """A caveat cannot be checked without a value that was not given."""


class InvalidRestriction(TokenError, InputError):
    """A restriction that no token can have."""


class JobFailed(LadingError):
    """A job that was waited for has failed."""


RegionStatus = Literal["created", "unchanged", "repaired", "planned", "failed"]


@dataclass(frozen=True, slots=True)
class RegionResult:
    """The result of staging a version in one region.

    Attributes:
        region: The region.
        status: ``"created"``: it is new there. ``"unchanged"``: the same bytes and metadata were there, nothing was
            sent. ``"repaired"``: the artifact was there, its metadata was missing and has been written.
            ``"planned"``: the stager is read-only, and the version is not there. ``"failed"``: see *error*.
        bucket: The region's bucket; empty when it could not be found.
        copied: Whether the store copied it from another region.
        latest: The project's latest version there, afterwards; ``None`` when it is not known.
        error: Why it failed.
        warnings: Problems that did not make it fail, such as missing permissions.
    """

    region: str
    status: RegionStatus
    bucket: str = ""
    copied: bool = False
    latest: str | None = None
    error: LadingError | None = None
    warnings: tuple[str, ...] = ()


class StageFailed(LadingError):
    """Staging did not reach as many regions as its policy requires.

    Attributes:
        succeeded: The regions that have the artifact, with the result of each; ``None`` where only a setting was
            written (:meth:`lading.Stager.set_latest`, :meth:`lading.Stager.setup`).
        failed: The regions that do not, with the error of each. The ``outcome`` of this error is ``"unknown"`` when
            that of any of them is.
    """

    def __init__(
        self,
        message: str,
        *,
        succeeded: Mapping[str, RegionResult | None] | None = None,
        failed: Mapping[str, LadingError] | None = None,
        outcome: WriteOutcome | None = None,
    ) -> None:
        if outcome is None:
            outcome = "unknown" if any(error.outcome == "unknown" for error in (failed or {}).values()) else "not_done"
        super().__init__(message, outcome=outcome)
        self.succeeded: dict[str, RegionResult | None] = dict(succeeded or {})
        self.failed: dict[str, LadingError] = dict(failed or {})

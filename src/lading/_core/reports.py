"""What is reported of a call: events for hooks, and the log."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from lading._core.redact import one_line, scrub
from lading._core.unretried import Unretried, call_back
from lading.types import AttemptEvent, CallEvent, NoticeEvent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lading._core.attempt import Attempt
    from lading._core.call import Call
    from lading._core.messages import ResponseStream
    from lading._core.service import Service
    from lading._core.settings import ClientSettings
    from lading.types import Event

R = TypeVar("R")

logger = logging.getLogger("lading")
logger.addHandler(logging.NullHandler())

# Notices are stores' own texts; more than this many different ones are not worth remembering.
_MOST_NOTICES = 1000


async def observed(run: Awaitable[R], report: Callable[[str | None, float], None], *, streamed: bool) -> R:
    """Return the result of *run*, and report its failure and seconds at its end, whatever happens.

    Args:
        run: What is observed.
        report: Called with the name of the error, ``"cancelled"``, or ``None`` after a success.
        streamed: Whether the result is a response to be closed when *report* raises.
    """
    started = perf_counter()
    failure: str | None = "cancelled"
    result: Any = None
    try:
        result = await run
        failure = None
    except Exception as error:
        failure = type(error.error if isinstance(error, Unretried) else error).__name__
        raise
    finally:
        reported = False
        try:
            report(failure, perf_counter() - started)
            reported = True
        finally:
            if streamed and failure is None and not reported:
                await result.aclose()
    found: R = result
    return found


@dataclass(frozen=True, slots=True)
class CallReporter:
    """Reports what happens to one call.

    Attributes:
        service: The store.
        call: The call.
        settings: The client's.
    """

    service: Service
    call: Call[Any]
    settings: ClientSettings

    def report_call(self, number: int, failure: str | None, seconds: float) -> None:
        """Report the end of the call, whose last attempt had this *number*."""
        call = self.call
        self._emit(CallEvent(self.service.name, call.method, call.url_template, failure, number, seconds))

    def report_attempt(self, attempt: Attempt, failure: str | None, seconds: float) -> None:
        """Report the end of an attempt."""
        call, service = self.call, self.service
        host = service.host_of(attempt.url)
        event = AttemptEvent(
            service.name,
            call.method,
            host,
            call.url_template,
            attempt.status,
            failure,
            attempt.sent,
            seconds,
            attempt.number,
        )
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug(
                "%s %s %s %s: %s in %.3f s, attempt %d",
                *(event.service, event.method, event.host, event.path),
                *(failure or event.status, seconds, attempt.number),
            )
        self._emit(event)

    def report_head(self, seen: set[str], stream: ResponseStream) -> None:
        """Log each notice of the store once per client, which keeps those *seen*, and give it to the hooks."""
        service = self.service
        try:
            texts = list(map(str, service.on_response(stream))) if service.on_response is not None else []
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - a response is not lost for a header that cannot be read
            logger.debug("%s: the head of a response could not be read: %s", service.name, type(error).__name__)
            return
        for text in texts:
            notice = self._clean(text)
            if notice in seen or len(seen) >= _MOST_NOTICES:
                continue
            seen.add(notice)
            self._report_clean(notice)

    def report_notice(self, text: str) -> None:
        """Log what a response to the call means for who waits, at WARNING, and give it to the hooks."""
        self._report_clean(self._clean(text))

    def _clean(self, text: str) -> str:
        return one_line(scrub(text, self.settings.auth.secrets()))

    def _report_clean(self, notice: str) -> None:
        service, call = self.service, self.call
        logger.warning("%s: %s", service.name, notice)
        self._emit(NoticeEvent(service.name, call.method, call.url_template, notice))

    def _emit(self, event: Event) -> None:
        for hook in self.settings.hooks:
            call_back(hook, event)

"""OpenTelemetry spans from lading's events. Needs the extra ``lading[otel]``."""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING

from lading.types import AttemptEvent, NoticeEvent

try:
    from opentelemetry import trace
except ImportError as _missing:
    raise ImportError("lading.otel needs OpenTelemetry's API: pip install 'lading[otel]'") from _missing

if TYPE_CHECKING:
    from lading.types import Event, Hook


def tracing(tracer: trace.Tracer | None = None) -> Hook:
    """Create a hook that makes one span for each call and one for each attempt, children of the current span.

    Attempts are client spans named and attributed by OpenTelemetry's conventions for HTTP; a call is an internal span
    that covers the time of its attempts. Neither carries identifiers, queries or secrets: paths are templates.

    ::

        async with lading.PyPI(token=..., hooks=[tracing()]) as pypi: ...

    Args:
        tracer: By default the one of the global provider.
    """
    chosen = tracer or trace.get_tracer("lading")

    def hook(event: Event) -> None:
        if isinstance(event, NoticeEvent):  # no span: logged, and of no duration
            return
        end = time_ns()
        attributes: dict[str, str | int] = {
            "lading.service": event.service,
            "http.request.method": event.method,
            "url.template": event.path,
        }
        kind = trace.SpanKind.INTERNAL
        if isinstance(event, AttemptEvent):
            kind = trace.SpanKind.CLIENT
            attributes["server.address"] = event.host
            attributes["http.request.body.size"] = event.sent
            attributes["http.request.resend_count"] = event.attempt - 1
            if event.status is not None:
                attributes["http.response.status_code"] = event.status
        else:
            attributes["lading.attempts"] = event.attempts
        if event.error is not None:
            attributes["error.type"] = event.error
        span = chosen.start_span(
            f"{event.method} {event.path}",
            kind=kind,
            start_time=end - int(event.seconds * 1e9),
            attributes=attributes,
        )
        if event.error is not None:
            span.set_status(trace.StatusCode.ERROR)
        span.end(end)

    return hook

"""Reading answers: values out of good ones, our errors out of the others."""

from __future__ import annotations

import re
from html import unescape
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from lading import errors
from lading._core.call import SAFE_METHODS
from lading._core.model import Model
from lading._core.redact import one_line, scrub
from lading._core.retry import parse_retry_after

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lading._core.call import Call, Response

T = TypeVar("T")

_BY_STATUS: dict[int, type[errors.ApiError]] = {
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.Conflict,
    410: errors.NotFound,
    412: errors.Conflict,
    413: errors.PayloadTooLarge,
    429: errors.RateLimited,
}
# The server says that it did not do the work: 501 cannot, 505 did not read it, 511 a captive portal before it.
_SURELY_NOT_DONE = {501, 505, 511}


def error_class(status: int) -> type[errors.ApiError]:
    """The class whose meaning fits an HTTP *status*, where the store uses it as HTTP means it."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return errors.ServerError
    return errors.BadRequest if status >= 400 else errors.ApiError


def api_error(
    service: str,
    reply: Response,
    *,
    method: str,
    detail: str = "",
    code: str | None = None,
    kind: type[errors.ApiError] | None = None,
    secrets: Iterable[str] = (),
) -> errors.ApiError:
    """The error for *reply*, in one line: the store, what it said, and the status.

    Args:
        service: The store's name.
        reply: The answer.
        method: The request's method: only a write can have an unknown outcome.
        detail: What the store said; by default what :func:`said` finds.
        code: The store's own code.
        kind: The class, where the store means something else than its status says.
        secrets: To be masked in what the store said.
    """
    detail = one_line(scrub(detail or error_detail(reply), secrets))
    retry_after = parse_retry_after(reply.headers.get("retry-after"))
    text = f"{service}: {detail or 'no reason given'} (HTTP {reply.status})"
    if retry_after is not None:
        text += f"; it asks to wait {round(retry_after, 1):.15g} s"
    done_perhaps = (
        method not in SAFE_METHODS
        and (reply.status >= 500 or reply.status == 408)
        and reply.status not in _SURELY_NOT_DONE
        and not (reply.status == 503 and retry_after is not None)
    )
    return (kind or error_class(reply.status))(
        text,
        service=service,
        status=reply.status,
        code=code,
        detail=detail,
        retry_after=retry_after,
        request_id=reply.headers.get("x-request-id") or reply.headers.get("x-amz-request-id"),
        outcome="unknown" if done_perhaps else "not_done",
    )


def error_detail(reply: Response) -> str:
    """What a store or a proxy said is wrong, from JSON, HTML or text; the reason phrase when the body says nothing."""
    kind = reply.media_type
    if kind.endswith("json"):
        try:
            return _detail_from_json(reply.json()) or reply.reason
        except (ValueError, RecursionError):
            return reply.reason
    if kind == "text/html" or reply.body.lstrip()[:1] == b"<":
        return _detail_from_html(reply.text) or reply.reason
    return reply.text.strip() or reply.reason


def _detail_from_json(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "; ".join(filter(None, map(_detail_from_json, value)))
    if isinstance(value, dict):
        for key in ("error", "message", "detail", "description", "errors", "error_list", "title"):
            if text := _detail_from_json(value.get(key)):
                return text
    return ""


def _detail_from_html(text: str) -> str:
    for tag in ("pre", "title", "h1"):
        # Opening and end apart, and no scan across a "<": a page made for it would take one pattern minutes.
        opening = re.search(rf"(?i)<{tag}\b[^<>]*>", text)
        end = opening and re.compile(rf"(?i)</{tag}\b").search(text, opening.end())
        if opening and end:
            inner = re.sub(r"<[^<>]*>", " ", text[opening.end() : end.start()])
            if plain := unescape(inner).strip():
                return plain
    return ""


def parse_response(service: str, call: Call[T], reply: Response) -> T:
    """The value that *call* reads from a good *reply*; ``InvalidResponse`` when it is not what the store promises."""
    read: Any = call.parse
    try:
        if isinstance(read, type) and issubclass(read, Model):
            return read.model_validate_json(reply.body)  # type: ignore[return-value]
        value: T = read(reply)
    except errors.LadingError:
        raise
    except (ValidationError, ValueError, LookupError, TypeError, AttributeError) as error:
        quotes = isinstance(error, ValueError) and not isinstance(error, (ValidationError, JSONDecodeError))
        raise errors.InvalidResponse(
            f"{service}: {call.method} {call.url_template} was answered with {_describe(reply)}, "
            f"which is not what the store promises: {_first_line(error)}",
            outcome="not_done" if call.method in SAFE_METHODS else "unknown",
        ) from (None if quotes else error)  # int() and its like show what they were given, and a traceback shows them
    return value


def _describe(reply: Response) -> str:
    return f"{reply.status} and {len(reply.body)} bytes of {reply.media_type or 'no stated type'}"


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first: Mapping[str, Any] = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        return one_line(f"{where}: {first['msg']}" if where else first["msg"])
    # The text of other errors may quote the answer, which may hold a secret.
    return type(error).__name__

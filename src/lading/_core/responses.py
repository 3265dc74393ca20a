"""Parsing responses: values out of successes, errors out of refusals."""

from __future__ import annotations

import re
from html import unescape
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from lading._core.api_errors import make_api_error
from lading._core.call import SAFE_METHODS
from lading._core.redact import one_line
from lading._core.retry import GATEWAY_STATUSES, parse_retry_after
from lading.errors import (
    ApiError,
    BadRequest,
    Conflict,
    Forbidden,
    InvalidResponse,
    LadingError,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    ServerError,
    Unauthorized,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lading._core.call import Call
    from lading._core.messages import Response

T = TypeVar("T")

_BY_STATUS: dict[int, type[ApiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: NotFound,
    412: Conflict,
    413: PayloadTooLarge,
    429: RateLimited,
}
# The server says that it did not do the work: 501 it cannot, 505 it did not read it, 511 a captive portal before it.
SURELY_NOT_DONE = {501, 505, 511}


def error_class(status: int) -> type[ApiError]:
    """Return the class that fits an HTTP *status*, where the store uses it as HTTP means it."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return ServerError
    return BadRequest if status >= 400 else ApiError


def api_error(
    service: str,
    response: Response,
    *,
    method: str,
    detail: str = "",
    code: str | None = None,
    errors: Iterable[tuple[str, str]] = (),
    kind: type[ApiError] | None = None,
    secrets: Iterable[str] = (),
    final: bool = False,
) -> ApiError:
    """Make the error for *response*, in one line: the store, its message, and the status.

    Args:
        service: The store's name.
        response: The response.
        method: The request's method: only a write can have an unknown outcome.
        detail: The store's message; by default what :func:`error_detail` finds.
        code: The store's own code.
        errors: Every (code, message) that the store sent.
        kind: The class, where the store means something else than its status says.
        secrets: To be masked in the store's message.
        final: Whether this is the store's last word, not to be retried.
    """
    detail = detail or error_detail(response)
    retry_after = parse_retry_after(response.headers.get("retry-after"))
    suffix = f" (HTTP {response.status})"
    if retry_after is not None:
        suffix += f"; wait {round(retry_after, 1):.15g} s (Retry-After)"
    may_be_done = (
        method not in SAFE_METHODS
        and (response.status >= 500 or response.status in GATEWAY_STATUSES)
        and response.status not in SURELY_NOT_DONE
        and not (response.status == 503 and retry_after is not None)
    )
    return make_api_error(
        kind or error_class(response.status),
        service,
        detail or "no reason given",
        suffix=suffix,
        detail=detail,
        status=response.status,
        code=code,
        errors=errors,
        retry_after=retry_after,
        request_id=response.headers.get("x-request-id") or response.headers.get("x-amz-request-id"),
        outcome="unknown" if may_be_done else "not_done",
        final=final,
        secrets=secrets,
    )


def error_detail(response: Response) -> str:
    """Return what a store or a proxy says is wrong, from JSON, HTML or plain text, else the reason phrase."""
    kind = response.media_type
    if kind.endswith("json"):
        try:
            return _detail_from_json(response.json()) or response.reason
        except (ValueError, RecursionError):
            return response.reason
    if kind == "text/html" or response.body.lstrip()[:1] == b"<":
        return _detail_from_html(response.text) or response.reason
    return response.text.strip() or response.reason


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
        # Start and end tag apart, and no scan across a "<": a page made for it would take one pattern minutes.
        opening = re.search(rf"(?i)<{tag}\b[^<>]*>", text)
        end = opening and re.compile(rf"(?i)</{tag}\b").search(text, opening.end())
        if opening and end:
            inner = re.sub(r"<[^<>]*>", " ", text[opening.end() : end.start()])
            if plain := unescape(inner).strip():
                return plain
    return ""


def parse_response(service: str, call: Call[T], response: Response) -> T:
    """Parse a successful *response* as *call* says; ``InvalidResponse`` when it is not what the store promises."""
    parse: Any = call.parse
    if parse is None:
        return response  # type: ignore[return-value] # T is Response then
    try:
        validate = getattr(parse, "model_validate_json", None)
        value: T = parse(response) if validate is None else validate(response.body)
    except (LadingError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - a server can make a reader raise anything
        quotes = isinstance(error, ValueError) and not isinstance(error, (ValidationError, JSONDecodeError))
        # int() and similar quote their argument, and a traceback shows it.
        raise unreadable_error(service, call, response, error) from (None if quotes else error)
    return value


def unreadable_error(service: str, call: Call[Any], response: Response, error: Exception) -> InvalidResponse:
    """Create the error for a successful *response* whose reader has raised *error*."""
    return InvalidResponse(
        f"{service}: the response to {call.method} {call.url_template} is {_describe(response)}, "
        f"which is not what the store promises: {_first_line(error)}",
        outcome="not_done" if call.method in SAFE_METHODS else "unknown",
    )


def _describe(response: Response) -> str:
    return f"{response.status} with {len(response.body)} bytes of {response.media_type or 'no stated type'}"


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first: Mapping[str, Any] = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        return one_line(f"{where}: {first['msg']}" if where else first["msg"])
    # The text of other errors may quote the response, which may hold a secret.
    return type(error).__name__

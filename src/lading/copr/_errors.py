"""Copr's errors, read from its responses. Pure."""

from __future__ import annotations

import ast
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from lading._core.responses import api_error, error_class, error_detail
from lading.errors import BadRequest, Conflict, Forbidden, JobFailed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lading._core.messages import Response
    from lading._core.service import Service
    from lading.copr._models.builds import Build
    from lading.errors import ApiError, LadingError

# Sent with 400 or 500, and caused by the current state of what the request is about.
_CONFLICT = re.compile(
    r"(?i)\balready (?:have|has|exist)|into existing project|still running|in progress|unfinished|not finished"
    r"|can not delete build|\(race condition\)"
)
# Sent with 400 by what deletes several builds.
_FORBIDDEN = re.compile(r"(?i)^you don't have permissions to ")
# Sent with 500 when the build has not ended; it reads as if rights were missing.
_RUNNING = re.compile(r"(?i)can not delete build \d+$")
# A caller's mistake, sent with 500 (frontend of August 2026).
_MISTAKE = re.compile(r"(?i)^cannot order by|not a valid|is not valid|invalid")
_FORM = re.compile(r"(?s)^Bad request parameters: (\{.*\})$")
# Longer ones are not a list of form errors, and too costly to parse.
_LONGEST_FORM = 4096


class BuildFailed(JobFailed):
    """A build that failed, or was canceled.

    Attributes:
        build: The build in its final state.
    """

    def __init__(self, message: str, *, build: Build) -> None:
        super().__init__(message)
        self.build: Build = build

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), build=self.build), self.args, self.__dict__


def extend_message(error: LadingError, more: str) -> None:
    """Add to the message of *error*, in the same line."""
    error.args = (f"{error}; {more}", *error.args[1:])


def read_error(service: Service, response: Response, method: str, secrets: Iterable[str]) -> ApiError:
    """Return the error that a Copr frontend, or a proxy before it, has sent.

    Args:
        service: The frontend.
        response: The response.
        method: The request's method.
        secrets: To be masked in the message.
    """
    by_copr = _is_from_copr(response)
    status = response.status
    detail = error_detail(response)
    if by_copr:
        detail = _flatten_detail(detail)
    elif status == 401:
        detail = f"{detail}: the web server requires a Kerberos ticket (kinit), or there is no login and token"
    kind = error_class(status)
    if by_copr and status == 500 and _RUNNING.search(detail):
        detail += ": it is still running; cancel it, or wait until it has ended, before deleting it"
    if by_copr and status == 400 and _FORBIDDEN.search(detail):
        kind = Forbidden
    elif by_copr and status in (400, 500) and _CONFLICT.search(detail):
        kind = Conflict
    elif by_copr and status == 500 and _MISTAKE.search(detail):
        kind = BadRequest
    # The frontend's own exception handler has responded: the work was rolled back, and would fail again.
    final = by_copr and status == 500
    error = api_error(service.name, response, method=method, detail=detail, kind=kind, secrets=secrets, final=final)
    if final:
        error.outcome = "not_done"
    return error


def _is_from_copr(response: Response) -> bool:
    """Return whether the frontend itself has responded, and not a proxy."""
    try:
        found: Any = response.json() if response.media_type.endswith("json") else None
    except ValueError:
        return False
    return isinstance(found, dict) and "error" in found


def _flatten_detail(text: str) -> str:
    """Return *text* in one line, and form errors without Python's braces."""
    form = _FORM.match(text) if len(text) <= _LONGEST_FORM else None
    if form is not None:
        try:
            found: dict[str, list[str]] = ast.literal_eval(form[1])
            return "; ".join(f"{name}: {' '.join(reasons)}" for name, reasons in found.items())
        except (ValueError, SyntaxError, TypeError, AttributeError, MemoryError, RecursionError):
            return text
    return "; ".join(filter(None, map(str.strip, text.splitlines())))

"""What Copr means when it says no. Pure."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

from lading._core.responses import api_error, error_class, error_detail
from lading.errors import BadRequest, Conflict, JobFailed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lading._core.messages import Response
    from lading._core.service import Service
    from lading.copr._models.builds import Build
    from lading.errors import ApiError

# Said with 400 or 500, and meaning: not as things are now.
_CONFLICT = re.compile(
    r"(?i)\balready (?:have|has|exist)|into existing project|still running|in progress|unfinished|not finished"
    r"|can not delete build"
)
# A caller's mistake, said with 500 (frontend of August 2026).
_MISTAKE = re.compile(r"(?i)^cannot order by|not a valid|invalid")
_FORM = re.compile(r"(?s)^Bad request parameters: (\{.*\})$")
# Longer ones are no list of form errors, and not worth a parser's time.
_LONGEST_FORM = 4096


class BuildFailed(JobFailed):
    """A build that failed, or was canceled.

    Attributes:
        build: The build as it ended.
    """

    def __init__(self, message: str, *, build: Build | None = None) -> None:
        super().__init__(message)
        self.build = build


def read_error(service: Service, reply: Response, method: str, secrets: Iterable[str]) -> ApiError:
    """The error of a Copr frontend, or of a proxy before it."""
    by_copr = _is_json(reply)
    detail = error_detail(reply)
    if by_copr:
        detail = _flatten_detail(detail)
    elif reply.status == 401:
        detail = f"{detail}: the web server wants a Kerberos ticket (kinit), or there is no login and token"
    kind = error_class(reply.status)
    if by_copr and reply.status in (400, 500) and _CONFLICT.search(detail):
        kind = Conflict
    elif by_copr and reply.status == 500 and _MISTAKE.search(detail):
        kind = BadRequest
    # The frontend's own handler of exceptions has responded: the work was rolled back, and would fail again.
    final = by_copr and reply.status == 500
    error = api_error(service.name, reply, method=method, detail=detail, kind=kind, secrets=secrets, final=final)
    if final:
        error.outcome = "not_done"
    return error


def _is_json(reply: Response) -> bool:
    try:
        found: Any = reply.json() if reply.media_type.endswith("json") else None
    except ValueError:
        return False
    return isinstance(found, dict) and "error" in found


def _flatten_detail(text: str) -> str:
    """Form errors without the braces of Python; lines as one."""
    form = _FORM.match(text) if len(text) <= _LONGEST_FORM else None
    if form is not None:
        try:
            found: dict[str, list[str]] = ast.literal_eval(form[1])
            return "; ".join(f"{name}: {' '.join(reasons)}" for name, reasons in found.items())
        except (ValueError, SyntaxError, TypeError, AttributeError, MemoryError, RecursionError):
            return text
    return "; ".join(filter(None, map(str.strip, text.splitlines())))

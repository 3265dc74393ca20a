"""Reading the errors of a package index. Pure."""

from __future__ import annotations

import re
from html import unescape
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lading._core.redact import one_line, safe_url
from lading._core.responses import api_error, error_class, error_detail
from lading.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lading._core.messages import Response
    from lading._core.service import Service
    from lading.errors import ApiError

# What frameworks call what is wrong with no field, but with all together.
_NO_FIELDS = {"base", "non_field_errors", "__all__"}
# Appended to a bare 401 or 403, pypiserver's response to a wrong password.
_HINTS = {
    401: ": give a token or a password, and check that it is right",
    403: ": the token or password is wrong, or is not for this project",
}


# "The file exists" with another status than 409: of the official index and (to some clients) pypiserver, of Nexus on
# either of its databases, of GitLab; of Artifactory, to users who may add and not replace.
_TAKEN = {
    400: r"(?i)already exist|filename was previously used|not allow updating asset|cannot be updated|been taken",
    403: r"(?i)overwrite artifact",
}


def read_error(service: Service, response: Response, method: str, secrets: Iterable[str]) -> ApiError:
    """Make the error from the JSON ``code``, the reason phrase or the page, whichever says most."""
    usual = _usual_phrases(response.status)
    detail = re.sub(rf"(?i)^(error: )?{response.status} ", "", _index_detail(response, usual) or error_detail(response))
    if detail.lower() in {"", "none", "unknown error.", *map(str.lower, usual)}:
        detail = (usual[0] if usual else "") + _HINTS.get(response.status, "")
    if response.status in (404, 405, 410) and response.url:
        detail += f": {method} {place_of(response.url)}"
        if method == "POST":
            detail += ": is upload_url right?"
    kind = error_class(response.status)
    if response.status in _TAKEN and re.search(_TAKEN[response.status], detail):
        kind = Conflict
    return api_error(service.name, response, method=method, detail=detail, kind=kind, secrets=secrets)


def place_of(url: str) -> str:
    """Return the last two parts of the path of *url*, and its host: no more, as some indexes have a token in it."""
    parts = urlsplit(safe_url(url))
    segments = [segment for segment in parts.path.split("/") if segment][-2:]
    slash = "/" if parts.path.endswith("/") and segments else ""
    return one_line(f"{'/'.join(segments)}{slash} at {parts.netloc}".strip())


def _index_detail(response: Response, usual: tuple[str, ...]) -> str:
    """Return the index's own message; empty where it is in the usual places of the body."""
    if response.media_type.endswith("json"):
        try:
            found = response.json()
            code = found.get("code")
        except (ValueError, AttributeError):
            found, code = {}, None
        if isinstance(code, str) and re.match(r"\d{3} .", code):
            return code[4:]
        for reasons in (_reasons(found.get("errors")), _field_reasons(found)):
            if text := "; ".join(reasons):
                return text
    if response.media_type == "text/html" and (section := re.search(r'class="content-section">([^<]+)', response.text)):
        return unescape(section[1]).strip()  # Nexus, whose title is its own name
    reason = re.sub(r"^\d{3} ", "", response.reason)
    if reason.lower() in map(str.lower, usual) or (response.media_type == "text/html" and b"<pre" in response.body):
        return ""
    return reason


def _reasons(errors: Any) -> Iterator[str]:
    """Yield each reason why no token was minted: its description and its code."""
    for error in errors if isinstance(errors, list) else ():
        match error:
            case {"code": str(code), "description": str(description)}:
                yield f"{description} ({code})"


def _field_reasons(found: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with each field: GitLab's ``{"message": {field: [text]}}``, others' ``{field: [text]}``."""
    nested = next((found[name] for name in ("message", "errors", "error", "detail") if name in found), found)
    for field, texts in nested.items() if isinstance(nested, dict) else ():
        said = ", ".join(text for text in texts if isinstance(text, str)) if isinstance(texts, list) else ""
        if said:
            yield said if field in _NO_FIELDS else f"{field}: {said}"


# Phrases that servers still send, and that HTTP, and Python 3.13 with it, has changed.
_OLD_PHRASES = {
    413: ("Request Entity Too Large", "Payload Too Large", "Content Too Large"),
    422: ("Unprocessable Entity", "Unprocessable Content"),
}


def _usual_phrases(status: int) -> tuple[str, ...]:
    """Return the phrases that say no more than the status itself."""
    if status in _OLD_PHRASES:
        return _OLD_PHRASES[status]
    try:
        return (HTTPStatus(status).phrase,)
    except ValueError:
        return ()

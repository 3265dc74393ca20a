"""What an index means when it says no. Pure."""

from __future__ import annotations

import re
from html import unescape
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from lading._core.responses import api_error, error_class, error_detail
from lading.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lading._core.messages import Response
    from lading._core.service import Service
    from lading.errors import ApiError

# What is said for a bare 401 or 403, as pypiserver answers a wrong password with.
_HINTS = {
    401: ": give a token or a password, and check that it is right",
    403: ": the token or password is wrong, or is not for this project",
}


# "Already there", said with another status than 409: by the official index and (to some clients) pypiserver, Nexus on
# either of its databases, GitLab; Artifactory, to who may add and not replace.
_TAKEN = {
    400: r"(?i)already exist|filename was previously used|not allow updating asset|cannot be updated|been taken",
    403: r"(?i)overwrite artifact",
}


def read_error(service: Service, reply: Response, method: str, secrets: Iterable[str]) -> ApiError:
    """The error of an index: by the JSON ``code``, the reason phrase, or the page, whichever says most."""
    usual = _usual_phrases(reply.status)
    detail = re.sub(rf"(?i)^(error: )?{reply.status} ", "", _index_detail(reply, usual) or error_detail(reply))
    if detail.lower() in {"", "none", "unknown error.", *map(str.lower, usual)}:
        detail = (usual[0] if usual else "") + _HINTS.get(reply.status, "")
    kind = error_class(reply.status)
    if reply.status in _TAKEN and re.search(_TAKEN[reply.status], detail):
        kind = Conflict
    return api_error(service.name, reply, method=method, detail=detail, kind=kind, secrets=secrets)


def _index_detail(reply: Response, usual: tuple[str, ...]) -> str:
    """What the index itself says; empty to take what the body says in the usual places."""
    if reply.media_type.endswith("json"):
        try:
            found = reply.json()
            code = found.get("code")
        except (ValueError, AttributeError):
            found, code = {}, None
        if isinstance(code, str) and re.match(r"\d{3} .", code):
            return code[4:]
        if reasons := "; ".join(_reasons(found.get("errors"))):
            return reasons
    if reply.media_type == "text/html" and (section := re.search(r'class="content-section">([^<]+)', reply.text)):
        return unescape(section[1]).strip()  # Nexus, whose title is its own name
    reason = re.sub(r"^\d{3} ", "", reply.reason)
    if reason.lower() in map(str.lower, usual) or (reply.media_type == "text/html" and b"<pre" in reply.body):
        return ""
    return reason


def _reasons(errors: Any) -> Iterator[str]:
    """Why no token was minted: what people and what programs are told, of each reason."""
    for error in errors if isinstance(errors, list) else ():
        match error:
            case {"code": str(code), "description": str(description)}:
                yield f"{description} ({code})"


# What servers still say where HTTP, and Python 3.13 with it, has changed the phrase.
_OLD_PHRASES = {
    413: ("Request Entity Too Large", "Payload Too Large", "Content Too Large"),
    422: ("Unprocessable Entity", "Unprocessable Content"),
}


def _usual_phrases(status: int) -> tuple[str, ...]:
    """What says no more than the status itself."""
    if status in _OLD_PHRASES:
        return _OLD_PHRASES[status]
    try:
        return (HTTPStatus(status).phrase,)
    except ValueError:
        return ()

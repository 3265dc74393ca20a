"""Errors of Charmhub, the Snap Store, Ubuntu One and Candid, read from their responses. Pure."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from lading._core.responses import api_error, error_class, error_detail
from lading.errors import Conflict, Forbidden, JobFailed, NotFound, RateLimited, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lading._core.messages import Response
    from lading._core.service import Service
    from lading.canonical._reviews import Review
    from lading.errors import ApiError

# A store's own code, where it means something else than the status that it comes with.
_KINDS: dict[str, type[ApiError]] = {
    "already-registered": Conflict,
    "already-owned": Conflict,
    "already-exists": Conflict,
    "reserved-name": Conflict,
    "conflict": Conflict,
    "conflicting-tracks": Conflict,
    "register-window": RateLimited,
    "resource-not-found": NotFound,
    "name-not-registered": NotFound,
    "resource-forbidden": Forbidden,
    "permission-required": Forbidden,
    "macaroon-permission-required": Forbidden,
    "macaroon-needs-refresh": Unauthorized,
    "invalid-credentials": Unauthorized,
    "twofactor-required": Unauthorized,
    "twofactor-failure": Unauthorized,
}
# What some codes mean that come without a message.
_MEANINGS = {
    "already-registered": "the name is registered already",
    "already-owned": "the name is registered already, by this account",
    "reserved-name": "the name is reserved",
    "register-window": "names are registered too fast",
}
_LOG_IN_AGAIN = ": the credentials have expired or were revoked; log in again (tokens.login) or pass new ones (%s)"
ERROR_LISTS = ("error-list", "error_list", "errors")
# Above it, a wait is no number that anybody means.
_MOST_SECONDS = 1e9


class ReviewRejected(JobFailed):
    """A revision that the store's review has rejected.

    Attributes:
        review: The review, with the store's reasons.
    """

    def __init__(self, message: str, *, review: Review) -> None:
        super().__init__(message)
        self.review: Review = review

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), review=self.review), self.args, self.__dict__


def read_error(service: Service, response: Response, method: str, secrets: Iterable[str]) -> ApiError:
    """Return the error that one of Canonical's services, or a proxy before it, has sent.

    Args:
        service: The service.
        response: The response.
        method: The request's method.
        secrets: To be masked in the message.
    """
    return _read(service, response, method, secrets, sent_credentials=False)


def read_api_error(
    service: Service, response: Response, method: str, secrets: Iterable[str], *, variable: str = ""
) -> ApiError:
    """Return the error of the API, which alone is sent credentials: when it does not accept them, with what to do.

    Args:
        service: The service.
        response: The response.
        method: The request's method.
        secrets: To be masked in the message.
        variable: The environment variable that new credentials can be set in.
    """
    return _read(service, response, method, secrets, sent_credentials=True, variable=variable)


def _read(
    service: Service,
    response: Response,
    method: str,
    secrets: Iterable[str],
    *,
    sent_credentials: bool,
    variable: str = "",
) -> ApiError:
    body = _body(response)
    listed = tuple(_entries(body))
    flat = _text(body.get("code")) or _text(body.get("Code"))
    code = next((code for code, _ in listed if code), None) or flat or None
    detail = "; ".join(message for _, message in listed if message) or _flat(body)
    detail = detail or _MEANINGS.get(_normal(code or "")) or error_detail(response)
    errors = listed
    if flat and _normal(flat) not in {_normal(code) for code, _ in listed}:
        # Ubuntu One's own, besides those of its list.
        errors = (*listed, (flat, _flat(body) if listed else detail))
    kind = _KINDS.get(_normal(code or "")) or error_class(response.status)
    if response.status == 401 and kind is Forbidden:
        kind = Unauthorized  # "permission required" is said of credentials that are not accepted, too
    if kind is Unauthorized and (needs_refresh(response) or (sent_credentials and response.status == 401)):
        places = f"token= or {variable}" if variable else "token="
        detail = (detail or "the credentials are not accepted") + _LOG_IN_AGAIN % places
    return api_error(
        service.name,
        _with_retry_after(response, body),
        method=method,
        detail=detail,
        code=code,
        errors=errors,
        kind=kind,
        secrets=secrets,
    )


def wants_second_factor(error: ApiError) -> bool:
    """Return whether Ubuntu One refused a login for the lack of a one-time password, in either way."""
    return any(
        "twofactor-required" in _normal(code) or "otp required" in message.lower() for code, message in error.errors
    )


def needs_refresh(response: Response) -> bool:
    """Return whether a response says that the credentials have to be refreshed, in either way.

    Source: 401 with the code ``macaroon-needs-refresh`` (the Snap Store), or ``WWW-Authenticate: Macaroon
    needs_refresh=1`` with another code (Canonical's own double of it).
    """
    if response.status != 401:
        return False
    challenge = response.headers.get("www-authenticate", "").replace(" ", "").lower()
    return "needs_refresh=1" in challenge or "macaroon-needs-refresh" in error_codes(response)


def error_codes(response: Response) -> frozenset[str]:
    """Return all codes in the body of a response, in lower case and with hyphens."""
    body = _body(response)
    codes = [code for code, _ in _entries(body)] + [_text(body.get("code")), _text(body.get("Code"))]
    return frozenset(_normal(code) for code in codes if code)


def read_accepted(response: Response) -> bool:
    """Read a success that has no content of interest, and is not always JSON: a page of something between is none.

    Raises:
        TypeError: It is a page, or JSON that is no object or says that something is wrong.
    """
    body = response.body.lstrip()
    if not body or not response.media_type.endswith("json"):
        if body.startswith(b"<") or "html" in response.media_type:
            raise TypeError("a page")
        return True
    value = response.json()
    if not isinstance(value, dict) or any(value.get(name) for name in ("error", *ERROR_LISTS)):
        raise TypeError("no acceptance")
    return True


def _normal(code: str) -> str:
    return code.lower().replace("_", "-")


def _body(response: Response) -> dict[str, Any]:
    if not response.media_type.endswith("json"):
        return {}
    try:
        value = response.json()
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {"errors": value}


def _entries(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (code, message) for each entry of the lists that errors come in."""
    for name in ERROR_LISTS:
        found = body.get(name)
        for entry in found if isinstance(found, list) else ():
            if isinstance(entry, dict):
                yield _text(entry.get("code")), _text(entry.get("message"))
            elif isinstance(entry, str):
                yield "", entry


def _flat(body: dict[str, Any]) -> str:
    """Return the message of an error without a list."""
    for name in ("message", "Message", "error_message", "error-message", "detail", "title"):
        if text := _text(body.get(name)):
            return text
    return ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _with_retry_after(response: Response, body: dict[str, Any]) -> Response:
    """Return the response with the ``retry_after`` of its body as the header, which the retry rule reads."""
    if "retry-after" in response.headers:
        return response
    seconds = next((found for one in _objects(body) if (found := _seconds(one)) is not None), None)
    if seconds is None:
        return response
    return replace(response, headers={**response.headers, "retry-after": f"{seconds:f}"})


def _objects(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the objects of an error that may say more: its own, those of its lists, and the ``extra`` of each."""
    listed = (entry for name in ERROR_LISTS if isinstance(body.get(name), list) for entry in body[name])
    for one in (body, *listed):
        if isinstance(one, dict):
            yield one
            if isinstance(one.get("extra"), dict):
                yield one["extra"]


def _seconds(one: dict[str, Any]) -> float | None:
    found = one.get("retry_after", one.get("retry-after"))
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        return None
    return found if 0 <= found < _MOST_SECONDS else None

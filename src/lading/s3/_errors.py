"""What S3 and SSM mean when they say no, and the stager's own errors. Pure."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

from lading._core.responses import api_error, error_class
from lading._core.retry import parse_retry_after
from lading.errors import (
    ApiError,
    Conflict,
    Forbidden,
    NotFound,
    RateLimited,
    ServerError,
    Unauthorized,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lading._core.messages import Response
    from lading._core.service import Service

# By code, where the status says something else (SSM answers everything with 400).
_BY_CODE: dict[str, type[ApiError]] = {
    "AccessDeniedException": Forbidden,
    "ConcurrentModification": Conflict,
    "ConditionalRequestConflict": Conflict,
    "ExpiredToken": Unauthorized,
    "ExpiredTokenException": Unauthorized,
    "InternalServerError": ServerError,
    "InvalidAccessKeyId": Unauthorized,
    "NoSuchBucket": NotFound,
    "NoSuchKey": NotFound,
    "NoSuchUpload": NotFound,
    "ParameterAlreadyExists": Conflict,
    "ParameterNotFound": NotFound,
    "PreconditionFailed": Conflict,
    "RequestTimeTooSkewed": Unauthorized,
    "SignatureDoesNotMatch": Unauthorized,
    "SlowDown": RateLimited,
    "ThrottlingException": RateLimited,
    "TooManyUpdates": RateLimited,
    "UnrecognizedClientException": Unauthorized,
}


class VersionExists(Conflict):
    """The version is staged already, with other bytes or other metadata: a version cannot be changed."""


def error_class_for(status: int, code: str) -> type[ApiError]:
    """The class that fits what a service said."""
    return _BY_CODE.get(code) or error_class(status)


def read_error(service: Service, reply: Response, method: str, secrets: Iterable[str]) -> ApiError:
    """The error of an answer of S3's, in XML."""
    code, message = _element(reply.text, "Code"), _element(reply.text, "Message")
    error = api_error(
        service.name,
        reply,
        method=method,
        detail=": ".join(filter(None, (code, message))),
        code=code or None,
        kind=error_class_for(reply.status, code),
        secrets=secrets,
    )
    if isinstance(error, RateLimited):
        error.outcome = "not_done"
    return error


def botocore_error(
    service: str, operation: str, status: int, *, code: str, message: str, headers: Mapping[str, str], reads: bool
) -> ApiError:
    """The same, of what botocore has read."""
    kind = error_class_for(status, code)
    retry_after = parse_retry_after(headers.get("retry-after"))
    lost = not reads and status >= 500 and kind is ServerError
    shown = ": ".join(filter(None, (code if not code.isdigit() else "", message))) or "no reason given"
    return kind(
        f"{service}: {operation}: {shown} (HTTP {status})",
        service=service,
        status=status,
        code=code,
        detail=message,
        retry_after=retry_after,
        request_id=headers.get("x-amz-request-id") or headers.get("x-amzn-requestid"),
        outcome="unknown" if lost else "not_done",
    )


def _element(text: str, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>", text)
    return unescape(found[1]).strip() if found else ""

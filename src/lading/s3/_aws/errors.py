"""Errors of S3, SSM and botocore, as lading's."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import BotoCoreError, NoCredentialsError

from lading._core.api_errors import make_api_error
from lading._core.responses import api_error, error_class
from lading._core.retry import parse_retry_after
from lading.errors import (
    ApiError,
    ConfigError,
    Conflict,
    Forbidden,
    NotFound,
    RateLimited,
    ServerError,
    Unauthorized,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Mapping

    from botocore.exceptions import ClientError

    from lading._core.messages import Response
    from lading._core.service import Service

T = TypeVar("T")

# By code, where the status says something else (SSM responds to every error with 400).
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


def error_class_for(status: int, code: str) -> type[ApiError]:
    """Return the class for a status and an error code."""
    if status == 304:  # of a write: a condition that does not hold, as some stores say it
        return Conflict
    return _BY_CODE.get(code) or error_class(status)


def read_error(service: Service, response: Response, method: str, secrets: Iterable[str]) -> ApiError:
    """Read the error of a response of S3, which is XML."""
    code, message = _element(response.text, "Code"), _element(response.text, "Message")
    error = api_error(
        service.name,
        response,
        method=method,
        detail=": ".join(filter(None, (code, message))),
        code=code or None,
        kind=error_class_for(response.status, code),
        secrets=secrets,
    )
    if isinstance(error, RateLimited):
        error.outcome = "not_done"
    return error


def _element(text: str, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>", text)
    return unescape(found[1]).strip() if found else ""


def client_error(service: str, operation: str, error: ClientError, *, reads: bool) -> ApiError:
    """Translate botocore's error of a response.

    Args:
        service: The service's name.
        operation: The operation, as AWS calls it.
        error: The error.
        reads: Whether the operation changes nothing.
    """
    details = error.response.get("Error", {})
    meta = error.response.get("ResponseMetadata", {})
    return botocore_error(
        service,
        operation,
        int(meta.get("HTTPStatusCode", 0)),
        code=str(details.get("Code", "")),
        message=str(details.get("Message", "")),
        headers=meta.get("HTTPHeaders", {}),
        reads=reads,
    )


def botocore_error(
    service: str, operation: str, status: int, *, code: str, message: str, headers: Mapping[str, str], reads: bool
) -> ApiError:
    """Create the error of a response that botocore has read.

    Args:
        service: The service's name.
        operation: The operation, as AWS calls it.
        status: The HTTP status.
        code: The error code.
        message: The error message.
        headers: The response's headers, names in lower case.
        reads: Whether the operation changes nothing.
    """
    kind = error_class_for(status, code)
    retry_after = parse_retry_after(headers.get("retry-after"))
    lost = not reads and status >= 500 and kind is ServerError
    shown = ": ".join(filter(None, (code if not code.isdigit() else "", message))) or "no reason given"
    return make_api_error(
        kind,
        service,
        f"{operation}: {shown}",
        suffix=f" (HTTP {status})",
        detail=message,
        status=status,
        code=code,
        retry_after=retry_after,
        request_id=headers.get("x-amz-request-id") or headers.get("x-amzn-requestid"),
        outcome="unknown" if lost else "not_done",
    )


async def translate_botocore_errors(work: Awaitable[T]) -> T:
    """Await *work* and return its result; raise botocore's own errors as ``ConfigError``."""
    try:
        return await work
    except NoCredentialsError:
        raise no_credentials() from None
    except BotoCoreError as error:
        raise ConfigError(f"s3: {type(error).__name__}: {error}") from error


def no_credentials() -> ConfigError:
    """Create the error for missing credentials."""
    return ConfigError("s3: no AWS credentials were found: set AWS_PROFILE or AWS_ACCESS_KEY_ID, or hand in a session")

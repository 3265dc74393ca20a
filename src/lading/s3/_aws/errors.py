"""Errors of S3, SSM, STS and botocore, as lading's."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.parsers import ResponseParserError

from lading._core.api_errors import make_api_error
from lading._core.messages import Response
from lading._core.redact import one_line, scrub
from lading._core.responses import SURELY_NOT_DONE, api_error, error_class, error_detail
from lading._core.retry import parse_retry_after
from lading.errors import (
    ApiError,
    ConfigError,
    Conflict,
    Forbidden,
    InvalidResponse,
    LadingError,
    NotFound,
    RateLimited,
    ServerError,
    Unauthorized,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Mapping

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
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException"})
# What a bucket in another region responds with; 400 when the signature is for the wrong region.
_MOVED_STATUSES = {301, 302, 307, 400}
_REGION = re.compile(r"[a-z0-9-]{1,40}\Z")
# AWS quotes the request that it expected a signature of, with the session token in it.
_QUOTED_REQUEST = re.compile(r"(?is)(?:the )?(?:canonical string|canonical request|string-to-sign).*")
_LONGEST_MESSAGE = 8192


def error_class_for(status: int, code: str) -> type[ApiError]:
    """Return the class for a status and an error code."""
    if status == 304:  # of a write: a condition that does not hold, as some stores say it
        return Conflict
    return _BY_CODE.get(code) or error_class(status)


def read_error(service: Service, response: Response, method: str, secrets: Iterable[str]) -> ApiError:
    """Read the error of a response of S3, which is XML."""
    code, message = _element(response.text, "Code"), _readable(_element(response.text, "Message"))
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
    _note_region(error, response.headers.get("x-amz-bucket-region") or _element(response.text, "Region"))
    return error


def _element(text: str, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>", text)
    return unescape(found[1]).strip() if found else ""


def _readable(message: str) -> str:
    """Return what *message* says, without the request that AWS may quote in it, and without HTML."""
    message = _QUOTED_REQUEST.sub("", message[:_LONGEST_MESSAGE]).strip()
    if message.startswith("<"):
        return error_detail(Response(0, {"content-type": "text/html"}, message.encode(errors="replace")))
    return message


def _note_region(error: ApiError, region: object) -> None:
    """Note on *error* in which region the bucket is, by the store."""
    if error.status in _MOVED_STATUSES and isinstance(region, str) and _REGION.match(region):
        vars(error)["bucket_region"] = region


def bucket_region_of(error: ApiError) -> str:
    """Return the region in which the bucket is, by the store; empty when *error* does not say so."""
    return str(vars(error).get("bucket_region", ""))


def client_error(
    service: str, operation: str, error: ClientError, *, reads: bool, secrets: Iterable[str] = ()
) -> ApiError:
    """Translate botocore's error of a response.

    Args:
        service: The service's name.
        operation: The operation, as AWS calls it.
        error: The error.
        reads: Whether the operation changes nothing.
        secrets: What signed the request.
    """
    details = error.response.get("Error", {})
    meta = error.response.get("ResponseMetadata", {})
    headers = meta.get("HTTPHeaders", {})
    found = botocore_error(
        service,
        operation,
        int(meta.get("HTTPStatusCode", 0)),
        code=str(details.get("Code") or ""),
        message=str(details.get("Message") or ""),
        headers=headers,
        reads=reads,
        secrets=secrets,
    )
    _note_region(found, headers.get("x-amz-bucket-region") or details.get("Region"))
    return found


def botocore_error(
    service: str,
    operation: str,
    status: int,
    *,
    code: str,
    message: str,
    headers: Mapping[str, str],
    reads: bool,
    secrets: Iterable[str] = (),
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
        secrets: What signed the request.
    """
    kind = error_class_for(status, code)
    message = _readable(message)
    shown = ": ".join(filter(None, (code if not code.isdigit() else "", message))) or "no reason given"
    lost = not reads and status >= 500 and status not in SURELY_NOT_DONE and kind is ServerError
    return make_api_error(
        kind,
        service,
        f"{operation}: {shown}",
        suffix=f" (HTTP {status})",
        detail=message,
        status=status,
        code=code,
        retry_after=parse_retry_after(headers.get("retry-after")),
        request_id=headers.get("x-amz-request-id") or headers.get("x-amzn-requestid"),
        outcome="unknown" if lost else "not_done",
        secrets=secrets,
    )


def invalid_response(service: str, operation: str, why: str, *, reads: bool) -> InvalidResponse:
    """Create the error of a success that is no response of the service: a proxy's page, or one cut short.

    Args:
        service: The service's name.
        operation: The operation, as AWS calls it.
        why: What is wrong with it.
        reads: Whether the operation changes nothing; else it may have been done.
    """
    return InvalidResponse(
        f"{service}: the response to {operation} {why}, which is not what {service} promises",
        outcome="not_done" if reads else "unknown",
    )


async def translate_botocore_errors(work: Awaitable[T]) -> T:
    """Await *work* and return its result; raise botocore's own errors, and those of credentials, as lading's."""
    try:
        return await work
    except LadingError:
        raise
    except NoCredentialsError:
        raise no_credentials() from None
    except ResponseParserError:
        # Its text quotes the response.
        raise invalid_response("s3", "a request", "cannot be parsed", reads=False) from None
    except BotoCoreError as error:
        raise ConfigError(one_line(scrub(f"s3: {type(error).__name__}: {error}"))) from None


async def load_credentials(work: Awaitable[T]) -> T:
    """Await *work*, which loads or renews credentials, and return its result; raise its errors as lading's."""
    try:
        return await translate_botocore_errors(work)
    except ClientError as error:
        raise client_error("sts", error.operation_name, error, reads=True) from None
    except LadingError:
        raise
    except OSError as error:
        raise unreadable_file(error) from error
    except RuntimeError as error:  # botocore: renewed credentials that have expired already
        raise ConfigError(one_line(scrub(f"s3: AWS credentials: {error}"))) from None


def unreadable_file(error: OSError) -> ConfigError:
    """Create the error for a file that credentials need, such as a web identity token."""
    name = f"the file {error.filename} " if error.filename else "a file "
    return ConfigError(
        f"s3: {name}that AWS credentials need cannot be read: {error.strerror or type(error).__name__}. It is named by "
        "AWS_WEB_IDENTITY_TOKEN_FILE, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE or a profile"
    )


def no_credentials() -> ConfigError:
    """Create the error for missing credentials."""
    return ConfigError("s3: no AWS credentials were found: set AWS_PROFILE or AWS_ACCESS_KEY_ID, or hand in a session")

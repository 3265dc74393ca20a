"""AWS's signatures, and its credentials' errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from botocore.auth import UNSIGNED_PAYLOAD, S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, NoCredentialsError

from lading._core.auth import Auth
from lading.errors import ConfigError
from lading.s3._aws.logs import suppress_botocore_logs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator

    from lading._core.call import Call, CallSender
    from lading._core.messages import Request

T = TypeVar("T")

# What is signed besides x-amz-*: a condition that got lost on the way would let a winner be overwritten.
_SIGNED = {"content-type", "content-md5", "if-match", "if-none-match"}


class SigV4(Auth):
    """AWS's signature, made anew for every attempt, in headers: none of it is in an address."""

    def __init__(self, credentials: Any, region: str) -> None:
        self._credentials = credentials
        self._region = region
        self._frozen: Any = None

    async def prepare(self, sender: CallSender) -> None:
        """Have credentials, refreshed where they were about to end."""
        del sender
        with suppress_botocore_logs():
            self._frozen = await translate_botocore_errors(self._credentials.get_frozen_credentials())

    def flow(self, request: Request) -> Generator[Request | Call[Any], Any, None]:
        """The signed request."""
        signed = {n: v for n, v in request.headers.items() if n.lower().startswith("x-amz-") or n.lower() in _SIGNED}
        wire = AWSRequest(method=request.method, url=request.url, headers=signed)
        with suppress_botocore_logs():
            _Signer(self._frozen, "s3", self._region).add_auth(wire)
        request.headers.pop("x-amz-content-sha256", None)  # written in capitals now
        request.headers.update(wire.headers.items())
        yield request

    def secrets(self) -> tuple[str, ...]:
        """The secret key and the session's token."""
        if self._frozen is None:
            return ()
        return tuple(filter(None, (self._frozen.secret_key, self._frozen.token)))


class _Signer(S3SigV4Auth):  # type: ignore[misc] # botocore has no types
    def _modify_request_before_signing(self, request: Any) -> None:
        digest = request.headers.get("X-Amz-Content-SHA256", UNSIGNED_PAYLOAD)
        super()._modify_request_before_signing(request)
        del request.headers["X-Amz-Content-SHA256"]
        request.headers["X-Amz-Content-SHA256"] = digest

    def payload(self, request: Any) -> str:
        del request
        return str(UNSIGNED_PAYLOAD)


async def translate_botocore_errors(work: Awaitable[T]) -> T:
    """What *work* returns; botocore's own errors as ours."""
    try:
        return await work
    except NoCredentialsError:
        raise no_credentials() from None
    except BotoCoreError as error:
        raise ConfigError(f"s3: {type(error).__name__}: {error}") from error


def no_credentials() -> ConfigError:
    """Nobody said who we are."""
    return ConfigError("s3: no AWS credentials were found: set AWS_PROFILE or AWS_ACCESS_KEY_ID, or hand in a session")

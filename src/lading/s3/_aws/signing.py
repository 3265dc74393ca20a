"""AWS signatures of the requests that lading makes itself."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from botocore.auth import UNSIGNED_PAYLOAD, S3SigV4Auth
from botocore.awsrequest import AWSRequest

from lading._core.auth import Auth
from lading._core.threads import run_in_thread
from lading.s3._aws.errors import translate_botocore_errors
from lading.s3._aws.logs import suppress_botocore_logs

if TYPE_CHECKING:
    from collections.abc import Generator

    from lading._core.body import Body
    from lading._core.call import Call, CallSender
    from lading._core.messages import Request

# What is signed besides x-amz-*: a condition that got lost on the way would let a later stager overwrite the winner.
_SIGNED = {"content-type", "content-md5", "if-match", "if-none-match"}


class SigV4(Auth):
    """AWS's signature (version 4), made for every attempt; it is in headers, never in a URL.

    Args:
        credentials: botocore's credentials.
        region: The region that requests go to.
    """

    def __init__(self, credentials: Any, region: str) -> None:
        self._credentials = credentials
        self._region = region
        self._frozen: Any = None

    async def prepare(self, sender: CallSender) -> None:
        """Fetch the credentials, refreshed when they are about to expire."""
        del sender
        with suppress_botocore_logs():
            self._frozen = await translate_botocore_errors(self._credentials.get_frozen_credentials())

    def flow(self, request: Request) -> Generator[Request | Call[Any], Any, None]:
        """Sign the request."""
        signed = {n: v for n, v in request.headers.items() if n.lower().startswith("x-amz-") or n.lower() in _SIGNED}
        wire = AWSRequest(method=request.method, url=request.url, headers=signed)
        with suppress_botocore_logs():
            _Signer(self._frozen, "s3", self._region).add_auth(wire)
        request.headers.pop("x-amz-content-sha256", None)  # written in capitals now
        request.headers.update(wire.headers.items())
        yield request

    def secrets(self) -> tuple[str, ...]:
        """Return the secret key and the session token."""
        if self._frozen is None:
            return ()
        return tuple(filter(None, (self._frozen.secret_key, self._frozen.token)))


class _Signer(S3SigV4Auth):  # type: ignore[misc] # botocore has no types
    """botocore's signer, for bodies that it does not see: their digest is given, or not signed."""

    def _modify_request_before_signing(self, request: Any) -> None:
        digest = request.headers.get("X-Amz-Content-SHA256", UNSIGNED_PAYLOAD)
        super()._modify_request_before_signing(request)
        del request.headers["X-Amz-Content-SHA256"]
        request.headers["X-Amz-Content-SHA256"] = digest

    def payload(self, request: Any) -> str:
        del request
        return str(UNSIGNED_PAYLOAD)


async def hash_body(body: Body) -> str:
    """Compute the SHA-256 digest of a body, in hex, for stores that require it to be signed."""
    hasher = hashlib.sha256()
    reader = body.open()
    try:
        async for piece in reader:
            await run_in_thread(hasher.update, piece)
    finally:
        await reader.aclose()
    return hasher.hexdigest()

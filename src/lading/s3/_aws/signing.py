"""AWS signatures of the requests that lading makes itself."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from botocore.auth import UNSIGNED_PAYLOAD, S3SigV4Auth
from botocore.awsrequest import AWSRequest

from lading._core.auth import Auth
from lading._core.threads import run_in_thread
from lading.s3._aws.errors import EXPIRED
from lading.s3._aws.logs import suppress_botocore_logs

if TYPE_CHECKING:
    from collections.abc import Generator

    from lading._core.body import Body
    from lading._core.call import Call, CallSender
    from lading._core.messages import Request, Response
    from lading.s3._aws.renewal import Renewal

# What is signed besides x-amz-*: a condition that got lost on the way would let a later stager overwrite the winner.
_SIGNED = {"content-type", "content-md5", "if-match", "if-none-match"}


class SigV4(Auth):
    """AWS's signature (version 4), made for every attempt; it is in headers, never in a URL.

    Credentials that the store says have expired are renewed, where that is possible, and the request is sent again
    once.

    Args:
        credentials: The credentials.
        region: The region that requests go to.
    """

    def __init__(self, credentials: Renewal, region: str) -> None:
        self._credentials = credentials
        self._region = region
        self._frozen: Any = None
        self._secrets: tuple[str, ...] = ()

    async def prepare(self, sender: CallSender) -> None:
        """Fetch the credentials, refreshed when they are about to expire."""
        del sender
        frozen = await self._credentials.frozen()
        if frozen != self._frozen:
            self._frozen = frozen
            # With the ones before: responses to requests that they signed may still come.
            self._secrets = (*filter(None, (frozen.secret_key, frozen.token)), *self._secrets[:2])

    def flow(self, request: Request) -> Generator[Request | Call[Any], Any, None]:
        """Sign the request, and once more when the credentials have expired."""
        given = dict(request.headers)
        token = self._frozen.token
        response = yield self._sign(request)
        if _is_expired(response) and self._credentials.expire(token):
            yield self.PREPARE
            request.headers.clear()
            request.headers.update(given)
            yield self._sign(request)

    def _sign(self, request: Request) -> Request:
        signed = {n: v for n, v in request.headers.items() if n.lower().startswith("x-amz-") or n.lower() in _SIGNED}
        wire = AWSRequest(method=request.method, url=request.url, headers=signed)
        with suppress_botocore_logs():
            _Signer(self._frozen, "s3", self._region).add_auth(wire)
        request.headers.pop("x-amz-content-sha256", None)  # written in capitals now
        request.headers.update(wire.headers.items())
        return request

    def secrets(self) -> tuple[str, ...]:
        """Return the secret key and the session token, and the ones before."""
        return self._secrets


def _is_expired(response: Response | None) -> bool:
    return (
        response is not None
        and response.status in {400, 401, 403}
        and any(f"<Code>{code}</Code>" in response.text for code in EXPIRED)
    )


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


async def hash_body(body: Body, algorithm: str = "sha256") -> bytes:
    """Compute a digest of a body: SHA-256 for stores that require it to be signed, MD5 for those without checksums."""
    hasher = hashlib.new(algorithm, usedforsecurity=False)
    reader = body.open()
    try:
        async for piece in reader:
            await run_in_thread(hasher.update, piece)
    finally:
        await reader.aclose()
    return hasher.digest()

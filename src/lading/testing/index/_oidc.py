"""Trusted publishing at the embedded index, and the CI provider that issues identity tokens for it.

Identity tokens are real JWTs, signed with a key of the index itself (HS256): it is issuer and verifier.
"""

from __future__ import annotations

import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lading.testing.index._state import Project, Publisher
from lading.testing.index._tokens import minted_token
from lading.testing.messages import ServerResponse

if TYPE_CHECKING:
    from lading.testing.index._state import IndexState
    from lading.testing.messages import ServerRequest

ISSUER = "https://token.actions.githubusercontent.com"
_LIFETIME = 300  # of an identity token, as GitHub's
_MAX_BODY = 1 << 20


class Mint:
    """Exchanges identity tokens for upload tokens, and issues identity tokens as GitHub does.

    Attributes:
        audience: The audience that identity tokens must have.
        lifetime: The lifetime of upload tokens, in seconds.
        request_secret: The bearer token with which a job requests its identity token.
    """

    def __init__(self, state: IndexState, audience: str, lifetime: int) -> None:
        self.audience = audience
        self.lifetime = lifetime
        self.request_secret = secrets.token_urlsafe(16)
        self._state = state
        self._key = secrets.token_bytes(32)

    def identity_token(self, publisher: Publisher, audience: str | None, claims: dict[str, Any]) -> str:
        """Create the JWT that GitHub would issue to a job of *publisher*; *claims* replace its claims."""
        now = self._state.clock.timestamp
        repository = publisher.repository
        issued: dict[str, Any] = {
            "iss": ISSUER,
            "sub": f"repo:{repository}:ref:refs/heads/main",
            "aud": audience or self.audience,
            "jti": str(uuid4()),
            "iat": now,
            "nbf": now,
            "exp": now + _LIFETIME,
            "repository": repository,
            "repository_owner": repository.partition("/")[0],
            "job_workflow_ref": f"{repository}/.github/workflows/{publisher.workflow}@refs/heads/main",
            "ref": "refs/heads/main",
            "event_name": "push",
        }
        if publisher.environment is not None:
            issued["environment"] = publisher.environment
        content = f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{_encoded({**issued, **claims})}"
        return f"{content}.{self._signature(content)}"

    def _signature(self, content: str) -> str:
        return _base64(hmac.digest(self._key, content.encode(), "sha256"))

    async def show_audience(self, _: ServerRequest) -> ServerResponse:
        """Return the audience that identity tokens must have."""
        return ServerResponse.json({"audience": self.audience})

    async def issue_identity_token(self, request: ServerRequest, publisher_id: str) -> ServerResponse:
        """Issue an identity token to a job, as GitHub does."""
        publisher = self._state.publishers.get(publisher_id)
        if (
            publisher is None
            or request.headers.get("Authorization", "").lower() != f"bearer {self.request_secret}".lower()
        ):
            return ServerResponse.json({"message": "Unauthorized"}, 401)
        token = self.identity_token(publisher, request.query.get("audience"), {})
        return ServerResponse.json({"count": len(token), "value": token})

    async def mint_token(self, request: ServerRequest) -> ServerResponse:
        """Exchange an identity token for an upload token."""
        body = await request.read(_MAX_BODY)
        try:
            jwt = json.loads(body)["token"]
            header, payload, signature = jwt.split(".")
            claims = json.loads(_decoded(payload))
            jti, issuer = str(claims["jti"]), claims["iss"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return _failed("invalid-payload", f"malformed JWT ({type(error).__name__})")
        if issuer != ISSUER:
            return _failed("invalid-payload", "unknown trusted publishing issuer")
        if not hmac.compare_digest(self._signature(f"{header}.{payload}"), signature) or not self._is_valid(claims):
            return _failed("invalid-token", "malformed or invalid token")
        with self._state.lock:
            if jti in self._state.used_identities:
                return _failed("invalid-reuse-token", "invalid token: already used")
            publisher = next((one for one in self._state.publishers.values() if _matches(one, claims)), None)
            if publisher is None:
                return _failed(
                    "invalid-publisher",
                    "valid token, but no corresponding publisher (Publisher with matching claims was not found)",
                )
            self._state.used_identities.add(jti)
            for name in publisher.projects:
                if self._state.project(name) is None:
                    self._state.save(Project(name))
            token, expires = minted_token(self._state, publisher, self.lifetime)
        return ServerResponse.json({"success": True, "token": token, "expires": expires})

    def _is_valid(self, claims: dict[str, Any]) -> bool:
        now = self._state.clock.now.timestamp()
        try:
            return bool(claims["aud"] == self.audience and claims["nbf"] <= now < claims["exp"])
        except (KeyError, TypeError):
            return False


def _matches(publisher: Publisher, claims: dict[str, Any]) -> bool:
    workflow = f"{publisher.repository}/.github/workflows/{publisher.workflow}@".lower()
    return (
        str(claims.get("repository", "")).lower() == publisher.repository.lower()
        and str(claims.get("job_workflow_ref", "")).lower().startswith(workflow)
        and (publisher.environment is None or claims.get("environment") == publisher.environment)
    )


def _failed(code: str, description: str) -> ServerResponse:
    errors = [{"code": code, "description": description}]
    return ServerResponse.json({"message": "Token request failed", "errors": errors}, 422)


def _encoded(value: object) -> str:
    return _base64(json.dumps(value).encode())


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))

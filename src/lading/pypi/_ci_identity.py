"""Identity tokens that a CI system issues to a job, for trusted publishing. Sans I/O.

Sources: the systems' own documentation, and what warehouse (August 2026) accepts: GitHub, GitLab, Google.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, urlsplit

from lading._core.auth import TokenAuth
from lading._core.call import Call
from lading._core.responses import api_error
from lading._core.service import Service, validate_base_url
from lading.errors import ConfigError, InvalidResponse

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    from lading._core.call import Auth
    from lading._core.messages import Response
    from lading.errors import ApiError

Provider = Literal["github", "gitlab", "google"]

_NO_PERMISSION = (
    "this GitHub job has no permission to request an identity token for trusted publishing: give it "
    "'permissions: id-token: write'"
)
# What a header, a form and a line of a job's log can carry.
_TOKEN = re.compile(r"[\x21-\x7e]+")


def read_text(response: Response, key: str) -> str:
    """Return the value of *key*, a token or an audience; ``InvalidResponse`` for anything but a word."""
    found = response.json()
    value = found.get(key) if isinstance(found, dict) else None
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise InvalidResponse(f"the response has no usable {key!r}", outcome="unknown")
    return value


@dataclass(frozen=True, slots=True)
class IdentityRequest:
    """One request to a CI system's identity service.

    Attributes:
        service: The service. Its hosts are the only ones that the credentials go to.
        call: The call.
        auth: The credentials; ``None`` for none.
    """

    service: Service
    call: Call[Any]
    auth: Auth | None = None


def detect_provider(env: Mapping[str, str]) -> Provider | None:
    """Return the CI system that this job runs on, by its environment; ``None`` for any other, or none.

    Google's virtual machines do not show in the environment; there ``GOOGLE_SERVICE_ACCOUNT_NAME`` has to be set.
    """
    if env.get("GITHUB_ACTIONS") == "true":
        return "github" if "ACTIONS_ID_TOKEN_REQUEST_TOKEN" in env else None
    if env.get("GITLAB_CI"):
        return "gitlab"
    if env.get("GOOGLE_SERVICE_ACCOUNT_NAME"):
        return "google"
    return None


def is_ci(env: Mapping[str, str]) -> bool:
    """Return whether this job runs on a CI system that can identify its jobs, whether or not this one may have that."""
    return env.get("GITHUB_ACTIONS") == "true" or detect_provider(env) is not None


def require_identity(env: Mapping[str, str], audience: str) -> None:
    """Check without a request that this job can have an identity token for *audience*; ``ConfigError`` if not."""
    for _ in identity_token_flow(env, audience):
        return


def identity_token_flow(env: Mapping[str, str], audience: str) -> Generator[IdentityRequest, Any, str]:
    """Yield the requests to send, receive the result of each, and return an identity token for *audience*.

    Raises:
        ConfigError: This job has no identity; the message says what to set up.
    """
    provider = detect_provider(env)
    if provider == "github":
        return (yield from _github(env, audience))
    if provider == "gitlab":
        return _gitlab(env, audience)
    if provider == "google":
        return (yield from _google(env, audience))
    if env.get("GITHUB_ACTIONS") == "true":
        raise ConfigError(
            f"{_NO_PERMISSION} (with a reusable workflow, in the calling job as well; GitHub never gives it to pull "
            "requests from forks)"
        )
    raise ConfigError(
        "trusted publishing needs a job on GitHub Actions, GitLab CI or Google Cloud; this is none of them"
    )


def _github(env: Mapping[str, str], audience: str) -> Generator[IdentityRequest, Any, str]:
    url = env.get("ACTIONS_ID_TOKEN_REQUEST_URL", "")
    secret = env.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")
    if not url or not secret:
        raise ConfigError(_NO_PERMISSION)
    call = Call(
        "GET",
        f"{url}{'&' if '?' in url else '?'}audience={quote(audience, safe='')}",
        lambda response: read_text(response, "value"),
        template="(identity token)",
    )
    token = yield IdentityRequest(_github_service(url), call, TokenAuth(secret, scheme="bearer"))
    return str(token)


def _github_service(url: str) -> Service:
    """Return the service at the origin of *url*, which differs from job to job."""
    what = "ACTIONS_ID_TOKEN_REQUEST_URL"
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ConfigError(f"{what} is not a URL") from None
    base_url = validate_base_url(f"{parts.scheme}://{parts.netloc}/", what, otherwise="")
    return Service("github", base_url, read_error=_read_github_error)


def _gitlab(env: Mapping[str, str], audience: str) -> str:
    variable = re.sub(r"[^A-Z0-9_]", "_", audience.upper()) + "_ID_TOKEN"
    token = env.get(variable, "").strip()
    if not token:
        raise ConfigError(f"GitLab gave this job no {variable}: name it under id_tokens, with aud: {audience}")
    return token


def _google(env: Mapping[str, str], audience: str) -> Generator[IdentityRequest, Any, str]:
    metadata = Call(
        "GET",
        "token",
        lambda response: read_text(response, "access_token"),
        params={"scopes": "https://www.googleapis.com/auth/cloud-platform"},
        headers={"Metadata-Flavor": "Google"},
        template="(access token)",
    )
    access = yield IdentityRequest(GOOGLE_METADATA, metadata)
    call = Call(
        "POST",
        "projects/-/serviceAccounts/{account}:generateIdToken",
        lambda response: read_text(response, "token"),
        path_params={"account": env["GOOGLE_SERVICE_ACCOUNT_NAME"]},
        json={"audience": audience, "includeEmail": True},
        idempotent=True,
        template="(identity token)",
    )
    token = yield IdentityRequest(GOOGLE_IAM, call, TokenAuth(str(access)))
    return str(token)


def _read_github_error(service: Service, response: Response, method: str, secrets: Iterable[str]) -> ApiError:
    """Read ``{"message", "typeKey"}``; the type names the kind of error."""
    found = _object(response)
    return _error(service, response, method, secrets, code=found.get("typeKey"), message=found.get("message"))


def _read_google_error(service: Service, response: Response, method: str, secrets: Iterable[str]) -> ApiError:
    """Read ``{"error": {"status", "message"}}`` of IAM, or ``{"error", "error_description"}`` of OAuth."""
    found = _object(response)
    error = found.get("error")
    if isinstance(error, dict):
        return _error(service, response, method, secrets, code=error.get("status"), message=error.get("message"))
    return _error(service, response, method, secrets, code=error, message=found.get("error_description"))


def _object(response: Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _error(
    service: Service, response: Response, method: str, secrets: Iterable[str], *, code: Any, message: Any
) -> ApiError:
    """Make the error; what is not a string is looked for in the usual places."""
    return api_error(
        service.name,
        response,
        method=method,
        detail=message if isinstance(message, str) else "",
        code=code if isinstance(code, str) else None,
        secrets=secrets,
    )


GOOGLE_METADATA = Service(
    "google-metadata",
    "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/",
    read_error=_read_google_error,
)
GOOGLE_IAM = Service("google-iam", "https://iamcredentials.googleapis.com/v1/", read_error=_read_google_error)

"""Identity tokens that a CI system gives the job it runs, for trusted publishing. Sans I/O.

Sources: the systems' own documentation, and what warehouse (August 2026) accepts: GitHub, GitLab, Google.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from lading._core.call import Call
from lading.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from lading._core.messages import Response

Provider = Literal["github", "gitlab", "google"]

_METADATA = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default"
_CREDENTIALS = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"


def detect_provider(env: Mapping[str, str]) -> Provider | None:
    """The system this job runs on, by its environment; ``None`` for any other, or none.

    Google's virtual machines do not show in the environment; there ``GOOGLE_SERVICE_ACCOUNT_NAME`` has to be set.
    """
    if env.get("GITHUB_ACTIONS") == "true":
        return "github" if "ACTIONS_ID_TOKEN_REQUEST_TOKEN" in env else None
    if env.get("GITLAB_CI"):
        return "gitlab"
    if env.get("GOOGLE_SERVICE_ACCOUNT_NAME"):
        return "google"
    return None


def identity_token_flow(env: Mapping[str, str], audience: str) -> Generator[Call[Any], Any, str]:
    """Yields the calls to make, is sent their results, and returns an identity token for *audience*.

    Raises:
        ConfigError: This job has no identity; the text says what to set up.
    """
    provider = detect_provider(env)
    if provider == "github":
        return (yield from _github(env, audience))
    if provider == "gitlab":
        return _gitlab(env, audience)
    if provider == "google":
        return (yield from _google(env, audience))
    if env.get("GITHUB_ACTIONS") == "true":
        raise ConfigError("this GitHub job may not ask for an identity token: give it 'permissions: id-token: write'")
    raise ConfigError(
        "trusted publishing needs a job on GitHub Actions, GitLab CI or Google Cloud; this is none of them"
    )


def _github(env: Mapping[str, str], audience: str) -> Generator[Call[Any], Any, str]:
    url = env.get("ACTIONS_ID_TOKEN_REQUEST_URL", "")
    secret = env.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")
    if not url or not secret:
        raise ConfigError(
            "GitHub names no place to ask for an identity token: give the job 'permissions: id-token: write'"
        )
    found = yield Call(
        "GET",
        f"{url}{'&' if '?' in url else '?'}audience={quote(audience, safe='')}",
        _value,
        headers={"Authorization": f"bearer {secret}"},
        auth=None,
        template="(identity token)",
    )
    return str(found)


def _gitlab(env: Mapping[str, str], audience: str) -> str:
    variable = re.sub(r"[^A-Z0-9_]", "_", audience.upper()) + "_ID_TOKEN"
    token = env.get(variable, "").strip()
    if not token:
        raise ConfigError(f"GitLab gave this job no {variable}: name it under id_tokens, with aud: {audience}")
    return token


def _google(env: Mapping[str, str], audience: str) -> Generator[Call[Any], Any, str]:
    account = env["GOOGLE_SERVICE_ACCOUNT_NAME"]
    access = yield Call(
        "GET",
        f"{_METADATA}/token",
        lambda reply: str(reply.json()["access_token"]),
        params={"scopes": "https://www.googleapis.com/auth/cloud-platform"},
        headers={"Metadata-Flavor": "Google"},
        auth=None,
        template="(access token)",
    )
    found = yield Call(
        "POST",
        f"{_CREDENTIALS}/{quote(account, safe='@.')}:generateIdToken",
        lambda reply: str(reply.json()["token"]),
        json={"audience": audience, "includeEmail": True},
        headers={"Authorization": f"Bearer {access}"},
        auth=None,
        idempotent=True,
        template="(identity token)",
    )
    return str(found)


def _value(reply: Response) -> str:
    return str(reply.json()["value"])

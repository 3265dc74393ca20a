"""Identity tokens of CI systems: the requests as data, without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lading import ConfigError, Forbidden, InvalidResponse, TokenAuth
from lading._core.messages import Response
from lading.pypi._ci_identity import GOOGLE_IAM, GOOGLE_METADATA, detect_provider, identity_token_flow, require_identity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading.pypi._ci_identity import IdentityRequest

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "ACTIONS_ID_TOKEN_REQUEST_URL": "https://id.example/token?api-version=2",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "s3cret-of-the-job",
}
GITLAB = {"GITLAB_CI": "true", "PYPI_ID_TOKEN": " jwt\n"}
GOOGLE = {"GOOGLE_SERVICE_ACCOUNT_NAME": "ci@demo.iam.example/x"}


def drive(env: Mapping[str, str], audience: str, *bodies: bytes) -> tuple[list[IdentityRequest], str]:
    """The requests that the flow makes when it receives these bodies, and the token that it returns."""
    flow = identity_token_flow(env, audience)
    requests: list[IdentityRequest] = []
    left = list(bodies)
    try:
        step = next(flow)
        while True:
            requests.append(step)
            parse: Any = step.call.parse
            step = flow.send(parse(Response(200, {"content-type": "application/json"}, left.pop(0))))
    except StopIteration as stop:
        assert left == []
        return requests, stop.value


def url_of(request: IdentityRequest) -> str:
    return request.call.url(request.service.base_url, safe=request.service.path_safe)


async def secret_of(request: IdentityRequest) -> tuple[str, str | None]:
    assert isinstance(request.auth, TokenAuth)
    return request.auth.scheme, await request.auth.credentials.get()


@pytest.mark.parametrize(
    ("env", "provider"),
    [
        (GITHUB, "github"),
        ({"GITHUB_ACTIONS": "true"}, None),
        (GITLAB, "gitlab"),
        (GOOGLE, "google"),
        ({}, None),
        # Runners may set several, for actions that look at others.
        ({**GITHUB, **GITLAB, **GOOGLE}, "github"),
        ({**GITLAB, **GOOGLE}, "gitlab"),
    ],
)
def test_which_system(env, provider):
    assert detect_provider(env) == provider


@pytest.mark.parametrize(
    ("url", "requested"),
    [
        ("https://id.example/token?api-version=2", "https://id.example/token?api-version=2&audience=testpypi%26%2F"),
        ("https://id.example/token", "https://id.example/token?audience=testpypi%26%2F"),
        ("https://id.example/{braces}", "https://id.example/{braces}?audience=testpypi%26%2F"),
    ],
)
@pytest.mark.anyio
async def test_github(url, requested):
    (request,), token = drive(
        {**GITHUB, "ACTIONS_ID_TOKEN_REQUEST_URL": url}, "testpypi&/", b'{"value": "jwt", "count": 3}'
    )
    assert token == "jwt"
    assert (request.call.method, url_of(request)) == ("GET", requested)
    assert await secret_of(request) == ("bearer", "s3cret-of-the-job")
    assert request.call.url_template == "(identity token)"
    assert "s3cret" not in repr(request)


def test_githubs_service_is_where_the_job_was_sent():
    (request,), _ = drive(GITHUB, "pypi", b'{"value": "jwt"}')
    service = request.service
    assert (service.name, service.base_url, service.hosts) == ("github", "https://id.example/", frozenset())
    assert service.may_send_credentials("https://id.example/elsewhere")
    assert not service.may_send_credentials("https://id.example:8443/token")
    assert not service.may_send_credentials("https://index.example/token")


@pytest.mark.parametrize("value", [b"null", b"5", b'""', b'"two words"', b'"x\\n::set-env name=A::b"', b'["jwt"]'])
@pytest.mark.parametrize("env", [GITHUB, GOOGLE])
def test_what_is_no_token_is_not_taken_for_one(env, value):
    """``null`` is not the text ``None``, and what has a line break could be a command in a job's log."""
    key = b"value" if env is GITHUB else b"access_token"
    with pytest.raises(InvalidResponse, match=key.decode()):
        drive(env, "pypi", b'{"%s": %s}' % (key, value))


@pytest.mark.parametrize("env", [{}, {"GITHUB_ACTIONS": "true"}, {"GITLAB_CI": "true"}])
def test_an_identity_that_a_job_cannot_have_is_known_before_any_request(env):
    with pytest.raises(ConfigError):
        require_identity(env, "pypi")
    require_identity({**GITLAB, "PYPI_ID_TOKEN": "jwt"}, "pypi")
    require_identity(GITHUB, "pypi")


def test_gitlab_has_it_in_a_variable():
    assert drive(GITLAB, "pypi") == ([], "jwt")
    odd = {"GITLAB_CI": "true", "MY_INDEX_2__ID_TOKEN": "other"}
    assert drive(odd, "my.index-2/") == ([], "other")


@pytest.mark.anyio
async def test_google_takes_two_requests_to_two_services():
    (access, mint), token = drive(GOOGLE, "pypi", b'{"access_token": "s3cret"}', b'{"token": "jwt"}')
    assert token == "jwt"
    assert (access.call.method, access.auth, access.call.headers) == ("GET", None, {"Metadata-Flavor": "Google"})
    assert access.service is GOOGLE_METADATA
    assert url_of(access).partition("?")[0].endswith("/service-accounts/default/token")
    assert (mint.call.method, mint.call.repeatable) == ("POST", True)
    assert mint.service is GOOGLE_IAM
    assert url_of(mint).endswith("/v1/projects/-/serviceAccounts/ci@demo.iam.example%2Fx:generateIdToken")
    assert mint.call.json == {"audience": "pypi", "includeEmail": True}
    assert await secret_of(mint) == ("Bearer", "s3cret")
    assert "s3cret" not in repr(mint)
    assert not GOOGLE_IAM.may_send_credentials(url_of(access))
    assert not GOOGLE_METADATA.may_send_credentials(url_of(mint))


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("service", "headers", "body", "shown", "code"),
    [
        (
            GOOGLE_IAM,
            JSON,
            b'{"error": {"code": 403, "message": "Permission denied", "status": "PERMISSION_DENIED", "details": []}}',
            "google-iam: Permission denied (HTTP 403)",
            "PERMISSION_DENIED",
        ),
        (
            GOOGLE_METADATA,
            JSON,
            b'{"error": "invalid_scope", "error_description": "Not a valid scope: *** s3cret"}',
            "google-metadata: Not a valid scope: *** *** (HTTP 403)",
            "invalid_scope",
        ),
        (
            GOOGLE_METADATA,
            {"content-type": "text/html"},
            b"<html><title>Error 403 (Forbidden)</title></html>",
            "google-metadata: Error 403 (Forbidden) (HTTP 403)",
            None,
        ),
        (GOOGLE_IAM, JSON, b'{"error": {"message": 5, "status": []}}', "google-iam: no reason given (HTTP 403)", None),
        (GOOGLE_IAM, JSON, b"[1]", "google-iam: no reason given (HTTP 403)", None),
    ],
)
def test_refusals_of_google(service, headers, body, shown, code):
    error = service.error_of(Response(403, headers, body), "POST", ("s3cret",))
    assert isinstance(error, Forbidden)
    assert (str(error), error.code, error.service) == (shown, code, service.name)
    assert getattr(error, "__notes__", []) == []


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({}, "needs a job on GitHub Actions, GitLab CI or Google Cloud"),
        ({"GITHUB_ACTIONS": "true"}, "give it 'permissions: id-token: write'"),
        ({**GITHUB, "ACTIONS_ID_TOKEN_REQUEST_URL": ""}, "give it 'permissions: id-token: write'"),
        ({"GITLAB_CI": "true"}, "no PYPI_ID_TOKEN: name it under id_tokens, with aud: pypi"),
        ({"GITLAB_CI": "true", "PYPI_ID_TOKEN": " "}, "no PYPI_ID_TOKEN"),
    ],
)
def test_a_job_without_identity(env, message):
    with pytest.raises(ConfigError, match=message):
        drive(env, "pypi")

"""Identity tokens of CI systems: the flows as data, driven by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lading import ConfigError
from lading._core.call import Call
from lading._core.messages import Response
from lading.pypi._ci_identity import detect_provider, identity_token_flow

if TYPE_CHECKING:
    from collections.abc import Mapping

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "ACTIONS_ID_TOKEN_REQUEST_URL": "https://id.example/token?api-version=2",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "s3cret-of-the-job",
}
GITLAB = {"GITLAB_CI": "true", "PYPI_ID_TOKEN": " jwt\n"}
GOOGLE = {"GOOGLE_SERVICE_ACCOUNT_NAME": "ci@demo.iam.example/x"}


def drive(env: Mapping[str, str], audience: str, *answers: bytes) -> tuple[list[Call[Any]], str]:
    """The calls that the flow makes when it is given these answers, and what it returns."""
    steps = identity_token_flow(env, audience)
    calls: list[Call[Any]] = []
    left = list(answers)
    try:
        step = next(steps)
        while True:
            calls.append(step)
            step = steps.send(step.parse(Response(200, {"content-type": "application/json"}, left.pop(0))))
    except StopIteration as stop:
        assert left == []
        return calls, stop.value


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
    ("url", "asked"),
    [
        ("https://id.example/token?api-version=2", "https://id.example/token?api-version=2&audience=testpypi%26%2F"),
        ("https://id.example/token", "https://id.example/token?audience=testpypi%26%2F"),
        ("https://id.example/{braces}", "https://id.example/{braces}?audience=testpypi%26%2F"),
    ],
)
def test_github(url, asked):
    (call,), token = drive(
        {**GITHUB, "ACTIONS_ID_TOKEN_REQUEST_URL": url}, "testpypi&/", b'{"value": "jwt", "count": 3}'
    )
    assert token == "jwt"
    assert (call.method, call.url("https://index.example/"), call.auth) == ("GET", asked, False)
    assert call.headers == {"Authorization": "bearer s3cret-of-the-job"}
    assert call.url_template == "(identity token)"
    assert "s3cret" not in repr(call)


def test_gitlab_has_it_in_a_variable():
    assert drive(GITLAB, "pypi") == ([], "jwt")
    odd = {"GITLAB_CI": "true", "MY_INDEX_2__ID_TOKEN": "other"}
    assert drive(odd, "my.index-2/") == ([], "other")


def test_google_asks_twice():
    (access, mint), token = drive(GOOGLE, "pypi", b'{"access_token": "s3cret"}', b'{"token": "jwt"}')
    assert token == "jwt"
    assert (access.method, access.auth, access.headers) == ("GET", False, {"Metadata-Flavor": "Google"})
    assert access.url("").partition("?")[0].endswith("/service-accounts/default/token")
    assert (mint.method, mint.auth, mint.repeatable) == ("POST", False, True)
    assert mint.url("").endswith("/serviceAccounts/ci@demo.iam.example%2Fx:generateIdToken")
    assert mint.json == {"audience": "pypi", "includeEmail": True}
    assert mint.headers == {"Authorization": "Bearer s3cret"}
    assert "s3cret" not in repr(mint)


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({}, "needs a job on GitHub Actions, GitLab CI or Google Cloud"),
        ({"GITHUB_ACTIONS": "true"}, "give it 'permissions: id-token: write'"),
        ({**GITHUB, "ACTIONS_ID_TOKEN_REQUEST_URL": ""}, "give the job 'permissions: id-token: write'"),
        ({"GITLAB_CI": "true"}, "no PYPI_ID_TOKEN: name it under id_tokens, with aud: pypi"),
        ({"GITLAB_CI": "true", "PYPI_ID_TOKEN": " "}, "no PYPI_ID_TOKEN"),
    ],
)
def test_a_job_without_identity_is_told_what_to_do(env, says):
    with pytest.raises(ConfigError, match=says):
        drive(env, "pypi")

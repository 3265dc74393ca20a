"""What Copr says when it says no, as a genuine frontend was recorded to say it: our class, our words, and what to do."""

from __future__ import annotations

import json
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lading import (
    ApiError,
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    Response,
    ServerError,
    Unauthorized,
)
from lading._core.retry import is_retryable
from lading._core.service import Service
from lading.copr._errors import read_error

SERVICE = Service("copr", "https://copr.example/api_3/")
JSON = "application/json"
BUG = "Request wasn't successful, there is probably a bug in the Copr code."


def error(status: int, message: str, method: str = "POST", media_type: str = JSON, **headers: str) -> ApiError:
    body = json.dumps({"error": message}) if media_type == JSON else message
    response = Response(
        status, {"content-type": media_type, **headers}, body.encode(), "https://copr.example/", "Reason"
    )
    return read_error(SERVICE, response, method, ["t0ken"])


RECORDED = [
    (400, "name: You already have a project named 'proj1'.", Conflict),
    (400, "name: Group lading already has a project named 'gproj'.", Conflict),
    (
        400,
        "You are about to fork into existing project: x\nPlease use --confirm if you really want to do this",
        Conflict,
    ),
    (400, "Build(s) 2, 7 are still running.\n", Conflict),
    (400, "Copr 'user1/proj1' has not been created (race condition)", Conflict),
    (400, "You don't have permissions to delete build(s) 2, 7.\n", Forbidden),
    (400, "You don't have permissions to delete build(s) 2.\nBuild(s) 7 are still running.\n", Forbidden),
    (403, "User 'user1' can not delete a persistent build 7", Forbidden),
    (403, "User 'user2' doesn't have permissions to delete build 11", Forbidden),
    (500, "Chroot identification is not valid", BadRequest),
    (409, "Package hello already exists in copr user1/proj1.", Conflict),
    (409, "Cannot cancel build 3", Conflict),
    (500, "Cannot delete this project, an action is in progress", Conflict),
    (400, "name: Name must contain only letters, digits, underscores, dashes and dots.", BadRequest),
    (400, "chroots: 'nope-1-x86_64' is not a valid choice for this field.", BadRequest),
    (400, "Unexpected chroot: 4, d, e", BadRequest),
    (400, "Missing argument ownername", BadRequest),
    (400, "Search string must have at least 3 characters", BadRequest),
    (400, "user 'nobody9' doesn't exist in database", BadRequest),
    (400, "no permission change requested", BadRequest),
    (400, "Unsupported package source type nosuch", BadRequest),
    (400, "package_name: Please enter a valid package name in ^[-+_.a-zA-Z0-9]+$", BadRequest),
    (400, "Wrong additional_fields argument(s): nosuch", BadRequest),
    (400, "Build(s) 999998, 999999 don't exist.\n", BadRequest),
    (415, "Did not attempt to load JSON data because the request Content-Type was not 'application/json'.", BadRequest),
    (500, "Cannot order by nosuch, copr doesn't have such property", BadRequest),
    (500, "Cannot order by full_name", BadRequest),
    (500, "{'limit': ['Not a valid integer value.']}", BadRequest),
    (
        401,
        "Login invalid/expired. Please visit http://127.0.0.1:5000/api to get or renew your API token.",
        Unauthorized,
    ),
    (403, "Non-admin cannot create persistent project.", Forbidden),
    (403, "Only owners and admins may update their projects.", Forbidden),
    (403, "You are not allowed to delete package `5`.", Forbidden),
    (403, "This project is protected against deletion.", Forbidden),
    (403, "Can't log-in using GSSAPI: Kerberos authentication failed (no credentials provided)", Forbidden),
    (404, "Project user1/missing does not exist.", NotFound),
    (404, "No such user `nobody9'", NotFound),
    (404, "No permissions set on user1/proj1 project", NotFound),
    (404, "Chroot identification is not valid", NotFound),
    (404, "Such API endpoint doesn't exist", NotFound),
    (413, "Too many packages, please use pagination.", PayloadTooLarge),
    (500, BUG, ServerError),
    (500, "Database error, contact admin", ServerError),
]


@pytest.mark.parametrize(("status", "message", "kind"), RECORDED, ids=[f"{s}-{t[:24]}" for s, t, _ in RECORDED])
def test_what_the_frontend_said(status: int, message: str, kind: type[ApiError]):
    """A class by meaning, the status beside it, and nothing that would have to be matched as text."""
    for method in ("GET", "PUT", "POST", "DELETE"):
        found = error(status, message, method)
        line = "; ".join(filter(None, message.split("\n")))
        assert type(found) is kind
        assert (found.status, found.detail, found.service, str(found)) == (
            status,
            line,
            "copr",
            f"copr: {line} (HTTP {status})",
        )
        # The frontend itself refused: nothing was done, and a write need not be looked up.
        assert found.outcome == "not_done"
        # It would say the same once more.
        assert not is_retryable(found, repeatable=True)


def test_a_build_that_is_running_is_no_matter_of_rights():
    found = error(500, "User 'user1' can not delete build 7", "DELETE")
    assert type(found) is Conflict
    assert found.outcome == "not_done"
    assert str(found) == (
        "copr: User 'user1' can not delete build 7: it is still running; cancel it, or wait until it has ended, before "
        "deleting it (HTTP 500)"
    )


FORMS = [
    (
        "Bad request parameters: {'timeout': ['Number must be between 0 and 108000.']}",
        "timeout: Number must be between 0 and 108000.",
    ),
    (
        "Bad request parameters: {'chroot': ['This field is required.'], 'pkgs': ['You can only upload .rpm files']}",
        "chroot: This field is required.; pkgs: You can only upload .rpm files",
    ),
    (
        """Bad request parameters: {'chroots': ["'epel-8-x86_64' is not a valid choice for this field."]}""",
        "chroots: 'epel-8-x86_64' is not a valid choice for this field.",
    ),
    (
        "Bad request parameters: {'distgit': ['Not a valid choice.', 'DistGit ID must be one of: fedora']}",
        "distgit: Not a valid choice. DistGit ID must be one of: fedora",
    ),
    (
        "name: This field is required.\nchroots: '[]' is not a valid choice.",
        "name: This field is required.; chroots: '[]' is not a valid choice.",
    ),
    (
        "Trying to reset an invalid attribute: nosuch\nSee `copr-cli get-chroot u/p/c'",
        "Trying to reset an invalid attribute: nosuch; See `copr-cli get-chroot u/p/c'",
    ),
    ("Bad request parameters: {'a': b'", "Bad request parameters: {'a': b'"),
    ("Bad request parameters: {'a': [1]}", "Bad request parameters: {'a': [1]}"),
    ("Bad request parameters: {'a'}", "Bad request parameters: {'a'}"),
    ("Bad request parameters: {__import__('os'): ['x']}", "Bad request parameters: {__import__('os'): ['x']}"),
]


@pytest.mark.parametrize(("message", "shown"), FORMS)
def test_errors_of_forms_are_readable(message: str, shown: str):
    found = error(400, message)
    assert type(found) is BadRequest
    assert found.detail == shown


NGINX = "<html>\r\n<head><title>{0}</title></head>\r\n<body><center><h1>{0}</h1></center><hr><center>nginx</center></body></html>"


@pytest.mark.parametrize(
    ("status", "message", "kind", "outcome"),
    [
        (502, "502 Bad Gateway", ServerError, "unknown"),
        (503, "503 Service Unavailable", ServerError, "unknown"),
        (504, "504 Gateway Time-out", ServerError, "unknown"),
        (500, "500 Internal Server Error", ServerError, "unknown"),
        (408, "408 Request Time-out", BadRequest, "unknown"),
        (413, "413 Request Entity Too Large", PayloadTooLarge, "not_done"),
        (429, "429 Too Many Requests", RateLimited, "not_done"),
        (404, "404 Not Found", NotFound, "not_done"),
        (403, "403 Forbidden", Forbidden, "not_done"),
    ],
)
def test_pages_of_web_servers(status: int, message: str, kind: type[ApiError], outcome: str):
    found = error(status, NGINX.format(message), media_type="text/html; charset=utf-8")
    assert type(found) is kind
    assert found.outcome == outcome
    assert str(found) == f"copr: {message} (HTTP {status})"
    assert is_retryable(found, repeatable=True) == (status in (408, 429, 500, 502, 503, 504))
    assert is_retryable(found, repeatable=False) == (status == 429)
    assert error(status, NGINX.format(message), "GET", "text/html").outcome == "not_done"


def test_a_401_of_the_web_server_says_what_to_do():
    found = error(401, NGINX.format("401 Unauthorized"), media_type="text/html")
    assert (
        str(found)
        == "copr: 401 Unauthorized: the web server requires a Kerberos ticket (kinit), or there is no login and token (HTTP 401)"
    )


@pytest.mark.parametrize(
    ("status", "body", "kind", "detail"),
    [
        (400, {"message": "Bad"}, BadRequest, "Bad"),
        (429, {"message": "Slow down"}, RateLimited, "Slow down"),
        (400, {}, BadRequest, "Reason"),
        (400, {"error": None}, BadRequest, "Reason"),
        (400, {"error": {"message": "deep"}}, BadRequest, "deep"),
        (400, {"error": ["a", "b"]}, BadRequest, "a; b"),
        (400, ["You already have it"], BadRequest, "You already have it"),
        (504, {"error": "The API request timeouted"}, ServerError, "The API request timeouted"),
    ],
)
def test_json_of_other_shapes(status: int, body: object, kind: type[ApiError], detail: str):
    response = Response(status, {"content-type": JSON}, json.dumps(body).encode(), "", "Reason")
    found = read_error(SERVICE, response, "POST", [])
    assert (type(found), found.detail) == (kind, detail)
    assert found.outcome == ("unknown" if status == 504 else "not_done")


def test_only_the_frontends_own_500_means_that_nothing_was_done():
    assert error(500, BUG).outcome == "not_done"
    assert error(500, BUG, media_type="text/html").outcome == "unknown"
    response = Response(500, {"content-type": JSON}, b'{"error": "trunc', "", "Internal Server Error")
    assert read_error(SERVICE, response, "POST", []).outcome == "unknown"
    # The words of a page for people decide nothing.
    assert type(error(500, "still running", media_type="text/html")) is ServerError
    assert type(error(404, "in progress")) is NotFound


def test_how_long_to_wait_and_secrets():
    found = error(503, "busy", **{"retry-after": "7", "x-request-id": "r1"})
    assert (found.retry_after, found.request_id, found.outcome) == (7, "r1", "not_done")
    assert str(error(400, "no t0ken here")) == "copr: no *** here (HTTP 400)"


TEXTS = st.text(max_size=80) | st.sampled_from(
    ["Bad request parameters: {", "{'a': ['b']}", "[" * 3000, "already have "]
)


@settings(deadline=None, derandomize=True)
@given(
    st.sampled_from([400, 401, 403, 404, 408, 409, 413, 418, 429, 500, 502, 503, 504, 511, 599]),
    st.sampled_from([JSON, "application/problem+json", "text/html", "text/plain", ""]),
    st.one_of(
        st.binary(max_size=200),
        st.builds(lambda text: json.dumps({"error": text}).encode(), st.lists(TEXTS, max_size=3).map("".join)),
        st.builds(
            lambda value: json.dumps(value).encode(),
            st.recursive(st.none() | st.text(), partial(st.dictionaries, st.just("error"))),
        ),
    ),
    st.sampled_from(["GET", "POST"]),
)
def test_any_response_makes_an_error_of_one_line(status: int, media_type: str, body: bytes, method: str):
    found = read_error(SERVICE, Response(status, {"content-type": media_type}, body, "", ""), method, ["t0ken"])
    assert isinstance(found, ApiError)
    assert "\n" not in str(found)
    assert len(str(found)) < 500
    if method == "GET":
        assert found.outcome == "not_done"


def test_a_huge_form_is_not_parsed():
    message = "Bad request parameters: {" + ", ".join(f"'f{n}': ['x']" for n in range(5000)) + "}"
    assert error(400, message).detail.startswith("Bad request parameters: {'f0'")
    nested = "Bad request parameters: {'a': " + "[" * 3000 + "}"
    assert error(400, nested).detail.startswith("Bad request parameters")

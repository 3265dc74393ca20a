"""What indexes and what stands before them say is wrong, and what lading makes of it."""

from __future__ import annotations

import json

import pytest

from lading import (
    ApiError,
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    ServerError,
    Unauthorized,
)
from lading._core.messages import Response
from lading._core.service import Service
from lading.pypi._errors import place_of, read_error

SERVICE = Service("index", "https://index.example/simple/")

PYPISERVER = """
    <!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">
    <html>
        <head><title>Error: {status}</title><style type="text/css">pre {{border: 1px}}</style></head>
        <body>
            <h1>Error: {status}</h1>
            <p>Sorry, the requested URL <tt>&#039;http://127.0.0.1/&#039;</tt> caused an error:</p>
            <pre>{text}</pre>
        </body>
    </html>
"""
NGINX = """<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>
<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"""


def error(status: int, reason: str = "", body: str = "", media_type: str = "", **headers: str) -> ApiError:
    response = Response(
        status, {"content-type": media_type, **headers}, body.encode(), "https://index.example/", reason
    )
    found = read_error(SERVICE, response, "POST", ["s3cret"])
    assert "\n" not in str(found)
    assert (found.status, found.service) == (status, "index")
    return found


def warehouse(status: int, title: str, detail: str) -> tuple[int, str, str, str]:
    """The official index's response to ``Accept: application/json``."""
    text = f"The server could not comply with the request.\n\n\n{detail}\n\n"
    body = {"message": text, "code": f"{status} {detail}", "title": title}
    return status, f"{status} {detail}", json.dumps(body), "application/json"


def pypiserver(status: int, reason: str, text: str) -> tuple[int, str, str, str]:
    page = PYPISERVER.format(status=f"{status} {reason}", text=text)
    return status, reason, page, "text/html; charset=UTF-8"


def nginx(status: int, phrase: str, *, reason: str | None = None) -> tuple[int, str, str, str]:
    return status, phrase if reason is None else reason, NGINX.format(f"{status} {phrase}"), "text/html"


def nexus(text: str) -> tuple[int, str, str, str]:
    page = f"""<!DOCTYPE html><html><head><title>400 - Nexus Repository Manager</title></head><body>
    <span class="title">Error 400</span> <span class="description">Bad Request</span>
    <div class="content-body"> <div class="content-section">
      {text}
    </div> </div> </body></html>"""
    return 400, "Bad Request", page, "text/html"


def artifactory(status: int, text: str) -> tuple[int, str, str, str]:
    return status, "", json.dumps({"errors": [{"status": status, "message": text}]}), JSON


JSON = "application/json"
AZURE = "The feed already contains file 'demo-1.0.tar.gz' in package 'demo 1.0'."
MINTING = [
    {"code": "invalid-publisher", "description": "no such publisher"},
    {"code": "invalid-reuse-token", "description": "reuse"},
]
EXISTS = "File already exists ('demo-1.0.tar.gz', with blake2_256 hash 'abc'). See https://index.example/help/."


@pytest.mark.parametrize(
    ("response", "kind", "detail"),
    [
        pytest.param(warehouse(400, "Bad Request", EXISTS), Conflict, EXISTS, id="exists"),
        pytest.param(
            warehouse(400, "Bad Request", "This filename was previously used by a file that has since been deleted."),
            Conflict,
            "This filename was previously used by a file that has since been deleted.",
            id="deleted",
        ),
        pytest.param(
            warehouse(400, "Bad Request", "license-file introduced in metadata version 2.4, not 2.3"),
            BadRequest,
            "license-file introduced in metadata version 2.4, not 2.3",
            id="metadata",
        ),
        pytest.param(
            warehouse(403, "Forbidden", "Invalid or non-existent authentication information."),
            Forbidden,
            "Invalid or non-existent authentication information.",
            id="token",
        ),
        pytest.param(
            warehouse(409, "Conflict", "The name 'demo' conflicts with an existing project."),
            Conflict,
            "The name 'demo' conflicts with an existing project.",
            id="name",
        ),
        pytest.param(
            warehouse(429, "Too Many Requests", "Too many new projects created"),
            RateLimited,
            "Too many new projects created",
            id="rate",
        ),
        # The reason phrase alone, as to a client that requested HTML.
        pytest.param((400, f"400 {EXISTS}", "", "text/html"), Conflict, EXISTS, id="reason"),
        pytest.param(
            (400, "400 filename 'a' does not match 'b'", "<html><title>x</title></html>", "text/html"),
            BadRequest,
            "filename 'a' does not match 'b'",
            id="devpi-reason",
        ),
        pytest.param(
            (409, "demo-1.0.tar.gz already exists in non-volatile index", "", "text/plain"),
            Conflict,
            "demo-1.0.tar.gz already exists in non-volatile index",
            id="devpi-conflict",
        ),
        # The body alone, as over HTTP/2.
        pytest.param((400, "", warehouse(400, "", EXISTS)[2], "application/json"), Conflict, EXISTS, id="h2"),
        pytest.param((400, "", f"{EXISTS}\n", "text/plain"), Conflict, EXISTS, id="h2-text"),
        pytest.param(nginx(502, "Bad Gateway", reason=""), ServerError, "Bad Gateway", id="h2-html"),
        pytest.param(
            pypiserver(409, "Conflict", "Package &#039;demo&#039; already exists!\n  You may start --overwrite."),
            Conflict,
            "Package 'demo' already exists! You may start --overwrite.",
            id="pypiserver",
        ),
        pytest.param(
            pypiserver(400, "Bad Request", "Package &#039;demo&#039; already exists!"),
            Conflict,
            "Package 'demo' already exists!",
            id="pypiserver-400",
        ),
        pytest.param(
            pypiserver(400, "Bad Request", "Bad filename: demo"), BadRequest, "Bad filename: demo", id="pypiserver-bad"
        ),
        pytest.param(
            pypiserver(403, "Forbidden", "None"),
            Forbidden,
            "Forbidden: the token or password is wrong, or is not for this project",
            id="pypiserver-password",
        ),
        pytest.param(
            pypiserver(401, "Unauthorized", "None"),
            Unauthorized,
            "Unauthorized: give a token or a password, and check that it is right",
            id="pypiserver-anonymous",
        ),
        pytest.param(
            nginx(413, "Request Entity Too Large"), PayloadTooLarge, "Request Entity Too Large", id="nginx-413"
        ),
        pytest.param(nginx(404, "Not Found"), NotFound, "Not Found", id="nginx-404"),
        pytest.param(
            nginx(503, "Service Temporarily Unavailable"), ServerError, "Service Temporarily Unavailable", id="503"
        ),
        pytest.param(
            (
                403,
                "Forbidden",
                '{"errors": [{"status": 403, "message": "not permitted to deploy"}]}',
                "application/json",
            ),
            Forbidden,
            "not permitted to deploy",
            id="errors-list",
        ),
        pytest.param(
            (409, "Conflict", '{"message": "The feed already contains file demo"}', "application/json; charset=utf-8"),
            Conflict,
            "The feed already contains file demo",
            id="message",
        ),
        pytest.param(
            nexus("Repository does not allow updating assets: pypi-hosted"),
            Conflict,
            "Repository does not allow updating assets: pypi-hosted",
            id="nexus-exists",
        ),
        pytest.param(
            nexus("hosted/packages/demo/1.0/demo-1.0.tar.gz cannot be updated"),
            Conflict,
            "hosted/packages/demo/1.0/demo-1.0.tar.gz cannot be updated",
            id="nexus-exists-sql",
        ),
        pytest.param(nexus("Missing &quot;name&quot;"), BadRequest, 'Missing "name"', id="nexus-bad"),
        pytest.param(
            artifactory(403, "Not enough permissions to overwrite artifact 'pypi:demo-1.0.tar.gz' (needs DELETE)."),
            Conflict,
            "Not enough permissions to overwrite artifact 'pypi:demo-1.0.tar.gz' (needs DELETE).",
            id="artifactory-exists",
        ),
        pytest.param(artifactory(401, "Bad Credentials"), Unauthorized, "Bad Credentials", id="artifactory-password"),
        pytest.param(
            artifactory(409, "The repository 'pypi' rejected the resolution."),
            Conflict,
            "The repository 'pypi' rejected the resolution.",
            id="artifactory-409",
        ),
        pytest.param(
            (
                400,
                "Bad Request",
                '{"message": "400 Bad request - Validation failed: File name has already been taken"}',
                JSON,
            ),
            Conflict,
            "Bad request - Validation failed: File name has already been taken",
            id="gitlab-exists",
        ),
        pytest.param(
            (409, "Conflict", json.dumps({"$id": "1", "message": AZURE, "typeKey": "X", "errorCode": 0}), JSON),
            Conflict,
            AZURE,
            id="azure-exists",
        ),
        pytest.param(
            (422, "Unprocessable Entity", json.dumps({"message": "Token request failed", "errors": MINTING}), JSON),
            BadRequest,
            "no such publisher (invalid-publisher); reuse (invalid-reuse-token)",
            id="minting",
        ),
        pytest.param(
            (422, "Unprocessable Entity", '{"message": "Odd", "errors": {"code": "c"}}', JSON),
            BadRequest,
            "Odd",
            id="odd",
        ),
        pytest.param((500, "Internal Server Error", "", ""), ServerError, "Internal Server Error", id="nothing"),
        pytest.param((400, "", "", ""), BadRequest, "Bad Request", id="nothing-h2"),
        pytest.param(
            (403, "Forbidden", "not JSON", "application/json"), Forbidden, "Forbidden: the token", id="no-json"
        ),
        pytest.param((400, "Bad Request", '["a", "list"]', "application/json"), BadRequest, "a; list", id="list"),
        pytest.param((599, "Odd", "", ""), ServerError, "Odd", id="unknown-status"),
    ],
)
def test_what_is_said(response: tuple[int, str, str, str], kind: type[ApiError], detail: str):
    found = error(*response)
    assert type(found) is kind
    assert found.detail.startswith(detail)
    assert str(found) == f"index: {found.detail} (HTTP {response[0]})"


def test_only_an_upload_that_failed_on_the_way_may_have_been_done():
    assert error(502, "Bad Gateway").outcome == "unknown"
    assert error(400, "Bad Request").outcome == "not_done"
    assert error(503, "Service Unavailable", **{"retry-after": "7"}).outcome == "not_done"


def test_how_long_to_wait():
    found = error(503, "Service Unavailable", **{"retry-after": "7"})
    assert found.retry_after == 7
    assert str(found) == "index: Service Unavailable (HTTP 503); wait 7 s (Retry-After)"


def test_secrets_and_long_pages_are_not_repeated():
    found = error(400, "400 bad token s3cret", "", "")
    assert "s3cret" not in str(found)
    assert len(str(error(400, "", "word " * 10_000, "text/plain"))) < 2000


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"message": {"version": ["is invalid", "is too long"]}}, "version: is invalid, is too long"),  # GitLab
        ({"message": {"base": ["has already been taken"]}}, "has already been taken"),
        ({"name": ["This field is required."]}, "name: This field is required."),  # Django REST framework
        ({"non_field_errors": ["No."], "sha256": ["Bad."]}, "No.; sha256: Bad."),
        ({"detail": {"name": ["Bad."]}}, "name: Bad."),
        ({"message": {"version": "5"}}, "Bad Request"),
        ({"message": {"version": [5, None, ["x"]]}}, "Bad Request"),
        ({"name": []}, "Bad Request"),
        ([{"name": ["x"]}], "Bad Request"),
    ],
)
def test_what_is_wrong_with_a_field_is_said(body: object, detail: str):
    found = error(400, "Bad Request", json.dumps(body), "application/json")
    assert found.detail == detail
    assert isinstance(found, Conflict) == ("taken" in detail)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://index.example/root/simple/demo/", "simple/demo/ at index.example"),
        ("https://user:s3cret@index.example:8443/legacy", "legacy at index.example:8443"),
        ("https://index.example/basic/t0ken/repo/simple/demo/?x=s3cret#f", "simple/demo/ at index.example"),
        ("https://index.example", "at index.example"),
    ],
)
def test_a_place_is_named_without_what_may_be_secret(url: str, place: str):
    assert place_of(url) == place

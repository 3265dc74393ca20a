"""Errors of Charmhub, the Snap Store, Ubuntu One and Candid, in every shape that they were seen in."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

import lading
from lading import ApiError, Conflict, Forbidden, NotFound, RateLimited, Response, Unauthorized
from lading.canonical import ReviewRejected
from lading.canonical._endpoints import CHARMHUB
from lading.canonical._errors import needs_refresh, read_accepted, read_error
from lading.canonical._reviews import Review, ReviewError
from lading.canonical._services import services_of

SERVICE = services_of(CHARMHUB, allow_http=False).api


def response(status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, {"content-type": "application/json", **(headers or {})}, data)


def error(status: int, body: Any, headers: dict[str, str] | None = None) -> ApiError:
    return SERVICE.error_of(response(status, body, headers), "POST", ("SECRET",))


SHAPES: list[tuple[int, Any, type[ApiError], str | None, str]] = [
    (404, {"error-list": [{"code": "resource-not-found", "message": "no x"}]}, NotFound, "resource-not-found", "no x"),
    (403, {"error_list": [{"code": "macaroon-permission-required", "message": "no"}]}, Forbidden,
     "macaroon-permission-required", "no"),
    (400, {"error-list": [{"code": "a", "message": "one"}, {"code": "b", "message": "two"}]}, lading.BadRequest, "a",
     "one; two"),
    (401, {"code": "INVALID_CREDENTIALS", "message": "wrong", "extra": {}, "error_list":
     [{"code": "invalid-credentials", "message": "wrong"}]}, Unauthorized, "invalid-credentials", "wrong"),
    (409, {"status": 409, "code": "already_registered", "register_name_url": "x"}, Conflict, "already_registered",
     "the name is registered already"),
    (409, {"status": 409, "code": "reserved_name"}, Conflict, "reserved_name", "the name is reserved"),
    (404, {"error_message": "no such package"}, NotFound, None, "no such package"),
    (501, {"error-list": [{"code": "feature-disabled", "message": "off"}]}, lading.ServerError, "feature-disabled",
     "off"),
    (401, {"Code": "interaction required", "Message": "log in"}, Unauthorized, "interaction required", "log in"),
    (400, {"error-list": None}, lading.BadRequest, None, ""),
    (400, {"error-list": "no list"}, lading.BadRequest, None, ""),
    (400, ["a list", {"code": "c", "message": "m"}], lading.BadRequest, "c", "a list; m"),
    (400, {"error-list": [1, None, {"code": None, "message": 5}]}, lading.BadRequest, None, ""),
    (500, b"<html><title>Bad gateway</title></html>", lading.ServerError, None, ""),
    (400, b"[" * 100_000, lading.BadRequest, None, ""),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "code", "detail"), SHAPES, ids=range(len(SHAPES)))
def test_every_shape_of_an_error(status: int, body: Any, kind: type[ApiError], code: str | None, detail: str):
    found = error(status, body)
    assert (type(found), found.code, found.status) == (kind, code, status)
    assert detail in str(found)
    assert str(found).startswith("charmhub: ")


def test_every_code_is_kept():
    found = error(400, {"error-list": [{"code": "a", "message": "one"}, {"code": "b", "message": "two"}]})
    assert list(found.errors) == [("a", "one"), ("b", "two")]
    assert error(409, {"code": "already_owned"}).errors[0][0] == "already_owned"


def test_seconds_to_wait_in_a_body_count_as_the_header_does():
    found = error(429, {"status": 429, "code": "register_window", "retry_after": 177})
    assert (type(found), found.retry_after) == (RateLimited, 177)
    assert "wait 177 s" in str(found)
    assert error(429, {"retry_after": 5}, {"retry-after": "9"}).retry_after == 9
    for odd in (True, "5", None, -1, float("1e300"), [5]):
        assert error(429, {"retry_after": odd}).retry_after is None


@pytest.mark.parametrize(
    ("status", "body", "headers", "expected"),
    [
        (401, {"error_list": [{"code": "macaroon-needs-refresh", "message": "old"}]}, {}, True),
        (401, {"error_list": [{"code": "macaroon-permission-required", "message": "old"}]},
         {"www-authenticate": "Macaroon needs_refresh=1"}, True),
        (401, {"error_list": [{"code": "macaroon-permission-required", "message": "old"}]}, {}, False),
        (403, {"error_list": [{"code": "macaroon-needs-refresh", "message": "old"}]}, {}, False),
        (401, b"no json", {"www-authenticate": 'Macaroon realm="x", needs_refresh=1'}, True),
    ],
)  # fmt: skip
def test_either_sign_says_that_credentials_have_to_be_refreshed(
    status: int, body: Any, headers: dict[str, str], expected: bool
):
    found = response(status, body, headers)
    assert needs_refresh(found) is expected
    raised = read_error(SERVICE, found, "GET", ())
    assert ("log in again" in str(raised)) is expected
    assert isinstance(raised, Unauthorized) or not expected


def test_no_secret_is_shown():
    found = error(400, {"error-list": [{"code": "SECRET", "message": "the token SECRET is bad"}]})
    assert "SECRET" not in str(found) + repr(found.errors) + str(found.code) + found.detail


def test_a_rejected_review_pickles():
    review = Review(upload_id="u", status="rejected", errors=(ReviewError(code="review-error", message="bad"),))
    copy = pickle.loads(pickle.dumps(ReviewRejected("charmhub: rejected", review=review)))
    assert (copy.review, str(copy), copy.outcome) == (review, "charmhub: rejected", "not_done")


def test_a_review_may_have_no_errors_and_a_number_before_it_is_approved():
    review = Review.model_validate({"upload-id": "u", "status": "scanned", "revision": 3, "errors": None})
    assert (review.errors, review.revision, review.is_final, review.is_approved) == ((), 3, False, False)


JSON_TYPE = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b""),
        ({"content-type": "text/plain"}, b""),
        ({"content-type": "text/plain"}, b"OK"),
        (JSON_TYPE, b"{}"),
        (JSON_TYPE, b'{"type": "snap-build", "errors": []}'),
        (JSON_TYPE, b'{"macaroons": null}'),
    ],
)
def test_a_success_without_content_of_interest(headers: dict[str, str], body: bytes):
    assert read_accepted(Response(200, headers, body)) is True


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "text/html"}, b"Sign in"),
        ({"content-type": "text/plain"}, b" <!DOCTYPE html>"),
        ({}, b"<html>"),
        (JSON_TYPE, b"[]"),
        (JSON_TYPE, b'{"error": "no"}'),
        (JSON_TYPE, b'{"error_list": [{"code": "no"}]}'),
        (JSON_TYPE, b"{"),
    ],
)
def test_a_success_that_is_not_the_stores(headers: dict[str, str], body: bytes):
    with pytest.raises((TypeError, ValueError)):
        read_accepted(Response(200, headers, body))

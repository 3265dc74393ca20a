"""What a store or a proxy said is found in every shape, and becomes the error that means it."""

from __future__ import annotations

import json
from datetime import UTC
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lading import (
    ApiError,
    BadRequest,
    Call,
    Conflict,
    Forbidden,
    InvalidResponse,
    Model,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    Response,
    ServerError,
    Unauthorized,
)
from lading._core.responses import api_error, error_class, error_detail, parse_response
from lading._core.retry import parse_retry_after

if TYPE_CHECKING:
    from collections.abc import Callable


def make_response(
    body: bytes | str = b"", kind: str = "", status: int = 400, reason: str = "Reason", **headers: str
) -> Response:
    found = {name.replace("_", "-"): value for name, value in headers.items()}
    if kind:
        found["content-type"] = kind
    return Response(status, found, body.encode() if isinstance(body, str) else body, "https://store.test/", reason)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"error": "bad name"}, "bad name"),
        ({"message": "bad name"}, "bad name"),
        ({"detail": [{"loc": ["a"], "message": "one"}, {"message": "two"}]}, "one; two"),
        ({"errors": {"message": "inner"}}, "inner"),
        ({"error": {"code": "x", "description": "deep"}}, "deep"),
        ({"error_list": [{"code": "a", "message": "listed"}]}, "listed"),
        ({"error": "", "title": "fallback"}, "fallback"),
        ("just text", "just text"),
        (["a", None, 1, "b"], "a; b"),
        ({"unknown": "x"}, "Reason"),
        ({}, "Reason"),
        (None, "Reason"),
        (7, "Reason"),
    ],
)
def test_what_json_says(value: object, expected: str):
    for kind in ("application/json", "application/problem+json; charset=utf-8"):
        assert error_detail(make_response(json.dumps(value), kind)) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<html><title>413 Request Entity Too Large</title><body><h1>x</h1>", "413 Request Entity Too Large"),
        ("<h1>Only &amp; a\n heading</h1>", "Only & a\n heading"),
        ("<PRE CLASS=a>Invalid <b>name</b></PRE><title>Error</title>", "Invalid  name"),
        ("<title></title><h1>second</h1>", "second"),
        ("<pre>never closed", "Reason"),
        ("<p>nothing of note</p>", "Reason"),
        ("", "Reason"),
    ],
)
def test_what_html_says(body: str, expected: str):
    assert error_detail(make_response(body, "text/html; charset=utf-8")) == expected


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b"  plain words\n", "text/plain", "plain words"),
        (b"no type at all", "", "no type at all"),
        (b"<html><title>unlabelled</title>", "", "unlabelled"),
        (b"\xff\xfe", "text/plain", "\ufffd\ufffd"),
        (b"", "text/plain", "Reason"),
        (b"{broken", "application/json", "Reason"),
        (b"[" * 200_000, "application/json", "Reason"),
        (b"[" * 900 + b"]" * 900, "application/json", "Reason"),
        (b"\xff", "application/json", "Reason"),
    ],
)
def test_what_anything_else_says(body: bytes, kind: str, expected: str):
    assert error_detail(make_response(body, kind)) == expected


@pytest.mark.parametrize("piece", ["<pre>", "<pre", "<title>", "<h1", "<", "&lt;", "<pre><"])
def test_no_page_takes_long(piece: str):
    page = piece * (256 * 1024 // len(piece))
    assert error_detail(make_response(page, "text/html")) == "Reason"  # the test's own time limit ends one that does
    error_detail(make_response(f"<pre>{page}</pre>", "text/html"))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequest),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (405, BadRequest),
        (409, Conflict),
        (410, NotFound),
        (412, Conflict),
        (413, PayloadTooLarge),
        (422, BadRequest),
        (429, RateLimited),
        (500, ServerError),
        (599, ServerError),
        (304, ApiError),
    ],
)
def test_the_class_says_what_it_means(status: int, kind: type[ApiError]):
    assert error_class(status) is kind


def test_an_error_is_one_line_with_all_that_is_known():
    error = api_error(
        "store",
        make_response('{"error": "too\\n many"}', "application/json", 429, retry_after="7", x_request_id="r-1"),
        method="POST",
        code="slow",
    )
    assert str(error) == "store: too many (HTTP 429); wait 7 s (Retry-After)"
    assert vars(error) == {
        "outcome": "not_done",
        "service": "store",
        "status": 429,
        "code": "slow",
        "detail": "too many",
        "retry_after": 7.0,
        "request_id": "r-1",
        "attempts": 1,
        "errors": (),
        "final": False,
        "request_sent": True,
    }


@pytest.mark.parametrize(
    ("method", "status", "retry_after", "outcome"),
    [
        ("POST", 500, None, "unknown"),
        ("POST", 502, None, "unknown"),
        ("PUT", 504, None, "unknown"),
        ("DELETE", 408, None, "unknown"),
        ("POST", 503, None, "unknown"),
        ("POST", 503, "1", "not_done"),
        ("POST", 501, None, "not_done"),
        ("POST", 429, None, "not_done"),
        ("POST", 400, None, "not_done"),
        ("GET", 500, None, "not_done"),
        ("HEAD", 408, None, "not_done"),
    ],
)
def test_only_a_write_that_may_have_worked_is_unknown(method: str, status: int, retry_after: str | None, outcome: str):
    headers = {} if retry_after is None else {"retry-after": retry_after}
    assert api_error("store", Response(status, headers, b""), method=method).outcome == outcome


class Thing(Model):
    name: str


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (make_response("<html>log in</html>", "text/html", 200), "200 with 19 bytes of text/html"),
        (make_response("{", "application/json", 200), "JSON"),
        (make_response('{"nom": "x"}', "application/json", 200), "name: Field required"),
        (make_response("", "", 200), "of no stated type"),
        (make_response('{"name": ["hunter2"]}', "application/json", 200), "name: Input should be a valid string"),
    ],
)
@pytest.mark.parametrize(("method", "outcome"), [("GET", "not_done"), ("POST", "unknown")])
def test_a_success_that_is_none_is_a_bad_response(response: Response, message: str, method: str, outcome: str):
    with pytest.raises(InvalidResponse) as caught:
        parse_response("store", Call(method, "thing/{id}", Thing), response)
    assert message in str(caught.value)
    assert f"store: the response to {method} thing/{{id}} is " in str(caught.value)
    assert caught.value.outcome == outcome
    assert "hunter2" not in f"{caught.value} {caught.value.__cause__}"


@pytest.mark.parametrize(
    "read",
    [
        lambda r: r.json()["missing"],
        lambda r: r.json()[0],
        lambda r: int("x"),
        lambda r: r.json().nothing,
        lambda r: Response(200, {}, b"[" * 200_000).json(),
    ],
)
def test_a_reader_that_stumbles_is_a_bad_response(read):
    with pytest.raises(InvalidResponse):
        parse_response("store", Call("GET", "x", read), make_response("{}", "application/json", 200))


def fail_with(error: BaseException) -> Callable[[Response], None]:
    """A reader that raises *error*."""

    def read(_: Response) -> None:
        raise error

    return read


@pytest.mark.parametrize(
    "error",
    [AssertionError("unknown status keyword"), OverflowError(), RecursionError(), ZeroDivisionError(), KeyError("ETag"),
     UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates"), StopIteration(), OSError(), Exception("s3cr3t")],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize(("method", "outcome"), [("GET", "not_done"), ("POST", "unknown")])
def test_whatever_a_reader_raises_is_a_bad_response(error: Exception, method: str, outcome: str):
    with pytest.raises(InvalidResponse, match=type(error).__name__) as caught:
        parse_response("store", Call(method, "x", fail_with(error)), make_response(status=200))
    assert caught.value.outcome == outcome
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("error", [Conflict("mine"), MemoryError(), KeyboardInterrupt(), SystemExit(1)], ids=repr)
def test_our_own_errors_and_the_machines_come_through(error: BaseException):
    with pytest.raises(type(error)) as caught:
        parse_response("store", Call("GET", "x", fail_with(error)), make_response(status=200))
    assert caught.value is error


@given(
    st.text(max_size=60) | st.from_regex(r"\A[A-Z][a-z]{2}, \d{1,12} [A-Z][a-z]{2} \d{1,9} \d+:\d+:\d+ [-+]\d{4,9}\Z")
)
def test_any_date_header_is_a_time_or_none(value: str):
    found = Response(200, {"date": value}, b"").date
    assert found is None or found.tzinfo is UTC
    parse_retry_after(value)


@pytest.mark.parametrize(
    "value",
    [
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Mon, 1 Jan 1 00:00:00 +99999999",
        "Fri, 99999999999 Nov 2026 23:00:00 GMT",
        "",
    ],
)
def test_a_date_that_no_clock_shows_is_none(value: str):
    assert Response(200, {"date": value}, b"").date is None


def test_a_model_keeps_what_it_does_not_know():
    thing = parse_response(
        "store", Call("GET", "x", Thing), make_response('{"name": "n", "new": [1]}', "application/json", 200)
    )
    assert thing == Thing.model_validate({"name": "n", "new": [1]})
    assert thing.model_extra == {"new": [1]}

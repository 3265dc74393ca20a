"""Calls become URLs: path parameters and the query are encoded, and cannot lead elsewhere; bad calls are refused."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lading import BytesBody, Call, InputError, Response
from lading._core.call import encode_query

BASE = "https://store.test/api/"


def url(path: str, **options: object) -> str:
    return Call("GET", path, **options).url(BASE)  # type: ignore[arg-type]


@given(st.text(min_size=1).filter(lambda text: text not in {".", ".."}))
def test_any_value_stays_one_segment(value: str):
    at = url("build/{id}/logs", path_params={"id": value})
    # As the HTTP library reads it, which is what goes over the wire.
    raw = httpx.URL(at).raw_path.decode("ascii")
    assert raw.startswith("/api/build/")
    assert raw.endswith("/logs")
    assert raw.count("/") == 4
    assert "?" not in raw
    assert "#" not in raw
    assert unquote(raw.split("/")[3]) == value
    assert httpx.URL(at).host == "store.test"


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_values_that_name_another_directory_are_refused(value: str):
    with pytest.raises(InputError) as caught:
        url("build/{id}", path_params={"id": value})
    assert caught.value.argument == "id"


def test_a_value_that_utf8_cannot_encode_is_refused():
    with pytest.raises(InputError) as caught:
        url("build/{id}", path_params={"id": "\ud800"})
    assert caught.value.argument == "id"


def test_a_placeholder_without_a_value_is_refused():
    for params in ({}, {"other": 1}):
        with pytest.raises(InputError, match="'id'") as caught:
            url("build/{id}", path_params=params)
        assert caught.value.argument == "id"


@pytest.mark.parametrize("value", [b"1", 1.5, None, True, ["a"], object()])
def test_only_strings_and_ints_are_path_parameters(value: object):
    with pytest.raises(InputError, match="must be a str or an int") as caught:
        url("build/{id}", path_params={"id": value})
    assert caught.value.argument == "id"


def test_a_path_placeholder_fills_several_segments():
    assert url("dist/{name:path}", path_params={"name": "linux-64/foo 1.conda"}) == BASE + "dist/linux-64/foo%201.conda"
    assert url("dist/{name}", path_params={"name": "linux-64/foo.conda"}) == BASE + "dist/linux-64%2Ffoo.conda"
    assert url("a/{one:path}/{two}", path_params={"one": "x/y", "two": "z/"}) == BASE + "a/x/y/z%2F"
    for bad in ("", "/a", "a/", "a//b", "a/../b", "./a"):
        with pytest.raises(InputError, match="must not be"):
            url("dist/{name:path}", path_params={"name": bad})


def test_safe_characters_are_the_services():
    call = Call("GET", "p/{name}", path_params={"name": "@a+b:c~!"})
    assert call.url(BASE) == BASE + "p/@a+b:c~%21"
    assert call.url(BASE, safe="!") == BASE + "p/%40a%2Bb%3Ac~!"


@pytest.mark.parametrize("parser", [bytes, str, dict, list, int, float, bool, tuple, object])
def test_builtin_types_are_no_parsers(parser: type):
    with pytest.raises(InputError, match=f"parse={parser.__name__} cannot read a response") as caught:
        Call("GET", "x", parser)  # type: ignore[arg-type]
    assert caught.value.argument == "parse"


def test_one_body_at_the_most():
    bodies = {"json": {}, "form": {"a": 1}, "body": BytesBody(b"x")}
    for name, value in bodies.items():
        Call("POST", "x", **{name: value})  # type: ignore[arg-type]
        for other, more in bodies.items():
            if other != name:
                with pytest.raises(InputError, match="only one of json, form and body"):
                    Call("POST", "x", **{name: value, other: more})  # type: ignore[arg-type]


def test_which_statuses_are_a_success():
    assert [status for status in range(100, 600) if Call("GET", "x").is_success(status)] == list(range(200, 300))
    call = Call("POST", "x", success=frozenset({201}), allow_statuses=frozenset({404}))
    assert [status for status in range(100, 600) if call.is_success(status)] == [201, 404]
    with pytest.raises(InputError, match=r"\[404\] is in success and in allow_statuses"):
        Call("GET", "x", success=frozenset({200, 404}), allow_statuses=frozenset({404}))


def test_a_value_is_not_a_template_again():
    assert url("{a}/{b}", path_params={"a": "{b}", "b": 7}) == BASE + "%7Bb%7D/7"


def test_absolute_urls_are_left_alone():
    assert url("https://elsewhere.test/x?sig={1}") == "https://elsewhere.test/x?sig={1}"
    assert url("https://elsewhere.test/x?a=1", params={"b": 2}) == "https://elsewhere.test/x?a=1&b=2"


def test_a_leading_slash_does_not_leave_the_base():
    assert url("/build") == BASE + "build"
    assert urlsplit(url("//evil.test/build")).hostname == "store.test"


def test_the_query():
    params = {"a": None, "b": True, "c": False, "d": ["x", None, 1], "e": "ä &=+#", "f": (), "g": 1.5}
    assert url("list", params=params) == f"{BASE}list?b=true&c=false&d=x&d=1&e=%C3%A4+%26%3D%2B%23&g=1.5"
    assert url("list", params={"a": None}) == BASE + "list"


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.text(), max_size=3), max_size=4))
def test_any_query_is_read_back(params: dict[str, str | int | list[str]]):
    expected = [
        (name, str(one)) for name, value in params.items() for one in (value if isinstance(value, list) else [value])
    ]
    assert parse_qsl(encode_query(params), keep_blank_values=True) == expected


def test_which_calls_may_be_repeated():
    repeatable = {m for m in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH") if Call(m, "").repeatable}
    assert repeatable == {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}
    assert Call("POST", "", idempotent=True).repeatable
    assert not Call("GET", "", idempotent=False).repeatable


def test_what_is_printed_holds_no_values():
    secret = "s3cr3t-value"
    call = Call(
        "GET", "a/{x}", path_params={"x": secret}, params={"t": secret}, headers={"T": secret}, json={"t": secret}
    )
    assert secret not in repr(call)
    assert repr(call) == str(call) == "<Call GET a/{x}>"
    whole = Call("GET", f"https://host.test/?sig={secret}")
    assert repr(whole) == "<Call GET (url)>"
    assert repr(Call("GET", f"https://host.test/?sig={secret}", template="(file)")) == "<Call GET (file)>"
    response = Response(200, {}, secret.encode(), f"https://u:{secret}@host.test/p?sig={secret}#{secret}")
    assert repr(response) == "<Response 200 from https://host.test, 12 bytes>"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe\xfd", b"[" * 200_000, b"9" * 5000], ids=["empty", "cut", "binary", "deep", "long"]
)
def test_a_body_that_is_no_json_is_a_value_error(body: bytes):
    with pytest.raises(ValueError):
        Response(200, {}, body).json()


def test_the_media_type():
    assert Response(200, {"content-type": " Text/HTML ; charset=x"}, b"").media_type == "text/html"
    assert Response(200, {}, b"").media_type == ""


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Fri, 27 Nov 2026 23:00:00 GMT", datetime(2026, 11, 27, 23, tzinfo=UTC)),
        ("Friday, 27-Nov-26 23:00:00 GMT", datetime(2026, 11, 27, 23, tzinfo=UTC)),
        ("Fri Nov 27 23:00:00 2026", datetime(2026, 11, 27, 23, tzinfo=UTC)),
        ("Fri, 27 Nov 2026 23:00:00 +0100", datetime(2026, 11, 27, 22, tzinfo=UTC)),
        ("yesterday", None),
        ("Fri, 99 Nov 2026 23:00:00 GMT", None),
        ("Fri, 27 Nov 99999999999 23:00:00 GMT", None),
    ],
)
def test_the_date(header: str, expected: datetime | None):
    assert Response(200, {"date": header}, b"").date == expected
    assert Response(200, {}, b"").date is None

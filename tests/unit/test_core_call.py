"""Calls become addresses: each value one segment, the query encoded, nothing that could lead elsewhere."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lading import Call, InputError, Response
from lading._core.call import encode_query

BASE = "https://store.test/api/"


def url(path: str, **options: object) -> str:
    return Call("GET", path, str, **options).url(BASE)  # type: ignore[arg-type]


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
def test_values_that_name_another_folder_are_refused(value: str):
    with pytest.raises(InputError) as caught:
        url("build/{id}", path_params={"id": value})
    assert caught.value.argument == "id"


def test_a_value_that_is_no_text_is_refused():
    with pytest.raises(InputError) as caught:
        url("build/{id}", path_params={"id": "\ud800"})
    assert caught.value.argument == "id"


def test_a_hole_without_a_value_is_refused():
    for params in ({}, {"other": 1}):
        with pytest.raises(InputError, match="'id'") as caught:
            url("build/{id}", path_params=params)
        assert caught.value.argument == "id"


def test_a_value_is_not_a_template_again():
    assert url("{a}/{b}", path_params={"a": "{b}", "b": 7}) == BASE + "%7Bb%7D/7"


def test_whole_addresses_are_left_alone():
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
    repeatable = {
        m for m in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH") if Call(m, "", str).repeatable
    }
    assert repeatable == {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}
    assert Call("POST", "", str, idempotent=True).repeatable
    assert not Call("GET", "", str, idempotent=False).repeatable


def test_what_is_printed_holds_no_values():
    secret = "s3cr3t-value"
    call = Call(
        "GET", "a/{x}", str, path_params={"x": secret}, params={"t": secret}, headers={"T": secret}, json={"t": secret}
    )
    assert secret not in repr(call)
    assert repr(call) == str(call) == "<Call GET a/{x}>"
    whole = Call("GET", f"https://host.test/?sig={secret}", str)
    assert repr(whole) == "<Call GET (address)>"
    assert repr(Call("GET", f"https://host.test/?sig={secret}", str, template="(file)")) == "<Call GET (file)>"
    reply = Response(200, {}, secret.encode(), f"https://u:{secret}@host.test/p?sig={secret}#{secret}")
    assert repr(reply) == "<Response 200 from https://host.test/p, 12 bytes>"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe\xfd", b"[" * 200_000, b"9" * 5000], ids=["empty", "cut", "binary", "deep", "long"]
)
def test_a_body_that_is_no_json_is_a_value_error(body: bytes):
    with pytest.raises(ValueError):
        Response(200, {}, body).json()


def test_the_media_type():
    assert Response(200, {"content-type": " Text/HTML ; charset=x"}, b"").media_type == "text/html"
    assert Response(200, {}, b"").media_type == ""

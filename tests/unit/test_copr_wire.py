"""How things are written for Copr: bodies, forms, queries, addresses."""

from __future__ import annotations

import json
from email import message_from_bytes
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lading import BytesBody, Call, Response, copr
from lading._core.call import encode_query
from lading._core.multipart import FilePart
from lading.copr._models.builds import Build
from lading.copr._wire import join_list, json_fields, multipart_form, page_query, read_about, read_deleted, read_member

if TYPE_CHECKING:
    from collections.abc import Callable

    from lading._core.multipart import Multipart

ROOT = "https://copr.example/api_3/"
VALUES = (
    st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text()) | st.dictionaries(st.text(), st.text())
)


@settings(deadline=None, derandomize=True)
@given(st.lists(st.dictionaries(st.sampled_from("abcdef"), VALUES), max_size=4))
def test_bodies(mappings: list[dict[str, Any]]):
    """Later ones win, what is None is not said, and all of it can be written as JSON."""
    merged: dict[str, Any] = {}
    for mapping in mappings:
        merged.update(mapping)
    found = json_fields(*mappings)
    assert found == {name: value for name, value in merged.items() if value is not None}
    assert json.loads(json.dumps(found)) == found


def test_what_is_empty_is_said():
    """An empty list or text clears a setting, and false is not nothing."""
    assert json_fields({"a": [], "b": (), "c": "", "d": False, "e": 0, "f": None}) == {
        "a": [],
        "b": [],
        "c": "",
        "d": False,
        "e": 0,
    }
    assert json_fields({"a": iter("xy"), "b": {"z": 1}, "c": ("1", 2)}) == {
        "a": ["x", "y"],
        "b": {"z": 1},
        "c": ["1", 2],
    }


def test_lists_for_fields_of_one_text():
    assert [join_list(value) for value in (None, "a b", ["a", "b"], (), iter("ab"))] == [None, "a b", "a b", "", "a b"]
    assert join_list(["a-*", "b"], ",") == "a-*,b"


def parts(sent: Multipart) -> list[tuple[str, str | None, str, bytes]]:
    """Name, file name, type and content of each part, as another parser reads them."""

    async def read() -> bytes:
        reader = sent.open()
        try:
            return b"".join([bytes(piece) async for piece in reader])
        finally:
            await reader.aclose()

    raw = anyio.run(read)
    assert sent.length == len(raw)
    message = message_from_bytes(f"Content-Type: {sent.content_type}\r\n\r\n".encode() + raw)
    return [
        (
            str(part.get_param("name", header="content-disposition")),
            part.get_filename(),
            part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in message.get_payload()
    ]


@settings(deadline=None, derandomize=True)
@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_forms(fields: dict[str, Any]):
    """Two files, and both have names: the frontend does not see a field that has none."""
    content = b"--bytes--\r\n--" + bytes(range(256))
    found = parts(
        multipart_form(fields, FilePart("pkgs", BytesBody(content, "application/x-rpm"), "hello-1.0-1.src.rpm"))
    )
    (name, filename, kind, sent), (json_name, json_filename, json_kind, text) = found
    assert (name, filename, kind, sent) == ("pkgs", "hello-1.0-1.src.rpm", "application/x-rpm", content)
    assert (json_name, json_filename, json_kind) == ("json", "json", "application/json")
    assert json.loads(text) == json_fields(fields)


def test_a_form_without_a_file_is_a_form_all_the_same():
    assert parts(multipart_form({"delete_comps": False, "with_opts": ()})) == [
        ("json", "json", "application/json", b'{"delete_comps": false, "with_opts": []}')
    ]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (page_query(100, 0, None, descending=False), "limit=100"),
        (page_query(1, 7, "name", descending=True), "limit=1&offset=7&order=name&order_type=DESC"),
        ({"additional_fields[]": ("a", "b")}, "additional_fields%5B%5D=a&additional_fields%5B%5D=b"),
        ({"additional_fields[]": (), "project_dirname": None}, ""),
    ],
)
def test_queries(query: Any, text: str):
    """An empty order_type would turn the order round, and an empty name would be looked for."""
    assert encode_query(query) == text


NAMES = st.text(min_size=1).filter(
    lambda name: name not in (".", "..") and not any("\ud800" <= c <= "\udfff" for c in name)
)


@settings(deadline=None, derandomize=True)
@given(NAMES, NAMES, NAMES)
def test_names_in_addresses(owner: str, project: str, package: str):
    """Each is one segment, whatever is in it, and the frontend reads back what was meant."""
    at = {"owner": owner, "project": project, "package": package}
    call = Call(
        "GET",
        "package/add/{owner}/{project}/{package}/scm",
        Response.json,
        path_params=at,
        params={"packagename": package},
    )
    parts = urlsplit(call.url(ROOT))
    segments = parts.path.split("/")
    assert segments[:4] == ["", "api_3", "package", "add"]
    assert [unquote(segment) for segment in segments[4:]] == [owner, project, package, "scm"]
    assert parse_qsl(parts.query, keep_blank_values=True) == [("packagename", package)]
    assert parts.fragment == ""


def test_names_that_stay_as_they_are():
    at = {"owner": "@group", "project": "gtk+:pr:7_x-y.z"}
    assert (
        Call("GET", "x/{owner}/{project}", Response.json, path_params=at).url(ROOT) == f"{ROOT}x/@group/gtk+:pr:7_x-y.z"
    )


OBJECTS = (b"{}", b'{"id": 2}', b'{"status": "ok"}', b'{"id": null}', b"[]", b"null", b'"done"', b"<html>")


@pytest.mark.parametrize("content", OBJECTS)
def test_only_what_a_request_was_about_confirms_it(content: bytes):
    for read in (read_about(Build, id=1), read_deleted(Build, id=1), read_member("builds", list, equal=[1])):
        with pytest.raises((ValueError, LookupError, TypeError)):
            read(Response(200, {}, content))


def test_what_confirms_a_request():
    response = Response(200, {}, b'{"id": 1, "builds": [2, 1], "updated": false}')
    assert read_about(Build, id=1)(response).id == 1
    assert read_deleted(Build, id=1)(response)
    assert read_member("builds", list, equal=[1, 2])(response)
    assert read_member("updated", bool)(response)
    with pytest.raises(LookupError):
        read_member("builds", list, equal=[1])(response)
    with pytest.raises(LookupError):
        read_member("updated", list)(response)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: copr.PyPISource("demo", python_versions=iter(["3"])), "python_versions"),  # type: ignore[arg-type]
        (lambda: copr.CustomSource("exit", script_builddeps=iter(["3"])), "script_builddeps"),  # type: ignore[arg-type]
    ],
)
def test_a_source_of_an_iterator_can_be_used_again(make: Callable[[], copr.Source], name: str) -> None:
    source = make()
    assert [json_fields(source.wire())[name] for _ in range(2)] == [["3"], ["3"]]

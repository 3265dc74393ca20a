"""JSON read in steps: the same values as ``json.loads``, wherever the pieces end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lading._core import json_steps
from lading._core.json_steps import read_members

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)
ARRAYS = st.lists(VALUES, max_size=12)


def members(body: bytes, *arrays: str, wanted: tuple[str, ...] = ("a", "b"), **options: Any) -> dict[str, Any]:
    """All members, the parts of arrays put together."""
    found: dict[str, Any] = {}
    for name, value in read_members(body, set(wanted), set(arrays), **options):
        if name in arrays and isinstance(value, list):
            found.setdefault(name, []).extend(value)
        elif name:
            found[name] = value
    return found


@pytest.fixture(params=[1, 2, 3, 7, 65536])
def step(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(json_steps, "STEP", request.param)
    return request.param


@given(value=VALUES, array=ARRAYS, skipped=VALUES, indent=st.sampled_from([None, 0, 3]), ascii_only=st.booleans())
def test_the_same_as_json_loads(value: Any, array: list[Any], skipped: Any, indent: int | None, ascii_only: bool):
    document = {"x": skipped, "a": value, "files": array, "y": [skipped, skipped], "b": [value]}
    body = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    expected = {name: document[name] for name in ("a", "b", "files")}
    before = json_steps.STEP
    try:
        for json_steps.STEP in (1, 5, 1 << 16):
            assert members(body, "files") == expected
    finally:
        json_steps.STEP = before


@pytest.mark.usefixtures("step")
def test_strings_with_escapes_and_characters_of_several_bytes():
    text = 'a "quoted" \\ back\\"slash \u2028 é 🚀 \n [{,'
    body = json.dumps({"skipped": {"k": [text]}, "files": [{text: text}] * 3, "a": text}, ensure_ascii=False).encode()
    assert members(body, "files") == {"files": [{text: text}] * 3, "a": text}
    assert members(b"\xef\xbb\xbf" + body, "files")["a"] == text
    assert members(json.dumps({"a": "🚀"}).encode()) == {"a": "🚀"}


@pytest.mark.usefixtures("step")
@pytest.mark.parametrize("half", [b'"\\ud83d"', b'"\\uDE80"', b'"\\ude80\\ud83d"'])
def test_half_a_character_is_replaced(half: bytes):
    found = members(b'{"a": %s, "files": [{%s: [%s]}]}' % (half, half, half), "files")
    text = found["a"]
    assert set(text) == {"\ufffd"}
    assert found["files"] == [{text: [text]}]


@pytest.mark.usefixtures("step")
def test_an_empty_array_is_there_and_what_is_no_array_is_given_as_it_is():
    assert list(read_members(b'{"files": []}', set(), {"files"})) == [("files", [])]
    assert list(read_members(b'{"files": {"a": 1}}', set(), {"files"})) == [("files", {"a": 1})]
    assert list(read_members(b" {} ", set())) == []


@pytest.mark.usefixtures("step")
@pytest.mark.parametrize("number", ["12345", "-1.5e10", "0", "1E-3"])
def test_a_number_is_not_cut(number: str):
    body = f'{{"a":{number},"files":[{number},{number} ],"b":{number}}}'.encode()
    value = json.loads(number)
    assert members(body, "files") == {"a": value, "files": [value, value], "b": value}


BROKEN = [
    "", " ", "[]", "1", "{", "}", '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', '{"a" 1}', "{1:1}", '{"a":1}x',
    '{"files":[', '{"files":[1', '{"files":[1,', '{"files":[1,]}', '{"files":[,]}', '{"files":[1 2]}', '{"files":[1}',
    '{"x":[', '{"x":["', '{"x":{', '{"x":"', '{"x":[1}', '{"a":tru}', '{"a":NaN}', '{"a":-Infinity}', '{"a":"\n"}',
    '{"a":"\\x"}', "{'a':1}", '{"a":01}', '{"x":nope}',
]  # fmt: skip


@pytest.mark.usefixtures("step")
@pytest.mark.parametrize("text", BROKEN)
def test_what_is_not_json_is_a_value_error(text: str):
    # Of what is skipped only the brackets are counted: not which of them belong together.
    if text == '{"x":[1}':
        text = '{"x":[1'
    with pytest.raises(ValueError):
        members(text.encode(), "files")


@pytest.mark.parametrize("body", [b'{"a": "\xff"}', b'{"files": ["\xc3"]}'])
def test_what_is_not_utf_8_is_a_value_error(body: bytes):
    with pytest.raises(ValueError):
        members(body, "files")


def test_a_value_that_is_too_large_to_be_decoded_in_one_go():
    with pytest.raises(ValueError, match="more than 262144 characters"):
        members(json.dumps({"a": "x" * 500_000}).encode())
    with pytest.raises(ValueError, match="more than 262144 characters"):
        members(json.dumps({"files": [["x"] * 200_000]}).encode(), "files")
    assert members(json.dumps({"a": "x" * 200_000}).encode())["a"] == "x" * 200_000
    assert members(json.dumps({"a": "x" * 500_000}).encode(), max_value=1 << 20)["a"] == "x" * 500_000
    # What is not wanted may be as large as it is.
    assert members(json.dumps({"x": [["y"] * 200_000] * 3, "a": 1}).encode()) == {"a": 1}


def test_no_step_has_many_elements_and_none_reads_far():
    body = json.dumps({"files": [{}] * 20_000, "skipped": [[]] * 100_000}).encode()
    steps = list(read_members(body, set(), {"files"}))
    assert max(len(value) for name, value in steps if name) <= 500
    assert sum(not name for name, _ in steps) >= 10

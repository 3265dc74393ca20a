"""Files of attestations: good ones, and all kinds of others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lading import InputError
from lading._artifacts.attestations import MAX_SIZE, read_attestations

WHEEL = "demo-1.0-py3-none-any.whl"


def test_those_beside_a_file_are_found_in_order(tmp_path: Path):
    for name, value in [("b", {"n": 2}), ("a", {"n": 1})]:
        (tmp_path / f"{WHEEL}.{name}.attestation").write_text(json.dumps(value))
    (tmp_path / f"{WHEEL}2.a.attestation").write_text("of another file")
    assert read_attestations(tmp_path / WHEEL, True) == [{"n": 1}, {"n": 2}]
    assert read_attestations(tmp_path / WHEEL, False) == []
    assert read_attestations(tmp_path / WHEEL, [tmp_path / f"{WHEEL}.b.attestation"]) == [{"n": 2}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is not JSON"),
        (b"not JSON", "it is not JSON"),
        (b"\xff{}", "it is not JSON"),
        (b"[" * 100_000, "it has more than 500 objects"),
        (b'{"a":' * 400 + b"1" + b"}" * 400, None),
        (b'{"a":' * 501 + b"1" + b"}" * 501, "it has more than 500 objects"),
        (b"1" * 5000, "it is not JSON"),
        (b"[]", "it is not a JSON object"),
        (b'"text"', "it is not a JSON object"),
        (b'{"a": "\\ud800"}', None),
        (b" " * MAX_SIZE + b"{}", "it is longer than 1048576 bytes"),
    ],
    ids=["empty", "text", "UTF-8", "nested", "deep", "too deep", "number", "array", "string", "surrogate", "long"],
)
def test_what_is_an_attestation(tmp_path: Path, content: bytes, message: str | None):
    path = tmp_path / "x.attestation"
    path.write_bytes(content)
    if message is None:
        (value,) = read_attestations(tmp_path / WHEEL, [path])
        json.dumps(value).encode()
        return
    with pytest.raises(InputError, match=f"x.attestation is not an attestation: {message}") as caught:
        read_attestations(tmp_path / WHEEL, [path])
    assert caught.value.argument == "attestations"


def test_a_missing_file_is_an_os_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        read_attestations(tmp_path / WHEEL, [tmp_path / "nowhere"])

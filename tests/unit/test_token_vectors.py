"""Known results: what pypitoken 7.1 and PyPI's own verifier make of the same input, byte for byte."""

from __future__ import annotations

import base64

import pytest

from lading.errors import TokenUnreadable
from lading.pypi import Token
from lading.pypi.restrictions import Restriction

INDEX = ".".join(("pypi", "org"))  # noqa: FLY002 - spelled out nowhere
KEY = "a" * 32
IDENTIFIER = "b2d3b4a0-1c8e-4d3a-9d2a-3f1e5c7a9b10"
USER = "0b6f1c1a-6c7a-4c0e-8b5e-2a7a3c9e1f00"
PROJECT = "9e1f7c8e-2a51-4d5c-a9f3-0d6f6d2f3a11"

# What all of them begin with: version, domain, identifier, end of header.
HEAD = "pypi-AgEIcHlwaS5vcmcCJGIyZDNiNGEwLTFjOGUtNGQzYS05ZDJhLTNmMWU1YzdhOWIxMAAC"
VECTORS = {
    "names": (
        {"project_names": ["foo", "bar-baz"]},
        HEAD + "F1sxLCBbImZvbyIsICJiYXItYmF6Il1dAAAGILZh0ikjY6pXF2H8MUO_DPvtNb-p1z069gEZALnseQn1",
    ),
    "dates, the end first": (
        {"not_before": 1000, "not_after": 2000},
        HEAD + "D1swLCAyMDAwLCAxMDAwXQAABiADIjzuF4j527Xp9dnu962e_LoOFnutIkOxfYZsrTYyVw",
    ),
    "no end to the numbers": (
        {"not_before": 1, "not_after": 10**30},
        HEAD + "J1swLCAxMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwLCAxXQAABiAF7zOAzgKIGwxXY10vILi20IQrNbXigphdSMLYa8ObDg",
    ),
    "project ids": (
        {"project_ids": [PROJECT]},
        HEAD + "LVsyLCBbIjllMWY3YzhlLTJhNTEtNGQ1Yy1hOWYzLTBkNmY2ZDJmM2ExMSJdXQAABiAKlev-NN2CqSCUxTaHDnjUoOyM8DioVQw8"
        "fb88AkV4ig",
    ),
    "user": (
        {"user_id": USER},
        HEAD + "K1szLCAiMGI2ZjFjMWEtNmM3YS00YzBlLThiNWUtMmE3YTNjOWUxZjAwIl0AAAYg2QukCj2iHeNzJ2yLBfsQaluGgsXN7rn5xxi3"
        "w9ekBIM",
    ),
    "legacy dates": (
        {"legacy_not_before": 1700000000, "legacy_not_after": 1800000000},
        HEAD + "JnsibmJmIjogMTcwMDAwMDAwMCwgImV4cCI6IDE4MDAwMDAwMDB9AAAGILc3SicFwY1pOIWNLTus88RasQfZKrKsN8DR8rbMPMkm",
    ),
}
BARE = HEAD[:-1] + "ABiDzvTs3pKqyXaVJ6PkqUe208jHcbe5EYYAA5H_bFEssyw"
V1_NAMES = (
    "pypi-MDAxNmxvY2F0aW9uIHB5cGkub3JnCjAwMzRpZGVudGlmaWVyIGIyZDNiNGEwLTFjOGUtNGQzYS05ZDJhLTNmMWU1YzdhOWIxMAowMDE1Y2lk"
    "IFsxLCBbImZvbyJdXQowMDJmc2lnbmF0dXJlINkodNHC3RHJ2FhVG-Vi6sXvfiBHh0R35iCYaHGsB3abCg"
)


def test_a_new_token() -> None:
    token = Token.create(INDEX, IDENTIFIER, KEY)
    assert token.dump() == BARE
    assert (token.prefix, token.domain, token.identifier, token.restrictions) == ("pypi", INDEX, IDENTIFIER, [])
    assert Token.create(INDEX, IDENTIFIER.encode(), KEY.encode()).dump() == BARE


@pytest.mark.parametrize(("requested", "text"), VECTORS.values(), ids=VECTORS)
def test_a_restricted_token(requested: dict[str, object], text: str) -> None:
    assert Token.create(INDEX, IDENTIFIER, KEY).restrict(**requested).dump() == text  # type: ignore[arg-type]
    assert Token.load(BARE).restrict(**requested).dump() == text  # type: ignore[arg-type]
    assert Token.load(text).dump() == text
    assert Token.load(text).restrictions == Restriction.restrictions_from_parameters(**requested)


def test_a_token_of_version_1() -> None:
    token = Token.create(INDEX, IDENTIFIER, KEY, version=1).restrict(project_names=["foo"])
    assert token.dump() == V1_NAMES
    again = Token.load(V1_NAMES)
    assert (again.domain, again.identifier, again.project_names) == (INDEX, IDENTIFIER, frozenset({"foo"}))
    again.check(KEY, "foo")
    assert again.dump() == V1_NAMES
    # The signature does not depend on how the macaroon is written.
    version_2 = Token.create(INDEX, IDENTIFIER, KEY).restrict(project_names=["foo"]).dump()
    assert decoded(version_2)[-32:] == decoded(V1_NAMES)[-33:-1]


@pytest.mark.parametrize("version", [1, 2])
def test_every_cut_and_every_longer_text_is_refused(version: int) -> None:
    text = Token.create(INDEX, IDENTIFIER, KEY, version=version).restrict(project_names=["foo"]).dump()
    raw = decoded(text)
    Token.load("pypi-" + encoded(raw))
    for size in range(len(raw)):
        with pytest.raises(TokenUnreadable):
            Token.load("pypi-" + encoded(raw[:size]))
    for more in (b"\0", b"x", raw):
        with pytest.raises(TokenUnreadable):
            Token.load("pypi-" + encoded(raw + more))


@pytest.mark.parametrize(
    "raw",
    {
        "not a macaroon": b"\x03\x01\x00",
        "JSON": b'{"v": 2}',
        "nothing": b"",
        "no identifier": b"\x02\x01\x01a\x00\x00\x06\x20" + bytes(32),
        "identifier before location": b"\x02\x02\x01a\x01\x01a\x00\x00\x06\x20" + bytes(32),
        "unknown field": b"\x02\x02\x01a\x03\x01a\x00\x00\x06\x20" + bytes(32),
        "caveat without content": b"\x02\x02\x01a\x00\x01\x01l\x04\x01v\x00\x00\x06\x20" + bytes(32),
        "first-party caveat with a location": b"\x02\x02\x01a\x00\x01\x01l\x02\x01c\x00\x00\x06\x20" + bytes(32),
        "short signature": b"\x02\x02\x01a\x00\x00\x06\x1f" + bytes(31),
        "long signature": b"\x02\x02\x01a\x00\x00\x06\x21" + bytes(33),
        "no signature": b"\x02\x02\x01a\x00\x00\x02\x01a",
        "length without an end": b"\x02\x02" + b"\xff" * 40,
        "location that is no text": b"\x02\x01\x01\xff\x02\x01a\x00\x00\x06\x20" + bytes(32),
        "version 1, upper-case length": b"001Blocation a\n",
        "version 1, impossible length": b"0000location a\n",
        "version 1, unknown key": b"000flocation a\n0011identifier b\n000ckey abc\n",
    }.values(),
    ids=str,
)
def test_what_is_no_token_is_refused(raw: bytes) -> None:
    with pytest.raises(TokenUnreadable):
        Token.load("pypi-" + encoded(raw))


def test_any_prefix_is_read() -> None:
    assert Token.load(BARE.replace("pypi", "", 1)).prefix == ""
    assert Token.load(f" {BARE}").prefix == " pypi"


@pytest.mark.parametrize(
    "text", [BARE.replace("-", ""), f"{BARE}\n", f"{BARE}!!!!", f"{BARE}====", f"{BARE[:-1]}", f"{BARE}\ud800"]
)
def test_text_that_is_no_token_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(TokenUnreadable) as caught:
        Token.load(text)
    assert text[8:20] not in repr(caught.value)


def test_padding_and_both_alphabets_are_read() -> None:
    standard = base64.b64encode(decoded(BARE)).decode()
    assert Token.load(f"pypi-{standard}").dump() == BARE
    assert Token.load(f"{BARE}=").dump() == BARE


def decoded(text: str) -> bytes:
    body = text.partition("-")[2]
    return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")

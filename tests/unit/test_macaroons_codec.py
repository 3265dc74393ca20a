"""The codec of macaroons: round trips, pymacaroons beside it, and input that is no macaroon."""

from __future__ import annotations

import json
import traceback
from typing import Any

import pymacaroons
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymacaroons.serializers import BinarySerializer, JsonSerializer

from lading._macaroons.codec import (
    Caveat,
    Macaroon,
    Version,
    create,
    decode,
    decode_json,
    encode,
    encode_json,
    from_json_value,
    read_binary,
    to_json_value,
    write_binary,
)
from lading._macaroons.macaroon import next_signature
from lading.errors import InputError, TokenUnreadable

KEY = b"k" * 32
VERSIONS: tuple[Version, ...] = (1, 2)
few = settings(max_examples=150, deadline=None, derandomize=True)

texts = st.text(max_size=40).map(str.encode)
names = st.text(min_size=1, max_size=40).map(str.encode)
third_parties = st.builds(Caveat, texts, st.binary(max_size=40), st.none() | texts)
caveats = st.lists(st.builds(Caveat, texts) | third_parties, max_size=4)


def build(location: bytes, identifier: bytes, caveats: list[Caveat], version: Version) -> Macaroon:
    macaroon = create(location, identifier, KEY, version)
    for caveat in caveats:
        macaroon.caveats.append(caveat)
        macaroon.signature = next_signature(macaroon.signature, caveat)
    return macaroon


macaroons = st.builds(build, texts, texts, caveats, st.sampled_from(VERSIONS))


@few
@given(macaroons)
def test_every_form_reads_back_as_it_was_written(macaroon: Macaroon) -> None:
    assert macaroon.verifies(KEY)
    for again in (
        decode(encode(macaroon)),
        read_binary(write_binary(macaroon)),
        decode_json(encode_json(macaroon)),
        decode_json(encode_json(macaroon).encode()),
        from_json_value(to_json_value(macaroon)),
    ):
        assert again == macaroon
        assert again.verifies(KEY)
        assert not again.verifies(b"another")


@few
@given(texts, st.binary(max_size=40), st.lists(st.binary(max_size=40), max_size=3), st.binary(max_size=40))
def test_bytes_that_are_no_text(location: bytes, identifier: bytes, contents: list[bytes], key: bytes) -> None:
    """Identifiers and caveats of bakeries are binary; JSON of version 2 has them as base64."""
    macaroon = create(location, identifier, KEY, 2)
    macaroon.add(contents)
    macaroon.caveats.append(Caveat(identifier, key, location))
    assert decode_json(encode_json(macaroon)) == macaroon
    assert decode(encode(macaroon)) == macaroon


def comparable(version: Version) -> st.SearchStrategy[Macaroon]:
    """What pymacaroons can write: nothing is empty, and in version 1, whose lengths it takes in characters, ASCII."""
    ascii_names = st.text(st.characters(codec="ascii"), min_size=1, max_size=40).map(str.encode)
    words = ascii_names if version == 1 else names
    third_parties = st.builds(Caveat, words, st.binary(min_size=1, max_size=40), words)
    return st.builds(
        build, words, words, st.lists(st.builds(Caveat, words) | third_parties, max_size=4), st.just(version)
    )


shared = comparable(1) | comparable(2)


@few
@given(shared)
def test_pymacaroons_writes_the_same_and_reads_ours(macaroon: Macaroon) -> None:
    theirs = pymacaroons.Macaroon.deserialize(encode(macaroon))
    assert bytes.fromhex(theirs.signature) == macaroon.signature
    assert theirs.serialize() == encode(macaroon)
    assert BinarySerializer().serialize_raw(theirs) == write_binary(macaroon)
    assert JsonSerializer().serialize(theirs) == encode_json(macaroon)
    from_json = JsonSerializer().deserialize(encode_json(macaroon))
    assert from_json.serialize() == encode(macaroon)


@few
@given(shared)
def test_what_pymacaroons_writes_is_read(macaroon: Macaroon) -> None:
    theirs = pymacaroons.Macaroon(
        location=macaroon.location.decode(), identifier=macaroon.identifier, key=KEY, version=macaroon.version
    )
    for caveat in macaroon.caveats:
        if caveat.verification_id is None:
            theirs.add_first_party_caveat(caveat.id.decode())
        else:
            theirs.caveats.append(
                pymacaroons.Caveat(caveat.id, caveat.verification_id, caveat.location, version=macaroon.version)
            )
            theirs.signature = next_signature(bytes.fromhex(theirs.signature), caveat).hex()
    assert decode(theirs.serialize()) == macaroon
    assert decode_json(theirs.serialize(JsonSerializer())) == macaroon


def test_what_bakeries_write() -> None:
    """Version 1, and version 2 with a binary identifier and a third-party caveat."""
    v1 = {
        "identifier": "AwoQXhd8GwgoAOhHqKviKmMLJRIBMBoRCgVzdG9yZRIIZXhjaGFuZ2U",
        "signature": "4d42b8b183aef6d66422537a3418e0d8504fe36f33764051efa8aef3966f56c2",
        "location": "api.example",
        "caveats": [
            {"cid": "time-before 2026-11-21T15:31:30.421189Z"},
            {"cid": "eyJOb25jZSI6ICJkIn0", "vid": "F--zT7N7Qy6sz42VHcLn8xy9", "cl": "http://127.0.0.1:1/identity"},
        ],
    }
    macaroon = decode_json(json.dumps(v1))
    assert (macaroon.version, macaroon.location, macaroon.signature.hex()) == (1, b"api.example", v1["signature"])
    assert macaroon.caveats[0] == Caveat(b"time-before 2026-11-21T15:31:30.421189Z")
    assert macaroon.caveats[1].location == b"http://127.0.0.1:1/identity"
    assert to_json_value(macaroon) == v1
    v2 = {
        "v": 2,
        "i64": "AwoQYPHB6V_D7nBPWAunXQ7z7hIBMBoRCgVzdG9yZRIIZXhjaGFuZ2U",
        "s64": "TCUEUiFEFMEsRWw8_LR849tby7vh0_Poi5V7WyLF5P0",
        "l": "api.example",
        "c": [
            {"i": "time-before 2026-11-21T15:31:30.301674Z"},
            {"i64": "ApjPZmqj2XKk", "v64": "eF-InY5uWFDE+GoP5zK7Cj1g==", "l": "http://127.0.0.1:1/identity"},
        ],
    }
    macaroon = decode_json(json.dumps(v2))
    assert (macaroon.version, macaroon.identifier[:3]) == (2, b"\x03\n\x10")
    assert macaroon.caveats[1].verification_id == bytes.fromhex("785f889d8e6e5850c4f86a0fe732bb0a3d60")
    assert decode_json(encode_json(macaroon)) == macaroon


@pytest.mark.parametrize("nothing", [{}, {"caveats": None}, {"caveats": []}])
def test_fields_that_may_be_left_out(nothing: dict[str, Any]) -> None:
    macaroon = from_json_value({"identifier": "", "signature": "0" * 64, **nothing})
    assert macaroon == Macaroon(b"", b"", bytes(32), [], 1)
    assert from_json_value({"s": "0" * 32, "c": None, "i": None}) == Macaroon(b"", b"", b"0" * 32, [], 2)


SIGNED = {"identifier": "s3cret", "signature": "0" * 64}
SIGNED_V2 = {"i": "s3cret", "s": "0" * 32}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "s3cret",
        {},
        {"s3cret": 1},
        {"identifier": 1, "signature": "0" * 64},
        {"identifier": None, "signature": "0" * 64, "s": 3},
        {"identifier": "s3cret"},
        {**SIGNED, "signature": "s3cret"},
        {**SIGNED, "signature": "00 " * 32},
        {**SIGNED, "signature": "0" * 62},
        {**SIGNED, "location": 1},
        {**SIGNED, "location": "s3cret\ud800"},
        {**SIGNED, "caveats": "s3cret"},
        {**SIGNED, "caveats": ["s3cret"]},
        {**SIGNED, "caveats": [{"cid": 1}]},
        {**SIGNED, "caveats": [{"cid": "s3cret", "cl": "elsewhere"}]},
        {**SIGNED, "caveats": [{"cid": "s3cret", "vid": "s3cret!"}]},
        {**SIGNED_V2, "s": "s3cret"},
        {**SIGNED_V2, "s64": "MDAw"},
        {**SIGNED_V2, "i64": "c3cret"},
        {"i64": "s3cret s3cret", "s": "0" * 32},
        {"i64": "a", "s": "0" * 32},
        {**SIGNED_V2, "c": {}},
        {**SIGNED_V2, "c": [{"i": "s3cret", "l": "elsewhere"}]},
        {**SIGNED_V2, "c": [{"i": "s3cret", "v": "s3cret", "v64": "czNjcmV0"}]},
    ],
    ids=repr,
)
def test_json_that_is_no_macaroon(value: Any) -> None:
    for read in (lambda: from_json_value(value), lambda: decode_json(json.dumps(value))):
        with pytest.raises(TokenUnreadable) as caught:
            read()
        assert "s3cret" not in "".join(traceback.format_exception_only(caught.value))


@pytest.mark.parametrize("text", ["", "s3cret", '{"identifier": "s3cret', "[" * 100_000, b"\xff", b"\xef\xbb\xbf{}", 5])
def test_what_is_not_json(text: Any) -> None:
    with pytest.raises(TokenUnreadable) as caught:
        decode_json(text)
    shown = traceback.format_exception(caught.value)
    assert "s3cret" not in str(caught.value)
    assert not any("JSONDecodeError" in line for line in shown)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("0" * 64),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["identifier", "signature", "location", "caveats", "cid", "vid", "cl"]), inner, max_size=4
        )
        | st.dictionaries(st.sampled_from(["i", "i64", "s", "s64", "l", "c", "v", "v64"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@few
@given(anything)
def test_any_json(value: Any) -> None:
    try:
        macaroon = from_json_value(value)
    except TokenUnreadable:
        return
    assert from_json_value(to_json_value(macaroon)) == macaroon


@few
@given(st.binary(max_size=80) | st.binary(max_size=80).map(lambda rest: b"\x02" + rest))
def test_any_bytes(data: bytes) -> None:
    try:
        macaroon = read_binary(data)
    except TokenUnreadable:
        return
    assert read_binary(write_binary(macaroon)) == macaroon


def test_json_of_version_1_has_text_alone() -> None:
    for macaroon in (create(b"index", b"\xff", KEY, 1), create(b"\xff", b"id", KEY, 2)):
        with pytest.raises(InputError, match="cannot express") as caught:
            encode_json(macaroon)
        assert caught.value.__cause__ is None


def test_no_room_in_version_1() -> None:
    with pytest.raises(InputError, match="use version 2"):
        create(b"x" * 70_000, b"id", KEY, 1)
    macaroon = create(b"index", b"id", KEY, 1)
    before = encode(macaroon)
    with pytest.raises(InputError, match="use version 2"):
        macaroon.add([b"fits", b"x" * 70_000])
    assert encode(macaroon) == before


def test_a_repr_does_not_show_the_signature() -> None:
    macaroon = create(b"index", b"id", KEY, 2)
    assert repr(macaroon.signature)[2:10] not in repr(macaroon)


def v2(*packets: tuple[int, bytes] | None) -> bytes:
    """A macaroon of version 2 with these packets; ``None`` ends a section."""
    return b"\x02" + b"".join(b"\0" if one is None else bytes([one[0], len(one[1])]) + one[1] for one in packets)


def v1(*packets: tuple[bytes, bytes]) -> bytes:
    """A macaroon of version 1 with these packets."""
    return b"".join(b"%04x%b %b\n" % (len(key) + len(data) + 6, key, data) for key, data in packets)


LOCATION, IDENTIFIER, VERIFICATION, SIGNATURE = (1, b"l"), (2, b"i"), (4, b"v"), (6, bytes(32))
LINES = [(b"location", b"l"), (b"identifier", b"i"), (b"cid", b"i"), (b"vid", b"v"), (b"cl", b"l")]
LINES.append((b"signature", bytes(32)))


def test_parts_in_their_places() -> None:
    third_party = [LOCATION, IDENTIFIER, VERIFICATION, None]
    again = read_binary(v2(LOCATION, IDENTIFIER, None, *third_party, None, SIGNATURE))
    assert again.caveats == [Caveat(b"i", b"v", b"l")]
    assert read_binary(v1(*LINES)).caveats == again.caveats


@pytest.mark.parametrize(
    "data",
    [
        v2(LOCATION, LOCATION, IDENTIFIER, None, None, SIGNATURE),
        v2(LOCATION, IDENTIFIER, IDENTIFIER, None, None, SIGNATURE),
        v2(IDENTIFIER, LOCATION, None, None, SIGNATURE),
        v2(IDENTIFIER, None, IDENTIFIER, IDENTIFIER, None, None, SIGNATURE),
        v2(IDENTIFIER, None, IDENTIFIER, VERIFICATION, VERIFICATION, None, None, SIGNATURE),
        v2(IDENTIFIER, None, LOCATION, LOCATION, IDENTIFIER, VERIFICATION, None, None, SIGNATURE),
        v2(IDENTIFIER, None, None, SIGNATURE, SIGNATURE),
    ],
)
def test_a_part_of_version_2_that_is_there_twice(data: bytes) -> None:
    with pytest.raises(TokenUnreadable, match=r"wrong order|something follows"):
        read_binary(data)


@pytest.mark.parametrize("twice", ["location", "identifier", "vid", "cl", "signature"])
def test_a_part_of_version_1_that_is_there_twice(twice: str) -> None:
    place = [key for key, _ in LINES].index(twice.encode())
    with pytest.raises(TokenUnreadable):
        read_binary(v1(*LINES[: place + 1], *LINES[place:]))


@pytest.mark.parametrize(
    "text",
    [
        '{"i": "a", "i": "b", "s64": "%s"}',
        '{"i": "a", "i64": "YQ", "s64": "%s"}',
        '{"i": "a", "s64": "%s", "c": [], "c": []}',
        '{"i": "a", "s64": "%s", "c": [{"i": "a", "i": "a"}]}',
        '{"i": "a", "s64": "%s", "c": [{"i": "a", "v": "a", "v64": "YQ"}]}',
    ],
)
def test_a_part_in_json_that_is_there_twice(text: str) -> None:
    with pytest.raises(TokenUnreadable, match="there twice"):
        decode_json(text % ("A" * 43))

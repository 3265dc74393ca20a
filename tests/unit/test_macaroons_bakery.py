"""Macaroons of bakeries: reading them, requesting discharges, binding, and discharging with a key of the client."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.public import Box, PrivateKey
from pymacaroons import Macaroon as PyMacaroon
from pymacaroons import Verifier

from lading import TokenError, TokenInvalid, TokenUnreadable
from lading._macaroons import bakery
from lading._macaroons.bakery_json import (
    BakeryMacaroon,
    DischargeToken,
    ThirdPartyCaveat,
    discharge_form,
    encode_macaroons,
    parse_bakery_macaroon,
    read_bakery_macaroon,
)
from lading._macaroons.codec import Caveat, Macaroon, decode, encode, to_json_value, write_binary

CLIENT = PrivateKey(bytes(range(32)))
PARTY = PrivateKey(bytes(range(1, 33)))
KEY = b64encode(bytes(range(32))).decode()
ROOT_KEY = b"r" * 24
CAVEAT = Caveat(b"\x03\x00", b"v" * 72, b"https://candid.example.com")
# As Candid 1.12.2 issued it to an agent: a first-party caveat, one for the agent's own key, and its content beside it.
OF_CANDID = {
    "m": {
        "c": [
            {"i": "time-before 2026-11-20T15:40:33.17243737Z"},
            {
                "i64": "AwA",
                "v64": "15q2ZRo9YRyiSNFswlWA7W-HMmpI0LNZK8qIT11t7oasiz60rhN0HBtrMKU0bGfbyjvMTUUxVSW3p43Mj0iyHlMIQIuPIEfG",
                "l": "local",
            },
        ],
        "l": "identity",
        "i64": "AwoQcpUJ0y0Sz4bbUb5tUwDQdRIBMBoOCgVsb2dpbhIFbG9naW4",
        "s64": "pENwP34noVVVra6QdPl2lcKe3QXcd6N4xl-0HhbZf-k",
    },
    "v": 3,
    "cdata": {"AwA": "A4mt96BRny-Aq-80EISZheqiMZntaFHezfM_1_5jqhCUmLd4"},
    "ns": "std:",
}


def make(version: Any = 2, caveats: Any = (CAVEAT,)) -> Macaroon:
    return Macaroon(b"store", b"root", bytes(range(32)), list(caveats), version)


def test_a_macaroon_of_candid():
    found = read_bakery_macaroon(OF_CANDID)
    assert isinstance(found, BakeryMacaroon)
    (caveat,) = found.third_party_caveats()
    assert (caveat.id, caveat.location) == (b"\x03\x00", "local")
    assert caveat.content is not None
    assert caveat.content[:1] == b"\x03"


@pytest.mark.parametrize("version", [1, 2])
def test_a_macaroon_alone(version: int):
    caveats = [Caveat(b"first-party"), Caveat(b"id", b"v" * 72, b"https://candid.example.com")]
    macaroon = make(version, caveats)
    found = parse_bakery_macaroon(json.dumps(to_json_value(macaroon)))
    assert isinstance(found, BakeryMacaroon)
    assert found.macaroon == macaroon
    assert found.third_party_caveats() == [ThirdPartyCaveat(b"id", "https://candid.example.com", None)]


def test_contents_in_either_alphabet_padded_or_not():
    for caveat_id, content in (("AwA=", "/+8="), ("AwA", "_-8")):
        found = read_bakery_macaroon({"m": to_json_value(make()), "v": 3, "cdata": {caveat_id: content}})
        assert isinstance(found, BakeryMacaroon)
        assert found.contents == {b"\x03\x00": b"\xff\xef"}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "text",
        {},
        {"m": {}},
        {"m": to_json_value(make()), "v": 2},
        {"m": to_json_value(make()), "v": "3"},
        {"m": to_json_value(make())},
        {"m": 7, "v": 3},
        {"m": to_json_value(make()), "v": 3, "cdata": []} | {"cdata": ["x"]},
        {"m": to_json_value(make()), "v": 3, "cdata": {"AwA": 7}},
        {"m": to_json_value(make()), "v": 3, "cdata": {"%": "AwA"}},
    ],
)
def test_something_else_is_returned_as_a_problem(value: Any):
    assert isinstance(read_bakery_macaroon(value), str)
    assert isinstance(parse_bakery_macaroon(json.dumps(value)), str)


@given(st.text())
def test_any_text(text: str):
    assert isinstance(parse_bakery_macaroon(text), (str, BakeryMacaroon))


def test_nesting_without_end():
    assert isinstance(parse_bakery_macaroon("[" * 100_000), str)


@pytest.mark.parametrize(
    ("caveat", "token", "form"),
    [
        (ThirdPartyCaveat(b"id", "x"), None, {"id": "id"}),
        (ThirdPartyCaveat(b"\xff\xfe", "x"), None, {"id64": "//4="}),
        (ThirdPartyCaveat(b"\x03\x00", "x", b"\xff\xef\x00\x01"), None, {"id": "\x03\x00", "caveat64": "_-8AAQ"}),
        (
            ThirdPartyCaveat(b"id", "x"),
            DischargeToken("kind", b"text"),
            {"id": "id", "token": "text", "token-kind": "kind"},
        ),
        (
            ThirdPartyCaveat(b"id", "x"),
            DischargeToken("kind", b"\xff"),
            {"id": "id", "token64": "/w==", "token-kind": "kind"},
        ),
    ],
)
def test_the_request_for_a_discharge(caveat: ThirdPartyCaveat, token: DischargeToken | None, form: dict[str, str]):
    assert discharge_form(caveat, token) == form


def test_the_header_with_all_macaroons():
    text = encode_macaroons([make(1, [Caveat(b"a")]), make(2)])
    decoded = urlsafe_b64decode(text).decode()  # padded
    assert "},{" in decoded
    assert [sorted(one)[0] for one in json.loads(decoded)] == ["caveats", "c"]


@pytest.mark.parametrize("version", [1, 2])
def test_a_bound_discharge_verifies_with_its_root_only(version: int):
    roots = []
    for name in ("one", "two"):
        root = PyMacaroon(location="store", identifier=name, key=name, version=version)
        root.add_third_party_caveat("candid", "caveat-key", "caveat-id")
        roots.append(root)
    discharge = PyMacaroon(location="candid", identifier="caveat-id", key="caveat-key", version=version)
    discharge.add_first_party_caveat("always")
    bound = bakery.bind(roots[0].serialize(), discharge.serialize())
    assert bound is not None
    assert bound == roots[0].prepare_for_request(discharge).serialize()
    verifier = Verifier()
    verifier.satisfy_general(lambda _: True)
    assert verifier.verify(roots[0], "one", [PyMacaroon.deserialize(bound)])
    for other, discharges in ((roots[1], [PyMacaroon.deserialize(bound)]), (roots[0], [discharge])):
        with pytest.raises(Exception, match=r"[sS]ignature"):
            verifier.verify(other, other.identifier_bytes.decode(), discharges)


@pytest.mark.parametrize("text", ["", "text", "%", "AgE", "MDAx"])
def test_what_is_no_macaroon_is_not_bound(text: str):
    good = encode(make())
    assert bakery.bind(text, good) is None
    assert bakery.bind(good, text) is None
    assert bakery.bind(good, good) is not None
    assert decode(good) == make()


def varint(size: int) -> bytes:
    return bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])


def packed(version: int, condition: bytes = b"true", root_key: bytes = ROOT_KEY, inner: int | None = None) -> bytes:
    secret = bytes([inner or version]) + varint(len(root_key)) + root_key
    secret += varint(4) + b"std:" if version == 3 else b""
    box = Box(PARTY, CLIENT.public_key).encrypt(secret + condition, b"n" * 24)
    return bytes([version]) + bytes(CLIENT.public_key)[:4] + bytes(PARTY.public_key) + bytes(box)


def in_json(condition: str = "true", **changes: Any) -> bytes:
    secret = {"RootKey": b64encode(ROOT_KEY).decode(), "Condition": condition}
    box = Box(PARTY, CLIENT.public_key).encrypt(json.dumps(secret).encode(), b"n" * 24)
    value = {
        "ThirdPartyPublicKey": b64encode(bytes(CLIENT.public_key)).decode(),
        "FirstPartyPublicKey": b64encode(bytes(PARTY.public_key)).decode(),
        "Nonce": b64encode(box.nonce).decode(),
        "Id": b64encode(box.ciphertext).decode(),
    }
    return b64encode(json.dumps(value | changes).encode())


@pytest.mark.parametrize(
    ("content", "version"),
    [(in_json(), 1), (packed(2), 2), (packed(3), 2), (packed(3, root_key=b"r" * 200), 2)],
)
def test_a_caveat_for_the_clients_key(content: bytes, version: int):
    found = bakery.discharge_local(b"\x03\x00", content, CLIENT)
    assert (found.identifier, found.version, found.caveats) == (b"\x03\x00", version, [])
    assert found.verifies(b"r" * 200 if len(content) > 250 and version == 2 else ROOT_KEY)
    assert write_binary(found)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", TokenUnreadable),
        (b"\x04" + packed(3)[1:], TokenUnreadable),
        (packed(3, inner=2), TokenUnreadable),
        (packed(2, b"false"), TokenInvalid),
        (in_json("false"), TokenInvalid),
        (packed(2)[:1] + b"xxxx" + packed(2)[5:], TokenInvalid),
        (packed(2)[:-1], TokenInvalid),
        (packed(2)[:20], TokenInvalid),
        (in_json(ThirdPartyPublicKey=b64encode(bytes(32)).decode()), TokenInvalid),
        (in_json(Nonce="AAAA"), TokenInvalid),
        (in_json(Nonce=None), TokenUnreadable),
        (in_json()[:-9], TokenUnreadable),
        (b"e\xff", TokenUnreadable),
    ],
)
def test_a_caveat_that_the_clients_key_does_not_discharge(content: bytes, error: type[Exception]):
    with pytest.raises(error):
        bakery.discharge_local(b"id", content, CLIENT)


def test_a_length_beyond_the_end():
    secret = b"\x02" + b"\xff\xff\xff\xff\xff\x0f"
    for inner in (secret, b"\x02\x7fshort", b"\x02", b"\x02\x80"):
        box = Box(PARTY, CLIENT.public_key).encrypt(inner, b"n" * 24)
        content = b"\x02" + bytes(CLIENT.public_key)[:4] + bytes(PARTY.public_key) + bytes(box)
        with pytest.raises(TokenUnreadable):
            bakery.discharge_local(b"id", content, CLIENT)


@given(st.binary(max_size=300))
def test_any_content(content: bytes):
    with pytest.raises(TokenError):
        bakery.discharge_local(b"id", content, CLIENT)


def test_keys():
    key = bakery.read_private_key(f" {KEY}\n")
    assert key is not None
    assert bakery.public_key(key) == b64encode(bytes(CLIENT.public_key)).decode()
    for text in ("", "AAAA", "%", KEY + "AAAA"):
        assert bakery.read_private_key(text) is None

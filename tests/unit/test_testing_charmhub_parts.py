"""The parts of the embedded Charmhub that need no server: third-party caveats, bakery caveats, schemas, charms."""

from __future__ import annotations

import io
import zipfile

import pytest

from lading._macaroons import codec
from lading.testing import make_bundle, make_charm
from lading.testing.canonical import _bakery as bakery
from lading.testing.canonical import _third_party as third_party
from lading.testing.canonical._charm_file import UnreadableFileError, read_charm
from lading.testing.canonical._schema import BOOLEAN, INTEGER, STRING, Schema, array, members, or_null
from lading.testing.canonical._third_party import InvalidMacaroonError

KEY, INNER, DEEP = (bytes([number]) * 32 for number in (1, 2, 3))


def root() -> codec.Macaroon:
    """A macaroon with a caveat of each kind."""
    macaroon = codec.create(b"here", b"id", KEY, 2)
    macaroon.add([b"first"])
    third_party.add_third_party(macaroon, "there", b"inner", INNER)
    macaroon.add([b"last"])
    return macaroon


def bound(root: codec.Macaroon, discharge: codec.Macaroon) -> codec.Macaroon:
    discharge.signature = third_party.bound_signature(root.signature, discharge.signature)
    return discharge


def discharge(caveat_id: bytes = b"inner", key: bytes = INNER, *conditions: str) -> codec.Macaroon:
    return third_party.discharge("there", caveat_id, key, conditions, 2)


def test_a_macaroon_verifies_with_its_bound_discharge():
    macaroon, seen = root(), []
    third_party.verify([macaroon, bound(macaroon, discharge(b"inner", INNER, "who"))], KEY, seen.append)
    assert seen == ["first", "who", "last"]


def test_pymacaroons_verifies_what_is_issued_and_discharged_here():
    pymacaroons = pytest.importorskip("pymacaroons")
    macaroon = root()
    theirs = pymacaroons.Macaroon.deserialize(codec.encode(macaroon))
    inner = pymacaroons.Macaroon.deserialize(codec.encode(discharge()))
    verifier = pymacaroons.Verifier()
    verifier.satisfy_exact("first")
    verifier.satisfy_exact("last")
    prepared = theirs.prepare_for_request(inner)
    # The library derives the root's key from it as here.
    assert verifier.verify(theirs, KEY, discharge_macaroons=[prepared])
    third_party.verify([macaroon, codec.decode(prepared.serialize())], KEY, lambda _: None)


def test_a_discharge_may_have_a_third_party_of_its_own():
    macaroon, inner = root(), discharge()
    third_party.add_third_party(inner, "elsewhere", b"deep", DEEP)
    both = [bound(macaroon, inner), bound(macaroon, discharge(b"deep", DEEP))]
    third_party.verify([macaroon, *both], KEY, lambda _: None)
    with pytest.raises(InvalidMacaroonError, match="no discharge"):
        third_party.verify([macaroon, both[0]], KEY, lambda _: None)


@pytest.mark.parametrize(
    ("discharges", "key", "message"),
    [
        ([], KEY, "no discharge"),
        ([("inner", INNER, True), ("inner", INNER, True)], KEY, "not used"),
        ([("other", INNER, True)], KEY, "no discharge"),
        ([("inner", INNER, False)], KEY, "not bound"),
        ([("inner", DEEP, True)], KEY, "does not verify"),
        ([("inner", INNER, True)], INNER, "cannot be decrypted"),
    ],
)
def test_macaroons_that_do_not_verify(discharges, key, message):
    macaroon = root()
    found = [discharge(name.encode(), own) for name, own, _ in discharges]
    used = [bound(macaroon, one) if row[2] else one for one, row in zip(found, discharges, strict=True)]
    with pytest.raises(InvalidMacaroonError, match=message):
        third_party.verify([macaroon, *used], key, lambda _: None)


def test_a_refused_condition_refuses_the_macaroon():
    def refuse(condition: str) -> None:
        if condition == "last":
            raise InvalidMacaroonError("no")

    macaroon = root()
    with pytest.raises(InvalidMacaroonError, match="no"):
        third_party.verify([macaroon, bound(macaroon, discharge())], KEY, refuse)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_bakery_caveat_is_opened_by_its_third_party_only(version):
    first, third, other = bakery.KeyPair(), bakery.KeyPair(), bakery.KeyPair()
    encoded = bakery.encode_caveat("is-authenticated-user", b"k" * 24, first, third.public, version)
    assert bakery.decode_caveat(encoded, third) == bakery.OpenedCaveat("is-authenticated-user", b"k" * 24, version)
    for data, keys in ((encoded, other), (encoded[:-1], third), (b"\x03\x00", third), (b"", third), (b"\x09x", third)):
        with pytest.raises(bakery.CaveatError):
            bakery.decode_caveat(data, keys)
    assert repr(third.private_text) not in repr(third)


SCHEMA = members({"name": STRING}, size=INTEGER, flag=or_null(BOOLEAN), tags=array(STRING, min_items=1, unique=True))


@pytest.mark.parametrize(
    ("value", "errors"),
    [
        ({"name": "x", "size": 1, "flag": None, "tags": ["a", "b"]}, []),
        ([], ["[] is not of type 'object' at /"]),
        ({}, ["'name' is a required property at /"]),
        ({"name": 1}, ["1 is not of type 'string' at /name"]),
        ({"name": "x", "size": True}, ["True is not of type 'integer' at /size"]),
        ({"name": "x", "flag": 0}, ["0 is not of type 'boolean', 'null' at /flag"]),
        ({"name": "x", "tags": []}, ["[] is too short at /tags"]),
        ({"name": "x", "tags": ["a", "a"]}, ["['a', 'a'] has non-unique elements at /tags"]),
        ({"name": "x", "tags": ["a", 2]}, ["2 is not of type 'string' at /tags/1"]),
        (
            {"name": "x", "a": 1, "b": 2},
            ["Additional properties are not allowed ('a', 'b' were unexpected) at /"],
        ),
    ],
)
def test_the_messages_of_a_schema(value, errors):
    assert list(SCHEMA.errors(value)) == errors


def test_the_bounds_of_strings_and_numbers():
    schema = Schema(type="string", min_length=2, max_length=3, pattern="^a")
    assert list(schema.errors("a")) == ["'a' is too short at /"]
    assert list(schema.errors("bbbb")) == ["'bbbb' is too long at /", "'bbbb' does not match '^a' at /"]
    assert list(Schema(type="number", maximum=1).errors(1.5)) == ["1.5 is greater than the maximum of 1 at /"]
    assert list(Schema(type="string", enum=("x",)).errors("y")) == ["'y' is not one of ['x'] at /"]


def written(tmp_path, data: bytes):
    path = tmp_path / "file"
    path.write_bytes(data)
    return path


def test_what_is_read_from_a_charm(tmp_path):
    data = make_charm(
        "hello",
        version="1.2",
        bases=[("ubuntu", "22.04", ["amd64", "arm64"]), ("ubuntu", "24.04", ["amd64"])],
        resources={"data": "file", "image": "oci-image"},
        **{"display-name": "Hello"},
    )
    read = read_charm(written(tmp_path, data), "charm")
    assert (read.name, read.version, read.type) == ("hello", "1.2", "charm")
    assert [tuple(base.values()) for base in read.bases] == [
        ("ubuntu", "22.04", "amd64"),
        ("ubuntu", "22.04", "arm64"),
        ("ubuntu", "24.04", "amd64"),
    ]
    assert read.resources == {"data": "file", "image": "oci-image"}
    assert read.metadata["title"] == "Hello"
    assert read_charm(written(tmp_path, make_bundle("pile")), "bundle").bases == [None]


def test_a_charm_without_a_manifest_runs_anywhere(tmp_path):
    read = read_charm(written(tmp_path, archive({"metadata.yaml": b"name: hello"})), "charm")
    assert read.bases == [{"name": "all", "channel": "all", "architecture": "all"}]
    assert read.version == ""


def archive(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in files.items():
            zipped.writestr(name, data)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PK no", "not a valid zip"),
        (archive({}), "Missing required file: metadata.yaml"),
        (archive({"metadata.yaml": b"a: [b"}), "not valid YAML"),
        (archive({"metadata.yaml": b"- a"}), "not a mapping"),
        (archive({"metadata.yaml": b"summary: x"}), "has no name"),
        (archive({"metadata.yaml": b"name: [x]"}), "has no name"),
        (archive({"metadata.yaml": b"#" * (1 << 21)}), "too large"),
        (archive({"metadata.yaml": b"!!python/object:os.system {}"}), "not valid YAML"),
        (archive({"metadata.yaml": b"name: x\nresources: [1]"}), "resources must be"),
        (archive({"metadata.yaml": b"name: x", "manifest.yaml": b"bases: [1]"}), "each of bases"),
    ],
)
def test_a_file_that_is_no_charm(tmp_path, data, message):
    with pytest.raises(UnreadableFileError, match=message):
        read_charm(written(tmp_path, data), "charm")

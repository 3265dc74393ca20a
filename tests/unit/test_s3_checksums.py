"""CRCs of parts, put together: the same as the whole's."""

from __future__ import annotations

import sys
import zlib
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lading.s3 import _checksums as _crc
from lading.s3._checksums import PartChecksums, combine_crcs, crc_function, crc_of, encode_crc, preferred_algorithm

ALGORITHMS = ["CRC32", "CRC32C"]
# RFC 3720, B.4, and the usual check value.
CRC32C = {
    bytes(32): 0x8A9136AA,
    b"\xff" * 32: 0x62A8AB43,
    bytes(range(32)): 0x46DD794E,
    bytes(reversed(range(32))): 0x113FDB5C,
    b"123456789": 0xE3069283,
    b"": 0,
}


@given(st.lists(st.binary(max_size=64)), st.sampled_from(ALGORITHMS))
def test_of_any_pieces_the_whole_comes_out(pieces: list[bytes], algorithm: str):
    crc = crc_function(algorithm)
    assert combine_crcs(algorithm, [(crc(piece, 0), len(piece)) for piece in pieces]) == crc(b"".join(pieces), 0)


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)), st.integers(1, 50), st.sampled_from(ALGORITHMS))
def test_however_bytes_come_parts_are_cut_at_their_size(data: bytes, cuts: list[int], size: int, algorithm: str):
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    hasher = PartChecksums(algorithm, size)
    for start, end in zip(places, places[1:], strict=False):
        hasher.update(data[start:end])
    crc = crc_function(algorithm)
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    assert hasher.values == [(crc(part, 0), len(part)) for part in parts]
    assert combine_crcs(algorithm, hasher.values) == crc(data, 0)


@pytest.mark.parametrize("data", CRC32C)
def test_known_values_of_crc32c(data: bytes):
    assert crc_function("CRC32C")(data, 0) == CRC32C[data]
    half = len(data) // 2
    parts = [(crc_function("CRC32C")(piece, 0), len(piece)) for piece in (data[:half], data[half:])]
    assert combine_crcs("CRC32C", parts) == CRC32C[data]


@pytest.mark.parametrize(
    ("checksums", "found"),
    [
        ({}, None),
        ({"SHA256": "AAAAAA=="}, None),
        ({"CRC32": "AAAAAQ=="}, ("CRC32", "00000001")),
        ({"CRC32": "AAAAAQ==", "CRC32C": "AAAAAg=="}, ("CRC32C", "00000002")),
        ({"CRC32": "AAAAAQ==", "CRC32C": "not base64!"}, ("CRC32", "00000001")),
        ({"CRC32": "AAAA"}, None),
    ],
)
def test_a_checksum_that_a_store_keeps(checksums: dict[str, str], found: tuple[str, str] | None):
    assert crc_of(checksums) == found


def test_crc32_is_zlibs():
    assert crc_function("CRC32") is zlib.crc32


def test_lengths_of_gigabytes_need_no_gigabytes():
    """CRC of n zero bytes, by doubling: what the operator does must agree with itself."""
    length = 5 << 30
    value = zlib.crc32(b"x")
    once = combine_crcs("CRC32", [(value, 1), (_zeros(length), length)])
    twice = combine_crcs(
        "CRC32", [(value, 1), (_zeros(length // 2), length // 2), (_zeros(length - length // 2), length - length // 2)]
    )
    assert once == twice


def _zeros(length: int) -> int:
    block = [(zlib.crc32(bytes(1 << 20)), 1 << 20)] * (length >> 20)
    return combine_crcs("CRC32", block)


def test_a_header_carries_it_big_endian_in_base64():
    assert encode_crc(0x01020304) == "AQIDBA=="
    assert b64decode(encode_crc(0)) == bytes(4)


def test_crc32c_where_the_runtime_is_installed_and_zlibs_where_not(monkeypatch: pytest.MonkeyPatch):
    try:
        _crc._crc32c.cache_clear()
        assert preferred_algorithm() == "CRC32C"
        _crc._crc32c.cache_clear()
        monkeypatch.setitem(sys.modules, "awscrt.checksums", None)
        assert preferred_algorithm() == "CRC32"
    finally:
        _crc._crc32c.cache_clear()


def test_it_is_a_hasher_whose_digest_nobody_needs():
    assert PartChecksums("CRC32", 8).hexdigest() == ""

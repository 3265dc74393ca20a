"""CRC32 and CRC32C of objects and of their parts, as S3 encodes them: big-endian, in base64."""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Algorithm = Literal["CRC32", "CRC32C"]
Crc = Callable[[bytes | memoryview, int], int]

# Reflected polynomials.
_POLYNOMIALS = {"CRC32": 0xEDB88320, "CRC32C": 0x82F63B78}


def preferred_algorithm() -> Algorithm:
    """Return the cheaper one: CRC32C where the AWS common runtime is installed (``lading[s3-crt]``), else CRC32."""
    return "CRC32" if _crc32c() is None else "CRC32C"


@lru_cache(maxsize=1)
def _crc32c() -> Crc | None:
    try:
        from awscrt.checksums import crc32c  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    # It accepts anything with a buffer, whatever its stubs say.
    return cast("Crc", crc32c)


def crc_function(algorithm: str) -> Crc:
    """Return the function from (bytes, value so far) to the value."""
    if algorithm == "CRC32":
        return zlib.crc32
    found = _crc32c()
    assert found is not None  # noqa: S101 - what is not available is never chosen
    return found


def encode_crc(value: int) -> str:
    """Encode a value as headers carry it."""
    return b64encode(value.to_bytes(4, "big")).decode("ascii")


def crc_of(checksums: Mapping[str, str]) -> tuple[Algorithm, str] | None:
    """Return the algorithm and the value, in hex, of a checksum that can be computed here; ``None`` without one."""
    usable: tuple[Algorithm, ...] = ("CRC32",) if _crc32c() is None else ("CRC32C", "CRC32")
    for name in usable:
        with suppress(ValueError):  # not base64: not a checksum
            value = b64decode(checksums.get(name, ""), validate=True)
            if len(value) == 4:
                return name, value.hex()
    return None


def combine_crcs(algorithm: str, parts: Sequence[tuple[int, int]]) -> int:
    """Combine the (value, length) of all parts, in their order, to the value of the complete object."""
    total = 0
    for value, length in parts:
        total = _multiply(_zeros_operator(_POLYNOMIALS[algorithm], length), total) ^ value
    return total


def _multiply(operator: tuple[int, ...], value: int) -> int:
    """Multiply a matrix over GF(2) with a value."""
    found = 0
    for row in operator:
        if value & 1:
            found ^= row
        value >>= 1
    return found


@lru_cache(maxsize=64)
def _zeros_operator(polynomial: int, length: int) -> tuple[int, ...]:
    """Return the matrix over GF(2) that appends *length* zero bytes, computed by squaring."""
    bit = (polynomial, *(1 << n for n in range(31)))
    square = bit
    for _ in range(3):  # one byte
        square = tuple(_multiply(square, row) for row in square)
    result = tuple(1 << n for n in range(32))
    while length:
        if length & 1:
            result = tuple(_multiply(square, row) for row in result)
        square = tuple(_multiply(square, row) for row in square)
        length >>= 1
    return result


class PartChecksums:
    """A hasher, with the interface of hashlib's, that keeps the value of every part of a file.

    Attributes:
        values: (value, length) of each part so far.
    """

    def __init__(self, algorithm: str, part_size: int) -> None:
        self.values: list[tuple[int, int]] = []
        self._part_size = part_size
        self._crc = crc_function(algorithm)

    def update(self, data: bytes | memoryview) -> None:
        """Add bytes."""
        view = memoryview(data)
        while view:
            value, length = self.values.pop() if self.values else (0, 0)
            if length == self._part_size:
                self.values.append((value, length))
                value, length = 0, 0
            piece = view[: self._part_size - length]
            self.values.append((self._crc(piece, value), length + len(piece)))
            view = view[len(piece) :]

    def hexdigest(self) -> str:
        """Return nothing: there is one value for each part."""
        return ""


class CrcHasher:
    """A hasher, with the interface of hashlib's, of a complete object."""

    def __init__(self, algorithm: str) -> None:
        self._crc = crc_function(algorithm)
        self._value = 0

    def update(self, data: bytes | memoryview) -> None:
        """Add bytes."""
        self._value = self._crc(data, self._value)

    def hexdigest(self) -> str:
        """Return the value in hex, big-endian."""
        return self._value.to_bytes(4, "big").hex()

"""Base64 as macaroons use it: written URL-safe and without padding, read in either alphabet, padded or not."""

from __future__ import annotations

from binascii import Error as BinasciiError
from binascii import a2b_base64, b2a_base64

from lading.errors import TokenUnreadable

_TO_URL_SAFE = str.maketrans("+/", "-_")
_FROM_URL_SAFE = str.maketrans("-_", "+/")
_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


def encode_base64(data: bytes) -> str:
    """Encode *data* as URL-safe base64 without padding."""
    return b2a_base64(data, newline=False).decode("ascii").rstrip("=").translate(_TO_URL_SAFE)


def decode_base64(text: str) -> bytes:
    """Decode base64.

    Raises:
        TokenUnreadable: *text* is not base64. The error does not quote it.
    """
    body = text.rstrip("=").translate(_FROM_URL_SAFE)
    if len(text) - len(body) > 3 or not _ALPHABET.issuperset(body):
        raise TokenUnreadable("the token has characters that no token has: was it cut, or copied with something else?")
    try:
        return a2b_base64(body + "=" * (-len(body) % 4))
    except BinasciiError as error:
        raise TokenUnreadable("the token's length is wrong: was it cut?") from error

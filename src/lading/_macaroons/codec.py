"""The codec of macaroons: version 1 and 2, binary and JSON. Pure.

Package indexes use the binary form in base64, Charmhub and its identity services the binary and the JSON form.
First-party caveats are created and verified. Third-party caveats are read and written as they are, and verification
takes them into account; discharging them is not done here. What pymacaroons 0.13 accepts and this codec does not is
listed in the documentation, each with its reason.
"""

from __future__ import annotations

import json
from typing import Any

from lading._macaroons._base64 import decode_base64, encode_base64
from lading._macaroons._binary import read_binary, write_binary
from lading._macaroons._json import from_json_value, to_json_value
from lading._macaroons.macaroon import Caveat, Macaroon, Version, create
from lading.errors import TokenUnreadable

__all__ = [
    "Caveat",
    "Macaroon",
    "Version",
    "create",
    "decode",
    "decode_json",
    "encode",
    "encode_json",
    "from_json_value",
    "read_binary",
    "to_json_value",
    "write_binary",
]


def encode(macaroon: Macaroon) -> str:
    """Return the binary form of *macaroon* as URL-safe base64 without padding.

    Raises:
        InputError: A part of it is too long for version 1.
    """
    return encode_base64(write_binary(macaroon))


def decode(text: str) -> Macaroon:
    """Read a macaroon from its binary form in base64 of either alphabet, padded or not.

    Raises:
        TokenUnreadable: *text* is not one macaroon. The error does not quote it.
    """
    return read_binary(decode_base64(text))


def encode_json(macaroon: Macaroon) -> str:
    """Return *macaroon* as JSON of its version.

    Raises:
        InputError: A part that this format writes as text is not UTF-8.
    """
    return json.dumps(to_json_value(macaroon))


def decode_json(text: str | bytes) -> Macaroon:
    """Read a macaroon of either version from JSON.

    Raises:
        TokenUnreadable: *text* is not a macaroon. The error does not quote it.
    """
    try:
        # Decoded here: json would guess at UTF-16 and 32, and skip a byte order mark.
        value = json.loads(text.decode() if isinstance(text, bytes) else text, object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError, TypeError):
        # Without its cause, which has the text.
        raise TokenUnreadable("this is not a macaroon: it is not JSON") from None
    return from_json_value(value)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; which of two parts of one name counts is not left to the reader."""
    value = dict(pairs)
    if len(value) < len(pairs):
        raise TokenUnreadable("a part of the token is there twice")
    return value

"""The JSON formats of macaroons, version 1 and 2, as bakeries exchange them. Pure.

Version 1 has text: ``{"identifier", "signature" (hex), "location", "caveats": [{"cid", "vid" (base64), "cl"}]}``.
Version 2 has bytes, as text where they are UTF-8 and otherwise as base64 in a field of that name with ``64`` at its
end: ``{"i", "s", "l", "c": [{"i", "v", "l"}]}``.
"""

from __future__ import annotations

import re
from typing import Any

from lading._macaroons._base64 import decode_base64, encode_base64
from lading._macaroons.macaroon import SIGNATURE_SIZE, Caveat, Macaroon
from lading.errors import InputError, TokenUnreadable

_HEX = re.compile(r"[0-9a-fA-F]{64}")


def to_json_value(macaroon: Macaroon) -> dict[str, Any]:
    """Return *macaroon* as the JSON object of its version.

    Raises:
        InputError: A part that this format writes as text is not UTF-8.
    """
    return _v1_value(macaroon) if macaroon.version == 1 else _v2_value(macaroon)


def from_json_value(value: Any) -> Macaroon:
    """Read a macaroon of either version from a JSON object.

    Raises:
        TokenUnreadable: *value* is not a macaroon. The error does not quote it.
    """
    if not isinstance(value, dict):
        raise TokenUnreadable("this is not a macaroon: it is not a JSON object")
    macaroon = _read_v2(value) if value.get("identifier") is None else _read_v1(value)
    if len(macaroon.signature) != SIGNATURE_SIZE:
        raise TokenUnreadable("the token's signature is not 32 bytes long")
    return macaroon


def _v1_value(macaroon: Macaroon) -> dict[str, Any]:
    value: dict[str, Any] = {"identifier": _text(macaroon.identifier), "signature": macaroon.signature.hex()}
    if macaroon.location:
        value["location"] = _text(macaroon.location)
    if macaroon.caveats:
        value["caveats"] = [_v1_caveat(caveat) for caveat in macaroon.caveats]
    return value


def _v1_caveat(caveat: Caveat) -> dict[str, str]:
    value = {"cid": _text(caveat.id)}
    if caveat.verification_id is not None:
        value["vid"] = encode_base64(caveat.verification_id)
    if caveat.location is not None:
        value["cl"] = _text(caveat.location)
    return value


def _v2_value(macaroon: Macaroon) -> dict[str, Any]:
    value: dict[str, Any] = {}
    _put(value, "i", macaroon.identifier)
    _put(value, "s", macaroon.signature)
    if macaroon.location:
        value["l"] = _text(macaroon.location)
    if macaroon.caveats:
        value["c"] = [_v2_caveat(caveat) for caveat in macaroon.caveats]
    return value


def _v2_caveat(caveat: Caveat) -> dict[str, str]:
    value: dict[str, str] = {}
    _put(value, "i", caveat.id)
    if caveat.verification_id is not None:
        _put(value, "v", caveat.verification_id)
    if caveat.location is not None:
        value["l"] = _text(caveat.location)
    return value


def _put(value: dict[str, Any], name: str, data: bytes) -> None:
    try:
        value[name] = data.decode()
    except UnicodeDecodeError:
        value[f"{name}64"] = encode_base64(data)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        # Without its cause, which has the bytes.
        raise InputError("the macaroon has a part that JSON of its version cannot express: it is not UTF-8") from None


def _read_v1(value: dict[str, Any]) -> Macaroon:
    signature = _string(value, "signature") or ""
    if not _HEX.fullmatch(signature):
        raise TokenUnreadable("the token's signature is not 64 hex digits")
    caveats = [
        _checked(Caveat(_bytes(found, "cid") or b"", _decoded(found, "vid"), _bytes(found, "cl")))
        for found in _objects(value, "caveats")
    ]
    return Macaroon(
        _bytes(value, "location") or b"", _bytes(value, "identifier") or b"", bytes.fromhex(signature), caveats, 1
    )


def _read_v2(value: dict[str, Any]) -> Macaroon:
    caveats = [
        _checked(Caveat(_either(found, "i") or b"", _either(found, "v"), _either(found, "l")))
        for found in _objects(value, "c")
    ]
    signature = _either(value, "s")
    if signature is None:
        raise TokenUnreadable("this is not a macaroon of version 1 or 2: it has no signature")
    return Macaroon(_either(value, "l") or b"", _either(value, "i") or b"", signature, caveats, 2)


def _checked(caveat: Caveat) -> Caveat:
    if caveat.location is not None and caveat.verification_id is None:
        raise TokenUnreadable("a caveat of the token is malformed")
    return caveat


def _objects(value: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = value.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise TokenUnreadable("the token's caveats are not a list of JSON objects")
    return found


def _either(value: dict[str, Any], name: str) -> bytes | None:
    """Return the bytes of a field of version 2, from whichever of its two forms is there."""
    plain, encoded = _bytes(value, name), _decoded(value, f"{name}64")
    if plain is not None and encoded is not None:
        raise TokenUnreadable("a part of the token is there twice, as text and as base64")
    return encoded if plain is None else plain


def _decoded(value: dict[str, Any], name: str) -> bytes | None:
    text = _string(value, name)
    return None if text is None else decode_base64(text)


def _bytes(value: dict[str, Any], name: str) -> bytes | None:
    text = _string(value, name)
    try:
        return None if text is None else text.encode()
    except UnicodeEncodeError:
        raise TokenUnreadable("a part of the token has characters that UTF-8 cannot encode") from None


def _string(value: dict[str, Any], name: str) -> str | None:
    found = value.get(name)
    if found is None or isinstance(found, str):
        return found
    raise TokenUnreadable("a part of the token is not a JSON string")

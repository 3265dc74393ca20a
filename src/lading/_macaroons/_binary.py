"""The binary formats of macaroons, version 1 and 2, in time linear in their size. Pure."""

from __future__ import annotations

from lading._macaroons.macaroon import SIGNATURE_SIZE, Caveat, Macaroon, v1_packet_size
from lading.errors import TokenUnreadable

_LOCATION, _IDENTIFIER, _VERIFICATION_ID, _SIGNATURE = 1, 2, 4, 6
_END = 0
_HEX_DIGITS = frozenset(b"0123456789abcdef")


def write_binary(macaroon: Macaroon) -> bytes:
    """Return *macaroon* in the binary format of its version; ``InputError`` when version 1 cannot express it."""
    return _write_v1(macaroon) if macaroon.version == 1 else _write_v2(macaroon)


def read_binary(data: bytes) -> Macaroon:
    """Read a macaroon of either version.

    Raises:
        TokenUnreadable: *data* is not one macaroon. The error does not quote it.
    """
    if data[:1] == b"\x02":
        return _read_v2(data)
    if data[:1] and data[:1] in b"0123456789abcdef":
        return _read_v1(data)
    raise TokenUnreadable("this is not a macaroon of version 1 or 2")


# Version 2: sections of packets (type, length, data). Types ascend within a section, and a zero ends it.


def _write_v2(macaroon: Macaroon) -> bytes:
    out = bytearray(b"\x02")
    _put(out, _LOCATION, macaroon.location)
    _put(out, _IDENTIFIER, macaroon.identifier)
    out.append(_END)
    for caveat in macaroon.caveats:
        if caveat.location is not None:
            _put(out, _LOCATION, caveat.location)
        _put(out, _IDENTIFIER, caveat.id)
        if caveat.verification_id is not None:
            _put(out, _VERIFICATION_ID, caveat.verification_id)
        out.append(_END)
    out.append(_END)
    _put(out, _SIGNATURE, macaroon.signature)
    return bytes(out)


def _put(out: bytearray, kind: int, data: bytes) -> None:
    out.append(kind)
    size = len(data)
    while size > 0x7F:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    out.append(size)
    out += data


def _read_v2(raw: bytes) -> Macaroon:
    at, header = _section(raw, 1)
    if set(header) - {_LOCATION} != {_IDENTIFIER}:
        raise TokenUnreadable("the token has no identifier at its place")
    caveats: list[Caveat] = []
    while True:
        at, found = _section(raw, at)
        if not found:
            break
        caveats.append(_caveat(found))
    kind, at, signature = _packet(raw, at)
    if kind != _SIGNATURE:
        raise TokenUnreadable("the token has no signature at its place")
    return _checked(Macaroon(header.get(_LOCATION, b""), header[_IDENTIFIER], signature, caveats, 2), raw[at:])


def _caveat(found: dict[int, bytes]) -> Caveat:
    third_party = _VERIFICATION_ID in found
    if _IDENTIFIER not in found or (_LOCATION in found and not third_party) or _SIGNATURE in found:
        raise TokenUnreadable("a caveat of the token is malformed")
    return Caveat(found[_IDENTIFIER], found.get(_VERIFICATION_ID), found.get(_LOCATION))


def _section(raw: bytes, at: int) -> tuple[int, dict[int, bytes]]:
    found: dict[int, bytes] = {}
    last = 0
    while True:
        kind, at, data = _packet(raw, at)
        if kind == _END:
            return at, found
        if kind <= last or kind not in (_LOCATION, _IDENTIFIER, _VERIFICATION_ID, _SIGNATURE):
            raise TokenUnreadable("the token's parts are in the wrong order")
        found[kind] = data
        last = kind


def _packet(raw: bytes, at: int) -> tuple[int, int, bytes]:
    try:
        kind = raw[at]
        at += 1
        if kind == _END:
            return kind, at, b""
        size = shift = 0
        while True:
            byte = raw[at]
            at += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
            if shift > 35:
                raise TokenUnreadable("a part of the token has an impossible length")
    except IndexError:
        raise TokenUnreadable("the token ends too early: was it cut?") from None
    if at + size > len(raw):
        raise TokenUnreadable("the token ends too early: was it cut?")
    return kind, at + size, raw[at : at + size]


# Version 1: packets of a length in hex (itself and the line break included), a key, a space, and data.


def _write_v1(macaroon: Macaroon) -> bytes:
    lines = [_line(b"location", macaroon.location), _line(b"identifier", macaroon.identifier)]
    for caveat in macaroon.caveats:
        lines.append(_line(b"cid", caveat.id))
        if caveat.verification_id is not None:
            lines.append(_line(b"vid", caveat.verification_id))
        if caveat.location is not None:
            lines.append(_line(b"cl", caveat.location))
    lines.append(_line(b"signature", macaroon.signature))
    return b"".join(lines)


def _line(key: bytes, data: bytes) -> bytes:
    return b"%04x%b %b\n" % (v1_packet_size(key, data), key, data)


def _read_v1(raw: bytes) -> Macaroon:
    at, key, location = _read_line(raw, 0)
    if key != b"location":
        raise TokenUnreadable("the token does not begin with a location")
    at, key, identifier = _read_line(raw, at)
    if key != b"identifier":
        raise TokenUnreadable("the token has no identifier at its place")
    caveats: list[Caveat] = []
    while True:
        at, key, data = _read_line(raw, at)
        if key == b"signature":
            return _checked(Macaroon(location, identifier, data, caveats, 1), raw[at:])
        if key == b"cid":
            caveats.append(Caveat(data))
        elif key == b"vid" and caveats and caveats[-1].verification_id is None:
            caveats[-1].verification_id = data
        elif key == b"cl" and caveats and caveats[-1].verification_id is not None and caveats[-1].location is None:
            caveats[-1].location = data
        else:
            raise TokenUnreadable("the token's parts are in the wrong order")


def _read_line(raw: bytes, at: int) -> tuple[int, bytes, bytes]:
    size_text = raw[at : at + 4]
    if len(size_text) < 4 or not _HEX_DIGITS.issuperset(size_text):
        raise TokenUnreadable("the token ends too early: was it cut?")
    end = at + int(size_text, 16)
    key, space, data = raw[at + 4 : end - 1].partition(b" ")
    if end > len(raw) or raw[end - 1 : end] != b"\n" or not space or end <= at + 4:
        raise TokenUnreadable("a part of the token has a wrong length")
    return end, key, data


def _checked(macaroon: Macaroon, rest: bytes) -> Macaroon:
    if rest:
        raise TokenUnreadable("something follows the token's signature: are these two tokens?")
    if len(macaroon.signature) != SIGNATURE_SIZE:
        raise TokenUnreadable("the token's signature is not 32 bytes long")
    return macaroon

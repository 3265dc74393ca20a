"""Macaroons of version 1 and 2 as bytes: read, written and signed, in time linear in their size. Pure.

Only what package indexes use: first-party caveats are made and verified, third-party ones are read (so that a token
that has some is written back as it was) and never accepted. What pymacaroons 0.13 accepts and this does not is listed
in the documentation, each with its reason.
"""

from __future__ import annotations

from binascii import Error as BinasciiError
from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass, field
from hmac import compare_digest, digest
from typing import Literal

from lading.errors import InputError, TokenUnreadable

Version = Literal[1, 2]

_LOCATION, _IDENTIFIER, _VERIFICATION_ID, _SIGNATURE = 1, 2, 4, 6
_END = 0
_SIGNATURE_SIZE = 32
_LONGEST_V1 = 0xFFFF
_DERIVING_KEY = b"macaroons-key-generator"
_URL_SAFE = str.maketrans("-_", "+/")
_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


@dataclass(slots=True)
class Caveat:
    """One caveat as it stands in the token.

    Attributes:
        id: Its content; for a first-party caveat of an index, JSON text.
        verification_id: Present on third-party caveats alone.
        location: Likewise.
    """

    id: bytes
    verification_id: bytes | None = None
    location: bytes | None = None


@dataclass(slots=True)
class Macaroon:
    """A macaroon.

    Attributes:
        location: Whom it is for; not covered by the signature.
        identifier: Which one it is.
        signature: 32 bytes, keyed with the secret.
        caveats: What restricts it.
        version: How it is written.
    """

    location: bytes
    identifier: bytes
    signature: bytes
    caveats: list[Caveat] = field(default_factory=list[Caveat])
    version: Version = 2

    def add(self, contents: list[bytes]) -> None:
        """Restrict it by more first-party caveats: all, or none if one has no room. No key is needed for that."""
        if self.version == 1:
            for content in contents:
                _line(b"cid", content)
        for content in contents:
            self.caveats.append(Caveat(content))
            self.signature = digest(self.signature, content, "sha256")

    def verifies(self, key: bytes) -> bool:
        """Whether it was made with *key* and only ever added to: every caveat counts. In constant time."""
        signature = _first_signature(key, self.identifier)
        for caveat in self.caveats:
            signature = _next_signature(signature, caveat)
        return compare_digest(signature, self.signature)


def create(location: bytes, identifier: bytes, key: bytes, version: Version) -> Macaroon:
    """A macaroon without caveats."""
    macaroon = Macaroon(location, identifier, _first_signature(key, identifier), version=version)
    if version == 1:
        _write_v1(macaroon)  # has it room?
    return macaroon


def _first_signature(key: bytes, identifier: bytes) -> bytes:
    return digest(digest(_DERIVING_KEY, key, "sha256"), identifier, "sha256")


def _next_signature(signature: bytes, caveat: Caveat) -> bytes:
    if caveat.verification_id is None:
        return digest(signature, caveat.id, "sha256")
    both = digest(signature, caveat.verification_id, "sha256") + digest(signature, caveat.id, "sha256")
    return digest(signature, both, "sha256")


def encode(macaroon: Macaroon) -> str:
    """The macaroon as URL-safe base64 without padding."""
    raw = _write_v1(macaroon) if macaroon.version == 1 else _write_v2(macaroon)
    return b2a_base64(raw, newline=False).decode("ascii").rstrip("=").replace("+", "-").replace("/", "_")


def decode(text: str) -> Macaroon:
    """The macaroon in *text*: base64 of either alphabet, padded or not; ``TokenUnreadable`` otherwise."""
    body = text.rstrip("=").translate(_URL_SAFE)
    if len(text) - len(body) > 3 or not _ALPHABET.issuperset(body):
        raise TokenUnreadable("the token has characters that no token has: was it cut, or copied with something else?")
    try:
        raw = a2b_base64(body + "=" * (-len(body) % 4))
    except BinasciiError as error:
        raise TokenUnreadable("the token's length is wrong: was it cut?") from error
    if raw[:1] == b"\x02":
        return _read_v2(raw)
    if raw[:1] and raw[:1] in b"0123456789abcdef":
        return _read_v1(raw)
    raise TokenUnreadable("this is no macaroon of version 1 or 2")


# Version 2: sections of (type, length, data), the type ascending within a section, each section ended by a zero.


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
        raise TokenUnreadable("the token has no identifier where one must be")
    caveats: list[Caveat] = []
    while True:
        at, found = _section(raw, at)
        if not found:
            break
        caveats.append(_caveat(found))
    kind, at, signature = _packet(raw, at)
    if kind != _SIGNATURE:
        raise TokenUnreadable("the token has no signature where one must be")
    return _checked(Macaroon(header.get(_LOCATION, b""), header[_IDENTIFIER], signature, caveats, 2), raw[at:])


def _caveat(found: dict[int, bytes]) -> Caveat:
    third_party = _VERIFICATION_ID in found
    if _IDENTIFIER not in found or (_LOCATION in found and not third_party) or _SIGNATURE in found:
        raise TokenUnreadable("one of the token's caveats is not built as caveats are")
    return Caveat(found[_IDENTIFIER], found.get(_VERIFICATION_ID), found.get(_LOCATION))


def _section(raw: bytes, at: int) -> tuple[int, dict[int, bytes]]:
    found: dict[int, bytes] = {}
    last = 0
    while True:
        kind, at, data = _packet(raw, at)
        if kind == _END:
            return at, found
        if kind <= last or kind not in (_LOCATION, _IDENTIFIER, _VERIFICATION_ID, _SIGNATURE):
            raise TokenUnreadable("the token's parts are not in the order they must be in")
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
                raise TokenUnreadable("a part of the token is said to be longer than any token")
    except IndexError:
        raise TokenUnreadable("the token ends too early: was it cut?") from None
    if at + size > len(raw):
        raise TokenUnreadable("the token ends too early: was it cut?")
    return kind, at + size, raw[at : at + size]


# Version 1: lines of a length in hex (itself and the line break counted), a key, a space, and data.


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
    size = 4 + len(key) + 1 + len(data) + 1
    if size > _LONGEST_V1:
        raise InputError("a macaroon of version 1 has no room for that: make it one of version 2")
    return b"%04x%b %b\n" % (size, key, data)


def _read_v1(raw: bytes) -> Macaroon:
    at, key, location = _read_line(raw, 0)
    if key != b"location":
        raise TokenUnreadable("the token does not begin with a location")
    at, key, identifier = _read_line(raw, at)
    if key != b"identifier":
        raise TokenUnreadable("the token has no identifier where one must be")
    caveats: list[Caveat] = []
    while True:
        at, key, data = _read_line(raw, at)
        if key == b"signature":
            return _checked(Macaroon(location, identifier, data, caveats, 1), raw[at:])
        if key == b"cid":
            caveats.append(Caveat(data))
        elif key == b"vid" and caveats and caveats[-1].verification_id is None:
            caveats[-1].verification_id = data
        elif key == b"cl" and caveats and caveats[-1].verification_id is not None:
            caveats[-1].location = data
        else:
            raise TokenUnreadable("the token's parts are not in the order they must be in")


def _read_line(raw: bytes, at: int) -> tuple[int, bytes, bytes]:
    size_text = raw[at : at + 4]
    if len(size_text) < 4 or not frozenset(b"0123456789abcdef").issuperset(size_text):
        raise TokenUnreadable("the token ends too early: was it cut?")
    end = at + int(size_text, 16)
    key, space, data = raw[at + 4 : end - 1].partition(b" ")
    if end > len(raw) or raw[end - 1 : end] != b"\n" or not space or end <= at + 4:
        raise TokenUnreadable("a part of the token is not as long as it says")
    return end, key, data


def _checked(macaroon: Macaroon, rest: bytes) -> Macaroon:
    if rest:
        raise TokenUnreadable("something follows the token's signature: two tokens run together?")
    if len(macaroon.signature) != _SIGNATURE_SIZE:
        raise TokenUnreadable("the token's signature is not 32 bytes long")
    return macaroon

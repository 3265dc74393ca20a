"""The bakery's part of macaroons: caveats whose keys are encrypted for a third party, and its JSON envelopes."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from nacl.exceptions import CryptoError
from nacl.public import Box, PrivateKey, PublicKey

from lading._macaroons import codec
from lading.testing.canonical._third_party import add_third_party

if TYPE_CHECKING:
    from lading._macaroons.codec import Macaroon

BakeryVersion = Literal[1, 2, 3]

NAMESPACE = b"std:"
_PREFIX, _KEY, _NONCE = 4, 32, 24
_HEAD = 1 + _PREFIX + _KEY + _NONCE


class CaveatError(ValueError):
    """A caveat that cannot be decrypted; the message says why."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key pair of a bakery.

    Attributes:
        private: The private key.
    """

    private: PrivateKey = field(default_factory=PrivateKey.generate, repr=False)

    @property
    def public(self) -> bytes:
        """The public key."""
        return bytes(self.private.public_key)

    @property
    def public_text(self) -> str:
        """The public key in base64."""
        return b64encode(self.public).decode()

    @property
    def private_text(self) -> str:
        """The private key in base64."""
        return b64encode(bytes(self.private)).decode()


@dataclass(frozen=True, slots=True)
class OpenedCaveat:
    """A caveat that its third party has decrypted.

    Attributes:
        condition: What the discharge has to prove.
        key: The key of the discharge.
        version: The bakery's version.
    """

    condition: str
    key: bytes
    version: BakeryVersion


def encode_caveat(condition: str, caveat_key: bytes, keys: KeyPair, third: bytes, version: BakeryVersion) -> bytes:
    """Encrypt condition and key of a caveat for a third party.

    Args:
        condition: What the discharge has to prove.
        caveat_key: The key of the discharge.
        keys: The key pair of who adds the caveat.
        third: The public key of the third party.
        version: The bakery's version.
    """
    box = Box(keys.private, PublicKey(third))
    if version == 1:
        return _encode_v1(condition, caveat_key, keys, third, box)
    secret = bytearray([version]) + _sized(caveat_key)
    if version == 3:
        secret += _sized(NAMESPACE)
    encrypted = box.encrypt(bytes(secret + condition.encode()))
    return bytes([version]) + third[:_PREFIX] + keys.public + encrypted.nonce + encrypted.ciphertext


def _encode_v1(condition: str, caveat_key: bytes, keys: KeyPair, third: bytes, box: Box) -> bytes:
    plain = {"RootKey": b64encode(caveat_key).decode(), "Condition": condition}
    encrypted = box.encrypt(json.dumps(plain).encode())
    value = {
        "ThirdPartyPublicKey": b64encode(third).decode(),
        "FirstPartyPublicKey": keys.public_text,
        "Nonce": b64encode(encrypted.nonce).decode(),
        "Id": b64encode(encrypted.ciphertext).decode(),
    }
    return b64encode(json.dumps(value).encode())


def decode_caveat(data: bytes, keys: KeyPair) -> OpenedCaveat:
    """Decrypt a caveat that was encrypted for *keys*.

    Raises:
        CaveatError: It is none, or was encrypted for another third party.
    """
    try:
        if data[:1] == b"e":
            return _decode_v1(data, keys)
        if data[:1] in (b"\x02", b"\x03") and len(data) > _HEAD:
            return _decode_v2(data, keys)
    except (CryptoError, ValueError, KeyError, TypeError, IndexError) as error:
        raise CaveatError(f"cannot decrypt caveat: {type(error).__name__}") from None
    raise CaveatError("caveat id payload not provided" if data[:1] == b"\x03" else "caveat has an unsupported version")


def _decode_v1(data: bytes, keys: KeyPair) -> OpenedCaveat:
    value = json.loads(b64decode(data))
    box = Box(keys.private, PublicKey(b64decode(value["FirstPartyPublicKey"])))
    plain = json.loads(box.decrypt(b64decode(value["Id"]), b64decode(value["Nonce"])))
    return OpenedCaveat(plain["Condition"], b64decode(plain["RootKey"]), 1)


def _decode_v2(data: bytes, keys: KeyPair) -> OpenedCaveat:
    version, rest = data[0], data[1:]
    if rest[:_PREFIX] != keys.public[:_PREFIX]:
        raise CaveatError("public key mismatch")
    first, rest = rest[_PREFIX : _PREFIX + _KEY], rest[_PREFIX + _KEY :]
    secret = Box(keys.private, PublicKey(first)).decrypt(rest[_NONCE:], rest[:_NONCE])
    if secret[0] != version:
        raise CaveatError("caveat has two versions")
    caveat_key, rest = _take(secret[1:])
    if version == 3:
        _, rest = _take(rest)
    return OpenedCaveat(rest.decode(), caveat_key, 3 if version == 3 else 2)


def with_caveat(
    macaroon: Macaroon, location: str, payload: bytes, caveat_key: bytes, version: BakeryVersion
) -> dict[str, Any]:
    """Append an encrypted caveat to *macaroon*, and return both as the JSON of the bakery's version.

    Version 3 keeps the encrypted caveat outside the macaroon, under a short identifier.
    """
    caveat_id = b"\x03\x00" if version == 3 else payload
    add_third_party(macaroon, location, caveat_id, caveat_key)
    return envelope(macaroon, version, {caveat_id: payload})


def envelope(macaroon: Macaroon, version: BakeryVersion, payloads: dict[bytes, bytes] | None = None) -> dict[str, Any]:
    """Return *macaroon* as the JSON of the bakery's version."""
    value = codec.to_json_value(macaroon)
    if version < 3:
        return value
    shown: dict[str, Any] = {"m": value, "v": 3}
    if payloads:
        shown["cdata"] = {_url_safe(key): _url_safe(data) for key, data in payloads.items()}
    return {**shown, "ns": NAMESPACE.decode()}


def _url_safe(data: bytes) -> str:
    return b64encode(data, b"-_").decode().rstrip("=")


def _sized(data: bytes) -> bytes:
    size, head = len(data), bytearray()
    while size > 0x7F:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*head, size]) + data


def _take(data: bytes) -> tuple[bytes, bytes]:
    size = at = 0
    while True:
        size |= (data[at] & 0x7F) << (7 * at)
        at += 1
        if not data[at - 1] & 0x80:
            return data[at : at + size], data[at + size :]

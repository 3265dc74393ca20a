"""Third-party caveats: what needs pymacaroons and PyNaCl. Imported off the event loop, as it takes time."""

from __future__ import annotations

import json
from base64 import b64encode
from binascii import unhexlify
from dataclasses import replace
from typing import TYPE_CHECKING

from nacl.exceptions import CryptoError
from nacl.public import Box, PrivateKey, PublicKey
from pymacaroons import Macaroon as PyMacaroon  # type: ignore[import-untyped]
from pymacaroons.binders import HashSignaturesBinder  # type: ignore[import-untyped]

from lading._macaroons._base64 import decode_base64
from lading._macaroons.codec import create, decode, encode
from lading.errors import TokenInvalid, TokenUnreadable

if TYPE_CHECKING:
    from lading._macaroons.macaroon import Macaroon, Version

_KEY_SIZE = 32
_PREFIX_SIZE = 4
_NONCE_SIZE = 24


def bind(root: str, discharge: str) -> str | None:
    """Return *discharge* bound to *root*, as requests need it, in the serialisation that it came in.

    It returns ``None`` when one of them is not a macaroon, and raises nothing itself, for its frame holds both.

    Args:
        root: A macaroon in URL-safe base64.
        discharge: A discharge of one of its third-party caveats, in URL-safe base64.
    """
    try:
        return encode(bind_macaroon(decode(root), decode(discharge)))
    except TokenUnreadable:
        return None


def bind_macaroon(root: Macaroon, discharge: Macaroon) -> Macaroon:
    """Return *discharge* bound to *root*: nobody can use it with another."""
    binder = HashSignaturesBinder(PyMacaroon(signature=root.signature.hex()))
    return replace(discharge, signature=unhexlify(binder.bind_signature(discharge.signature.hex())))


def read_private_key(text: str) -> PrivateKey | None:
    """Read an agent's private key: 32 bytes in base64.

    It returns ``None`` when *text* is none, and raises nothing itself, for its frame holds the key.
    """
    try:
        data = decode_base64(text.strip())
    except TokenUnreadable:
        return None
    return PrivateKey(data) if len(data) == _KEY_SIZE else None


def public_key(private_key: PrivateKey) -> str:
    """Return the public key that belongs to *private_key*, in base64."""
    return b64encode(bytes(private_key.public_key)).decode("ascii")


def discharge_local(caveat_id: bytes, content: bytes, private_key: PrivateKey) -> Macaroon:
    """Discharge a caveat that proves that the client has a key.

    Args:
        caveat_id: The caveat's identifier.
        content: Its encrypted content.
        private_key: The client's key.

    Raises:
        TokenUnreadable: The content has none of the formats.
        TokenInvalid: The caveat is for another key, or has another condition.
    """
    if content[:1] == b"e":  # JSON in base64
        version: Version = 1
        root_key, condition = _open_json(content, private_key)
    else:
        version = 2
        root_key, condition = _open_packed(content, private_key)
    if condition != b"true":
        raise TokenInvalid("a caveat for this client's key has a condition that is not known")
    return create(b"", caveat_id, root_key, version)


def _open_packed(content: bytes, private_key: PrivateKey) -> tuple[bytes, bytes]:
    """Return root key and condition from the format of bakery version 2 and 3."""
    version, at = content[:1], 1
    if version not in (b"\x02", b"\x03"):
        raise TokenUnreadable("a caveat for this client's key has a format that is not known")
    prefix, at = content[at : at + _PREFIX_SIZE], at + _PREFIX_SIZE
    first_party, at = content[at : at + _KEY_SIZE], at + _KEY_SIZE
    nonce, at = content[at : at + _NONCE_SIZE], at + _NONCE_SIZE
    if prefix != bytes(private_key.public_key)[:_PREFIX_SIZE]:
        raise TokenInvalid("a caveat of the login is for another agent's key")
    secret = _decrypt(private_key, first_party, nonce, content[at:])
    if secret[:1] != version:
        raise TokenUnreadable("a caveat for this client's key has a format that is not known")
    root_key, rest = _take(secret[1:])
    if version == b"\x03":
        _, rest = _take(rest)  # the namespace of its condition
    return root_key, rest


def _open_json(content: bytes, private_key: PrivateKey) -> tuple[bytes, bytes]:
    """Return root key and condition from the format of bakery version 1."""
    try:
        value = json.loads(decode_base64(content.decode("ascii")))
        if decode_base64(value["ThirdPartyPublicKey"]) != bytes(private_key.public_key):
            raise TokenInvalid("a caveat of the login is for another agent's key")
        first_party, nonce, box = (decode_base64(value[name]) for name in ("FirstPartyPublicKey", "Nonce", "Id"))
        secret = json.loads(_decrypt(private_key, first_party, nonce, box))
        return decode_base64(secret["RootKey"]), str(secret["Condition"]).encode()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise TokenUnreadable("a caveat for this client's key has a format that is not known") from None


def _decrypt(private_key: PrivateKey, first_party: bytes, nonce: bytes, box: bytes) -> bytes:
    try:
        return Box(private_key, PublicKey(first_party)).decrypt(box, nonce)
    except (CryptoError, ValueError, TypeError):
        raise TokenInvalid("a caveat of the login cannot be decrypted with the agent's key") from None


def _take(data: bytes) -> tuple[bytes, bytes]:
    """Return the bytes that follow their length, and the rest."""
    size = shift = at = 0
    while True:
        if at >= len(data) or shift > 28:
            raise TokenUnreadable("a caveat for this client's key ends too early")
        byte, at = data[at], at + 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    if at + size > len(data):
        raise TokenUnreadable("a caveat for this client's key ends too early")
    return data[at : at + size], data[at + size :]

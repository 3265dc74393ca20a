"""Macaroons: their parts and their signatures. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from hmac import compare_digest, digest
from typing import Literal

from lading.errors import InputError

Version = Literal[1, 2]

SIGNATURE_SIZE = 32

_DERIVING_KEY = b"macaroons-key-generator"
# The length of a packet of version 1 is written with four hex digits.
_MAX_V1_PACKET = 0xFFFF


@dataclass(slots=True)
class Caveat:
    """One caveat of a macaroon.

    Attributes:
        id: Its content; in a first-party caveat of an index, JSON.
        verification_id: The encrypted key of a third-party caveat; ``None`` in a first-party caveat.
        location: Where a third-party caveat is discharged; ``None`` in a first-party caveat.
    """

    id: bytes
    verification_id: bytes | None = None
    location: bytes | None = None


@dataclass(slots=True)
class Macaroon:
    """A macaroon.

    Attributes:
        location: The service it is for; not covered by the signature.
        identifier: How its issuer finds the key.
        signature: 32 bytes; whoever has them can use the macaroon.
        caveats: What restricts it.
        version: The format that it is written in.
    """

    location: bytes
    identifier: bytes
    signature: bytes = field(repr=False)
    caveats: list[Caveat] = field(default_factory=list[Caveat])
    version: Version = 2

    def add(self, contents: list[bytes]) -> None:
        """Append first-party caveats, which needs no key: all of them, or none when one of them is too long."""
        if self.version == 1:
            for content in contents:
                v1_packet_size(b"cid", content)
        for content in contents:
            self.caveats.append(Caveat(content))
            self.signature = digest(self.signature, content, "sha256")

    def verifies(self, key: bytes) -> bool:
        """Return whether it was created with *key*, its caveats only appended. In constant time."""
        signature = first_signature(key, self.identifier)
        for caveat in self.caveats:
            signature = next_signature(signature, caveat)
        return compare_digest(signature, self.signature)


def create(location: bytes, identifier: bytes, key: bytes, version: Version) -> Macaroon:
    """Create a macaroon without caveats.

    Args:
        location: The service it is for.
        identifier: How its issuer finds *key* again.
        key: The secret that it is signed with.
        version: The format that it is written in.

    Raises:
        InputError: *location* or *identifier* is too long for version 1.
    """
    if version == 1:
        v1_packet_size(b"location", location)
        v1_packet_size(b"identifier", identifier)
    return Macaroon(location, identifier, first_signature(key, identifier), version=version)


def first_signature(key: bytes, identifier: bytes) -> bytes:
    """Return the signature of a macaroon without caveats."""
    return digest(digest(_DERIVING_KEY, key, "sha256"), identifier, "sha256")


def next_signature(signature: bytes, caveat: Caveat) -> bytes:
    """Return the signature after *caveat* was appended to a macaroon that had *signature*."""
    if caveat.verification_id is None:
        return digest(signature, caveat.id, "sha256")
    both = digest(signature, caveat.verification_id, "sha256") + digest(signature, caveat.id, "sha256")
    return digest(signature, both, "sha256")


def v1_packet_size(name: bytes, data: bytes) -> int:
    """Return the size of a packet of version 1: four digits, name, space, data and line break.

    Raises:
        InputError: It is longer than the format can express.
    """
    size = 4 + len(name) + 1 + len(data) + 1
    if size > _MAX_V1_PACKET:
        raise InputError("a part is too long for a macaroon of version 1: use version 2")
    return size

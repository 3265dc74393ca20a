"""Third-party caveats: added to macaroons, discharged, and verified with their bound discharges."""

from __future__ import annotations

from hmac import compare_digest, digest
from typing import TYPE_CHECKING

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from lading._macaroons.macaroon import Caveat, Macaroon, create, first_signature, next_signature

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lading._macaroons.codec import Version

_DERIVING_KEY = b"macaroons-key-generator"
_BINDING_KEY = bytes(32)


class InvalidMacaroonError(Exception):
    """Macaroons that do not verify; the message says why."""


def add_third_party(macaroon: Macaroon, location: str, caveat_id: bytes, caveat_key: bytes) -> None:
    """Append a third-party caveat.

    Args:
        macaroon: The macaroon.
        location: Where the caveat is discharged.
        caveat_id: The identifier of the discharge.
        caveat_key: The key that the discharge is created with.
    """
    derived = digest(_DERIVING_KEY, caveat_key, "sha256")
    caveat = Caveat(caveat_id, bytes(SecretBox(macaroon.signature).encrypt(derived)), location.encode())
    macaroon.caveats.append(caveat)
    macaroon.signature = next_signature(macaroon.signature, caveat)


def discharge(
    location: str, caveat_id: bytes, caveat_key: bytes, conditions: Sequence[str], version: Version
) -> Macaroon:
    """Create the discharge of a third-party caveat, not bound yet."""
    macaroon = create(location.encode(), caveat_id, caveat_key, version)
    macaroon.add([condition.encode() for condition in conditions])
    return macaroon


def verify(macaroons: Sequence[Macaroon], key: bytes, check: Callable[[str], None]) -> None:
    """Verify a root macaroon with its discharges, which are bound to it.

    Args:
        macaroons: The root macaroon, and the discharges in any order.
        key: The key of the root macaroon.
        check: Called with each first-party caveat of all of them; raises ``InvalidMacaroonError`` to refuse it.

    Raises:
        InvalidMacaroonError: A signature or a caveat does not hold, a discharge is missing, or one is not used.
    """
    root, *discharges = macaroons
    _Verification(root, discharges, check).run(key)


class _Verification:
    def __init__(self, root: Macaroon, discharges: Sequence[Macaroon], check: Callable[[str], None]) -> None:
        self._root = root
        self._unused = list(discharges)
        self._check = check

    def run(self, key: bytes) -> None:
        signature = self._signature(self._root, first_signature(key, self._root.identifier))
        if not compare_digest(signature, self._root.signature):
            raise InvalidMacaroonError("the signature of the macaroon does not match")
        if self._unused:
            raise InvalidMacaroonError("a discharge macaroon was not used")

    def _signature(self, macaroon: Macaroon, signature: bytes) -> bytes:
        """Return the signature that *macaroon* has to have, after its caveats were checked."""
        for caveat in macaroon.caveats:
            if caveat.verification_id is None:
                self._check(caveat.id.decode("utf-8", "replace"))
            else:
                self._discharged(caveat, signature)
            signature = next_signature(signature, caveat)
        return signature

    def _discharged(self, caveat: Caveat, signature: bytes) -> None:
        found = next((one for one in self._unused if one.identifier == caveat.id), None)
        if found is None:
            raise InvalidMacaroonError("a third-party caveat has no discharge")
        self._unused.remove(found)
        try:
            derived = SecretBox(signature).decrypt(caveat.verification_id or b"")
        except (CryptoError, ValueError):
            raise InvalidMacaroonError("the key of a third-party caveat cannot be decrypted") from None
        expected = self._signature(found, digest(derived, found.identifier, "sha256"))
        if not compare_digest(bound_signature(self._root.signature, expected), found.signature):
            raise InvalidMacaroonError("a discharge does not verify, or is not bound to the root macaroon")


def bound_signature(root_signature: bytes, signature: bytes) -> bytes:
    """Return the signature of a discharge that is bound to a root macaroon."""
    both = digest(_BINDING_KEY, root_signature, "sha256") + digest(_BINDING_KEY, signature, "sha256")
    return digest(_BINDING_KEY, both, "sha256")

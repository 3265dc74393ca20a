"""Logins of agents: a macaroon whose local caveat only the holder of a private key can discharge."""

from __future__ import annotations

import secrets
from base64 import b64decode
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from lading._macaroons import codec
from lading.errors import TokenUnreadable
from lading.testing.canonical import _bakery as bakery
from lading.testing.canonical._bakery import KeyPair
from lading.testing.canonical._refusals import IdentityRefusal
from lading.testing.canonical._third_party import InvalidMacaroonError, verify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lading._macaroons.codec import Macaroon
    from lading.testing.canonical._state import StoreAccount, StoreState

_LIFETIME = timedelta(seconds=10)
_DECLARED = "declared username "
_WITH_KEY = "user-has-public-key "
_TIME = "time-before "
_END, _SIGNATURE = 0, 6


class AgentLogins:
    """The macaroons of agents' logins, issued and verified."""

    def __init__(self, state: StoreState) -> None:
        self._state = state
        self._keys = KeyPair()
        self._roots: dict[bytes, bytes] = {}

    def issue(self, username: str, public_key: str) -> dict[str, Any]:
        """Issue the macaroon that the agent with *public_key* can discharge."""
        account = self._state.accounts.get(username)
        if account is None or public_key not in account.agents:
            raise IdentityRefusal(404, "not found", f"user {username!r} has no such public key")
        identifier, key, caveat_key = (
            b"\x03\xff" + secrets.token_bytes(16),
            secrets.token_bytes(24),
            secrets.token_bytes(24),
        )
        self._roots[identifier] = key
        macaroon = codec.create(b"identity", identifier, key, 2)
        until = (self._state.clock.now + _LIFETIME).replace(tzinfo=None).isoformat() + "Z"
        macaroon.add([f"{_TIME}{until}".encode(), f"{_DECLARED}{username}".encode()])
        payload = bakery.encode_caveat("true", caveat_key, self._keys, b64decode(public_key), 3)
        bakery.with_caveat(macaroon, "local", payload, caveat_key, 3)
        macaroon.add([f"{_WITH_KEY}{username} {public_key}".encode()])
        return bakery.envelope(macaroon, 3, {b"\x03\x00": payload})

    def account(self, token: bytes) -> StoreAccount | None:
        """Return the account of a token: the macaroon and its bound discharge, one after another."""
        declared: list[str] = []

        def check(condition: str) -> None:
            if condition.startswith(_TIME):
                until = datetime.fromisoformat(condition.removeprefix(_TIME))
                if self._state.clock.now >= until:
                    raise InvalidMacaroonError("expired")
            elif condition.startswith(_DECLARED):
                declared.append(condition.removeprefix(_DECLARED))
            elif not condition.startswith(_WITH_KEY):
                raise InvalidMacaroonError(condition)

        try:
            macaroons = list(_split(token))
            verify(macaroons, self._roots[macaroons[0].identifier], check)
        except (InvalidMacaroonError, TokenUnreadable, KeyError, IndexError):
            return None
        return self._state.accounts.get(declared[0]) if len(set(declared)) == 1 else None


def _split(data: bytes) -> Iterator[Macaroon]:
    """Read binary macaroons of version 2 that follow each other."""
    while data:
        end = _length(data)
        yield codec.read_binary(data[:end])
        data = data[end:]


def _length(data: bytes) -> int:
    """Return where the first macaroon ends: after its signature, the only field that follows two ends of sections."""
    at = 1
    while data[at] != _SIGNATURE:
        if data[at] == _END:
            at += 1
            continue
        at = _after_field(data, at)
    return _after_field(data, at)


def _after_field(data: bytes, at: int) -> int:
    size = shift = 0
    at += 1
    while True:
        size |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return at + size

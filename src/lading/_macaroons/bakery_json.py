"""Macaroons of bakeries, and what is exchanged with their third parties. Pure.

A bakery of version 3 wraps a macaroon and keeps the encrypted content of its third-party caveats beside it:
``{"m": macaroon, "v": 3, "ns", "cdata": {id: content}}``, both in base64. One of version 1 or 2 has the macaroon alone.
"""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lading._macaroons._base64 import decode_base64, encode_base64
from lading._macaroons._json import from_json_value, to_json_value
from lading.errors import TokenUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lading._macaroons.macaroon import Macaroon

LOCAL = "local"
"""The location of a caveat that the client itself discharges, with its own key."""


@dataclass(frozen=True, slots=True)
class ThirdPartyCaveat:
    """A third-party caveat that is to be discharged.

    Attributes:
        id: Its identifier.
        location: The URL of the third party; or :data:`LOCAL`.
        content: Its encrypted content, where that is not the identifier.
    """

    id: bytes
    location: str
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class BakeryMacaroon:
    """A macaroon of a bakery.

    Attributes:
        macaroon: The macaroon.
        contents: The encrypted contents of its third-party caveats, by identifier.
    """

    macaroon: Macaroon
    contents: Mapping[bytes, bytes] = field(default_factory=dict[bytes, bytes])

    def third_party_caveats(self) -> list[ThirdPartyCaveat]:
        """Return the caveats that have to be discharged, in their order."""
        return [
            ThirdPartyCaveat(caveat.id, caveat.location.decode("utf-8", "replace"), self.contents.get(caveat.id))
            for caveat in self.macaroon.caveats
            if caveat.location
        ]


@dataclass(frozen=True, slots=True)
class DischargeToken:
    """What an interaction with a third party ended with.

    Attributes:
        kind: Its kind, which the third party chose.
        value: The token.
    """

    kind: str
    value: bytes = field(repr=False)


def parse_bakery_macaroon(text: str) -> BakeryMacaroon | str:
    """Read a macaroon of any bakery version from JSON.

    It returns what is wrong when *text* is none, and raises nothing itself, for its frame holds a secret.
    """
    try:
        return _read(json.loads(text))
    except (ValueError, RecursionError):
        return "this is not a macaroon: it is not JSON"
    except TokenUnreadable as error:
        return str(error)


def read_bakery_macaroon(value: Any) -> BakeryMacaroon | str:
    """Read a macaroon of any bakery version from a JSON object.

    It returns what is wrong when *value* is none, and raises nothing itself, for its frame holds a secret.
    """
    try:
        return _read(value)
    except TokenUnreadable as error:
        return str(error)


def _read(value: Any) -> BakeryMacaroon:
    if not isinstance(value, dict) or value.get("m") is None:
        return BakeryMacaroon(from_json_value(value))
    version = value.get("v")
    if not isinstance(version, int) or version < 3:
        raise TokenUnreadable("this is not a macaroon of a bakery's version 3 or later")
    contents = value.get("cdata") or {}
    if not isinstance(contents, dict) or not all(isinstance(content, str) for content in contents.values()):
        raise TokenUnreadable("the contents of the token's third-party caveats are not strings by identifier")
    decoded = {decode_base64(caveat): decode_base64(content) for caveat, content in contents.items()}
    return BakeryMacaroon(from_json_value(value["m"]), decoded)


def discharge_form(caveat: ThirdPartyCaveat, token: DischargeToken | None = None) -> dict[str, str]:
    """Return the form that requests the discharge of *caveat*.

    Args:
        caveat: The caveat.
        token: What an interaction ended with.
    """
    form = _binary_field("id", caveat.id)
    if token is not None:
        form |= _binary_field("token", token.value)
        form["token-kind"] = token.kind
    if caveat.content is not None:
        form["caveat64"] = encode_base64(caveat.content)
    return form


def _binary_field(name: str, data: bytes) -> dict[str, str]:
    """Return a field of a form: as text where *data* is UTF-8, otherwise in base64."""
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {f"{name}64": b64encode(data).decode("ascii")}


def encode_macaroons(macaroons: Iterable[Macaroon]) -> str:
    """Return macaroons, the root first, as the header ``Macaroons`` and bakeries' cookies have them.

    Raises:
        InputError: One of them has a part that JSON of its version cannot express.
    """
    value = ",".join(json.dumps(to_json_value(macaroon)) for macaroon in macaroons)
    return urlsafe_b64encode(f"[{value}]".encode()).decode("ascii")

"""Credentials in the forms that charmcraft, snapcraft and their library store them in. Pure."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeGuard

from lading._macaroons.codec import decode
from lading.errors import ConfigError, LadingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lading._macaroons.codec import Macaroon

Form = Literal["token", "candid", "ubuntu-one", "developer"]
"""The forms of stored credentials.

``"token"`` is a token of the store, as it is (charmcraft 4.4 and later); ``"candid"`` and ``"ubuntu-one"`` are what
craft-store writes; ``"developer"`` is a developer token.
"""

_NOT_ONE = "these are no credentials of Charmhub or the Snap Store"
# What serialised macaroons begin with: a packet of version 1, and version 2 with its first field.
_MACAROON_STARTS = (b"00", b"\x02\x01")
# What no token begins with: somebody has given a file instead of its content.
_PATH_STARTS = ("/", "./", "../", "~")
_EXPIRES = "|expires|"
_TIME_BEFORE = "time-before "


@dataclass(frozen=True, slots=True)
class StoredCredentials:
    """Credentials, parsed.

    Attributes:
        form: Their form.
        token: The token; empty for ``"ubuntu-one"``.
        root: The root macaroon, of ``"ubuntu-one"``.
        discharge: The discharge macaroon, not bound to the root, of ``"ubuntu-one"``.
    """

    form: Form
    token: str = field(default="", repr=False)
    root: str = field(default="", repr=False)
    discharge: str = field(default="", repr=False)

    def dump(self) -> str:
        """Return the text that is stored."""
        if self.form == "token":
            return self.token
        if self.form == "developer":
            return json.dumps({"macaroon": self.token})
        if self.form == "candid":
            return json.dumps({"t": "macaroon", "v": self.token})
        return json.dumps({"t": "u1-macaroon", "v": {"r": self.root, "d": self.discharge}})

    def export(self) -> str:
        """Return the text for the official client's environment variable."""
        return b64encode(self.dump().encode()).decode("ascii")

    @property
    def expires_at(self) -> datetime | None:
        """When they expire by their own caveats, in UTC; ``None`` where they do not say."""
        return _earliest(self.token, self.root, self.discharge)

    @property
    def root_expires_at(self) -> datetime | None:
        """When the root macaroon expires, which no refreshed discharge outlasts; ``None`` where it does not say."""
        return _earliest(self.root)


def parse_stored(text: str) -> StoredCredentials:
    """Parse what is stored in a keyring or a file.

    Raises:
        ConfigError: It is in none of the forms. The error does not quote it.
    """
    found = _try_stored(text)
    del text  # this frame is shown with the error
    if isinstance(found, ConfigError):
        raise found
    return found


def parse_exported(text: str) -> StoredCredentials:
    """Parse credentials that were exported (in base64, as in the official clients' variables), or as they are stored.

    Raises:
        ConfigError: They are neither. The error does not quote them.
    """
    found = try_exported(text)
    del text  # this frame is shown with the error
    if isinstance(found, ConfigError):
        raise found
    return found


def try_exported(text: str) -> StoredCredentials | ConfigError:
    """Parse them as :func:`parse_exported` does, and return the error: a frame that raises it would hold them."""
    text = text.strip()
    if text.startswith("{"):
        return _try_stored(text)
    text = "".join(text.splitlines())  # some tools fold base64
    try:
        data = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return _try_stored(text)  # a token in URL-safe base64, or an opaque one
    if data.startswith(_MACAROON_STARTS):
        return _try_stored(text)
    try:
        inner = data.decode()
    except UnicodeDecodeError:
        return _try_stored(text)
    return _try_stored(inner)


def _try_stored(text: str) -> StoredCredentials | ConfigError:
    text = text.strip()
    if not text.startswith("{"):
        if not (text.isascii() and text.isprintable() and " " not in text) or not text:
            return ConfigError(f"{_NOT_ONE}: a token has no spaces and no characters beyond ASCII")
        if text.startswith(_PATH_STARTS):
            return ConfigError(f"{_NOT_ONE}, but the path of a file: pass what the file contains")
        return StoredCredentials("token", text)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return ConfigError(f"{_NOT_ONE}: they are not JSON")
    return _try_object(value, text)


def _try_object(value: dict[str, Any], text: str) -> StoredCredentials | ConfigError:
    kind, content = value.get("t"), value.get("v")
    if kind == "macaroon" and _is_token(content):
        return StoredCredentials("candid", content)
    if kind == "u1-macaroon" or kind is None:
        pair = content if kind else value  # without a type is how snapcraft stored them before
        if isinstance(pair, dict) and _is_token(pair.get("r")) and _is_token(pair.get("d")):
            return StoredCredentials("ubuntu-one", root=pair["r"], discharge=pair["d"])
    if kind is None and _is_token(value.get("macaroon")):
        return StoredCredentials("developer", value["macaroon"])
    if kind is None and "\n" not in text and text.isascii():
        return StoredCredentials("token", text)  # craft-store sends such an object as it is
    return ConfigError(f"{_NOT_ONE}: the JSON has none of the forms that craft-store writes")


def _is_token(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable()


def try_decode(text: str) -> Macaroon | None:
    """Read a macaroon, or return ``None``: it raises nothing, for its frame holds a secret."""
    try:
        return decode(text)
    except LadingError:
        return None


def _earliest(*macaroons: str) -> datetime | None:
    return min((moment for text in macaroons if text for moment in _expiries(text)), default=None)


def _expiries(text: str) -> Iterator[datetime]:
    macaroon = try_decode(text)
    if macaroon is None:
        return  # an opaque token says nothing
    for caveat in macaroon.caveats:
        if caveat.verification_id is not None:
            continue
        content = caveat.id.decode("utf-8", "replace")
        _, found, moment = content.partition(_EXPIRES)
        if not found:
            _, found, moment = content.partition(_TIME_BEFORE)
        if found and (when := _parse_time(moment.strip())) is not None:
            yield when


def _parse_time(text: str) -> datetime | None:
    # RFC 3339 with nanoseconds, as Go writes it, has more digits than Python reads.
    head, dot, rest = text.partition(".")
    if dot:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        text = f"{head}.{rest[:digits][:6]}{rest[digits:]}"
    try:
        when = datetime.fromisoformat(text)
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):  # the latter at the ends of the calendar, which stand for never
        return None

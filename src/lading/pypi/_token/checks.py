"""Checks of the values in caveats: of those that are read, and of those that are requested."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from lading._artifacts.python import normalize_name
from lading.errors import InputError, InvalidRestriction

# \Z and not $, which lets a line break through.
NAME = re.compile(r"(?:[a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])\Z")
UUID_TEXT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")

# A number of up to so many bits can be written and read whatever limit Python has for digits.
_LONGEST_TIME = 2000

Timestamp = int | datetime


def timestamp_from_parameter(value: Timestamp, argument: str = "now") -> int:
    """Return *value* as seconds since the epoch; fractions are cut off.

    Args:
        value: Seconds since the epoch, or an aware datetime.
        argument: The argument's name, for the error.

    Raises:
        InvalidRestriction: A naive datetime, a number of more than 600 digits, or anything else.
    """
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise InvalidRestriction(f"{argument} is a datetime without a time zone: give it one", argument=argument)
        return int(value.timestamp())
    if type(value) is not int:
        raise InvalidRestriction(
            f"{argument} must be whole seconds since the epoch or an aware datetime, not {type(value).__name__}",
            argument=argument,
        )
    if value.bit_length() > _LONGEST_TIME:
        raise InvalidRestriction(f"{argument} is not a time: it has more than 600 digits", argument=argument)
    return value


def is_time(value: Any) -> bool:
    """Return whether *value*, of a caveat, is a number of seconds that can be written whatever limit Python has."""
    return type(value) is int and value.bit_length() <= _LONGEST_TIME


def all_match(values: Any, pattern: re.Pattern[str] | None) -> bool:
    """Return whether *values* is a list of strings that all match *pattern*."""
    if not isinstance(values, list):
        return False
    return all(isinstance(item, str) and (pattern is None or pattern.match(item)) for item in values)


def as_list(given: Any, argument: str) -> list[Any]:
    """Return *given* as a list; a string or a mapping is refused, rather than split into characters or keys."""
    if isinstance(given, (str, bytes, bytearray, Mapping)) or not isinstance(given, Iterable):
        raise InvalidRestriction(
            f"{argument} must be several values, as in a list, not one {type(given).__name__}", argument=argument
        )
    return list(given)


def normal_name(name: str) -> str:
    """Return the normalised name (PEP 503). A name beyond ASCII stays as it is: lower case may change what it names."""
    return normalize_name(name) if name.isascii() else name


def normalise_project(name: Any, argument: str) -> str:
    normal = normal_name(name) if isinstance(name, str) else ""
    if not NAME.match(normal):
        raise InvalidRestriction(f"{argument}: {_shown(name)} is not the name of a project", argument=argument)
    return normal


def uuid_text(value: Any, argument: str) -> str:
    text = value.lower() if isinstance(value, str) else str(value) if isinstance(value, UUID) else ""
    if not UUID_TEXT.match(text):
        raise InvalidRestriction(f"{argument}: {_shown(value)} is not a UUID", argument=argument)
    return text


def _shown(value: Any) -> str:
    # Of anything but a string the type alone: even showing a number can fail.
    return ascii(value) if isinstance(value, str) else f"something of type {type(value).__name__}"


def as_bytes(value: Any, argument: str) -> bytes:
    """Return bytes as they are and strings as UTF-8; ``InputError`` for anything else."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise InputError(f"{argument} must be a string or bytes, not {type(value).__name__}", argument=argument)
    try:
        return value.encode()
    except UnicodeEncodeError:
        # Without its cause, which has the string: it may be a key.
        raise InputError(f"{argument} has characters that UTF-8 cannot encode", argument=argument) from None


def format_names(names: list[str]) -> str:
    if not names:
        return "no project at all"
    return f"project{'s' * (len(names) > 1)} {', '.join(map(printable, names))}"


def printable(text: str) -> str:
    """Return *text* without surrogates, which JSON can hold and no message can show."""
    return text.encode("utf-8", "backslashreplace").decode()


def format_time(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"second {seconds} since 1970" if is_time(seconds) else "a second that has more than 600 digits"

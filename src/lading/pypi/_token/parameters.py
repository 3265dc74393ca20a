"""What a caveat may be made of: checks on what is read, and on what is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from packaging.utils import canonicalize_name

from lading.errors import InvalidRestriction

# \Z and not $, which lets a line break through.
NAME = re.compile(r"(?:[a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])\Z")
UUID_TEXT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")

Timestamp = int | datetime


def timestamp_from_parameter(value: Timestamp, argument: str = "now") -> int:
    """Seconds since the epoch, from themselves or from an aware datetime (fractions cut off).

    Raises:
        InvalidRestriction: A naive datetime, or anything else.
    """
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidRestriction(f"{argument} is a datetime without a time zone: give it one", argument=argument)
        return int(value.timestamp())
    if type(value) is not int:
        raise InvalidRestriction(
            f"{argument} must be whole seconds since the epoch or an aware datetime, not {type(value).__name__}",
            argument=argument,
        )
    return value


def are(values: Any, pattern: re.Pattern[str] | None) -> bool:
    """Whether *values* is a list of strings that all fit *pattern*."""
    if not isinstance(values, list):
        return False
    return all(isinstance(item, str) and (pattern is None or pattern.match(item)) for item in values)


def several(given: Any, argument: str) -> list[Any]:
    """A list of what was given; what is no collection of separate values is refused rather than taken apart."""
    if isinstance(given, (str, bytes, bytearray, Mapping)) or not isinstance(given, Iterable):
        raise InvalidRestriction(
            f"{argument} must be several values, as in a list, not one {type(given).__name__}", argument=argument
        )
    return list(given)


def normalised(name: Any, argument: str) -> str:
    normal = canonicalize_name(name) if isinstance(name, str) else ""
    if not NAME.match(normal):
        raise InvalidRestriction(f"{argument}: {name!r} is not the name of a project", argument=argument)
    return str(normal)


def uuid_text(value: Any, argument: str) -> str:
    try:
        return str(value if isinstance(value, UUID) else UUID(value))
    except (ValueError, AttributeError, TypeError):
        raise InvalidRestriction(f"{argument}: {value!r} is not a UUID", argument=argument) from None


def listed(names: list[str]) -> str:
    if not names:
        return "no project at all"
    return f"project{'s' * (len(names) > 1)} {', '.join(names)}"


def moment(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"second {seconds} since 1970"

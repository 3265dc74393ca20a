"""Assertions as text: headers, a body and a signature. Their signatures are not verified."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_HEADER = re.compile(r"([a-z](?:-?[a-z0-9])*):(?: (.*))?")


class InvalidAssertionError(ValueError):
    """Text that is no assertion, or not the one that is wanted."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """An assertion.

    Attributes:
        headers: The headers: strings, lists and objects.
        body: The body.
        signature: The signature, as it is.
        text: The whole assertion.
    """

    headers: dict[str, Any]
    body: str
    signature: str
    text: str


def parse_assertion(text: str, kind: str, *required: str) -> Assertion:
    """Return the assertion in *text*.

    Args:
        text: The text.
        kind: Its type.
        required: Further headers that it has to have, as strings.

    Raises:
        InvalidAssertionError: It is none of that type, or lacks a header.
    """
    head, separator, rest = text.partition("\n\n")
    lines = [line for line in head.split("\n") if line]
    headers = _object(lines, 0)
    if headers.get("type") != kind or not separator:
        raise InvalidAssertionError(kind)
    for name in required:
        value = headers.get(name)
        if not isinstance(value, str) or not value:
            raise InvalidAssertionError(name)
    body, signature = _body(headers, rest)
    if not signature.strip():
        raise InvalidAssertionError("signature")
    return Assertion(headers, body, signature, text)


def _body(headers: dict[str, Any], rest: str) -> tuple[str, str]:
    """Return body and signature."""
    size = headers.get("body-length", "0")
    if not (isinstance(size, str) and size.isascii() and size.isdecimal()):
        raise InvalidAssertionError("body-length")
    if size == "0":
        return "", rest
    data = rest.encode()
    body, signature = data[: int(size)], data[int(size) :]
    if len(body) < int(size) or not signature.startswith(b"\n\n"):
        raise InvalidAssertionError("body-length")
    return body.decode("utf-8", "replace"), signature[2:].decode("utf-8", "replace")


def _object(lines: list[str], indent: int) -> dict[str, Any]:
    """Return the headers in *lines*, which are indented by *indent*."""
    found: dict[str, Any] = {}
    for own, below in _groups(lines, indent):
        match = _HEADER.fullmatch(own)
        if match is None or match[1] in found:
            raise InvalidAssertionError(own)
        found[match[1]] = _value(match[2], below, indent)
    return found


def _value(text: str | None, below: list[str], indent: int) -> Any:
    if text is not None:
        if below:
            raise InvalidAssertionError(text)
        return text
    if not below:
        raise InvalidAssertionError("a header has no value")
    first = below[0][indent + 2 :]
    if first == "-" or first.startswith("- "):
        return [_item(own, rest, indent + 2) for own, rest in _groups(below, indent + 2)]
    if below[0].startswith(" " * (indent + 4)):
        return "\n".join(line[indent + 4 :] for line in below)
    return _object(below, indent + 2)


def _item(own: str, below: list[str], indent: int) -> Any:
    if own == "-" and below:
        return _object(below, indent + 2)
    if own.startswith("- ") and not below:
        return own[2:]
    raise InvalidAssertionError(own)


def _groups(lines: list[str], indent: int) -> list[tuple[str, list[str]]]:
    """Return the lines that are indented by *indent*, without that, each with the lines below it."""
    groups: list[tuple[str, list[str]]] = []
    for line in lines:
        if not line.startswith(" " * indent):
            raise InvalidAssertionError(line)
        if line[indent] != " ":
            groups.append((line[indent:], []))
        elif groups:
            groups[-1][1].append(line)
        else:
            raise InvalidAssertionError(line)
    return groups

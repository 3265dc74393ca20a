"""Assertions of snaps as text. Pure."""

from __future__ import annotations

from lading.errors import InputError


def as_text(assertion: str | bytes) -> str:
    """Return an assertion as text.

    Raises:
        InputError: It is empty, or not UTF-8.
    """
    if isinstance(assertion, str):
        text = assertion
    else:
        try:
            text = bytes(assertion).decode()
        except UnicodeDecodeError:
            raise InputError("the assertion is not UTF-8", argument="assertion") from None
    if not text.strip():
        raise InputError("the assertion is empty", argument="assertion")
    return text


def read_headers(assertion: str) -> dict[str, str]:
    """Return the headers of one line of an assertion: ``name: value``, up to the first empty line."""
    headers: dict[str, str] = {}
    for line in assertion.lstrip("\n").splitlines():
        if not line.strip():
            break
        name, colon, value = line.partition(":")
        if colon and not line[0].isspace():
            headers[name] = value.strip()
    return headers


def require_headers(assertion: str, *names: str) -> dict[str, str]:
    """Return the headers of an assertion that has all of *names*.

    Raises:
        InputError: One of them is missing.
    """
    headers = read_headers(assertion)
    for name in names:
        if not headers.get(name):
            raise InputError(f"the assertion has no header {name!r}: is it signed, and complete?", argument="assertion")
    return headers

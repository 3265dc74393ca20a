"""Copr's formats of requests and acknowledgements (API v3). Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lading._core.body import BytesBody
from lading._core.multipart import FilePart, Multipart

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lading._core.call import Params
    from lading._core.messages import Response

# The server knows only this string; it reads "true" as false.
TRUE = "True"


def json_fields(*mappings: Mapping[str, Any]) -> dict[str, Any]:
    """Merge *mappings*, later ones winning, without values of ``None``, which the server skips anyway."""
    merged: dict[str, Any] = {}
    for mapping in mappings:
        merged.update(mapping)
    return {name: _plain(value) for name, value in merged.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, (str, int, float, dict)):
        return value
    return list(value)


def join_list(value: Iterable[str] | str | None, separator: str = " ") -> str | None:
    """Join a list for a field that accepts one string."""
    return value if value is None or isinstance(value, str) else separator.join(value)


def multipart_form(fields: Mapping[str, Any], *files: FilePart) -> Multipart:
    """Create a form as the frontend reads it: files, and all other fields in one JSON file called ``json``.

    That part needs a file name: without one the frontend ignores it.
    """
    text = json.dumps(json_fields(fields)).encode()
    return Multipart([*files, FilePart("json", BytesBody(text, "application/json"), "json")])


def page_query(limit: int, offset: int, order: str | None, *, descending: bool) -> Params:
    """Return the query for one page. An empty ``order_type`` would reverse the order, so it is left out."""
    return {
        "limit": limit,
        "offset": offset or None,
        "order": order,
        "order_type": "DESC" if descending else None,
    }


def read_ack(response: Response) -> bool:
    """Return ``True`` for a response that only acknowledges the request."""
    # An HTML page, from a gate or proxy that responds with 200 to anything, acknowledges nothing.
    if not isinstance(response.json(), dict):
        raise TypeError
    return True

"""How Copr wants things written (API v3). Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lading._core.body import BytesBody
from lading._core.multipart import FilePart, Multipart

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lading._core.call import Params
    from lading._core.messages import Response

# The server knows this text only; "true" it takes for false.
TRUE = "True"


def json_fields(*mappings: Mapping[str, Any]) -> dict[str, Any]:
    """What is said in *mappings*, later ones winning. Nothing is sent for ``None``, which the server skips anyway."""
    merged: dict[str, Any] = {}
    for mapping in mappings:
        merged.update(mapping)
    return {name: _plain(value) for name, value in merged.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, (str, int, float, dict)):
        return value
    return list(value)


def join_list(value: Iterable[str] | str | None, separator: str = " ") -> str | None:
    """A list for a field that takes one text."""
    return value if value is None or isinstance(value, str) else separator.join(value)


def multipart_form(fields: Mapping[str, Any], *files: FilePart) -> Multipart:
    """A form as the frontend reads it: files, and all other fields in one JSON file called ``json``.

    That part needs a file name: without one the frontend does not see it.
    """
    text = json.dumps(json_fields(fields)).encode()
    return Multipart([*files, FilePart("json", BytesBody(text, "application/json"), "json")])


def page_query(limit: int, offset: int, order: str | None, *, descending: bool) -> Params:
    """The query for one page. An empty ``order_type`` would turn the order round, so it is left out."""
    return {
        "limit": limit,
        "offset": offset or None,
        "order": order,
        "order_type": "DESC" if descending else None,
    }


def read_ack(reply: Response) -> bool:
    """``True`` for an answer that says no more than that it was done."""
    # A page for people, from a gate or proxy that answers 200 to anything, has done nothing.
    if not isinstance(reply.json(), dict):
        raise TypeError
    return True

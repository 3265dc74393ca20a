"""Copr's formats of requests and acknowledgements (API v3). Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from lading._core.body import BytesBody
from lading._core.model import Model
from lading._core.multipart import FilePart, Multipart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from lading._core.call import Params
    from lading._core.messages import Response

M = TypeVar("M", bound=Model)

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


def read_about(model: type[M], **expected: Any) -> Callable[[Response], M]:
    """Return a parser of responses that show the thing a request was about: a *model* with the *expected* fields.

    A gate or proxy may respond with 200, and JSON of its own, to anything: that confirms nothing.
    """

    def read(response: Response) -> M:
        found = model.model_validate_json(response.body)
        if any(getattr(found, name) != value for name, value in expected.items()):
            raise LookupError(f"it is not about this {model.__name__.lower()}")
        return found

    return read


def read_deleted(model: type[Model], **expected: Any) -> Callable[[Response], bool]:
    """Return a parser of responses that show what was deleted: a *model* with the *expected* fields."""
    read = read_about(model, **expected)

    def read_it(response: Response) -> bool:
        read(response)
        return True

    return read_it


def read_member(name: str, *kinds: type, equal: Any = None) -> Callable[[Response], bool]:
    """Return a parser of acknowledgements: JSON objects with a member *name*.

    Args:
        name: The member's name.
        kinds: The types that it may have.
        equal: What it must contain, if that is known: the same items in any order.
    """

    def read(response: Response) -> bool:
        found: Any = response.json()[name]
        if (equal is not None and sorted(found) != sorted(equal)) or not isinstance(found, kinds):
            raise LookupError(f"its {name} is not that of an acknowledgement")
        return True

    return read

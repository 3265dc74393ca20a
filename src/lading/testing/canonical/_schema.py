"""Checks of JSON bodies against schemas, with the messages that JSON Schema validators have."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What a JSON value has to be.

    Attributes:
        type: Its type or types, by the names of JSON Schema.
        properties: The members of an object; others are refused.
        required: The members that an object has to have.
        open: Whether an object may have other members.
        items: The items of an array.
        min_items: How many items an array has at least.
        unique: Whether the items of an array are all different.
        enum: The values; every one if it is empty.
        minimum: The smallest number.
        maximum: The greatest number.
        min_length: The length of the shortest string.
        max_length: The length of the longest string.
        pattern: The regular expression of a string.
    """

    type: str | tuple[str, ...]
    properties: Mapping[str, Schema] | None = None
    required: Sequence[str] = ()
    open: bool = False
    items: Schema | None = None
    min_items: int = 0
    unique: bool = False
    enum: Sequence[Any] = ()
    minimum: float | None = None
    maximum: float | None = None
    min_length: int = 0
    max_length: int | None = None
    pattern: str = ""

    def errors(self, value: Any, path: str = "") -> Iterator[str]:
        """Yield what is wrong with *value*, one message each."""
        where = f" at {path or '/'}"
        names = (self.type,) if isinstance(self.type, str) else self.type
        if not any(_is(value, name) for name in names):
            yield f"{value!r} is not of type {', '.join(map(repr, names))}{where}"
        elif self.enum and value not in self.enum:
            yield f"{value!r} is not one of {list(self.enum)!r}{where}"
        elif isinstance(value, dict):
            yield from self._object(value, path)
        elif isinstance(value, list):
            yield from self._array(value, path)
        elif isinstance(value, str):
            yield from (f"{text}{where}" for text in self._string(value))
        elif isinstance(value, (int, float)):
            if self.minimum is not None and value < self.minimum:
                yield f"{value!r} is less than the minimum of {self.minimum}{where}"
            if self.maximum is not None and value > self.maximum:
                yield f"{value!r} is greater than the maximum of {self.maximum}{where}"

    def _object(self, value: dict[str, Any], path: str) -> Iterator[str]:
        where = f" at {path or '/'}"
        yield from (f"{name!r} is a required property{where}" for name in self.required if name not in value)
        known = self.properties or {}
        unknown = [name for name in value if name not in known]
        if unknown and not self.open:
            names, verb = ", ".join(map(repr, unknown)), "was" if len(unknown) == 1 else "were"
            yield f"Additional properties are not allowed ({names} {verb} unexpected){where}"
        for name, schema in known.items():
            if name in value:
                yield from schema.errors(value[name], f"{path}/{name}")

    def _array(self, value: list[Any], path: str) -> Iterator[str]:
        where = f" at {path or '/'}"
        if len(value) < self.min_items:
            yield f"{value!r} is too short{where}"
        if self.unique and any(one in value[:at] for at, one in enumerate(value)):
            yield f"{value!r} has non-unique elements{where}"
        for at, one in enumerate(value if self.items else ()):
            if self.items is not None:
                yield from self.items.errors(one, f"{path}/{at}")

    def _string(self, value: str) -> Iterator[str]:
        if len(value) < self.min_length:
            yield f"{value!r} is too short"
        if self.max_length is not None and len(value) > self.max_length:
            yield f"{value!r} is too long"
        if self.pattern and not re.search(self.pattern, value):
            yield f"{value!r} does not match {self.pattern!r}"


def _is(value: Any, name: str) -> bool:
    return isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


STRING = Schema(type="string")
INTEGER = Schema(type="integer")
BOOLEAN = Schema(type="boolean")


def array(items: Schema, *, min_items: int = 0, unique: bool = False) -> Schema:
    """Return the schema of an array."""
    return Schema(type="array", items=items, min_items=min_items, unique=unique)


def members(required: Mapping[str, Schema], **optional: Schema) -> Schema:
    """Return the schema of an object with *required* and *optional* members (hyphens are underscores there)."""
    others = {name.replace("_", "-"): schema for name, schema in optional.items()}
    return Schema(type="object", properties={**required, **others}, required=tuple(required))


def or_null(schema: Schema) -> Schema:
    """Return a schema that accepts null besides."""
    names = (schema.type,) if isinstance(schema.type, str) else schema.type
    return replace(schema, type=(*names, "null"), enum=(*schema.enum, None) if schema.enum else ())

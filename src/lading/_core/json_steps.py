"""Reading large JSON in steps, so that no step holds the event loop for long.

Parsers of JSON hold the interpreter lock for their whole run, in a worker thread as well: a document of many
megabytes stops every thread meanwhile. Here it is decoded member by member, and arrays element by element.
"""

from __future__ import annotations

import codecs
import json
import re
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

# Bytes decoded in one step; and the characters that one value may have, for it is decoded in one piece.
STEP = 64 * 1024
MAX_VALUE = 256 * 1024
_MAX_DEPTH = 1000
_MAX_MEMBERS = 10_000
_SPACE = re.compile(r"[ \t\n\r]*")
# What a skipped value consists of: brackets, and everything else between them, strings as a whole.
_TOKEN = re.compile(r'[\[\]{}]|(?:[^"\[\]{}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")++', re.DOTALL)
# Elements that are yielded together, and tokens that are skipped in one step: small ones cost as much as large ones.
_BATCH = 500
_TOKENS = 10_000
_INCOMPLETE = object()
_AFTER_NUMBER = frozenset(" \t\n\r,]}")


def text_pieces(body: bytes, errors: str = "strict") -> Iterator[str]:
    """Yield *body*, which is UTF-8, as strings of at most :data:`STEP` bytes each."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors)
    for start in range(0, len(body), STEP):
        yield decoder.decode(body[start : start + STEP])
    yield decoder.decode(b"", final=True)


def read_members(
    body: bytes, wanted: AbstractSet[str], arrays: AbstractSet[str] = frozenset(), *, max_value: int = MAX_VALUE
) -> Iterator[tuple[str, Any]]:
    """Yield the members of a JSON object as (name, value), a step at a time.

    A member that is not wanted is skipped, and yielded without name and value, once or more.

    Args:
        body: The JSON text.
        wanted: The members whose values are yielded, complete.
        arrays: The members that are yielded as lists of some of their elements, at least once; a value that is no
            array is yielded as it is.
        max_value: The characters that one value, or one element of an array, may have.

    Raises:
        ValueError: It is not JSON, not an object, or has a value that is too large.
        RecursionError: A value is nested too deeply.
    """
    text = _Text(body, max_value)
    text.take("{")
    if text.peek() == "}":
        text.take("}")
    else:
        count = 0
        while True:
            name = text.value()
            count += 1
            if not isinstance(name, str) or count > _MAX_MEMBERS:
                raise ValueError("a member of the JSON object has no name, or there are too many")
            text.take(":")
            if name in arrays and text.peek() == "[":
                for batch in text.elements():
                    yield name, batch
            elif name in wanted or name in arrays:
                yield name, text.value()
            else:
                for _ in text.skip():
                    yield "", None
                yield "", None
            if text.peek() != ",":
                text.take("}")
                break
            text.take(",")
    if text.peek():
        raise ValueError("there is more after the JSON object")


class _Text:
    """The part of the document that is being decoded."""

    def __init__(self, body: bytes, max_value: int) -> None:
        self._max_value = max_value
        self._pieces = text_pieces(body.removeprefix(codecs.BOM_UTF8))
        self._text = ""
        self._at = 0
        self._may_have_halves = False
        self._decode = json.JSONDecoder(parse_constant=_refuse).raw_decode

    def _grow(self) -> bool:
        """Decode more of the document; return whether there was more."""
        piece = next(self._pieces, None)
        if piece is None:
            return False
        rest = self._text[self._at :]
        # As much again as is there already, for a long value is decoded from its beginning each time.
        more = [piece]
        size = len(piece)
        while size < len(rest) and (piece := next(self._pieces, None)) is not None:
            more.append(piece)
            size += len(piece)
        self._text = text = "".join((rest, *more))
        self._at = 0
        self._may_have_halves = self._may_have_halves or "\\ud" in text or "\\uD" in text
        return True

    def peek(self) -> str:
        """Return the next character that is no space, without taking it; empty at the end."""
        space = 0
        while space < MAX_VALUE:
            found = _SPACE.match(self._text, self._at)
            end = found.end() if found else self._at
            space += end - self._at
            self._at = end
            if end < len(self._text):
                return self._text[end]
            if not self._grow():
                return ""
        raise ValueError("the JSON has nothing but space in it")

    def take(self, character: str) -> None:
        """Take the next character, which must be *character*."""
        if self.peek() != character:
            raise ValueError(f"JSON has no {character!r} where one must be")
        self._at += 1

    def value(self) -> Any:
        """Take the next value."""
        self.peek()
        while (value := self._decode_next()) is _INCOMPLETE:
            self._grow_value()
        return value

    def _decode_next(self) -> Any:
        """Take the value that begins here; ``_INCOMPLETE`` when its end has not been decoded yet."""
        try:
            value, end = self._decode(self._text, self._at)
        except JSONDecodeError:
            return _INCOMPLETE
        if isinstance(value, (int, float)) and self._text[end : end + 1] not in _AFTER_NUMBER:
            return _INCOMPLETE  # the rest of it may have been missing
        if end - self._at > self._max_value:
            self._refuse_value()
        self._at = end
        return _whole(value) if self._may_have_halves else value

    def _grow_value(self) -> None:
        if len(self._text) - self._at >= self._max_value:
            self._refuse_value()
        if not self._grow():
            raise ValueError("the JSON is malformed, or ends too early")

    def _refuse_value(self) -> NoReturn:
        raise ValueError(f"a value in the JSON is malformed, or has more than {self._max_value} characters")

    def elements(self) -> Iterator[list[Any]]:
        """Take an array, and yield its elements in lists, at least one."""
        self.take("[")
        found: list[Any] = []
        more = self.peek() != "]"
        while more:
            self.peek()
            while (value := self._decode_next()) is _INCOMPLETE:
                if found:
                    yield found
                    found = []
                self._grow_value()
            found.append(value)
            more = self.peek() == ","
            if more:
                self._at += 1
            if len(found) >= _BATCH:
                yield found
                found = []
        self.take("]")
        yield found

    def skip(self) -> Iterator[None]:
        """Take the next value without decoding it, whatever its size; yield between the steps."""
        if self.peek() not in ("[", "{"):
            self.value()
            return
        depth = count = 0
        while True:
            token = _TOKEN.match(self._text, self._at)
            if token is None:
                self._grow_value()
                yield
                continue
            self._at = token.end()
            depth += (token[0] in "[{") - (token[0] in "]}")
            if not depth:
                return
            if depth > _MAX_DEPTH:
                raise ValueError("the JSON is nested too deeply")
            count += 1
            if count % _TOKENS == 0:
                yield


def _whole(value: Any) -> Any:
    """Return *value* with U+FFFD for each half of a character, which JSON can have and nothing can encode."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(one) for one in value]
    if isinstance(value, dict):
        return {_whole(name): _whole(one) for name, one in value.items()}
    return value


def _refuse(_: str) -> NoReturn:
    raise ValueError("NaN and infinities are not JSON")

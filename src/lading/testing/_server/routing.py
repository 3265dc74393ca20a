"""Routes: which handler serves which method and path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# By the converter that stands behind the name of a path parameter; without one, a parameter is one segment.
_PATTERNS = {None: r"[^/]+", "int": r"\d+", "path": r".+"}
_PARAMETER = re.compile(r"\{(\w+)(?::(\w+))?\}")


@dataclass(frozen=True, slots=True)
class Route:
    """The handler of requests with one method, to paths of one pattern.

    Attributes:
        method: The method; ``None`` stands for every method. A route for ``GET`` serves ``HEAD`` too.
        path: The path pattern: ``{name}`` is one segment, ``{name:int}`` a number, ``{name:path}`` one or more
            segments.
        handler: The function to call. The double decides on the positional arguments; the parameters of the path are
            keyword arguments.
        private: Whether the double identifies the client before it calls the handler.
    """

    method: str | None
    path: str
    handler: Callable[..., Any]
    private: bool = False

    def accepts(self, method: str) -> bool:
        """Return whether the route serves *method*."""
        return self.method in (None, method) or (self.method, method) == ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Match:
    """A route whose pattern matches a path, with the values of the path's parameters."""

    route: Route
    values: dict[str, str | int]


class Router:
    """A table of routes. Of several that match, the first one serves."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._table = [(route, *_compiled(route.path)) for route in routes]

    def matches(self, path: str) -> list[Match]:
        """Return the routes that match *path*, whatever their method."""
        found: list[Match] = []
        for route, pattern, numbers in self._table:
            match = pattern.fullmatch(path)
            if match is not None:
                values = {name: int(text) if name in numbers else text for name, text in match.groupdict().items()}
                found.append(Match(route, values))
        return found

    def find(self, method: str, path: str) -> Match | None:
        """Return the route that serves a request; ``None`` if there is none."""
        return next((match for match in self.matches(path) if match.route.accepts(method)), None)


def _compiled(path: str) -> tuple[re.Pattern[str], frozenset[str]]:
    """Return the regular expression of a path pattern, and the names of its numeric parameters."""
    expression, start = "", 0
    numbers: set[str] = set()
    for parameter in _PARAMETER.finditer(path):
        name, converter = parameter.groups()
        expression += f"{re.escape(path[start : parameter.start()])}(?P<{name}>{_PATTERNS[converter]})"
        start = parameter.end()
        if converter == "int":
            numbers.add(name)
    return re.compile(expression + re.escape(path[start:])), frozenset(numbers)

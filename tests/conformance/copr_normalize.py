"""What both clients sent and gave back, taken apart into what has a row of its own.

Every bit of a request ends up in exactly one row, by the same function for both clients: in the method's own, save for
what differs everywhere in the same way (headers, nulls, the query's repetitions), which is taken out into rows for that.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, unquote_plus

from copr.v3 import exceptions as theirs

from lading.errors import LadingError
from tests.conformance.copr_deviations import ASCENDING, FALSE, FIRST, LENGTH, LIMIT, NULLS, PATH_AGAIN
from tests.conformance.recorder import form_parts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from copr.v3 import Client

    from lading import Copr
    from tests.conformance.copr_case_server import Frontend
    from tests.conformance.recorder import Recorded

BACK = "(result)"
HEADERS = ("accept", "accept-encoding", "connection", "user-agent")


@dataclass(frozen=True)
class Case:
    """The same thing, done with both.

    Attributes:
        method: The method of python-copr that it is about.
        name: What is special about it.
        theirs: What to do with python-copr.
        ours: What to do with lading.
        row: Where the requests are compared, when not under the method's name; empty to leave them alone, where
            their number is up to the clock.
        apart: Fields of the body that are compared in rows of their own.
        back: Where the results are compared.
        site: What follows the instance's address.
        setup: What the frontend has to know.
        ordered: Whether the order of requests says something.
        login: Whether both have a login and token.
    """

    method: str
    name: str
    theirs: Callable[[Client], Any]
    ours: Callable[[Copr], Awaitable[Any]]
    row: str | None = None
    apart: Mapping[str, str] = field(default_factory=dict)
    back: str = BACK
    site: str = ""
    setup: Callable[[Frontend], None] = lambda _: None
    ordered: bool = True
    login: bool = True


class Everywhere(dict[str, set[str]]):
    """What differs in the same way in many methods: by row, everything that was seen in a case's requests."""

    def note(self, row: str, values: Iterable[object]) -> None:
        self.setdefault(row, set()).update(map(str, values))


def sent(case: Case, requests: list[Recorded]) -> dict[str, Any]:
    """What was sent, by row."""
    row = case.method if case.row is None else case.row
    if not row:
        return {}
    found: dict[str, Any] = {}
    everywhere = Everywhere()
    main = [_request(case, request, found, everywhere) for request in requests]
    if not case.ordered:
        main.sort(key=lambda request: str(request["request"]))
    return {**found, **everywhere, row: main}


def _request(case: Case, request: Recorded, found: dict[str, Any], everywhere: Everywhere) -> dict[str, Any]:
    path, _, query = request.target.partition("?")
    pairs = query.split("&") if query else []
    values = {unquote(segment) for segment in path.split("/")}
    taken: dict[str, Callable[[str, str], bool]] = {
        PATH_AGAIN: lambda _, value: value in values,
        LIMIT: lambda name, _: name == "limit",
        FALSE: lambda _, value: value == "False",
        ASCENDING: lambda _, value: value == "ASC",
        FIRST: lambda name, value: (name, value) == ("offset", "0"),
    }
    for row, belongs in taken.items():
        out = [pair for pair in pairs if belongs(*map(unquote_plus, pair.split("=", 1)))]
        pairs = [pair for pair in pairs if pair not in out]
        everywhere.note(row, out)
    headers = dict(request.headers)
    for name in HEADERS:
        everywhere.note(f"header {name}", [headers.pop(name, None)])
    assert headers.pop("host").startswith("127.0.0.1:")
    length = headers.pop("content-length", None)
    assert length is None or length == str(len(request.body))
    everywhere.note(LENGTH, [length is not None])
    kind, *_ = headers.get("content-type", "").partition("; boundary=")
    # All that is left of the headers is compared, by name and value.
    return {
        "request": f"{request.method} {path}?{'&'.join(pairs)}",
        "headers": {**headers, **({"content-type": kind} if kind else {})},
        "body": _body(case, request, kind, found, everywhere),
    }


def _body(case: Case, request: Recorded, kind: str, found: dict[str, Any], everywhere: Everywhere) -> Any:
    if kind == "application/json":
        return _fields(case, request.body, found, everywhere)
    if kind != "multipart/form-data":
        return request.body
    return [
        (part.name, part.filename, part.headers, _fields(case, part.content, found, everywhere))
        if part.name == "json"
        else (part.name, part.filename, part.headers, part.content)
        for part in form_parts(request)
    ]


def _fields(case: Case, text: bytes, found: dict[str, Any], everywhere: Everywhere) -> str:
    """JSON, in one spelling: 1, 1.0, "1" and true stay apart."""
    fields = json.loads(text)
    everywhere.note(NULLS, (name for name, value in fields.items() if value is None))
    fields = {name: value for name, value in fields.items() if value is not None}
    for name, row in case.apart.items():
        found.setdefault(row, {})[name] = fields.pop(name, None)
    return json.dumps(fields, sort_keys=True)


# By python-copr's name: what lading's errors for the same are, or are kinds of.
KINDS: Mapping[str, str] = {
    "CoprValidationException": "InputError",
    "CoprConfigException": "ConfigError",
    "CoprNoResultException": "NotFound",
}


def raised(error: Exception) -> str:
    """An error, in lading's words on both sides; one that a library does not announce by its own name."""
    if isinstance(error, theirs.CoprException):
        return f"raises {KINDS.get(type(error).__name__, type(error).__name__)}"
    if isinstance(error, LadingError):
        kinds = [kind.__name__ for kind in type(error).__mro__ if kind.__name__ in KINDS.values()]
        return f"raises {kinds[0] if kinds else type(error).__name__}"
    return f"raises {type(error).__name__}"


def plain(value: Any) -> Any:
    """A result as data; of lading's models the fields that they have, by the names of the API.

    Nulls and empty lists are left out on both sides: one model of ours stands for several of theirs.
    """
    if hasattr(type(value), "model_fields"):
        kinds = type(value).model_fields
        value = {field.alias or name: getattr(value, name) for name, field in kinds.items()}
    if isinstance(value, dict):
        found = {name: plain(one) for name, one in value.items() if not str(name).startswith("__")}
        return {name: one for name, one in found.items() if one not in (None, [])}
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, (str, int, type(None))) else [plain(one) for one in value]

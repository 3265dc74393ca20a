"""What craft-store and lading sent and gave back, taken apart into what has a row of its own.

Every bit of a request ends up in exactly one row, by the same function for both clients: in the method's own, save for
what differs everywhere in the same way (some headers), which is taken out into rows for that.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from craft_store import errors as theirs
from pydantic import BaseModel, TypeAdapter

from lading.errors import LadingError
from tests.conformance.craft_deviations import WAITING
from tests.conformance.recorder import form_parts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from tests.conformance.craft_case_server import CaseServer, Sent
    from tests.conformance.craft_clients import Craft

BACK = "(result)"
HEADERS = ("accept", "accept-encoding", "connection", "user-agent")


@dataclass(frozen=True)
class Case:
    """The same thing, done with both.

    Attributes:
        method: The method of craft-store that it is about.
        name: What is special about it.
        theirs: What to do with craft-store.
        ours: What to do with lading.
        side: Which of the clients: see ``craft_clients.SIDES``.
        row: Where the requests are compared, when not under the method's name; empty to leave them alone.
        extra: Where requests of lading are compared that craft-store does not send, when not with the others.
        back: Where the results are compared.
        setup: What the server has to know.
        login: Whether both have credentials.
        site: What follows the host in the URLs that both are given.
    """

    method: str
    name: str
    theirs: Callable[[Craft], Any]
    ours: Callable[[Any], Awaitable[Any]]
    side: str = "store"
    row: str | None = None
    extra: str = ""
    back: str = BACK
    setup: Callable[[CaseServer], object] = lambda _: None
    login: bool = True
    site: str = ""


class Everywhere(dict[str, set[str]]):
    """What differs in the same way in many methods: by row, everything that was seen in a case's requests."""

    def note(self, row: str, values: Iterable[object]) -> None:
        self.setdefault(row, set()).update(map(str, values))


def sent(case: Case, requests: list[Sent], usual: list[str] | None = None) -> dict[str, Any]:
    """What was sent, by row.

    Args:
        case: The case.
        requests: The requests.
        usual: For lading, what craft-store sent, where more than that is compared in a row of its own.
    """
    row = case.method if case.row is None else case.row
    if not row:
        return {}
    everywhere = Everywhere()
    found = [_request(one, everywhere) for one in requests]
    if not case.extra:
        return {**everywhere, row: found}
    more = [] if usual is None else [one for one in found if one["request"] not in usual]
    return {
        **everywhere,
        row: [one for one in found if one not in more],
        case.extra: [one["request"] for one in more],
    }


def _request(one: Sent, everywhere: Everywhere) -> dict[str, Any]:
    request = one.request
    path, _, query = request.target.partition("?")
    headers = {name.lower(): value for name, value in dict(request.headers).items()}
    for name in HEADERS:
        everywhere.note(f"header {name}", [_of_any_environment(headers.pop(name, None))])
    assert headers.pop("host").startswith("127.0.0.1:")
    if path.endswith("/wait-token"):
        everywhere.note(WAITING, [headers.pop("bakery-protocol-version", None)])
    length = headers.pop("content-length", None)
    assert length is None or length == str(len(request.body))
    kind, *_ = headers.get("content-type", "").partition("; boundary=")
    if kind:
        headers["content-type"] = kind
    if "macaroons" in headers:
        headers["macaroons"] = _macaroons(headers["macaroons"])
    return {
        "to": one.service,
        "request": f"{request.method} {path}?{'&'.join(sorted(query.split('&')))}".removesuffix("?"),
        "headers": headers,
        "body": _body(request, kind),
    }


def _of_any_environment(value: str | None) -> str | None:
    """Return a header without the content encodings that only some installed packages bring."""
    return None if value is None else re.sub(", (?:br|zstd)(?=,|$)", "", value)


def _macaroons(header: str) -> str:
    """The header of the exchange, which is JSON in URL-safe base64 with padding; JSON in one spelling."""
    assert len(header) % 4 == 0
    return json.dumps(json.loads(urlsafe_b64decode(header)), sort_keys=True)


def _body(request: Any, kind: str) -> Any:
    if kind == "application/json":
        return json.dumps(_without_clock(json.loads(request.body)), sort_keys=True)
    if kind == "application/x-www-form-urlencoded":
        return sorted(parse_qsl(request.body.decode(), strict_parsing=True))
    if kind != "multipart/form-data":
        return request.body
    return [(part.name, part.filename, part.headers, part.content) for part in form_parts(request)]


def _without_clock(value: Any) -> Any:
    """Replace the time until which credentials are requested by the seconds from now, to the nearest minute."""
    if isinstance(value, dict) and "expires" in value:
        until = datetime.fromisoformat(value["expires"])
        assert until.microsecond == 0
        assert value["expires"].endswith("+00:00")
        seconds = (until - datetime.now(UTC)).total_seconds()
        return {**value, "expires": f"in {round(seconds / 60)} min"}
    return value


# By craft-store's name: what lading's errors for the same are, or are kinds of.
KINDS = {
    "StoreServerError": "ApiError",
    "NetworkError": "NetworkError",
    "CredentialsUnavailable": "ConfigError",
    "CredentialsNotParseable": "ConfigError",
    "CredentialsAlreadyAvailable": "ApiError",
    "KeyringUnlockError": "ConfigError",
    "NoKeyringError": "ConfigError",
    "InvalidRequestError": "InputError",
    "InvalidResponseError": "InvalidResponse",
    "UbuntuOneOtpRequiredError": "ApiError",
    "UbuntuOneCredentialsError": "ApiError",
}


def raised(error: Exception) -> str:
    """An error, in lading's words on both sides; one that a library does not announce by its own name."""
    if isinstance(error, theirs.CraftStoreError):
        return f"raises {KINDS.get(type(error).__name__, type(error).__name__)}"
    if isinstance(error, LadingError):
        kinds = [kind.__name__ for kind in type(error).__mro__ if kind.__name__ in KINDS.values()]
        return f"raises {kinds[0] if kinds else type(error).__name__}"
    return f"raises {type(error).__name__}"


def plain(value: Any) -> Any:
    """A result as data; nulls and empty lists are left out, as one model of lading stands for several of theirs."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, dict):
        found = {str(name).replace("-", "_").rstrip("_"): plain(one) for name, one in value.items()}
        return {name: one for name, one in found.items() if one not in (None, [], {})}
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, str):
        return _as_time(value)
    if isinstance(value, (bool, int, float, type(None))):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return str(getattr(value, "pattern", value))


_TIME = TypeAdapter(datetime)


def _as_time(value: str) -> Any:
    """A time as a number; whoever leaves times as text says the same."""
    return _TIME.validate_python(value).timestamp() if value[:4] == "2026" and value[10:11] == "T" else str(value)


def like(theirs: Any, ours: Any) -> Any:
    """Of lading's result what craft-store's has, too: lading's models have more."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return {name: like(theirs[name], one) for name, one in ours.items() if name in theirs}
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        return [like(their, our) for their, our in zip(theirs, ours, strict=True)]
    return ours

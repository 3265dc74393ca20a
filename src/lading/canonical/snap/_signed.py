"""Assertions that the store builds, the caller signs, and the store is sent: validation sets and confdb schemas."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from lading._core.body import BytesBody
from lading._core.call import Call
from lading._core.send_once import NOT_FOUND, Found
from lading.canonical.snap._assertions import as_text, require_headers
from lading.canonical.snap._models import Assertion, AssertionHeaders
from lading.errors import InputError, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading._core.messages import Response
    from lading._core.send_once import LookupResult, LookupSender
    from lading._core.sender import Sender
    from lading.errors import LadingError

_CONTENT_TYPE = "application/x.ubuntu.assertion"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of assertion.

    Attributes:
        path: Where the store has them.
        type: The assertion's type.
        key: The headers that identify one, its name apart.
    """

    path: str
    type: str
    key: tuple[str, ...] = ()


VALIDATION_SETS = Kind("api/v2/validation-sets", "validation-set", ("sequence",))
CONFDB_SCHEMAS = Kind("api/v2/confdb-schemas", "confdb-schema")


def list_all(
    kind: Kind, name: str | None = None, sequence: int | str | None = None
) -> Call[tuple[AssertionHeaders, ...]]:
    """Return the call that lists the assertions of a kind.

    Args:
        kind: The kind.
        name: Only those of this name.
        sequence: Only this number of the sequence.
    """
    params = {"sequence": sequence}
    if name is None:
        return Call("GET", kind.path, _read, params=params)
    return Call("GET", f"{kind.path}/{{name}}", _read, path_params={"name": name}, params=params)


def build(kind: Kind, definition: Mapping[str, Any]) -> Call[AssertionHeaders]:
    """Return the call that has the store complete an assertion. It stores nothing, and may be sent again.

    Args:
        kind: The kind.
        definition: What the caller has written.
    """
    return Call("POST", f"{kind.path}/build-assertion", AssertionHeaders, json=dict(definition), idempotent=True)


async def post(sender: Sender, kind: Kind, assertion: str | bytes) -> tuple[AssertionHeaders, ...]:
    """Post a signed assertion, at most once.

    Args:
        sender: A sender to the store.
        kind: The kind.
        assertion: The assertion.
    """
    text = as_text(assertion)
    headers = require_headers(text, "type", "name", "timestamp", "sign-key-sha3-384", *kind.key)
    if headers["type"] != kind.type:
        raise InputError(f"the assertion is a {headers['type'][:40]!a}, not a {kind.type}", argument="assertion")
    body = BytesBody(text.encode(), content_type=_CONTENT_TYPE)
    call = Call("POST", kind.path, _read, body=body)
    return await sender.send_once(call, partial(_look_up, kind, headers))


async def _look_up(
    kind: Kind, headers: Mapping[str, str], sender: LookupSender, _: LadingError
) -> LookupResult[tuple[AssertionHeaders, ...]]:
    """Look up the assertion itself: the time at which it was signed distinguishes it from others of its name."""
    try:
        there = await sender.send(list_all(kind, headers["name"], headers.get("sequence")))
    except NotFound:
        return NOT_FOUND
    found = tuple(one for one in there if _is_same(one, headers))
    return Found(found) if found else NOT_FOUND


def _is_same(one: AssertionHeaders, headers: Mapping[str, str]) -> bool:
    return (
        one.name == headers["name"]
        and _moment(one.timestamp or "") == _moment(headers["timestamp"])
        and str(one.revision or 0) == headers.get("revision", "0")
        and ("sequence" not in headers or str(one.sequence) == headers["sequence"])
    )


def _moment(text: str) -> datetime | str:
    """Return the time that a header has, which a store may write in another form than it was sent."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text


def _read(response: Response) -> tuple[AssertionHeaders, ...]:
    return tuple(Assertion.model_validate(one).headers for one in response.json()["assertions"] or ())

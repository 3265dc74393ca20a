"""Confdb schemas at the embedded Snap Store: completed, published once they are signed, and listed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lading.testing.canonical.snap._signed import read_assertion, signed

if TYPE_CHECKING:
    from lading.testing.canonical.snap._assertions import Assertion
    from lading.testing.canonical.snap._request import SnapRequest

_KIND = "confdb-schema"
_NOT_MINE = "account-id and authority-id must match the requesting user."


def list_schemas(request: SnapRequest, name: str | None = None) -> dict[str, Any]:
    """Return the account's schemas, each with its latest revision."""
    latest = {
        found.headers["name"]: found
        for found in request.state.confdb_schemas
        if found.headers["account-id"] == request.account.id and name in (None, found.headers["name"])
    }
    return {"assertions": [_show(found) for found in latest.values()]}


def build_schema(request: SnapRequest) -> dict[str, Any]:
    """Return the headers of a schema and its body, which the client then signs."""
    if request.fields.get("account-id") != request.account.id:
        raise request.refuse(400, ("invalid-request", _NOT_MINE))
    name = request.field("name", str, required=True)
    views = request.field("views", dict, required=True)
    body = request.field("body", str, required=True)
    if not views:
        raise request.refuse(400, ("invalid-request", "{} does not have enough properties at /views"))
    _check_body(request, body)
    summary = request.field("summary", str)
    return {
        "type": _KIND,
        "authority-id": request.account.id,
        "account-id": request.account.id,
        "name": name,
        **({} if summary is None else {"summary": summary}),
        "revision": str(_revisions(request, name)),
        "views": views,
        "timestamp": f"{request.now:%Y-%m-%dT%H:%M:%SZ}",
        "body-length": str(len(body.encode())),
        "body": body,
    }


def publish_schema(request: SnapRequest) -> dict[str, Any]:
    """Publish a signed schema."""
    text = read_assertion(request)
    found = signed(request, text, _KIND, "authority-id", "account-id", "name", "timestamp", "body-length")
    if found is None or found.headers["account-id"] != request.account.id:
        raise request.refuse(400, ("invalid-request", _NOT_MINE))
    _check_body(request, found.body)
    if found.headers.get("revision", "0") != str(_revisions(request, found.headers["name"])):
        raise request.refuse(409, ("conflict", "The confdb schema has another revision by now."))
    request.state.confdb_schemas.append(found)
    return {"assertions": [_show(found)]}


def _show(found: Assertion) -> dict[str, Any]:
    return {"headers": found.headers, "body": found.body}


def _check_body(request: SnapRequest, body: str) -> None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or not isinstance(value.get("storage"), dict):
        raise request.refuse(400, ("invalid-request", "The body of a confdb schema is a JSON object with storage."))


def _revisions(request: SnapRequest, name: str) -> int:
    key = (request.account.id, name)
    return sum((found.headers["account-id"], found.headers["name"]) == key for found in request.state.confdb_schemas)

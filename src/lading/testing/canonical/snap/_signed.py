"""What accounts assert at the embedded Snap Store: keys, builds, validations of other snaps, validation sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading.testing.canonical.snap._assertions import Assertion, InvalidAssertionError, parse_assertion
from lading.testing.canonical.snap._state import SERIES

if TYPE_CHECKING:
    from lading.testing.canonical.snap._request import SnapRequest

_ASSERTION = "application/x.ubuntu.assertion"
_PRESENCES = ("required", "optional", "invalid")


def register_key(request: SnapRequest) -> dict[str, Any]:
    """Register a key of the account."""
    text = request.field("account_key_request", str, required=True)
    try:
        found = parse_assertion(text, "account-key-request", "account-id", "name", "public-key-sha3-384", "since")
    except InvalidAssertionError:
        found = None
    if found is None or found.headers["account-id"] != request.account.id:
        raise request.invalid_field("account_key_request", "The account-key-request assertion is not valid.")
    keys = request.state.account_keys.setdefault(request.account.id, [])
    key = {name: found.headers[name] for name in ("name", "public-key-sha3-384")}
    if any(one["name"] == key["name"] for one in keys):
        text = f"A key with name '{key['name']}' has already been registered."
        raise request.refuse(409, ("conflict", text))
    keys.append(key)
    return {"account_key": {"account-id": request.account.id, **key}}


def push_build(request: SnapRequest, snap_id: str) -> dict[str, Any]:
    """Store the assertion of a build."""
    snap = request.publishable_by_id(snap_id)
    if request.options.builds_disabled:
        raise request.refuse(501, ("feature-disabled", "The snap-build assertions are currently disabled."))
    text = request.field("assertion", str, required=True)
    required = ("authority-id", "snap-id", "snap-sha3-384", "snap-size", "grade", "timestamp")
    found = signed(request, text, "snap-build", *required)
    if found is None or found.headers["snap-id"] != snap.id:
        raise request.invalid_field("assertion", "The snap-build assertion is not valid.")
    snap.builds.append(found)
    return found.headers


def list_validations(request: SnapRequest, snap_id: str) -> list[dict[str, Any]]:
    """Return the validations that a snap has made of others', the revoked ones on request."""
    snap = request.publishable_by_id(snap_id)
    every = request.query.get("include_revoked", "0") in ("1", "true")
    return [
        {**found.headers, "approved-snap-name": _name_of(request, found), "required": True}
        for found in snap.validations
        if every or found.headers.get("revoked") != "true"
    ]


def push_validation(request: SnapRequest, snap_id: str) -> dict[str, Any]:
    """Store a validation of another snap's revision; it replaces the one before."""
    snap = request.publishable_by_id(snap_id)
    text = request.field("assertion", str, required=True)
    required = ("authority-id", "snap-id", "approved-snap-id", "approved-snap-revision", "timestamp")
    found = signed(request, text, "validation", *required)
    if found is None:
        raise request.refuse(400, ("invalid-request", "The validation assertion is not valid."))
    if found.headers["snap-id"] != snap.id:
        raise request.refuse(400, ("invalid-request", "The given `snap-id` does not match the assertion."))
    if request.state.by_id(found.headers["approved-snap-id"]) is None:
        raise request.refuse(404, ("resource-not-found", "The approved snap was not found."))
    approved = found.headers["approved-snap-id"]
    snap.validations = [one for one in snap.validations if one.headers["approved-snap-id"] != approved] + [found]
    return found.headers


def _name_of(request: SnapRequest, validation: Assertion) -> str | None:
    approved = request.state.by_id(validation.headers["approved-snap-id"])
    return approved.name if approved else None


def signed(request: SnapRequest, text: str, kind: str, *required: str) -> Assertion | None:
    """Return an assertion that is signed with a key of the account, and of which the account is the authority."""
    try:
        found = parse_assertion(text, kind, "sign-key-sha3-384", *required)
    except InvalidAssertionError:
        return None
    keys = request.state.account_keys.get(request.account.id, [])
    known = any(key["public-key-sha3-384"] == found.headers["sign-key-sha3-384"] for key in keys)
    return found if known and found.headers.get("authority-id") == request.account.id else None


def list_validation_sets(request: SnapRequest, name: str | None = None) -> dict[str, Any]:
    """Return the account's validation sets: of each the latest sequence, all of them, or a given one."""
    wanted = request.query.get("sequence", "latest")
    if wanted not in ("all", "latest") and not (wanted.isascii() and wanted.isdecimal() and int(wanted) > 0):
        text = "sequence must be one of ['all', 'latest'] or a positive integer higher than 0."
        raise request.refuse(400, ("invalid-request", text))
    latest: dict[tuple[str, str], Assertion] = {}
    for found in request.state.validation_sets:
        mine = found.headers["account-id"] == request.account.id
        if mine and name in (None, found.headers["name"]):
            latest[found.headers["name"], found.headers["sequence"]] = found
    shown = list(latest.values())
    if wanted == "latest":
        last = {found.headers["name"]: found for found in sorted(shown, key=_sequence)}
        shown = list(last.values())
    elif wanted != "all":
        shown = [found for found in shown if _sequence(found) == int(wanted)]
    return {"assertions": [{"headers": found.headers} for found in shown]}


def build_validation_set(request: SnapRequest) -> dict[str, Any]:
    """Return the headers of a validation set, which the client then signs."""
    fields = request.fields
    if fields.get("account-id") != request.account.id:
        text = "account-id and authority-id must match the requesting user."
        raise request.refuse(400, ("invalid-request", text))
    name = request.field("name", str, required=True)
    sequence = request.field("sequence", int, required=True)
    if sequence < 1:
        raise request.refuse(400, ("invalid-request", f"{sequence} is less than the minimum of 1 at /sequence"))
    snaps = request.field("snaps", list, required=True)
    if not snaps:
        raise request.refuse(400, ("invalid-request", "[] is too short at /snaps"))
    return {
        "type": "validation-set",
        "authority-id": request.account.id,
        "account-id": request.account.id,
        "series": SERIES,
        "name": name,
        "sequence": str(sequence),
        "revision": str(len(_revisions(request, name, str(sequence)))),
        "snaps": [_set_member(request, snap) for snap in snaps],
        "timestamp": f"{request.now:%Y-%m-%dT%H:%M:%S.%fZ}",
    }


def _set_member(request: SnapRequest, snap: Any) -> dict[str, Any]:
    known = request.state.snaps.get(snap.get("name", "")) if isinstance(snap, dict) else None
    if known is None:
        raise request.refuse(400, ("invalid-request", "A snap in the validation set was not found."))
    if snap.get("id", known.id) != known.id or snap.get("presence", "required") not in _PRESENCES:
        raise request.refuse(400, ("invalid-request", f"The snap {known.name} in the validation set is not valid."))
    shown = {**snap, "id": known.id}
    if "revision" in snap:
        shown["revision"] = str(snap["revision"])
    return shown


def publish_validation_set(request: SnapRequest) -> dict[str, Any]:
    """Publish a signed validation set."""
    text = read_assertion(request)
    required = ("authority-id", "account-id", "name", "sequence", "timestamp")
    found = signed(request, text, "validation-set", *required)
    if found is None or found.headers["account-id"] != request.account.id:
        text = "account-id and authority-id must match the requesting user."
        raise request.refuse(400, ("invalid-request", text))
    revisions = _revisions(request, found.headers["name"], found.headers["sequence"])
    if found.headers.get("revision", "0") != str(len(revisions)):
        raise request.refuse(409, ("conflict", "The validation set has another revision by now."))
    request.state.validation_sets.append(found)
    return {"assertions": [{"headers": found.headers}]}


def read_assertion(request: SnapRequest) -> str:
    """Return the assertion that is the body of a request; ``Refusal`` if it was not sent as one."""
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != _ASSERTION:
        raise request.refuse(415, ("invalid-request", f"Content-Type must be {_ASSERTION}."))
    return request.data.decode("utf-8", "replace")


def _revisions(request: SnapRequest, name: str, sequence: str) -> list[Assertion]:
    key = (request.account.id, name, sequence)
    return [
        found
        for found in request.state.validation_sets
        if tuple(found.headers[part] for part in ("account-id", "name", "sequence")) == key
    ]


def _sequence(found: Assertion) -> int:
    return int(found.headers["sequence"])

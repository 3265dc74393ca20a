"""The cases: craft-store's endpoints and attenuations beside lading's, constant by constant."""

from __future__ import annotations

import inspect
import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from craft_store import StoreClient, UbuntuOneStoreClient, attenuations, creds, endpoints, errors

from lading.canonical import CHARMHUB_CANDID, SNAP_STORE, SNAP_STORE_CANDID, PackageName, permissions
from lading.canonical._login.token_request import _body, make_token_request
from lading.canonical._stored import StoredCredentials, parse_stored
from lading.errors import ConfigError, InputError
from tests.conformance import craft_deviations as rows
from tests.conformance.craft_normalize import _without_clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lading.canonical import Endpoints

TABLES: dict[str, tuple[endpoints.Endpoints, Endpoints]] = {
    "CHARMHUB": (endpoints.CHARMHUB, CHARMHUB_CANDID),
    "SNAP_STORE": (endpoints.SNAP_STORE, SNAP_STORE_CANDID),
    "U1_SNAP_STORE": (endpoints.U1_SNAP_STORE, SNAP_STORE),
}
"""Every table of craft-store's, and the one of lading's for the same store and logins."""

FIELDS = {f"{table}.{field.name}" for table, (theirs, _) in TABLES.items() for field in fields(theirs)}
ATTENUATIONS = {name for name in vars(attenuations) if name.isupper()}

Compared = tuple[str, str, Any, Any]
"""The case, the row, and what both have."""


def attenuation_rows() -> Iterator[Compared]:
    for name in ATTENUATIONS:
        yield "constant", f"attenuations.{name}", getattr(attenuations, name), getattr(permissions, name, None)


def table_rows() -> Iterator[Compared]:
    for table, (theirs, ours) in TABLES.items():
        found: dict[str, Any] = {
            "namespace": ours.namespace,
            "whoami": f"/{ours.whoami}",
            "tokens": f"/{ours.tokens}",
            "tokens_exchange": f"/{ours.exchange}",
            # Not data in lading: credentials of this kind alone are refreshed, always by Ubuntu One.
            "tokens_refresh": "/api/v2/tokens/refresh" if ours.login_kind == "acl" else None,
            "upload": f"/{ours.upload}",
            "valid_package_types": list(ours.package_types),
            "list_releases_model": "ChannelMap",
        }
        for name, our in found.items():
            their = getattr(theirs, name)
            shown = f"{their.__module__}.{their.__name__}" if inspect.isclass(their) else their
            yield table, f"{table}.{name}", shown, our
    for kind, form in ((StoreClient, "candid"), (UbuntuOneStoreClient, "ubuntu-one")):
        stored = json.loads(StoredCredentials(form, token="t", root="r", discharge="d").dump())
        yield "constant", f"{kind.__name__}.TOKEN_TYPE", kind.TOKEN_TYPE, stored["t"]


def token_requests() -> Iterator[Compared]:
    row = "Endpoints.get_token_request"
    limits: dict[str, Any] = {"permissions": ["a", "b"], "description": "d", "ttl": 3600}
    options: dict[str, dict[str, Any]] = {
        "nothing": {},
        "empty": {"channels": [], "packages": []},
        "channels": {"channels": ["edge"]},
        "packages": {"packages": [("demo", None), ("other", None)]},
        "another type": {"packages": [("demo", "rock")]},
    }
    for table, (theirs, ours) in TABLES.items():
        kind = theirs.valid_package_types[0]
        for name, given in options.items():
            packages = [(package, given_kind or kind) for package, given_kind in given.get("packages", [])]
            their_packages = [endpoints.Package(*one) for one in packages]
            our_packages = [PackageName(name=package, type=given_kind) for package, given_kind in packages]
            channels = given.get("channels", [])
            try:
                their = _without_clock(theirs.get_token_request(**limits, channels=channels, packages=their_packages))
            except ValueError as error:
                their = f"raises {type(error).__name__}"
            try:
                our = _without_clock(
                    _body(ours, make_token_request(ours, **limits, channels=channels, packages=our_packages))
                )
            except InputError as error:
                our = f"raises {type(error).__name__}"
            yield f"{table} {name}", rows.INVALID_ARGUMENT if name == "another type" else row, their, our


# The functions of craft-store's that write and read stored credentials: see lading.canonical._stored.
CREDENTIALS = {
    f"creds.{name}" for name, value in vars(creds).items() if inspect.isfunction(value) and "marshal" in name
} | {"creds.DeveloperToken"}
STORED = {
    "a token": "MDAxN2xvY2F0aW9u",
    "Candid": '{"t": "macaroon", "v": "X"}',
    "Candid with more": '{"t": "macaroon", "v": "X", "z": 1}',
    "Candid without a value": '{"t": "macaroon"}',
    "JSON without a type": '{"identifier": "x", "signature": "y"}',
    "a pair": '{"t": "u1-macaroon", "v": {"r": "R", "d": "D"}}',
    "a pair without a type": '{"r": "R", "d": "D"}',
    "half a pair": '{"t": "u1-macaroon", "v": {"r": "R"}}',
    "a developer's token": '{"macaroon": "X"}',
    "another type": '{"t": "rock", "v": "X"}',
}


def credentials() -> Iterator[Compared]:
    """Credentials as they are stored: each of craft-store's readers takes its own form, and lading knows the form."""
    readers: dict[str, tuple[set[str], Any]] = {
        "creds.unmarshal_candid_credentials": ({"token", "candid"}, creds.unmarshal_candid_credentials),
        "creds.unmarshal_u1_credentials": (
            {"ubuntu-one"},
            lambda text: [(found := creds.unmarshal_u1_credentials(text)).root, found.discharge],
        ),
        "creds.DeveloperToken": ({"developer"}, lambda text: creds.DeveloperToken.model_validate_json(text).macaroon),
    }
    for row, (forms, read) in readers.items():
        for name, text in STORED.items():
            try:
                their = read(text)
            except errors.CredentialsNotParseable:
                their = None
            # craft-store's reader for Candid takes any JSON without a type for a macaroon.
            odd = row.endswith("candid_credentials") and name in ("a pair without a type", "a developer's token")
            yield name, rows.OTHER_FORM if odd else row, their, _read(text, forms)
    pair = creds.UbuntuOneMacaroons(r="R", d="D")
    ours = StoredCredentials("ubuntu-one", root="R", discharge="D")
    yield "a pair", "creds.marshal_u1_credentials", creds.marshal_u1_credentials(pair), ours.dump()
    ours = StoredCredentials("candid", token="X")
    yield "Candid", "creds.marshal_candid_credentials", creds.marshal_candid_credentials("X"), ours.dump()


def _read(text: str, forms: set[str]) -> Any:
    try:
        found = parse_stored(text)
    except ConfigError:
        return None
    if found.form not in forms:
        return None
    return found.token or [found.root, found.discharge]

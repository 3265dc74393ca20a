"""The cases: every way to log in."""

from __future__ import annotations

import webbrowser
from functools import partial
from typing import TYPE_CHECKING, Any

from craft_store import UbuntuOneAuth
from craft_store.endpoints import Package
from craft_store.errors import StoreServerError
from craft_store.login import UbuntuOneLogin
from macaroonbakery import bakery
from pymacaroons import MACAROON_V2

from lading.canonical import PackageName
from lading.testing import ServerResponse
from tests.conformance import craft_deviations as rows
from tests.conformance.craft_case_data import EMAIL, OTP, PASSWORD
from tests.conformance.craft_case_server import refusal
from tests.conformance.craft_clients import exported
from tests.conformance.craft_normalize import Case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conformance.craft_case_server import CaseServer
    from tests.conformance.craft_clients import Craft

LIMITS: dict[str, Any] = {"permissions": ["package-view", "package-manage"], "description": "a bot", "ttl": 3600}
VERSIONS = {1: bakery.VERSION_1, 2: bakery.VERSION_2, 3: bakery.VERSION_3}


def candid() -> Iterator[Case]:
    """Logins by Candid."""
    for side, kind in (("store", "charm"), ("snap", "snap")):
        restricted = (
            {"packages": [Package("demo", kind), Package("other", kind)], "channels": ["edge", "beta"]},
            {"packages": ["demo", "other"], "channels": ["edge", "beta"]},
        )
        for name, (theirs, ours) in {"": ({}, {}), "restricted": restricted}.items():
            yield _by_candid(f"{side} {name}".strip(), theirs, ours, side=side)
        yield _by_candid(
            f"{side} of another type",
            {"packages": [Package("demo", "rock")]},
            {"packages": [PackageName(name="demo", type="rock")]},
            side=side,
            back=rows.INVALID_ARGUMENT,
        )
    bundle = {"packages": [Package("demo", "bundle")]}, {"packages": [PackageName(name="demo", type="bundle")]}
    yield _by_candid("store bundle", *bundle)
    for number, version in VERSIONS.items():
        for interaction in ("window", "legacy", ""):
            yield _by_candid(
                f"version {number}, interaction {interaction or 'none'}",
                setup=partial(_set, bakery=version, interaction=interaction),
            )
        yield _by_candid(
            f"version {number}, no caveat",
            method="BaseClient.login",
            setup=partial(_set, bakery=version, caveats=0),
        )
    for number in (2, 3):
        yield _by_candid(f"{number} caveats", setup=partial(_set, caveats=number))
    for status in (401, 407):
        for interaction in ("window", ""):
            yield _by_candid(
                f"access requires macaroons, {status}, interaction {interaction or 'none'}",
                setup=partial(_set, gate=status, interaction=interaction),
            )
    yield _by_candid(
        "a token as text", setup=partial(_set, member="token"), row=rows.TOKEN_TEXT, back=rows.TOKEN_TEXT_BACK
    )
    yield _by_candid("twice", twice=True)


def _set(server: CaseServer, **values: Any) -> None:
    for name, value in values.items():
        setattr(server, name, value)


def _by_candid(
    name: str,
    theirs: dict[str, Any] | None = None,
    ours: dict[str, Any] | None = None,
    *,
    method: str = "StoreClient.login",
    side: str = "store",
    twice: bool = False,
    **more: Any,
) -> Case:
    def their_login(craft: Craft) -> Any:
        visited: list[str] = []
        before, webbrowser.open = webbrowser.open, lambda url, *_, **__: bool(visited.append(url)) or True
        try:
            for _ in range(1 + twice):
                found = craft.client.login(**LIMITS, **(theirs or {}))
        finally:
            webbrowser.open = before
        return [found, visited]

    async def our_login(client: Any) -> Any:
        visited: list[str] = []

        async def open_url(url: str) -> None:
            visited.append(url)

        for _ in range(1 + twice):
            found = await client.tokens.login_candid(open_url=open_url, **LIMITS, **(ours or {}))
        return [found, visited]

    return Case(method, name, their_login, our_login, side=side, login=False, **more)


def by_password() -> Iterator[Case]:
    """Logins by Ubuntu One at the Snap Store: macaroons that can be refreshed."""
    for version in (1, 2):
        row = {} if version == 1 else {"row": rows.VERSION_2, "back": rows.VERSION_2_BACK}
        setup = partial(_set, macaroons=MACAROON_V2) if version == 2 else lambda _: None
        yield _old_style(f"macaroons of version {version}", setup=setup, **row)
    their_limits = {"packages": [Package("demo", "snap")], "channels": ["edge"]}
    yield _old_style("restricted", their_limits, {"packages": ["demo"], "channels": ["edge"]})
    second = partial(_set, second_factor=True)
    yield _old_style("second factor", {"otp": OTP}, {"otp": OTP}, setup=second)
    yield _old_style("second factor, not given", setup=second)
    yield _old_style("second factor, wrong", {"otp": "1"}, {"otp": "1"}, setup=second)
    yield _old_style("second factor, empty", {"otp": ""}, {"otp": ""}, setup=second)
    yield _old_style(
        "second factor, when it is needed",
        {"again": True},
        {"otp": _one_time_password},
        setup=second,
        row=rows.ON_DEMAND,
    )
    yield _old_style("wrong password", {"password": "x"}, {"password": "x"})
    for sign, row in (("code", None), ("header", rows.REFRESH_SIGN)):
        yield Case(
            "UbuntuOneStoreClient.request",
            f"refreshed by {sign}",
            _their_refreshed,
            _our_refreshed,
            side="u1",
            setup=partial(_needs_refresh, sign),
            row=row,
            back=rows.REFRESH_SIGN_BACK if row else "(result)",
        )


def caveats() -> Iterator[Case]:
    """Which caveat of the root macaroon Ubuntu One discharges."""
    usual = {"permissions": ["package-view"], "ttl": 3600}
    for name, locations in {
        "one of another host": ("https://elsewhere.example",),
        "after another": ("https://elsewhere.example", None),
        "before another": (None, "elsewhere.example"),
    }.items():
        setup = partial(_set, locations=locations)
        yield _new_style(f"caveat {name}", usual, usual, setup=setup)
        back = rows.ELSEWHERE if len(locations) == 1 else "(result)"
        yield _old_style(f"caveat {name}", setup=setup, back=back)
    yield _new_style("no caveat", usual, usual, setup=partial(_set, locations=()), back=rows.NO_CAVEAT)
    yield _old_style("no caveat", setup=partial(_set, locations=()), back=rows.NO_CAVEAT)


def refused() -> Iterator[Case]:
    """Candid does not let one in."""
    responses: dict[str, tuple[str, ServerResponse]] = {
        "nobody came": ("/wait-token", ServerResponse(204)),
        "a token without a kind": ("/wait-token", ServerResponse.json({"token64": "YQ=="})),
        "no token": ("/wait-token", ServerResponse.json({"kind": "macaroon"})),
        "an error at the wait": ("/wait-token", ServerResponse.json({"Code": "not found", "Message": "no"}, 404)),
        "no such caveat": ("/discharge", ServerResponse.json({"Code": "bad request", "Message": "no"}, 400)),
        "another way only": (
            "/discharge",
            ServerResponse.json({"Code": "interaction required", "Info": {"InteractionMethods": {"x": {}}}}, 401),
        ),
        "a page": ("/discharge", ServerResponse(403, {"Content-Type": "text/html"}, b"<html>")),
    }
    for name, (path, response) in responses.items():

        def setup(server: CaseServer, path: str = path, response: ServerResponse = response) -> None:
            server.override = lambda _, request: response if request.target.endswith(path) else None

        back = "(result)" if name == "an error at the wait" else rows.CANDID_ERRORS
        yield _by_candid(name, setup=setup, back=back)


async def _one_time_password() -> str:
    return OTP


def _old_style(
    name: str, theirs: dict[str, Any] | None = None, ours: dict[str, Any] | None = None, **more: Any
) -> Case:
    limits = {**LIMITS, "permissions": ["package_access", "package_push"]}

    def their_login(craft: Craft) -> Any:
        given = {"email": EMAIL, "password": PASSWORD, **(theirs or {})}
        if not given.pop("again", False):
            return craft.client.login(**limits, **given)
        try:
            return craft.client.login(**limits, **given)
        except StoreServerError as error:
            if "twofactor-required" not in error.error_list:
                raise
            return craft.client.login(**limits, **given, otp=OTP)

    async def our_login(client: Any) -> Any:
        return await client.tokens.login(**{"email": EMAIL, "password": PASSWORD, **limits, **(ours or {})})

    return Case("UbuntuOneStoreClient.login", name, their_login, our_login, side="u1", login=False, **more)


def _needs_refresh(sign: str, server: CaseServer) -> None:
    """Credentials that are accepted after they were refreshed."""
    code = "macaroon-needs-refresh" if sign == "code" else "macaroon-permission-required"
    headers = {"WWW-Authenticate": "Macaroon needs_refresh=1"} if sign == "header" else {}

    def override(service: str, request: Any) -> Any:
        refreshed = any(one.request.target.endswith("/refresh") for one in server.sent)
        return refusal(401, code, "expired", headers) if service == "api" and not refreshed else None

    server.override = override


def _their_refreshed(craft: Craft) -> Any:
    found = [craft.client.request("GET", f"{craft.api}/api/v2/tokens/whoami").json(), craft.client.whoami()]
    return [*found, exported(craft.client._auth.get_credentials())]


async def _our_refreshed(client: Any) -> Any:
    found = [await client.tokens.whoami(), await client.tokens.whoami()]
    return [*found, await client.tokens.export()]


def exchanged() -> Iterator[Case]:
    """Logins by Ubuntu One at Charmhub: macaroons that are exchanged for a token of the store."""
    usual = {"permissions": ["package-view"], "ttl": 3600}
    restricted = (
        {"packages": [{"type": "charm", "name": "demo"}, {"type": "bundle", "name": "b"}], "channels": ["edge"]},
        {"packages": ["demo", PackageName(name="b", type="bundle")], "channels": ["edge"]},
    )
    second = partial(_set, second_factor=True)
    yield _new_style("", usual, usual)
    yield _new_style("macaroons of version 2", usual, usual, setup=partial(_set, macaroons=MACAROON_V2))
    yield _new_style("restricted", {**usual, **restricted[0]}, {**usual, **restricted[1]})
    yield _new_style(
        "empty lists",
        {**usual, "packages": [], "channels": []},
        {**usual, "packages": [], "channels": []},
        row=rows.EMPTY_LISTS,
    )
    yield _new_style("second factor", {**usual, "otp": OTP}, {**usual, "otp": OTP}, setup=second)
    yield _new_style("second factor, not given", usual, usual, setup=second)
    yield _new_style("wrong password", {**usual, "password": "x"}, {**usual, "password": "x"})
    yield _new_style("at a path", usual, usual, setup=partial(_set, prefix="/store"), site="/store", row=rows.SITE)
    yield _new_style("default permissions", {"ttl": 60}, {"ttl": 60}, row=rows.PERMISSIONS)
    yield _new_style("default lifetime", {"permissions": ["p"]}, {"permissions": ["p"]}, row=rows.LIFETIME)


def _new_style(name: str, theirs: dict[str, Any], ours: dict[str, Any], **more: Any) -> Case:
    def their_login(craft: Craft) -> Any:
        given = {"email": EMAIL, "password": PASSWORD, **theirs}
        UbuntuOneLogin.login_with(
            **given,
            base_url=craft.api,
            login_url=craft.server.url("login"),
            store_auth=craft.auth,
            application_name="x",
        )
        UbuntuOneAuth(auth=craft.auth, api_base_url=craft.api, client_description="lading").get_token_from_keyring()
        return exported(craft.auth.get_credentials())

    async def our_login(client: Any) -> Any:
        return await client.tokens.login(**{"email": EMAIL, "password": PASSWORD, **ours})

    return Case("UbuntuOneLogin.login_with", name, their_login, our_login, side="exchange", login=False, **more)

"""Logging in by Ubuntu One, against a store and a service that verify macaroons."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import pytest
from pymacaroons import MACAROON_V1, MACAROON_V2

import lading
from lading import (
    ApiError,
    BadRequest,
    ConfigError,
    Conflict,
    InputError,
    InvalidResponse,
    NetworkError,
    RateLimited,
    Unauthorized,
)
from lading.canonical import CHARMHUB_CANDID, Charmhub, PackageName, permissions
from lading.testing import DropAfter, ServerResponse
from tests.support.fake_ubuntu_one import EMAIL, OTP, PASSWORD, FakeUbuntuOne, Seen, api_refusal, refusal

pytestmark = pytest.mark.anyio

ROAD = ["store v1/tokens/usso", "sso tokens/discharge", "store v1/tokens/usso/exchange"]


@pytest.fixture
def fake() -> Iterator[FakeUbuntuOne]:
    with FakeUbuntuOne() as fake:
        yield fake


async def login(client: Any, **options: Any) -> str:
    return await client.tokens.login(**{"email": EMAIL, "password": PASSWORD, **options})


@pytest.mark.parametrize("version", [MACAROON_V1, MACAROON_V2])
async def test_charmhub_ends_with_a_token_of_the_store(fake: FakeUbuntuOne, version: int):
    fake.version = version
    async with fake.charmhub() as charmhub:
        exported = await login(charmhub, description="ci")
        assert b64decode(exported).decode() == fake.token  # raw: as charmcraft 4.4 and later store it
        assert await charmhub.tokens.export() == exported
        assert (await charmhub.tokens.whoami()).account.id == "ACC1"
    assert fake.paths() == [*ROAD, "store v1/tokens/whoami"]
    root, discharge, exchange, whoami = fake.seen
    assert root.body == {"permissions": list(permissions.PUBLISH_PERMISSIONS), "ttl": 30 * 3600}
    assert set(discharge.body) == {"email", "password", "caveat_id"}
    assert exchange.body == {"client-description": "ci"}
    assert whoami.headers["authorization"] == f"Macaroon {fake.token}"
    assert not {"authorization", "cookie"} & (set(root.headers) | set(discharge.headers))


@pytest.mark.parametrize("version", [MACAROON_V1, MACAROON_V2])
async def test_the_snap_store_keeps_both_macaroons(fake: FakeUbuntuOne, version: int):
    fake.version = version
    async with fake.snap_store() as snaps:
        stored = json.loads(b64decode(await login(snaps, packages=["my-snap"], channels=["edge"], ttl=3600)))
        assert (await snaps.tokens.whoami()).account.id == "ACC1"
    assert stored["t"] == "u1-macaroon"
    assert set(stored["v"]) == {"r", "d"}
    assert fake.paths() == ["store dev/api/acl", "sso tokens/discharge", "store tokens/whoami"]
    body = fake.seen[0].body
    assert list(body) == ["permissions", "description", "expires", "packages", "channels"]
    assert body["permissions"] == list(permissions.ACL_PERMISSIONS)
    assert body["expires"].endswith("+00:00")
    assert body["packages"] == [{"series": "16", "name": "my-snap"}]
    assert body["channels"] == ["edge"]


async def test_restrictions_are_sent_as_charmhub_wants_them(fake: FakeUbuntuOne):
    async with fake.charmhub() as charmhub:
        await login(
            charmhub,
            permissions=[permissions.PACKAGE_VIEW],
            packages=["a", PackageName(name="b", type="bundle")],
            channels=iter(["edge"]),
            ttl=10.0,
        )
    assert fake.seen[0].body == {
        "permissions": ["package-view"],
        "ttl": 10,
        "packages": [{"type": "charm", "name": "a"}, {"type": "bundle", "name": "b"}],
        "channels": ["edge"],
    }


async def test_a_second_factor_is_requested_only_when_it_is_needed(fake: FakeUbuntuOne):
    calls: list[int] = []

    async def otp() -> str:
        calls.append(1)
        return f" {OTP}\n"

    async with fake.charmhub() as charmhub:
        await login(charmhub, otp=otp)
        assert calls == []
        fake.second_factor = True
        fake.seen.clear()
        await login(charmhub, otp=otp, overwrite=True)
    assert calls == [1]
    assert fake.paths() == [ROAD[0], ROAD[1], ROAD[1], ROAD[2]]  # one root
    assert [one.body.get("otp") for one in fake.seen if one.role == "sso"] == [None, OTP]


async def test_a_second_factor_that_is_at_hand_is_sent_at_once(fake: FakeUbuntuOne):
    fake.second_factor = True
    async with fake.charmhub() as charmhub:
        await login(charmhub, otp=OTP)
    assert fake.paths() == ROAD


async def test_without_a_second_factor_the_error_says_what_is_missing(fake: FakeUbuntuOne):
    fake.second_factor = True
    async with fake.charmhub() as charmhub:
        for otp in (None, ""):
            with pytest.raises(Unauthorized, match="second factor: pass otp=") as caught:
                await login(charmhub, otp=otp)
            assert caught.value.outcome == "not_done"
        with pytest.raises(Unauthorized, match="one-time password is wrong"):
            await login(charmhub, otp="000000")
    assert "store v1/tokens/usso/exchange" not in fake.paths()


@pytest.mark.parametrize(
    "response",
    [
        refusal(401, "TWOFACTOR_REQUIRED", "twofactor-required", "2-factor authentication required."),
        ServerResponse.json({"code": "TWOFACTOR_REQUIRED", "message": "2-factor"}, 401),
        ServerResponse.json({"code": "X", "error-list": [{"code": "twofactor-required", "message": ""}]}, 401),
        ServerResponse.json({"code": "TWOFACTOR_REQUIRED", "error_list": [{"code": "other", "message": "m"}]}, 400),
        ServerResponse.json({"error_list": [{"code": "x", "message": "OTP required."}]}, 401),
    ],
)
async def test_every_way_to_require_a_second_factor(fake: FakeUbuntuOne, response: ServerResponse):
    fake.override = lambda seen: response if seen.role == "sso" and "otp" not in seen.body else None

    async def otp() -> str:
        return OTP

    async with fake.charmhub() as charmhub:
        await login(charmhub, otp=otp)
    assert fake.paths() == [ROAD[0], ROAD[1], ROAD[1], ROAD[2]]


async def test_what_the_callback_raises_passes(fake: FakeUbuntuOne):
    fake.second_factor = True

    async def otp() -> str:
        raise KeyError("cancelled by the person")

    async with fake.charmhub() as charmhub:
        with pytest.raises(KeyError, match="by the person"):
            await login(charmhub, otp=otp)
        with pytest.raises(InputError, match="otp= must be a string or an async function"):
            await login(charmhub, otp=lambda: OTP)

        async def none() -> Any:
            return None

        with pytest.raises(InputError, match="returned no one-time password"):
            await login(charmhub, otp=none)


async def test_a_wrong_password(fake: FakeUbuntuOne):
    async with fake.charmhub() as charmhub:
        with pytest.raises(Unauthorized, match="charmhub login: Provided email/password is not correct") as caught:
            await login(charmhub, password="wrong-password")
        assert caught.value.code == "invalid-credentials"
        assert ("INVALID_CREDENTIALS", "Provided email/password is not correct.") not in caught.value.errors
        assert caught.value.outcome == "not_done"
        assert "log in again" not in str(caught.value)
        with pytest.raises(ConfigError, match="needs credentials"):
            await charmhub.tokens.whoami()
    assert fake.paths() == ROAD[:2]


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (403, {"code": "ACCOUNT_SUSPENDED", "message": "Suspended."}, "ACCOUNT_SUSPENDED"),
        (
            400,
            {"code": "INVALID_DATA", "message": "Invalid", "extra": {"email": ["Enter an address."]}},
            "INVALID_DATA",
        ),
        (401, {"error-list": [{"code": "c", "message": "m"}]}, "c"),
        (401, {"error_list": None}, None),
        (500, ["strange"], None),
        (401, "text", None),
    ],
)
async def test_refusals_in_every_form(fake: FakeUbuntuOne, status: int, body: Any, code: str | None):
    fake.override = lambda seen: ServerResponse.json(body, status) if seen.role == "sso" else None
    async with fake.charmhub() as charmhub:
        with pytest.raises(ApiError) as caught:
            await login(charmhub)
    assert (caught.value.status, caught.value.code, caught.value.service) == (status, code, "charmhub login")
    assert caught.value.outcome == "not_done"


async def test_too_many_logins_are_obeyed(fake: FakeUbuntuOne):
    fake.override = lambda seen: (
        ServerResponse.json({"code": "TOO_MANY_REQUESTS", "message": "m", "retry_after": 1e6}, 429)
        if seen.role == "sso"
        else None
    )
    async with fake.charmhub() as charmhub:
        with pytest.raises(RateLimited) as caught:
            await login(charmhub)
    assert caught.value.retry_after == 1e6
    assert fake.paths() == ROAD[:2]


async def test_a_refused_root_macaroon(fake: FakeUbuntuOne):
    fake.override = lambda _: api_refusal(400, "api-error", "3 is less than the minimum of 10 at /ttl")
    async with fake.charmhub() as charmhub:
        with pytest.raises(BadRequest, match="less than the minimum of 10"):
            await login(charmhub, ttl=3)
        fake.override = lambda _: api_refusal(401, "x", "no")
        with pytest.raises(Unauthorized, match=r"^charmhub: no \(HTTP 401\)$"):  # nothing has expired
            await login(charmhub)


async def test_a_refused_exchange(fake: FakeUbuntuOne):
    fake.override = lambda seen: api_refusal(401, "x", "no") if seen.path.endswith("exchange") else None
    async with fake.charmhub() as charmhub:
        with pytest.raises(Unauthorized, match="charmhub: no"):
            await login(charmhub)
        with pytest.raises(ConfigError, match="needs credentials"):
            await charmhub.tokens.whoami()


@pytest.mark.parametrize("locations", [("{host}",), ("http://{host}",), ("http://{host}/",), ("https://{host}/api",)])
async def test_the_location_is_a_host_or_a_url(fake: FakeUbuntuOne, locations: tuple[str, ...]):
    fake.locations = tuple(one.format(host=fake.sso_host) for one in locations)
    async with fake.snap_store() as snaps:
        await login(snaps)


async def test_a_location_that_is_not_login_url(fake: FakeUbuntuOne):
    fake.locations = ("login.example.com",)
    async with fake.snap_store() as snaps:
        with pytest.raises(ConfigError, match=r"requires a login at login\.example\.com, and login_url is") as caught:
            await login(snaps)
        assert caught.value.outcome == "not_done"
    assert fake.paths() == ["store dev/api/acl"]  # the password was not sent
    async with fake.charmhub() as charmhub:  # the only one is meant, where the discharge is exchanged
        await login(charmhub)


async def test_a_root_without_a_third_party_caveat(fake: FakeUbuntuOne):
    fake.locations = ()
    async with fake.charmhub() as charmhub, fake.snap_store() as snaps:
        for client in (charmhub, snaps):
            with pytest.raises(InvalidResponse, match="no third-party caveat") as caught:
                await login(client)
            assert caught.value.outcome == "not_done"
    assert {one.role for one in fake.seen} == {"store"}


@pytest.mark.parametrize(
    ("role", "body"),
    [
        ("store", {"macaroon": "no-macaroon"}),
        ("store", {"macaroon": None}),
        ("store", {}),
        ("store", []),
        ("sso", {"discharge_macaroon": "no-macaroon"}),
        ("sso", {"discharge_macaroon": ""}),
        ("sso", {}),
    ],
)
async def test_a_success_without_a_macaroon(fake: FakeUbuntuOne, role: str, body: Any):
    fake.override = lambda seen: ServerResponse.json(body) if seen.role == role else None
    async with fake.snap_store() as snaps:
        with pytest.raises(InvalidResponse) as caught:
            await login(snaps)
    assert caught.value.outcome == "not_done"


async def test_a_lost_response_is_requested_again_unless_a_one_time_password_was_sent(fake: FakeUbuntuOne):
    fake.second_factor = True
    fake.store.faults.add(DropAfter(), path="/v1/tokens/usso")
    fake.sso.faults.add(DropAfter(), path="/api/v2/tokens/discharge")
    async with fake.charmhub() as charmhub:
        with pytest.raises(NetworkError) as caught:
            await login(charmhub, otp=OTP)
        assert caught.value.outcome == "not_done"
        assert fake.paths() == [ROAD[0], *ROAD[:2]]
        fake.second_factor = False
        fake.seen.clear()
        fake.sso.faults.add(DropAfter(), path="/api/v2/tokens/discharge")
        fake.store.faults.add(DropAfter(), path="/v1/tokens/usso/exchange")
        await login(charmhub)
    assert fake.paths() == [ROAD[0], ROAD[1], ROAD[1], ROAD[2], ROAD[2]]


async def test_credentials_that_are_stored_already(fake: FakeUbuntuOne):
    async with fake.charmhub(token="another-token") as charmhub:
        with pytest.raises(Conflict, match="log out first, or pass overwrite=True"):
            await login(charmhub)
        assert fake.seen == []
        await login(charmhub, overwrite=True)
        assert (await charmhub.tokens.whoami()).account.id == "ACC1"
        await charmhub.tokens.logout()
        await login(charmhub)


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"packages": [PackageName(name="x", type="snap")]}, "packages"),
        ({"packages": [PackageName(type="charm")]}, "packages"),
        ({"packages": [""]}, "packages"),
        ({"packages": (7,)}, "packages"),
        ({"packages": "my-charm"}, "packages"),
        ({"permissions": []}, "permissions"),
        ({"permissions": ""}, "permissions"),
        ({"permissions": (None,)}, "permissions"),
        ({"channels": [""]}, "channels"),
        ({"ttl": 0}, "ttl"),
        ({"ttl": -1.0}, "ttl"),
        ({"ttl": float("nan")}, "ttl"),
        ({"ttl": float("inf")}, "ttl"),
        ({"ttl": 1e300}, "ttl"),
        ({"ttl": "day"}, "ttl"),
        ({"password": " "}, "password"),
        ({"otp": 135790}, "otp"),
    ],
)
async def test_invalid_arguments_send_nothing(fake: FakeUbuntuOne, options: dict[str, Any], argument: str):
    async with fake.charmhub() as charmhub:
        with pytest.raises(InputError) as caught:
            await login(charmhub, **options)
    assert caught.value.argument == argument
    assert fake.seen == []


async def test_a_package_type_that_charmhub_does_not_have(fake: FakeUbuntuOne):
    async with fake.charmhub() as charmhub:
        with pytest.raises(InputError, match="the type of 'x' must be 'charm' or 'bundle', and is 'snap'"):
            await login(charmhub, packages=[PackageName(name="x", type="snap")])


async def test_what_cannot_be_stored_is_not_lost(fake: FakeUbuntuOne):
    class Locked(lading.MemoryCredentials):
        error: Exception = ConfigError("the keyring is locked")

        async def set(self, secret: str) -> None:
            raise self.error

    place = Locked()
    async with fake.charmhub(token=place) as charmhub:
        with pytest.raises(ConfigError, match=r"could not be stored in .*the keyring is locked") as caught:
            await login(charmhub)
        assert caught.value.outcome == "unknown"
        assert fake.token not in str(caught.value)
        assert b64decode(await charmhub.tokens.export()).decode() == fake.token
        assert (await charmhub.tokens.whoami()).account.id == "ACC1"
        place.error = OSError(28, "No space left on device")
        with pytest.raises(ConfigError, match="OSError"):
            await login(charmhub, overwrite=True)
        await charmhub.tokens.logout()
        with pytest.raises(ConfigError, match="needs credentials"):
            await charmhub.tokens.whoami()


async def test_an_environment_variable_cannot_store_a_login(fake: FakeUbuntuOne, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CHARMCRAFT_AUTH", "a-token")
    async with fake.charmhub(token=lading.EnvironmentCredentials("CHARMCRAFT_AUTH")) as charmhub:
        for overwrite in (False, True):
            with pytest.raises(ConfigError, match=r"CHARMCRAFT_AUTH.*cannot be stored: unset it"):
                await login(charmhub, overwrite=overwrite)
    assert fake.seen == []


async def test_a_store_whose_logins_are_by_candid():
    async with Charmhub(CHARMHUB_CANDID) as charmhub:
        with pytest.raises(ConfigError, match=r"by Candid: use tokens\.login_candid"):
            await login(charmhub)


async def test_a_store_whose_logins_are_by_ubuntu_one(fake: FakeUbuntuOne):
    async def open_url(url: str) -> None:
        raise AssertionError(url)

    async with fake.charmhub() as charmhub:
        with pytest.raises(ConfigError, match=r"by Ubuntu One: use tokens\.login"):
            await charmhub.tokens.login_candid(open_url=open_url)
        with pytest.raises(ConfigError, match=r"by Ubuntu One: use tokens\.login"):
            await charmhub.tokens.login_agent("agent.json")
    assert fake.seen == []


async def test_without_the_extra_the_error_names_it(fake: FakeUbuntuOne, monkeypatch: pytest.MonkeyPatch):
    import sys

    monkeypatch.setitem(sys.modules, "lading._macaroons.bakery", None)
    async with fake.charmhub() as charmhub:
        with pytest.raises(ConfigError, match=r"lading\[charmhub\]"):
            await login(charmhub)
        assert fake.seen == []
        await charmhub.tokens.import_(fake.token)
        assert (await charmhub.tokens.whoami()).account.id == "ACC1"  # a token of the store needs none of it


async def test_a_client_with_its_own_auth_cannot_log_in(fake: FakeUbuntuOne):
    async with fake.charmhub(auth=lading.TokenAuth("a-token")) as charmhub:
        with pytest.raises(ConfigError, match="its own auth="):
            await login(charmhub)


async def test_the_sessions_of_the_account(fake: FakeUbuntuOne):
    sessions = [
        {"session-id": "s1", "description": "ci", "valid-since": "2026-11-01T10:00:00Z", "valid-until": None},
        {"session-id": "s2", "revoked-at": "2026-11-02T10:00:00Z", "revoked-by": "ACC1", "new": 1},
    ]
    targets: list[str] = []

    def respond(seen: Seen) -> ServerResponse | None:
        targets.append(f"{seen.method} {seen.path} {seen.body}")
        return ServerResponse.json({"macaroons": sessions if seen.method == "GET" else None})

    fake.override = respond
    async with fake.charmhub(token="a-token") as charmhub:
        first, second = [one async for one in charmhub.tokens.list(include_inactive=True)]
        assert (first.session_id, first.description, first.revoked_at) == ("s1", "ci", None)
        assert first.valid_since is not None
        assert first.valid_since.utcoffset() is not None
        assert (second.session_id, second.revoked_by) == ("s2", "ACC1")
        await charmhub.tokens.revoke("s1")
        with pytest.raises(InputError):
            await charmhub.tokens.revoke("")
        sessions.clear()
        assert len(await charmhub.tokens.list()) == 0
    assert targets == [
        "GET /v1/tokens None",
        "POST /v1/tokens/revoke {'session-id': 's1'}",
        "GET /v1/tokens None",
    ]


async def test_the_snap_store_has_no_list_of_sessions(fake: FakeUbuntuOne):
    async with fake.snap_store(token="a-token") as snaps:
        with pytest.raises(ConfigError, match="no list of sessions"):
            await snaps.tokens.list()
        with pytest.raises(ConfigError, match="no list of sessions"):
            await snaps.tokens.revoke("s1")


async def test_two_logins_at_once_leave_one_of_both(fake: FakeUbuntuOne):
    import anyio

    async with fake.snap_store() as snaps:
        exported: list[str] = []

        async def run() -> None:
            exported.append(await login(snaps, overwrite=True))

        async with anyio.create_task_group() as group:
            group.start_soon(run)
            group.start_soon(run)
        assert await snaps.tokens.export() in exported
        await snaps.tokens.whoami()

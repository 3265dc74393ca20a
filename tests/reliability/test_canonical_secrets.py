"""No secret of a login is shown, whatever goes wrong: not the password, the second factor, a macaroon or a key."""

from __future__ import annotations

import json
import logging
import pickle
import traceback
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from anyio import to_thread

import lading
from lading import LadingError, Retry
from lading.canonical import CHARMHUB_CANDID, Agent, Charmhub, CraftStoreFile
from lading.testing import (
    DropAfter,
    DropBefore,
    DropDuring,
    Fault,
    Respond,
    Server,
    ServerRequest,
    ServerResponse,
    Truncate,
)
from tests.support.fake_ubuntu_one import EMAIL, OTP, PASSWORD, FakeUbuntuOne, Seen
from tests.support.leaks import forms_of, locals_of

pytestmark = pytest.mark.anyio

STRANGE = "st0red-tökën-0123456789"
KEY = b64encode(bytes(range(100, 132))).decode()
TOKEN = "discharge-t0ken-0123456789"
FAULTS: list[Fault] = [DropBefore(), DropAfter(), DropDuring(after=0), Truncate(after=5), Respond(502), Respond(302)]


@pytest.fixture
def fake() -> Iterator[FakeUbuntuOne]:
    with FakeUbuntuOne() as fake:
        yield fake


class Watch:
    """Everything that is shown to anybody."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        self.caplog = caplog
        self.events: list[Any] = []
        self.options: dict[str, Any] = {"hooks": [self.events.append], "retry": Retry(attempts=2, backoff=0)}

    async def check(self, error: BaseException, secrets: list[str], *objects: object) -> None:
        await to_thread.run_sync(self._check, error, secrets, objects)

    def _check(self, error: BaseException, secrets: list[str], objects: tuple[object, ...]) -> None:
        shown = [
            repr(error),
            str(error),
            repr(vars(error)),
            *traceback.format_exception(error),
            *map(repr, (*objects, *self.events)),
            *(f"{record.getMessage()} {record.args!r} {record.exc_info!r}" for record in self.caplog.records),
            *locals_of(error),
        ]
        if isinstance(error, LadingError):
            shown.append(repr(pickle.loads(pickle.dumps(error))))
        for secret in secrets:
            for form in forms_of(secret):
                assert not [text[max(text.index(form) - 200, 0) :][:400] for text in shown if form in text]


@pytest.fixture
def watch(caplog: pytest.LogCaptureFixture) -> Watch:
    return Watch(caplog)


def echo(seen: Seen) -> ServerResponse:
    """A refusal that says back all that was sent."""
    text = f"you sent {json.dumps(seen.body)} with {seen.body} and {json.dumps(seen.headers)}"
    body = {"code": text, "message": text, "extra": seen.body, "error_list": [{"code": text, "message": text}]}
    return ServerResponse.json(body, 401)


async def failing_login(fake: FakeUbuntuOne, watch: Watch, *, snaps: bool = False, **options: Any) -> None:
    async def otp() -> str:
        return OTP

    client = (fake.snap_store if snaps else fake.charmhub)(**watch.options, token=options.pop("place", None))
    async with client:
        with pytest.raises(Exception) as caught:
            await client.tokens.login(**{"email": EMAIL, "password": PASSWORD, "otp": otp, **options})
        secrets = [PASSWORD, OTP, *fake.issued]
        await watch.check(caught.value, secrets, client, client.tokens, client._connections.settings)


@pytest.mark.parametrize("path", ["usso", "discharge", "exchange"])
@pytest.mark.parametrize("otp", [True, False])
async def test_what_a_service_says_back_is_masked(fake: FakeUbuntuOne, watch: Watch, path: str, otp: bool):
    fake.second_factor = otp
    fake.override = lambda seen: (
        echo(seen) if seen.path.endswith(path) and (not otp or path != "discharge" or "otp" in seen.body) else None
    )
    await failing_login(fake, watch)


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
@pytest.mark.parametrize("path", ["*/usso", "*/discharge", "*/exchange"])
async def test_interrupted_requests(fake: FakeUbuntuOne, watch: Watch, path: str, fault: Fault):
    fake.second_factor = True
    for server in (fake.store, fake.sso):
        server.faults.add(fault, path=path, times=None)
    await failing_login(fake, watch)
    await failing_login(fake, watch, otp=OTP)


async def test_refused_and_invalid_logins(fake: FakeUbuntuOne, watch: Watch):
    fake.second_factor = True
    wrong = "wr0ng-password-0123"
    with pytest.raises(LadingError) as caught:
        async with fake.charmhub(**watch.options) as charmhub:
            await charmhub.tokens.login(email=EMAIL, password=wrong)
    await watch.check(caught.value, [wrong])
    await failing_login(fake, watch, otp=None)
    await failing_login(fake, watch, packages=[""])
    await failing_login(fake, watch, otp=lambda: OTP)
    await failing_login(fake, watch, place=lading.MemoryCredentials("a-token"))
    await failing_login(fake, watch, otp=int(OTP))

    async def number() -> int:
        return int(OTP)

    await failing_login(fake, watch, otp=number)

    async def raising() -> str:
        raise KeyError("mine")

    await failing_login(fake, watch, otp=raising)


@pytest.mark.parametrize("locations", [(), ("login.example.com",)])
async def test_a_root_that_cannot_be_discharged(fake: FakeUbuntuOne, watch: Watch, locations: tuple[str, ...]):
    fake.locations = locations
    await failing_login(fake, watch, snaps=True)


@pytest.mark.parametrize("snaps", [True, False])
async def test_credentials_that_cannot_be_stored(
    fake: FakeUbuntuOne, watch: Watch, snaps: bool, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
):
    class Full(lading.MemoryCredentials):
        async def set(self, secret: str) -> None:
            del secret
            raise OSError(28, "No space left on device")

    fake.issued.append(fake.token)
    await failing_login(fake, watch, snaps=snaps, place=Full())
    file = tmp_path / "file"
    await to_thread.run_sync(file.touch)
    places = [lading.FileCredentials(file / "credentials"), CraftStoreFile("charmcraft", "host")]
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    await to_thread.run_sync((tmp_path / "data").mkdir)
    await to_thread.run_sync((tmp_path / "data" / "charmcraft").touch)
    # That of the tests cannot be written.
    for place in (*places, lading.KeyringCredentials("charmcraft", "host")):
        async with fake.charmhub(token=place) as charmhub:
            with pytest.raises(LadingError) as caught:
                await charmhub.tokens.import_(fake.token)
            assert fake.token not in str(caught.value)
            await watch.check(caught.value, [fake.token, b64encode(fake.token.encode()).decode()])


@pytest.mark.parametrize("status", [400, 401, 500])
async def test_a_refresh_that_fails(fake: FakeUbuntuOne, watch: Watch, status: int):
    fake.needs_refresh = lambda _: True
    fake.override = lambda seen: replace(echo(seen), status=status) if seen.role == "sso" else None
    stored = fake.stored()
    async with fake.snap_store(**watch.options, token=stored) as snaps:
        with pytest.raises(LadingError) as caught:
            await snaps.tokens.whoami()
        sent = fake.seen[0].headers["authorization"].partition("discharge=")[2]
        await watch.check(caught.value, [*fake.issued, sent], snaps)


async def test_a_refusal_of_stored_credentials(fake: FakeUbuntuOne, watch: Watch):
    fake.override = echo
    token = "st0red-token-0123456789"
    async with fake.charmhub(**watch.options, token=token) as charmhub:
        with pytest.raises(LadingError) as caught:
            await charmhub.tokens.whoami()
        await watch.check(caught.value, [token], charmhub)
        with pytest.raises(LadingError) as caught:
            await charmhub.tokens.import_(STRANGE)
        await watch.check(caught.value, [STRANGE], charmhub)
    for damaged in (STRANGE, json.dumps({"t": "u1-macaroon", "v": STRANGE}), "{" + STRANGE):
        with pytest.raises(LadingError) as caught:
            fake.charmhub(token=damaged)
        await watch.check(caught.value, [damaged])
        async with fake.charmhub(token=lading.MemoryCredentials(damaged)) as charmhub:
            with pytest.raises(LadingError) as caught:
                await charmhub.tokens.whoami()
            await watch.check(caught.value, [damaged])
    root, discharge = "AgEr00t-0123456789", "MDd1scharge-0123456789"
    stored = json.dumps({"t": "u1-macaroon", "v": {"r": root, "d": discharge}})
    async with fake.snap_store(token=stored) as snaps:
        with pytest.raises(LadingError) as caught:
            await snaps.tokens.whoami()
        await watch.check(caught.value, [root, discharge])


class EchoingCandid:
    """A store and its Candid, which refuses in the end and says back what was sent."""

    def __init__(self) -> None:
        self.server = Server(self._respond)
        self.sent: list[str] = []

    async def _respond(self, request: ServerRequest) -> ServerResponse:
        body = (await request.read()).decode()
        signature = b64encode(b"s" * 32).decode().rstrip("=")
        if request.path == "/v1/tokens":
            caveat = {"i": "caveat", "v64": b64encode(b"v" * 72).decode(), "l": f"{self.server.url}/identity"}
            root = {"i": "root", "s64": signature, "c": [caveat]}
            return ServerResponse.json({"macaroon": json.dumps(root)})
        if request.path.endswith("/discharge") and "token-kind" not in body:
            info = {
                "InteractionMethods": {
                    "browser-window": {"VisitURL": "login", "WaitTokenURL": "wait-token"},
                    "agent": {"login-url": "agent"},
                }
            }
            return ServerResponse.json({"Code": "interaction required", "Info": info}, 401)
        if request.path.endswith("/wait-token"):
            return ServerResponse.json({"kind": "window", "token": TOKEN})
        if request.path.endswith("/agent"):
            return ServerResponse.json({"macaroon": {"i": "agent", "s64": signature}})
        self.sent.append(body)
        return ServerResponse.json({"Code": f"no {body}", "Message": f"you sent {body}"}, 401)


@pytest.fixture
def candid() -> Iterator[EchoingCandid]:
    candid = EchoingCandid()
    with candid.server:
        yield candid


@pytest.mark.parametrize("agent", [True, False])
async def test_a_login_by_candid_that_is_refused(candid: EchoingCandid, watch: Watch, agent: bool):
    url = candid.server.url
    endpoints = replace(CHARMHUB_CANDID, api_url=url, storage_url=url, info_url=url, login_url=url)

    async def open_url(url: str) -> None:
        del url

    async with Charmhub(endpoints, **watch.options) as charmhub:
        with pytest.raises(LadingError) as caught:
            if agent:
                await charmhub.tokens.login_agent(Agent(username="bot", private_key=KEY))
            else:
                await charmhub.tokens.login_candid(open_url=open_url)
        await watch.check(caught.value, [KEY, TOKEN], charmhub, Agent(username="bot", private_key=KEY))
    assert candid.sent
    assert agent or TOKEN in candid.sent[0]


async def test_a_damaged_agent_file(watch: Watch, tmp_path: Any):
    file = tmp_path / "agent.json"
    contents = [
        json.dumps({"key": {"private": KEY}, "agents": [{"url": "u"}]}),
        json.dumps({"key": {"private": KEY[:-4]}, "agents": [{"url": "u", "username": "n"}]}),
        f'{{"key": {{"private": "{KEY}"',
    ]
    async with Charmhub(CHARMHUB_CANDID) as charmhub:
        for content in contents:
            await to_thread.run_sync(file.write_text, content)
            with pytest.raises(lading.ConfigError) as caught:
                await charmhub.tokens.login_agent(file)
            await watch.check(caught.value, [KEY, KEY[:-4]])


async def test_an_argument_that_is_refused_is_not_shown(fake: FakeUbuntuOne, watch: Watch):
    async with fake.charmhub() as charmhub:
        for options in ({"passwort": PASSWORD}, {"password": PASSWORD, "ttl": "x"}, {"password": PASSWORD, "otp": 1}):
            with pytest.raises((LadingError, TypeError)) as caught:
                await charmhub.tokens.login(email=EMAIL, **options)
            await watch.check(caught.value, [PASSWORD])

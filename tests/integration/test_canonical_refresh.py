"""Stored credentials in use: exchanged, refreshed once for many requests, and replaced by another process."""

from __future__ import annotations

import logging
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import anyio
import pytest
from pymacaroons import Macaroon

import lading
from lading import (
    Auth,
    Call,
    ConfigError,
    Forbidden,
    InvalidResponse,
    MemoryCredentials,
    NetworkError,
    Response,
    Unauthorized,
)
from lading._core.messages import Request
from lading._core.send_once import NOT_FOUND
from lading.canonical._stored import parse_exported
from lading.testing import DropAfter, ServerResponse
from tests.support.fake_ubuntu_one import FakeUbuntuOne, api_refusal, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio

REFRESH = "sso tokens/refresh"
WHOAMI = "store tokens/whoami"


@pytest.fixture
def fake() -> Iterator[FakeUbuntuOne]:
    with FakeUbuntuOne() as fake:
        yield fake


def at(**ago: float) -> str:
    """A time, as Ubuntu One writes it in a discharge."""
    return (datetime.now(UTC) + timedelta(**ago)).replace(tzinfo=None).isoformat(timespec="milliseconds")


def token_that_expires(moment: str) -> str:
    macaroon = Macaroon(location="api", identifier="token", key="key")
    macaroon.add_first_party_caveat(f"time-before {moment}Z")
    serialized: str = macaroon.serialize()
    return serialized


def exported(text: str) -> str:
    return b64encode(text.encode()).decode()


@pytest.mark.parametrize("sign", ["code", "header", "both"])
async def test_fifty_requests_that_are_refused_together_cause_one_refresh(fake: FakeUbuntuOne, sign: str):
    fake.sign = sign
    fake.needs_refresh = lambda caveat: caveat == "refreshed 0"
    place = lading.MemoryCredentials(fake.stored())
    async with fake.snap_store(token=place) as snaps, anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(snaps.tokens.whoami)
    assert fake.refreshed == 1
    assert fake.paths().count(REFRESH) == 1
    assert 51 <= fake.paths().count(WHOAMI) <= 100
    stored = parse_exported(await place.get() or "")
    assert stored.discharge == fake.discharge()  # as it was issued: bound for each request
    assert stored.form == "ubuntu-one"


async def test_a_discharge_that_has_expired_is_refreshed_before_the_first_request(fake: FakeUbuntuOne):
    fake.expires = at(days=-1)
    stored = fake.stored()
    fake.expires = at(days=1)
    async with fake.snap_store(token=stored) as snaps:
        await snaps.tokens.whoami()
        await snaps.tokens.whoami()
    assert fake.paths() == [REFRESH, WHOAMI, WHOAMI]


async def test_a_machine_whose_clock_is_fast_does_not_refresh_for_each_request(fake: FakeUbuntuOne):
    fake.expires = at(days=-1)  # refreshed ones have expired too, by this machine's clock
    async with fake.snap_store(token=fake.stored()) as snaps:
        for _ in range(3):
            await snaps.tokens.whoami()
    assert fake.paths() == [REFRESH, WHOAMI, WHOAMI, WHOAMI]


async def test_a_root_that_has_expired_cannot_be_refreshed(fake: FakeUbuntuOne):
    fake.caveats = (f"dashboard.snapcraft.io|expires|{at(days=-1)}",)
    async with fake.snap_store(token=fake.stored()) as snaps:
        with pytest.raises(ConfigError, match=r"expired at .* UTC and cannot be refreshed: log in again"):
            await snaps.tokens.whoami()
        assert await snaps.tokens.expires_at() is not None
    assert fake.seen == []


async def test_the_expiry_of_a_login_is_that_of_its_root(fake: FakeUbuntuOne):
    fake.expires = at(hours=1)
    async with fake.snap_store(token=fake.stored()) as snaps:
        assert await snaps.tokens.expires_at() is None
        fake.caveats = ("dashboard.snapcraft.io|expires|2098-01-01T00:00:00",)
        await snaps.tokens.import_(fake.stored())
        assert await snaps.tokens.expires_at() == datetime(2098, 1, 1, tzinfo=UTC)


async def test_new_ones_that_are_refused_too_end_it(fake: FakeUbuntuOne):
    fake.needs_refresh = lambda _: True
    async with fake.snap_store(token=fake.stored()) as snaps:
        with pytest.raises(Unauthorized, match="log in again"):
            await snaps.tokens.whoami()
    assert fake.paths() == [WHOAMI, REFRESH, WHOAMI]


async def test_ubuntu_one_refuses_to_refresh(fake: FakeUbuntuOne):
    fake.needs_refresh = lambda _: True
    fake.override = lambda seen: (
        refusal(401, "INVALID_CREDENTIALS", "invalid-credentials", "Password changed") if seen.role == "sso" else None
    )
    async with fake.snap_store(token=fake.stored()) as snaps:
        with pytest.raises(Unauthorized, match=r"does not refresh .*Password changed.*: log in again"):
            await snaps.tokens.whoami()
    assert fake.paths() == [WHOAMI, REFRESH]


async def test_a_write_that_waits_for_a_refresh_is_not_done_when_that_fails(fake: FakeUbuntuOne):
    """Its own request was refused, or has not been sent: nothing is to be looked up."""
    fake.needs_refresh = lambda _: True
    fake.sso.faults.add(DropAfter(), times=None)

    async def lookup(*_: object) -> object:
        raise AssertionError

    fake.override = lambda seen: (
        api_refusal(401, "macaroon-needs-refresh", "Expired", {"WWW-Authenticate": "Macaroon needs_refresh=1"})
        if seen.path == "/write"
        else None
    )
    async with fake.snap_store(token=fake.stored()) as snaps:
        sender = snaps.tokens._sender
        with pytest.raises(NetworkError) as caught:
            await sender.send_once(Call("POST", "write", json={}), lookup)  # type: ignore[arg-type]
        assert caught.value.outcome == "not_done"
    assert NOT_FOUND
    assert fake.paths() == ["store write", REFRESH, REFRESH]  # its own attempts, and not those of the write as well


async def test_another_process_has_refreshed_meanwhile(fake: FakeUbuntuOne):
    place = lading.MemoryCredentials(fake.stored())
    async with fake.snap_store(token=place) as snaps:
        await snaps.tokens.whoami()
        fake.refreshed = 1
        await place.set(fake.stored())
        fake.needs_refresh = lambda caveat: caveat == "refreshed 0"
        await snaps.tokens.whoami()
    assert fake.paths() == [WHOAMI, WHOAMI, WHOAMI]


async def test_another_process_has_logged_in_meanwhile(fake: FakeUbuntuOne):
    place = lading.MemoryCredentials("an-old-token")
    async with fake.charmhub(token=place) as charmhub:
        with pytest.raises(Unauthorized, match="log in again") as caught:
            await charmhub.tokens.whoami()
        assert caught.value.attempts == 1
        assert len(fake.seen) == 1  # nothing else is stored: it is not sent again
        await place.set(exported(fake.token))
        await charmhub.tokens.whoami()
        fake.token = "another-token-0123456789"
        await place.set(exported(fake.token))
        fake.seen.clear()
        async with anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(charmhub.tokens.whoami)
        tokens = [one.headers["authorization"] for one in fake.seen]
    assert tokens.count(f"Macaroon {fake.token}") == 50
    assert set(fake.paths()) == {"store v1/tokens/whoami"}


async def test_a_token_that_is_not_accepted_has_one_clear_error(fake: FakeUbuntuOne):
    async with fake.charmhub(token="an-old-token") as charmhub:
        for _ in range(2):
            with pytest.raises(Unauthorized) as caught:
                await charmhub.tokens.whoami()
    assert str(caught.value).startswith("charmhub: no such token: the credentials have expired or were revoked; log in")
    assert len(fake.seen) == 2


async def test_a_token_without_permission_is_something_else(fake: FakeUbuntuOne):
    fake.override = lambda _: api_refusal(403, "permission-required", "not yours")
    async with fake.charmhub(token="a-token") as charmhub:
        with pytest.raises(Forbidden, match=r"^charmhub: not yours \(HTTP 403\)$"):
            await charmhub.tokens.whoami()


async def test_a_token_that_has_expired_sends_nothing(fake: FakeUbuntuOne):
    async with fake.charmhub(token=token_that_expires(at(seconds=-1))) as charmhub:
        with pytest.raises(ConfigError, match=r"expired at .* UTC and cannot be refreshed: log in again"):
            await charmhub.tokens.whoami()
    assert fake.seen == []


async def test_a_token_that_expires_while_it_is_in_use(fake: FakeUbuntuOne, monkeypatch: pytest.MonkeyPatch):
    from lading.canonical import _auth

    fake.token = token_that_expires("2098-01-01T00:00:00")
    place = lading.MemoryCredentials(fake.token)
    async with fake.charmhub(token=place) as charmhub:
        await charmhub.tokens.whoami()

        class Later(datetime):
            @classmethod
            def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
                return datetime(2098, 6, 1, tzinfo=UTC)

        monkeypatch.setattr(_auth, "datetime", Later)
        with pytest.raises(ConfigError, match="expired at 2098-01-01 00:00 UTC"):
            await charmhub.tokens.whoami()
        fake.token = token_that_expires("2099-01-01T00:00:00")
        await place.set(fake.token)  # another process has logged in
        await charmhub.tokens.whoami()
    assert len(fake.seen) == 2


async def test_fifty_first_requests_cause_one_exchange(fake: FakeUbuntuOne):
    place = lading.MemoryCredentials(fake.stored())
    async with fake.charmhub(token=place) as charmhub, anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(charmhub.tokens.whoami)
    assert fake.paths().count("store v1/tokens/usso/exchange") == 1
    assert await place.get() == exported(fake.token)


async def test_an_environment_variable_keeps_what_it_has(fake: FakeUbuntuOne, monkeypatch: pytest.MonkeyPatch):
    """What was made of it is refreshed further, and not made of it again."""
    stored = exported(fake.stored())
    monkeypatch.setenv("SNAPCRAFT_STORE_CREDENTIALS", stored)
    place = lading.EnvironmentCredentials("SNAPCRAFT_STORE_CREDENTIALS")
    async with fake.snap_store(token=place) as snaps:
        for valid in (1, 2):
            fake.needs_refresh = lambda caveat, valid=valid: caveat < f"refreshed {valid}"  # type: ignore[misc]
            await snaps.tokens.whoami()
        assert await place.get() == stored
    assert fake.paths() == [WHOAMI, REFRESH, WHOAMI, WHOAMI, REFRESH, WHOAMI]
    sent = [one.body["discharge_macaroon"] for one in fake.seen if one.role == "sso"]
    assert sent[0] != sent[1]


async def test_macaroons_in_an_environment_variable_are_exchanged_again(
    fake: FakeUbuntuOne, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CHARMCRAFT_AUTH", exported(fake.stored()))
    fake.token = token_that_expires(at(seconds=1))  # sooner than a request should begin with
    async with fake.charmhub(token=lading.EnvironmentCredentials("CHARMCRAFT_AUTH")) as charmhub:
        await charmhub.tokens.whoami()
        assert len(fake.seen) == 2


class Full(lading.MemoryCredentials):
    """A place that cannot be written."""

    async def set(self, secret: str) -> None:
        raise OSError(28, "No space left on device")


async def test_renewed_credentials_that_cannot_be_stored_are_used(
    fake: FakeUbuntuOne, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.WARNING, logger="lading")
    fake.needs_refresh = lambda caveat: caveat == "refreshed 0"
    async with fake.snap_store(token=Full(fake.stored())) as snaps:
        await snaps.tokens.whoami()
        await snaps.tokens.whoami()
    assert fake.paths() == [WHOAMI, REFRESH, WHOAMI, WHOAMI]
    (record,) = caplog.records
    assert "credentials could not be stored in MemoryCredentials(***) (OSError)" in record.getMessage()


async def test_a_logout_during_a_refresh_stays_one(fake: FakeUbuntuOne):
    place = lading.MemoryCredentials(fake.stored())
    async with fake.snap_store(token=place) as snaps:
        before = parse_exported(fake.stored())
        await place.delete()
        fake.refreshed = 1
        await snaps.tokens._auth._keep(before, parse_exported(fake.stored()))
        assert await place.get() is None


async def test_damaged_macaroons(fake: FakeUbuntuOne):
    stored = '{"t": "u1-macaroon", "v": {"r": "AgEroot", "d": "MDdischarge"}}'
    async with fake.snap_store(token=stored) as snaps:
        with pytest.raises(ConfigError, match="the credentials are damaged"):
            await snaps.tokens.whoami()
    assert fake.seen == []


async def test_a_store_that_only_says_a_token_is_missing(fake: FakeUbuntuOne):
    fake.override = lambda _: ServerResponse(401)
    async with fake.charmhub(token="a-token") as charmhub:
        with pytest.raises(Unauthorized, match="log in again"):
            await charmhub.tokens.whoami()
    assert len(fake.seen) == 1


async def test_a_login_while_a_request_is_on_its_way(fake: FakeUbuntuOne):
    """It is refused with the credentials of before, and sent again with the new ones."""
    place = lading.MemoryCredentials("an-old-token")
    async with fake.charmhub(token=place) as charmhub:
        auth = charmhub.tokens._auth
        sender = charmhub.tokens._sender
        request = Request("GET", fake.store.url, {}, lading.Timeout())
        await auth.prepare(sender)
        flow = auth.flow(request)
        assert next(flow) is request
        assert request.headers["Authorization"] == "Macaroon an-old-token"
        await charmhub.tokens.import_("a-new-token-0123456789")
        step = flow.send(Response(401, {}, b""))
        while step is Auth.PREPARE:
            await auth.prepare(sender)
            step = next(flow)
        assert step is request
        assert request.headers["Authorization"] == "Macaroon a-new-token-0123456789"
        with pytest.raises(StopIteration):
            flow.send(Response(200, {}, b""))
        assert {"an-old-token", "a-new-token-0123456789"} <= set(auth.secrets())


async def test_what_is_no_discharge_does_not_replace_the_one_that_is_stored(fake: FakeUbuntuOne):
    fake.needs_refresh = lambda _: True
    junk = ServerResponse.json({"discharge_macaroon": "junk-0123456789"})
    fake.override = lambda seen: junk if seen.role == "sso" else None
    place = MemoryCredentials(fake.stored())
    before = await place.get()
    async with fake.snap_store(token=place) as snaps:
        with pytest.raises(InvalidResponse, match="not a macaroon"):
            await snaps.tokens.whoami()
    assert await place.get() == before


@pytest.mark.parametrize("token", ["broken\r\nX-More: 1", "späť", "a\tb"])
async def test_what_no_header_can_have_does_not_replace_what_is_stored(fake: FakeUbuntuOne, token: str):
    fake.token = token
    place = MemoryCredentials(fake.stored())
    before = await place.get()
    async with fake.charmhub(token=place) as charmhub:
        with pytest.raises(InvalidResponse):
            await charmhub.tokens.whoami()
    assert await place.get() == before

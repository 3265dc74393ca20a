"""Logins at the embedded stores, which verify macaroons: by Ubuntu One, in a browser, as an agent; and sessions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import to_thread

from lading import ConfigError, MemoryCredentials, NotFound, RequestTimeout, Retry, Unauthorized
from lading.canonical import Agent, Charmhub, SnapStore, StoreAuth, permissions
from lading.testing import EmbeddedCharmhub, EmbeddedSnapStore

if TYPE_CHECKING:
    from pathlib import Path

    from lading.canonical import Endpoints

pytestmark = pytest.mark.anyio

EMAIL, PASSWORD, OTP = "owner@example.com", "correct horse", "135790"
QUICK: dict[str, Any] = {"retry": Retry(attempts=2, backoff=0)}


@pytest.fixture
def store() -> Iterator[EmbeddedCharmhub]:
    with EmbeddedCharmhub(interactions=["browser-window", "agent"], rendezvous_timeout=1) as store:
        store.add_package("hello")
        yield store
    assert store.errors == []


@pytest.fixture
def snap_store() -> Iterator[EmbeddedSnapStore]:
    with EmbeddedSnapStore() as store:
        yield store
    assert store.errors == []


async def test_charmhub_by_ubuntu_one(store: EmbeddedCharmhub):
    store.add_account("careful", otp=OTP)

    async def otp() -> str:
        return OTP

    async with Charmhub(store.endpoints(), **QUICK) as charmhub:
        exported = await charmhub.tokens.login(
            email=EMAIL, password=PASSWORD, permissions=[permissions.PACKAGE_VIEW], packages=["hello"], description="ci"
        )
        found = await charmhub.tokens.whoami()
        assert (found.account.username, found.permissions) == ("owner", ("package-view",))
        with pytest.raises(Unauthorized):
            await charmhub.tokens.login(email=EMAIL, password="wrong-password", overwrite=True)
        assert await charmhub.tokens.export() == exported
        await charmhub.tokens.login(email="careful@example.com", password=PASSWORD, otp=otp, overwrite=True)
        assert (await charmhub.tokens.whoami()).account.username == "careful"


async def test_copies_of_one_client_act_for_other_accounts(store: EmbeddedCharmhub, snap_store: EmbeddedSnapStore):
    def auth(exported: str, endpoints: Endpoints) -> StoreAuth:
        return StoreAuth(MemoryCredentials(exported), endpoints)

    async with Charmhub(store.endpoints()) as charmhub, SnapStore(snap_store.endpoints()) as snaps:
        for name in ("ada", "grace"):
            token = store.export_token(store.add_account(name))
            tenant = charmhub.with_options(auth=auth(token, store.endpoints()))
            assert (await tenant.tokens.whoami()).account.username == name
            credentials = await to_thread.run_sync(snap_store.export_credentials, snap_store.add_account(name))
            snap_tenant = snaps.with_options(auth=auth(credentials, snap_store.endpoints()))
            assert (await snap_tenant.tokens.whoami()).account.username == name
        with pytest.raises(ConfigError, match="needs credentials"):
            await charmhub.tokens.whoami()


async def test_an_agent_that_candid_does_not_know(store: EmbeddedCharmhub):
    key = store.add_agent("robot")["key"]["private"]
    async with Charmhub(store.endpoints("candid")) as charmhub:
        with pytest.raises(NotFound, match="'nobody' has no such public key"):
            await charmhub.tokens.login_agent(Agent(username="nobody", private_key=key))


async def test_sessions_are_listed_and_revoked(store: EmbeddedCharmhub):
    async with Charmhub(store.endpoints(), **QUICK) as charmhub:
        await charmhub.tokens.login(email=EMAIL, password=PASSWORD, description="ci")
        (session,) = [one async for one in charmhub.tokens.list()]
        assert session.description == "ci"
        assert session.valid_since is not None
        with pytest.raises(NotFound):
            await charmhub.tokens.revoke("no-such-session")
        await charmhub.tokens.revoke(session.session_id)
        with pytest.raises(Unauthorized, match="log in again"):
            await charmhub.tokens.whoami()
        await charmhub.tokens.login(email=EMAIL, password=PASSWORD, overwrite=True)
        assert len(await charmhub.tokens.list()) == 1
        assert len(await charmhub.tokens.list(include_inactive=True)) == 2


@pytest.mark.parametrize("plain", [True, False])
async def test_charmhub_in_a_browser(store: EmbeddedCharmhub, plain: bool):
    store.sends_plain_tokens = plain

    async def open_url(url: str) -> None:
        await to_thread.run_sync(store.visit, url)

    async with Charmhub(store.endpoints("candid"), **QUICK) as charmhub:
        await charmhub.tokens.login_candid(open_url=open_url, channels=["edge"])
        found = await charmhub.tokens.whoami()
        assert (found.account.username, found.channels) == ("owner", ("edge",))


async def test_nobody_comes(store: EmbeddedCharmhub):
    async def open_url(url: str) -> None:
        assert url

    async with Charmhub(store.endpoints("candid"), **QUICK) as charmhub:
        with pytest.raises(RequestTimeout, match="nobody logged in"):
            await charmhub.tokens.login_candid(open_url=open_url)
        with pytest.raises(ConfigError, match="needs credentials"):
            await charmhub.tokens.whoami()


async def test_charmhub_as_an_agent(store: EmbeddedCharmhub, tmp_path: Path):
    file = tmp_path / "agent.json"
    await to_thread.run_sync(file.write_text, json.dumps(store.add_agent("robot")))
    async with Charmhub(store.endpoints("candid"), **QUICK) as charmhub:
        await charmhub.tokens.login_agent(file)
        assert (await charmhub.tokens.whoami()).account.username == "robot"


async def test_the_snap_store_by_ubuntu_one(snap_store: EmbeddedSnapStore):
    async with SnapStore(snap_store.endpoints(), **QUICK) as snaps:
        await snaps.tokens.login(email=EMAIL, password=PASSWORD)
        assert (await snaps.tokens.whoami()).account.username == "owner"
        snap_store.change_password(snap_store.owner, "another-password")
        snap_store.advance_clock(31 * 24 * 3600)
        with pytest.raises((Unauthorized, ConfigError), match="log in again"):
            await snaps.tokens.whoami()


async def test_the_snap_store_refreshes_once_for_many(snap_store: EmbeddedSnapStore):
    async with SnapStore(snap_store.endpoints(), **QUICK) as snaps:
        await snaps.tokens.login(email=EMAIL, password=PASSWORD, ttl=365 * 24 * 3600)
        snap_store.advance_clock(31 * 24 * 3600)
        async with anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(snaps.tokens.whoami)
    refreshes = [one for one in snap_store.requests if one.target.endswith("/refresh")]
    assert len(refreshes) == 1

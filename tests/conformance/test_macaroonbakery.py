"""Logging in by Candid, with macaroonbakery on the other side: every macaroon is verified by it."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from anyio import to_thread
from macaroonbakery import bakery

from lading import Unauthorized
from lading.canonical import Agent
from tests.conformance.bakery_store import TOKEN, BakeryStore

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio
VERSIONS = [bakery.VERSION_1, bakery.VERSION_2, bakery.VERSION_3]


@pytest.fixture
def store() -> Iterator[BakeryStore]:
    with BakeryStore() as store:
        yield store


def opener(store: BakeryStore) -> Any:
    async def open_url(url: str) -> None:
        assert url == f"{store.first.location}/login?did=7"
        store.first.visited.append(url)

    return open_url


async def login(store: BakeryStore, **options: Any) -> None:
    async with store.client() as charmhub:
        exported = await charmhub.tokens.login_candid(open_url=opener(store), **options)
        assert json.loads(b64decode(exported)) == {"t": "macaroon", "v": TOKEN}
        assert (await charmhub.tokens.whoami()).account.id == "ACC1"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("interaction", ["window", "legacy", ""])
async def test_a_person_logs_in(store: BakeryStore, version: int, interaction: str):
    store.version = version
    store.first.interaction = interaction
    await login(store)
    assert store.bundles == [2]
    assert store.first.conditions == ["is-authenticated-user"]


@pytest.mark.parametrize("member", ["token", "token64"])
@pytest.mark.parametrize("relative", [False, True])
async def test_tokens_and_urls_in_both_forms(store: BakeryStore, member: str, relative: bool):
    store.first.token_member = member
    store.first.relative = relative
    await login(store, permissions=["package-view"], ttl=10, description="d", channels=["edge"], packages=["x"])
    assert store.requests == [
        {
            "permissions": ["package-view"],
            "description": "d",
            "ttl": 10,
            "packages": [{"type": "charm", "name": "x"}],
            "channels": ["edge"],
        }
    ]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_root_without_third_party_caveats(store: BakeryStore, version: int):
    store.version = version
    store.at = []
    await login(store)
    assert store.bundles == [1]
    assert store.first.forms == []


async def test_a_further_service_has_to_be_at_https_or_configured(store: BakeryStore):
    store.first.then = [store.second.location]
    async with store.client() as charmhub:
        with pytest.raises(Unauthorized, match="neither https nor at api_url or login_url: not followed"):
            await charmhub.tokens.login_candid(open_url=opener(store))
    assert store.second.forms == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_discharge_that_needs_further_ones_of_the_same_service(store: BakeryStore, version: int):
    store.version = version
    store.at = [store.first, store.first]
    store.first.interaction = ""
    first_only = [store.first.location]

    def check(ctx: Any, info: Any, checker: Any = store.first.check_third_party_caveat) -> Any:
        store.first.then = first_only if info.condition == "is-authenticated-user" else []
        return checker(ctx, info)

    store.first.check_third_party_caveat = check  # type: ignore[method-assign]
    await login(store)
    assert store.first.conditions == ["is-authenticated-user"] * 2 + ["is-member"] * 2  # breadth first
    assert store.bundles == [5]


@pytest.mark.parametrize("status", [401, 407])
async def test_a_service_that_requires_macaroons_for_access_to_itself(store: BakeryStore, status: int):
    store.first.gate = status
    await login(store)
    assert len(store.first.forms) == 2


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("as_file", [False, True])
async def test_an_agent_logs_in(store: BakeryStore, tmp_path: Path, version: int, as_file: bool):
    store.version = version
    store.first.interaction = "agent"
    key = bakery.generate_key()
    file = tmp_path / "agent.json"
    agents = [{"url": "https://candid.example.com", "username": "other"}]
    agents.append({"url": f"{store.first.location}/", "username": "bot@candid"})
    key_pair = {"public": str(key.public_key), "private": str(key)}
    await to_thread.run_sync(file.write_text, json.dumps({"key": key_pair, "agents": agents}))
    agent = Agent(username="bot@candid", private_key=str(key))
    async with store.client() as charmhub:
        await charmhub.tokens.login_agent(file if as_file else agent)
        assert (await charmhub.tokens.whoami()).account.id == "ACC1"
    assert store.bundles == [2]

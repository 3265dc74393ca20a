"""Logging in by a real Candid: a person on its page, an agent, and nobody."""

from __future__ import annotations

import html
import json
import re
import urllib.parse
import urllib.request
from base64 import b64decode
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from anyio import to_thread
from macaroonbakery import bakery

from lading import ConfigError, RequestTimeout, Unauthorized
from lading.canonical import Agent
from tests.candid.candid import AGENT, PASSWORD, PERSON
from tests.conformance.bakery_store import TOKEN, BakeryStore

if TYPE_CHECKING:
    from pathlib import Path

    from tests.candid.candid import Candid

pytestmark = pytest.mark.anyio


@pytest.fixture
def store(candid: Candid) -> Iterator[BakeryStore]:
    store = BakeryStore()
    store.elsewhere = [candid.location]
    store.login_url = candid.location
    store.locator.add_info(
        candid.location, bakery.ThirdPartyInfo(version=bakery.LATEST_VERSION, public_key=candid.public_key)
    )
    with store:
        yield store


def visit(url: str) -> None:
    """Log in on the page, as a person with a browser does: choose a provider, fill in its form."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())

    def read(url: str, body: bytes | None = None) -> str:
        with opener.open(url, body, timeout=10) as response:
            text: str = html.unescape(response.read().decode())
            return text

    for tag in ("href", "action"):
        found = re.search(f"{tag}='([^']*)'", read(url))
        assert found
        url = found[1]
    body = urllib.parse.urlencode({"username": PERSON, "password": PASSWORD}).encode()
    assert read(url, body) == f"logged in as {PERSON}"


async def in_a_browser(url: str) -> None:
    await to_thread.run_sync(visit, url)


async def nobody(url: str) -> None:
    assert url


@pytest.mark.parametrize("version", [bakery.VERSION_2, bakery.VERSION_3])
async def test_a_person_logs_in_on_the_page(store: BakeryStore, version: int):
    store.version = version
    async with store.client() as charmhub:
        exported = await charmhub.tokens.login_candid(open_url=in_a_browser)
        assert json.loads(b64decode(exported)) == {"t": "macaroon", "v": TOKEN}
        assert (await charmhub.tokens.whoami()).account.id == "ACC1"
    assert store.bundles == [2]


async def test_nobody_logs_in(store: BakeryStore):
    async with store.client() as charmhub:
        with pytest.raises(RequestTimeout, match="nobody logged in on the page in time"):
            await charmhub.tokens.login_candid(open_url=nobody)


@pytest.mark.parametrize("version", [bakery.VERSION_2, bakery.VERSION_3])
async def test_an_agent_logs_in(store: BakeryStore, candid: Candid, version: int, tmp_path: Path):
    store.version = version
    file = tmp_path / "agent.json"
    content: dict[str, Any] = {
        "key": {"private": candid.agent_key},
        "agents": [{"url": candid.location, "username": AGENT}],
    }
    await to_thread.run_sync(file.write_text, json.dumps(content))
    async with store.client() as charmhub:
        await charmhub.tokens.login_agent(file)
        assert (await charmhub.tokens.whoami()).account.id == "ACC1"
    assert store.bundles == [2]


async def test_an_agent_that_is_not_known(store: BakeryStore, candid: Candid):
    async with store.client() as charmhub:
        with pytest.raises((Unauthorized, ConfigError)) as caught:
            await charmhub.tokens.login_agent(Agent(username=AGENT, private_key=str(bakery.generate_key())))
        assert caught.value.outcome == "not_done"
        with pytest.raises(ConfigError, match="none of the agents is for"):
            agent = Agent(username=AGENT, private_key=candid.agent_key, url="https://candid.example.com")
            await charmhub.tokens.login_agent(agent)

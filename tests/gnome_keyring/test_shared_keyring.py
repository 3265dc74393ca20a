"""A keyring that lading and craft-store share: what one stores the other reads, and removes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.gnome_keyring.session import Session

HOST = "api.charmhub.io"
# In the forms that craft-store and its users store.
STORED = [
    "raw-store-token-0123456789",
    json.dumps({"t": "macaroon", "v": "candid-token-0123456789"}),
    json.dumps({"t": "u1-macaroon", "v": {"r": "root-0123456789", "d": "discharge-0123456789"}}),
]

THEIRS = """
import os, craft_store
auth = craft_store.Auth("charmcraft", "api.charmhub.io")
action, value = os.environ["ACTION"], os.environ.get("VALUE", "")
if action == "set":
    auth.set_credentials(value, force=True)
elif action == "delete":
    auth.del_credentials()
else:
    print(auth.get_credentials())
"""
OURS = """
import os, anyio, lading
from lading.canonical import Charmhub

async def main():
    action, value = os.environ["ACTION"], os.environ.get("VALUE", "")
    try:
        async with Charmhub.from_config() as charmhub:
            if action == "set":
                await charmhub.tokens.import_(value)
            elif action == "delete":
                await charmhub.tokens.logout()
            else:
                stored = await charmhub.tokens._auth.read()
                print("" if stored is None else stored.dump())
    except lading.ConfigError as error:
        print("ConfigError", error)

anyio.run(main, backend=os.environ["LOOP"])
"""


@pytest.fixture(params=["asyncio", "trio"])
def loop(request: pytest.FixtureRequest) -> str:
    """The event loop of our programs."""
    name: str = request.param
    return name


@pytest.mark.parametrize("stored", STORED, ids=["token", "candid", "ubuntu-one"])
def test_what_craft_store_stores_is_read(session: Session, loop: str, stored: str):
    session.run(THEIRS, ACTION="set", VALUE=stored)
    assert session.run(OURS, ACTION="get", LOOP=loop) == stored
    session.run(OURS, ACTION="delete", LOOP=loop)
    assert session.run(OURS, ACTION="get", LOOP=loop) == ""


@pytest.mark.parametrize("stored", STORED, ids=["token", "candid", "ubuntu-one"])
def test_what_is_stored_craft_store_reads(session: Session, loop: str, stored: str):
    session.run(OURS, ACTION="set", VALUE=stored, LOOP=loop)
    assert session.run(THEIRS, ACTION="get") == stored
    session.run(THEIRS, ACTION="delete")
    assert session.run(OURS, ACTION="get", LOOP=loop) == ""


def test_a_machine_without_a_keyring(bare_session: Session, loop: str):
    found = bare_session.run(OURS, ACTION="get", LOOP=loop)
    assert found.startswith("ConfigError charmhub: ")
    assert "CHARMCRAFT_AUTH" in found
    assert "file_fallback=True" in found

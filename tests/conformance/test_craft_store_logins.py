"""Logins of lading in craft-store, and of craft-store in lading: each uses what the other exported.

craft-store runs in processes of its own: it changes the keyring of the whole process, and leaves connections open.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from anyio import to_thread

from lading.canonical._stored import parse_exported
from tests.support.fake_ubuntu_one import EMAIL, PASSWORD, FakeUbuntuOne

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio

# As charmcraft reads what it finds: with the same auth, and the same gateway.
AT_CHARMHUB = """
auth = craft_store.UbuntuOneAuth(auth=craft_store.Auth("charmcraft", host, environment_auth="LOGIN"), api_base_url=api)
found = craft_store.PublisherGateway(base_url=api, namespace="charm", auth=auth).whoami()
"""
# As snapcraft does.
AT_THE_SNAP_STORE = """
client = craft_store.UbuntuOneStoreClient(
    base_url=api, storage_base_url=api, auth_url=sso, endpoints=craft_store.endpoints.U1_SNAP_STORE,
    application_name="snapcraft", user_agent="test", environment_auth="LOGIN",
)
found = client.whoami()
"""
LOGIN = f"""
from craft_store.login import UbuntuOneLogin
auth = craft_store.Auth("charmcraft", host, ephemeral=True)
UbuntuOneLogin.login_with({EMAIL!r}, {PASSWORD!r}, base_url=api, login_url=sso, store_auth=auth, ttl=3600)
found = [auth.encode_credentials(auth.get_credentials())]
craft_store.UbuntuOneAuth(auth=auth, api_base_url=api).get_token_from_keyring()
found.append(auth.encode_credentials(auth.get_credentials()))
"""


@pytest.fixture
def fake() -> Iterator[FakeUbuntuOne]:
    with FakeUbuntuOne() as fake:
        yield fake


async def run(fake: FakeUbuntuOne, code: str, exported: str = "") -> Any:
    """Run a program of craft-store's, and return what it found."""
    places = f"api, sso = {fake.store.url!r}, {fake.sso.url!r}; host = {fake.store.url.removeprefix('http://')!r}"
    program = f"import json, os, craft_store, craft_store.endpoints\n{places}\n{code}\nprint(json.dumps(found))"

    def work() -> str:
        command = [sys.executable, "-c", program]
        environment = {"LOGIN": exported, "PATH": "", "HOME": "/nonexistent"}
        return subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, env=environment, timeout=60
        ).stdout

    return json.loads(await to_thread.run_sync(work))


async def test_a_login_at_charmhub_in_craft_store(fake: FakeUbuntuOne):
    async with fake.charmhub() as charmhub:
        exported = await charmhub.tokens.login(email=EMAIL, password=PASSWORD)
    fake.seen.clear()
    assert (await run(fake, AT_CHARMHUB, exported))["account"]["id"] == "ACC1"
    assert fake.paths() == ["store v1/tokens/whoami"]  # it was exchanged already
    assert fake.seen[0].headers["authorization"] == f"Macaroon {fake.token}"


async def test_a_login_at_the_snap_store_in_craft_store(fake: FakeUbuntuOne):
    async with fake.snap_store() as snaps:
        exported = await snaps.tokens.login(email=EMAIL, password=PASSWORD)
    fake.needs_refresh = lambda caveat: caveat == "refreshed 0"
    assert (await run(fake, AT_THE_SNAP_STORE, exported))["account"]["id"] == "ACC1"
    assert fake.refreshed == 1


async def test_a_login_of_craft_store(fake: FakeUbuntuOne):
    """Before the exchange, which is done at the first request, and after it."""
    before, after = await run(fake, LOGIN)
    assert (parse_exported(before).form, parse_exported(after).form) == ("ubuntu-one", "token")
    for exported in (before, after):
        async with fake.charmhub(token=exported) as charmhub:
            assert (await charmhub.tokens.whoami()).account.id == "ACC1"
            assert await charmhub.tokens.export() == after

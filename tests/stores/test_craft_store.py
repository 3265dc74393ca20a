"""craft-store, the library of charmcraft and snapcraft, completes its flows against the embedded Charmhub."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from lading.canonical import Charmhub
from lading.testing import EmbeddedCharmhub, make_charm
from tests.support import charmhub_api

PROGRAMS = Path(charmhub_api.__file__).with_name("craft_programs.py")
PASSWORD = "correct horse"


def craft_store(program, home, **arguments):
    """Run one of the programs without anything of this machine's configuration; what it found."""
    assert find_spec("craft_store") is not None, "craft-store is among the test dependencies"
    environment = {
        **{name: os.environ[name] for name in ("PATH", "TMPDIR", "LANG") if name in os.environ},
        "HOME": str(home),
        "NO_PROXY": "127.0.0.1",
        "CRAFT_STORE_RETRIES": "0",
    }
    command = [sys.executable, str(PROGRAMS), program, json.dumps(arguments)]
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def store():
    with EmbeddedCharmhub() as store:
        yield store
    assert store.errors == []


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_person_logs_in_at_the_identity_service(version, tmp_path):
    with EmbeddedCharmhub(bakery_version=version) as store:
        hosts = {"api": store.url, "storage": store.storage_url}
        found = craft_store("log_in", tmp_path, **hosts, username="owner", password=PASSWORD)
    assert found["who"]["account"]["username"] == "owner"
    assert store.errors == []


def test_a_charm_is_published(store, tmp_path):
    charm = make_charm("hello", version="3.2", resources={"data": "file"})
    (tmp_path / "hello.charm").write_bytes(charm)
    (tmp_path / "data.bin").write_bytes(b"some data")
    found = craft_store(
        "publish",
        tmp_path,
        api=store.url,
        storage=store.storage_url,
        username="owner",
        password=PASSWORD,
        charm="hello.charm",
        resource="data.bin",
    )
    assert "already-registered" in found["registered twice"]
    assert (found["first"]["status"], found["first"]["revision"]) == ("approved", 1)
    assert (found["second"]["status"], found["second"]["errors"][0]["code"]) == ("rejected", "review-error")
    assert (found["resource"]["status"], found["updated"]) == ("approved", 1)
    assert found["resource revisions"][0]["size"] == 9
    (release,) = found["releases"]["channel-map"]
    assert (release["channel"], release["revision"], release["resources"][0]["name"]) == ("latest/edge", 1, "data")
    assert found["revisions"][0]["sha3-384"] == hashlib.sha3_384(charm).hexdigest()
    assert [name["name"] for name in found["names"]] == ["hello"]
    assert store.packages == ("hello",)
    # Credentials go to the API only.
    sent = {request.host for request in store.requests if "Authorization" in request.headers}
    assert sent == {"api"}


def test_the_gateway_with_a_login_at_ubuntu_one(store, tmp_path):
    ada = store.add_account("ada", otp="123456")
    store.add_package("hello", owner=ada)
    store.set_guardrails("hello", r"\d+\.\d+")
    charmhub_api.Api.of(store, ada).publish("hello", make_charm("hello"))
    hosts = {"api": store.url, "login": store.login_url}
    found = craft_store("gateway", tmp_path, **hosts, email=ada.email, password=PASSWORD, otp="123456")
    assert found["wrong"] == "UbuntuOneCredentialsError"
    assert found["without otp"] == "UbuntuOneOtpRequiredError"
    assert (found["who"], found["names"], found["type"], found["revisions"]) == ("ada", ["hello"], "bundle", [1])
    assert (found["released"], found["channels"]) == (["latest/stable", 1], ["latest/stable"])
    assert found["tracks"] == 1
    assert "already exist" in found["track twice"]


def test_an_agent_logs_in_at_the_identity_service(store, tmp_path):
    (tmp_path / "agents.json").write_text(json.dumps(store.add_agent("robot")))
    hosts = {"api": store.url, "storage": store.storage_url}
    found = craft_store("log_in_as_agent", tmp_path, **hosts, agents=str(tmp_path / "agents.json"))
    assert found["who"]["account"]["username"] == "robot"


@pytest.mark.anyio
async def test_lading_uses_what_craft_store_has_stored(store, tmp_path):
    from anyio import to_thread

    ada = store.add_account("ada", otp="123456")
    store.add_package("hello", owner=ada)
    store.set_guardrails("hello", r"\d+\.\d+")
    charmhub_api.Api.of(store, ada).publish("hello", make_charm("hello"))
    login = {"api": store.url, "login": store.login_url, "email": ada.email, "password": PASSWORD, "otp": "123456"}
    found = await to_thread.run_sync(lambda: craft_store("gateway", tmp_path, **login))
    async with Charmhub(store.endpoints(), token=found["stored"]) as charmhub:
        assert (await charmhub.tokens.whoami()).account.username == "ada"

"""charmcraft, as its users start it, publishes a charm to the embedded Charmhub.

Its pins are not ours: it has a virtual environment of its own, which is made where ``LADING_CHARMCRAFT`` says.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lading.canonical import Charmhub
from lading.testing import EmbeddedCharmhub, make_charm

DIRECTORY = "LADING_CHARMCRAFT"
REQUIREMENT = "charmcraft==4.5.0"
PERMISSIONS = ("account-register-package", "account-view-packages", "package-manage", "package-view")
PROJECT = """
name: hello
type: charm
title: Hello
summary: A charm.
description: A charm.
platforms:
  amd64:
base: ubuntu@24.04
parts:
  hello:
    plugin: nil
"""


@pytest.fixture(scope="session")
def program():
    """The command."""
    directory = os.environ.get(DIRECTORY)
    if not directory:
        pytest.skip(f"{DIRECTORY} names no directory for a charmcraft: run tox -e charmcraft")
    found = Path(directory) / "bin" / "charmcraft"
    if not found.exists():
        subprocess.run([sys.executable, "-m", "venv", directory], check=True)
        subprocess.run([Path(directory) / "bin" / "pip", "install", "-q", REQUIREMENT], check=True)
    return str(found)


@pytest.fixture
def store():
    with EmbeddedCharmhub() as store:
        yield store
    assert store.errors == []


@pytest.fixture
def charmcraft(store, program, tmp_path):
    """Run charmcraft with exported credentials, and nothing of this machine's configuration."""
    (tmp_path / "charmcraft.yaml").write_text(PROJECT)

    def charmcraft(*arguments, status=0, token=None):
        environment = {
            **{name: os.environ[name] for name in ("PATH", "TMPDIR", "LANG") if name in os.environ},
            **dict.fromkeys(("HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME"), str(tmp_path)),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "NO_PROXY": "127.0.0.1",
            **store.charmcraft_environment(token or store.create_token(permissions=PERMISSIONS)),
        }
        done = subprocess.run(
            [program, *arguments],
            env=environment,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    return charmcraft


def test_it_shows_whose_the_credentials_are(charmcraft):
    assert "username: owner" in charmcraft("whoami")


def test_a_charm_is_published(store, charmcraft, tmp_path):
    (tmp_path / "hello.charm").write_bytes(make_charm("hello", version="2.1", resources={"data": "file"}))
    (tmp_path / "data.bin").write_bytes(b"some data")
    assert "You are now the publisher of charm 'hello'" in charmcraft("register", "hello")
    assert "already registered" in charmcraft("register", "hello", status=1)
    assert "Revision 1 of 'hello' created" in charmcraft("upload", "hello.charm")
    assert "already exists in the database" in charmcraft("upload", "hello.charm", status=1)
    (revision,) = json.loads(charmcraft("revisions", "hello", "--format", "json"))
    assert (revision["revision"], revision["version"], revision["status"]) == (1, "2.1", "approved")
    assert "Revision 1 created of resource 'data'" in charmcraft(
        "upload-resource", "hello", "data", "--filepath", "data.bin"
    )
    (resource,) = json.loads(charmcraft("resources", "hello", "--format", "json"))
    assert (resource["charm_revision"], resource["name"]) == (1, "data")
    released = charmcraft("release", "hello", "--revision=1", "--channel=edge", "--resource=data:1")
    assert "Revision 1 of 'hello' released to edge" in released
    (release,) = store.releases("hello")
    assert (release.channel, release.revision, release.resources) == ("latest/edge", 1, {"data": 1})
    shown = json.loads(charmcraft("status", "hello", "--format", "json"))
    channels = {one["channel"]: one["revision"] for one in shown[0]["mappings"][0]["releases"]}
    assert channels["latest/edge"] == 1
    assert "promot" in charmcraft(
        "promote", "--name=hello", "--from-channel=latest/edge", "--to-channel=latest/beta", "--yes"
    )
    assert [one.channel for one in store.releases("hello")] == ["latest/edge", "latest/beta"]
    charmcraft("close", "hello", "edge")
    assert [one.channel for one in store.releases("hello")] == ["latest/beta"]
    store.set_guardrails("hello", r"\d+\.\d+")
    charmcraft("create-track", "--name=hello", "--track=1.0")
    assert store.tracks("hello") == ("latest", "1.0")


def test_a_name_is_unregistered(store, charmcraft):
    store.add_package("hello")
    assert "hello" in charmcraft("names")
    assert "has been removed" in charmcraft("unregister", "hello")
    assert store.packages == ()


def test_credentials_that_are_not_valid(store, charmcraft):
    token = store.create_token()
    store.revoke()
    charmcraft("whoami", status=1, token=token)


@pytest.mark.anyio
async def test_lading_uses_the_same_credentials(store, charmcraft):
    from anyio import to_thread

    token = store.create_token(permissions=PERMISSIONS)
    exported = store.charmcraft_environment(token)["CHARMCRAFT_AUTH"]
    shown = await to_thread.run_sync(lambda: charmcraft("whoami", token=token))
    async with Charmhub(store.endpoints(), token=exported) as charmhub:
        assert (await charmhub.tokens.whoami()).account.id in shown

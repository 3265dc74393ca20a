"""Credentials that `Copr.from_config` finds: arguments, environment, file, keyring and Kerberos, used on requests."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from anyio import to_thread

from lading import BasicAuth, ConfigError, Copr, Unauthorized
from lading.copr import GssapiAuth, TokenPairAuth
from tests.support.copr_frontend import RecordingCopr
from tests.support.memory_keyring import MemoryKeyring

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("memory_keyring")]


@pytest.fixture
def no_spnego(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spnego", None)


@pytest.fixture
def store() -> Iterator[RecordingCopr]:
    with RecordingCopr(now=datetime.now(UTC) - timedelta(days=170)) as store:
        yield store


async def written(store: RecordingCopr, text: str | None = None) -> Path:
    """``~/.config/copr`` of the store's owner; written off the loop."""
    path = Path(os.environ["HOME"]) / ".config" / "copr"
    await to_thread.run_sync(store.write_config, path)
    if text is not None:
        await to_thread.run_sync(path.write_text, text)
    return path


def auth_of(copr: Copr) -> object:
    return copr._connections.settings.auth


async def test_the_file(store: RecordingCopr):
    await written(store)
    async with Copr.from_config() as copr:
        assert (await copr.tokens.whoami()).name == "owner"
        assert copr.username == "owner"
        assert copr.tokens.expires_on == store.owner.expiration
        assert store.owner.token not in repr(copr) + repr(vars(copr)) + repr(auth_of(copr))
    with pytest.raises(ConfigError, match="closed"):
        await copr.home()
    copr = await Copr.from_config()
    assert (await copr.home())["version"] == 3
    await copr.aclose()
    assert [request.user for request in store.seen] == [f"{store.owner.login}:{store.owner.token}", None]


async def test_arguments_environment_file_keyring_in_turn(
    store: RecordingCopr, memory_keyring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch, no_spnego: None
):
    path = await written(store)
    memory_keyring.entries[store.url, "of-the-ring"] = "r1ng"

    async def used(**options: object) -> str | None:
        async with Copr.from_config(retry=store.client()._connections.settings.retry, **options) as copr:  # type: ignore[arg-type]
            with suppress(Unauthorized):
                await copr.tokens.whoami()
            return store.seen.pop().user

    monkeypatch.setenv("COPR_LOGIN", "e")
    monkeypatch.setenv("COPR_TOKEN", "env%t")
    assert await used(login="a", token="arg") == "a:arg"
    assert await used(auth=BasicAuth("b", "auth")) == "b:auth"
    assert await used() == "e:env%t"
    monkeypatch.delenv("COPR_LOGIN")
    monkeypatch.delenv("COPR_TOKEN")
    assert await used() == f"{store.owner.login}:{store.owner.token}"
    assert memory_keyring.lookups == []
    await to_thread.run_sync(path.write_text, f"[copr-cli]\ncopr_url = {store.url}\n")
    assert await used() == "of-the-ring:r1ng"
    await to_thread.run_sync(path.unlink)
    assert await used(url=store.url) == "of-the-ring:r1ng"
    with pytest.raises(ConfigError, match="pass login= and token= together"):
        await Copr.from_config(login="a")
    with pytest.raises(ConfigError, match="not both"):
        await Copr.from_config(login="a", token="b", auth=BasicAuth("b", "auth"))


async def test_another_file(store: RecordingCopr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    await written(store, "nonsense")
    path = await to_thread.run_sync(store.write_config, tmp_path / "other")
    async with Copr.from_config(config_file=path) as copr:
        assert (await copr.tokens.whoami()).name == "owner"
    monkeypatch.setenv("COPR_CONFIG", str(path))
    async with Copr.from_config() as copr:
        assert (await copr.tokens.whoami()).name == "owner"
    monkeypatch.setenv("COPR_CONFIG", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match=r"there is no configuration file .*nowhere"):
        await Copr.from_config()
    monkeypatch.delenv("COPR_CONFIG")
    with pytest.raises(ConfigError, match="line 1: not a configuration file"):
        await Copr.from_config()


@pytest.mark.parametrize("message", ["", "gssapi = true", "gssapi = false"])
async def test_the_library_finds_what_the_command_line_finds(
    store: RecordingCopr, memory_keyring: MemoryKeyring, message: str
):
    """Without a token it is Kerberos, unless that is switched off; the keyring before that."""
    await written(store, f"[copr-cli]\ncopr_url = {store.url}\n{message}\n")
    copr = await Copr.from_config()
    kerberos = "false" not in message
    assert isinstance(auth_of(copr), GssapiAuth) == kerberos
    async with copr:
        with pytest.raises(ConfigError, match="kinit, or pass a token" if kerberos else "needs a login and token"):
            await copr.tokens.whoami()
    assert store.seen == []
    memory_keyring.entries[store.url, "of-the-ring"] = "r1ng"
    copr = await Copr.from_config()
    assert isinstance(auth_of(copr), GssapiAuth if "true" in message else TokenPairAuth)
    await copr.aclose()


async def test_without_a_file_and_without_the_library_it_reads(
    store: RecordingCopr, memory_keyring: MemoryKeyring, no_spnego: None, monkeypatch
):
    memory_keyring.locked = True
    monkeypatch.setenv("COPR_URL", store.url)
    store.add_project("demo")
    async with Copr.from_config() as copr:
        assert (await copr.projects.get("owner", "demo")).name == "demo"
        with pytest.raises(
            ConfigError, match=r"login= and token= .*~/.config/copr; or install lading\[gssapi\]"
        ) as caught:
            await copr.projects.delete("owner", "demo")
    assert caught.value.outcome == "not_done"
    assert f"{store.url}/api/" in str(caught.value)
    assert store.lines == ["GET project"]


@pytest.mark.parametrize("installed", [True, False])
async def test_without_credentials_the_error_names_the_places_that_were_searched(
    store: RecordingCopr,
    memory_keyring: MemoryKeyring,
    no_spnego: None,
    monkeypatch: pytest.MonkeyPatch,
    installed: bool,
):
    path = await written(store, f"[copr-cli]\ncopr_url = {store.url}\n")
    memory_keyring.entries["https://other.example", "somebody"] = "else"
    if not installed:
        memory_keyring.entries[store.url, "of-the-memory_keyring"] = "r1ng"
        monkeypatch.setitem(sys.modules, "keyring", None)
    async with Copr.from_config() as copr:
        assert (await copr.home())["version"] == 3
        with pytest.raises(ConfigError, match="needs a login and token") as caught:
            await copr.tokens.whoami()
    end = str(caught.value).partition(" (searched: ")[2]
    if installed:
        assert end == "COPR_LOGIN and COPR_TOKEN, ~/.config/copr, the keyring)"
        assert memory_keyring.lookups == [(store.url, None)]
    else:
        assert end == (
            "COPR_LOGIN and COPR_TOKEN, ~/.config/copr; not the keyring, whose library is not installed: "
            "pip install 'lading[keyring]')"
        )
        assert memory_keyring.lookups == []
    async with Copr.from_config(config_file=path) as copr:
        with pytest.raises(ConfigError, match=f"COPR_TOKEN, {path}"):
            await copr.tokens.whoami()


async def test_kerberos_that_the_file_wants_and_nobody_installed(store: RecordingCopr, no_spnego: None):
    await written(store, f"[copr-cli]\ncopr_url = {store.url}\ngssapi = 1\n")
    async with Copr.from_config() as copr:
        with pytest.raises(ConfigError, match=r"needs lading\[gssapi\]: pip install 'lading\[gssapi\]'"):
            await copr.tokens.whoami()
    assert store.seen == []

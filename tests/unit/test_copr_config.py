"""Which instance and which credentials: arguments, environment, file, keyring, Kerberos, in turn."""

from __future__ import annotations

import importlib.util
import os
import sys
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from anyio import to_thread

from lading import BasicAuth, ConfigError, Copr, Unauthorized
from lading.copr import GssapiAuth, TokenPairAuth
from lading.copr._config import DEFAULT_URL, resolve_config
from lading.copr._config_file import ConfigFile
from tests.support.copr_frontend import Store
from tests.support.memory_keyring import Ring

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("ring")]

URL = "https://copr.example"
FILE = ConfigFile(URL, "ada", "log1n", "t0ken%s", gssapi=None, encrypted=True, expires_on=date(2027, 5, 19))


@pytest.fixture
def no_spnego(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spnego", None)


@pytest.fixture
def store() -> Iterator[Store]:
    with Store(now=datetime.now(UTC) - timedelta(days=170)) as store:
        yield store


async def written(store: Store, text: str | None = None) -> Path:
    """``~/.config/copr`` of the store's owner; written off the loop."""
    path = Path(os.environ["HOME"]) / ".config" / "copr"
    await to_thread.run_sync(store.write_config, path)
    if text is not None:
        await to_thread.run_sync(path.write_text, text)
    return path


def auth_of(copr: Copr) -> object:
    return copr._connections.settings.auth


# The pure part.


def test_nothing_said():
    found = resolve_config(None, {}, None)
    assert (found.url, found.login, found.gssapi, found.allow_http) == (DEFAULT_URL, None, None, False)


def test_a_files_credentials_are_for_its_own_instance():
    for url, env in [(None, {}), (URL + "/", {}), (None, {"COPR_URL": URL}), (URL + ":443", {})]:
        found = resolve_config(url, env, FILE)
        assert (found.login, found.token, found.username, found.expires_on) == (
            "log1n",
            "t0ken%s",
            "ada",
            FILE.expires_on,
        )
        assert "t0ken" not in repr(found)
    for url, env in [("https://other.example", {}), (None, {"COPR_URL": "https://other.example"})]:
        found = resolve_config(url, env, FILE)
        assert found.url == "https://other.example"
        assert (found.login, found.token, found.username, found.expires_on) == (None, None, None, None)
    for near in (
        "http://copr.example",
        URL + ":444",
        "https://copr.example.evil.example",
        "https://Copr.example@evil.example",
    ):
        assert resolve_config(near, {}, FILE).token is None


def test_encrypted_off_is_for_its_own_instance_too():
    file = ConfigFile("http://copr.example", encrypted=False)
    assert resolve_config(None, {}, file).allow_http
    assert not resolve_config("http://other.example", {}, file).allow_http


def test_the_environment_comes_before_the_file():
    found = resolve_config(None, {"COPR_LOGIN": " l ", "COPR_TOKEN": "t\n"}, FILE)
    assert (found.url, found.login, found.token, found.username, found.expires_on) == (URL, "l", "t", None, None)
    assert resolve_config(None, {"COPR_USERNAME": "eve"}, FILE).username == "eve"
    assert resolve_config("https://a.example", {"COPR_URL": "https://b.example"}, FILE).url == "https://a.example"
    assert resolve_config(None, {"COPR_LOGIN": "", "COPR_TOKEN": " "}, FILE).login == "log1n"


@pytest.mark.parametrize("env", [{"COPR_LOGIN": "l0gin"}, {"COPR_TOKEN": "t0ken"}])
def test_half_an_environment(env: dict[str, str]):
    with pytest.raises(ConfigError, match="COPR_LOGIN and COPR_TOKEN go together") as caught:
        resolve_config(None, env, FILE)
    assert "t0ken" not in str(caught.value)


# The whole: files and keyring off the loop, and requests with what was found.


async def test_the_file(store: Store):
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
    assert [asked.user for asked in store.seen] == [f"{store.owner.login}:{store.owner.token}", None]


async def test_arguments_environment_file_keyring_in_turn(
    store: Store, ring: Ring, monkeypatch: pytest.MonkeyPatch, no_spnego: None
):
    path = await written(store)
    ring.entries[store.url, "of-the-ring"] = "r1ng"

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
    assert ring.asked == []
    await to_thread.run_sync(path.write_text, f"[copr-cli]\ncopr_url = {store.url}\n")
    assert await used() == "of-the-ring:r1ng"
    await to_thread.run_sync(path.unlink)
    assert await used(url=store.url) == "of-the-ring:r1ng"
    with pytest.raises(ConfigError, match="pass login= and token= together"):
        await Copr.from_config(login="a")
    with pytest.raises(ConfigError, match="not both"):
        await Copr.from_config(login="a", token="b", auth=BasicAuth("b", "auth"))


async def test_another_file(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
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


@pytest.mark.parametrize("said", ["", "gssapi = true", "gssapi = false"])
async def test_the_library_finds_what_the_command_line_finds(store: Store, ring: Ring, said: str):
    """Without a token it is Kerberos, unless that is switched off; the keyring before that."""
    await written(store, f"[copr-cli]\ncopr_url = {store.url}\n{said}\n")
    copr = await Copr.from_config()
    kerberos = "false" not in said
    assert isinstance(auth_of(copr), GssapiAuth) == kerberos
    async with copr:
        with pytest.raises(ConfigError, match="kinit, or pass a token" if kerberos else "needs a login and token"):
            await copr.tokens.whoami()
    assert store.seen == []
    ring.entries[store.url, "of-the-ring"] = "r1ng"
    copr = await Copr.from_config()
    assert isinstance(auth_of(copr), GssapiAuth if "true" in said else TokenPairAuth)
    await copr.aclose()


async def test_without_a_file_and_without_the_library_it_reads(store: Store, ring: Ring, no_spnego: None, monkeypatch):
    ring.locked = True
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
    store: Store, ring: Ring, no_spnego: None, monkeypatch: pytest.MonkeyPatch, installed: bool
):
    path = await written(store, f"[copr-cli]\ncopr_url = {store.url}\n")
    ring.entries["https://other.example", "somebody"] = "else"
    if not installed:
        ring.entries[store.url, "of-the-ring"] = "r1ng"
        monkeypatch.setitem(sys.modules, "keyring", None)
    async with Copr.from_config() as copr:
        assert (await copr.home())["version"] == 3
        with pytest.raises(ConfigError, match="needs a login and token") as caught:
            await copr.tokens.whoami()
    end = str(caught.value).partition(" (searched: ")[2]
    if installed:
        assert end == "COPR_LOGIN and COPR_TOKEN, ~/.config/copr, the keyring)"
        assert ring.asked == [(store.url, None)]
    else:
        assert end == (
            "COPR_LOGIN and COPR_TOKEN, ~/.config/copr; not the keyring, whose library is not installed: "
            "pip install 'lading[keyring]')"
        )
        assert ring.asked == []
    async with Copr.from_config(config_file=path) as copr:
        with pytest.raises(ConfigError, match=f"COPR_TOKEN, {path}"):
            await copr.tokens.whoami()


async def test_kerberos_that_the_file_wants_and_nobody_installed(store: Store, no_spnego: None):
    await written(store, f"[copr-cli]\ncopr_url = {store.url}\ngssapi = 1\n")
    async with Copr.from_config() as copr:
        with pytest.raises(ConfigError, match=r"needs lading\[gssapi\]: pip install 'lading\[gssapi\]'"):
            await copr.tokens.whoami()
    assert store.seen == []


async def test_fedoras_own_without_a_word():
    copr = await Copr.from_config(user_agent="bot/1")
    assert repr(copr) == f"<Copr {DEFAULT_URL}/api_3/>"
    await copr.aclose()
    assert importlib.util.find_spec("spnego") is not None  # or half of this file shows nothing


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://copr.example", "is http://"),
        ("copr.example", "must be an https:// URL"),
        ("https://a:s3cret@copr.example", "has a user name or password"),
        ("https://copr.example/?token=s3cret", "query or fragment"),
    ],
)
async def test_an_instance_that_credentials_are_not_sent_to(url: str, said: str):
    for make in (lambda: Copr(url, login="a", token="b"), lambda: Copr(url)):
        with pytest.raises(ConfigError, match=said) as caught:
            make()
        assert "s3cret" not in str(caught.value)
    with pytest.raises(ConfigError, match=said):
        await Copr.from_config(url)


async def test_plain_http_where_the_network_is_trusted(tmp_path: Path):
    path = tmp_path / "copr"
    await to_thread.run_sync(path.write_text, "[copr-cli]\ncopr_url = http://copr.example/\nencrypted = 0\n")
    copr = await Copr.from_config(config_file=path)
    assert repr(copr) == "<Copr http://copr.example/api_3/>"
    await copr.aclose()
    assert repr(Copr("http://copr.example", allow_http=True)) == "<Copr http://copr.example/api_3/>"


def test_half_a_login():
    for given in ({"login": "a"}, {"token": "b"}):
        with pytest.raises(ConfigError, match="pass login= and token= together"):
            Copr(**given)

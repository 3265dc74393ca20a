"""Which instance and which credentials: arguments, environment, file, keyring, Kerberos, in turn."""

from __future__ import annotations

import importlib.util
from datetime import date
from pathlib import Path

import pytest
from anyio import to_thread

from lading import ConfigError, Copr
from lading.copr._config import DEFAULT_URL, resolve_config
from lading.copr._config_file import ConfigFile

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("memory_keyring")]

URL = "https://copr.example"
FILE = ConfigFile(URL, "ada", "log1n", "t0ken%s", gssapi=None, encrypted=True, expires_on=date(2027, 5, 19))


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


async def test_fedoras_own_without_a_word():
    copr = await Copr.from_config(user_agent="bot/1")
    assert repr(copr) == f"<Copr {DEFAULT_URL}/api_3/>"
    await copr.aclose()
    assert importlib.util.find_spec("spnego") is not None  # or half of this file shows nothing


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://copr.example", "is http://"),
        ("copr.example", "must be an https:// URL"),
        ("https://a:s3cret@copr.example", "has a user name or password"),
        ("https://copr.example/?token=s3cret", "query or fragment"),
    ],
)
async def test_an_instance_that_credentials_are_not_sent_to(url: str, message: str):
    for make in (lambda: Copr(url, login="a", token="b"), lambda: Copr(url)):
        with pytest.raises(ConfigError, match=message) as caught:
            make()
        assert "s3cret" not in str(caught.value)
    with pytest.raises(ConfigError, match=message):
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

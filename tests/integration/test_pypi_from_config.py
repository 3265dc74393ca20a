"""``PyPI.from_config``: files, keyring and trusted publishing as a program meets them, off the event loop."""

from __future__ import annotations

import base64
import os
import sys
import threading
from pathlib import Path

import pytest

import lading
from lading import BasicAuth, ConfigError, Index, InputError, PyPI
from lading.pypi import TrustedPublishing, _config, _indexes
from tests.support.distributions import wheel
from tests.support.fake_index import FakeIndex

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("memory_keyring")]


@pytest.fixture(autouse=True)
def not_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITLAB_CI", "GOOGLE_SERVICE_ACCOUNT_NAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def pypirc(fake_index: FakeIndex) -> Path:
    """A ``~/.pypirc`` that names the index ``here``, with credentials, and ``bare``, without."""
    path = Path(os.environ["HOME"]) / ".pypirc"
    path.parent.mkdir()
    url = f"{fake_index.server.url}/legacy/"
    path.write_text(f"[here]\nrepository={url}\nusername=ada\npassword=50 % s3cret\n[bare]\nrepository={url}\n")
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return wheel(tmp_path)


@pytest.fixture
def other(pypirc: Path, tmp_path: Path) -> Path:
    """Another file, with another section."""
    path = tmp_path / "other"
    path.write_text(pypirc.read_text().replace("[here]", "[there]").replace("ada", "bob"))
    return path


def sent(index: FakeIndex) -> str:
    """The user and password of the last upload."""
    return base64.b64decode(index.requests[-1].headers["Authorization"].removeprefix("Basic ")).decode()


async def test_entered_or_awaited(fake_index, pypirc, path):
    async with PyPI.from_config("here", simple_url=f"{fake_index.server.url}/simple/") as pypi:
        assert (await pypi.releases.upload(path)).status == "uploaded"
    assert sent(fake_index) == "ada:50 % s3cret"
    assert fake_index.seen == ["GET /simple/demo/", "POST /legacy/"]
    with pytest.raises(ConfigError, match="closed"):
        await pypi.files.list("demo")

    pypi = await PyPI.from_config("here")
    try:
        await pypi.releases.upload(path)
    finally:
        await pypi.aclose()
    assert sent(fake_index) == "ada:50 % s3cret"
    assert fake_index.seen[2:] == ["POST /legacy/"]
    assert "s3cret" not in repr(pypi) + repr(vars(pypi))


async def test_arguments_come_first(fake_index, pypirc, monkeypatch, path):
    monkeypatch.setenv("TWINE_PASSWORD", "of the environment")
    async with PyPI.from_config("here", token="pypi-given") as pypi:
        await pypi.releases.upload(path)
    assert sent(fake_index) == "__token__:pypi-given"
    async with PyPI.from_config("here", auth=BasicAuth("eve", "given"), user_agent="mine/1") as pypi:
        await pypi.releases.upload(path)
    assert sent(fake_index) == "eve:given"
    assert fake_index.requests[-1].headers["User-Agent"].startswith("mine/1 lading/")
    async with PyPI.from_config("here") as pypi:
        await pypi.releases.upload(path)
    assert sent(fake_index) == "ada:of the environment"
    with pytest.raises(ConfigError, match="not both"):
        await PyPI.from_config("here", token="a", auth=BasicAuth("b", "c"))


async def test_another_file(fake_index, other, path, tmp_path):
    async with PyPI.from_config("there", config_file=other) as pypi:
        await pypi.releases.upload(path)
    assert sent(fake_index) == "bob:50 % s3cret"
    with pytest.raises(ConfigError, match=r"has no section \[there\]"):
        await PyPI.from_config("there")
    with pytest.raises(ConfigError, match="there is no configuration file"):
        await PyPI.from_config("there", config_file=tmp_path / "nowhere")


@pytest.mark.parametrize("user", ["ada", "__token__"])
async def test_the_keyring_by_twines_convention(fake_index, pypirc, memory_keyring, path, user):
    url = f"{fake_index.server.url}/legacy/"
    memory_keyring.entries[url, user] = "s3cret of the memory_keyring"
    async with PyPI.from_config("bare") as pypi:
        await pypi.releases.upload(path)
    assert sent(fake_index) == f"{user}:s3cret of the memory_keyring"
    assert memory_keyring.lookups[:2] == [(url, None), (url, user)]
    assert memory_keyring.threads == {"lading keyring"}
    assert "s3cret" not in repr(pypi._connections.settings.auth)


async def test_an_official_index_in_the_keyring_is_looked_up_by_its_one_user(memory_keyring):
    url = _indexes.resolve_index("pypi").upload_url
    memory_keyring.entries[url, "__token__"] = "pypi-s3cret"
    pypi = await PyPI.from_config()
    assert repr(pypi._connections.settings.auth) == "BasicAuth('__token__', ***)"
    assert memory_keyring.lookups == [(url, "__token__")]
    await pypi.aclose()


async def test_a_named_user_in_the_keyring(fake_index, pypirc, memory_keyring, monkeypatch):
    monkeypatch.setenv("TWINE_USERNAME", "eve")
    memory_keyring.entries[f"{fake_index.server.url}/legacy/", "eve"] = "hers"
    pypi = await PyPI.from_config("bare")
    assert repr(pypi._connections.settings.auth) == "BasicAuth('eve', ***)"
    assert {user for _, user in memory_keyring.lookups} == {"eve"}
    await pypi.aclose()


@pytest.mark.parametrize("locked", [False, True])
async def test_without_credentials_it_can_read(fake_index, pypirc, memory_keyring, path, locked):
    memory_keyring.locked = locked
    fake_index.lists("demo-1.0.tar.gz")
    async with PyPI.from_config("bare", simple_url=f"{fake_index.server.url}/simple/") as pypi:
        assert [file.filename async for file in pypi.files.list("demo")] == ["demo-1.0.tar.gz"]
    assert "Authorization" not in fake_index.requests[-1].headers
    async with PyPI.from_config() as official:
        with pytest.raises(ConfigError, match="accepts uploads only with a token"):
            await official.releases.upload(path)


async def test_without_the_keyring_library_the_keyring_is_skipped(
    fake_index, pypirc, memory_keyring, path, monkeypatch, caplog
):
    caplog.set_level("INFO", logger="lading")
    url = f"{fake_index.server.url}/legacy/"
    memory_keyring.entries[url, "ada"] = "s3cret of the memory_keyring"
    monkeypatch.setitem(sys.modules, "keyring", None)
    fake_index.lists("demo-1.0.tar.gz")
    async with PyPI.from_config("bare", simple_url=f"{fake_index.server.url}/simple/") as pypi:
        assert [file.filename async for file in pypi.files.list("demo")] == ["demo-1.0.tar.gz"]
        assert type(pypi._connections.settings.auth) is lading.Auth
    assert "Authorization" not in fake_index.requests[-1].headers
    async with PyPI.from_config() as official:
        with pytest.raises(ConfigError, match="accepts uploads only with a token"):
            await official.releases.upload(path)
    assert memory_keyring.lookups == []
    skipped = [r.getMessage() for r in caplog.records if "the keyring was skipped" in r.getMessage()]
    assert [text.partition(":")[0] for text in skipped] == ["bare", "pypi"]
    assert all("pip install 'lading[keyring]'" in text for text in skipped)


async def test_trusted_publishing_is_the_last_resort_of_official_indexes(
    fake_index, pypirc, memory_keyring, monkeypatch
):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t")
    official = await PyPI.from_config("testpypi")
    assert isinstance(official._connections.settings.auth, TrustedPublishing)
    assert repr(official._connections.settings.auth) == "TrustedPublishing()"
    other = await PyPI.from_config("bare")
    assert type(other._connections.settings.auth) is lading.Auth
    # An environment that may not mint is no reason to fail: perhaps nobody wants to upload.
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    assert type((await PyPI.from_config("testpypi"))._connections.settings.auth) is lading.Auth
    monkeypatch.setenv("UV_PUBLISH_TOKEN", "pypi-t")
    assert isinstance((await PyPI.from_config("testpypi"))._connections.settings.auth, BasicAuth)


async def test_it_is_read_when_it_is_opened_and_off_the_loop(pypirc, monkeypatch):
    threads = []
    real = _config._read

    def read(*arguments):
        threads.append(threading.current_thread())
        return real(*arguments)

    monkeypatch.setattr(_config, "_read", read)
    opening = PyPI.from_config("here")
    assert threads == []
    await (await opening).aclose()
    assert threads != [threading.current_thread()]
    assert len(threads) == 1


def test_an_index_is_not_a_name():
    with pytest.raises(InputError):
        PyPI("here")
    assert PyPI(Index("https://here.example/"))._index.name == "index"

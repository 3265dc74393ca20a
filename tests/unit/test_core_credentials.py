"""Where secrets are kept: memory, environment, file. Never printed, never half written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from anyio import to_thread

from lading import (
    BasicAuth,
    ConfigError,
    Credentials,
    EnvironmentCredentials,
    FileCredentials,
    InputError,
    MemoryCredentials,
    TokenAuth,
)
from lading._core.auth import Auth
from lading._core.messages import Request
from lading._core.settings import ClientSettings
from lading.types import Timeout

pytestmark = pytest.mark.anyio
SECRET = "s3cr3t-v4lue"


def outgoing() -> Request:
    return Request("GET", "https://store.test/", {}, Timeout())


async def signed(auth: Auth) -> str | None:
    request = outgoing()
    await auth.prepare(None)
    assert next(auth.flow(request)) is request
    return request.headers.get("Authorization")


async def test_memory():
    credentials = MemoryCredentials(f"  {SECRET}\n")
    assert await credentials.get() == SECRET
    await credentials.set(" other ")
    assert await credentials.get() == "other"
    await credentials.delete()
    await credentials.delete()
    assert await credentials.get() is None
    assert await MemoryCredentials().get() is None


async def test_environment(monkeypatch: pytest.MonkeyPatch):
    credentials = EnvironmentCredentials("STORE_TOKEN")
    assert await credentials.get() is None
    for value, expected in ((f" {SECRET}\n", SECRET), ("", None), ("  ", None)):
        monkeypatch.setenv("STORE_TOKEN", value)
        assert await credentials.get() == expected
    with pytest.raises(ConfigError, match="STORE_TOKEN"):
        await credentials.set("x")
    with pytest.raises(ConfigError, match="STORE_TOKEN"):
        await credentials.delete()


def look(path: Path) -> tuple[str, int, list[str]]:
    """Content, mode, and what else is in the directory."""
    return path.read_text(), stat.S_IMODE(path.stat().st_mode), sorted(p.name for p in path.parent.iterdir())


async def test_file(tmp_path: Path):
    path = tmp_path / "new" / "directory" / "token"
    credentials = FileCredentials(path)
    assert await credentials.get() is None
    await credentials.delete()
    await credentials.set(f" {SECRET} ")
    assert await credentials.get() == SECRET
    assert await to_thread.run_sync(look, path) == (SECRET + "\n", 0o600, ["token"])
    assert stat.S_IMODE((await to_thread.run_sync(path.parent.stat)).st_mode) == 0o700
    await credentials.set("other")
    assert await to_thread.run_sync(look, path) == ("other\n", 0o600, ["token"])
    await credentials.delete()
    await credentials.delete()
    assert await credentials.get() is None


@pytest.fixture
def loose_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("old\n")
    path.chmod(0o644)
    return path


async def test_a_file_that_others_could_read_is_replaced_by_one_they_cannot(loose_file: Path):
    await FileCredentials(loose_file).set(SECRET)
    assert await to_thread.run_sync(look, loose_file) == (SECRET + "\n", 0o600, ["token"])


@pytest.mark.parametrize("step", ["replace", "fsync"])
async def test_a_crash_leaves_the_old_secret_whole(loose_file: Path, step: str, monkeypatch: pytest.MonkeyPatch):
    def crash(*_: object) -> None:
        raise OSError("the disk went away")

    monkeypatch.setattr(*{"replace": (Path, "replace"), "fsync": (os, "fsync")}[step], crash)
    with pytest.raises(OSError, match="went away"):
        await FileCredentials(loose_file).set(SECRET)
    assert await to_thread.run_sync(look, loose_file) == ("old\n", 0o644, ["token"])


@pytest.fixture(params=[b"", b" \n", b"\xff\xfe"])
def odd_file(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "token"
    path.write_bytes(request.param)
    return path


async def test_a_file_without_a_secret(odd_file: Path):
    if await to_thread.run_sync(odd_file.read_bytes) == b"\xff\xfe":
        with pytest.raises(ConfigError, match="token"):
            await FileCredentials(odd_file).get()
    else:
        assert await FileCredentials(odd_file).get() is None


async def test_an_empty_secret_is_refused(tmp_path: Path):
    for credentials in (MemoryCredentials(), FileCredentials(tmp_path / "token")):
        with pytest.raises(InputError):
            await credentials.set("  ")
    with pytest.raises(InputError):
        MemoryCredentials("")


async def test_basic_and_token():
    basic = BasicAuth("__token__", SECRET)
    assert await signed(basic) == "Basic X190b2tlbl9fOnMzY3IzdC12NGx1ZQ=="
    assert set(basic.secrets()) == {SECRET, "X190b2tlbl9fOnMzY3IzdC12NGx1ZQ=="}
    assert await signed(BasicAuth("jürgen", "pässword")) == "Basic asO8cmdlbjpww6Rzc3dvcmQ="
    token = TokenAuth(SECRET, scheme="token")
    assert await signed(token) == f"token {SECRET}"
    assert SECRET in token.secrets()
    assert await signed(Auth()) is None
    assert Auth().secrets() == BasicAuth("a", SECRET).secrets() == ()


async def test_a_secret_that_changes_is_used_from_then_on_and_the_old_one_stays_masked():
    credentials = MemoryCredentials("first-secret")
    auth = TokenAuth(credentials)
    assert await signed(auth) == "Bearer first-secret"
    await credentials.set("second-secret")
    assert await signed(auth) == "Bearer second-secret"
    # A response to the first may still be on its way.
    assert {"first-secret", "second-secret"} <= set(auth.secrets())


async def test_no_secret_is_said_so():
    with pytest.raises(ConfigError, match="no credentials"):
        await TokenAuth(MemoryCredentials()).prepare(None)
    with pytest.raises(ConfigError, match="STORE_TOKEN"):
        await TokenAuth(EnvironmentCredentials("STORE_TOKEN")).prepare(None)
    with pytest.raises(ConfigError, match="colon"):
        BasicAuth("a:b", "c")


@pytest.mark.parametrize("secret", ["one\r\nX-Injected: yes", "nul\0inside", "tab\tinside", "tökén"])
async def test_a_secret_that_no_header_can_carry(secret: str):
    with pytest.raises(ConfigError) as caught:
        await TokenAuth(secret).prepare(None)
    assert secret not in str(caught.value)


async def test_nothing_prints_a_secret(tmp_path: Path):
    class Mine(Credentials):
        async def get(self) -> str | None:
            return SECRET

        async def set(self, secret: str) -> None: ...

        async def delete(self) -> None: ...

    auths = [BasicAuth("me", SECRET), TokenAuth(SECRET), TokenAuth(Mine()), Auth()]
    for auth in auths:
        await auth.prepare(None)
    shown = [
        *auths,
        *(ClientSettings(auth=auth) for auth in auths),
        MemoryCredentials(SECRET),
        FileCredentials(tmp_path / "token"),
        outgoing(),
    ]
    assert SECRET not in repr(shown)
    assert SECRET not in " ".join(map(str, shown))

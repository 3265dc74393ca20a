"""Charmhub.from_config() and SnapStore.from_config(): where credentials are looked for, and keyrings that fail."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import anyio
import keyring.errors
import pytest

from lading import Charmhub, ConfigError, Conflict, KeyringCredentials, SnapStore
from lading.canonical import CraftStoreFile
from tests.support.memory_keyring import MemoryKeyring, installed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.anyio
SECRET = "a-token-of-the-store-0123456789"


class WritableKeyring(MemoryKeyring):
    """A keyring in memory, which may fail.

    Attributes:
        error: What it fails with.
    """

    error: Exception | None = None

    def _note(self, service: str, username: str | None) -> None:
        super()._note(service, username)
        if self.error is not None:
            raise self.error

    def set_password(self, service: str, username: str, password: str) -> None:
        self._note(service, username)
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._note(service, username)
        del self.entries[service, username]


@pytest.fixture
def ring() -> Iterator[WritableKeyring]:
    memory = WritableKeyring()
    with installed(memory):
        yield memory
    assert memory.threads <= {"lading keyring"}


class Case:
    """A store, and where its official client has credentials.

    Attributes:
        client: The client.
        application: The service of the keyring's entry.
        host: The user of the keyring's entry.
        variable: The environment variable.
    """

    def __init__(self, client: Any, application: str, host: str, variable: str) -> None:
        self.client = client
        self.application = application
        self.host = host
        self.variable = variable

    @property
    def entry(self) -> tuple[str, str]:
        """The service and the user of the entry."""
        return self.application, self.host


CASES = [
    Case(Charmhub, "charmcraft", "api.charmhub.io", "CHARMCRAFT_AUTH"),
    Case(SnapStore, "snapcraft", "dashboard.snapcraft.io", "SNAPCRAFT_STORE_CREDENTIALS"),
]


@pytest.fixture(params=CASES, ids=["charmhub", "snap-store"])
def case(request: pytest.FixtureRequest) -> Case:
    return cast("Case", request.param)


JUNK = [
    "two words",
    "{",
    '{"t": "macaroon"}',
    '{"t": "u1-macaroon", "v": {"r": "root-of-a-secret"}}',
    "\u00fcber-geheim",
]


@pytest.mark.parametrize("junk", JUNK)
async def test_junk_in_the_keyring(ring: WritableKeyring, case: Case, junk: str):
    """The error says where it is, and what to do; it is replaced or removed as other credentials are."""
    ring.entries[case.entry] = junk
    async with case.client.from_config() as client:
        for call in (client.tokens.whoami, client.tokens.export, client.tokens.expires_at):
            with pytest.raises(ConfigError, match="no credentials of Charmhub or the Snap Store") as caught:
                await call()
            text = str(caught.value)
            assert repr(KeyringCredentials(*case.entry)) in text
            assert "overwrite=True" in text
            assert junk not in text
            assert caught.value.outcome == "not_done"
        with pytest.raises(Conflict, match="overwrite=True"):
            await client.tokens.login(email="a@example.com", password="correct horse")
        await client.tokens.import_(SECRET)
        assert ring.entries == {case.entry: _exported(SECRET)}
        ring.entries[case.entry] = junk
        await client.tokens.logout()
        assert ring.entries == {}


async def test_junk_in_the_environment(case: Case, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(case.variable, "two words")
    async with case.client.from_config() as client:
        with pytest.raises(ConfigError, match=rf"{case.variable}.*what the official client exports") as caught:
            await client.tokens.whoami()
    assert "two words" not in str(caught.value)


async def test_an_empty_keyring_is_where_a_login_is_stored(ring: WritableKeyring, case: Case):
    async with case.client.from_config() as client:
        with pytest.raises(ConfigError, match="needs credentials") as caught:
            await client.tokens.whoami()
        assert repr(KeyringCredentials(*case.entry)) in str(caught.value)
        await client.tokens.import_(SECRET)
    assert ring.entries == {case.entry: _exported(SECRET)}


FAILURES = {
    "locked": keyring.errors.KeyringLocked("Failed to unlock the item!"),
    "a dismissed prompt": keyring.errors.InitError("Failed to unlock the collection: Prompt dismissed"),
    "a broken backend": RuntimeError("org.freedesktop.DBus.Error: secret-in-a-message"),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_a_keyring_that_refuses(ring: WritableKeyring, case: Case, name: str):
    """One error of this SDK, which says what to do instead; nothing was sent."""
    ring.error = FAILURES[name]
    with pytest.raises(ConfigError) as caught:
        await case.client.from_config()
    text = str(caught.value)
    assert type(ring.error).__name__ in text
    assert case.variable in text
    assert "secret-in-a-message" not in text


@pytest.mark.parametrize("name", FAILURES)
async def test_the_environment_needs_no_keyring(
    ring: WritableKeyring, case: Case, name: str, monkeypatch: pytest.MonkeyPatch
):
    """A variable comes first: the keyring is not even looked at."""
    ring.error = FAILURES[name]
    monkeypatch.setenv(case.variable, _exported(SECRET))
    async with case.client.from_config() as client:
        assert await client.tokens.export() == _exported(SECRET)
    assert ring.lookups == []


@pytest.mark.parametrize("name", FAILURES)
async def test_a_token_needs_no_keyring(ring: WritableKeyring, case: Case, name: str):
    ring.error = FAILURES[name]
    async with case.client.from_config(token=SECRET) as client:
        assert await client.tokens.export() == _exported(SECRET)
    assert ring.lookups == []


async def test_no_keyring(case: Case):
    """The tests have none; nothing is read from a file unless that is allowed."""
    await CraftStoreFile(*case.entry).set(SECRET)
    with pytest.raises(ConfigError, match="no keyring on this machine") as caught:
        await case.client.from_config()
    assert case.variable in str(caught.value)
    assert "file_fallback=True" in str(caught.value)
    async with case.client.from_config(file_fallback=True) as client:
        assert await client.tokens.export() == _exported(SECRET)


async def test_a_login_without_a_keyring_is_stored_in_the_file(case: Case, tmp_path: Path):
    async with case.client.from_config(file_fallback=True) as client:
        await client.tokens.import_(SECRET)
    path = CraftStoreFile(*case.entry).path
    assert path.is_relative_to(tmp_path)
    assert (await anyio.Path(path).stat()).st_mode & 0o777 == 0o600
    assert json.loads(await anyio.Path(path).read_text()) == {case.application: {case.host: _exported(SECRET)}}


async def test_a_locked_keyring_is_not_passed_over_for_a_file(ring: WritableKeyring, case: Case):
    """The credentials may be in it: "there are none" would be wrong, and a login in a file would shadow them."""
    ring.error = FAILURES["locked"]
    with pytest.raises(ConfigError, match="KeyringLocked") as caught:
        await case.client.from_config(file_fallback=True)
    assert case.variable in str(caught.value)
    assert not await anyio.Path(CraftStoreFile(*case.entry).path).exists()


async def test_a_keyring_that_cannot_be_made_is_none(ring: WritableKeyring, case: Case):
    """A dismissed prompt: craft-store falls back to its file, too."""
    ring.error = FAILURES["a dismissed prompt"]
    await CraftStoreFile(*case.entry).set(SECRET)
    async with case.client.from_config(file_fallback=True) as client:
        assert await client.tokens.export() == _exported(SECRET)


async def test_a_keyring_that_is_locked_later(ring: WritableKeyring, case: Case):
    """Between two requests, or before a login is stored: this client uses what it has."""
    ring.entries[case.entry] = SECRET
    async with case.client.from_config() as client:
        ring.error = FAILURES["locked"]
        with pytest.raises(ConfigError, match="KeyringLocked"):
            await client.tokens.export()
        with pytest.raises(ConfigError, match="could not be stored") as caught:
            await client.tokens.import_("another-token-0123456789")
        assert "another-token" not in str(caught.value)
        assert await client.tokens.export() == _exported("another-token-0123456789")
        with pytest.raises(ConfigError, match="KeyringLocked"):
            await client.tokens.logout()
    assert ring.entries == {case.entry: SECRET}


def _exported(token: str) -> str:
    from base64 import b64encode

    return b64encode(token.encode()).decode()

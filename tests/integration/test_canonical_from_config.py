"""Where the credentials of this machine are found: the variable, the keyring, craft-store's file."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import anyio
import keyring.backends.fail
import keyring.errors
import pytest
from anyio import to_thread

from lading import Charmhub, ConfigError, EnvironmentCredentials, InputError, KeyringCredentials, SnapStore
from lading.canonical import CHARMHUB, SNAP_STORE, CraftStoreFile
from tests.support.memory_keyring import WritableKeyring, installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lading.testing import EmbeddedCharmhub

pytestmark = pytest.mark.anyio

CLIENTS: dict[type[Charmhub | SnapStore], tuple[str, str, str]] = {
    Charmhub: ("CHARMCRAFT_AUTH", "charmcraft", "api.charmhub.io"),
    SnapStore: ("SNAPCRAFT_STORE_CREDENTIALS", "snapcraft", "dashboard.snapcraft.io"),
}
TOKEN, OTHER = "token-of-the-store", "another-token"


class Refusing(WritableKeyring):
    """A keyring that does not open."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def get_password(self, service: str, username: str) -> str | None:
        self._note(service, username)
        raise self.error


REFUSING: dict[str, Callable[[], Any]] = {
    "none": keyring.backends.fail.Keyring,
    "locked": lambda: Refusing(keyring.errors.KeyringLocked("the collection is locked")),
    "dismissed": lambda: Refusing(keyring.errors.InitError("Prompt dismissed")),
    "no D-Bus": lambda: Refusing(OSError("no session bus")),
}


@pytest.fixture
def ring() -> Iterator[WritableKeyring]:
    ring = WritableKeyring()
    with installed(ring):
        yield ring


@pytest.fixture(params=REFUSING)
def refusing(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A machine whose keyring cannot be used."""
    ring = REFUSING[request.param]()
    with installed(ring):
        yield ring


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without variables, and its directory of data."""
    for variable, _, _ in CLIENTS.values():
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("kind", CLIENTS)
async def test_credentials_are_found_in_the_keyring_of_the_official_client(kind: Any, ring: WritableKeyring):
    _, service, host = CLIENTS[kind]
    ring.entries[service, host] = TOKEN
    async with kind.from_config() as client:
        assert repr(client.tokens._auth.place) == f"KeyringCredentials({service!r}, {host!r})"
        assert (await client.tokens._auth.read()).token == TOKEN
        await client.tokens.import_(OTHER)
    assert ring.entries.keys() == {(service, host)}
    async with kind.from_config() as client:
        assert (await client.tokens._auth.read()).token == OTHER
        await client.tokens.logout()
    assert ring.entries == {}


@pytest.mark.parametrize("kind", CLIENTS)
async def test_the_variable_is_enough_where_no_keyring_can_be_used(
    kind: Any, refusing: Any, monkeypatch: pytest.MonkeyPatch
):
    variable, _, _ = CLIENTS[kind]
    monkeypatch.setenv(variable, TOKEN)
    async with kind.from_config() as client:
        assert isinstance(client.tokens._auth.place, EnvironmentCredentials)
        assert (await client.tokens._auth.read()).token == TOKEN
    assert getattr(refusing, "lookups", []) == []


@pytest.mark.parametrize("kind", CLIENTS)
async def test_a_keyring_that_cannot_be_used_is_one_error_that_says_what_to_do(kind: Any, refusing: Any, machine: Path):
    variable, _, _ = CLIENTS[kind]
    with pytest.raises(ConfigError) as caught:
        await kind.from_config()
    assert variable in str(caught.value)
    locked = isinstance(getattr(refusing, "error", None), keyring.errors.KeyringLocked)
    assert ("unlock it" if locked else "file_fallback=True") in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert await _listed(machine) == []


@pytest.mark.parametrize("kind", CLIENTS)
async def test_a_file_is_used_only_where_it_is_allowed_and_there_is_no_keyring(kind: Any, refusing: Any, machine: Path):
    _, application, host = CLIENTS[kind]
    if isinstance(getattr(refusing, "error", None), keyring.errors.KeyringLocked):
        with pytest.raises(ConfigError, match="unlock it"):  # it may have the credentials
            await kind.from_config(file_fallback=True)
        assert await _listed(machine) == []
        return
    async with kind.from_config(file_fallback=True) as client:
        assert isinstance(client.tokens._auth.place, CraftStoreFile)
        await client.tokens.import_(TOKEN)
    file = machine / application / "credentials.json"
    written = await to_thread.run_sync(file.read_text)
    assert json.loads(written).keys() == {application}
    assert json.loads(written)[application].keys() == {host}
    if sys.platform != "win32":
        assert (await to_thread.run_sync(file.stat)).st_mode & 0o777 == 0o600
    async with kind.from_config(file_fallback=True) as client:
        assert (await client.tokens._auth.read()).token == TOKEN


async def test_a_keyring_is_preferred_to_a_file(ring: WritableKeyring, machine: Path):
    async with Charmhub.from_config(file_fallback=True) as charmhub:
        assert isinstance(charmhub.tokens._auth.place, KeyringCredentials)
        await charmhub.tokens.import_(TOKEN)
    assert await _listed(machine) == []
    assert len(ring.entries) == 1


async def test_what_the_keyring_has_is_no_credentials(ring: WritableKeyring):
    ring.entries["charmcraft", "api.charmhub.io"] = "two words of somebody"
    async with Charmhub.from_config() as charmhub:
        with pytest.raises(ConfigError, match="no credentials of Charmhub") as caught:
            await charmhub.tokens.whoami()
    assert "somebody" not in str(caught.value)


async def test_a_keyring_without_an_entry_says_how_to_log_in(ring: WritableKeyring):
    async with Charmhub.from_config() as charmhub:
        with pytest.raises(ConfigError) as caught:
            await charmhub.tokens.whoami()
    assert "tokens.login" in str(caught.value)
    assert "CHARMCRAFT_AUTH" in str(caught.value)
    assert ring.entries == {}


async def test_what_installers_see_is_read_without_a_keyring(refusing: Any, embedded_charmhub: EmbeddedCharmhub):
    embedded_charmhub.add_package("hello")
    async with Charmhub(embedded_charmhub.endpoints()) as charmhub:
        with pytest.raises(TimeoutError):
            # Nothing of it is released, which only a store that responds can say.
            await _wait_briefly(charmhub)
    (read, *_) = [one for one in embedded_charmhub.requests if "/info/" in one.target]
    assert "authorization" not in {name.lower() for name in read.headers}
    assert getattr(refusing, "lookups", []) == []


async def _wait_briefly(charmhub: Charmhub) -> None:

    with anyio.fail_after(0.3):
        await charmhub.releases.wait_installable("hello", 1, ["edge"], poll=0.05)


async def _listed(directory: Path) -> list[Path]:
    return await to_thread.run_sync(lambda: list(directory.iterdir()))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Charmhub("https://charms.example.com"), r"or a lading\.canonical\.Endpoints with the URLs"),
        (lambda: Charmhub(SNAP_STORE), r"a store of snaps: use lading\.SnapStore"),
        (lambda: SnapStore(CHARMHUB), r"a store of charms: use lading\.Charmhub"),
    ],
)
async def test_endpoints_of_something_else_say_what_to_write(make: Callable[[], object], message: str):
    with pytest.raises(InputError, match=message) as caught:
        make()
    assert caught.value.argument == "endpoints"

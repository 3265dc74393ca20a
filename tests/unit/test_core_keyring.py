"""The keyring: queried in a daemon thread, and its errors raised as ours."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import keyring
import keyring.backend
import keyring.backends.fail
import keyring.errors
import pytest

from lading import ConfigError, InputError, KeyringCredentials
from lading._core.credentials import find_keyring_user, is_keyring_installed
from tests.support.memory_keyring import installed
from tests.support.raw_server import until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio
CREDENTIALS = KeyringCredentials("https://index.test/legacy/", "__token__")


class Memory(keyring.backend.KeyringBackend):
    """A keyring without a person.

    Attributes:
        threads: The threads that queried it.
    """

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], str] = {}
        self.threads: list[threading.Thread] = []

    def get_password(self, service: str, username: str) -> str | None:
        self.threads.append(threading.current_thread())
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        try:
            del self.entries[service, username]
        except KeyError:
            raise keyring.errors.PasswordDeleteError("not found") from None


class Failing(Memory):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def get_password(self, service: str, username: str) -> str | None:
        raise self.error


class Hanging(Memory):
    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        super().get_password(service, username)
        self.released.wait(60)
        return "too late"


@pytest.fixture
def ring() -> Iterator[Memory]:
    ring = Memory()
    with installed(ring):
        yield ring


async def test_a_secret_is_kept_found_and_forgotten(ring: Memory):
    assert await CREDENTIALS.get() is None
    await CREDENTIALS.delete()
    await CREDENTIALS.set(" hunter22\n")
    assert ring.entries == {("https://index.test/legacy/", "__token__"): "hunter22"}
    assert await CREDENTIALS.get() == "hunter22"
    await CREDENTIALS.delete()
    assert not ring.entries
    assert await CREDENTIALS.get() is None
    with pytest.raises(InputError):
        await CREDENTIALS.set(" ")


async def test_the_keyring_is_queried_in_a_daemon_thread(ring: Memory):
    await CREDENTIALS.get()
    assert ring.threads[0] is not threading.main_thread()
    assert ring.threads[0].daemon
    await until(lambda: not ring.threads[0].is_alive())


async def test_blanks_are_no_secret(ring: Memory):
    ring.entries["https://index.test/legacy/", "__token__"] = "  \n"
    assert await CREDENTIALS.get() is None


async def test_a_machine_without_a_keyring(ring: Memory):
    keyring.set_keyring(keyring.backends.fail.Keyring())
    for requested in (CREDENTIALS.get, CREDENTIALS.delete, lambda: CREDENTIALS.set("x")):
        with pytest.raises(ConfigError, match="no keyring on this machine"):
            await requested()


@pytest.mark.parametrize(
    "error",
    [keyring.errors.KeyringLocked("hunter22"), keyring.errors.InitError("hunter22"), OSError("hunter22"), KeyError("hunter22")],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
async def test_a_keyring_that_fails(ring: Memory, error: Exception):
    keyring.set_keyring(Failing(error))
    with pytest.raises(ConfigError, match=type(error).__name__) as caught:
        await CREDENTIALS.get()
    assert "https://index.test/legacy/" in str(caught.value)
    assert "hunter22" not in str(caught.value)
    assert caught.value.__cause__ is error


async def test_a_keyring_that_does_not_respond_is_not_waited_for(ring: Memory):
    hanging = Hanging()
    keyring.set_keyring(hanging)
    try:
        with pytest.raises(ConfigError, match="did not respond"):
            await KeyringCredentials("service", "user", timeout=0.05).get()
        assert hanging.threads[0].is_alive()
    finally:
        hanging.released.set()
    await until(lambda: not hanging.threads[0].is_alive())  # it finds that nobody waits any more, and ends


HANGS = """
import anyio, keyring, keyring.backend, time
from lading import ConfigError, KeyringCredentials

class Hanging(keyring.backend.KeyringBackend):
    priority = 1
    def get_password(self, service, username):
        print("requested", flush=True)
        time.sleep(1000)
    set_password = delete_password = get_password

keyring.set_keyring(Hanging())

async def main():
    try:
        await KeyringCredentials("service", "user", timeout=0.1).get()
    except ConfigError:
        print("gave up", flush=True)

anyio.run(main, backend=BACKEND)
"""


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_interpreter_can_end_meanwhile(backend: str):
    code = f"BACKEND = {backend!r}\n{HANGS}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stdout.split("\n"), result.stderr) == (0, ["requested", "gave up", ""], "")


@pytest.mark.parametrize("missing", ["keyring", "keyring.errors"])
async def test_without_the_library_the_extra_is_named(missing: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, missing, None)
    for call in (CREDENTIALS.get, CREDENTIALS.delete, lambda: CREDENTIALS.set("x"), lambda: find_keyring_user("x")):
        with pytest.raises(ConfigError, match=r"needs the keyring library: pip install 'lading\[keyring\]'") as caught:
            await call()
        assert isinstance(caught.value.__cause__, ImportError)
    assert await is_keyring_installed() == (missing != "keyring")


def test_the_library_is_not_imported_before_it_is_used():
    code = """if True:
        import anyio, sys, lading
        from lading._core.credentials import is_keyring_installed
        lading.Copr, lading.PyPI
        credentials = lading.KeyringCredentials("service", "user")
        assert anyio.run(is_keyring_installed)
        assert not [name for name in sys.modules if name.startswith("keyring")]
    """
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_what_is_printed_names_the_place():
    assert repr(CREDENTIALS) == "KeyringCredentials('https://index.test/legacy/', '__token__')"

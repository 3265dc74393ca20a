"""Places that a secret is stored in: memory, an environment variable, the system's keyring, a file."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import anyio

from lading._core.arguments import checked
from lading._core.config_files import write_private_file
from lading._core.threads import run_detached, run_in_thread
from lading.errors import ConfigError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lading._core.files import StrPath

T = TypeVar("T")

INSTALL_KEYRING = "pip install 'lading[keyring]'"
"""How to install what the keyring needs, for error messages."""


class Credentials(ABC):
    """One secret, in one place. Its ``repr`` names the place, never the secret."""

    @abstractmethod
    async def get(self) -> str | None:
        """Return the secret without surrounding white space; ``None`` when there is none."""

    @abstractmethod
    async def set(self, secret: str) -> None:
        """Store *secret* in place of the one before."""

    @abstractmethod
    async def delete(self) -> None:
        """Remove the secret; harmless when there is none."""


class MemoryCredentials(Credentials):
    """A secret in the memory of this process."""

    def __init__(self, secret: str | None = None) -> None:
        self._secret = None if secret is None else _validate_secret(secret)

    async def get(self) -> str | None:
        """Return the secret, or ``None``."""
        return self._secret

    async def set(self, secret: str) -> None:
        """Replace the secret."""
        self._secret = _validate_secret(secret)

    async def delete(self) -> None:
        """Remove the secret."""
        self._secret = None

    def __repr__(self) -> str:
        return "MemoryCredentials(***)"


@checked()
class EnvironmentCredentials(Credentials):
    """A secret in an environment variable, read each time it is needed. It cannot be changed here.

    Args:
        variable: The variable's name; unset or empty means no secret.
    """

    def __init__(self, variable: str) -> None:
        self.variable = variable

    async def get(self) -> str | None:
        """Return the variable's value, or ``None``."""
        return os.environ.get(self.variable, "").strip() or None

    async def set(self, secret: str) -> None:  # noqa: ARG002
        """Raise ``ConfigError``: a change would be lost when this process ends."""
        raise ConfigError(f"the environment variable {self.variable} can only be read; set it where the job is defined")

    async def delete(self) -> None:
        """Raise ``ConfigError``: a change would be lost when this process ends."""
        raise ConfigError(
            f"the environment variable {self.variable} can only be read; unset it where the job is defined"
        )

    def __repr__(self) -> str:
        return f"EnvironmentCredentials({self.variable!r})"


@checked()
class KeyringCredentials(Credentials):
    """A secret in the system's keyring, through the ``keyring`` library, which ``lading[keyring]`` installs.

    Args:
        service: The name that the entry is stored under; the official clients of package indexes use the upload URL.
        username: The entry's user name.
        timeout: Seconds to wait for the keyring, which may be waiting for a person to enter a passphrase.
    """

    def __init__(self, service: str, username: str, *, timeout: float = 30.0) -> None:
        self.service = service
        self.username = username
        self.timeout = timeout

    async def get(self) -> str | None:
        """Return the entry's secret, or ``None``.

        Raises:
            ConfigError: The library is not installed, there is no keyring, or it does not respond.
        """
        secret = await self._call(lambda ring: ring.get_password(self.service, self.username))
        return secret.strip() or None if isinstance(secret, str) else None

    async def set(self, secret: str) -> None:
        """Write the entry.

        Raises:
            ConfigError: The library is not installed, there is no keyring, or it does not respond.
        """
        value = _validate_secret(secret)
        await self._call(lambda ring: ring.set_password(self.service, self.username, value))

    async def delete(self) -> None:
        """Remove the entry, if there is one.

        Raises:
            ConfigError: The library is not installed, there is no keyring, or it does not respond.
        """

        def remove(ring: Any) -> None:
            if ring.get_password(self.service, self.username) is not None:
                ring.delete_password(self.service, self.username)

        await self._call(remove)

    async def _call(self, operation: Callable[[Any], T]) -> T:
        def work() -> T:
            # Imported here, in the thread: it takes 60 ms, searches the disk for backends, and few programs need it.
            try:
                import keyring  # noqa: PLC0415
                import keyring.errors  # noqa: PLC0415
            except ImportError as error:
                raise ConfigError(f"{self!r} needs the keyring library: {INSTALL_KEYRING}") from error

            try:
                return operation(keyring.get_keyring())
            except keyring.errors.NoKeyringError:
                raise ConfigError(
                    "no keyring on this machine: install and unlock one (SecretService, KWallet, macOS Keychain, "
                    "Windows Credential Locker), or give the secret another way"
                ) from None
            except keyring.errors.KeyringError as error:
                raise ConfigError(f"the keyring refused access to {self!r}: {type(error).__name__}") from error
            except Exception as error:
                # Backends raise errors of their own (D-Bus, JSON, OS), whose messages may contain anything.
                raise ConfigError(f"the keyring failed for {self!r}: {type(error).__name__}") from error

        return await _in_daemon_thread(
            work,
            self.timeout,
            f"the keyring did not respond for {self!r} within {self.timeout:g} s: is it locked?",
        )

    def __repr__(self) -> str:
        return f"KeyringCredentials({self.service!r}, {self.username!r})"


@checked()
class FileCredentials(Credentials):
    """A secret in a file that only its owner can read (mode 0600), replaced in one step.

    Args:
        path: The file; its directory is created (0700) when the first secret is stored.
    """

    def __init__(self, path: StrPath) -> None:
        self.path: Path = Path(path)

    async def get(self) -> str | None:
        """Return the file's content, or ``None`` when there is no file or it is empty."""

        def read() -> str | None:
            try:
                return self.path.read_text("utf-8").strip() or None
            except FileNotFoundError:
                return None
            except UnicodeDecodeError:
                raise ConfigError(f"{self.path} is not UTF-8 text, so it contains no secret") from None

        return await run_in_thread(read)

    async def set(self, secret: str) -> None:
        """Write the file: to a temporary file first, then renamed over it, so that no reader sees a partial one."""
        value = _validate_secret(secret)

        def write() -> None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private_file(self.path, f"{value}\n".encode())

        await run_in_thread(write)

    async def delete(self) -> None:
        """Remove the file, if there is one."""
        await run_in_thread(lambda: self.path.unlink(missing_ok=True))

    def __repr__(self) -> str:
        return f"FileCredentials({str(self.path)!r})"


async def is_keyring_installed() -> bool:
    """Return whether the ``keyring`` library is installed, without importing it."""
    return await run_in_thread(find_spec, "keyring") is not None


async def find_keyring_user(service: str) -> str | None:
    """Return the user of the keyring's entry for *service*, or ``None`` where the keyring cannot find it by service."""
    found = await KeyringCredentials(service, "")._call(lambda ring: ring.get_credential(service, None))  # noqa: SLF001
    user = getattr(found, "username", None)
    return user if isinstance(user, str) and user else None


def _validate_secret(secret: str) -> str:
    secret = secret.strip()
    if not secret:
        raise InputError("the secret is empty", argument="secret")
    return secret


async def _in_daemon_thread(work: Callable[[], T], timeout: float, too_late: str) -> T:
    """Run *work* in a daemon thread, which may outlive this call, and return its result.

    A keyring can wait for a person without end.

    Args:
        work: The function to run.
        timeout: Seconds to wait for it.
        too_late: The message of the ``ConfigError`` after that.
    """
    with anyio.move_on_after(timeout):
        return await run_detached("lading keyring", work)
    raise ConfigError(too_late)

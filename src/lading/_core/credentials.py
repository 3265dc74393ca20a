"""Where a secret is kept: memory, an environment variable, the system's keyring, a file."""

from __future__ import annotations

import os
import secrets
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
from anyio import from_thread
from anyio.lowlevel import current_token

from lading._core.threads import run_in_thread
from lading.errors import ConfigError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lading._core.files import StrPath

T = TypeVar("T")


class Credentials(ABC):
    """One secret, in one place. Its ``repr`` names the place, never the secret."""

    @abstractmethod
    async def get(self) -> str | None:
        """The secret without surrounding white space; ``None`` when there is none."""

    @abstractmethod
    async def set(self, secret: str) -> None:
        """Keep *secret* from now on."""

    @abstractmethod
    async def delete(self) -> None:
        """Forget the secret; harmless when there is none."""


class MemoryCredentials(Credentials):
    """A secret held by this process alone."""

    def __init__(self, secret: str | None = None) -> None:
        self._secret = None if secret is None else _validate_secret(secret)

    async def get(self) -> str | None:
        """The secret, or ``None``."""
        return self._secret

    async def set(self, secret: str) -> None:
        """Replace the secret."""
        self._secret = _validate_secret(secret)

    async def delete(self) -> None:
        """Forget the secret."""
        self._secret = None

    def __repr__(self) -> str:
        return "MemoryCredentials(***)"


class EnvironmentCredentials(Credentials):
    """A secret in an environment variable, read each time it is needed. It can only be read.

    Args:
        variable: The variable's name; unset or empty means no secret.
    """

    def __init__(self, variable: str) -> None:
        self.variable = variable

    async def get(self) -> str | None:
        """The variable's value, or ``None``."""
        return os.environ.get(self.variable, "").strip() or None

    async def set(self, secret: str) -> None:  # noqa: ARG002
        """``ConfigError``: a change would end with this process and mislead."""
        raise ConfigError(f"the environment variable {self.variable} can only be read; set it where the job is defined")

    async def delete(self) -> None:
        """``ConfigError``, as for :meth:`set`."""
        raise ConfigError(
            f"the environment variable {self.variable} can only be read; unset it where the job is defined"
        )

    def __repr__(self) -> str:
        return f"EnvironmentCredentials({self.variable!r})"


class KeyringCredentials(Credentials):
    """A secret in the system's keyring, through the ``keyring`` library.

    Args:
        service: The name the entry is filed under; for PyPI's official clients the upload address.
        username: The entry's user name.
        timeout: Seconds to wait for the keyring, which may be asking a person for a passphrase.
    """

    def __init__(self, service: str, username: str, *, timeout: float = 30.0) -> None:
        self.service = service
        self.username = username
        self.timeout = timeout

    async def get(self) -> str | None:
        """The entry's secret, or ``None``; ``ConfigError`` when there is no keyring or it does not answer."""
        secret = await self._call(lambda ring: ring.get_password(self.service, self.username))
        return secret.strip() or None if isinstance(secret, str) else None

    async def set(self, secret: str) -> None:
        """Write the entry."""
        value = _validate_secret(secret)
        await self._call(lambda ring: ring.set_password(self.service, self.username, value))

    async def delete(self) -> None:
        """Remove the entry, if there is one."""

        def remove(ring: Any) -> None:
            if ring.get_password(self.service, self.username) is not None:
                ring.delete_password(self.service, self.username)

        await self._call(remove)

    async def _call(self, question: Callable[[Any], T]) -> T:
        def work() -> T:
            # Imported here, in the thread: it takes 60 ms, looks for backends on disk, and few programs need it.
            import keyring  # noqa: PLC0415
            import keyring.errors  # noqa: PLC0415

            try:
                return question(keyring.get_keyring())
            except keyring.errors.NoKeyringError:
                raise ConfigError(
                    "no keyring on this machine: install and unlock one (SecretService, KWallet, macOS Keychain, "
                    "Windows Credential Locker), or give the secret another way"
                ) from None
            except keyring.errors.KeyringError as error:
                raise ConfigError(f"the keyring would not answer for {self!r}: {type(error).__name__}") from error
            except Exception as error:
                # Backends let their own errors through (D-Bus, JSON, OS): none of them is ours to show whole.
                raise ConfigError(f"the keyring failed for {self!r}: {type(error).__name__}") from error

        return await _in_daemon_thread(
            work,
            self.timeout,
            f"the keyring did not answer for {self!r} within {self.timeout:g} s: is it locked?",
        )

    def __repr__(self) -> str:
        return f"KeyringCredentials({self.service!r}, {self.username!r})"


class FileCredentials(Credentials):
    """A secret in a file that only its owner can read (mode 0600), replaced in one step.

    Args:
        path: The file; its folder is made (0700) when the first secret is kept.
    """

    def __init__(self, path: StrPath) -> None:
        self.path: Path = Path(path)

    async def get(self) -> str | None:
        """The file's content, or ``None`` when there is no file or nothing in it."""

        def read() -> str | None:
            try:
                return self.path.read_text("utf-8").strip() or None
            except FileNotFoundError:
                return None
            except UnicodeDecodeError:
                raise ConfigError(f"{self.path} is not UTF-8 text, so it holds no secret of ours") from None

        return await run_in_thread(read)

    async def set(self, secret: str) -> None:
        """Write the file: beside it first, then renamed over it, so that no reader sees half of one."""
        value = _validate_secret(secret)

        def write() -> None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}")
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with open(fd, "w", encoding="utf-8") as file:  # noqa: PTH123 - of a descriptor
                    file.write(value + "\n")
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(self.path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise

        await run_in_thread(write)

    async def delete(self) -> None:
        """Remove the file, if there is one."""
        await run_in_thread(lambda: self.path.unlink(missing_ok=True))

    def __repr__(self) -> str:
        return f"FileCredentials({str(self.path)!r})"


async def find_keyring_user(service: str) -> str | None:
    """The user of the keyring's entry for *service*, where it can tell without being told; ``None`` where it cannot."""
    found = await KeyringCredentials(service, "")._call(lambda ring: ring.get_credential(service, None))  # noqa: SLF001
    user = getattr(found, "username", None)
    return user if isinstance(user, str) and user else None


def _validate_secret(secret: str) -> str:
    secret = secret.strip()
    if not secret:
        raise InputError("the secret is empty", argument="secret")
    return secret


async def _in_daemon_thread(work: Callable[[], T], timeout: float, too_late: str) -> T:
    """What *work* returns, from a daemon thread that may be left behind.

    A keyring can wait for a person for ever. A worker thread of anyio's that never ends would keep the interpreter
    from exiting; this one does not.
    """
    finished = anyio.Event()
    token = current_token()
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again where it was asked for
            errors.append(error)
        # The loop may have ended meanwhile: nobody waits any more.
        with suppress(anyio.RunFinishedError, RuntimeError):
            from_thread.run_sync(finished.set, token=token)

    threading.Thread(target=run, name="lading keyring", daemon=True).start()
    with anyio.move_on_after(timeout):
        await finished.wait()
    if errors:
        raise errors[0]
    if not results:
        raise ConfigError(too_late)
    return results[0]

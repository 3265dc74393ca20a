"""A keyring in memory."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import keyring
import keyring.backend
import keyring.credentials
import keyring.errors

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def installed(memory: keyring.backend.KeyringBackend) -> Iterator[None]:
    """*memory* in the place of the machine's keyring."""
    before = keyring.get_keyring()
    keyring.set_keyring(memory)
    try:
        yield
    finally:
        keyring.set_keyring(before)


class MemoryKeyring(keyring.backend.KeyringBackend):
    """A keyring in memory, which can only be read.

    Attributes:
        entries: The passwords, by service and user.
        lookups: The services and users that were looked up.
        threads: In which threads.
        locked: Whether it refuses.
    """

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], str] = {}
        self.lookups: list[tuple[str, str | None]] = []
        self.threads: set[str] = set()
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        self._note(service, username)
        return self.entries.get((service, username))

    def get_credential(self, service: str, username: str | None) -> keyring.credentials.Credential | None:
        self._note(service, username)
        for (at, user), password in self.entries.items():
            if at == service and username in (None, user):
                return keyring.credentials.SimpleCredential(user, password)
        return None

    def _note(self, service: str, username: str | None) -> None:
        self.lookups.append((service, username))
        self.threads.add(threading.current_thread().name)
        if self.locked:
            raise keyring.errors.KeyringLocked

    def set_password(self, service: str, username: str, password: str) -> None:
        raise AssertionError

    def delete_password(self, service: str, username: str) -> None:
        raise AssertionError


class WritableKeyring(MemoryKeyring):
    """A keyring in memory that keeps what is stored."""

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]

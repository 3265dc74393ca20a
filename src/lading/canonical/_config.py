"""Where credentials are looked for: the environment, the keyring, and craft-store's file."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lading._core.config_files import write_private_file
from lading._core.credentials import Credentials, EnvironmentCredentials, KeyringCredentials
from lading._core.threads import run_in_thread
from lading.errors import ConfigError

if TYPE_CHECKING:
    from lading.canonical._endpoints import Endpoints


class CraftStoreFile(Credentials):
    """Credentials in the file that craft-store falls back to where there is no keyring.

    The file is JSON with one entry for each application and host. It is replaced in one step, readable by its owner
    only (mode 0600); entries of others are kept.

    Args:
        application: The application whose file it is: ``"charmcraft"``, ``"snapcraft"``.
        host: The host of the store's API, with its port if that is not the usual one.
    """

    def __init__(self, application: str, host: str) -> None:
        self.application = application
        self.host = host

    @property
    def path(self) -> Path:
        """The file: ``$XDG_DATA_HOME/<application>/credentials.json``."""
        data = os.environ.get("XDG_DATA_HOME")
        return (Path(data) if data else Path.home() / ".local" / "share") / self.application / "credentials.json"

    async def get(self) -> str | None:
        """Return the entry, or ``None``."""
        entries = await run_in_thread(self._read)
        found = entries.get(self.application)
        text = found.get(self.host) if isinstance(found, dict) else None
        return text.strip() or None if isinstance(text, str) else None

    async def set(self, secret: str) -> None:
        """Write the entry."""
        await run_in_thread(self._write, secret)

    async def delete(self) -> None:
        """Remove the entry, if there is one."""
        await run_in_thread(self._write, None)

    def _read(self) -> dict[str, Any]:
        try:
            value = json.loads(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(f"{self.path} cannot be read: {type(error).__name__}") from None
        if not isinstance(value, dict):
            raise ConfigError(f"{self.path} is not a file of craft-store's")
        return value

    def _write(self, secret: str | None) -> None:
        entries = self._read()
        mine = entries.get(self.application)
        kept = dict(mine) if isinstance(mine, dict) else {}
        if secret is None:
            if kept.pop(self.host, None) is None:
                return
        else:
            kept[self.host] = secret
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private_file(self.path, json.dumps(entries | {self.application: kept}).encode())

    def __repr__(self) -> str:
        return f"CraftStoreFile({str(self.path)!r}, {self.host!r})"


async def find_place(endpoints: Endpoints, application: str, *, file_fallback: bool) -> Credentials:
    """Return where the credentials for a store are, or where a login will store them.

    The environment variable of the official client comes first, then the keyring. A file is used only where
    *file_fallback* allows it, and not in place of a keyring that is locked.

    Args:
        endpoints: The store.
        application: The service name of the keyring's entry.
        file_fallback: Use craft-store's file where there is no keyring.

    Raises:
        ConfigError: The keyring is locked; or there is no usable one, and no file may be used.
    """
    variable = EnvironmentCredentials(endpoints.variable)
    if await variable.get() is not None:
        return variable
    host = urlsplit(endpoints.api_url).netloc
    keyring = KeyringCredentials(application, host)
    try:
        await keyring.get()
    except ConfigError as error:
        # By its name, as importing the library blocks. A locked keyring may have the credentials.
        locked = type(error.__cause__).__name__ == "KeyringLocked"
        if locked or not file_fallback:
            other = "unlock it" if locked else "pass file_fallback=True to keep credentials in a file"
            raise ConfigError(
                f"{endpoints.name}: {error}. Set {endpoints.variable} to what the official client exports, or {other}"
            ) from error
        file = CraftStoreFile(application, host)
        logging.getLogger("lading").info("%s: credentials are in %s: %s", endpoints.name, file.path, error)
        return file
    return keyring

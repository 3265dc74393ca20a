"""Which instance, and which credentials: arguments, environment, configuration file, keyring, Kerberos, in turn."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lading._core.credentials import KeyringCredentials, find_keyring_user
from lading._core.service import origin
from lading._core.threads import run_in_thread
from lading.copr._auth import TokenPairAuth
from lading.copr._config_file import ConfigFile, read_config
from lading.copr._kerberos import GssapiAuth
from lading.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from lading._core.auth import Auth
    from lading._core.files import StrPath

DEFAULT_URL = "https://copr.fedorainfracloud.org"
CONFIG = "~/.config/copr"


@dataclass(frozen=True, slots=True)
class CoprConfig:
    """An instance, and what was found to get in.

    Attributes:
        url: The instance.
        allow_http: Whether it may be at plain http.
        username: The user.
        login: The login.
        token: The token. Not shown.
        gssapi: Whether to log in with Kerberos; ``None`` where nobody says.
        expires_on: The day that the token ends on.
    """

    url: str
    allow_http: bool = False
    username: str | None = None
    login: str | None = None
    token: str | None = field(default=None, repr=False)
    gssapi: bool | None = None
    expires_on: date | None = None


async def load_config(url: str | None, config_file: StrPath | None) -> CoprConfig:
    """What environment and file say; ``ConfigError`` when they cannot be understood."""
    named = config_file if config_file is not None else os.environ.get("COPR_CONFIG") or None
    path = Path(CONFIG if named is None else named)
    explicit = named is not None

    def read() -> ConfigFile | None:
        return read_config(path, explicit=explicit)

    return resolve_config(url, os.environ, await run_in_thread(read))


def resolve_config(url: str | None, env: Mapping[str, str], file: ConfigFile | None) -> CoprConfig:
    """The same, of what was read. Pure.

    Args:
        url: The instance, where an argument names it.
        env: The environment: ``COPR_URL``, ``COPR_LOGIN``, ``COPR_TOKEN``, ``COPR_USERNAME``.
        file: What the file says.
    """
    there = {name: env.get(f"COPR_{name}", "").strip() or None for name in ("URL", "LOGIN", "TOKEN", "USERNAME")}
    chosen = url or there["URL"] or (file.copr_url if file else DEFAULT_URL)
    # A file's secrets are for its own instance, whatever other is named.
    ours = file if file and origin(file.copr_url) == origin(chosen) else None
    allow_http = ours is not None and not ours.encrypted
    if (there["LOGIN"] is None) != (there["TOKEN"] is None):
        raise ConfigError("COPR_LOGIN and COPR_TOKEN go together: one of them is not set")
    # Likewise the environment's, where it names an instance.
    if there["LOGIN"] is not None and origin(there["URL"] or chosen) == origin(chosen):
        return CoprConfig(chosen, allow_http, there["USERNAME"], there["LOGIN"], there["TOKEN"])
    if ours is None:
        return CoprConfig(chosen, allow_http, there["USERNAME"])
    username = there["USERNAME"] or ours.username
    return CoprConfig(chosen, allow_http, username, ours.login, ours.token, ours.gssapi, ours.expires_on)


async def find_credentials(found: CoprConfig) -> Auth | None:
    """The credentials to use: what was found, else the keyring's, else Kerberos where that is installed."""
    if found.login is not None and found.token is not None:
        return TokenPairAuth(found.login, found.token, expires_on=found.expires_on)
    if not found.gssapi:
        try:
            login = await find_keyring_user(found.url)
            if login is not None:
                return TokenPairAuth(login, KeyringCredentials(found.url, login))
        except ConfigError:
            pass  # no keyring, or a locked one: it was only one of the places to look in
    # As copr-cli does, and python-copr does not: without a token, Kerberos unless that is switched off.
    if found.gssapi or (found.gssapi is None and await run_in_thread(find_spec, "spnego") is not None):
        return GssapiAuth()
    return None

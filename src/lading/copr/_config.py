"""The instance and its credentials: from arguments, environment, configuration file, keyring and Kerberos."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lading._core.credentials import INSTALL_KEYRING, KeyringCredentials, find_keyring_user, is_keyring_installed
from lading._core.service import origin
from lading._core.threads import run_in_thread
from lading.copr._auth import MissingCredentials, TokenPairAuth
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
    """An instance, and the credentials for it that were found.

    Attributes:
        url: The instance's URL.
        allow_http: Whether that may be plain http.
        username: The user.
        login: The login.
        token: The token. Not shown.
        gssapi: Whether to log in with Kerberos; ``None`` where the file does not set it.
        expires_on: The day that the token expires on.
        config_file: The configuration file that was looked for.
    """

    url: str
    allow_http: bool = False
    username: str | None = None
    login: str | None = None
    token: str | None = field(default=None, repr=False)
    gssapi: bool | None = None
    expires_on: date | None = None
    config_file: str = CONFIG


async def load_config(url: str | None, config_file: StrPath | None) -> CoprConfig:
    """Read environment and configuration file.

    Args:
        url: The instance's URL, where an argument names it.
        config_file: The file, where an argument names it.

    Raises:
        ConfigError: They are invalid; the message names file, section and key.
    """
    named = config_file if config_file is not None else os.environ.get("COPR_CONFIG") or None
    path = Path(CONFIG if named is None else named)
    explicit = named is not None

    def read() -> ConfigFile | None:
        return read_config(path, explicit=explicit)

    return replace(resolve_config(url, os.environ, await run_in_thread(read)), config_file=str(path))


def resolve_config(url: str | None, env: Mapping[str, str], file: ConfigFile | None) -> CoprConfig:
    """Resolve which instance and credentials to use. Pure.

    Args:
        url: The instance's URL, where an argument names it.
        env: The environment: ``COPR_URL``, ``COPR_LOGIN``, ``COPR_TOKEN``, ``COPR_USERNAME``.
        file: The configuration file, where there is one.

    Raises:
        ConfigError: The environment has a login without a token, or a token without a login.
    """
    there = {name: env.get(f"COPR_{name}", "").strip() or None for name in ("URL", "LOGIN", "TOKEN", "USERNAME")}
    chosen = url or there["URL"] or (file.copr_url if file else DEFAULT_URL)
    # A file's secrets are for its own instance, whichever other one is named.
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


async def find_credentials(found: CoprConfig) -> Auth:
    """Return the credentials to use: those that were found, else the keyring's, else Kerberos where it is installed.

    Without any, return an ``Auth`` whose error names the places that were searched.
    """
    if found.login is not None and found.token is not None:
        return TokenPairAuth(found.login, found.token, expires_on=found.expires_on)
    has_keyring = await is_keyring_installed()
    if has_keyring and not found.gssapi:
        try:
            login = await find_keyring_user(found.url)
            if login is not None:
                return TokenPairAuth(login, KeyringCredentials(found.url, login))
        except ConfigError:
            pass  # there is no keyring, or it is locked: it is only one of several places
    # As copr-cli does, and python-copr does not: without a token, use Kerberos unless that is disabled.
    if found.gssapi or (found.gssapi is None and await run_in_thread(find_spec, "spnego") is not None):
        return GssapiAuth()
    searched = f"searched: COPR_LOGIN and COPR_TOKEN, {found.config_file}"
    if has_keyring:
        return MissingCredentials(f"{searched}, the keyring")
    return MissingCredentials(f"{searched}; not the keyring, whose library is not installed: {INSTALL_KEYRING}")

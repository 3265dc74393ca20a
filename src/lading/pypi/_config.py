"""The index and its credentials: from arguments, environment, ``.pypirc``, keyring and trusted publishing, in turn."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from lading._core.auth import Auth, BasicAuth
from lading._core.credentials import KeyringCredentials, find_keyring_user
from lading._core.threads import run_in_thread
from lading.errors import ConfigError
from lading.pypi._ci_identity import detect_provider
from lading.pypi._indexes import Index, official_index_at, resolve_index
from lading.pypi._trusted_publishing import TrustedPublishing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading._core.files import StrPath

TOKEN_USER = "__token__"  # noqa: S105 - a user name


@dataclass(frozen=True, slots=True)
class IndexConfig:
    """An index, and the credentials that were found for it.

    Attributes:
        index: The index.
        username: The user, where one was named.
        password: The password or token; not in the ``repr``.
        source: Where the password was found.
    """

    index: Index
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    source: str = ""


async def load_config(name: str | None, config_file: StrPath | None, simple_url: str | None) -> IndexConfig:
    """Load what environment and ``.pypirc`` say about the index *name*.

    Args:
        name: The index's name; ``None`` to take the environment's, or ``"pypi"``.
        config_file: Another file than ``~/.pypirc``.
        simple_url: The root of the index's Simple API, where it is known better.

    Raises:
        ConfigError: They cannot be understood.
    """
    explicit = config_file is not None
    path = Path(config_file) if config_file is not None else Path("~/.pypirc")
    sections = await run_in_thread(_read, path, explicit)
    return resolve_config(name, os.environ, sections, path, simple_url)


async def find_credentials(found: IndexConfig) -> Auth | None:
    """Return the credentials to use: those of *found*, else the keyring's (as twine), else a trusted publisher's."""
    if found.password is not None:
        return BasicAuth(found.username or TOKEN_USER, found.password)
    url = found.index.upload_url
    try:
        # Other indexes have users: the entry says whose it is.
        user = found.username or (None if found.index.official else await find_keyring_user(url)) or TOKEN_USER
        entry = KeyringCredentials(url, user)
        if await entry.get() is not None:
            return BasicAuth(user, entry)
    except ConfigError as error:
        # It is only one of several places. Without lading[keyring] the message names that extra.
        logging.getLogger("lading").info("%s: the keyring was skipped: %s", found.index.name, error)
    if found.index.official and detect_provider(os.environ) is not None:
        return TrustedPublishing(found.index)
    return None


def resolve_config(
    name: str | None,
    env: Mapping[str, str],
    sections: Mapping[str, Mapping[str, str]],
    path: Path,
    simple_url: str | None = None,
) -> IndexConfig:
    """Resolve the index *name* from what was read. Pure.

    Args:
        name: The index's name; ``None`` to take the environment's, or ``"pypi"``.
        env: The environment: ``TWINE_REPOSITORY``, ``TWINE_REPOSITORY_URL``, ``TWINE_USERNAME``, ``TWINE_PASSWORD``,
            and ``UV_PUBLISH_URL``, ``_CHECK_URL``, ``_TOKEN``, ``_USERNAME``, ``_PASSWORD``.
        sections: The sections of ``.pypirc``.
        path: Its path, for errors.
        simple_url: The root of the index's Simple API, where it is known better.
    """
    url = None if name is not None else env.get("TWINE_REPOSITORY_URL") or env.get("UV_PUBLISH_URL") or None
    if name is None:
        simple_url = simple_url or env.get("UV_PUBLISH_CHECK_URL") or None
    if url is not None:
        index, username, password = _index_at(url, "the environment's index URL", "index", simple_url)
        section: Mapping[str, str] = {}
    else:
        name = name or env.get("TWINE_REPOSITORY") or "pypi"
        section = sections.get(name, {})
        index, username, password = _index_named(name, section, path, simple_url)
    if password is not None:
        return IndexConfig(index, username, password, "the index's URL")
    if token := env.get("UV_PUBLISH_TOKEN", "").strip():
        return IndexConfig(index, TOKEN_USER, token, "UV_PUBLISH_TOKEN")
    # The file does not apply to an index that the environment names.
    login = sections.get("server-login", {}) if url is None else {}
    # The official indexes have one user; a file may still name an account of the time when there were others.
    filed = None if index.official else section.get("username") or login.get("username") or None
    users = {maker: env.get(f"{maker}_USERNAME", "").strip() or None for maker in ("TWINE", "UV_PUBLISH")}
    for maker, user in users.items():
        if password := env.get(f"{maker}_PASSWORD", "").strip():
            return IndexConfig(index, username or user or filed, password, f"{maker}_PASSWORD")
    username = username or next(filter(None, users.values()), filed)
    password = section.get("password") or login.get("password") or None
    return IndexConfig(index, username, password, str(path) if password else "")


def _index_named(
    name: str, section: Mapping[str, str], path: Path, simple_url: str | None
) -> tuple[Index, str | None, str | None]:
    if url := section.get("repository"):
        return _index_at(url, f"{path}: section [{name}], key repository", name, simple_url)
    if name in ("pypi", "testpypi"):
        return resolve_index(name), None, None
    if section:
        raise ConfigError(f"{path}: section [{name}] has no key repository")
    raise ConfigError(
        f"no index is called {name!r}: {path} has no section [{name}], and it is neither 'pypi' nor 'testpypi'"
    )


def _index_at(url: str, what: str, name: str, simple_url: str | None) -> tuple[Index, str | None, str | None]:
    """Return the index at *url*, and the credentials that are part of the URL."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        plain = parts._replace(netloc=host).geturl()
        username = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        return official_index_at(plain) or Index(plain, simple_url, name), username, password
    except (ValueError, ConfigError) as error:
        raise ConfigError(f"{what}: {error if isinstance(error, ConfigError) else 'not a URL'}") from None


def _read(path: Path, explicit: bool) -> Mapping[str, Mapping[str, str]]:
    """Read the sections of a ``.pypirc`` in a worker thread; none when the default file does not exist."""
    from lading._core.config_files import parse_ini, read_config_file  # noqa: PLC0415 - imports configparser

    text = read_config_file(path, explicit=explicit)
    return {} if text is None else parse_ini(text, str(path))

"""The credentials to use: those of a configuration, else the keyring's, else a trusted publisher's."""

from __future__ import annotations

import logging
import os

from lading._core.auth import Auth, BasicAuth
from lading._core.credentials import KeyringCredentials, find_keyring_user
from lading._core.unset import UNSET
from lading.errors import ConfigError
from lading.pypi._ci_identity import is_ci
from lading.pypi._config import TOKEN_USER, IndexConfig
from lading.pypi._trusted_publishing import TrustedPublishing


async def find_credentials(found: IndexConfig) -> Auth | None:
    """Return the credentials to use: those of *found*, else the keyring's (as twine), else a trusted publisher's."""
    if found.password is not None:
        return BasicAuth(found.username or TOKEN_USER, found.password)
    log = logging.getLogger("lading")
    name = found.index.name
    try:
        if (auth := await _find_in_keyring(found)) is not None:
            return auth
    except ConfigError as error:
        # It is only one of several places. Without lading[keyring] the message names that extra.
        log.info("%s: the keyring was skipped: %s", name, error)
    if found.unused:
        log.warning(
            "%s: %s not used: twine's variables are for the index that TWINE_REPOSITORY_URL or TWINE_REPOSITORY names, "
            "uv's for that of UV_PUBLISH_URL (without one: PyPI)",
            name,
            " and ".join(found.unused) + (" was" if len(found.unused) == 1 else " were"),
        )
    if found.index.official and is_ci(os.environ):
        # Also in a job that has no identity: an upload then says what the job lacks, and reading needs none.
        return TrustedPublishing(found.index)
    return None


async def _find_in_keyring(found: IndexConfig) -> Auth | None:
    """Look the upload URL up in the keyring, in both spellings."""
    index = found.index
    for service in (index.upload_url, index.upload_url.removesuffix("/")):
        # Other indexes have users: the entry says whose it is.
        user = found.username or (None if index.official else await find_keyring_user(service)) or TOKEN_USER
        entry = KeyringCredentials(service, user)
        if await entry.get() is not None:
            return BasicAuth(user, entry)
    return None


def find_read_auth(found: IndexConfig) -> Auth | None:
    """Return the credentials for reading: those in the URL of the Simple API; UNSET for those of uploads."""
    if found.reading.password is not None:
        return BasicAuth(found.reading.username or TOKEN_USER, found.reading.password)
    return UNSET if found.reads_with_password else None

"""The configuration file of Copr's own client: reading it, and writing a new token to it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from lading._core.config_files import parse_ini, read_config_file, write_private_file
from lading._core.service import validate_base_url
from lading.errors import ConfigError

if TYPE_CHECKING:
    from lading._core.files import StrPath
    from lading.copr._models.account import ApiToken

SECTION = "copr-cli"
# Not a key but a comment, which the frontend's web page writes.
_EXPIRES = re.compile(r"(?mi)^[#;]\s*expiration date:\s*(\d{4}-\d{2}-\d{2})")
_EXPIRES_LINE = re.compile(r"(?i)^[#;]\s*expiration date:")
_HEADER = re.compile(r"\s*\[([^\]]*)\]")
_KEY = re.compile(r"\s*([^\s=:#;\[][^\s=:]*)\s*[=:]")
_TRUE, _FALSE = {"1", "yes", "true", "on"}, {"0", "no", "false", "off"}


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The content of a configuration file.

    Attributes:
        copr_url: The instance's URL.
        username: The user.
        login: The login.
        token: The token. Not shown.
        gssapi: Whether to log in with Kerberos; ``None`` where the file does not set it.
        encrypted: Whether the instance's URL must be https.
        expires_on: The day that the token expires on.
    """

    copr_url: str
    username: str | None = None
    login: str | None = None
    token: str | None = field(default=None, repr=False)
    gssapi: bool | None = None
    encrypted: bool = True
    expires_on: date | None = None


def read_config(path: Path, *, explicit: bool) -> ConfigFile | None:
    """Read a configuration file; ``None`` when there is no such file and it was not named explicitly.

    Args:
        path: The file.
        explicit: Whether the caller or the environment named it.

    Raises:
        ConfigError: It cannot be read or is invalid; the message names file, section and key.
    """
    text = read_config_file(path, explicit=explicit)
    return None if text is None else parse_config(text, str(path))


def parse_config(text: str, path: str) -> ConfigFile:
    """Parse the text of a configuration file.

    Args:
        text: The text.
        path: The file's name, for errors.

    Raises:
        ConfigError: It is invalid; the message names file, section and key.
    """
    sections = parse_ini(text, path)
    if SECTION not in sections:
        raise ConfigError(f"{path} has no section [{SECTION}]")
    keys = {key: value.strip() for key, value in sections[SECTION].items()}
    where = f"{path}: section [{SECTION}]"
    url = keys.get("copr_url")
    if not url:
        raise ConfigError(f"{where} has no key copr_url")
    login, token = keys.get("login") or None, keys.get("token") or None
    if (login is None) != (token is None):
        there, missing = ("login", "token") if token is None else ("token", "login")
        raise ConfigError(f"{where} has a key {there} and no key {missing}")
    for key, colons in (("copr_url", True), ("login", False), ("token", False)):
        # The frontend splits login and token at the colon, and responds with 500 to two of them.
        if not keys.get(key, "").isprintable() or (not colons and ":" in keys.get(key, "")):
            raise ConfigError(f"{where}, key {key}: it contains {'' if colons else 'a colon or '}a line break")
    encrypted = _boolean(keys, "encrypted", where) is not False
    validate_base_url(
        url,
        f"{where}, key copr_url (encrypted is {'on' if encrypted else 'off'})",
        allow_http=not encrypted,
        otherwise="write encrypted = 0 into this section",
    )
    expires = _EXPIRES.search(text)
    try:
        expires_on = date.fromisoformat(expires[1]) if expires else None
    except ValueError:
        expires_on = None  # a malformed comment is not an error
    return ConfigFile(
        url,
        keys.get("username") or None,
        login,
        token,
        _boolean(keys, "gssapi", where),
        encrypted,
        expires_on,
    )


def _boolean(keys: dict[str, str], key: str, where: str) -> bool | None:
    value = keys.get(key, "").lower()
    if not value:
        return None
    if value not in _TRUE | _FALSE:
        raise ConfigError(f"{where}, key {key}: {value[:20]!r} is neither true nor false")
    return value in _TRUE


def validate_config_file(path: StrPath) -> None:
    """Check that a token can be written to the file at *path*.

    Raises:
        ConfigError: It is not a configuration file, or has an unusual form.
        OSError: It cannot be read or replaced.
    """
    real = Path(path).expanduser()
    before = read_config(real, explicit=True)
    # A token that cannot be read back from the file would be lost: try it with a placeholder, in memory.
    placeholder = "placeholder"
    text = with_token(real.read_text("utf-8-sig"), placeholder, placeholder, None)
    wanted = None if before is None else replace(before, login=placeholder, token=placeholder, expires_on=None)
    try:
        found = parse_config(text, str(path))
    except ConfigError:
        found = None
    if found is None or found != wanted:
        raise ConfigError(f"{path}: section [{SECTION}] has a form that no token can be written to")
    if not os.access(real.resolve().parent, os.W_OK):
        raise PermissionError(f"{real.resolve().parent} cannot be written to")


def write_token(path: StrPath, token: ApiToken) -> None:
    """Write *token* to the file at *path* in one step; everything else in it stays."""
    real = Path(path).expanduser().resolve()
    text = with_token(real.read_text("utf-8-sig"), token.login, token.token, token.expiration)
    write_private_file(real, text.encode())


def with_token(text: str, login: str, token: str, expires_on: date | None) -> str:
    """Return a configuration file's *text* with another login, token and expiration date in its section."""
    lines: list[str] = []
    section, at = "", 0
    dropped: int | None = None  # the indentation of the key whose lines are being left out
    for line in text.splitlines():
        if _EXPIRES_LINE.match(line):
            continue
        indent = len(line) - len(line.lstrip())
        if dropped is not None and line.strip() and indent > dropped:
            continue
        dropped = None
        key = _KEY.match(line)
        if header := _HEADER.match(line):
            section = header[1]
        elif section == SECTION and key and key[1].lower() in ("login", "token"):
            dropped = indent
            continue
        lines.append(line)
        if header and section == SECTION:
            at = len(lines)
    # Indented as the keys around them: one that is indented further would continue a value.
    indents = [line[: len(line) - len(line.lstrip())] for line in lines[at:] if _KEY.match(line)]
    before = indents[0] if indents else ""
    lines[at:at] = [f"{before}login = {login}", f"{before}token = {token}"]
    if expires_on is not None:
        lines.append(f"# expiration date: {expires_on.isoformat()}")
    return "\n".join(lines) + "\n"

"""Configuration files of other clients: reading INI, and replacing a file that only its owner may read."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from lading.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def read_config_file(path: Path, *, explicit: bool) -> str | None:
    """Return the file's text; ``None`` when there is no such file and it was not named explicitly.

    Args:
        path: The file; ``~`` is expanded.
        explicit: Whether the caller or the environment named it.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        return path.expanduser().read_text("utf-8-sig")
    except FileNotFoundError:
        if explicit:
            raise ConfigError(f"there is no configuration file {path}") from None
        return None
    except (OSError, UnicodeDecodeError, RuntimeError) as error:
        raise ConfigError(f"{path} cannot be read: {type(error).__name__}") from None


def parse_ini(text: str, path: str) -> Mapping[str, Mapping[str, str]]:
    """Return the keys and values of each section.

    Args:
        text: The file's text.
        path: The file's name, for errors.

    Raises:
        ConfigError: *text* is not a configuration file; the message names file and line.
    """
    import configparser  # noqa: PLC0415 - slow to import, and needed only where there is such a file

    # No interpolation: a percent sign in a password is a percent sign.
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error as error:
        # Its message quotes lines, and a line may contain a password.
        line = getattr(error, "lineno", None) or next((number for number, _ in getattr(error, "errors", ())), None)
        where = f", line {line}" if line else ""
        raise ConfigError(f"{path}{where}: not a configuration file ({type(error).__name__})") from None
    return {section: dict(parser.items(section)) for section in parser.sections()}


def write_private_file(path: Path, data: bytes) -> None:
    """Write *data* to *path*, readable by its owner only (mode 0600), and replace the file in one step.

    A reader sees either the old file or the new one.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise

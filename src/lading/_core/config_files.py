"""Configuration files of other clients: INI, read without surprises."""

from __future__ import annotations

import configparser
from typing import TYPE_CHECKING

from lading.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def read_config_file(path: Path, *, explicit: bool) -> str | None:
    """The file's text; ``None`` when there is none and nobody named it.

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
    """The keys of each section; ``ConfigError``, with file and line, when *text* is no configuration."""
    # No interpolation: a percent sign in a password is a percent sign.
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error as error:
        # Its text quotes lines, and a line may be a password.
        line = getattr(error, "lineno", None) or next((number for number, _ in getattr(error, "errors", ())), None)
        where = f", line {line}" if line else ""
        raise ConfigError(f"{path}{where}: not a configuration file ({type(error).__name__})") from None
    return {section: dict(parser.items(section)) for section in parser.sections()}

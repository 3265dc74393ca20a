"""The cases: configuration files, read by both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from copr.v3 import Client
from copr.v3.helpers import config_from_file

from lading import Copr
from lading.copr._config import load_config
from tests.conformance import copr_deviations as rows

if TYPE_CHECKING:
    from pathlib import Path

METHOD = "config_from_file"
URL = "copr_url = https://copr.example\n"
WHOLE = "username = me\nlogin = abc\ntoken = def\n" + URL

# By case: what follows the section's name in the file, or the whole file where it has a section of its own; its row.
FILES: dict[str, tuple[str | bytes, str]] = {
    "whole": (WHOLE, METHOD),
    "the address alone": (URL, METHOD),
    "the page's own": (f"# expiration date: 2027-01-31\n[copr-cli]\n{WHOLE}# expiration date: 2027-01-31\n", METHOD),
    "slash": ("copr_url = https://copr.example/copr/\n", METHOD),
    "colons": (WHOLE.replace(" = ", ": "), METHOD),
    "defaults": (f"[DEFAULT]\nusername = me\n[other]\ntoken = x\n[copr-cli]\n{URL}", METHOD),
    "unknown keys": (WHOLE + "connection_attempts = 3\nverbose = maybe\n", METHOD),
    **{f"gssapi = {word}": (f"{WHOLE}gssapi = {word}\n", METHOD) for word in ("1", "Yes", "true", "ON")},
    **{f"gssapi = {word}": (f"{WHOLE}gssapi = {word}\n", METHOD) for word in ("0", "No", "false", "OFF")},
    **{f"encrypted = {word}": (f"{WHOLE}encrypted = {word}\n", METHOD) for word in ("1", "Yes", "0", "off")},
    "http, not encrypted": ("copr_url = http://copr.example\nencrypted = 0\n", METHOD),
    "http": ("copr_url = http://copr.example\n", METHOD),
    "http, encrypted": ("copr_url = http://copr.example\nencrypted = yes\n", METHOD),
    "no file of the kind": ("copr_url\nhttps://copr.example", METHOD),
    "no section at all": (b"copr_url = https://copr.example\n", METHOD),
    "twice": (WHOLE + WHOLE, METHOD),
    "another section": (f"[copr]\n{WHOLE}", rows.NO_SECTION),
    "empty": (b"", rows.NO_SECTION),
    "no address": ("login = abc\ntoken = def\n", rows.NO_URL),
    "no address, not encrypted": ("encrypted = no\n", rows.NO_URL),
    "gssapi = maybe": (f"{WHOLE}gssapi = maybe\n", rows.NO_BOOLEAN),
    "encrypted = maybe": (f"{WHOLE}encrypted = maybe\n", rows.NO_BOOLEAN),
    "percent": (WHOLE.replace("def", "d%f"), rows.PERCENT),
    "two percents": (WHOLE.replace("def", "d%%f"), rows.PERCENT),
    "interpolation": (WHOLE.replace("def", "%(login)s"), rows.PERCENT),
    "gssapi empty": (f"{WHOLE}gssapi =\n", rows.NOTHING),
    "token empty": (f"login =\ntoken =\n{URL}", rows.NOTHING),
    "login alone": (f"login = abc\n{URL}", rows.HALF),
    "token alone": (f"token = def\n{URL}", rows.HALF),
    "no text": (b"[copr-cli]\ntoken = \xff\xfe\n", rows.NO_TEXT),
    "byte order mark": (b"\xef\xbb\xbf[copr-cli]\ncopr_url = https://copr.example\n", rows.NO_TEXT),
    "ftp": ("copr_url = ftp://copr.example\n", rows.NO_ADDRESS),
    "no scheme": ("copr_url = copr.example\n", rows.NO_ADDRESS),
    "this machine": ("copr_url = http://127.0.0.1:5000\n", rows.LOOPBACK),
    "HTTP": ("copr_url = HTTP://copr.example\n", rows.NO_ADDRESS),
}


def write(path: Path, text: str | bytes) -> None:
    if isinstance(text, str):
        text = (text if "[" in text else f"[copr-cli]\n{text}").encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)


def theirs(path: str | None) -> dict[str, Any]:
    found: dict[str, Any] = config_from_file(path)
    assert Client.create_from_config_file(path).config == found
    return found


async def ours(path: str | None) -> dict[str, Any]:
    """The same six. A client is made too: it is what refuses an address at plain http."""
    found = await load_config(None, path)
    async with Copr.from_config(config_file=path, login="not", token="looked up") as copr:
        assert copr.username == found.username
    return {
        "username": found.username,
        "login": found.login,
        "token": found.token,
        "copr_url": found.url,
        "gssapi": found.gssapi,
        # ours says what that means: whether plain http is allowed
        "encrypted": not found.allow_http,
    }

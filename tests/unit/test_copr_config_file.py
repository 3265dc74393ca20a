"""The file of Copr's own client: reading it, and putting another token into it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lading import ConfigError
from lading._core.config_files import write_private_file
from lading.copr._config_file import (
    ConfigFile,
    parse_config,
    read_config,
    validate_config_file,
    with_token,
    write_token,
)
from lading.copr._models.account import ApiToken

URL = "https://copr.example"
SECRET = "s3cret%with(percent)s"
WHOLE = f"""[copr-cli]
username = ada
login = log1n
token = {SECRET}
copr_url = {URL}
# expiration date: 2027-05-19
"""
NEW = ApiToken(api_login="n3wlogin", api_token="n3w%token", expiration=date(2027, 11, 20))


def parse(text: str) -> ConfigFile:
    return parse_config(text, "~/.config/copr")


def test_all_of_it():
    found = parse(WHOLE)
    assert found == ConfigFile(URL, "ada", "log1n", SECRET, None, True, date(2027, 5, 19))
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    ("text", "gssapi", "encrypted"),
    [
        ("", None, True),
        ("gssapi = Yes\nencrypted = ON", True, True),
        ("gssapi = 1\nencrypted = 0", True, False),
        ("gssapi = off\nencrypted: FALSE", False, False),
        ("gssapi =\nencrypted =", None, True),
        ("connection_attempts = many", None, True),  # read by nobody
    ],
)
def test_booleans(text: str, gssapi: bool | None, encrypted: bool):
    found = parse(f"[copr-cli]\ncopr_url = {URL}\n{text}\n")
    assert (found.gssapi, found.encrypted) == (gssapi, encrypted)


@pytest.mark.parametrize(
    "comment", ["# expiration date: soon", "# expiration date: 2027-02-30", "expiration = 2027-01-01"]
)
def test_an_expiration_date_that_is_none_is_no_failure(comment: str):
    assert parse(f"[copr-cli]\ncopr_url = {URL}\n{comment}\n").expires_on is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"token = {SECRET}\n", "copr, line 1: not a configuration file"),
        (f"[copr-cli]\n{SECRET}\n", "copr, line 2: not a configuration file"),
        (f"[copr-cli]\ntoken = {SECRET}\ntoken = {SECRET}\n", "copr, line 3: not a configuration file"),
        (f"[copr]\ntoken = {SECRET}\n", r"copr has no section \[copr-cli\]"),
        ("", r"copr has no section \[copr-cli\]"),
        (f"[copr-cli]\nlogin = a\ntoken = {SECRET}\n", r"section \[copr-cli\] has no key copr_url"),
        (f"[copr-cli]\ncopr_url = {URL}\ntoken = {SECRET}\n", r"section \[copr-cli\] has a key token and no key login"),
        (
            f"[copr-cli]\ncopr_url = {URL}\nlogin = a\ntoken =\n",
            r"section \[copr-cli\] has a key login and no key token",
        ),
        (
            f"[copr-cli]\ncopr_url = {URL}\nlogin = a:b\ntoken = {SECRET}\n",
            r"section \[copr-cli\], key login: it contains a colon",
        ),
        (
            f"[copr-cli]\ncopr_url = {URL}\nlogin = a\ntoken = {SECRET}\n  {SECRET}\n",
            r"section \[copr-cli\], key token: .*line",
        ),
        (f"[copr-cli]\ncopr_url = {URL}\ngssapi = maybe\n", r"section \[copr-cli\], key gssapi: 'maybe' is neither"),
        (f"[copr-cli]\ncopr_url = {URL}\nencrypted = 2\n", r"section \[copr-cli\], key encrypted: '2' is neither"),
        (
            "[copr-cli]\ncopr_url = http://copr.example\n",
            r"section \[copr-cli\], key copr_url \(encrypted is on\) is http://",
        ),
        ("[copr-cli]\ncopr_url = https://copr.example\n  more\n", r"section \[copr-cli\], key copr_url: .*line break"),
        ("[copr-cli]\ncopr_url = copr.example\n", r"section \[copr-cli\], key copr_url .*https://"),
        (f"[copr-cli]\ncopr_url = https://ada:{SECRET}@copr.example\n", "key copr_url .* has a user name or password"),
    ],
)
def test_malformed(text: str, message: str):
    with pytest.raises(ConfigError, match=message) as caught:
        parse(text)
    assert str(caught.value).startswith("~/.config/copr")
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None or "s3cret" not in str(caught.value.__cause__)


def test_http_with_encryption_off():
    assert parse("[copr-cli]\ncopr_url = http://copr.example\nencrypted = 0\n").copr_url == "http://copr.example"


def test_no_file(tmp_path: Path):
    assert read_config(tmp_path / "none", explicit=False) is None
    with pytest.raises(ConfigError, match=f"there is no configuration file {tmp_path}/none"):
        read_config(tmp_path / "none", explicit=True)


@pytest.mark.parametrize("content", [None, b"\xff\xfe[copr-cli]"], ids=["directory", "bytes"])
def test_a_file_that_is_no_text(tmp_path: Path, content: bytes | None):
    path = tmp_path / "copr"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"{path} cannot be read"):
        read_config(path, explicit=False)


def test_a_byte_order_mark(tmp_path: Path):
    path = tmp_path / "copr"
    path.write_text(WHOLE, "utf-8-sig")
    assert read_config(path, explicit=True) == parse(WHOLE)


def rewritten(text: str) -> str:
    return with_token(text, NEW.login, NEW.token, NEW.expiration)


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        WHOLE.replace("\n", "\r\n"),
        "# mine\n\n[other]\ntoken = theirs\n\n" + WHOLE + "\n[more]\nlogin = theirs\n",
        "[copr-cli]\n  login = log1n\n  token: old\n  copr_url = https://copr.example\n  username = ada\n",
        "[copr-cli]\nToken = old\n   \n# login = not this one\nLOGIN : log1n\ncopr_url = https://copr.example\nusername=ada\n",
        "[copr-cli]\nusername = ada\ngssapi = no\ncopr_url = https://copr.example",
        "[DEFAULT]\nlogin = log1n\ntoken = old\n[copr-cli]\nusername = ada\ncopr_url = https://copr.example\n",
    ],
)
def test_another_token(text: str, tmp_path: Path):
    path = tmp_path / "copr"
    path.write_text(text, newline="")
    validate_config_file(path)
    write_token(path, NEW)
    found = path.read_text()
    before, after = parse(text), parse(found)
    assert (after.login, after.token, after.expires_on) == (NEW.login, NEW.token, NEW.expiration)
    assert (after.copr_url, after.username, after.gssapi) == (before.copr_url, before.username, before.gssapi)
    assert "old" not in found.partition("[copr-cli]")[2]
    assert SECRET not in found
    assert found.count("expiration date") == 1
    for kept in ("# mine", "[other]\ntoken = theirs", "[more]\nlogin = theirs", "# login = not this one"):
        assert (kept in found) == (kept in text)
    assert rewritten(found) == found  # and once more changes nothing


def test_a_file_that_no_token_can_be_put_into(tmp_path: Path):
    """A line that looks like a section, and is a part of the value before it."""
    path = tmp_path / "copr"
    text = WHOLE.replace("username = ada", "username = ada\n  [b]")
    path.write_text(text)
    assert parse(text).username == "ada\n[b]"
    with pytest.raises(ConfigError, match="no token can be written to"):
        validate_config_file(path)
    assert path.read_text() == text
    assert [p.name for p in tmp_path.iterdir()] == ["copr"]


@settings(deadline=None, derandomize=True)
@given(
    st.lists(
        st.sampled_from(
            [
                *("", "[copr-cli]", "[x]", "copr_url = https://copr.example", "login = a", "token = b", "  token = b"),
                *("  more", "# c", "; c", "username: u", " username = u", "# expiration date: 2027-01-01", "gssapi=1"),
            ]
        ),
        max_size=9,
    )
)
def test_what_a_checked_file_is_given_is_read_back(lines: list[str]):
    """Either the check refuses the file, which then is unusual, or what is written is what is read."""
    text = "\n".join(["[copr-cli]", "copr_url = https://copr.example", *lines])
    before = parse_or_none(text)
    with TemporaryDirectory() as directory:
        path = Path(directory, "copr")
        path.write_text(text)
        try:
            validate_config_file(path)
        except ConfigError:
            assert path.read_text() == text
            # Only what continues a value, or has a key or a section twice, may be refused.
            assert before is None or any(line[:1] == " " for line in lines)
            return
        assert before is not None
        write_token(path, NEW)
        wanted = replace(before, login=NEW.login, token=NEW.token, expires_on=NEW.expiration)
        assert parse(path.read_text()) == wanted
        assert "token = b" not in path.read_text().partition("[x]")[0]


def parse_or_none(text: str) -> ConfigFile | None:
    try:
        return parse(text)
    except ConfigError:
        return None


def test_it_is_replaced_in_one_step_for_its_owner_alone(tmp_path: Path):
    real = tmp_path / "dotfiles" / "copr"
    real.parent.mkdir()
    real.write_text(WHOLE)
    real.chmod(0o644)
    link = tmp_path / "copr"
    link.symlink_to(real)
    inode = real.stat().st_ino
    write_token(link, NEW)
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o600
    assert real.stat().st_ino != inode  # another file under the same name, never a half-written one
    assert [path.name for path in real.parent.iterdir()] == ["copr"]


def test_nothing_is_left_of_a_write_that_failed(tmp_path: Path):
    (tmp_path / "copr").mkdir()
    with pytest.raises(OSError):
        write_private_file(tmp_path / "copr", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["copr"]

"""The forms in which charmcraft, snapcraft and craft-store store credentials."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime

import pytest

from lading import ConfigError
from lading._macaroons.codec import Macaroon, create, encode
from lading.canonical._stored import StoredCredentials, parse_exported, parse_stored


def macaroon(*caveats: bytes, version: int = 1) -> str:
    made: Macaroon = create(b"api.example", b"id", b"k" * 32, version)  # type: ignore[arg-type]
    made.add(list(caveats))
    return encode(made)


ROOT = macaroon(b"dashboard|expires|2031-01-01T00:00:00")
DISCHARGE = macaroon(b"login.example|expires|2030-06-01T00:00:00.000000", version=2)
TOKEN = macaroon(b"time-before 2032-01-02T03:04:05.123456789Z")
STORED = {
    "token": (TOKEN, StoredCredentials("token", TOKEN)),
    "opaque token": ("abc.def-123", StoredCredentials("token", "abc.def-123")),
    "candid": (f'{{"t": "macaroon", "v": "{TOKEN}"}}', StoredCredentials("candid", TOKEN)),
    "ubuntu-one": (
        f'{{"t": "u1-macaroon", "v": {{"r": "{ROOT}", "d": "{DISCHARGE}"}}}}',
        StoredCredentials("ubuntu-one", root=ROOT, discharge=DISCHARGE),
    ),
    "developer": (f'{{"macaroon": "{TOKEN}"}}', StoredCredentials("developer", TOKEN)),
}


@pytest.mark.parametrize("name", STORED)
def test_every_form_is_read_and_written_as_craft_store_does(name: str):
    text, expected = STORED[name]
    assert parse_stored(text) == expected
    assert expected.dump() == text
    assert parse_exported(expected.export()) == expected
    assert parse_exported(text) == expected


def test_what_is_only_read():
    pair = json.dumps({"r": ROOT, "d": DISCHARGE})
    assert parse_stored(pair) == StoredCredentials("ubuntu-one", root=ROOT, discharge=DISCHARGE)
    assert parse_stored('{"other": 1}') == StoredCredentials("token", '{"other": 1}')
    extra = json.dumps({"t": "macaroon", "v": TOKEN, "new": 1})
    assert parse_stored(extra) == StoredCredentials("candid", TOKEN)


def test_an_export_may_be_folded_and_lose_its_padding():
    exported = STORED["candid"][1].export()
    folded = "\n".join(exported[start : start + 76] for start in range(0, len(exported), 76)) + "\n"
    assert parse_exported(folded) == STORED["candid"][1]
    assert parse_exported(exported.rstrip("=")) == STORED["candid"][1]


JUNK = [
    "",
    "   ",
    "two words",
    "späť",
    '{"t": "macaroon"}',
    '{"t": "macaroon", "v": 1}',
    '{"t": "u1-macaroon", "v": {"r": "a"}}',
    '{"t": "other", "v": "x"}',
    '{"t": "macaroon", "v": "with\\nbreak"}',
    '{"a": ',
    "{" * 100_000,
    b64encode(b'{"t": "macaroon"}').decode(),
    b64encode("nicht\nschön".encode()).decode(),
]


@pytest.mark.parametrize("text", JUNK, ids=range(len(JUNK)))
def test_junk_is_refused_without_being_quoted(text: str):
    with pytest.raises(ConfigError) as caught:
        parse_exported(text)
    shown = str(caught.value)
    assert text.strip()[:200] not in shown or not text.strip()
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("path", ["/home/user/charmhub.token", "./login", "../login", "~/login", "/tmp"])
def test_the_path_of_a_file_is_not_taken_for_a_token(path: str):
    with pytest.raises(ConfigError, match="the path of a file: pass what the file contains") as caught:
        parse_exported(path)
    assert path not in str(caught.value)


@pytest.mark.parametrize(
    ("stored", "expires"),
    [
        (StoredCredentials("ubuntu-one", root=ROOT, discharge=DISCHARGE), datetime(2030, 6, 1, tzinfo=UTC)),
        (StoredCredentials("token", TOKEN), datetime(2032, 1, 2, 3, 4, 5, 123456, UTC)),
        (StoredCredentials("token", macaroon(b"time-before 2032-01-02T03:04:05+02:00")), datetime(2032, 1, 2, 1, 4, 5, tzinfo=UTC)),
        (StoredCredentials("token", macaroon(b"time-before 9999-12-31T23:59:59-10:00", b"x|expires|0001-01-01T00:00:00+10:00")), None),
        (StoredCredentials("token", macaroon(b"time-before soon", b"declared user")), None),
        (StoredCredentials("token", "opaque"), None),
    ],
)  # fmt: skip
def test_credentials_say_when_they_expire(stored: StoredCredentials, expires: datetime | None):
    assert stored.expires_at == expires


def test_no_repr_shows_them():
    for _, stored in STORED.values():
        assert stored.token not in repr(stored) or not stored.token
        assert stored.root not in repr(stored) or not stored.root
        assert stored.discharge not in repr(stored) or not stored.discharge

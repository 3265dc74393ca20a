"""Secrets are masked wherever they stand, and what is shown is one short line."""

from __future__ import annotations

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lading._core.redact import MASK, one_line, safe_url, scrub

LETTERS = string.ascii_letters + string.digits
letters = st.text(LETTERS, min_size=32, max_size=60)
secrets = st.text(st.characters(exclude_characters="*"), min_size=4, max_size=60)


def token_of(shape: str, body: str) -> tuple[str, str]:
    """A text that contains an unknown secret, and the secret."""
    jwt = ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in ('{"alg":"x"}', body, body))
    return {
        "pypi": (f"pypi-{body}", f"pypi-{body}"),
        "macaroon v1": (f"MDA{body}", f"MDA{body}"),
        "macaroon v2": (f"AgE{body}", f"AgE{body}"),
        "jwt": (jwt, jwt),
        "json": (f"eyJ{body}", f"eyJ{body}"),
        "basic": (f"Authorization: Basic {body}==", f"{body}=="),
        "bearer": (f"Authorization: Bearer {body}", body),
        "token": (f"authorization: token {body}", body),
        "macaroon": (f"Authorization: Macaroon {body}", body),
        "address": (f"https://user:{body}@host.test/", body),
        "presigned": (f"https://host.test/?X-Amz-Signature={body}&x=1", body),
        "credential": (f"?X-Amz-Credential={body}", body),
        "security token": (f"?X-Amz-Security-Token={body}", body),
    }[shape]


SHAPES = [
    "pypi",
    "macaroon_v1",
    "macaroon_v2",
    "jwt",
    "json",
    "basic",
    "bearer",
    "token",
    "macaroon",
    "address",
    "presigned",
    "credential",
    "security_token",
]


@given(st.text(), secrets, st.text(), st.text())
def test_a_known_secret_never_appears(before: str, secret: str, between: str, after: str):
    shown = scrub(before + secret + between + secret + after, (secret,))
    assert secret not in shown
    assert MASK in shown


@given(st.lists(st.text(LETTERS, min_size=4, max_size=60), min_size=2, max_size=4), st.data())
def test_of_several_that_overlap_no_part_appears(several: list[str], data: st.DataObject):
    several.append(several[0] + several[1])  # one begins with another, and one ends with another
    order = data.draw(st.permutations(several))
    assert scrub(" ".join(order), order) == " ".join([MASK] * len(order))


@given(st.text(LETTERS, min_size=4, max_size=20), st.text(LETTERS, min_size=1), st.text(LETTERS, min_size=1))
def test_of_two_that_share_their_middle_no_part_appears(middle: str, before: str, after: str):
    assert scrub(f"<{before}{middle}{after}>", (before + middle, middle + after)) == f"<{MASK}>"


def test_a_secret_that_overlaps_itself_leaves_no_part():
    assert scrub("(ababab)", ("abab",)) == f"({MASK})"


@pytest.mark.parametrize("shape", SHAPES)
@given(body=letters, before=st.sampled_from(["", "said: ", '{"detail":"', "(", "\n", "ä "]), after=st.sampled_from(
    ["", " ", '"}', "\n", ")", " more"]
))  # fmt: skip
def test_what_looks_like_a_secret_never_appears(shape: str, body: str, before: str, after: str):
    text, secret = token_of(shape.replace("_", " "), body)
    assert secret not in scrub(before + text + after)


@pytest.mark.parametrize(
    "text",
    [
        "demo-1.0-py3-none-any.whl already exists",
        "a token is needed: Basic authentication failed",
        'HTTP Basic Authentication: Basic realm="index"',
        "the file pypi-attestations-0.0.1.tar.gz",
        "sha256 4d0c7eba4e3b6cbbbd1a25b8c2b26a9b39a9c7b5b2e0d0a9f7d2e1c3b4a59687",
    ],
)
def test_what_is_no_secret_stays(text: str):
    assert scrub(text, ("abc",)) == text


@given(st.text(), st.integers(2, 400))
def test_one_line_is_one_short_printable_line(text: str, longest: int):
    line = one_line(text, longest)
    assert len(line) <= longest
    assert line.isprintable() or not line
    assert line == line.strip()
    assert "  " not in line


def test_one_line_says_that_it_was_cut():
    assert one_line("word " * 100, 12) == "word word w…"
    assert one_line("a\x1b[31m\r\nb\x00c\u2028d") == "a [31m b c d"


@given(st.text(LETTERS, min_size=6), st.text(LETTERS, min_size=6))
def test_addresses_are_shown_without_secrets(user: str, secret: str):
    shown = safe_url(f"https://{user}:{secret}@host.test:8443/path?sig={secret}#{secret}")
    assert shown == "https://host.test:8443/path"


@pytest.mark.parametrize("url", ["https://[", "http://[::1", "https://host:port/?t=hunter2", "", "\0", "https://℀@x"])
def test_any_text_at_all_can_be_shown_as_an_address(url: str):
    assert "hunter2" not in safe_url(url)


@pytest.mark.parametrize("piece", ["-eyJ", "eyJ.", "pypi-", "://", "MDA", "token ", "signature=", "Basic ", "://a"])
def test_no_text_takes_long(piece: str):
    scrub(piece * (256 * 1024 // len(piece)))  # the test's own time limit ends one that does

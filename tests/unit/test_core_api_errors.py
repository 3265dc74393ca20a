"""Every ApiError is made in one place, which masks secrets and bounds what a server says."""

from __future__ import annotations

import ast
import base64
import html
import inspect
import json
import re
import string
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lading
from lading import errors
from lading._core.api_errors import make_api_error
from lading._core.messages import Response
from lading._core.redact import scrub
from lading._core.responses import api_error

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE = Path(lading.__file__).parent
BUILDER = SOURCE / "_core" / "api_errors.py"
# What makes an ApiError without naming its class.
CLASS_GETTERS = {"error_class", "error_class_for"}


def error_classes() -> set[str]:
    """The names of ApiError and all classes below it, wherever they are."""
    found = {name for name, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, errors.ApiError)}
    trees = [ast.parse(path.read_text("utf-8")) for path in SOURCE.rglob("*.py")]
    while True:
        below = {
            node.name
            for tree in trees
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef) and {ast.unparse(base).rpartition(".")[2] for base in node.bases} & found
        }
        if below <= found:
            return found
        found |= below


CLASSES = error_classes()


def constructions(code: str) -> list[str]:
    """Each call in *code* that makes an ApiError: by the name of its class, or through a variable.

    Every error takes ``service=``, and with it ``status=`` or ``detail=`` where a server had its say.
    """
    found: list[str] = []
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func).rpartition(".")[2]
        getter = isinstance(node.func, ast.Call) and ast.unparse(node.func.func).rpartition(".")[2] in CLASS_GETTERS
        given = {keyword.arg for keyword in node.keywords}
        unnamed = name not in {"make_api_error", "api_error"} and "service" in given and given & {"status", "detail"}
        if name in CLASSES or getter or unnamed:
            found.append(f"line {node.lineno}: {ast.unparse(node)[:80]}")
    return found


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(SOURCE.rglob("*.py")) if path != BUILDER and "testing" not in path.parts],
    ids=lambda path: str(path.relative_to(SOURCE)),
)
def test_api_errors_are_made_in_one_place(path: Path) -> None:
    assert not constructions(path.read_text("utf-8"))


@pytest.mark.parametrize(
    "code",
    [
        "raise NotFound('x')",
        "raise errors.ApiError('x', service='s')",
        "raise VersionExists('x')",
        "error_class(404)('x')",
        "kind(text, service=name, status=404)",
    ],
)
def test_the_rule_finds_each_way_of_making_one(code: str) -> None:
    assert constructions(code)


SECRET = 'p4ss/w+rd="o&h<é~' + string.ascii_letters
ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64 of user and password": lambda s: base64.b64encode(f"user:{s}".encode()).decode(),
    "base64 of user and password, two letters on": lambda s: base64.b64encode(f"user1:{s}:more".encode()).decode(),
    "urlsafe base64": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "urlsafe base64 without padding": lambda s: base64.urlsafe_b64encode(s.encode()).decode().rstrip("="),
    "percent": lambda s: quote(s, safe=""),
    "percent of a path": quote,
    "percent in lower case": lambda s: re.sub("%..", lambda found: found[0].lower(), quote(s, safe="")),
    "percent of a form": quote_plus,
    "percent twice": lambda s: quote(quote(s, safe="")),
    "percent of base64": lambda s: quote(base64.b64encode(s.encode()).decode(), safe=""),
    "json": lambda s: json.dumps(s)[1:-1],
    "json in UTF-8": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "json with escaped slashes": lambda s: json.dumps(s)[1:-1].replace("/", "\\/"),
    "html": html.escape,
    "python": lambda s: repr(s)[1:-1],
    "hex": lambda s: s.encode().hex(),
    "hex of bytes": lambda s: s.encode().hex(" ").upper(),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(secret=st.one_of(st.just(SECRET), st.text(st.characters(codec="utf-8"), min_size=8, max_size=40)))
def test_no_encoding_of_a_secret_is_shown(encoding: str, secret: str) -> None:
    encoded = ENCODINGS[encoding](secret)
    shown = scrub(f"<{encoded}>", [secret])
    assert encoded not in shown
    if encoding != "base64 of user and password, two letters on":
        # Before it there is what stands before the secret in what was encoded; of the secret itself there is nothing.
        assert len(shown) <= len("<***>") + (8 if "user" in encoding else 0)


TOKEN = "s3cr3t-" + string.ascii_letters
ADDRESSES = [
    (f"https://user:{TOKEN}@host.test/path", "https://***@host.test/path"),
    (f"https://user:{TOKEN}/x@host.test/path", "https://***@host.test/path"),
    (f"https://user:{TOKEN}@x@host.test", "https://***@host.test"),
    (f"https://{TOKEN}@host.test:8443/", "https://***@host.test:8443/"),
    (f"https://host.test?token={TOKEN}", "https://host.test?***"),
    (f"https://host.test:1/a/b?token={TOKEN}&x=1", "https://host.test:1/a/b?***"),
    (f"https://host.test/#{TOKEN}", "https://host.test/#***"),
    (f"https:\\/\\/user:{TOKEN}@host.test\\/", "https:\\/\\/***@host.test\\/"),
    (f"https://user:{TOKEN}?x@host.test", "https://user:***?***"),
]


@pytest.mark.parametrize(("address", "shown"), ADDRESSES)
def test_addresses_lose_user_information_and_query(address: str, shown: str) -> None:
    assert scrub(f'no such page: "{address}" (see it)') == f'no such page: "{shown}" (see it)'


@pytest.mark.parametrize(
    "text", ["https://host.test:8443/a/@scope/b", "http://[::1]:80/x", "see https://host.test.", "a://b"]
)
def test_addresses_without_secrets_stay(text: str) -> None:
    assert scrub(text) == text


@pytest.mark.parametrize("piece", ["://", "://a:b/", "://a@", "a.", "://a?", "\\/", "://[", "AKIA", "%2B"])
def test_no_text_takes_long(piece: str) -> None:
    scrub(piece * (256 * 1024 // len(piece)), [TOKEN, "aaaa"])  # the test's own time limit ends one that does


CANONICAL = (
    "The Canonical String for this request should have been 'POST\n/\n\nhost:ssm.eu-west-1.amazonaws.com\n"
    "x-amz-security-token:{}\n\nhost;x-amz-security-token\nabc'"
)


@pytest.mark.parametrize("token", ["IQoJb3JpZ2luX2VjE" + "Ab/c+d" * 20 + "==", "any" + "Ab/c+d" * 20])
def test_a_canonical_request_shows_no_session_token(token: str) -> None:
    error = make_api_error(errors.Forbidden, "ssm", CANONICAL.format(token), detail=CANONICAL.format(token), status=403)
    assert "Ab/c+d" not in str(error) + error.detail
    assert "\n" not in str(error) + error.detail


@given(st.text(), st.text(), st.text(max_size=2000), st.text(max_size=2000))
def test_every_text_of_an_error_is_one_short_line(text: str, code: str, request_id: str, detail: str) -> None:
    error = make_api_error(
        errors.BadRequest,
        "store",
        text + TOKEN,
        detail=detail + TOKEN,
        suffix=" (HTTP 400)",
        status=400,
        code=code + TOKEN,
        errors=[(code + TOKEN, text + TOKEN)] * 1000,
        request_id=request_id + TOKEN,
        secrets=[TOKEN],
    )
    shown = [str(error), error.detail, error.code or "", error.request_id or "", *sum(error.errors, ())]
    assert all(not one or one.isprintable() for one in shown)
    assert max(map(len, shown)) <= 400 + len(" (HTTP 400)")
    assert str(error).endswith(" (HTTP 400)")
    assert len(error.errors) <= 50
    assert TOKEN not in " ".join(shown)
    assert str(error).startswith("store:")


@pytest.mark.parametrize("before", range(280, 520, 7))
def test_a_secret_where_the_text_is_cut_is_not_shown(before: int) -> None:
    error = make_api_error(errors.BadRequest, "s", "x" * before + TOKEN, detail="x" * before + TOKEN, secrets=[TOKEN])
    assert "s3" not in str(error) + error.detail


def test_a_request_id_is_cleaned() -> None:
    headers = {"x-request-id": f"r-1\x1b[31m{TOKEN}" + "x" * 1000}
    error = api_error("store", Response(500, headers, b""), method="GET", secrets=[TOKEN])
    assert error.request_id is not None
    assert error.request_id.startswith("r-1 [31m***xxx")
    assert len(error.request_id) == 128

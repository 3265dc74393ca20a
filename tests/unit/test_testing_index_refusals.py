"""The multipart parser, refusals in every format that clients accept, and the checks of caveats."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lading._macaroons.codec import Caveat
from lading.testing._server.multipart import MultipartError, Parser, Part
from lading.testing.index._refusals import ApiRefusal, negotiate
from lading.testing.index._state import IndexState, Project, Publisher, User
from lading.testing.index._tokens import _check, _Use

DETAIL = "File already exists ('a.whl', with blake2_256 hash 'x')."


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "text/plain"),
        ("*/*", "text/html"),
        ("text/html", "text/html"),
        ("text/plain", "text/plain"),
        ("application/json", "application/json"),
        ("application/json;q=0.9, text/plain;q=0.8, text/html;q=0.7", "application/json"),
        ("text/*;q=0.5, application/json;q=0.4", "text/html"),
        ("image/png", "text/plain"),
    ],
)
def test_a_refusal_is_sent_in_an_accepted_format(accept, kind):
    response = ApiRefusal(400, DETAIL).render(accept)
    assert (response.status, response.reason) == (400, DETAIL)
    assert dict(response.headers)["Content-Type"] == f"{kind}; charset=UTF-8"
    text = response.body.decode()
    meaning = "The server could not comply with the request since it is either malformed or otherwise incorrect."
    if kind == "application/json":
        message = f"{meaning}\n\n\n{DETAIL}\n\n"
        assert json.loads(text) == {"message": message, "code": f"400 {DETAIL}", "title": "Bad Request"}
    elif kind == "text/plain":
        assert text == f"400 {DETAIL}\n\n{meaning}\n\n\n{DETAIL}\n\n"
    else:
        assert text.startswith(f"<html>\n <head>\n  <title>400 {DETAIL}</title>")


def test_characters_that_a_reason_phrase_cannot_contain():
    assert ApiRefusal(400, "naïve ☃ text\r\nInjected: x").render(None).reason == "naïve ? text??Injected: x"


def test_no_offer_is_accepted():
    assert negotiate("text/html;q=0, application/json;q=nonsense", ["text/html"]) is None


def parsed(body: bytes, size: int) -> list[tuple[Part, bytes]]:
    parser = Parser("b0undary")
    parts: list[tuple[Part, bytes]] = []
    for start in range(0, len(body), size):
        for event in parser.feed(body[start : start + size]):
            if isinstance(event, Part):
                parts.append((event, b""))
            else:
                part, content = parts[-1]
                parts[-1] = (part, content + event)
    parser.end()
    return parts


PIECES = st.lists(st.sampled_from([b"\r\n", b"--", b"b0undary", b"\r", b"-", b"x", bytes(70), b"\r\n--b0undar"])).map(
    b"".join
)


@given(
    contents=st.lists(PIECES.filter(lambda c: b"\r\n--b0undary" not in b"\r\n" + c + b"\r\n")), size=st.integers(1, 90)
)
def test_parts_are_parsed_unchanged(contents, size):
    body = b"a preamble\r\n"
    for number, content in enumerate(contents):
        head = f'Content-Disposition: form-data; name="n{number}"; filename="a \\"b\\".whl"\r\nContent-Type: X/y'
        body += b"--b0undary\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n"
    body += b"--b0undary--\r\nan epilogue"
    expected = [(Part(f"n{number}", 'a "b".whl', "x/y"), content) for number, content in enumerate(contents)]
    assert parsed(body, size) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "ends too early"),
        (b"--b0undary\r\nContent-Disposition: form-data; name=a\r\n\r\nxyz", "ends too early"),
        (b"--b0undary\r\nContent-Type: a/b\r\n\r\nx\r\n--b0undary--", "a part has no name"),
        (b"--b0undaryX\r\n", "something follows a boundary"),
        (b"--b0undary\r\n" + bytes(20000), "does not end"),
        (b"--b0undary" + bytes(20000), "does not end"),
    ],
)
def test_a_malformed_form(body, expected):
    with pytest.raises(MultipartError, match=expected):
        parsed(body, 1000)


USER = User("owner", "11111111-1111-4111-8111-111111111111")
OTHER = User("other", "22222222-2222-4222-8222-222222222222")
PUBLISHER = Publisher(("foo-bar",), "example/demo", "release.yml", None, "33333333-3333-4333-8333-333333333333")
NOW = 1_800_000_000
NOT_FOR_IT = "project-scoped token is not valid for project: 'Foo.Bar'"


def verdict(caveat: str, owner: User | Publisher = USER) -> str | None:
    state = IndexState(None)
    state.clock.advance(NOW - state.clock.timestamp)
    project = Project("Foo.Bar", id="the-id")
    return _check(Caveat(caveat.encode()), _Use(state, owner, project))


@pytest.mark.parametrize(
    ("caveat", "expected"),
    [
        (f"[0, {NOW + 1}, {NOW}]", None),
        (f"[0, {NOW}, {NOW - 9}]", "token is expired"),
        (f"[0, {NOW + 9}, {NOW + 1}]", "token is expired"),
        (f"[0, {NOW - 9}, {NOW + 9}]", "token is expired"),  # the order that is easily mistaken
        (f'{{"nbf": {NOW}, "exp": {NOW + 1}, "more": 1}}', None),
        ("[0, 1.0, 2]", "invalid values for fields"),
        ("[0, true, 2]", "invalid values for fields"),
        ("[0, 1]", "Not enough values"),
        ('[1, ["other", "foo-bar"]]', None),
        ('[1, ["foo-bar"], "more"]', None),
        ('[1, ["Foo.Bar"]]', NOT_FOR_IT),
        ("[1, []]", NOT_FOR_IT),
        ('[1, "foo-bar"]', "invalid values for fields"),
        ("[1]", "Not enough values"),
        ('{"version": 1, "permissions": {"projects": ["foo-bar"]}}', None),
        ('[2, ["the-id"]]', None),
        ('[2, ["THE-ID"]]', NOT_FOR_IT),
        ('{"project_ids": ["the-id"]}', None),
        (f'[3, "{USER.id}"]', None),
        (f'[3, "{OTHER.id}"]', "current user does not match user restriction in token"),
        ("[3, 1]", "invalid values for fields"),
        ("[3]", "Not enough values"),
        ('{"version": 1, "permissions": "user", "nbf": 1, "exp": 2}', None),
        (f'[4, "{PUBLISHER.id}"]', "OIDC scoped token used outside of an OIDC identified request"),
        ("[4]", "Not enough values"),
        ('[4, "x", 5]', "invalid values for fields"),
        ("[9]", "caveat has unknown tag: 9"),
        ("[[1], 2]", "unknown error"),
        ("not json", "unknown error"),
        ("[]", "Not enough values"),
        ("{}", "caveat must be an array"),
        ('{"version": 1, "permissions": null}', "caveat must be an array"),
        ("7", "caveat must be an array"),
    ],
)
def test_caveats_are_checked_as_warehouse_checks_them(caveat, expected):
    assert verdict(caveat) == expected


@pytest.mark.parametrize(
    ("caveat", "expected"),
    [
        (f'[4, "{PUBLISHER.id}", null]', None),
        (f'[4, "{PUBLISHER.id}", {{"ref": "x"}}]', None),
        ('[4, "x"]', "current OIDC publisher does not match publisher restriction in token"),
        (f'[3, "{USER.id}"]', "token with user restriction without a user"),
        ('{"version": 1, "permissions": "user"}', "token with user restriction without a user"),
    ],
)
def test_caveats_of_a_publisher(caveat, expected):
    assert verdict(caveat, PUBLISHER) == expected


def test_a_publisher_of_other_projects_and_a_third_party_caveat():
    other = Publisher(("other",), "example/demo", "release.yml", None)
    assert verdict(f'[4, "{other.id}"]', other) == "OIDC scoped token is not valid for project 'Foo.Bar'"
    assert (
        _check(Caveat(b"[9]", b"verification", b"elsewhere"), _Use(IndexState(None), USER, Project("a")))
        == "unknown error"
    )

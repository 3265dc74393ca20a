"""Tokens as a whole: restricted in place, verified over everything, and silent about their secret."""

from __future__ import annotations

import base64
import copy
import hmac
import logging
import pickle
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from lading._macaroons import _binary, macaroon
from lading._macaroons.codec import encode
from lading.errors import InputError, InvalidRestriction, LadingError, MissingContext, TokenInvalid, TokenUnreadable
from lading.pypi import Context, Token
from lading.pypi.restrictions import (
    DateRestriction,
    LegacyProjectIDsRestriction,
    ProjectIDsRestriction,
    ProjectNamesRestriction,
    PublisherRestriction,
)

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = b"\x00\xffkey of thirty-two random bytes"
ONE = "9e1f7c8e-2a51-4d5c-a9f3-0d6f6d2f3a11"
TWO = "22222222-3333-4444-5555-666666666666"


def new(version: int = 2) -> Token:
    return Token.create("index.example", "a token", KEY, version=version)


def with_caveats(*caveats: bytes) -> Token:
    """A genuine token with these caveats, byte for byte, as any other library may add them."""
    raw = base64.urlsafe_b64decode(new().dump()[5:] + "=" * 3)
    head, signature = raw[:-35], raw[-32:]
    for caveat in caveats:
        assert len(caveat) < 0x80
        head += b"\x02" + bytes([len(caveat)]) + caveat + b"\x00"
        signature = hmac.digest(signature, caveat, "sha256")
    return Token.load("pypi-" + base64.urlsafe_b64encode(head + b"\x00\x06\x20" + signature).decode())


def test_restricting_changes_the_token_and_returns_it() -> None:
    token = new()
    before = token.dump()
    assert token.restrict(project_names=["foo"]) is token
    assert token.dump() != before
    assert token.restrict() is token
    assert len(token.restrictions) == 1
    token.restrict(project_names=["bar"]).restrict(not_before=0, not_after=5)
    assert token.restrictions == [
        ProjectNamesRestriction(["foo"]),
        ProjectNamesRestriction(["bar"]),
        DateRestriction(0, 5),
    ]


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    "requested",
    [
        {"user_id": "nobody"},
        {"user_id": ""},
        {"user_id": 5},
        {"user_id": ONE.replace("-", "")},
        {"user_id": f"{ONE}\n"},
        {"project_ids": ONE},
        {"project_ids": [ONE, "x"]},
        {"project_ids": 7},
        {"legacy_project_names": "foo"},
        {"legacy_project_names": ["foo", "-"]},
        {"legacy_project_names": [b"foo"]},
        {"legacy_project_names": {"foo": 1}},
        {"legacy_project_names": b"foo"},
        {"legacy_project_names": ["\u212a"]},
        {"legacy_noop": 1},
        {"legacy_not_before": 5},
        {"legacy_not_after": 0},
        {"legacy_not_before": 5, "legacy_not_after": 5},
        {"legacy_not_before": 6, "legacy_not_after": 5},
        {"legacy_not_before": 0, "legacy_not_after": 10**700},
        {"legacy_not_before": 0, "legacy_not_after": 5.0},
        {"legacy_not_before": False, "legacy_not_after": True},
        {"legacy_not_before": 0, "legacy_not_after": datetime(2026, 1, 1)},
    ],
    ids=lambda given: repr(given)[:60],
)
def test_restricting_is_all_or_nothing(requested: dict[str, Any], version: int) -> None:
    token = new(version)
    before = token.dump()
    with pytest.raises(InvalidRestriction) as caught:
        token.restrict(project_names=["foo"], not_before=1, not_after=2, **requested)
    assert caught.value.argument in {*requested, "legacy_not_before"}
    assert token.dump() == before


def test_version_1_has_room_for_so_much() -> None:
    token = new(1)
    before = token.dump()
    with pytest.raises(InputError, match="version 2"):
        token.restrict(not_before=1, not_after=2, project_names=["foo"] * 10_000)
    assert token.dump() == before
    with pytest.raises(InputError, match="version 2"):
        Token.create("index.example", "i" * 0xFFFF, KEY, version=1)
    assert len(new().restrict(project_names=["foo"] * 10_000).dump()) > 0xFFFF


@pytest.mark.parametrize(
    "given",
    [
        {"key": ""},
        {"key": b""},
        {"key": None},
        {"key": 5},
        {"key": "\ud800 hush"},
        {"identifier": None},
        {"identifier": "\ud800"},
        {"domain": None},
        {"domain": b"\xff"},
        {"domain": "\ud800"},
        {"prefix": "my-index"},
        {"prefix": None},
        {"version": 0},
        {"version": 3},
        {"version": "2"},
    ],
    ids=repr,
)
def test_what_cannot_be_in_a_token_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        Token.create(**{"domain": "index.example", "identifier": "a token", "key": KEY, **given})
    assert caught.value.argument == next(iter(given))
    assert "hush" not in "".join(traceback.format_exception(caught.value))


ODD = (
    b'[1,["foo"]]',
    b'[4,"' + ONE.encode() + b'",null]',
    b'{"project_ids":["' + ONE.encode() + b'"]}',
    b" [ 0 ,2000 ,\t1000]\n",
    '[4, "é", {"ref": "ü"}]'.encode(),
    b'[4, "\\u00e9", {"a": 1, "a": 2}]',
    b"not JSON \xff",
    b"",
)


def test_caveats_keep_their_bytes() -> None:
    token = with_caveats(*ODD)
    text = token.dump()
    assert Token.load(text).dump() == text
    # Nothing of them changes when one more is added, and the chain still holds.
    token.restrict(project_names=["foo"])
    assert token.dump() == with_caveats(*ODD, b'[1, ["foo"]]').dump()
    with pytest.raises(TokenInvalid) as caught:
        token.check(KEY, "foo", ONE, now=1000)
    assert "signature" not in str(caught.value)


def test_a_token_of_trusted_publishing() -> None:
    token = with_caveats(b'[4,"%b",null]' % ONE.encode(), b'[2,["%b"]]' % TWO.encode(), b"[0,1900,1000]")
    assert token.restrictions == [PublisherRestriction(ONE), ProjectIDsRestriction([TWO]), DateRestriction(1000, 1900)]
    token.check(KEY, project_id=TWO, publisher_id=ONE, now=1000)
    with pytest.raises(TokenInvalid, match="another trusted publisher"):
        token.check(KEY, project_id=TWO, publisher_id=TWO, now=1000)
    with pytest.raises(MissingContext, match="publisher_id"):
        token.check(KEY, project_id=TWO, now=1000)
    assert token.explain() == (
        "A token of index.example. It can be used by one trusted publisher, and only for 1 project known by id alone, "
        "and only from 1970-01-01 00:16:40 UTC until 1970-01-01 00:31:40 UTC."
    )
    assert with_caveats(b'{"project_ids": []}').restrictions == [LegacyProjectIDsRestriction([])]


def test_the_key_decides() -> None:
    new().check(KEY)
    for key in (KEY + b"x", "text"):
        with pytest.raises(TokenInvalid, match="signature"):
            new().check(key)
    for wrong in ("", b"", None, 5):
        with pytest.raises(InputError):
            new().check(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("extra", [b'[1, ["other"]]', b'[1, ["foo"]]', b"nonsense", b"[0, 1, 0]", b'[4, "x"]'], ids=str)
def test_a_caveat_added_without_signing_is_found(extra: bytes) -> None:
    # Met or not, understood or not: the chain is over all of them.
    token = new().restrict(project_names=["foo"])
    raw = base64.urlsafe_b64decode(token.dump()[5:] + "=" * 3)
    forged = raw[:-35] + b"\x02" + bytes([len(extra)]) + extra + b"\x00" + raw[-35:]
    with pytest.raises(TokenInvalid, match="signature") as caught:
        Token.load("pypi-" + base64.urlsafe_b64encode(forged).decode()).check(KEY, "foo", now=1)
    assert caught.value.failures == ()


def test_a_caveat_taken_away_or_moved_is_found() -> None:
    token = new().restrict(project_names=["foo"]).restrict(project_names=["foo", "bar"])
    for caveats in (slice(1), slice(1, 2), slice(None, None, -1)):
        forged = copy.deepcopy(token)
        forged._macaroon.caveats[:] = forged._macaroon.caveats[caveats]
        with pytest.raises(TokenInvalid, match="signature"):
            forged.check(KEY, "foo")
    token.check(KEY, "foo")


def test_a_wrong_key_is_reported_before_any_caveat() -> None:
    with pytest.raises(TokenInvalid, match="signature") as caught:
        new().restrict(project_names=["foo"]).check(b"another", "bar")
    assert "foo" not in str(caught.value)


def test_every_failure_is_collected() -> None:
    token = with_caveats(b'[1, ["foo"]]', b"[0, 2000, 1000]", b"nonsense", b'[3, "%b"]' % ONE.encode())
    with pytest.raises(TokenInvalid) as caught:
        token.check(KEY, "bar", now=3000)
    assert not isinstance(caught.value, MissingContext)
    assert [type(failure) for failure in caught.value.failures] == [
        TokenInvalid,
        TokenInvalid,
        TokenUnreadable,
        MissingContext,
    ]
    for failure in caught.value.failures:
        assert str(failure) in str(caught.value)


def test_missing_context_is_raised_as_itself() -> None:
    token = new().restrict(project_names=["foo"], user_id=ONE)
    with pytest.raises(MissingContext) as caught:
        token.check(KEY)
    assert len(caught.value.failures) == 2
    token.check(KEY, "Foo", user_id=ONE.upper())


def test_now_is_checked_even_when_no_caveat_needs_it() -> None:
    for now in (datetime(2026, 1, 1), 1.5, "1"):
        with pytest.raises(InvalidRestriction):
            new().check(KEY, now=now)  # type: ignore[arg-type]
    new().restrict(not_before=0, not_after=1).check(KEY, now=0)
    new().restrict(not_before=0, not_after=1).check(KEY, now=datetime(1970, 1, 1, tzinfo=UTC))


def test_a_third_party_s_caveat_is_kept_and_never_accepted() -> None:
    key = macaroon.first_signature(KEY, b"a token")
    made = macaroon.Macaroon(b"index.example", b"a token", key)
    made.caveats.append(macaroon.Caveat(b"their id", b"their key", b"elsewhere.example"))
    made.signature = macaroon.next_signature(key, made.caveats[0])
    versions: tuple[macaroon.Version, ...] = (1, 2)
    for version in versions:
        made.version = version
        token = Token.load(f"pypi-{encode(made)}")
        assert token.dump() == f"pypi-{encode(made)}"
        with pytest.raises(TokenUnreadable, match="third party"):
            _ = token.restrictions
        with pytest.raises(TokenInvalid, match="third party"):
            token.check(KEY)
        assert token.explain().endswith("under a condition that is not known here.")
        token.restrict(project_names=["foo"])
        with pytest.raises(TokenInvalid, match="third party"):
            token.check(KEY, "foo")


def test_what_it_says_about_itself() -> None:
    token = new()
    assert (token.project_names, token.valid_from, token.expires_at) == (None, None, None)
    token.restrict(project_names=["a", "b"], not_before=10, not_after=100).restrict(legacy_project_names=["b", "c"])
    token.restrict(legacy_not_before=20, legacy_not_after=200)
    assert token.project_names == frozenset("b")
    assert token.valid_from == datetime(1970, 1, 1, 0, 0, 20, tzinfo=UTC)
    assert token.expires_at == datetime(1970, 1, 1, 0, 1, 40, tzinfo=UTC)
    assert token.restrict(project_names=["d"]).project_names == frozenset()
    far = new().restrict(not_before=-(10**30), not_after=10**30)
    assert far.valid_from is not None
    assert far.expires_at is not None
    assert (far.valid_from.year, far.expires_at.year) == (1, 9999)
    # What is not understood neither hides the rest nor adds to it.
    assert with_caveats(b"nonsense", b'[1,["a"]]').project_names == frozenset("a")


def test_words() -> None:
    assert new().explain() == (
        "A token of index.example. It can be used for everything that its owner may do, without an end."
    )
    assert Token.create("", "a", KEY).explain().startswith("A token of an index that it does not name.")
    assert new().restrict(project_names=["foo"]).explain() == (
        "A token of index.example. It can be used for project foo. It does not expire."
    )
    # A condition that is not known may be an end.
    assert with_caveats(b"nonsense").explain() == (
        "A token of index.example. It can be used under a condition that is not known here."
    )


def test_an_identifier_that_is_no_text() -> None:
    token = Token.load(Token.create("index.example", b"\xff\x00", KEY).dump())
    with pytest.raises(TokenUnreadable):
        _ = token.identifier
    token.check(KEY)


def test_nothing_shows_the_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = new().restrict(project_names=["foo"])
    text = token.dump()
    signature = token._macaroon.signature
    shown = [repr(token), str(token), f"{token}", token.explain()]
    attempts: list[Callable[[], object]] = [
        lambda: token.check(KEY, "bar"),
        lambda: token.check(b"another key"),
        lambda: token.restrict(user_id="x"),
        lambda: Token.load(text[:-3]),
        lambda: Token.load(text + "!"),
        lambda: Token.load(text.replace("-", "")),
    ]
    for attempt in attempts:
        with pytest.raises(LadingError) as caught:
            attempt()
        shown += [repr(caught.value), *map(repr, caught.value.__dict__.values())]
        shown += traceback.format_exception_only(caught.value)
    everything = "\n".join([*shown, caplog.text])
    for secret in (text[-20:], text[5:40], signature.hex(), repr(signature)[2:-1], "thirty-two"):
        assert secret not in everything


def test_a_token_is_copied_and_pickled_whole() -> None:
    token = new().restrict(project_names=["foo"])
    for twin in (copy.deepcopy(token), pickle.loads(pickle.dumps(token))):
        assert twin.dump() == token.dump()
        twin.restrict(project_names=["bar"])
        assert twin.dump() != token.dump()


def test_the_time_taken_grows_with_the_size_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    # Steps and not seconds: packets read, and bytes of the token that each of them was given to copy.
    counts: dict[int, int] = {}
    sizes: dict[int, int] = {}
    real = _binary._packet
    for number in (1000, 4000):
        text = with_caveats(*[b'[1, ["foo"]]'] * number).dump()
        seen: list[int] = []

        def counted(raw: bytes, at: int, seen: list[int] = seen) -> tuple[int, int, bytes]:
            kind, end, data = real(raw, at)
            seen.append(len(data))
            return kind, end, data

        with monkeypatch.context() as patch:
            patch.setattr(_binary, "_packet", counted)
            token = Token.load(text)
        assert len(token.restrictions) == number
        token.check(KEY, "foo")
        counts[number], sizes[number] = len(seen), sum(seen)
    assert counts[4000] - 5 == 4 * (counts[1000] - 5)
    assert sizes[4000] < 4 * sizes[1000]


def test_a_context_can_be_compared() -> None:
    assert Context("A", now=1) == Context("a", now=1)

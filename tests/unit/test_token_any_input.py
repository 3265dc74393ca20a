"""Whatever comes in, only lading's errors come out; and what goes in comes out again."""

from __future__ import annotations

import base64
import json
import math
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lading import Index
from lading.errors import InputError, InvalidRestriction, MissingContext, TokenInvalid, TokenUnreadable
from lading.pypi import Token
from lading.pypi.restrictions import Context, DateRestriction, LegacyDateRestriction, Restriction
from lading.pypi.tokens import find_problem

KEY = b"k" * 32
NOW = 1_800_000_000

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.uuids().map(str)
keys = st.sampled_from(["nbf", "exp", "version", "permissions", "projects", "project_ids"]) | st.text(max_size=3)
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=3), max_leaves=12
)
tagged = st.tuples(st.integers(-1, 6), anything, anything).map(list) | st.tuples(st.integers(0, 5), anything).map(list)
values = (
    anything
    | st.binary(max_size=8)
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.sets(st.text(max_size=3), max_size=3)
    | st.uuids()
    | st.lists(st.uuids(), max_size=2)
    | st.integers(-(10**5000), 10**5000)
    | st.builds(object)
)
parameters = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        (
            "not_before",
            "not_after",
            "project_names",
            "project_ids",
            "user_id",
            "legacy_project_names",
            "legacy_not_before",
            "legacy_not_after",
            "legacy_noop",
        ),
        values,
    ),
)
few = settings(max_examples=150, deadline=None, derandomize=True)


def use(token: Token) -> None:
    """Everything that can be done with a token. None of it may fail with anything but what it says."""
    again = Token.load(token.dump())
    assert again.dump() == token.dump()
    assert [token.domain, token.project_names, token.expires_at, token.valid_from, token.explain(), repr(token)]
    for look in (lambda: token.identifier, lambda: token.restrictions):
        with suppress(TokenUnreadable):
            look()
    with suppress(TokenInvalid):
        token.check(KEY, "foo", now=NOW)


@few
@given(st.text() | st.binary().map(lambda raw: "pypi-" + base64.urlsafe_b64encode(raw).decode()) | values)
def test_load(raw: Any) -> None:
    try:
        token = Token.load(raw)
    except TokenUnreadable:
        return
    use(token)


@few
@given(st.data(), st.sampled_from([1, 2]))
def test_load_what_was_a_token(data: st.DataObject, version: int) -> None:
    token = Token.create("index.example", "a token", KEY, version=version)
    token.restrict(project_names=["foo"], not_before=0, not_after=NOW + 1)
    raw = bytearray(base64.urlsafe_b64decode(token.dump()[5:] + "==="))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(raw) - 1))
        if data.draw(st.booleans()):
            raw[place] = data.draw(st.integers(0, 255))
        else:
            raw[place:place] = data.draw(st.binary(max_size=3))
    try:
        changed = Token.load("pypi-" + base64.urlsafe_b64encode(raw).decode())
    except TokenUnreadable:
        return
    use(changed)


@few
@given(st.lists(st.binary(max_size=60) | tagged.map(lambda value: json.dumps(value).encode()), max_size=4))
def test_caveats_of_any_content(caveats: list[bytes]) -> None:
    token = Token.create("index.example", "a token", KEY)
    token._macaroon.add(caveats)
    use(token)
    assert [caveat.id for caveat in Token.load(token.dump())._macaroon.caveats] == caveats
    assert token._macaroon.verifies(KEY)


@few
@given(tagged | anything | st.binary(), st.booleans())
def test_load_json(value: Any, ascii_only: bool) -> None:
    text = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=ascii_only)
    try:
        restriction = Restriction.load_json(text)
    except TokenUnreadable:
        return
    assert Restriction.load_json(restriction.dump_json()).dump_json() == restriction.dump_json()
    restriction.explain()


@few
@given(values)
def test_load_value(value: Any) -> None:
    with suppress(TokenUnreadable):
        Restriction.load(value)


@few
@given(parameters)
def test_restrict(requested: dict[str, Any]) -> None:
    token = Token.create("index.example", "a token", KEY)
    before = token.dump()
    try:
        token.restrict(**requested)
    except InvalidRestriction:
        assert token.dump() == before
        return
    # What was accepted is understood by whoever reads it, and means the same there.
    assert Token.load(token.dump()).restrictions == Restriction.restrictions_from_parameters(**requested)
    use(token)


@few
@given(values, values, values, values, values)
def test_check(key: Any, project: Any, project_id: Any, user: Any, now: Any) -> None:
    token = Token.create("index.example", "a token", KEY).restrict(project_names=["foo"], user_id=UUID(int=0))
    try:
        token.check(key, project, project_id, user, now)
    except (TokenInvalid, InputError):
        return
    raise AssertionError


@few
@given(values, values, values, values, values)
def test_create(domain: Any, identifier: Any, key: Any, prefix: Any, version: Any) -> None:
    try:
        token = Token.create(domain, identifier, key, prefix, version)
    except InputError:
        return
    token.check(key)
    assert Token.load(token.dump()).dump() == token.dump()


@few
@given(st.text(max_size=300), st.text(min_size=1, max_size=300), st.binary(min_size=1), st.sampled_from([1, 2]))
def test_create_what_can_be(domain: str, identifier: str, key: bytes, version: int) -> None:
    token = Token.create(domain, identifier, key, version=version)
    again = Token.load(token.dump())
    assert (again.domain, again.identifier) == (domain, identifier)
    again.check(key)


@few
@given(st.lists(st.booleans(), min_size=1, max_size=5), st.integers(0, 2**32))
def test_a_chain_of_dates_allows_what_each_of_them_does(met: list[bool], now: int) -> None:
    token = Token.create("index.example", "a token", KEY)
    for one in met:
        token.restrict(not_before=now if one else now + 1, not_after=now + 2)
    if all(met):
        token.check(KEY, now=now)
        return
    with pytest.raises(TokenInvalid) as caught:
        token.check(KEY, now=now)
    assert not isinstance(caught.value, MissingContext)
    assert len(caught.value.failures) == met.count(False)


HUGE = 10**5000
NAIVE = datetime(2026, 1, 1)
SURROGATE = "\\ud800"


USELESS = [HUGE, -HUGE, math.nan, math.inf, b"x", [], True, NAIVE]


# pytest would write numbers into the names of the tests, which is what cannot be done.
@pytest.mark.parametrize("value", USELESS, ids=range(len(USELESS)))
@pytest.mark.parametrize("argument", ["project_name", "project_id", "user_id", "publisher_id", "now"])
def test_check_names_the_argument_that_it_cannot_use(argument: str, value: Any) -> None:
    token = Token.create("index.example", "a token", KEY)
    with pytest.raises(InputError) as caught:
        token.check(KEY, **{argument: value})
    assert caught.value.argument == argument
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "value", [-1, 0, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), 10**500], ids=range(5)
)
def test_check_at_any_time_that_exists(value: Any) -> None:
    token = Token.create("index.example", "a token", KEY).restrict(not_before=5, not_after=6)
    with pytest.raises(TokenInvalid, match=r"not valid before|expired at"):
        token.check(KEY, now=value)


@pytest.mark.parametrize(
    "value", [[0, HUGE, 1], [0, 1, -HUGE], {"nbf": HUGE, "exp": 1}, {"nbf": 1, "exp": HUGE}], ids=range(4)
)
def test_a_time_that_cannot_be_written_is_not_read(value: Any) -> None:
    with pytest.raises(TokenUnreadable):
        Restriction.load(value)


def test_what_is_read_can_be_shown_whatever_limit_python_has_for_digits() -> None:
    longest = 2**2000 - 1
    restriction = Restriction.load([0, longest, -longest])
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        assert Restriction.load_json(restriction.dump_json()) == restriction
        assert len(restriction.explain()) > 1200
    finally:
        sys.set_int_max_str_digits(before)


@pytest.mark.parametrize("kind", [DateRestriction, LegacyDateRestriction])
def test_a_restriction_of_impossible_times_is_explained_and_not_written(kind: Any) -> None:
    restriction = kind(HUGE, HUGE + 1)
    assert "a second that has more than 600 digits" in restriction.explain()
    with pytest.raises(InvalidRestriction):
        restriction.dump_json()
    with pytest.raises(TokenInvalid, match="more than 600 digits"):
        restriction.check(Context(now=1))


def test_messages_can_be_encoded_whatever_names_a_token_has() -> None:
    named = Restriction.load_json('{"version": 1, "permissions": {"projects": ["\\ud800"]}}')
    token = Token.create("index.example", "a token", KEY)
    token._macaroon.add([named.dump_json().encode()])
    assert SURROGATE in token.explain()
    token.explain().encode()
    with pytest.raises(TokenInvalid) as caught:
        token.check(KEY, "\ud801")
    str(caught.value).encode()
    problem = find_problem(token, Index("https://index.example/"), "\ud801", None)
    assert problem is not None
    assert SURROGATE in problem
    problem.encode()


def test_a_prefix_that_is_not_unicode() -> None:
    with pytest.raises(InputError, match="UTF-8") as caught:
        Token.create("index.example", "a token", KEY, "\ud800")
    assert caught.value.argument == "prefix"
    with pytest.raises(TokenUnreadable, match="UTF-8"):
        Token.load("\ud800" + Token.create("index.example", "a token", KEY).dump())


@pytest.mark.parametrize(("project", "now"), [(HUGE, None), ("demo", NAIVE), ("demo", HUGE)], ids=range(3))
def test_an_offline_check_refuses_what_it_cannot_use(project: Any, now: Any) -> None:
    token = Token.create("index.example", "a token", KEY).restrict(project_names=["demo"], not_before=1, not_after=2)
    with pytest.raises(InputError):
        find_problem(token, Index("https://index.example/"), project, now)

"""Whatever comes in, only lading's errors come out; and what goes in comes out again."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lading.errors import InputError, InvalidRestriction, MissingContext, TokenInvalid, TokenUnreadable
from lading.pypi import Token
from lading.pypi.restrictions import Restriction

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

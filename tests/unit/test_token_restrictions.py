"""Restrictions of tokens: how each is written and read, what it allows, and what it says in words."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from uuid import UUID

import pytest

from lading.errors import InputError, InvalidRestriction, MissingContext, TokenInvalid, TokenUnreadable
from lading.pypi.restrictions import (
    Context,
    DateRestriction,
    LegacyDateRestriction,
    LegacyNoopRestriction,
    LegacyProjectIDsRestriction,
    LegacyProjectNamesRestriction,
    ProjectIDsRestriction,
    ProjectNamesRestriction,
    PublisherRestriction,
    Restriction,
    UserIDRestriction,
    timestamp_from_parameter,
)

ONE = "9e1f7c8e-2a51-4d5c-a9f3-0d6f6d2f3a11"
TWO = "22222222-3333-4444-5555-666666666666"

ALL: list[tuple[Restriction, str, str]] = [
    (DateRestriction(1, 2), "[0, 2, 1]", "from 1970-01-01 00:00:01 UTC until 1970-01-01 00:00:02 UTC"),
    (
        DateRestriction(-1, 10**30),
        f"[0, {10**30}, -1]",
        f"from 1969-12-31 23:59:59 UTC until second {10**30} since 1970",
    ),
    (ProjectNamesRestriction(["a", "b"]), '[1, ["a", "b"]]', "for projects a, b"),
    (ProjectNamesRestriction(["a"]), '[1, ["a"]]', "for project a"),
    (ProjectNamesRestriction([]), "[1, []]", "for no project at all"),
    (ProjectIDsRestriction([ONE]), f'[2, ["{ONE}"]]', "for 1 project known by id alone"),
    (ProjectIDsRestriction([ONE, TWO]), f'[2, ["{ONE}", "{TWO}"]]', "for 2 projects known by id alone"),
    (ProjectIDsRestriction([]), "[2, []]", "for no project at all"),
    (UserIDRestriction(ONE), f'[3, "{ONE}"]', "for all projects of one user"),
    (PublisherRestriction(ONE), f'[4, "{ONE}", null]', "by one trusted publisher"),
    (PublisherRestriction(ONE, {"ref": "é"}), f'[4, "{ONE}", {{"ref": "\\u00e9"}}]', "by one trusted publisher"),
    (LegacyNoopRestriction(), '{"version": 1, "permissions": "user"}', "for all projects of its user"),
    (
        LegacyProjectNamesRestriction(["a", "B_c"]),
        '{"version": 1, "permissions": {"projects": ["a", "B_c"]}}',
        "for projects a, B_c",
    ),
    (
        LegacyDateRestriction(1, 2),
        '{"nbf": 1, "exp": 2}',
        "from 1970-01-01 00:00:01 UTC until 1970-01-01 00:00:02 UTC",
    ),
    (LegacyProjectIDsRestriction([ONE]), f'{{"project_ids": ["{ONE}"]}}', "for 1 project known by id alone"),
]


@pytest.mark.parametrize(("restriction", "text", "words"), ALL, ids=[text for _, text, _ in ALL])
def test_each_is_written_read_copied_and_explained(restriction: Restriction, text: str, words: str) -> None:
    assert restriction.dump_json() == text
    compact = json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
    for written in (text, text.encode(), compact, compact.encode(), f" \n{text}\t"):
        # Whichever class is used, the caveat says which it is.
        read = UserIDRestriction.load_json(written)
        assert read == restriction
        assert type(read) is type(restriction)
    assert Restriction.load(restriction.dump()) == restriction
    assert (
        pickle.loads(pickle.dumps(restriction)) == copy.deepcopy(restriction) == copy.copy(restriction) == restriction
    )
    assert restriction.explain() == words


def test_equal_are_those_of_one_class_and_one_value() -> None:
    assert len([(a, b) for a, _, _ in ALL for b, _, _ in ALL if a == b]) == len(ALL)
    assert DateRestriction(1, 2) != LegacyDateRestriction(1, 2)
    assert len({DateRestriction(1, 2), DateRestriction(1, 2), LegacyNoopRestriction()}) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        "null",
        "0",
        '"[0, 2, 1]"',
        "[]",
        "{}",
        "[0]",
        "[0, 1]",
        "[0, 1, 2, 3]",
        "[0, 2.0, 1]",
        "[0, true, false]",
        '[0, "2", "1"]',
        "[0, null, null]",
        "[0, 2, NaN]",
        "[0.0, 2, 1]",
        '["0", 2, 1]',
        "[false, 2, 1]",
        "[0, 2, 1",
        "['0', 2, 1]",
        '[1, "foo"]',
        '[1, ["foo"], 1]',
        '[1, ["Foo"]]',
        '[1, ["foo_bar"]]',
        '[1, ["-foo"]]',
        '[1, [""]]',
        '[1, ["foo\\n"]]',
        "[1, [1]]",
        '[true, ["foo"]]',
        '[2, ["foo"]]',
        f'[2, ["{ONE.upper()}"]]',
        f'[2, ["{ONE}\\n"]]',
        f'[2, "{ONE}"]',
        '[3, ""]',
        f'[3, "{ONE}\\n"]',
        f'[3, ["{ONE}"]]',
        "[4]",
        "[4, 1]",
        f'[4, "{ONE}", 1]',
        f'[4, "{ONE}", null, null]',
        '[5, "x"]',
        "[-1, 2, 1]",
        "[[0], 2, 1]",
        '{"nbf": 1}',
        '{"nbf": 1, "exp": 2.0}',
        '{"nbf": 1, "exp": true}',
        '{"nbf": 1, "exp": 2, "more": 3}',
        '{"version": 2, "permissions": "user"}',
        '{"version": true, "permissions": "user"}',
        '{"version": 1, "permissions": "admin"}',
        '{"version": 1, "permissions": "user", "nbf": 1, "exp": 2}',
        '{"version": 1, "permissions": {"projects": "foo"}}',
        '{"version": 1, "permissions": {"projects": [1]}}',
        '{"version": 1, "permissions": {"projects": [], "more": 1}}',
        '{"project_ids": ["foo"]}',
        f"[0, {'9' * 5000}, 1]",
        "[" * 100_000,
        b"\xef\xbb\xbf[0, 2, 1]",
        "\ufeff[0, 2, 1]",
        "[0, 2, 1]".encode("utf-16"),
        b'[1, ["\xff"]]',
        b'[4, "\xed\xa0\x80"]',
    ],
)
def test_what_says_nothing_known_is_unreadable(text: str | bytes) -> None:
    with pytest.raises(TokenUnreadable):
        Restriction.load_json(text)


@pytest.mark.parametrize("value", [(0, 2, 1), [[0], 2, 1], {1: 2}, {"nbf": []}, object(), b"[0, 2, 1]", [1, ("foo",)]])
def test_values_that_are_not_as_json_gives_them_are_unreadable(value: Any) -> None:
    with pytest.raises(TokenUnreadable):
        Restriction.load(value)


def test_the_last_of_two_equal_keys_counts() -> None:
    assert Restriction.load_json('{"nbf": 1, "nbf": 3, "exp": 5}') == LegacyDateRestriction(3, 5)


ALLOWED = Context("Foo.Bar", UUID(ONE), ONE.upper(), 1000, publisher_id=ONE.upper())
DENIED = Context("other", TWO, TWO, 2000, publisher_id=TWO)
NOTHING = Context(now=1000)
JUDGED = [
    DateRestriction(1000, 2000),
    LegacyDateRestriction(1000, 2000),
    ProjectNamesRestriction(["x", "foo-bar"]),
    LegacyProjectNamesRestriction(["foo-bar"]),
    ProjectIDsRestriction([ONE]),
    LegacyProjectIDsRestriction([ONE]),
    UserIDRestriction(ONE),
    PublisherRestriction(ONE),
]


@pytest.mark.parametrize("restriction", JUDGED, ids=lambda restriction: type(restriction).__name__)
def test_each_allows_what_it_says_and_needs_what_it_says(restriction: Restriction) -> None:
    restriction.check(ALLOWED)
    with pytest.raises(TokenInvalid) as caught:
        restriction.check(DENIED)
    assert not isinstance(caught.value, MissingContext)
    if restriction.needs_context == ("now",):
        restriction.check(NOTHING)
    else:
        with pytest.raises(MissingContext, match=restriction.needs_context[0]):
            restriction.check(NOTHING)


def test_the_first_second_counts_and_the_last_does_not() -> None:
    for now, allowed in ((999, False), (1000, True), (1999, True), (2000, False)):
        if allowed:
            DateRestriction(1000, 2000).check(Context(now=now))
        else:
            with pytest.raises(TokenInvalid, match=r"not valid before|expired"):
                DateRestriction(1000, 2000).check(Context(now=now))


def test_an_empty_list_allows_nothing_and_the_old_noop_everything() -> None:
    for restriction in (ProjectNamesRestriction([]), ProjectIDsRestriction([]), LegacyProjectNamesRestriction([])):
        with pytest.raises(TokenInvalid):
            restriction.check(ALLOWED)
    LegacyNoopRestriction().check(NOTHING)


def test_a_context_is_normalised() -> None:
    moment = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    context = Context("A__b-.C", UUID(ONE), ONE.upper(), moment)
    assert (context.project_name, context.project_id, context.user_id) == ("a-b-c", ONE, ONE)
    assert context.now == 1767222000
    assert Context("").project_name == ""
    assert Context(now=0).now == 0
    # Beyond ASCII nothing is folded: the Kelvin sign in lower case is the letter k.
    assert Context("\u212a").project_name == "\u212a"
    with pytest.raises(InputError):
        Context(5)  # type: ignore[arg-type]


class Nowhere(tzinfo):
    def utcoffset(self, _: datetime | None) -> None:
        return None

    dst = utcoffset

    def tzname(self, _: datetime | None) -> None:
        return None


@pytest.mark.parametrize(
    "value",
    [datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=Nowhere()), "1", 1.0, True, None, 10**700, -(10**700)],
    ids=str,
)
def test_what_is_no_time(value: Any) -> None:
    with pytest.raises(InvalidRestriction) as caught:
        timestamp_from_parameter(value, "not_after")
    assert caught.value.argument == "not_after"


def test_fractions_of_a_second_are_cut_off() -> None:
    assert timestamp_from_parameter(datetime(1970, 1, 1, 0, 0, 7, 999_999, tzinfo=UTC)) == 7
    assert timestamp_from_parameter(-3) == -3


def test_parameters_become_restrictions_in_the_order_of_the_classes() -> None:
    found = Restriction.restrictions_from_parameters(
        legacy_not_after=2,
        legacy_not_before=0,
        legacy_noop=True,
        legacy_project_names=["B.c"],
        user_id=UUID(ONE),
        project_ids={TWO.upper()},
        project_names=(name for name in ("A_a", "A_a")),
        not_after=2,
        not_before=0,
    )
    assert found == [
        DateRestriction(0, 2),
        ProjectNamesRestriction(["a-a", "a-a"]),
        ProjectIDsRestriction([TWO]),
        UserIDRestriction(ONE),
        LegacyNoopRestriction(),
        LegacyProjectNamesRestriction(["b-c"]),
        LegacyDateRestriction(0, 2),
    ]
    assert Restriction.restrictions_from_parameters() == []
    assert Restriction.restrictions_from_parameters(legacy_noop=False, project_names=None) == []
    with pytest.raises(InvalidRestriction, match="project_name"):
        Restriction.restrictions_from_parameters(project_name="foo")


def test_a_class_takes_its_own_parameters() -> None:
    assert UserIDRestriction.from_parameters(user_id=ONE, not_before=1) == UserIDRestriction(ONE)
    for kind in Restriction.kinds:
        assert kind.from_parameters() is None
    assert Restriction.from_parameters(user_id=ONE) is None


def test_a_program_s_own_subclass_changes_no_token() -> None:
    class Mine(DateRestriction):
        pass

    assert Restriction.restrictions_from_parameters(not_before=1, not_after=2) == [DateRestriction(1, 2)]
    assert Mine not in Restriction.kinds

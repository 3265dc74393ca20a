# ruff: noqa: B023 - what a loop creates is called before its next iteration
"""pypitoken beside lading, and pymacaroons beneath both: the same bytes, the same verdicts, or a reason."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pymacaroons
import pypitoken
import pypitoken.restrictions as theirs
import pypitoken.token
import pytest
from hypothesis import given, settings

from lading import errors
from lading.pypi import Token
from lading.pypi import restrictions as ours
from tests.conformance.ledger import EQUAL, Ledger, ledger
from tests.conformance.pypitoken_cases import (
    IDENTIFIER,
    INDEX,
    KEY,
    ONE,
    TWO,
    apart,
    caveats,
    contexts,
    requested,
    tokens,
    windows,
    worlds,
)
from tests.conformance.pypitoken_deviation_cases import CASES, token
from tests.conformance.pypitoken_deviations import DEVIATIONS

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS = [kind.__name__ for kind in theirs.Restriction._get_subclasses()]
# By the name in pypitoken. All others are called the same in lading.
NAMES = {
    "PyPITokenException": "TokenError",
    "LoaderError": "TokenUnreadable",
    "ValidationError": "TokenInvalid",
    "MissingContextError": "MissingContext",
    "InvalidRestriction": "InvalidRestriction",
}


def public() -> set[str]:
    """Every name that pypitoken exports, with its public attributes, and what the manual names besides."""
    found = {"Token.prefix", "(restrictions) Context", "(restrictions) timestamp_from_parameter", "(token) PREFIX"}
    for name in pypitoken.__all__:
        found.add(name)
        bases = [kind for kind in getattr(pypitoken, name).__mro__ if kind.__module__.startswith("pypitoken")]
        members = {member for kind in bases for member in {**vars(kind), **getattr(kind, "__annotations__", {})}}
        found.update(f"{name}.{member}" for member in members if not member.startswith("_"))
    return found


METHODS = public()
EQUAL_ROWS = ("(bytes of a token)", "(pymacaroons reads and verifies)", "(pymacaroons' own bytes)")
ROWS = {
    **dict.fromkeys([*METHODS, *EQUAL_ROWS], EQUAL),
    **{deviation.row: deviation for deviation in DEVIATIONS},
}
LEDGER = ledger("pypitoken", METHODS, ROWS)
run = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def outcome(act: Callable[[], Any]) -> Any:
    """What came of it, in lading's words on both sides; an error that a library does not announce by its own name."""
    try:
        return shown(act())
    except Exception as error:
        name = type(error).__name__
        return f"raises {NAMES.get(name, name)}"


def shown(value: Any) -> Any:
    """A value that can be compared across libraries."""
    if isinstance(value, (theirs.Restriction, ours.Restriction)):
        return type(value).__name__, vars(value)
    if isinstance(value, (pypitoken.Token, Token)):
        return value.dump()
    return [shown(one) for one in value] if isinstance(value, (list, tuple)) else value


def both(row: str, case: str, act: Callable[[Any, Any], Any]) -> None:
    """Let both do it: *act* is given the token class and the module of restrictions."""
    LEDGER.compare(case, {row: outcome(lambda: act(pypitoken.Token, theirs))}, {row: outcome(lambda: act(Token, ours))})


@pytest.fixture(scope="module")
def compared() -> Ledger:
    """The ledger, after everything was done with both."""
    make_and_read()
    judge()
    read_caveats()
    classes()
    errors_and_names()
    for row, cases in CASES.items():
        for number, case in enumerate(cases):
            both(row, f"{row} {number}", case)
    return LEDGER


@run
@given(tokens, requested, requested)
def make_and_read(given: dict[str, Any], first: dict[str, Any], second: dict[str, Any]) -> None:
    """Create, restrict twice, dump, load, and read all that can be read."""
    texts = []
    for kind in (pypitoken.Token, Token):
        token = kind.create(**given)
        before = token.dump()
        assert token.restrict(**first).restrict(**second) is token
        texts.append((before, token.dump()))
    their_text, our_text = texts
    LEDGER.compare("drawn", {"(bytes of a token)": their_text}, {"(bytes of a token)": our_text})
    for name in ("create", "restrict", "dump"):
        LEDGER.compare("drawn", {f"Token.{name}": their_text}, {f"Token.{name}": our_text})
    text = our_text[1]
    both("Token.load", "drawn", lambda kind, _: kind.load(text))
    both("Token", "drawn", lambda kind, _: type(kind.load(text)).__name__)
    for name in ("prefix", "domain", "identifier", "restrictions"):
        both(f"Token.{name}", "drawn", lambda kind, _: getattr(kind.load(text), name))
    body = text.partition("-")[2]
    macaroon = pymacaroons.Macaroon.deserialize(body)
    row = "(pymacaroons' own bytes)"
    LEDGER.compare("drawn", {row: macaroon.serialize()}, {row: Token.load(text).dump().partition("-")[2]})
    verifier = pymacaroons.Verifier()
    verifier.satisfy_general(lambda _: True)
    row = "(pymacaroons reads and verifies)"
    ours_verifies = Token.load(text)._macaroon.verifies(
        given["key"].encode() if isinstance(given["key"], str) else given["key"]
    )
    LEDGER.compare("drawn", {row: verifier.verify(macaroon, given["key"])}, {row: ours_verifies})


@run
@given(worlds, worlds, windows, contexts)
def judge(
    first: dict[str, Any], second: dict[str, Any], window: tuple[int, int] | None, context: dict[str, Any]
) -> None:
    """Verdicts, of tokens and of single restrictions."""
    token = Token.create(INDEX, IDENTIFIER, KEY).restrict(**first).restrict(**second)
    if window:
        token.restrict(*window).restrict(legacy_not_before=window[0], legacy_not_after=window[1])
    text = token.dump()
    LEDGER.compare(
        "drawn",
        {"Token.check": allows(pypitoken.Token, text, context)},
        {"Token.check": allows(Token, text, context)},
    )
    for their, our in zip(pypitoken.Token.load(text).restrictions, token.restrictions, strict=True):
        row = f"{type(our).__name__}.check"
        LEDGER.compare(
            "drawn",
            {row: outcome(lambda: their.check(theirs.Context(**context)))},
            {row: outcome(lambda: our.check(ours.Context(**context)))},
        )


def allows(kind: Any, text: str, context: dict[str, Any]) -> bool:
    with suppress(pypitoken.ValidationError, errors.TokenInvalid, ValueError):
        kind.load(text).check(KEY, **context)
        return True
    return False


@run
@given(caveats.filter(lambda value: not apart(value)))
def read_caveats(value: Any) -> None:
    """Whatever a caveat says: read alike by every class, from a value and from text, and written back alike."""
    text = json.dumps(value)
    for name in ("Restriction", *KINDS):
        both(f"{name}.load", text, lambda _, module: getattr(module, name).load(value))
        both(f"{name}.load_json", text, lambda _, module: getattr(module, name).load_json(text))
    with suppress(errors.TokenUnreadable):
        kind = type(ours.Restriction.load(value)).__name__
        both(f"{kind}.dump", text, lambda _, module: module.Restriction.load(value).dump())
        both(f"{kind}.dump_json", text, lambda _, module: module.Restriction.load(value).dump_json())


SAMPLES: dict[str, dict[str, Any]] = {
    "DateRestriction": {"not_before": 1, "not_after": 2},
    "ProjectNamesRestriction": {"project_names": ["a", "b"]},
    "ProjectIDsRestriction": {"project_ids": [ONE]},
    "UserIDRestriction": {"user_id": ONE},
    "LegacyNoopRestriction": {},
    "LegacyProjectNamesRestriction": {"project_names": ["a", "b"]},
    "LegacyDateRestriction": {"not_before": 1, "not_after": 2},
}
PARAMETERS = {
    **{f"{prefix}{name}": value for prefix in ("", "legacy_") for name, value in SAMPLES["DateRestriction"].items()},
    **{f"{prefix}project_names": ["a", "b"] for prefix in ("", "legacy_")},
    "project_ids": [ONE],
    "user_id": ONE,
    "legacy_noop": True,
}


def classes() -> None:
    """The classes of restrictions: created, compared and requested, and their attributes."""
    for name in ("Restriction", *KINDS):
        made = SAMPLES.get(name, {})
        both(name, "made", lambda _, m: getattr(m, name)(**made))
        both(name, "equal", lambda _, m: getattr(m, name)(**made) == getattr(m, name)(**copy.deepcopy(made)))
        for other in KINDS:
            both(name, other, lambda _, m: getattr(m, name)(**made) == getattr(m, other)(**SAMPLES[other]))
        for value in made:
            both(f"{name}.{value}", "made", lambda _, m: getattr(getattr(m, name)(**made), value))
        both(f"{name}.needs_context", "made", lambda _, m: list(getattr(m, name).needs_context))
        both(f"{name}.from_parameters", "all", lambda _, m: getattr(m, name).from_parameters(**PARAMETERS))
        both(
            f"{name}.restrictions_from_parameters",
            "all",
            lambda _, m: list(getattr(m, name).restrictions_from_parameters(**PARAMETERS)),
        )
        both(
            f"{name}.restrictions_from_parameters",
            "none",
            lambda _, m: list(getattr(m, name).restrictions_from_parameters()),
        )
        for method in ("dump", "dump_json"):
            both(f"{name}.{method}", "made", lambda _, m: getattr(getattr(m, name)(**made), method)())
        if hasattr(getattr(theirs, name), "tag"):
            both(f"{name}.tag", "class", lambda _, m: getattr(m, name).tag)
    both("Restriction.check", "base", lambda _, m: m.Restriction().check(m.Context()))


def errors_and_names() -> None:
    """Errors are of each other's kinds and raised for the same reasons; and the rest of the modules."""
    for name, named in NAMES.items():
        their = {NAMES[base.__name__] for base in getattr(pypitoken, name).__mro__ if base.__name__ in NAMES}
        our = {base.__name__ for base in getattr(errors, named).__mro__ if base.__name__ in NAMES.values()}
        LEDGER.compare("kinds", {name: their}, {name: our})
        for builtin in (ValueError, TypeError, LookupError):
            both_are = [issubclass(kind, builtin) for kind in (getattr(pypitoken, name), getattr(errors, named))]
            LEDGER.compare(builtin.__name__, {name: both_are[0]}, {name: both_are[1]})
    both("LoaderError", "no dash", lambda kind, _: kind.load("pypi"))
    both("LoaderError", "cut", lambda kind, _: kind.load("pypi-AgEI"))
    both("LoaderError", "a caveat", lambda _, m: m.Restriction.load_json("nothing"))
    both("ValidationError", "a wrong key", lambda kind, _: kind.create(INDEX, IDENTIFIER, KEY).check("another"))
    both("MissingContextError", "no name", lambda _, m: m.ProjectNamesRestriction(["a"]).check(m.Context()))
    both("InvalidRestriction", "one date", lambda kind, _: token(kind).restrict(not_before=1))
    both("InvalidRestriction", "one name", lambda kind, _: token(kind).restrict(project_names="foo"))
    both("InvalidRestriction", "naive", lambda kind, _: token(kind).restrict(datetime(2026, 1, 1), 10**12))
    moment = datetime(2026, 1, 1, 0, 0, 0, 999_999, tzinfo=UTC)
    for value in (0, -5, moment, datetime(2026, 1, 1)):
        both("(restrictions) timestamp_from_parameter", str(value), lambda _, m: m.timestamp_from_parameter(value))
    full = {"project_name": "a", "project_id": ONE, "user_id": TWO, "now": moment}
    for context in (full, {"now": 0}):
        both("(restrictions) Context", "made", lambda _, m: [getattr(m.Context(**context), name) for name in full])
    LEDGER.compare("default", {"(token) PREFIX": pypitoken.token.PREFIX}, {"(token) PREFIX": token(Token).prefix})


@pytest.mark.parametrize("row", sorted(ROWS))
def test_row(compared: Ledger, row: str) -> None:
    compared.check(row)


def test_every_public_name_has_a_row(compared: Ledger) -> None:
    compared.check_complete()
    assert len(METHODS) > 100
    assert {name for name in METHODS if "." not in name and not name.startswith("(")} == set(pypitoken.__all__)

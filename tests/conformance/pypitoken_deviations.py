"""Where lading differs from pypitoken on purpose: the reason, and what shows it."""

from __future__ import annotations

import base64
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pypitoken
import pytest

from lading import errors
from lading.pypi import Token
from tests.conformance.pypitoken_cases import IDENTIFIER, INDEX, KEY, ONE

if TYPE_CHECKING:
    from collections.abc import Callable


def token(kind: Any, **restrictions: Any) -> Any:
    return kind.create(INDEX, IDENTIFIER, KEY).restrict(**restrictions)


def changed(change: Callable[[bytes], bytes], version: int = 2) -> str:
    """A token of one caveat whose bytes were changed."""
    made = Token.create(INDEX, IDENTIFIER, KEY, version=version).restrict(project_names=["foo"]).dump()
    raw = change(base64.urlsafe_b64decode(made[5:] + "==="))
    return "pypi-" + base64.urlsafe_b64encode(raw).decode().rstrip("=")


def signed(*contents: str) -> str:
    """A genuine token with these caveats."""
    made = pypitoken.Token.create(INDEX, IDENTIFIER, KEY)
    for content in contents:
        made._macaroon.add_first_party_caveat(content)
    return str(made.dump())


def check(text: str, key: Any = KEY, **context: Any) -> Callable[[Any, Any], Any]:
    return lambda kind, _: kind.load(text).check(key, **context)


def restrict(**asked: Any) -> Callable[[Any, Any], Any]:
    return lambda kind, _: token(kind, **asked)


def read(text: str | bytes) -> Callable[[Any, Any], Any]:
    return lambda _, module: module.Restriction.load_json(text)


def half_restricted(kind: Any, _: Any) -> int:
    made = token(kind)
    with suppress(pypitoken.InvalidRestriction, errors.InvalidRestriction):
        made.restrict(project_names=["foo"], project_ids="not a list")
    return len(made.restrictions)


def change_one(_: Any, module: Any) -> Any:
    made = module.ProjectNamesRestriction(["a"])
    made.project_names = ["b"]
    return made


def message(act: Callable[[], Any]) -> bool:
    """Whether the error is about the signature."""
    with pytest.raises((pypitoken.ValidationError, errors.TokenInvalid)) as caught:
        act()
    return "ignature" in str(caught.value)


# Each with its reason, and what shows it: given a class of tokens and a module of restrictions.
V1_CAVEAT = b"000ecid [1,2]\n"
DIFFERENCES: dict[str, tuple[str, list[Callable[[Any, Any], Any]]]] = {
    "create: a key that is empty": (
        "anybody could sign with it; pypitoken makes a token that never verifies",
        [
            lambda kind, _: kind.create(INDEX, IDENTIFIER, ""),
            lambda kind, _: kind.create(INDEX, IDENTIFIER, b""),
            lambda kind, _: kind.create(INDEX, IDENTIFIER, None),
        ],
    ),
    "create: a prefix with a dash": (
        "the token could not be loaded again",
        [lambda kind, _: kind.create(INDEX, IDENTIFIER, KEY, prefix="my-index")],
    ),
    "create: a version that there is none of": (
        "0 and 3 are written as if they were 2",
        [
            lambda kind, _: kind.create(INDEX, IDENTIFIER, KEY, version=3),
            lambda kind, _: kind.create(INDEX, IDENTIFIER, KEY, version=0),
        ],
    ),
    "create: a domain that is no text": (
        "TypeErrors of another library are nothing to handle",
        [lambda kind, _: kind.create(5, IDENTIFIER, KEY)],
    ),
    "dump: version 1 of what is not ASCII": (
        "pypitoken counts its characters, so that nothing can load it again",
        [
            lambda kind, _: kind.create("é.example", IDENTIFIER, KEY, version=1).dump(),
            lambda kind, _: kind.load(kind.create("é.example", IDENTIFIER, KEY, version=1).dump()).domain,
        ],
    ),
    "load: something that is no text": (
        "TypeErrors of another library are nothing to handle",
        [lambda kind, _: kind.load(None), lambda kind, _: kind.load(b"pypi-AgEI")],
    ),
    "load: characters that are in no token": (
        "four at a time are skipped by pypitoken, so part of the text is ignored",
        [lambda kind, _: kind.load(token(kind).dump() + "!!!!")],
    ),
    "load: something after the signature": (
        "a second token that was run together with the first would be ignored",
        [lambda kind, _: kind.load(changed(lambda raw: raw + raw))],
    ),
    "load: a signature that is not 32 bytes long": (
        "it can only be a token that was cut",
        [lambda kind, _: kind.load(changed(lambda raw: raw[:-33] + b"\x10" + bytes(16)))],
    ),
    "load: version 1 cut at its end": (
        "it can only be a token that was cut",
        [lambda kind, _: kind.load(changed(lambda raw: raw[:-6], 1))],
    ),
    "load: version 1, lengths in capitals": (
        "no library writes them",
        [lambda kind, _: kind.load(changed(lambda raw: raw.replace(b"002f", b"002F"), 1))],
    ),
    "load: version 1, a caveat after the signature": (
        "it would be taken for one that is covered by the signature",
        [lambda kind, _: kind.load(changed(lambda raw: raw + V1_CAVEAT, 1))],
    ),
    "identifier: no text": (
        "UnicodeDecodeErrors are nothing to handle",
        [lambda kind, _: kind.load(kind.create(INDEX, b"\xff", KEY).dump()).identifier],
    ),
    "restrict: 0 as a time": (
        "it is one; to pypitoken it is none, and a bound that was asked for is left out",
        [
            restrict(not_before=0, not_after=5),
            restrict(not_before=-5, not_after=0),
            restrict(not_after=0),
            restrict(legacy_not_before=0),
        ],
    ),
    "restrict: an end that is not after the start": (
        "the token could never be used",
        [
            restrict(not_before=5, not_after=5),
            restrict(legacy_not_before=6, legacy_not_after=5),
        ],
    ),
    "restrict: a number as True": (
        "a boolean as a time, or 1 as a boolean, is a mistake",
        [restrict(legacy_noop=1), restrict(not_before=True, not_after=5)],
    ),
    "restrict: a time that is neither": (
        "AttributeErrors are nothing to handle",
        [
            restrict(not_before=1.5, not_after=5),
            restrict(not_before="1", not_after="5"),
            restrict(not_before=1, not_after=10**5000),
        ],
    ),
    "restrict: a name that is not normalised": (
        "it is normalised; pypitoken writes a token that never verifies",
        [
            restrict(project_names=["Foo.Bar"]),
            restrict(legacy_project_names=["Foo_Bar"]),
        ],
    ),
    "restrict: a name that is none": (
        "pypitoken writes a token that never verifies",
        [
            restrict(project_names=["-"]),
            restrict(project_names=[""]),
            restrict(project_names=[5]),
            restrict(legacy_project_names=["a b"]),
        ],
    ),
    "restrict: several values that are none": (
        "bytes become numbers, and of a mapping only the keys are taken",
        [
            restrict(project_names=b"foo"),
            restrict(project_names={"foo": 1}),
            restrict(project_ids=5),
        ],
    ),
    "restrict: a UUID in capitals": (
        "it is written small; pypitoken writes a token that never verifies",
        [restrict(user_id=ONE.upper()), restrict(project_ids=[ONE.upper()])],
    ),
    "restrict: a UUID that is none": (
        "pypitoken writes a token that never verifies",
        [restrict(user_id=""), restrict(user_id=5), restrict(project_ids=["x"])],
    ),
    "restrict: a uuid.UUID": (
        "it is what is asked for",
        [restrict(user_id=UUID(ONE)), restrict(project_ids=[UUID(ONE)])],
    ),
    "restrict: nothing if anything is wrong": (
        "pypitoken adds the first ones and raises for a later one",
        [half_restricted],
    ),
    "read: tag 4": (
        "every token of trusted publishing has one; pypitoken can read none of these",
        [read(f'[4, "{ONE}", null]'), read(f'[4,"{ONE}"]')],
    ),
    "read: project_ids as an object": (
        "PyPI reads it",
        [read(f'{{"project_ids": ["{ONE}"]}}')],
    ),
    "read: whole numbers written as fractions": (
        "PyPI refuses them",
        [
            read("[0, 2.0, 1]"),
            read("[0.0, 2, 1]"),
            read("[0, 1e3, 1]"),
            read('{"nbf": 1.0, "exp": 2.0}'),
            read('{"version": 1.0, "permissions": "user"}'),
        ],
    ),
    "read: a line break at the end": (
        "PyPI's names and ids have none",
        [read('[1, ["foo\\n"]]'), read(f'[3, "{ONE}\\n"]'), read(f'[2, ["{ONE}\\n"]]')],
    ),
    "read: bytes that are not UTF-8": (
        "a caveat is JSON in UTF-8; what pypitoken's loader gets as bytes it guesses at",
        [read("[0, 2, 1]".encode("utf-16")), read(b"\xef\xbb\xbf[0, 2, 1]")],
    ),
    "check: a name that is not normalised": (
        "the name of a project may be spelled in many ways, and is the same name",
        [check(signed('[1, ["foo-bar"]]'), project_name="Foo.Bar")],
    ),
    "check: a UUID in capitals, or as uuid.UUID": (
        "they are the same UUID",
        [
            check(signed(f'[3, "{ONE}"]'), user_id=ONE.upper()),
            check(signed(f'[2, ["{ONE}"]]'), project_id=UUID(ONE)),
        ],
    ),
    "check: an old caveat with names not normalised": (
        "PyPI compares normalised names, so such a caveat is never met",
        [check(signed('{"version": 1, "permissions": {"projects": ["Foo"]}}'), project_name="Foo")],
    ),
    "check: two failing caveats": (
        "all failures are collected; pypitoken breaks off with a bare ValueError",
        [check(signed('[1, ["foo"]]', '[1, ["bar"]]'), project_name="other")],
    ),
    "check: a missing value": (
        "MissingContext is raised as itself, and not only as a cause",
        [check(signed('[1, ["foo"]]'))],
    ),
    "check: a wrong key and a caveat that is not met": (
        "the signature is verified first: until it is, nothing is known",
        [lambda kind, _: message(lambda: kind.load(signed('[1, ["foo"]]')).check("another", "bar"))],
    ),
    "check: an unmet caveat that is not signed for": (
        "pypitoken leaves it out of the chain, so nobody notices",
        [
            check(changed(lambda raw: raw[:-35] + b'\x02\x0c[1, ["bar"]]\0' + raw[-35:]), project_name="foo"),
            check(changed(lambda raw: raw[:-35] + b"\x02\x08nonsense\0" + raw[-35:]), project_name="foo"),
        ],
    ),
    "check: an empty key": (
        "it is a mistake of whoever calls, not a fault of the token",
        [check(signed(), ""), check(signed(), None)],
    ),
    "check: now that is no time": (
        "AttributeErrors are nothing to handle",
        [check(signed(), now=1.5), check(signed(), now="1")],
    ),
    "context: normalised": (
        "see check",
        [lambda _, module: module.Context("Foo.Bar").project_name],
    ),
    "restrictions: can be changed": (
        "they are frozen: changing one changes no token",
        [change_one],
    ),
    "restrictions: the old kinds are kinds of the new": (
        "so one isinstance finds both",
        [
            lambda _, module: issubclass(module.LegacyDateRestriction, module.DateRestriction),
            lambda _, module: issubclass(module.LegacyProjectNamesRestriction, module.ProjectNamesRestriction),
        ],
    ),
}

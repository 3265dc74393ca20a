"""What shows the deviations from pypitoken: cases by row, each given a class of tokens and a module of restrictions."""

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


def restrict(**requested: Any) -> Callable[[Any, Any], Any]:
    return lambda kind, _: token(kind, **requested)


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


V1_CAVEAT = b"000ecid [1,2]\n"
CASES: dict[str, list[Callable[[Any, Any], Any]]] = {
    "create: an empty key": [
        lambda kind, _: kind.create(INDEX, IDENTIFIER, ""),
        lambda kind, _: kind.create(INDEX, IDENTIFIER, b""),
        lambda kind, _: kind.create(INDEX, IDENTIFIER, None),
    ],
    "create: a prefix with a dash": [lambda kind, _: kind.create(INDEX, IDENTIFIER, KEY, prefix="my-index")],
    "create: version 0 or 3": [
        lambda kind, _: kind.create(INDEX, IDENTIFIER, KEY, version=3),
        lambda kind, _: kind.create(INDEX, IDENTIFIER, KEY, version=0),
    ],
    "create: a domain that is not a string": [lambda kind, _: kind.create(5, IDENTIFIER, KEY)],
    "dump: version 1 with non-ASCII content": [
        lambda kind, _: kind.create("é.example", IDENTIFIER, KEY, version=1).dump(),
        lambda kind, _: kind.load(kind.create("é.example", IDENTIFIER, KEY, version=1).dump()).domain,
    ],
    "load: a value that is not a string": [lambda kind, _: kind.load(None), lambda kind, _: kind.load(b"pypi-AgEI")],
    "load: characters that no token contains": [lambda kind, _: kind.load(token(kind).dump() + "!!!!")],
    "load: data after the signature": [lambda kind, _: kind.load(changed(lambda raw: raw + raw))],
    "load: a signature that is not 32 bytes long": [
        lambda kind, _: kind.load(changed(lambda raw: raw[:-33] + b"\x10" + bytes(16)))
    ],
    "load: version 1, truncated": [lambda kind, _: kind.load(changed(lambda raw: raw[:-6], 1))],
    "load: version 1 with lengths in capitals": [
        lambda kind, _: kind.load(changed(lambda raw: raw.replace(b"002f", b"002F"), 1))
    ],
    "load: version 1 with a caveat after the signature": [
        lambda kind, _: kind.load(changed(lambda raw: raw + V1_CAVEAT, 1))
    ],
    "identifier: not UTF-8": [lambda kind, _: kind.load(kind.create(INDEX, b"\xff", KEY).dump()).identifier],
    "restrict: 0 as a time": [
        restrict(not_before=0, not_after=5),
        restrict(not_before=-5, not_after=0),
        restrict(not_after=0),
        restrict(legacy_not_before=0),
    ],
    "restrict: an end that is not after the start": [
        restrict(not_before=5, not_after=5),
        restrict(legacy_not_before=6, legacy_not_after=5),
    ],
    "restrict: a boolean as a time, or 1 as a boolean": [
        restrict(legacy_noop=1),
        restrict(not_before=True, not_after=5),
    ],
    "restrict: a value that is not a time": [
        restrict(not_before=1.5, not_after=5),
        restrict(not_before="1", not_after="5"),
        restrict(not_before=1, not_after=10**5000),
    ],
    "restrict: a name that is not normalised": [
        restrict(project_names=["Foo.Bar"]),
        restrict(legacy_project_names=["Foo_Bar"]),
    ],
    "restrict: an invalid name": [
        restrict(project_names=["-"]),
        restrict(project_names=[""]),
        restrict(project_names=[5]),
        restrict(legacy_project_names=["a b"]),
    ],
    "restrict: bytes or a mapping as several values": [
        restrict(project_names=b"foo"),
        restrict(project_names={"foo": 1}),
        restrict(project_ids=5),
    ],
    "restrict: a UUID in capitals": [restrict(user_id=ONE.upper()), restrict(project_ids=[ONE.upper()])],
    "restrict: an invalid UUID": [restrict(user_id=""), restrict(user_id=5), restrict(project_ids=["x"])],
    "restrict: a `uuid.UUID`": [restrict(user_id=UUID(ONE)), restrict(project_ids=[UUID(ONE)])],
    "restrict: one of several is invalid": [half_restricted],
    "read: tag 4": [read(f'[4, "{ONE}", null]'), read(f'[4,"{ONE}"]')],
    "read: project_ids as an object": [read(f'{{"project_ids": ["{ONE}"]}}')],
    "read: integers written as fractions": [
        read("[0, 2.0, 1]"),
        read("[0.0, 2, 1]"),
        read("[0, 1e3, 1]"),
        read('{"nbf": 1.0, "exp": 2.0}'),
        read('{"version": 1.0, "permissions": "user"}'),
    ],
    "read: a time of more than 600 digits": [
        read(f"[0, {'9' * 700}, 1]"),
        read(f"[0, 1, -{'9' * 700}]"),
        read(f'{{"nbf": 1, "exp": {"9" * 700}}}'),
    ],
    "read: a line break after a name or UUID": [
        read('[1, ["foo\\n"]]'),
        read(f'[3, "{ONE}\\n"]'),
        read(f'[2, ["{ONE}\\n"]]'),
    ],
    "read: bytes in UTF-16 or with a byte order mark": [
        read("[0, 2, 1]".encode("utf-16")),
        read(b"\xef\xbb\xbf[0, 2, 1]"),
    ],
    "check: a name that is not normalised": [check(signed('[1, ["foo-bar"]]'), project_name="Foo.Bar")],
    "check: a UUID in capitals, or a `uuid.UUID`": [
        check(signed(f'[3, "{ONE}"]'), user_id=ONE.upper()),
        check(signed(f'[2, ["{ONE}"]]'), project_id=UUID(ONE)),
    ],
    "check: a legacy restriction with names that are not normalised": [
        check(signed('{"version": 1, "permissions": {"projects": ["Foo"]}}'), project_name="Foo")
    ],
    "check: two restrictions that are not met": [check(signed('[1, ["foo"]]', '[1, ["bar"]]'), project_name="other")],
    "check: a missing value": [check(signed('[1, ["foo"]]'))],
    "check: a wrong key and a restriction that is not met": [
        lambda kind, _: message(lambda: kind.load(signed('[1, ["foo"]]')).check("another", "bar"))
    ],
    "check: an unsigned restriction that is not met": [
        check(changed(lambda raw: raw[:-35] + b'\x02\x0c[1, ["bar"]]\0' + raw[-35:]), project_name="foo"),
        check(changed(lambda raw: raw[:-35] + b"\x02\x08nonsense\0" + raw[-35:]), project_name="foo"),
    ],
    "check: an empty key": [check(signed(), ""), check(signed(), None)],
    "check: `now` that is not a time": [check(signed(), now=1.5), check(signed(), now="1")],
    "context: a name that is not normalised": [lambda _, module: module.Context("Foo.Bar").project_name],
    "restrictions: changing one": [change_one],
    "restrictions: current and legacy kinds": [
        lambda _, module: issubclass(module.LegacyDateRestriction, module.DateRestriction),
        lambda _, module: issubclass(module.LegacyProjectNamesRestriction, module.ProjectNamesRestriction),
    ],
}

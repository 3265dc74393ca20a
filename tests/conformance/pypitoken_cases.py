"""What pypitoken and lading are both given, drawn by hypothesis.

What is drawn is what both are for, and nonsense of every shape that they agree on. Where they do not agree on purpose,
a case of ``pypitoken_differences`` shows it; :func:`apart` keeps such values out of what is drawn.
"""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import strategies as st

INDEX = "index.example"
KEY = "k" * 32
IDENTIFIER = "b2d3b4a0-1c8e-4d3a-9d2a-3f1e5c7a9b10"
ONE = "9e1f7c8e-2a51-4d5c-a9f3-0d6f6d2f3a11"
TWO = "22222222-3333-4444-5555-666666666666"

names = st.sampled_from(["foo", "bar-baz", "a"]) | st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8})?", fullmatch=True)
uuids = st.sampled_from([ONE, TWO]) | st.uuids().map(str)
starts = st.integers(-(10**12), 10**12).filter(bool) | st.datetimes(timezones=st.timezones()).filter(
    lambda moment: int(moment.timestamp()) != 0
)
times = st.tuples(starts, st.integers(10**12 + 1, 10**20))
_plain = st.characters(max_codepoint=127)


def _tokens(version: int, characters: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "domain": st.just(INDEX) | st.text(characters, max_size=20),
            "identifier": st.text(characters, min_size=1, max_size=40) | st.just("i" * 20_000),
            "key": st.text(min_size=1, max_size=70) | st.binary(min_size=1, max_size=70),
            "prefix": st.text(max_size=8).filter(lambda prefix: "-" not in prefix),
            "version": st.just(version),
        }
    )


tokens = _tokens(2, st.characters(exclude_categories=["Cs"])) | _tokens(1, _plain)


@st.composite
def _requested(draw: st.DrawFn) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, strategy in {
        "project_names": st.lists(names, max_size=3),
        "project_ids": st.lists(uuids, max_size=3) | st.lists(uuids, max_size=3).map(tuple),
        "user_id": uuids,
        "legacy_project_names": st.lists(names, max_size=3),
        "legacy_noop": st.booleans(),
    }.items():
        if draw(st.booleans()):
            given[name] = draw(strategy)
    for prefix in ("", "legacy_"):
        if draw(st.booleans()):
            given[f"{prefix}not_before"], given[f"{prefix}not_after"] = draw(times)
    return given


requested = _requested()
# Small enough a world that restrictions are met as often as not.
worlds = st.fixed_dictionaries(
    {},
    optional={
        "project_names": st.lists(st.sampled_from(["foo", "bar"]), max_size=2),
        "project_ids": st.lists(st.sampled_from([ONE, TWO]), max_size=2),
        "user_id": st.sampled_from([ONE, TWO]),
        "legacy_project_names": st.lists(st.sampled_from(["foo", "bar"]), max_size=2),
        "legacy_noop": st.just(value=True),
    },
)
windows = st.none() | st.tuples(st.integers(1, 3), st.integers(4, 6))
contexts = st.fixed_dictionaries(
    {"now": st.integers(0, 7)},
    optional={
        "project_name": st.sampled_from(["foo", "bar", ""]),
        "project_id": st.sampled_from([ONE, TWO]),
        "user_id": st.sampled_from([ONE, TWO]),
    },
)

_leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["user", "foo", "Foo", ONE, ONE.upper()])
)
_keys = st.sampled_from(["nbf", "exp", "version", "permissions", "projects", "project_ids", "more"])
_anything = st.recursive(_leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3))
_moments = st.integers(-5, 5) | st.sampled_from([1.5, True, None, "1"])
caveats = (
    st.tuples(st.just(0), _moments, _moments).map(list)
    | st.tuples(st.integers(-1, 6), st.lists(_leaves, max_size=3)).map(list)
    | st.tuples(st.just(3), _leaves).map(list)
    | st.lists(_leaves, max_size=4)
    | st.fixed_dictionaries({"nbf": _moments, "exp": _moments})
    | st.fixed_dictionaries({"version": st.sampled_from([1, 2, True, "1"]), "permissions": _anything})
    | st.builds(
        lambda inner, more: {"version": 1, "permissions": {"projects": inner, **more}},
        st.lists(names, max_size=3) | _anything,
        st.just({}) | st.just({"more": 1}),
    )
    | _anything
)


def apart(value: Any) -> bool:
    """Whether a caveat is one that they read differently on purpose; a case of its own shows each kind."""
    text = json.dumps(value)
    whole_float = re.search(r"(?<![\w.])-?\d+\.0\b|\de[+]?\d", text)
    new = isinstance(value, list) and value[:1] == [4]
    return bool(whole_float or new or "project_ids" in text)

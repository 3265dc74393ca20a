"""The error tree is as it is drawn, and every error crosses a process boundary whole."""

from __future__ import annotations

import builtins
import inspect
import pickle
import re

import pytest

from lading import errors

TREE = errors.__doc__ or ""
CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, errors.LadingError)]

# A value for every keyword that any of the classes takes.
VALUES = {
    "outcome": "unknown",
    "argument": "path",
    "phase": "receive",
    "service": "pypi",
    "status": 429,
    "code": "slow-down",
    "detail": "too many",
    "retry_after": 1.5,
    "request_id": "r-1",
    "attempts": 3,
    "done": {"eu-west-1": "etag"},
}


def parents_as_drawn() -> dict[str, str]:
    """Each class and the class it hangs on, by the indentation of the drawing; a line may hold siblings."""
    found: dict[str, str] = {}
    column_of: dict[int, str] = {}
    for line in TREE.splitlines():
        if line.strip().startswith("LadingError"):
            column_of[line.index("LadingError")] = "LadingError"
            continue
        if not re.match(r"^\s*[│ ]*[├└]─ ", line):
            continue
        first = re.search(r"[├└]─ ", line)
        assert first is not None
        parent = column_of[first.start()]
        for match in re.finditer(r"[├└]─ (\w+)", line):
            found[match[1]] = parent
            column_of[match.start(1)] = match[1]
    return found


def test_the_tree_is_as_drawn():
    drawn = parents_as_drawn()
    assert drawn.keys() | {"LadingError"} == {cls.__name__ for cls in CLASSES}
    for name, parent in drawn.items():
        assert getattr(errors, name).__bases__[0].__name__ == parent


@pytest.mark.parametrize(
    ("cls", "also"),
    [
        (errors.InputError, ValueError),
        (errors.RequestTimeout, builtins.TimeoutError),
        (errors.InvalidRestriction, errors.InputError),
        (errors.InvalidRestriction, ValueError),
    ],
)
def test_some_are_builtin_errors_too(cls: type[Exception], also: type[Exception]):
    assert issubclass(cls, also)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_class_pickles_with_what_it_knows(cls: type[errors.LadingError]):
    ours = [c for c in cls.__mro__ if c.__module__ == errors.__name__]
    taken = {name for c in ours if "__init__" in vars(c) for name in inspect.signature(c.__init__).parameters}
    given = {name: value for name, value in VALUES.items() if name in taken}
    if cls is errors.StageFailed:
        given["failed"] = {"us-east-1": errors.ServerError("s3: down (HTTP 503)", status=503)}
    error = cls("store: what it said", **given)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(error, protocol))
        assert type(again) is cls
        assert str(again) == str(error) == "store: what it said"
        assert again.args == error.args
        assert reported(again) == reported(error)


def reported(error: errors.LadingError) -> dict[str, object]:
    """What an error knows; exceptions inside it do not compare by themselves."""
    return {k: {r: repr(e) for r, e in v.items()} if k == "failed" else v for k, v in vars(error).items()}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_a_message_is_enough_and_nothing_is_done_by_default(cls: type[errors.LadingError]):
    assert cls("text").outcome == "not_done"


def test_an_error_may_have_an_unknown_outcome():
    assert errors.NetworkError("lost", phase="receive", outcome="unknown").outcome == "unknown"

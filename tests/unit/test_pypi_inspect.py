"""The token in use, looked at before anything is sent with it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from lading import Index
from lading.pypi import Token, _indexes
from lading.pypi.tokens import find_problem

PYPI = _indexes.resolve_index("pypi")
TESTPYPI = _indexes.resolve_index("testpypi")
OTHER = Index("https://index.example/")
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = 3600


def token(domain: str | None = PYPI.token_domain) -> Token:
    return Token.create(domain or "", "id", "s3cret-key")


def at(hours: float) -> int:
    return int(NOW.timestamp() + hours * HOUR)


@pytest.mark.parametrize(
    ("made", "index", "project", "message"),
    [
        (token(), PYPI, "demo", None),
        (token(TESTPYPI.token_domain), TESTPYPI, "demo", None),
        (token(TESTPYPI.token_domain), PYPI, "demo", f"is one of {TESTPYPI.token_domain}, not of {PYPI.token_domain}$"),
        (token(), TESTPYPI, "demo", f"is one of {PYPI.token_domain}, not of {TESTPYPI.token_domain}$"),
        (token(""), PYPI, "demo", "one of an index that it does not name"),
        # What another index calls itself nobody here knows.
        (token(), OTHER, "demo", None),
        (token().restrict(project_names=["Demo.Pkg", "b"]), PYPI, "demo_PKG", None),
        (token().restrict(project_names=["b", "a"]), PYPI, "Demo_Pkg", "is for a, b, not for demo-pkg$"),
        (
            token().restrict(project_names=["b"]).restrict(project_names=["a"]),
            PYPI,
            "a",
            "no project at all, not for a$",
        ),
        (token("").restrict(project_names=["b"]), OTHER, "a", "is for b, not for a$"),
        (token().restrict(not_before=at(-2), not_after=at(1)), PYPI, "demo", None),
        (
            token().restrict(not_before=at(-2), not_after=at(0)),
            PYPI,
            "demo",
            "expired at 2026-03-01 12:00:00 UTC by the ind",
        ),
        # The index's page may come from a cache, whose clock stood still: a token made meanwhile is no mistake.
        (token().restrict(not_before=at(1), not_after=at(2)), PYPI, "demo", None),
        # What only the index knows is its business.
        (token().restrict(user_id="00000000-0000-0000-0000-000000000001"), PYPI, "demo", None),
        (token().restrict(project_ids=["00000000-0000-0000-0000-000000000001"]), PYPI, "demo", None),
    ],
)
def test_what_speaks_against_a_token(made, index, project, message):
    problem = find_problem(made, index, project, NOW)
    if message is None:
        assert problem is None
    else:
        assert re.search(message, problem or ""), problem


def test_without_the_indexs_clock_nothing_is_said_of_time():
    expired = token().restrict(not_before=0, not_after=1)
    assert find_problem(expired, PYPI, "demo", None) is None
    assert find_problem(expired, PYPI, "demo", NOW) is not None

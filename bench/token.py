"""Tokens: what an index does with each upload (load, check), and what a job does once (create, restrict, dump)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench import _measure
from bench._measure import Figure, Options, Reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench._job import Job

# How often; pypitoken takes milliseconds for a check.
CHECKS = {"lading": 10_000, "pypitoken": 50}
MAKES = 5_000
CASES = {"check": "load and check, 4 caveats", "make": "create, restrict by 4 caveats, dump"}

INDEX, KEY = "index.example", bytes(range(32))
UUID = "9e1f7c8e-2a51-4d5c-a9f3-0d6f6d2f3a11"
RESTRICTIONS: dict[str, Any] = {
    "not_before": 1_700_000_000,
    "not_after": 1_800_000_000,
    "project_names": ["demo", "demo-tools"],
    "project_ids": [UUID],
    "user_id": UUID,
}


def run(name: str, options: Options) -> Iterator[dict[str, Any]]:
    """The lines of `token`."""
    wanted = [
        Figure(what, "cpu us", Reading(f"{case}:lading"), {"pypitoken": Reading(f"{case}:pypitoken")})
        for case, what in CASES.items()
    ]
    yield from _measure.figures(name, __name__, wanted, {}, options)


def _token_class(library: str) -> Any:
    if library == "lading":
        from lading.pypi import Token
    else:
        from pypitoken import Token
    return Token


def check(job: Job) -> None:
    """Load a token and verify it."""
    token = _token_class(job.argument)
    text = _make(token)
    count = CHECKS[job.argument]
    _check(token, text)
    with job.measure(per=count / 1e6):
        for _ in range(count):
            _check(token, text)


def make(job: Job) -> None:
    """Mint a token and restrict it."""
    token = _token_class(job.argument)
    _make(token)
    with job.measure(per=MAKES / 1e6):
        for _ in range(MAKES):
            _make(token)


def _check(token: Any, text: str) -> None:
    token.load(text).check(KEY, project_name="demo", project_id=UUID, user_id=UUID, now=1_750_000_000)


def _make(token: Any) -> str:
    text: str = token.create(INDEX, UUID, KEY).restrict(**RESTRICTIONS).dump()
    return text

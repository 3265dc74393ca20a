"""The last line of a run: one for each official client that lading was compared with."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from tests.conformance.ledger import LEDGERS

if TYPE_CHECKING:
    import pytest


# Official clients are dependencies of this directory alone: where one is missing, so are its tests, and the others run.
_TESTS = {
    "copr": "copr",
    "craft": "craft_store",
    "craft_store_logins": "craft_store",
    "macaroonbakery": "macaroonbakery",
    "pypitoken": "pypitoken",
    "twine": "twine",
    "uv": "uv",
}
collect_ignore = [f"test_{name}.py" for name, client in _TESTS.items() if find_spec(client) is None]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print them, however quiet pytest is."""
    for ledger in LEDGERS:
        terminalreporter.write_line(ledger.summary)

"""One Apache for all tests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.apache.apache import Apache

if TYPE_CHECKING:
    from collections.abc import Iterator

    import trustme

_version = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def apache(request: pytest.FixtureRequest, authority: trustme.CA) -> Iterator[Apache]:
    """The server, where the environment says that it may be installed and run."""
    if not os.environ.get("LADING_APACHE"):
        pytest.skip("LADING_APACHE is not set: run tox -e apache, as root")
    with Apache(authority) as apache:
        request.config.stash[_version] = apache.version
        yield apache


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what it was tested with."""
    if version := config.stash.get(_version, None):
        terminalreporter.write_line(f"tested with {version}")

"""One keyring for all tests."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from tests.gnome_keyring.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

# Of the same dependency group as the official clients.
collect_ignore = [] if find_spec("craft_store") else ["test_shared_keyring.py"]


def _require() -> None:
    if not os.environ.get("LADING_KEYRING"):
        pytest.skip("LADING_KEYRING is not set: run tox -e keyring, as root")


@pytest.fixture(scope="session")
def session() -> Iterator[Session]:
    """A session with a keyring, where the environment says that it may be installed and run."""
    _require()
    with Session(unlocked=True) as session:
        yield session


@pytest.fixture(scope="session")
def bare_session() -> Iterator[Session]:
    """A session without one."""
    _require()
    with Session(unlocked=False) as session:
        yield session

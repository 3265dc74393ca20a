"""Fixtures of several integration tests: indexes and a Copr on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.copr_frontend import RecordingCopr
from tests.support.distributions import sha256, wheel
from tests.support.fake_gateway import FakeGateway
from tests.support.fake_index import FakeIndex
from tests.support.snap_dashboard import SnapDashboard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lading import PyPI


@pytest.fixture
def fake_index() -> Iterator[FakeIndex]:
    """An index with canned responses."""
    fake = FakeIndex()
    with fake.server:
        yield fake


@pytest.fixture
def fake_client(fake_index: FakeIndex) -> PyPI:
    """A client of it."""
    return fake_index.client()


@pytest.fixture
def blind_client(fake_index: FakeIndex) -> PyPI:
    """A client of it that cannot look anything up."""
    return fake_index.blind_client()


@pytest.fixture
def demo_wheel(tmp_path: Path) -> Path:
    """A wheel whose name is not normalized."""
    return wheel(tmp_path, "Demo_Pkg", "1.0")


@pytest.fixture
def demo_sha256(demo_wheel: Path) -> str:
    """Its digest."""
    return sha256(demo_wheel)


@pytest.fixture
def crew_store() -> Iterator[RecordingCopr]:
    """The embedded Copr, with ``ada`` of the group ``crew``."""
    with RecordingCopr() as store:
        store.add_user("ada", groups=["crew"])
        yield store
    assert store.errors == []


@pytest.fixture
def crew_demo(crew_store: RecordingCopr) -> RecordingCopr:
    """The same, with the project ``demo``."""
    crew_store.add_project("demo", description="A demo", additional_repos=["https://example.com/r/"])
    return crew_store


@pytest.fixture
def dashboard() -> Iterator[SnapDashboard]:
    """The Snap Store's dashboard, with a snap of the account."""
    with SnapDashboard() as store:
        yield store
    assert store.server.errors == []


@pytest.fixture
def fake() -> Iterator[FakeGateway]:
    """A publisher gateway."""
    store = FakeGateway()
    with store.server:
        yield store
    assert store.server.errors == []

"""What several tests of this folder stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.copr_frontend import Store
from tests.support.distributions import sha256, wheel
from tests.support.fake_index import FakeIndex
from tests.support.memory_keyring import Ring, in_place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lading import PyPI


@pytest.fixture
def fake_index() -> Iterator[FakeIndex]:
    """An index that answers as it is told."""
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
def ring() -> Iterator[Ring]:
    """A keyring in the place of the machine's, which is asked off the event loop."""
    ring = Ring()
    with in_place(ring):
        yield ring
    assert ring.threads <= {"lading keyring"}


@pytest.fixture
def crew_store() -> Iterator[Store]:
    """The embedded Copr, with ``ada`` of the group ``crew``."""
    with Store() as store:
        store.add_user("ada", groups=["crew"])
        yield store
    assert store.errors == []


@pytest.fixture
def crew_demo(crew_store: Store) -> Store:
    """The same, with the project ``demo``."""
    crew_store.add_project("demo", description="A demo", additional_repos=["https://example.com/r/"])
    return crew_store


@pytest.fixture
def part_size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Parts of a few bytes; and no waiting for others."""
    from lading.s3._staging import metadata as _metadata
    from lading.s3._staging import source as _source
    from lading.s3._staging import transfer as _transfer

    size: int = getattr(request, "param", 4)
    for module in (_source, _transfer):
        monkeypatch.setattr(module, "PART", size)
    monkeypatch.setattr(_transfer, "_COPY_PART", size)
    monkeypatch.setattr(_metadata, "_EVERY", 0.0)
    monkeypatch.setattr(_metadata, "_ORPHANED", 0.0)
    return size

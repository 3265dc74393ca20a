"""One Candid for all tests."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.candid.candid import Candid

# Of the same dependency group as the official clients.
collect_ignore = [] if find_spec("macaroonbakery") else ["test_candid.py"]


@pytest.fixture(scope="session")
def candid() -> Iterator[Candid]:
    """The service, where the environment says that it may be installed, built and run."""
    directory = os.environ.get("LADING_CANDID")
    if not directory:
        pytest.skip("LADING_CANDID is not set: run tox -e candid, as root")
    from tests.candid.candid import Candid, built

    with Candid(built(Path(directory))) as candid:
        yield candid

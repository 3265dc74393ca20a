"""A Ceph RGW for all tests, three buckets as three regions; moto is their SSM, for which there is no real server."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.ceph.artifacts import Backdoor, Place
from tests.ceph.regions import Mortal
from tests.ceph.rgw import Rgw

if TYPE_CHECKING:
    from collections.abc import Iterator

DIRECTORY = "LADING_CEPH"
BACKENDS = [
    pytest.param(("asyncio", {}), id="asyncio"),
    pytest.param(("trio", {"restrict_keyboard_interrupt_to_checkpoints": True}), id="trio"),
]
_numbers = itertools.count(1)
_version = pytest.StashKey[str]()


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Both loops; a real server takes its time, and uvloop is no third one to it."""
    return request.param


@pytest.fixture(autouse=True)
def no_blocking_calls() -> None:
    """The other tests watch for those. These call servers in threads, and moto runs in one."""


@pytest.fixture(scope="session")
def rgw(request: pytest.FixtureRequest) -> Iterator[Rgw]:
    """The gateway, in the directory that the environment names."""
    directory = os.environ.get(DIRECTORY)
    if not directory:
        pytest.skip(f"{DIRECTORY} names no directory for a Ceph: run tox -e ceph, as root")
    with Rgw(Path(directory)) as rgw:
        request.config.stash[_version] = rgw.version
        yield rgw


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what it was tested with."""
    if version := config.stash.get(_version, None):
        terminalreporter.write_line(f"tested with Ceph RGW {version}")


@pytest.fixture(scope="session")
def aws_backdoor(rgw: Rgw, moto: str) -> Iterator[Backdoor]:
    """The servers themselves, with three buckets."""
    aws_backdoor = Backdoor(rgw, moto)
    yield aws_backdoor
    aws_backdoor.close()


@pytest.fixture
def place(aws_backdoor: Backdoor, rgw: Rgw, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A test's own part of everything, and credentials."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", rgw.key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", rgw.secret)
    return Place(aws_backdoor, f"place{next(_numbers)}")


@pytest.fixture
def mortal(aws_backdoor: Backdoor) -> Iterator[Mortal]:
    """Regions that can die."""
    with Mortal(aws_backdoor.endpoints["s3"], aws_backdoor.endpoints["ssm"]) as mortal:
        yield mortal

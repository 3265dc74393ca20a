"""Many uploads in the order that keeps releases whole, and the attestations that go along."""

from __future__ import annotations

import re
from pathlib import Path

import anyio
import pytest

from lading import Forbidden, InputError, fan_out
from lading.pypi import NotAttempted
from lading.pypi._release_order import ReleaseOrder

pytestmark = pytest.mark.anyio

WHEELS = ("demo-1.0-cp312-cp312-win32.whl", "demo-1.0-py3-none-any.whl")
SDIST = "demo-1.0.tar.gz"


class Uploads:
    """Uploads that take as long as the test says.

    Attributes:
        begun: The names of files, in the order in which they were begun.
        ended: Likewise.
        failing: Those that fail.
    """

    def __init__(self, *failing: str) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.failing = failing
        self.gates: dict[str, anyio.Event] = {}

    async def __call__(self, path: Path) -> str:
        self.begun.append(path.name)
        if path.name in self.gates:
            await self.gates[path.name].wait()
        await anyio.lowlevel.checkpoint()
        if path.name in self.failing:
            raise Forbidden("no")
        self.ended.append(path.name)
        return path.name


async def run(uploads: Uploads, *names: str, limit: int = 8) -> dict[str, Exception | None]:
    order = ReleaseOrder(names)
    with anyio.fail_after(20):
        async with fan_out(lambda path: order.run(uploads, path), order.paths, limit=limit) as outcomes:
            return {outcome.item.name: outcome.error async for outcome in outcomes}


@pytest.mark.parametrize("limit", [1, 2, 8])
async def test_wheels_first_and_the_sdist_when_all_are_in(limit):
    uploads = Uploads()
    outcomes = await run(uploads, SDIST, *WHEELS, limit=limit)
    assert outcomes == dict.fromkeys([SDIST, *WHEELS])
    assert uploads.begun[-1] == SDIST
    assert set(uploads.ended[:2]) == set(WHEELS)


async def test_the_sdist_waits_for_the_slowest_wheel():
    uploads = Uploads()
    uploads.gates[WHEELS[0]] = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(run, uploads, SDIST, *WHEELS)
        await anyio.wait_all_tasks_blocked()
        assert sorted(uploads.begun) == sorted(WHEELS)
        assert uploads.ended == [WHEELS[1]]
        uploads.gates[WHEELS[0]].set()
    assert uploads.ended == [WHEELS[1], WHEELS[0], SDIST]


@pytest.mark.parametrize("limit", [1, 8])
async def test_a_wheel_that_fails_keeps_its_sdist_back_and_no_other(limit):
    uploads = Uploads(WHEELS[0])
    others = ("other-1.0.tar.gz", "other-1.0-py3-none-any.whl", "demo-2.0.tar.gz", "alone-1.0.zip")
    outcomes = await run(uploads, *others, SDIST, *WHEELS, limit=limit)
    failed = {name: error for name, error in outcomes.items() if error is not None}
    assert failed.keys() == {WHEELS[0], SDIST}
    error = failed[SDIST]
    assert isinstance(error, NotAttempted)
    assert str(error) == f"{SDIST} was not sent: {WHEELS[0]} of the same release failed"
    assert error.outcome == "not_done"
    assert SDIST not in uploads.begun


async def test_one_release_by_any_spelling():
    uploads = Uploads("Demo_Pkg-1-py3-none-any.whl")
    outcomes = await run(uploads, "demo-pkg-1.0.0.zip", "Demo_Pkg-1-py3-none-any.whl")
    assert isinstance(outcomes["demo-pkg-1.0.0.zip"], NotAttempted)


async def test_the_same_path_twice_is_one_upload_and_no_deadlock():
    uploads = Uploads()
    await run(uploads, WHEELS[0], WHEELS[0], *WHEELS, SDIST, SDIST, limit=1)
    assert uploads.begun == [*WHEELS, SDIST]


async def test_leaving_early_leaves_nothing_behind():
    uploads = Uploads()
    uploads.gates = {name: anyio.Event() for name in WHEELS[:1]}
    order = ReleaseOrder([*WHEELS, SDIST])
    async with fan_out(lambda path: order.run(uploads, path), order.paths, limit=3) as outcomes:
        async for outcome in outcomes:
            assert outcome.item.name == WHEELS[1]
            break
    assert SDIST not in uploads.begun
    # The sdist, run again, reports the wheel that was given up.
    with pytest.raises(NotAttempted, match=re.escape(WHEELS[0])):
        await order.run(uploads, Path(SDIST))


@pytest.mark.parametrize("name", ["notes.txt", "demo-1.0.egg", "demo-1.0.tar.bz2", "demo.whl"])
def test_what_is_no_distribution_is_said_before_anything_is_sent(name):
    with pytest.raises(InputError, match=re.escape(name)):
        ReleaseOrder([WHEELS[0], name])

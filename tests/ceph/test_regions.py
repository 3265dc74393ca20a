"""A region that dies: the others are complete, the result says which is not, and a repair completes it."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import pytest
from anyio import to_thread

from lading import LadingError, NotFound, Retry, StageFailed
from lading.testing import Truncate
from tests.ceph.artifacts import complete, whats
from tests.ceph.regions import COPYING, DECIDING, GONE, HOW, REGIONS

if TYPE_CHECKING:
    from pathlib import Path

    from lading.s3 import StageResult
    from tests.ceph.artifacts import Place
    from tests.ceph.regions import Mortal

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]
PROJECT = "SugarWater"
METADATA = {"lang": "dotnet"}
MIB = 1 << 20
SMALL, PARTS = b"dist" * 500, os.urandom(17 * MIB)


async def is_complete(place: Place, version: str, data: bytes) -> dict[str, bool]:
    """By region: whether it has artifact, metadata and pointer."""
    seen = await to_thread.run_sync(place.seen, PROJECT, version)
    return {name: complete(found, data, METADATA) and found.latest == version for name, found in seen.items()}


@pytest.mark.parametrize("data", [SMALL, PARTS], ids=["small", "parts"])
@pytest.mark.parametrize("dying", [DECIDING, COPYING[0]], ids=["deciding", "copying"])
@pytest.mark.parametrize("how", list(HOW))
async def test_a_region_dies_at_any_step(place: Place, mortal: Mortal, how: str, dying: str, data: bytes) -> None:
    life, all_regions = mortal.life[dying], dict.fromkeys(REGIONS, True)
    async with place.stager(session=mortal.session) as stager:
        for step in itertools.count(1):
            version = f"1.{step}.0"
            life.die(step, HOW[how])
            staged = await stager.stage(PROJECT, version, data, metadata=METADATA, policy="any")
            died = life.live()
            there = await is_complete(place, version, data)
            assert {name: there[name] for name in REGIONS if name != dying} == {
                name: True for name in REGIONS if name != dying
            }, step
            _assert_reported(staged, dying, there[dying], died)

            repaired = await stager.repair(PROJECT, version)
            assert not repaired.failed
            assert await is_complete(place, version, data) == all_regions, step
            assert await stager.latest(PROJECT) == version
            assert set(whats(await stager.stage(PROJECT, version, data, metadata=METADATA)).values()) == {"unchanged"}
            if not died:
                break
        await stager.abort_stale_uploads(PROJECT, older_than=0)
    assert await to_thread.run_sync(place.uploads) == []
    assert step > 8, "it died at every step of a stage"


def _assert_reported(staged: StageResult, dying: str, complete: bool, died: bool) -> None:
    assert staged.failed.keys() <= {dying}
    found = staged.regions[dying]
    assert (found.status == "failed") == (found.error is not None)
    if found.error is None:
        # Its last responses may have been lost, but what matters was there.
        assert complete
    else:
        assert died


async def test_a_region_is_dead_from_the_beginning(place: Place, mortal: Mortal) -> None:
    for number, dead in enumerate(REGIONS):
        version = f"1.0.{number}"
        mortal.life[dead].die(1, GONE)
        async with place.stager(session=mortal.session) as stager:
            with pytest.raises(StageFailed) as caught:
                await stager.stage(PROJECT, version, SMALL, metadata=METADATA)
            assert set(caught.value.failed) == {dead}
            assert set(caught.value.succeeded) == set(REGIONS) - {dead}
            there = await is_complete(place, version, SMALL)
            assert there == {name: name != dead for name in REGIONS}
            assert await stager.latest(PROJECT) == version
            artifact = await stager.get(PROJECT)
            assert set(artifact.regions) == set(REGIONS) - {dead}
            assert set(artifact.unreachable) == {dead}
            # It comes back while the stager is open.
            mortal.life[dead].live()
            repaired = await stager.repair(PROJECT, version)
            assert whats(repaired)[dead] == "created"
        assert await is_complete(place, version, SMALL) == dict.fromkeys(REGIONS, True)


async def test_what_all_regions_have_lost_is_repaired(place: Place) -> None:
    async with place.stager() as stager:
        staged = await stager.stage(PROJECT, "1.0.0", PARTS, metadata=METADATA)

        def lose() -> None:
            s3, bucket = place.aws_backdoor.s3, {name: staged.regions[name].bucket for name in REGIONS}
            s3.delete_object(Bucket=bucket[REGIONS[0]], Key=staged.key)
            s3.delete_object(Bucket=bucket[REGIONS[1]], Key=f"{staged.key}/metadata")
            s3.delete_object(Bucket=bucket[REGIONS[2]], Key=f"{place.prefix}{PROJECT}/latest")

        await to_thread.run_sync(lose)
        repaired = await stager.repair(PROJECT, "1.0.0")
        assert whats(repaired) == {REGIONS[0]: "created", REGIONS[1]: "repaired", REGIONS[2]: "unchanged"}
        assert await is_complete(place, "1.0.0", PARTS) == dict.fromkeys(REGIONS, True)
        with pytest.raises(NotFound):
            await stager.repair(PROJECT, "2.0.0")


async def test_too_few_regions_are_no_majority(place: Place, mortal: Mortal) -> None:
    async with place.stager(session=mortal.session) as stager:
        await stager.stage(PROJECT, "1.0.0", SMALL)
        for name in REGIONS[:2]:
            mortal.life[name].die(1, GONE)
        with pytest.raises(LadingError, match="only 1 of 3 regions"):
            await stager.latest(PROJECT)
        assert set((await stager.get(PROJECT, "1.0.0")).regions) == {REGIONS[2]}
        with pytest.raises(StageFailed, match="1 of 3 regions, and 2 are needed"):
            await stager.stage(PROJECT, "1.0.1", SMALL, policy="quorum")
        for name in REGIONS:
            mortal.life[name].live()
        assert not (await stager.repair(PROJECT, "1.0.1")).failed
        assert await stager.latest(PROJECT) == "1.0.1"


async def test_the_latest_does_not_go_back_when_regions_take_turns_at_being_dead(place: Place, mortal: Mortal) -> None:
    one, *others = REGIONS
    async with place.stager(session=mortal.session) as stager:
        await stager.stage(PROJECT, "1.0.0", b"0")
        for name in others:
            mortal.life[name].die()
        await stager.stage(PROJECT, "1.2.0", b"2", policy="any")
        for name in others:
            mortal.life[name].live()
        assert await stager.latest(PROJECT) == "1.2.0"
        # Changed more often, but by those who never heard of the greater one.
        mortal.life[one].die()
        for version in ("1.1.0", "1.1.1", "1.1.2"):
            await stager.stage(PROJECT, version, b"1", policy="quorum")
        mortal.life[one].live()
        assert await stager.latest(PROJECT) == "1.2.0"
        # To go back on purpose still counts, also for the region that does not have these.
        for version in ("1.1.2", "1.1.1"):
            await stager.set_latest(PROJECT, version)
            assert await stager.latest(PROJECT) == version


@pytest.mark.parametrize("dying", [1, 2, 3], ids=["one", "two", "two-and-back"])
async def test_a_region_dies_while_it_is_read_from(place: Place, mortal: Mortal, tmp_path: Path, dying: int) -> None:
    data = os.urandom(24 * MIB)
    async with place.stager(session=mortal.session, retry=Retry(attempts=5, backoff=0.01)) as stager:
        await stager.stage(PROJECT, "1.0.0", data)
        artifact = await stager.get(PROJECT, "1.0.0")
        first, second, third = artifact.regions
        mortal.life[first].die(1, Truncate(5 * MIB))
        if dying > 1:
            mortal.life[second].die(1, Truncate(5 * MIB))
        if dying > 2:
            mortal.life[third].add(Truncate(5 * MIB), method="GET")
        progress: list[int] = []
        path = await artifact.download(tmp_path / "out", on_progress=lambda p: progress.append(p.completed))
        assert path.read_bytes() == data
        # It resumed where it was, and did not begin again.
        assert progress == sorted(progress)
        assert progress[-1] == len(data)
        assert list(tmp_path.iterdir()) == [path]

"""Many stagers at once: one wins in all regions, the others know, and pointers lose nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

import anyio
import pytest
from anyio import to_thread
from semver import Version

from lading.s3 import VersionExists
from tests.ceph.artifacts import complete
from tests.ceph.regions import REGIONS

if TYPE_CHECKING:
    from lading import Stager
    from tests.ceph.artifacts import Place

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]
PROJECT = "SugarWater"
MIB = 1 << 20


def offer(number: int, size: int) -> tuple[bytes, dict[str, str] | None]:
    """One stager's bytes and metadata, unlike all others'; every third has none."""
    return bytes([number]) * size + os.urandom(16), {"who": str(number)} if number % 3 else None


async def race(stagers: list[Stager], version: str, size: int) -> tuple[int, list[tuple[bytes, dict[str, str] | None]]]:
    """Who won, and what each had."""
    offers = [offer(number, size) for number in range(len(stagers))]
    won: list[int] = []

    async def one(number: int) -> None:
        data, metadata = offers[number]
        try:
            staged = await stagers[number].stage(PROJECT, version, data, metadata=metadata)
        except VersionExists:
            return
        assert not staged.failed
        won.append(number)

    async with anyio.create_task_group() as group:
        for number in range(len(stagers)):
            group.start_soon(one, number)
    assert len(won) == 1
    return won[0], offers


async def check(place: Place, version: str, data: bytes, metadata: dict[str, str] | None) -> None:
    """The winner's, in all regions, and nobody's leftovers."""
    seen = await to_thread.run_sync(place.seen, PROJECT, version)
    assert {region: complete(found, data, metadata) for region, found in seen.items()} == dict.fromkeys(REGIONS, True)
    assert {found.latest for found in seen.values()} == {version}
    assert await to_thread.run_sync(place.uploads) == []


@pytest.mark.parametrize(("count", "rounds", "size"), [(24, 10, 10_000), (8, 3, 17 * MIB)], ids=["small", "parts"])
async def test_one_of_many_stagers_wins(place: Place, count: int, rounds: int, size: int) -> None:
    async with AsyncExitStack() as stack:
        stagers = [await stack.enter_async_context(place.stager()) for _ in range(count)]
        for number in range(rounds):
            version = f"1.0.{number}"
            winner, offers = await race(stagers, version, size)
            await check(place, version, *offers[winner])
            artifact = await stagers[0].get(PROJECT, version)
            assert dict(artifact.metadata) == (offers[winner][1] or {})


class Others:
    """Stagers in processes of their own, from ``with`` to its end; they end with their input."""

    def __init__(self, count: int, arguments: list[str], **options: object) -> None:
        script = Path(__file__).with_name("one_stager.py")
        self._processes = [
            subprocess.Popen(
                [sys.executable, str(script), arguments[0], json.dumps([number, *map(int, arguments[1:]), options])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(count)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()

    def message(self) -> list[list[str]]:
        """The next line of each."""
        return [process.stdout.readline().split() for process in self._processes if process.stdout]

    def go(self) -> None:
        """Let all of them stage."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()


async def test_one_of_several_processes_wins(place: Place, anyio_backend_name: str) -> None:
    count, rounds, size = 5, 4, 17 * MIB
    options = {"regions": REGIONS, "parameter": place.parameter, "endpoint_urls": place.aws_backdoor.endpoints}
    with Others(count, [anyio_backend_name, str(rounds), str(size)], **options) as others:
        for version in range(rounds):
            assert await to_thread.run_sync(others.message) == [["ready"]] * count
            others.go()
            message = await to_thread.run_sync(others.message)
            (winner,) = (number for number, words in enumerate(message) if words[:1] == ["won"])
            assert sorted(words[0] for words in message) == ["lost"] * (count - 1) + ["won"]
            data = bytes([winner]) * size + bytes.fromhex(message[winner][1])
            await check(place, f"1.0.{version}", data, {"who": str(winner)} if winner % 3 else None)


async def test_pointers_never_go_back_while_many_stage(place: Place) -> None:
    writers, each = 8, 10
    reported: dict[str, list[Version]] = {region: [] for region in REGIONS}

    async with AsyncExitStack() as stack:
        stagers = [await stack.enter_async_context(place.stager()) for _ in range(writers)]
        async with anyio.create_task_group() as watching:

            async def watch(region: str) -> None:
                while True:
                    pointer = await to_thread.run_sync(place.pointer, region, PROJECT)
                    if pointer is not None:
                        reported[region].append(Version.parse(pointer["version"]))

            for region in REGIONS:
                watching.start_soon(watch, region)
            async with anyio.create_task_group() as staging:

                async def write(number: int) -> None:
                    for n in range(each):
                        await stagers[number].stage(PROJECT, f"1.{n}.{number}", b"of %d" % number)

                for number in range(writers):
                    staging.start_soon(write, number)
            watching.cancel_scope.cancel()
        greatest = f"1.{each - 1}.{writers - 1}"
        assert await stagers[0].latest(PROJECT) == greatest
        assert len(await stagers[0].versions(PROJECT)) == writers * each
    for versions in reported.values():
        assert versions == sorted(versions)
    seen = await to_thread.run_sync(place.seen, PROJECT, greatest)
    assert {found.latest for found in seen.values()} == {greatest}


async def test_no_change_of_a_pointer_is_lost(place: Place) -> None:
    writers, each = 8, 10
    region = REGIONS[0]
    async with AsyncExitStack() as stack:
        stagers = [await stack.enter_async_context(place.stager([region])) for _ in range(writers)]
        for number in range(writers):
            await stagers[0].stage(PROJECT, f"1.{number}.0", b"a")
            await stagers[0].stage(PROJECT, f"1.{number}.1", b"b")
        before = place.pointer(region, PROJECT)
        assert before is not None

        async def change(number: int) -> None:
            # To and fro between versions that nobody else names: every one is a change.
            for n in range(each):
                await stagers[number].set_latest(PROJECT, f"1.{number}.{n % 2}")

        async with anyio.create_task_group() as group:
            for number in range(writers):
                group.start_soon(change, number)
    after = place.pointer(region, PROJECT)
    assert after is not None
    assert after["counter"] - before["counter"] == writers * each
    seen = place.seen(PROJECT, "1.0.0")[region]
    assert seen.latest == after["version"]

"""A file beyond what one PUT can hold."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING, Any

import pytest
from anyio import to_thread

from tests.ceph.artifacts import bucket
from tests.ceph.regions import REGIONS

if TYPE_CHECKING:
    from pathlib import Path

    from lading import Progress
    from tests.ceph.artifacts import Place

MIB, GIB = 1 << 20, 1 << 30
SIZE = 6 * GIB + 12_345


@pytest.fixture
def anyio_backend() -> Any:
    """Once is enough for what takes minutes."""
    return "trio"


def make(path: Path) -> None:
    """A sparse file, whose every MiB is unlike all others."""
    with path.open("wb") as file:
        for offset in range(0, SIZE, MIB):
            file.seek(offset)
            file.write(b"%d" % offset + os.urandom(16))
        file.truncate(SIZE)


def same(one: Path, other: Path) -> bool:
    """Whether two files have the same bytes."""
    with one.open("rb") as first, other.open("rb") as second:
        while True:
            pieces = first.read(8 * MIB), second.read(8 * MIB)
            if pieces[0] != pieces[1]:
                return False
            if not pieces[0]:
                return True


@pytest.mark.anyio
@pytest.mark.timeout(1800)
async def test_six_gibibytes_are_staged_copied_and_downloaded(place: Place, tmp_path: Path) -> None:
    path, out = tmp_path / "big", tmp_path / "out"
    await to_thread.run_sync(make, path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sent: dict[str | None, int] = {}

    def note(progress: Progress) -> None:
        sent[progress.region] = progress.completed

    async with place.stager() as stager:
        staged = await stager.stage("Big", "1.0.0", path, metadata={"size": str(SIZE)}, on_progress=note)
        # Sent to one region, and copied by the store itself to the others: in parts, for one copy holds no more
        # than 5 GiB either.
        assert [staged.regions[name].copied for name in REGIONS] == [False, True, True]
        assert sent == {REGIONS[0]: SIZE}
        artifact = await stager.get("Big")
        assert (artifact.size, artifact.sha256) == (SIZE, staged.sha256)
        assert set(artifact.regions) == set(REGIONS)
        heads = [
            place.aws_backdoor.s3.head_object(Bucket=bucket(r), Key=staged.key, ChecksumMode="ENABLED") for r in REGIONS
        ]
        assert len({head["ChecksumCRC32C"] for head in heads}) == 1
        await artifact.download(out)
    # The buffers of some parts, and not the file.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024
    assert await to_thread.run_sync(same, path, out)
    out.unlink()
    path.unlink()
    assert await to_thread.run_sync(place.uploads) == []

"""Uploads of huge source packages that go wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from anyio import to_thread

from lading import NetworkError, PayloadTooLarge
from lading.testing import DropAfter, DropBefore, DropDuring, RespondEarly
from tests.support.copr_double import SteppedCopr, do
from tests.support.sparse_files import sparse

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio
MIB = 1024 * 1024
HUGE = "huge-1.0-1.src.rpm"
HTML = {"Content-Type": "text/html"}


@pytest.mark.parametrize("then", ["close", "half-close", "hold"])
async def test_two_gib_are_refused_early(copr_store: SteppedCopr, tmp_path: Path, then: Any):
    """fedora-copr/copr#4213, #2387: the web server's limit is heard while the file is being sent, not hours later."""
    path = await do(sparse, tmp_path / HUGE, 2048 * MIB)
    page = b"<html><head><title>413 Request Entity Too Large</title></head></html>"
    copr_store.faults.add(RespondEarly(413, page, HTML, after=MIB, then=then), method="POST")
    events: list[Any] = []
    async with copr_store.client(hooks=[events.append]) as copr:
        with pytest.raises(PayloadTooLarge, match="413 Request Entity Too Large") as caught:
            await copr.builds.create_from_file("owner", "demo", path)
    assert (caught.value.status, caught.value.outcome, caught.value.attempts) == (413, "not_done", 1)
    assert [event.method for event in events if hasattr(event, "sent")] == ["POST"]
    # What the sockets between us hold may have been sent besides.
    assert events[0].sent < 64 * MIB
    assert not copr_store.builds


@pytest.mark.parametrize("fault", [DropBefore(), DropDuring(4 * MIB), DropDuring(4 * MIB, reset=True)], ids=repr)
async def test_a_broken_upload_is_sent_again_whole(copr_store: SteppedCopr, tmp_path: Path, fault: Any):
    """fedora-copr/copr#2387, #2402: not with a body that was used up by the attempt before."""
    path = await do(sparse, tmp_path / HUGE, 16 * MIB)
    copr_store.faults.add(fault, method="POST")
    reported: list[tuple[int, int]] = []
    async with copr_store.client() as copr:
        build = await copr.builds.create_from_file(
            "owner", "demo", path, on_progress=lambda p: reported.append((p.attempt, p.completed == p.total))
        )
    (made,) = copr_store.builds
    assert made.id == build.id
    assert made.upload is not None
    assert (await to_thread.run_sync(made.upload.stat)).st_size == 16 * MIB
    assert reported[-1] == (2, True)


async def test_an_upload_that_arrived_is_not_sent_again(copr_store: SteppedCopr, tmp_path: Path):
    """packit/packit-service#1710: a lost response does not cost hours of uploading, nor a second build."""
    path = await do(sparse, tmp_path / HUGE, 16 * MIB)
    copr_store.faults.add(DropAfter(), method="POST")
    async with copr_store.client() as copr:
        build = await copr.builds.create_from_file("owner", "demo", path)
    assert [made.id for made in copr_store.builds] == [build.id]
    assert copr_store.count("POST") == 1


async def test_an_upload_that_never_gets_through(copr_store: SteppedCopr, tmp_path: Path):
    path = await do(sparse, tmp_path / HUGE, MIB)
    copr_store.faults.add(DropDuring(1000), method="POST", times=None)
    async with copr_store.client() as copr:
        with pytest.raises(NetworkError) as caught:
            await copr.builds.create_from_file("owner", "demo", path)
    assert (caught.value.outcome, len(copr_store.faults.happened)) == ("not_done", 3)

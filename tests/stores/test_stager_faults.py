"""Failing regions, lost responses, missing permissions, and callers that cancel."""

from __future__ import annotations

import random
import sys
import tempfile
import threading
from pathlib import Path
from traceback import walk_stack
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import pytest

import lading
from lading import NetworkError, RateLimited, StageFailed, Stager
from lading.testing import DropAfter, DropBefore, DropDuring, Respond
from tests.conftest import open_files
from tests.support.aws_proxy import REGIONS, error
from tests.support.moto_aws import MIB, make_stager
from tests.support.s3_constants import BIG, FIRST, KEY, have

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.aws_proxy import Aws
    from tests.support.moto_aws import Backdoor

pytestmark = pytest.mark.anyio


def working() -> list[str]:
    """What other threads are doing for lading just now; moto, the proxy and idle workers have threads as well."""
    ours = str(Path(lading.__file__).parent)
    frames = (f for n, top in sys._current_frames().items() if n != threading.get_ident() for f, _ in walk_stack(top))
    files = {frame.f_code.co_filename for frame in frames}
    return [file for file in files if file.startswith(ours) and "testing" not in file]


@pytest.mark.parametrize("policy", ["all", "quorum", "any"])
@pytest.mark.parametrize("dead", [(FIRST,), ("us-east-1",), (FIRST, "eu-west-1")], ids=str)
async def test_regions_that_are_dead(
    aws: Aws, aws_backdoor: Backdoor, stager: Stager, policy: Any, dead: tuple[str, ...]
):
    for region in dead:
        aws.regions[region].dead = True
    enough = {"all": 3, "quorum": 2, "any": 1}[policy] <= 3 - len(dead)
    if enough:
        staged = await stager.stage("P", "1.0.0", b"a", policy=policy)
        assert set(staged.failed) == set(dead)
        assert {name for name, found in staged.regions.items() if found.status == "failed"} == set(dead)
        assert all(isinstance(failed, NetworkError) for failed in staged.failed.values())
    else:
        with pytest.raises(StageFailed, match=f"in {3 - len(dead)} of 3 regions") as caught:
            await stager.stage("P", "1.0.0", b"a", policy=policy)
        assert (set(caught.value.failed), len(caught.value.succeeded)) == (set(dead), 3 - len(dead))
    assert have(aws_backdoor) == [region for region in REGIONS if region not in dead]
    # Once they live again, the same once more is all it takes.
    for region in dead:
        aws.regions[region].dead = False
    staged = await stager.stage("P", "1.0.0", b"a")
    assert {name for name, found in staged.regions.items() if found.status == "created"} == set(dead)
    assert [aws_backdoor.parameter(region, "/arts/P/latest") for region in REGIONS] == ["1.0.0"] * 3


async def test_a_region_that_is_dead_from_the_start(aws: Aws, aws_backdoor: Backdoor):
    aws_backdoor.set_up()
    aws.regions["eu-west-1"].dead = True
    async with make_stager(aws) as stager:
        assert set(stager.buckets) == {"us-east-1", "ap-south-1"}
        assert set((await stager.stage("P", "1.0.0", b"a", policy="quorum")).failed) == {"eu-west-1"}
        aws.regions["eu-west-1"].dead = False
        assert (await stager.repair("P", "1.0.0")).regions["eu-west-1"].status == "created"
    assert have(aws_backdoor) == list(REGIONS)


@pytest.mark.parametrize(
    "operation", ["CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "PutParameter"]
)
async def test_the_first_region_dies_while_staging(aws: Aws, aws_backdoor: Backdoor, stager: Stager, operation: str):
    aws.before(operation, lambda: setattr(aws.regions[FIRST], "dead", True))
    # The request in flight is lost with it.
    aws.on(operation, DropBefore(reset=True), region=FIRST)
    staged = await stager.stage("P", "1.0.0", BIG, metadata={"a": "b"}, policy="quorum")
    assert set(staged.failed) == {FIRST}
    assert {"us-east-1", "eu-west-1"} <= set(have(aws_backdoor))
    aws.regions[FIRST].dead = False
    await stager.stage("P", "1.0.0", BIG, metadata={"a": "b"})
    assert have(aws_backdoor) == have(aws_backdoor, f"{KEY}/metadata") == list(REGIONS)
    # What could not be aborted, as nobody was there, can be found.
    await stager.abort_stale_uploads("P", older_than=0)
    assert aws_backdoor.uploads() == []


@pytest.mark.parametrize("times", [1, 3])
async def test_complete_responds_200_with_an_error(aws: Aws, aws_backdoor: Backdoor, stager: Stager, times: int):
    """aws-sdk-rust #1163, duckdb-httpfs #393."""
    fault = Respond(200, error("InternalError"), {"Content-Type": "application/xml"})
    aws.on("CompleteMultipartUpload", fault, region=FIRST, times=times)
    if times == 1:
        staged = await stager.stage("P", "1.0.0", BIG)
        assert not staged.failed
    else:
        staged = await stager.stage("P", "1.0.0", BIG, policy="quorum")
        assert set(staged.failed) == {FIRST}
        assert have(aws_backdoor) == ["eu-west-1", "us-east-1"]
    assert aws_backdoor.uploads() == []


@pytest.mark.parametrize("data", [b"small", BIG], ids=["small", "big"])
async def test_complete_whose_response_was_lost(aws: Aws, aws_backdoor: Backdoor, stager: Stager, data: bytes):
    """scylladb #19533: the second request gets 404 or 412, because the first one had succeeded."""
    for operation in ("CompleteMultipartUpload", "PutObject"):
        aws.on(operation, DropAfter(), path=KEY, times=3)
    staged = await stager.stage("P", "1.0.0", data)
    assert [found.status for found in staged.regions.values()] == ["created"] * 3
    assert have(aws_backdoor) == list(REGIONS)
    assert aws_backdoor.uploads() == []


async def test_a_409_sends_every_part_again(aws: Aws, aws_backdoor: Backdoor, stager: Stager):
    """CompleteMultipartUpload in AWS's reference: another one is under way, which may fail."""
    aws.on("CompleteMultipartUpload", Respond(409, error("ConditionalRequestConflict")), region=FIRST)
    staged = await stager.stage("P", "1.0.0", BIG)
    assert (aws.count("CreateMultipartUpload", FIRST), aws.count("UploadPart", FIRST)) == (2, 4)
    assert not staged.failed
    assert aws_backdoor.uploads() == []


async def test_slow_down(aws: Aws, stager: Stager):
    """It waits as requested; where that is longer than allowed, it raises an error."""
    busy = Respond(503, error("SlowDown", "please"), retry_after=0)
    for operation in ("HeadObject", "CreateMultipartUpload", "UploadPart", "GetParameter", "CompleteMultipartUpload"):
        aws.on(operation, busy, times=2)
    assert not (await stager.stage("P", "1.0.0", BIG)).failed
    aws.on("PutObject", Respond(503, error("SlowDown", "please"), retry_after=9999), region=FIRST)
    staged = await stager.stage("P", "1.1.0", b"a", policy="quorum")
    failed = staged.failed[FIRST]
    assert isinstance(failed, RateLimited)
    assert (failed.retry_after, failed.code, failed.outcome) == (9999, "SlowDown", "not_done")


async def test_parts_that_are_interrupted(aws: Aws, aws_backdoor: Backdoor, stager: Stager):
    aws.faults.add(DropDuring(MIB, reset=True), method="PUT", path=f"*{KEY}", times=2)
    staged = await stager.stage("P", "1.0.0", BIG)
    assert not staged.failed
    assert aws_backdoor.get(FIRST, KEY) == BIG


async def test_cancelling_leaves_nothing(aws: Aws, aws_backdoor: Backdoor, stager: Stager, monkeypatch, tmp_path: Path):
    """aioboto3 #409 and #209, obstore #99: wherever it is cancelled, no upload, file, connection or thread is left."""
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spool))
    often = {
        "HeadObject": 3,
        "CreateMultipartUpload": 3,
        "UploadPart": 2,
        "UploadPartCopy": 2,
        "CompleteMultipartUpload": 3,
    }
    chosen = random.Random(5)

    async def source() -> AsyncIterator[bytes]:
        yield BIG

    await stager.stage("P", "0.1.0", source())  # connections and worker threads are there
    files = open_files()
    for number, operation in enumerate([*often, *often]):
        reached, cancelled = threading.Event(), threading.Event()

        def hold(reached: threading.Event = reached, cancelled: threading.Event = cancelled) -> None:
            reached.set()
            cancelled.wait(30)

        aws.before(operation, hold, skip=chosen.randrange(often[operation]))
        async with anyio.create_task_group() as group:
            group.start_soon(stager.stage, "P", f"1.{number}.0", source())
            assert await anyio.to_thread.run_sync(reached.wait, 30)
            group.cancel_scope.cancel()
            cancelled.set()
        assert aws_backdoor.uploads() == []
        assert list(spool.iterdir()) == []
    assert [name for name in open_files() - files if "socket:" not in name] == []  # connections come and go
    assert working() == []
    assert not (await stager.stage("P", "2.0.0", source())).failed

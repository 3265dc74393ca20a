"""Failing regions, lost responses, missing permissions, and callers that cancel."""

from __future__ import annotations

import itertools
import random
import sys
import tempfile
import threading
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from traceback import walk_stack
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import pytest

import lading
from lading import NetworkError, NotFound, RateLimited, Retry, StageFailed, Stager, Timeout
from lading.testing import DropAfter, DropBefore, DropDuring, Respond, RespondAfter
from tests.conftest import open_files
from tests.support.aws_proxy import REGIONS, IdleClock, error
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


# How a region fails: connections are reset; requests get no response; or responses stop in the middle.
FAILING = pytest.mark.parametrize("how", ["dead", "silent", "stops"])


@pytest.fixture
async def patient(aws: Aws, set_up: None) -> AsyncIterator[Stager]:
    """A stager to which no region is slow, and none is waited for long."""
    async with make_stager(aws, clock=IdleClock(aws), timeout=Timeout(read=2), retry=Retry(attempts=1)) as stager:
        yield stager


def fail(aws: Aws, how: str, *regions: str, begin: bool = True) -> None:
    """Let the regions fail from now on, or no longer."""
    for region in regions:
        setattr(aws.regions[region], how, begin)


@pytest.mark.parametrize("policy", ["all", "quorum", "any"])
@pytest.mark.parametrize(
    ("failing", "how"),
    [
        *itertools.product([(FIRST,), ("us-east-1",), (FIRST, "eu-west-1")], ["dead", "silent"]),
        (("us-east-1",), "stops"),
    ],
    ids=str,
)
async def test_regions_that_fail(
    aws: Aws, aws_backdoor: Backdoor, patient: Stager, policy: Any, failing: tuple[str, ...], how: str
):
    fail(aws, how, *failing)
    rest = [region for region in REGIONS if region not in failing]
    if {"all": 3, "quorum": 2, "any": 1}[policy] <= len(rest):
        staged = await patient.stage("P", "1.0.0", b"a", policy=policy)
        assert set(staged.failed) == set(failing) == set(patient.unreachable)
        assert {name for name, found in staged.regions.items() if found.status == "failed"} == set(failing)
        assert all(isinstance(failed, NetworkError) for failed in staged.failed.values())
        assert bool(staged.warnings) == (policy == "any")
        assert have(aws_backdoor) == rest
    else:
        # Without the region that decides, or without a majority, no region has it.
        there = rest if policy == "all" and FIRST in rest else []
        with pytest.raises(StageFailed, match=f"in {len(there)} of 3 regions") as caught:
            await patient.stage("P", "1.0.0", b"a", policy=policy)
        assert list(caught.value.succeeded) == there
        assert set(caught.value.failed) == set(REGIONS) - set(there)
        assert have(aws_backdoor) == there
    before = have(aws_backdoor)
    # Once they live again, the same once more is all it takes.
    fail(aws, how, *failing, begin=False)
    staged = await patient.stage("P", "1.0.0", b"a")
    assert {name for name, found in staged.regions.items() if found.status == "created"} == set(REGIONS) - set(before)
    assert [aws_backdoor.parameter(region, "/arts/P/latest") for region in REGIONS] == ["1.0.0"] * 3
    assert patient.unreachable == {}


@pytest.mark.parametrize(
    ("path", "outcome"),
    [("@1.0.0", "not_done"), ("/latest", "unknown"), ("/metadata", "done")],  # deleted again, not known, read again
)
async def test_a_response_with_another_checksum(
    aws: Aws, aws_backdoor: Backdoor, stager: Stager, path: str, outcome: str
):
    wrong = {"ETag": '"x"', "x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-crc32c": "AAAAAA=="}
    aws.on("PutObject", RespondAfter(200, b"", wrong), region=FIRST, path=path)
    if outcome == "done":
        assert not (await stager.stage("P", "1.0.0", b"a", metadata={"a": "1"})).failed
    else:
        with pytest.raises(StageFailed, match=r"arrived with CRC32C? AAAAAA== instead of") as caught:
            await stager.stage("P", "1.0.0", b"a", metadata={"a": "1"})
        assert caught.value.failed[FIRST].outcome == outcome
    assert have(aws_backdoor) == ([] if outcome == "not_done" else list(REGIONS))


@pytest.mark.parametrize("operation", ["GetParameter", "ListObjectsV2"])
async def test_a_read_whose_response_is_lost_is_not_done(aws: Aws, stager: Stager, operation: str):
    aws.on(operation, DropAfter(), times=None)
    read = stager.latest if operation == "GetParameter" else stager.versions
    with pytest.raises(NetworkError) as caught:
        await read("P")
    assert caught.value.outcome == "not_done"


@FAILING
async def test_a_region_that_fails_from_the_start(aws: Aws, aws_backdoor: Backdoor, how: str):
    aws_backdoor.set_up()
    fail(aws, how, "eu-west-1")
    async with make_stager(aws, clock=IdleClock(aws)) as stager:
        assert set(stager.buckets) == {"us-east-1", "ap-south-1"}
        assert set(stager.unreachable) == {"eu-west-1"}
        assert set((await stager.stage("P", "1.0.0", b"a", policy="quorum")).failed) == {"eu-west-1"}
        fail(aws, how, "eu-west-1", begin=False)
        assert (await stager.repair("P", "1.0.0")).regions["eu-west-1"].status == "created"
        assert stager.unreachable == {}
    assert have(aws_backdoor) == list(REGIONS)


@FAILING
async def test_the_time_that_a_failing_region_costs(aws: Aws, aws_backdoor: Backdoor, how: str):
    """By the client's clock, which stands still while the other regions work, and with its default settings."""
    aws_backdoor.set_up()
    fail(aws, how, "eu-west-1")
    clock = IdleClock(aws)

    @asynccontextmanager
    async def at_most(seconds: float) -> AsyncIterator[None]:
        before = clock.time
        yield
        assert clock.time - before <= seconds

    stager = make_stager(aws, clock=clock, retry=Retry())
    async with at_most(1):
        await stager.__aenter__()
    async with aclosing(stager):
        async with at_most(10):
            await stager.stage("P", "1.0.0", b"a", policy="any")
        for _ in range(2):
            async with at_most(1):
                assert (await stager.get("P")).regions.keys() == {"us-east-1", "ap-south-1"}
            async with at_most(1):
                assert await stager.latest("P") == "1.0.0"
            async with at_most(1):
                assert await stager.versions("P") == ("1.0.0",)
            async with at_most(1):
                with pytest.raises(NotFound, match="eu-west-1 could not be checked"):
                    await stager.get("P", "2.0.0")
            assert set(stager.unreachable) == {"eu-west-1"}
            # What failed a while ago is given time again, once.
            clock.time += 60


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

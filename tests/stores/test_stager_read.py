"""Reading what is staged, from whichever region has it; and what startifact has staged."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from lading import (
    Call,
    Forbidden,
    IntegrityError,
    InvalidResponse,
    LadingError,
    NetworkError,
    NotFound,
    Progress,
    Retry,
    ServerError,
    Stager,
)
from lading.s3._download import failover as _failover
from lading.testing import Respond, Truncate
from tests.support.aws_proxy import REGIONS, IdleClock
from tests.support.moto_aws import MIB, make_stager, stage_as_startifact
from tests.support.s3_constants import KEY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lading.s3 import Artifact
    from tests.support.aws_proxy import Aws
    from tests.support.moto_aws import Backdoor

pytestmark = pytest.mark.anyio
DATA = bytes(range(256)) * 16384  # 4 MiB


async def test_what_get_says(stager: Stager):
    await stager.stage("P", "1.0.0", b"a", metadata={"lang": "é"})
    await stager.stage("P", "1.1.0", b"bc")
    artifact = await stager.get("P")
    assert (artifact.project, artifact.version, artifact.key, artifact.size) == ("P", "1.1.0", "pre/P@1.1.0", 2)
    assert artifact.sha256 == hashlib.sha256(b"bc").hexdigest()
    assert artifact.md5 == hashlib.md5(b"bc").hexdigest()
    assert (dict(artifact), artifact.filename, artifact.unreachable) == ({}, None, {})
    assert {name: (at.bucket, at.key) for name, at in artifact.regions.items()} == {
        region: (f"bucket-{region}", "pre/P@1.1.0") for region in REGIONS
    }
    artifact = await stager.get("P", "1.0.0")
    assert artifact["lang"] == "é"
    assert "lang" in artifact
    assert "else" not in artifact
    assert (len(artifact), list(artifact), artifact.metadata) == (1, ["lang"], {"lang": "é"})
    assert "Failover" not in repr(artifact)


async def test_versions(aws_backdoor: Backdoor, stager: Stager):
    for version in ("1.10.0", "1.9.0", "1.10.0-rc1", "1.9.0+b.1"):
        await stager.stage("P", version, version.encode(), metadata={"a": "b"})
    await stager.stage("PP", "7.0.0", b"another project's")
    aws_backdoor.delete("us-east-1", "pre/P@1.9.0")
    aws_backdoor.put("us-east-1", "pre/P@not-a-version", b"")
    assert await stager.versions("P") == ("1.9.0", "1.9.0+b.1", "1.10.0-rc1", "1.10.0")
    assert await stager.versions("Q") == ()


async def test_nothing_staged(stager: Stager):
    with pytest.raises(NotFound, match="nothing of P is staged"):
        await stager.latest("P")
    with pytest.raises(NotFound, match="nothing of P is staged"):
        await stager.get("P")
    with pytest.raises(NotFound, match=r"P 1\.0\.0 is staged in none"):
        await stager.get("P", "1.0.0")


async def test_a_file(stager: Stager, tmp_path: Path):
    (tmp_path / "dist.tar.gz").write_bytes(DATA)
    (tmp_path / "out").mkdir()
    await stager.stage("P", "1.0.0", tmp_path / "dist.tar.gz", save_filename=True)
    artifact = await stager.get("P")
    reported: list[Progress] = []
    assert artifact.filename == "dist.tar.gz"
    assert await artifact.download(tmp_path / "other", on_progress=reported.append) == tmp_path / "other"
    assert (reported[-1].completed, reported[-1].total) == (len(DATA), len(DATA))
    assert await artifact.download(str(tmp_path / "out")) == tmp_path / "out" / "dist.tar.gz"
    assert (tmp_path / "other").read_bytes() == (tmp_path / "out" / "dist.tar.gz").read_bytes() == DATA
    await stager.stage("P", "1.1.0", b"")
    assert await (await stager.get("P")).download(tmp_path / "out") == tmp_path / "out" / "P-1.1.0"
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "P-1.1.0",
        "dist.tar.gz",
        "dist.tar.gz",
        "other",
        "out",
    ]


@pytest.mark.parametrize("name", ["../x", "/abs", "a/b", "a\\b", "..", "", "nul", "x\0y"])
async def test_a_stored_name_never_leaves_the_directory(
    aws_backdoor: Backdoor, stager: Stager, tmp_path: Path, name: str
):
    stage_as_startifact(aws_backdoor, metadata={"startifact:filename": name})
    directory = tmp_path / "directory"
    directory.mkdir()
    artifact = await stager.get("P")
    if name:
        with pytest.raises(InvalidResponse, match="plain file name"):
            await artifact.download(directory)
        assert list(tmp_path.rglob("*")) == [directory]
    else:
        assert await artifact.download(directory) == directory / "P-1.0.0"


async def read(artifact: Artifact, how: str, to: Path) -> bytes:
    """Its bytes, by way of a file or not."""
    if how == "download":
        return (await artifact.download(to)).read_bytes()
    async with artifact.open() as pieces:
        return b"".join([piece async for piece in pieces])


async def test_as_a_stream(stager: Stager):
    await stager.stage("P", "1.0.0", DATA)
    async with (await stager.get("P")).open() as pieces:
        assert b"".join([piece async for piece in pieces]) == DATA


async def test_an_artifact_left_half_read_gives_its_connection_back(aws: Aws, stager: Stager):
    """aiobotocore #1061: left half-read more often than there are connections, and nothing waits."""
    await stager.stage("P", "1.0.0", DATA)
    artifact = await stager.get("P")
    for _ in range(120):
        async with artifact.open() as pieces:
            assert await anext(pieces)
    assert aws.count("GetObject") > 120


@pytest.mark.parametrize("how", ["download", "open"])
async def test_corrupted_bytes(aws_backdoor: Backdoor, stager: Stager, tmp_path: Path, how: str):
    await stager.stage("P", "1.0.0", DATA)
    for region in REGIONS:
        aws_backdoor.put(region, KEY, b"x" + DATA[1:], Metadata=aws_backdoor.head(region, KEY)["Metadata"])
    artifact = await stager.get("P")
    with pytest.raises(IntegrityError, match="sha256"):
        await read(artifact, how, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", ["download", "open"])
async def test_more_bytes_than_promised(aws: Aws, stager: Stager, tmp_path: Path, how: str):
    """The rest is not waited for: it may have no end."""
    await stager.stage("P", "1.0.0", DATA)
    artifact = await stager.get("P")
    aws.faults.add(Respond(200, DATA + bytes(MIB)), method="GET", path=f"*/{KEY}", times=None)
    with pytest.raises(IntegrityError, match=f"more than the promised {len(DATA)} bytes came"):
        await read(artifact, how, tmp_path / "out")


async def test_a_region_with_other_bytes_is_left_out(aws_backdoor: Backdoor, stager: Stager, tmp_path: Path):
    await stager.stage("P", "1.0.0", DATA)
    aws_backdoor.put("us-east-1", KEY, b"other")
    artifact = await stager.get("P")
    assert tuple(artifact.regions) == ("eu-west-1", "ap-south-1")
    assert (await artifact.download(tmp_path / "out")).read_bytes() == DATA


async def test_overwritten_between_get_and_download(aws_backdoor: Backdoor, stager: Stager, tmp_path: Path):
    """The download requests the very object that get() has found."""
    await stager.stage("P", "1.0.0", b"first")
    artifact = await stager.get("P")
    for region in REGIONS:
        aws_backdoor.put(region, KEY, b"other")
    with pytest.raises(LadingError):
        await artifact.download(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", ["download", "open"])
async def test_continues_in_another_region(aws: Aws, stager: Stager, tmp_path: Path, how: str):
    await stager.stage("P", "1.0.0", DATA)
    artifact = await stager.get("P")
    aws.requests.clear()
    aws.faults.add(Truncate(3 * MIB), method="GET", path=f"/eu-west-1/*/{KEY}", times=None)
    assert await read(artifact, how, tmp_path / "out") == DATA
    first, second = aws.requests
    assert (first.region, second.region) == ("eu-west-1", "us-east-1")
    begun = int(second.headers["range"].removeprefix("bytes=").removesuffix("-"))
    assert 0 < begun <= 3 * MIB
    assert [request.headers["if-match"] for request in aws.requests] == [
        artifact.regions[a.region].etag for a in aws.requests
    ]


async def test_a_stream_continues_in_the_only_region(aws: Aws, aws_backdoor: Backdoor):
    aws_backdoor.set_up()
    async with make_stager(aws, ["eu-west-1"]) as stager:
        await stager.stage("P", "1.0.0", DATA)
        artifact = await stager.get("P")
        aws.requests.clear()
        aws.faults.add(Truncate(3 * MIB), method="GET", path=f"/eu-west-1/*/{KEY}")
        assert await read(artifact, "open", Path()) == DATA
    assert aws.count("GetObject", "eu-west-1") == 2


async def test_a_stream_that_is_interrupted_everywhere_ends(aws: Aws, stager: Stager):
    """After as many attempts as the rule for retries gives one piece."""
    await stager.stage("P", "1.0.0", DATA)
    artifact = await stager.get("P")
    aws.requests.clear()
    for region in REGIONS:
        aws.faults.add(Truncate(0), method="GET", path=f"/{region}/*/{KEY}", times=None)
    with pytest.raises(NetworkError) as caught:
        await read(artifact, "open", Path())
    assert caught.value.outcome == "not_done"
    assert aws.count("GetObject") == 3


async def test_a_stream_is_not_resumed_at_another_place(aws: Aws, stager: Stager):
    await stager.stage("P", "1.0.0", DATA)
    artifact = await stager.get("P")
    aws.faults.add(Truncate(3 * MIB), method="GET", path=f"/eu-west-1/*/{KEY}", times=None)
    aws.faults.add(Respond(200, DATA), method="GET", path=f"/us-east-1/*/{KEY}", times=None)
    with pytest.raises(InvalidResponse, match="does not resume it"):
        await read(artifact, "open", Path())


@pytest.mark.parametrize("fault", [Respond(200, DATA), Respond(416)], ids=repr)
async def test_a_stream_never_returns_the_same_bytes_twice(aws: Aws, stager: Stager, fault: Respond):
    """Other regions ignore the range, or do not have it: also when it is read on after the error."""
    await stager.stage("P", "1.0.0", DATA)
    artifact = await stager.get("P")
    aws.faults.add(Truncate(3 * MIB), method="GET", path=f"/eu-west-1/*/{KEY}")
    for region in REGIONS:
        aws.faults.add(fault, method="GET", path=f"/{region}/*/{KEY}", times=None)
    found = bytearray()
    async with artifact.open() as pieces:
        for _ in range(3):
            with pytest.raises(LadingError):
                while True:
                    found += await anext(pieces)
    assert bytes(found) == DATA[: len(found)]
    assert 0 < len(found) <= 3 * MIB


async def test_a_response_is_opened_under_the_retry_rule(aws: Aws, stager: Stager):
    """For readers that number no attempts."""
    await stager.stage("P", "1.0.0", DATA)
    failover = (await stager.get("P"))._failover
    assert failover is not None
    for region in REGIONS:
        aws.faults.add(Respond(503), method="GET", path=f"/{region}/*/{KEY}")
    call = Call("GET", KEY, headers={"Range": "bytes=0-9"})
    async with failover.stream(call) as response:
        assert (response.status, await response.read(10)) == (206, DATA[:10])
    for region in REGIONS:
        aws.faults.add(Respond(503), method="GET", path=f"/{region}/*/{KEY}")
    with pytest.raises(ServerError):
        async with failover.stream(call, attempt=1):
            pass


@pytest.fixture
def idle_clock(aws: Aws) -> IdleClock:
    """The clock of the following."""
    return IdleClock(aws)


@pytest.fixture
async def patient(aws: Aws, set_up: None, idle_clock: IdleClock) -> AsyncIterator[Stager]:
    """A stager to which no region is slow, with the default settings for retries."""
    async with make_stager(aws, clock=idle_clock, retry=Retry()) as stager:
        yield stager


@pytest.mark.parametrize("how", ["dead", "silent", "stops"])
async def test_a_failing_region_is_passed_over(
    aws: Aws, patient: Stager, idle_clock: IdleClock, tmp_path: Path, how: str
):
    await patient.stage("P", "1.0.0", DATA, metadata={"a": "b"})
    artifact = await patient.get("P")
    setattr(aws.regions["eu-west-1"], how, True)
    assert (await artifact.download(tmp_path / "out")).read_bytes() == DATA
    again = await patient.get("P")
    assert tuple(again.regions) == ("us-east-1", "ap-south-1")
    assert tuple(again.unreachable) == tuple(patient.unreachable) == ("eu-west-1",)
    assert isinstance(again.unreachable["eu-west-1"], NetworkError)
    assert again.metadata == {"a": "b"}
    assert await patient.versions("P") == ("1.0.0",)
    setattr(aws.regions["eu-west-1"], how, False)
    idle_clock.time += 60  # it is given time again
    again = await patient.get("P", "1.0.0")
    assert patient.unreachable == {}
    assert tuple(again.regions) == REGIONS


@pytest.mark.parametrize("how", ["download", "open"])
async def test_a_response_that_stops_is_continued_in_another_region(
    aws: Aws, patient: Stager, tmp_path: Path, how: str
):
    await patient.stage("P", "1.0.0", DATA)
    artifact = await patient.get("P")
    aws.regions["eu-west-1"].stops = True
    aws.requests.clear()
    assert await read(artifact, how, tmp_path / "out") == DATA
    assert [request.region for request in aws.requests] == ["eu-west-1", "us-east-1"]
    assert aws.requests[1].headers["range"].startswith("bytes=")


async def test_a_slow_response_is_not_given_up_when_it_may_not_be_retried(
    aws: Aws, stager: Stager, monkeypatch: pytest.MonkeyPatch
):
    await stager.stage("P", "1.0.0", DATA)
    artifact = await stager.with_options(retry=Retry(attempts=1)).get("P")
    monkeypatch.setattr(_failover, "STALL", 0.0)
    async with artifact.open() as pieces:
        assert b"".join([piece async for piece in pieces]) == DATA


async def test_the_bytes_that_most_regions_have_count(aws_backdoor: Backdoor, stager: Stager, tmp_path: Path):
    await stager.stage("P", "1.0.0", b"bytes")
    aws_backdoor.put("eu-west-1", KEY, b"other")
    artifact = await stager.get("P", "1.0.0")
    assert tuple(artifact.regions) == ("us-east-1", "ap-south-1")
    assert (await artifact.download(tmp_path / "out")).read_bytes() == b"bytes"


@pytest.mark.parametrize("how", ["download", "open"])
async def test_a_region_that_does_not_respond_is_raced(aws: Aws, stager: Stager, tmp_path: Path, how: str):
    await stager.stage("P", "1.0.0", DATA)
    artifact = await stager.get("P")
    aws.regions["eu-west-1"].stalls = True
    aws.requests.clear()
    assert await read(artifact, how, tmp_path / "out") == DATA
    assert [request.region for request in aws.requests] == ["eu-west-1", "us-east-1"]


async def test_latest_by_more_than_half(aws: Aws, aws_backdoor: Backdoor, stager: Stager):
    await stager.stage("P", "1.0.0", b"a")
    aws_backdoor.put_parameter("us-east-1", "/arts/P/latest", "1.1.0")  # by startifact, in one region only
    assert await stager.latest("P") == "1.1.0"
    aws.regions["eu-west-1"].dead = True
    assert await stager.latest("P") == "1.1.0"
    aws.regions["us-east-1"].dead = True
    with pytest.raises(NetworkError, match="1 of 3 regions say which version of P"):
        await stager.latest("P")


async def test_latest_where_no_region_allows_it(aws: Aws, aws_backdoor: Backdoor):
    aws_backdoor.set_up()
    aws.forbid("GetParameter", path="/buckets/name")
    async with make_stager(aws) as stager:
        with pytest.raises(Forbidden, match=r"0 of 3 regions say which version of P.*ap-south-1") as caught:
            await stager.latest("P")
        assert caught.value.status == 400
        assert caught.value.code == "AccessDeniedException"
        with pytest.raises(Forbidden, match="0 of 3 regions list the versions of P"):
            await stager.versions("P")


async def test_cancelled_while_regions_are_raced(aws: Aws, stager: Stager):
    """A response that arrives at that moment is released: there are as many connections as before."""
    await stager.stage("P", "1.0.0", DATA)
    artifact = await stager.get("P")
    for turn in range(30):
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:

                async def cancel(turn: int = turn, scope: anyio.CancelScope = scope) -> None:
                    for _ in range(turn):
                        await anyio.lowlevel.checkpoint()
                    scope.cancel()

                group.start_soon(cancel)
                async with artifact.open() as pieces:
                    await anext(pieces)
    async with artifact.open() as pieces:
        assert b"".join([piece async for piece in pieces]) == DATA

"""The organisation's configuration, pointers set by hand, leftovers; and what staging costs in memory."""

from __future__ import annotations

import json
import os
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from lading import (
    ConfigError,
    Forbidden,
    InputError,
    IntegrityError,
    NotFound,
    Retry,
    StageFailed,
    Stager,
    Timeout,
    VersionExists,
)
from lading.s3 import AbortFailed, Configuration
from lading.testing import Respond, Server, ServerResponse
from tests.support.aws_proxy import REGIONS, operation_of
from tests.support.moto_aws import CONFIGURATION, MIB, QUICK, make_stager
from tests.support.s3_constants import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from lading import Progress
    from lading.testing import ServerRequest
    from tests.support.aws_proxy import Aws
    from tests.support.moto_aws import Backdoor

pytestmark = pytest.mark.anyio
OTHER_VALUE = b'{"Parameter": {"Name": "/startifact", "Value": "another"}}'


async def test_setup(aws: Aws, aws_backdoor: Backdoor):
    async with make_stager(aws) as stager:
        with pytest.raises(ConfigError, match=r"none of eu-west-1, .* has a parameter /startifact .*call setup"):
            _ = stager.configuration
        with pytest.raises(ConfigError, match="call setup"):
            await stager.stage("P", "1.0.0", b"a")
        made = await stager.setup(**CONFIGURATION)
        assert made == stager.configuration == Configuration("/buckets/name", "pre/", "/arts", REGIONS)
        assert stager.buckets == {region: f"bucket-{region}" for region in REGIONS}
        await stager.stage("P", "1.0.0", b"a")
    text = (
        '{\n  "bucket_key_prefix": "pre/",\n  "bucket_name_param": "/buckets/name",\n'
        '  "parameter_name_prefix": "/arts",\n  "regions": "eu-west-1,us-east-1,ap-south-1",\n  "save_ok": "y"\n}'
    )
    assert [aws_backdoor.parameter(region, "/startifact") for region in REGIONS] == [text] * 3


async def test_setup_takes_it_out_of_dropped_regions(aws: Aws, aws_backdoor: Backdoor, stager: Stager):
    made = await stager.setup(**CONFIGURATION, regions=["eu-west-1", "us-east-1"])
    assert made.regions == stager.regions == tuple(stager.buckets) == ("eu-west-1", "us-east-1")
    assert aws_backdoor.parameter("ap-south-1", "/startifact") is None
    staged = await stager.stage("P", "1.0.0", b"a")
    assert tuple(staged.regions) == ("eu-west-1", "us-east-1")
    # And back, from a stager that knows but one region.
    async with make_stager(aws, ["us-east-1"]) as other:
        await other.setup(**CONFIGURATION, regions=REGIONS)
    assert json.loads(aws_backdoor.parameter("ap-south-1", "/startifact") or "")["regions"] == ",".join(REGIONS)


async def test_setup_where_a_region_fails(aws: Aws, aws_backdoor: Backdoor):
    aws_backdoor.ssm("us-east-1").delete_parameter(Name="/buckets/name")
    async with make_stager(aws) as stager:
        with pytest.raises(StageFailed, match="us-east-1 has no parameter /buckets/name") as caught:
            await stager.setup(**CONFIGURATION)
        assert set(caught.value.failed) == {"us-east-1"}
        assert set(caught.value.succeeded) == {"eu-west-1", "ap-south-1"}
        aws_backdoor.put_parameter("us-east-1", "/buckets/name", "bucket-us-east-1")
        aws.forbid("PutParameter", regions=["eu-west-1"])
        with pytest.raises(StageFailed, match=r"eu-west-1.*AccessDenied"):
            await stager.setup(**CONFIGURATION)
        aws.forgive()
        await stager.setup(**CONFIGURATION)


async def test_setup_reports_every_region_that_it_drops(aws: Aws, aws_backdoor: Backdoor, stager: Stager):
    aws.forbid("PutParameter", regions=["eu-west-1"])
    with pytest.raises(StageFailed, match=r"us-east-1: .* is not removed") as caught:
        await stager.setup(**CONFIGURATION, regions=["eu-west-1"])
    assert set(caught.value.failed) == set(REGIONS)
    assert {error.outcome for error in caught.value.failed.values()} == {"not_done"}
    aws.forgive()
    aws.forbid("DeleteParameter", regions=["us-east-1"])
    with pytest.raises(StageFailed, match=r"us-east-1: .*AccessDenied") as caught:
        await stager.setup(**CONFIGURATION, regions=["eu-west-1"])
    assert set(caught.value.failed) == {"us-east-1"}
    assert set(caught.value.succeeded) == {"eu-west-1", "ap-south-1"}
    assert aws_backdoor.parameter("ap-south-1", "/startifact") is None


@pytest.mark.parametrize("response", [Respond(400, b'{"__type": "AccessDenied"}'), Respond(200, OTHER_VALUE)])
async def test_setup_that_cannot_read_what_it_has_written(
    aws: Aws, aws_backdoor: Backdoor, stager: Stager, response: Respond
):
    aws.before("PutParameter", lambda: aws.on("GetParameter", response, path="/startifact", region="us-east-1"))
    with pytest.raises(StageFailed) as caught:
        await stager.setup(**{**CONFIGURATION, "bucket_key_prefix": "other/"}, regions=["us-east-1"])
    assert caught.value.failed["us-east-1"].outcome == "unknown"
    assert "other/" in (aws_backdoor.parameter("us-east-1", "/startifact") or "")


@pytest.mark.parametrize(
    ("wrong", "argument"),
    [
        ({"bucket_name_param": ""}, "bucket_name_param"),
        ({"bucket_key_prefix": "pre"}, "bucket_key_prefix"),
        ({"parameter_name_prefix": "arts"}, "parameter_name_prefix"),
        ({"parameter_name_prefix": "/arts/"}, "parameter_name_prefix"),
        ({"regions": ["Europe"]}, "regions"),
        ({"regions": []}, "regions"),
    ],
)
async def test_what_cannot_be_set_up(
    aws: Aws, aws_backdoor: Backdoor, stager: Stager, wrong: dict[str, Any], argument: str
):
    before = aws_backdoor.parameter("us-east-1", "/startifact")
    with pytest.raises(InputError) as caught:
        await stager.setup(**{**CONFIGURATION, **wrong})
    assert caught.value.argument == argument
    assert aws_backdoor.parameter("us-east-1", "/startifact") == before
    assert aws.count("PutParameter") == 0


async def test_set_latest(aws_backdoor: Backdoor, stager: Stager):
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        await stager.stage("P", version, version.encode())
    await stager.set_latest("P", "1.0.0")
    assert (await stager.latest("P"), (await stager.get("P")).version) == ("1.0.0", "1.0.0")
    assert {aws_backdoor.parameter(region, "/arts/P/latest") for region in REGIONS} == {"1.0.0"}
    # It stays there until something greater than it is staged.
    assert (await stager.stage("P", "0.9.0", b"old")).latest == "1.0.0"
    assert (await stager.stage("P", "1.0.1", b"new")).latest == "1.0.1"
    # What an old startifact wrote is believed only above everything that was ever the latest.
    aws_backdoor.put_parameter("us-east-1", "/arts/P/latest", "1.5.0")
    assert await stager.latest("P") == "1.0.1"
    aws_backdoor.put_parameter("us-east-1", "/arts/P/latest", "2.0.1")
    assert await stager.latest("P") == "2.0.1"
    with pytest.raises(NotFound, match=r"P 3\.0\.0 is staged in none of"):
        await stager.set_latest("P", "3.0.0")


@pytest.mark.parametrize("how", ["dead", "silent", "stops"])
async def test_set_latest_where_a_region_fails(aws: Aws, aws_backdoor: Backdoor, how: str):
    aws_backdoor.set_up()
    async with make_stager(aws, timeout=Timeout(read=1), retry=Retry(attempts=1)) as stager:
        await stager.stage("P", "1.0.0", b"1")
        await stager.stage("P", "2.0.0", b"2")
        setattr(aws.regions["us-east-1"], how, True)
        with pytest.raises(StageFailed) as caught:
            await stager.set_latest("P", "1.0.0")
        assert set(caught.value.failed) == {"us-east-1"}
        setattr(aws.regions["us-east-1"], how, False)
        assert await stager.latest("P") == "1.0.0"


async def test_repair(aws_backdoor: Backdoor, stager: Stager):
    key = "pre/P@1.0.0"
    await stager.stage("P", "1.0.0", b"bytes", metadata={"a": "b"})
    aws_backdoor.delete("eu-west-1", key)
    aws_backdoor.delete("us-east-1", f"{key}/metadata")
    aws_backdoor.delete("ap-south-1", "pre/P/latest")
    aws_backdoor.ssm("ap-south-1").delete_parameter(Name="/arts/P/latest")
    staged = await stager.repair("P", "1.0.0")
    assert [found.status for found in staged.regions.values()] == ["created", "repaired", "unchanged"]
    for region in REGIONS:
        assert aws_backdoor.get(region, key) == b"bytes"
        assert aws_backdoor.get(region, f"{key}/metadata") == b'{\n  "a": "b"\n}'
        assert aws_backdoor.parameter(region, "/arts/P/latest") == "1.0.0"
    assert [found.status for found in (await stager.repair("P", "1.0.0")).regions.values()] == ["unchanged"] * 3
    with pytest.raises(NotFound):
        await stager.repair("P", "1.0.1")
    aws_backdoor.put("eu-west-1", key, b"other")
    with pytest.raises(VersionExists):
        await stager.repair("P", "1.0.0")


async def test_repair_sides_with_the_majority(aws_backdoor: Backdoor, stager: Stager):
    """A stager that found no majority was killed before it removed what it had written; another has succeeded."""
    other = {"lading-sha256": "0" * 64, "lading-stage": "killed", "lading-metadata": "1" * 64, "lading-removable": "1"}
    aws_backdoor.put("ap-south-1", KEY, b"other", Metadata=other)
    for region in ("eu-west-1", "us-east-1"):
        aws_backdoor.put(region, KEY, b"bytes")
    assert (await stager.get("P", "1.0.0")).regions.keys() == {"eu-west-1", "us-east-1"}
    staged = await stager.repair("P", "1.0.0")
    assert [found.status for found in staged.regions.values()] == ["unchanged", "unchanged", "created"]
    assert [aws_backdoor.get(region, KEY) for region in REGIONS] == [b"bytes"] * 3


@pytest.mark.parametrize("kept", [True, False])
async def test_repair_completes_a_removal_and_no_other(aws_backdoor: Backdoor, stager: Stager, kept: bool):
    await stager.stage("P", "1.0.0", b"bytes", policy="quorum")
    stage = aws_backdoor.head("ap-south-1", KEY)["Metadata"]["lading-stage"]
    aws_backdoor.put("ap-south-1", f"{KEY}/{stage}", b"kept" if kept else b"removed")
    if not kept:
        with pytest.raises(StageFailed, match="is being removed"):
            await stager.stage("P", "1.0.0", b"bytes")
    staged = await stager.repair("P", "1.0.0")
    assert [found.status for found in staged.regions.values()] == ["unchanged"] * 2 + [
        "unchanged" if kept else "created"
    ]
    assert [aws_backdoor.get(region, KEY) for region in REGIONS] == [b"bytes"] * 3
    assert not (await stager.stage("P", "1.0.0", b"bytes")).failed


@pytest.mark.parametrize("left_in", [REGIONS[2:], REGIONS[1:], REGIONS])
async def test_repair_completes_a_removal_that_leaves_nothing(
    aws_backdoor: Backdoor, stager: Stager, left_in: tuple[str, ...]
):
    """A stager that found no majority was killed while it removed what it had written, and nobody else has staged it."""
    await stager.stage("P", "1.0.0", b"bytes", policy="quorum")
    for region in REGIONS:
        stage = aws_backdoor.head(region, KEY)["Metadata"]["lading-stage"]
        aws_backdoor.put(region, f"{KEY}/{stage}", b"removed")
        if region not in left_in:
            aws_backdoor.delete(region, KEY)
    with pytest.raises(StageFailed, match="is being removed"):
        await stager.stage("P", "1.0.0", b"bytes")
    with pytest.raises(NotFound, match="stage it again"):
        await stager.repair("P", "1.0.0")
    assert [aws_backdoor.get(region, KEY) for region in REGIONS] == [None] * 3
    assert not (await stager.stage("P", "1.0.0", b"bytes")).failed


async def test_repair_refuses_different_bytes_that_were_staged(aws_backdoor: Backdoor, stager: Stager):
    await stager.stage("P", "1.0.0", b"bytes", policy="any")
    aws_backdoor.put("ap-south-1", KEY, b"others")
    with pytest.raises(VersionExists):
        await stager.repair("P", "1.0.0")
    assert aws_backdoor.get("ap-south-1", KEY) == b"others"


async def test_clean_reports_every_region(aws: Aws, aws_backdoor: Backdoor, stager: Stager):
    for region in REGIONS[:2]:
        for key in ("pre/P@1.0.0", "pre/P@1.1.0"):
            aws_backdoor.s3(region).create_multipart_upload(Bucket=f"bucket-{region}", Key=key)
    aws.forbid("AbortMultipartUpload", path="P@1.1.0", regions=["eu-west-1"])
    aws.forbid("ListMultipartUploads", regions=["ap-south-1"])
    with pytest.raises(AbortFailed, match=r"eu-west-1: .*AccessDenied.*; ap-south-1: .*AccessDenied") as caught:
        await stager.abort_stale_uploads("P", older_than=0)
    assert {name: type(error) for name, error in caught.value.failed.items()} == {
        "eu-west-1": Forbidden,
        "ap-south-1": Forbidden,
    }
    # One upload is aborted there already.
    assert caught.value.failed["eu-west-1"].outcome == "unknown"
    assert caught.value.failed["ap-south-1"].outcome == "not_done"
    # The one that failed in the middle is in both.
    aborted = {name: [upload.key for upload in found] for name, found in caught.value.aborted.items()}
    assert aborted == {"ap-south-1": [], "eu-west-1": ["pre/P@1.0.0"], "us-east-1": ["pre/P@1.0.0", "pre/P@1.1.0"]}
    assert aws_backdoor.uploads() == ["pre/P@1.1.0"]


async def test_clean_aborts_what_a_killed_process_left(aws_backdoor: Backdoor, stager: Stager):
    """aioboto3 #209, obstore #99: nobody has to look for them by hand."""
    for key in ("pre/P@1.0.0", "pre/P@1.1.0", "pre/PP@1.0.0", "pre/Q@1.0.0"):
        aws_backdoor.s3("us-east-1").create_multipart_upload(Bucket="bucket-us-east-1", Key=key)
    assert await stager.abort_stale_uploads("P", older_than=10**9) == dict.fromkeys(REGIONS, ())
    cleaned = await stager.abort_stale_uploads("P")
    assert {region: [upload.key for upload in found] for region, found in cleaned.items()} == {
        "eu-west-1": [],
        "us-east-1": ["pre/P@1.0.0", "pre/P@1.1.0"],
        "ap-south-1": [],
    }
    assert aws_backdoor.uploads() == ["pre/PP@1.0.0", "pre/Q@1.0.0"]


async def test_read_only(aws: Aws, aws_backdoor: Backdoor, stager: Stager, tmp_path: Path):
    await stager.stage("P", "1.0.0", b"a")
    async with make_stager(aws, read_only=True) as reader:
        assert reader.read_only
        aws.requests.clear()
        staged = await reader.stage("P", "1.1.0", b"b", metadata={"a": "b"})
        assert [found.status for found in staged.regions.values()] == ["planned"] * 3
        staged = await reader.stage("P", "1.0.0", b"a")
        assert [found.status for found in staged.regions.values()] == ["unchanged"] * 3
        with pytest.raises(VersionExists):
            await reader.stage("P", "1.0.0", b"b")
        with pytest.raises(FileNotFoundError):
            await reader.stage("P", "1.1.0", tmp_path / "nothing")
        for refused in (
            lambda: reader.setup(bucket_name_param="/buckets/name"),
            lambda: reader.repair("P", "1.0.0"),
            lambda: reader.set_latest("P", "1.0.0"),
            lambda: reader.abort_stale_uploads("P"),
        ):
            with pytest.raises(ConfigError, match="read-only"):
                await refused()
        assert (await (await reader.get("P")).download(tmp_path / "out")).read_bytes() == b"a"
        assert {request.operation for request in aws.requests} == {"HeadObject", "GetObject", "GetParameter"}
    assert aws_backdoor.keys("us-east-1") == ["pre/P/latest", "pre/P@1.0.0"]


async def _swallow(request: ServerRequest) -> ServerResponse:
    """A region that takes everything and keeps nothing: moto keeps it in the memory of this process."""
    if operation_of(request) == "aGetParameter":
        kept = {"/startifact": json.dumps(CONFIGURATION), "/buckets/name": "bucket"}
        name = json.loads(await request.read())["Name"]
        if name in kept:
            return ServerResponse.json({"Parameter": {"Value": kept[name]}})
        return ServerResponse(400, {}, b'{"__type": "ParameterNotFound"}')
    async for _ in request.body:
        pass
    if operation_of(request) == "aPutParameter":
        return ServerResponse.json({"Version": 1})
    echoed = {name: value for name, value in request.headers.pairs if name.lower().startswith("x-amz-checksum-crc")}
    body = b"<Result><UploadId>u</UploadId><ETag>e</ETag></Result>" if request.method == "POST" else b""
    status = 404 if request.method in {"GET", "HEAD"} else 200
    return ServerResponse(status, {"ETag": '"e"', **echoed}, body)


async def test_memory_stays_flat(aws_backdoor: Backdoor, tmp_path: Path):
    """marin #5624, botocore #2047: a file of 200 MiB costs no more than a few pieces of it."""
    with (tmp_path / "big").open("wb") as file:
        file.truncate(200 * MIB)
    async with Server(_swallow) as server:
        urls = dict.fromkeys(("s3", "ssm"), server.url)
        given = {"endpoint_urls": urls, "path_style": True, "retry": QUICK, "conditional_writes": "trust"}
        async with Stager(["eu-west-1"], **given) as stager:
            await stager.stage("P", "1.0.0", bytes(9 * MIB))
            tracemalloc.start()
            try:
                staged = await stager.stage("P", "1.0.1", tmp_path / "big")
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
    assert staged.size == 200 * MIB
    # This counts the server's side of it, too.
    assert peak < 12 * MIB


async def test_going_back_on_purpose_survives_staging_and_repairing_again(stager: Stager):
    await stager.stage("P", "1.0.0", b"a")
    await stager.stage("P", "2.0.0", b"b")
    await stager.set_latest("P", "1.0.0")
    assert {one.status for one in (await stager.stage("P", "2.0.0", b"b")).regions.values()} == {"unchanged"}
    assert await stager.latest("P") == "1.0.0"
    await stager.repair("P", "2.0.0")
    assert await stager.latest("P") == "1.0.0"
    await stager.stage("P", "2.0.1", b"c")  # what is new counts
    assert await stager.latest("P") == "2.0.1"


async def test_a_file_that_changes_while_it_is_sent_is_no_regions_failure(stager: Stager, tmp_path: Path):
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(9 << 20))

    def touch(_: Progress) -> None:
        os.utime(path, (1, 1))

    with pytest.raises(InputError, match="changed while"):
        await stager.stage("P", "1.0.0", path, on_progress=touch)
    assert await stager.versions("P") == ()


async def test_the_metadata_is_the_artifacts_own_wherever_it_was_spoilt(aws_backdoor: Backdoor, stager: Stager):
    await stager.stage("P", "1.0.0", b"a", metadata={"lang": "c"})
    for region in REGIONS:
        aws_backdoor.put(region, "pre/P@1.0.0/metadata", b"{}")
        if region == REGIONS[-1]:
            with pytest.raises(
                IntegrityError, match="metadata was changed or deleted in eu-west-1, us-east-1, ap-south"
            ):
                await stager.get("P")
        else:
            assert (await stager.get("P")).metadata == {"lang": "c"}
        if region == REGIONS[0]:
            await stager.repair("P", "1.0.0")
            assert json.loads(aws_backdoor.get(region, "pre/P@1.0.0/metadata") or b"") == {"lang": "c"}
            aws_backdoor.put(region, "pre/P@1.0.0/metadata", b"{}")


async def test_the_error_names_the_pointer_and_parameter_that_cannot_be_read(aws: Aws, stager: Stager):
    await stager.stage("P", "1.0.0", b"a")
    aws.forbid("GetObject", "GetParameter")
    with pytest.raises(Forbidden, match="neither the pointer nor the parameter"):
        await stager.latest("P")

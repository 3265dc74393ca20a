"""Stores that lack what AWS has: what is done without, with a warning, and what is refused."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from lading import ConfigError, NotFound, StageFailed, VersionExists
from lading.testing import DropAfter
from tests.support.aws_proxy import REGIONS, STORES, Lack
from tests.support.moto_aws import make_stager
from tests.support.s3_constants import BIG, FIRST, KEY, have

if TYPE_CHECKING:
    from tests.support.aws_proxy import Aws
    from tests.support.moto_aws import Backdoor

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("set_up")]
CHECKED: dict[str, Any] = {"conditional_writes": "check"}
ALONE: dict[str, Any] = {"conditional_writes": "none"}
DATA = [pytest.param(b"small", id="small"), pytest.param(BIG, id="parts")]


def lack(aws: Aws, store: str) -> None:
    for region in REGIONS:
        aws.regions[region].lacks = STORES[store]


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("store", ["b2", "r2", "storj"])
@pytest.mark.parametrize("signed_by", ["lading", "botocore"])
async def test_md5_where_checksum_headers_are_refused(
    aws: Aws, aws_backdoor: Backdoor, store: str, data: bytes, signed_by: str
):
    lack(aws, store)
    async with make_stager(aws, **CHECKED, sign_with_botocore=signed_by == "botocore") as stager:
        staged = await stager.stage("P", "1.0.0", data, metadata={"a": "b"})
        assert all("does not support checksum headers" in " ".join(r.warnings) for r in staged.regions.values())
        assert [aws_backdoor.get(region, KEY) for region in REGIONS] == [data] * 3
        assert not any(result.copied for result in staged.regions.values())
        aws.requests.clear()
        await stager.stage("P", "1.1.0", data)  # it is known now
        bodies = [r for r in aws.requests if r.operation in {"PutObject", "UploadPart"}]
        assert not [r for r in bodies if any("checksum" in name for name in r.headers)]
        assert all("content-md5" in r.headers for r in bodies)
        with pytest.raises(VersionExists):
            await stager.stage("P", "1.0.0", b"other")
    assert aws_backdoor.uploads() == []


async def test_parts_are_verified_where_the_whole_has_no_checksum(aws: Aws, aws_backdoor: Backdoor):
    lack(aws, "r2, no type")
    async with make_stager(aws, **CHECKED) as stager:
        staged = await stager.stage("P", "1.0.0", BIG)
    assert "keeps no checksum of a complete object" in " ".join(staged.regions[FIRST].warnings)
    parts = [r for r in aws.requests if r.operation == "UploadPart" and "P@" in r.path]
    assert len(parts) == 6  # nothing is copied that could not be verified
    assert all("x-amz-sdk-checksum-algorithm" in r.headers for r in parts)
    assert [aws_backdoor.get(region, KEY) for region in REGIONS] == [BIG] * 3


@pytest.mark.parametrize("how", ["environment", "profile"])
async def test_checksums_when_required(aws: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, how: str):
    if how == "environment":
        monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "WHEN_REQUIRED")
        monkeypatch.setenv("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
    else:
        (tmp_path / "config").write_text(
            "[default]\nrequest_checksum_calculation = when_required\nresponse_checksum_validation = when_required\n"
        )
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    async with make_stager(aws, **CHECKED) as stager:
        await stager.stage("P", "1.0.0", b"small")
        await stager.stage("P", "1.1.0", BIG)
    assert not [r for r in aws.requests if any("checksum" in name for name in r.headers)]
    (put,) = (r for r in aws.requests if r.path.endswith(KEY) and r.operation == "PutObject" and r.region == FIRST)
    assert put.headers["content-md5"] == b64encode(hashlib.md5(b"small").digest()).decode()


@pytest.mark.parametrize("store", ["minio of 2024", "no conditions"])
@pytest.mark.parametrize("data", DATA)
async def test_nothing_is_decided_where_if_none_match_is_not_honoured(
    aws: Aws, aws_backdoor: Backdoor, store: str, data: bytes
):
    lack(aws, store)
    async with make_stager(aws, **CHECKED) as stager:
        with pytest.raises(StageFailed, match='conditional_writes="none"') as caught:
            await stager.stage("P", "1.0.0", data, metadata={"a": "b"}, policy="any")
    assert all(isinstance(error, ConfigError) for error in caught.value.failed.values())
    assert have(aws_backdoor) == have(aws_backdoor, f"{KEY}/metadata") == []
    assert aws_backdoor.uploads() == []


async def test_if_none_match_that_holds_for_one_request_only(aws: Aws, aws_backdoor: Backdoor):
    lack(aws, "rgw 16")
    async with make_stager(aws, **CHECKED) as stager:
        with pytest.raises(StageFailed, match="does not honour If-None-Match of CompleteMultipartUpload"):
            await stager.stage("P", "1.0.0", BIG, policy="any")
        staged = await stager.stage("P", "1.1.0", b"small")  # which no region copies: that would complete an upload
        assert not any(result.copied for result in staged.regions.values())
    assert have(aws_backdoor) == []
    assert have(aws_backdoor, "pre/P@1.1.0") == list(REGIONS)
    assert aws_backdoor.uploads() == []


@pytest.mark.parametrize("store", ["minio of 2024", "no conditions"])
@pytest.mark.parametrize("data", DATA)
async def test_one_stager_at_a_time_needs_no_conditions(aws: Aws, aws_backdoor: Backdoor, store: str, data: bytes):
    lack(aws, store)
    async with make_stager(aws, **ALONE) as stager:
        await stager.stage("P", "1.0.0", data, metadata={"a": "b"})
        with pytest.raises(VersionExists):
            await stager.stage("P", "1.0.0", b"other", metadata={"a": "b"})
        await stager.stage("P", "1.1.0", data)
        assert await stager.latest("P") == "1.1.0"
        assert (await stager.get("P", "1.0.0"))["a"] == "b"
    assert [aws_backdoor.get(region, KEY) for region in REGIONS] == [data] * 3


async def test_the_latest_version_is_kept_in_the_parameter_alone_without_if_match(aws: Aws, aws_backdoor: Backdoor):
    lack(aws, "swift")
    async with make_stager(aws, **CHECKED) as stager:
        for version in ("1.0.0", "1.1.0"):
            staged = await stager.stage("P", version, b"a")
            assert "in the parameter alone" in " ".join(staged.regions[FIRST].warnings)
        assert await stager.latest("P") == "1.1.0"
        await stager.set_latest("P", "1.0.0")
        assert await stager.latest("P") == "1.0.0"
    assert have(aws_backdoor, "pre/P/latest") == []


async def test_a_store_that_honours_conditions_is_checked_once(aws: Aws, aws_backdoor: Backdoor):
    check = "pre/P/conditional-writes"
    async with make_stager(aws, **CHECKED) as stager:
        await stager.stage("P", "1.0.0", BIG)
        seen = [r.operation for r in aws.requests if r.path.endswith(check) and r.region == FIRST]
        assert seen == [
            *["PutObject"] * 3,
            "CreateMultipartUpload",
            "UploadPart",
            "CompleteMultipartUpload",
            "AbortMultipartUpload",
        ]
        aws.requests.clear()
        await stager.stage("P", "1.1.0", BIG)
        assert not [r for r in aws.requests if r.path.endswith(check)]
        assert await stager.versions("P") == ("1.0.0", "1.1.0")
    assert have(aws_backdoor, check) == list(REGIONS)
    assert aws_backdoor.uploads() == []


@pytest.mark.parametrize("how", ["named", "unnamed"])
@pytest.mark.parametrize("options", [CHECKED, ALONE], ids=["checked", "alone"])
async def test_what_else_is_refused_is_not_said_of_conditions(
    aws: Aws, aws_backdoor: Backdoor, options: dict[str, Any], how: str
):
    """Then it would be advised to do without the conditions that the store honours."""
    for region in REGIONS:
        aws.regions[region].lacks = (Lack(("x-amz-tagging",), how),)
    async with make_stager(aws, **options, tags={"a": "b"}) as stager:
        with pytest.raises(StageFailed, match="NotImplemented") as caught:
            await stager.stage("P", "1.0.0", b"small")
    assert "conditional_writes" not in str(caught.value)
    assert have(aws_backdoor) == []


async def test_a_missing_bucket_proves_nothing(aws: Aws, aws_backdoor: Backdoor):
    """It is created while the stager is open, at a store that ignores conditions."""
    for region in REGIONS:
        aws_backdoor.put_parameter(region, "/buckets/name", f"late-{region}")
    lack(aws, "minio of 2024")
    async with make_stager(aws, **CHECKED) as stager:
        with pytest.raises(StageFailed, match="there is no bucket late-ap-south-1") as caught:
            await stager.stage("P", "1.0.0", b"small", metadata={"a": "b"})
        assert isinstance(caught.value.failed["ap-south-1"], NotFound)
        for region in REGIONS:
            there = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            aws_backdoor.s3(region).create_bucket(Bucket=f"late-{region}", **there)
        with pytest.raises(StageFailed) as caught:
            await stager.stage("P", "1.0.0", b"small", metadata={"a": "b"})
        assert isinstance(caught.value.failed["ap-south-1"], ConfigError)


async def test_an_upload_that_the_check_has_left_is_found(aws: Aws, aws_backdoor: Backdoor):
    check = "pre/P/conditional-writes"
    aws.on("CreateMultipartUpload", DropAfter(), path=check)
    async with make_stager(aws, **CHECKED) as stager:
        await stager.stage("P", "1.0.0", BIG)
        assert aws_backdoor.uploads() == [check]
        aborted = await stager.abort_stale_uploads("P", older_than=-60)
        assert [upload.key for found in aborted.values() for upload in found] == [check]
    assert aws_backdoor.uploads() == []
    assert aws.count("ListMultipartUploads") == len(REGIONS)

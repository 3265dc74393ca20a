"""Missing permissions: it continues with fewer steps, and the result says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lading import Forbidden, StageFailed, Stager, VersionExists
from lading.testing import Respond
from tests.support.aws_proxy import REGIONS, error
from tests.support.s3_constants import BIG, FIRST, KEY, have

if TYPE_CHECKING:
    from tests.support.aws_proxy import Aws
    from tests.support.moto_aws import Backdoor

pytestmark = pytest.mark.anyio


async def test_a_region_that_cannot_copy(aws: Aws, aws_backdoor: Backdoor, stager: Stager):
    aws.forbid("UploadPartCopy")
    staged = await stager.stage("P", "1.0.0", BIG)
    assert [found.copied for found in staged.regions.values()] == [False] * 3
    assert "could not be copied there, and was uploaded" in staged.regions["eu-west-1"].warnings[0]
    assert staged.regions[FIRST].warnings == ()
    assert [aws_backdoor.get(region, KEY) for region in REGIONS] == [BIG] * 3
    assert aws_backdoor.uploads() == []


def as_startifact_documents(aws: Aws) -> None:
    """Its write policy: put objects and parameters, list the bucket, read the configuration; no more."""
    aws.forbid("GetObject", "AbortMultipartUpload", "UploadPartCopy")
    aws.forbid("GetParameter", path="/latest")


@pytest.mark.parametrize("data", [b"small", BIG], ids=["small", "big"])
async def test_with_startifacts_write_policy(aws: Aws, aws_backdoor: Backdoor, stager: Stager, data: bytes):
    as_startifact_documents(aws)
    for version in ("1.0.0", "1.1.0"):
        staged = await stager.stage("P", version, data, metadata={"a": "b"})
        assert [found.status for found in staged.regions.values()] == ["created"] * 3
        warnings = " ".join(staged.regions["eu-west-1"].warnings)
        assert "s3:GetObject or s3:ListBucket is missing" in warnings
        assert "ssm:GetParameter is missing" in warnings
        assert [aws_backdoor.parameter(region, "/arts/P/latest") for region in REGIONS] == [version] * 3
    with pytest.raises((VersionExists, StageFailed), match="cannot be compared"):
        await stager.stage("P", "1.0.0", data, metadata={"a": "b"})
    aws.forgive()
    assert await stager.latest("P") == "1.1.0"


async def test_without_writing_parameters(aws: Aws, aws_backdoor: Backdoor, stager: Stager):
    aws.forbid("PutParameter")
    staged = await stager.stage("P", "1.0.0", b"a")
    assert all("ssm:PutParameter is missing" in " ".join(found.warnings) for found in staged.regions.values())
    assert await stager.latest("P") == staged.latest == "1.0.0"
    assert aws_backdoor.parameter(FIRST, "/arts/P/latest") is None


async def test_without_writing_at_all(aws: Aws, aws_backdoor: Backdoor, stager: Stager):
    aws.forbid("PutObject", "CreateMultipartUpload")
    with pytest.raises(StageFailed, match="in 0 of 3 regions") as caught:
        await stager.stage("P", "1.0.0", b"a", policy="any")
    assert all(isinstance(failed, Forbidden) for failed in caught.value.failed.values())
    assert have(aws_backdoor) == []


async def test_an_upload_that_cannot_be_aborted_is_reported(aws: Aws, aws_backdoor: Backdoor, stager: Stager):
    aws.forbid("AbortMultipartUpload")
    aws.on("CompleteMultipartUpload", Respond(400, error("BadDigest")), region=FIRST)
    staged = await stager.stage("P", "1.0.0", BIG, policy="quorum")
    assert f"an upload of {KEY} was left over in {FIRST}" in staged.regions[FIRST].warnings[0]
    aws.forgive()
    (found,) = (await stager.abort_stale_uploads("P", older_than=0))[FIRST]
    assert found.key == KEY
    assert aws_backdoor.uploads() == []

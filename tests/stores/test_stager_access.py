"""Where regions, credentials and addresses come from; what goes to the store, and what never leaves the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lading import AttemptEvent, ConfigError, LadingError, Stager, Unauthorized
from lading.testing import Respond
from tests.support.aws_proxy import REGIONS, error
from tests.support.moto_aws import KEY, MIB, QUICK, SECRET, TOKEN, make_stager

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.aws_proxy import Aws
    from tests.support.moto_aws import Backdoor

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("set_up")]
BIG = bytes(17 * MIB)


async def test_regions_of_the_environment(aws: Aws, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STARTIFACT_REGIONS", " us-east-1, eu-west-1,,us-east-1 ")
    async with make_stager(aws, None) as stager:
        assert stager.regions == ("us-east-1", "eu-west-1")
    async with make_stager(aws, ["ap-south-1"]) as stager:
        assert stager.regions == ("ap-south-1",)


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
async def test_regions_of_the_configuration(aws: Aws, monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.setenv(name, "us-east-1")
    async with make_stager(aws, None) as stager:
        assert stager.regions == REGIONS
        assert (await stager.stage("P", "1.0.0", b"a")).failed == {}


async def test_no_regions(aws: Aws, aws_backdoor: Backdoor, monkeypatch: pytest.MonkeyPatch):
    reported = "regions=.*STARTIFACT_REGIONS"
    with pytest.raises(ConfigError, match=reported):
        await make_stager(aws, None).get("P")
    with pytest.raises(ConfigError, match=reported):
        make_stager(aws, [])
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    aws_backdoor.ssm("us-east-1").delete_parameter(Name="/startifact")
    with pytest.raises(ConfigError, match=reported):
        await make_stager(aws, None).__aenter__()  # what it had opened by then is closed


@pytest.mark.parametrize("how", ["environment", "argument"])
async def test_another_parameter(aws: Aws, aws_backdoor: Backdoor, monkeypatch: pytest.MonkeyPatch, how: str):
    for region in REGIONS:
        aws_backdoor.put_parameter(region, "/mine", '{"bucket_name_param": "/buckets/name"}')
    if how == "environment":
        monkeypatch.setenv("STARTIFACT_PARAMETER", "/mine")
    async with make_stager(aws, **({"parameter": "/mine"} if how == "argument" else {})) as stager:
        await stager.stage("P", "1.0.0", b"a")
        assert stager.configuration.bucket_key_prefix == ""
    assert aws_backdoor.keys("us-east-1") == ["P/latest", "P@1.0.0"]
    assert aws_backdoor.parameter("us-east-1", "/P/latest") == "1.0.0"


async def test_a_configuration_that_is_none(aws: Aws, aws_backdoor: Backdoor):
    for region in REGIONS:
        aws_backdoor.put_parameter(region, "/startifact", '{"bucket_key_prefix": "pre/"}')
    async with make_stager(aws) as stager:
        with pytest.raises(ConfigError, match=r"/startifact has no bucket_name_param: call setup\(\)"):
            await stager.stage("P", "1.0.0", b"a")


async def test_no_credentials(aws: Aws, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(ConfigError, match="no AWS credentials were found: set AWS_PROFILE or AWS_ACCESS_KEY_ID"):
        await make_stager(aws).get("P")
    assert not aws.requests


async def test_wrong_credentials(aws: Aws):
    async with make_stager(aws) as stager:
        aws.on("HeadObject", Respond(403, b""), times=None)
        aws.on("PutObject", Respond(403, error("InvalidAccessKeyId", "who is that?")), times=None)
        with pytest.raises(LadingError, match=r"InvalidAccessKeyId: who is that\?") as caught:
            await stager.stage("P", "1.0.0", b"a", policy="any")
        assert all(isinstance(failed, Unauthorized) for failed in caught.value.failed.values())


async def test_a_profile(aws: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    (tmp_path / "credentials").write_text("[work]\naws_access_key_id = AKIAOFTHEPROFILE\naws_secret_access_key = s\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    async with make_stager(aws, profile="work") as stager:
        await stager.stage("P", "1.0.0", b"a")
    assert all("Credential=AKIAOFTHEPROFILE/" in request.headers["authorization"] for request in aws.requests)
    with pytest.raises(ConfigError, match=r"ProfileNotFound: .*\(play\)"):
        await make_stager(aws, profile="play").get("P")


async def test_a_session(aws: Aws):
    from aiobotocore.session import AioSession

    session = AioSession()
    session.set_credentials("AKIAOFTHESESSION", SECRET, TOKEN)
    async with make_stager(aws, session=session) as stager:
        await stager.stage("P", "1.0.0", b"a")
    assert all("Credential=AKIAOFTHESESSION/" in request.headers["authorization"] for request in aws.requests)
    assert all(request.headers["x-amz-security-token"] == TOKEN for request in aws.requests)


async def test_a_role(aws: Aws):
    async with make_stager(aws, role_arn="arn:aws:iam::123456789012:role/stager") as stager:
        await stager.stage("P", "1.0.0", b"a")
        assert (await stager.get("P")).size == 1
    first, *others = aws.requests
    assert (first.operation, aws.count("AssumeRole")) == ("AssumeRole", 1)
    assert f"Credential={KEY}/" in first.headers["authorization"]
    assert all("Credential=ASIA" in request.headers["authorization"] for request in others)
    assert all(request.headers["x-amz-security-token"] for request in others)


async def test_addresses_of_the_environment(aws: Aws, moto: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", moto)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", f"{aws.url}/us-east-1")
    async with Stager(["us-east-1"], path_style=True, retry=QUICK) as stager:
        await stager.stage("P", "1.0.0", b"a")
    assert {request.operation for request in aws.requests} == {"GetParameter", "PutParameter"}


async def test_how_it_is_kept(aws: Aws, aws_backdoor: Backdoor):
    key = aws_backdoor.kms("us-east-1").create_key()["KeyMetadata"]["Arn"]
    kept = {"content_type": "application/gzip", "storage_class": "STANDARD_IA", "kms_key_id": key, "tags": {"a": "b c"}}
    async with make_stager(aws, ["us-east-1"], **kept) as stager:
        await stager.stage("P", "1.0.0", b"small")
        await stager.stage("P", "1.1.0", BIG)
    for version in ("1.0.0", "1.1.0"):
        found = aws_backdoor.head("us-east-1", f"pre/P@{version}")
        assert (found["ContentType"], found["StorageClass"]) == ("application/gzip", "STANDARD_IA")
        assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", key)
        tags = aws_backdoor.s3("us-east-1").get_object_tagging(Bucket="bucket-us-east-1", Key=f"pre/P@{version}")[
            "TagSet"
        ]
        assert tags == [{"Key": "a", "Value": "b c"}]


@pytest.mark.parametrize("signed", [False, True])
async def test_signed_payloads(aws: Aws, aws_backdoor: Backdoor, signed: bool):
    async with make_stager(aws, ["us-east-1"], sign_payload=signed) as stager:
        await stager.stage("P", "1.0.0", b"small")
        await stager.stage("P", "1.1.0", BIG)
    sent = [
        a
        for a in aws.requests
        if a.operation == "UploadPart" or (a.path.endswith("P@1.0.0") and a.operation == "PutObject")
    ]
    assert len(sent) == 3
    assert all((a.headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD") is not signed for a in sent)
    assert all(len(a.headers["x-amz-content-sha256"]) == 64 for a in sent) is signed
    assert aws_backdoor.get("us-east-1", "pre/P@1.1.0") == BIG


async def test_lifetime(aws: Aws):
    stager = make_stager(aws)
    assert repr(stager) == "<Stager not opened>"
    with pytest.raises(ConfigError, match="enter the stager"):
        _ = stager.regions
    await stager.stage("P", "1.0.0", b"a")  # without ``async with``
    assert stager.regions == REGIONS
    copy = stager.with_options(retry=QUICK)
    assert repr(copy) == repr(stager) == "<Stager eu-west-1, us-east-1, ap-south-1>"
    assert (copy.regions, copy.buckets) == (stager.regions, stager.buckets)
    await copy.aclose()
    assert await stager.latest("P") == "1.0.0"
    other = stager.with_options()
    await stager.aclose()
    await stager.aclose()
    for closed in (stager, other):
        with pytest.raises(ConfigError, match="has been closed"):
            await closed.latest("P")


async def test_a_copys_settings_are_its_own(aws: Aws):
    ours: list[object] = []
    theirs: list[object] = []
    async with make_stager(aws, hooks=[ours.append]) as stager:
        await stager.stage("P", "1.0.0", b"a")
        copy = stager.with_options(hooks=[theirs.append])
        ours.clear()
        aws.on("HeadObject", Respond(503, b"", retry_after=0))
        assert (await copy.get("P", "1.0.0")).size == 1
        assert ours == []
        heads = [e for e in theirs if isinstance(e, AttemptEvent) and e.path == "(HeadObject)"]
        assert sorted((e.attempt, e.status) for e in heads) == [(1, 200), (1, 200), (1, 503), (2, 200)]


async def test_an_address_for_each_region(aws: Aws):
    urls = {
        name: {region: url.replace("{region}", region) for region in REGIONS} for name, url in aws.endpoints.items()
    }
    async with Stager(REGIONS, endpoint_urls=urls, path_style=True) as stager:
        assert (await stager.stage("P", "1.0.0", b"a")).failed == {}


def test_project_names():
    Stager.validate_project_name("a.B-c_1")
    for name in ("", "a\n", "a b", "a/b", "a@b", "é"):
        with pytest.raises(ValueError, match="cannot be a project's name"):
            Stager.validate_project_name(name)

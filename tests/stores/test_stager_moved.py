"""A bucket in another region than its name says, and other things that a store may say of itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from lading import ApiError, ConfigError, IntegrityError, InvalidResponse, NotFound, StageFailed, Stager
from lading.testing import DropAfter, Respond, ServerResponse
from tests.support.aws_proxy import REGIONS, _Region, error
from tests.support.moto_aws import SECRET, TOKEN, make_stager
from tests.support.s3_constants import BIG, FIRST, KEY, have

if TYPE_CHECKING:
    from tests.support.aws_proxy import Aws
    from tests.support.moto_aws import Backdoor

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("set_up")]
ELSEWHERE = "eu-central-1"
PAGE = b"<!DOCTYPE html><html><head><title>Log in</title></head><body>secretword</body></html>"


def moved(how: int, region: str = ELSEWHERE) -> ServerResponse:
    headers = {"x-amz-bucket-region": region, "Content-Type": "application/xml"}
    if how == 307:
        headers["Location"] = "http://evil.example/"
    code = {301: "PermanentRedirect", 307: "TemporaryRedirect", 400: "AuthorizationHeaderMalformed"}[how]
    return ServerResponse(how, headers, error(code, "it is elsewhere"))


@pytest.mark.parametrize("how", [301, 307, 400])
@pytest.mark.parametrize("signed_by", ["lading", "botocore"])
async def test_a_bucket_is_followed_to_its_region(aws: Aws, aws_backdoor: Backdoor, how: int, signed_by: str):
    aws.regions[ELSEWHERE] = _Region()
    aws.regions[FIRST].moved = partial(moved, how)
    async with make_stager(aws, sign_with_botocore=signed_by == "botocore") as stager:
        staged = await stager.stage("P", "1.0.0", b"small", metadata={"a": "b"})
        assert not staged.failed
        await stager.stage("P", "1.1.0", BIG)
        assert await stager.versions("P") == ("1.0.0", "1.1.0")
        assert (await stager.get("P", "1.0.0"))["a"] == "b"
        async with (await stager.get("P")).open() as pieces:
            assert b"".join([piece async for piece in pieces]) == BIG
        assert (await stager.abort_stale_uploads("P"))[FIRST] == ()
    there = {r.operation for r in aws.requests if r.region == ELSEWHERE}
    assert there >= {"HeadObject", "PutObject", "UploadPart", "CreateMultipartUpload", "ListObjectsV2", "GetObject"}
    signed = [r.headers["authorization"] for r in aws.requests if r.region == ELSEWHERE]
    assert all(f"/{ELSEWHERE}/s3/" in header for header in signed)
    # Once: later requests go there at once.
    assert sum(r.region == FIRST and "Parameter" not in r.operation for r in aws.requests) <= 3
    assert have(aws_backdoor) == list(REGIONS)


@pytest.mark.parametrize("region", ["evil.example/", "a.b", "UP", ""])
async def test_what_is_no_region_is_not_followed(aws: Aws, region: str):
    aws.regions[FIRST].moved = partial(moved, 301, region)
    async with make_stager(aws) as stager:
        with pytest.raises(StageFailed):
            await stager.stage("P", "1.0.0", b"a")
    assert {r.region for r in aws.requests} == set(REGIONS)


async def test_a_region_without_a_url_names_bucket_and_region(aws: Aws):
    aws.regions[FIRST].moved = partial(moved, 301)
    urls = {name: {r: url.replace("{region}", r) for r in REGIONS} for name, url in aws.endpoints.items()}
    async with make_stager(aws, endpoint_urls=urls) as stager:
        with pytest.raises(StageFailed) as caught:
            await stager.stage("P", "1.0.0", b"a")
    failed = caught.value.failed[FIRST]
    assert isinstance(failed, ApiError)
    assert str(failed) == (
        f"s3: bucket-{FIRST} is in {ELSEWHERE}, and not in {FIRST}: for which endpoint_urls has no URL (HTTP 301)"
    )


async def test_a_bucket_that_is_sent_round_in_circles(aws: Aws):
    aws.regions[ELSEWHERE] = _Region(moved=partial(moved, 301, "eu-west-3"))
    aws.regions[FIRST].moved = partial(moved, 301)
    async with make_stager(aws) as stager:
        with pytest.raises(StageFailed) as caught:
            await stager.stage("P", "1.0.0", b"a")
    assert f"bucket-{FIRST} is in eu-west-3" in str(caught.value.failed[FIRST])


@pytest.mark.parametrize("data", [b"small", BIG], ids=["small", "parts"])
async def test_a_missing_bucket_is_named(aws: Aws, aws_backdoor: Backdoor, data: bytes):
    aws_backdoor.put_parameter(FIRST, "/buckets/name", "no-such-bucket")
    async with make_stager(aws) as stager:
        with pytest.raises(StageFailed) as caught:
            await stager.stage("P", "1.0.0", data)
    failed = caught.value.failed[FIRST]
    assert isinstance(failed, NotFound)
    assert f"there is no bucket no-such-bucket in {FIRST}" in str(failed)
    assert "None" not in str(failed)


@pytest.mark.parametrize(
    ("operation", "data"),
    [
        ("PutObject", b"small"),
        ("CreateMultipartUpload", BIG),
        ("UploadPart", BIG),
        ("CompleteMultipartUpload", BIG),
        ("HeadObject", b"small"),
    ],
)
async def test_a_200_that_is_no_response_of_s3(aws: Aws, operation: str, data: bytes):
    async with make_stager(aws, ["eu-west-1"]) as stager:
        body = b"" if operation == "HeadObject" else PAGE
        aws.on(operation, Respond(200, body, {"Content-Type": "text/html"}), path=KEY, times=None)
        with pytest.raises(StageFailed) as caught:
            await stager.stage("P", "1.0.0", data)
    failed = caught.value.failed["eu-west-1"]
    assert isinstance(failed, InvalidResponse)
    assert "secretword" not in str(failed)
    # It is looked up afterwards, or nothing has been sent that creates it.
    assert failed.outcome == "not_done"


@pytest.mark.parametrize("operation", ["GetParameter", "PutParameter"])
async def test_a_200_that_is_no_response_of_ssm(aws: Aws, operation: str):
    async with make_stager(aws, ["eu-west-1"]) as stager:
        aws.on(operation, Respond(200, PAGE, {"Content-Type": "text/html"}), times=None)
        with pytest.raises((StageFailed, InvalidResponse)) as caught:
            await stager.stage("P", "1.0.0", b"a")
    failed: Any = caught.value
    failed = failed.failed["eu-west-1"] if isinstance(failed, StageFailed) else failed
    assert isinstance(failed, InvalidResponse)
    assert "secretword" not in str(failed)


async def test_a_list_that_is_none(aws: Aws, stager: Stager):
    aws.on("ListObjectsV2", Respond(200, b"<p>fine</p>"), times=None)
    with pytest.raises(InvalidResponse, match="IsTruncated"):
        await stager.versions("P")


@pytest.mark.parametrize("times", [1, 3])
async def test_a_lost_response_to_create_multipart_upload_is_reported(
    aws: Aws, aws_backdoor: Backdoor, stager: Stager, times: int, caplog: pytest.LogCaptureFixture
):
    aws.on("CreateMultipartUpload", DropAfter(), region=FIRST, times=times)
    staged = await stager.stage("P", "1.0.0", BIG, policy="any")
    (warning,) = [text for text in staged.regions[FIRST].warnings if "CreateMultipartUpload" in text]
    assert KEY in warning
    assert f"bucket-{FIRST}" in warning
    assert warning in caplog.text
    assert len(aws_backdoor.uploads()) == times
    found = await stager.abort_stale_uploads("P", older_than=0)
    assert [upload.key for upload in found[FIRST]] == [KEY] * times


@pytest.mark.parametrize("operation", ["HeadObject", "PutObject", "GetObject", "GetParameter"])
async def test_credentials_that_expired_early_are_renewed_once(aws: Aws, operation: str):
    async with make_stager(aws, role_arn="arn:aws:iam::123456789012:role/stager") as stager:
        await stager.stage("P", "1.0.0", b"a", metadata={"a": "b"})
        parameters = operation == "GetParameter"
        body = b'{"__type": "ExpiredTokenException", "message": "expired"}' if parameters else error("ExpiredToken")
        aws.on(operation, Respond(400, b"" if operation == "HeadObject" else body), region=FIRST)
        assert not (await stager.stage("P", "1.1.0", b"b", metadata={"a": "b"})).failed
        assert (await stager.get("P", "1.1.0"))["a"] == "b"
        assert aws.count("AssumeRole") == 2


async def test_a_web_identity_token_file_that_is_missing_is_named(aws: Aws, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/stager")
    with pytest.raises(ConfigError, match=r"the file /nowhere/token .*AWS_WEB_IDENTITY_TOKEN_FILE"):
        await make_stager(aws).get("P")


async def test_errors_of_ssm_do_not_show_what_signed_them(aws: Aws, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    quoted = f"no.\\nThe Canonical String was 'x-amz-security-token:{TOKEN}'"
    body = f'{{"__type": "InvalidSignatureException", "message": "{TOKEN} {SECRET[:3]} {quoted}"}}'.encode()
    aws.on("GetParameter", Respond(400, body, {"Content-Type": "application/x-amz-json-1.1"}), times=None)
    with pytest.raises(ApiError) as caught:
        async with make_stager(aws):
            pass
    assert TOKEN not in str(caught.value) + caught.value.detail
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("how", ["argument", "by region", "environment"])
async def test_plain_http_to_another_host_has_to_be_allowed(aws: Aws, monkeypatch: pytest.MonkeyPatch, how: str):
    url = "http://s3.example.com"
    given: dict[str, Any] = {"argument": {"s3": url}, "by region": {"s3": {"us-east-1": url}}, "environment": None}
    if how == "environment":
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    with pytest.raises(ConfigError, match=r"http://, which exposes credentials"):
        async with Stager(["us-east-1"], endpoint_urls=given[how]):
            pass
    stager = Stager(["us-east-1"], endpoint_urls=given[how], allow_http=True)
    await stager.aclose()
    assert not aws.requests


async def test_a_key_for_each_region_and_a_class_for_artifacts_alone(aws: Aws, aws_backdoor: Backdoor):
    keys = {region: aws_backdoor.kms(region).create_key()["KeyMetadata"]["Arn"] for region in REGIONS}
    kept = {"kms_key_id": keys, "storage_class": "GLACIER", "tags": {"a": "b"}, "content_type": "application/gzip"}
    async with make_stager(aws, **kept) as stager:
        await stager.stage("P", "1.0.0", b"a", metadata={"a": "b"})
    for region in REGIONS:
        artifact, metadata, pointer = (aws_backdoor.head(region, k) for k in (KEY, f"{KEY}/metadata", "pre/P/latest"))
        assert artifact["StorageClass"] == "GLACIER"
        for record in (metadata, pointer):
            assert "StorageClass" not in record
            assert record["ContentType"] == "application/json"
        assert {head["SSEKMSKeyId"] for head in (artifact, metadata, pointer)} == {keys[region]}
    tagged = [r.path for r in aws.requests if "x-amz-tagging" in r.headers]
    assert {path.partition("/")[2] for path in tagged} == {KEY}
    with pytest.raises(ConfigError, match="kms_key_id has no key for us-east-1"):
        await make_stager(aws, kms_key_id={"eu-west-1": "x"}).get("P")


@pytest.mark.parametrize("staged_by", ["lading", "startifact"])
async def test_metadata_that_may_not_be_read_is_an_error(
    aws: Aws, aws_backdoor: Backdoor, stager: Stager, staged_by: str
):
    if staged_by == "lading":
        await stager.stage("P", "1.0.0", b"a", metadata={"a": "b"})
    else:
        for region in REGIONS:
            aws_backdoor.put(region, KEY, b"a")
            aws_backdoor.put(region, f"{KEY}/metadata", b'{"a": "b"}')
    aws.forbid("GetObject", path="/metadata")
    with pytest.raises(ApiError, match="AccessDenied") as caught:
        await stager.get("P", "1.0.0")
    assert caught.value.status == 403
    aws.forgive()
    aws.forbid("GetObject", path="/metadata", regions=["eu-west-1", "us-east-1"])
    assert (await stager.get("P", "1.0.0"))["a"] == "b"


async def test_metadata_that_was_deleted_everywhere_is_an_error(aws_backdoor: Backdoor, stager: Stager):
    await stager.stage("P", "1.0.0", b"a", metadata={"a": "b"})
    for region in REGIONS:
        aws_backdoor.delete(region, f"{KEY}/metadata")
    with pytest.raises(IntegrityError, match="metadata was changed or deleted in eu-west-1, us-east-1, ap-south-1"):
        await stager.get("P", "1.0.0")
    staged = await stager.stage("P", "1.0.0", b"a", metadata={"a": "b"})
    assert {result.status for result in staged.regions.values()} == {"repaired"}
    assert (await stager.get("P", "1.0.0"))["a"] == "b"


async def test_a_repair_copies_the_bytes_of_metadata(aws_backdoor: Backdoor, stager: Stager):
    stored = b'{"n":1, "a": ["b"]}\n'
    for region in REGIONS:
        aws_backdoor.put(region, KEY, b"a")
    aws_backdoor.put(REGIONS[0], f"{KEY}/metadata", stored)
    assert (await stager.get("P", "1.0.0")).metadata == {"n": "1", "a": '["b"]'}
    staged = await stager.repair("P", "1.0.0")
    assert [staged.regions[region].status for region in REGIONS] == ["unchanged", "repaired", "repaired"]
    assert [aws_backdoor.get(region, f"{KEY}/metadata") for region in REGIONS] == [stored] * 3

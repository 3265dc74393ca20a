"""Staging to three regions of moto's: what is written where, and what is said of it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from lading import InputError, Progress, Stager, VersionExists
from lading.s3._checksums import crc_function, encode_crc
from lading.testing import Respond
from tests.support.aws_proxy import REGIONS
from tests.support.moto_aws import MIB

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.aws_proxy import Aws
    from tests.support.moto_aws import Backdoor

pytestmark = pytest.mark.anyio
DATA = bytes(range(256)) * 16
BIG = DATA * 5120  # 20 MiB: two parts


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def everywhere(aws_backdoor: Backdoor, key: str) -> list[bytes | None]:
    return [aws_backdoor.get(region, key) for region in REGIONS]


async def test_everything_that_is_written(aws_backdoor: Backdoor, stager: Stager, tmp_path: Path):
    (tmp_path / "dist.tar.gz").write_bytes(DATA)
    metadata = {"lang": "é", "a": "1"}
    staged = await stager.stage("P", "1.2.0+b.5", tmp_path / "dist.tar.gz", metadata=metadata, save_filename=True)
    assert metadata == {"lang": "é", "a": "1"}
    text = b'{\n  "a": "1",\n  "lang": "\\u00e9",\n  "startifact:filename": "dist.tar.gz"\n}'
    assert everywhere(aws_backdoor, "pre/P@1.2.0+b.5") == [DATA] * 3
    assert everywhere(aws_backdoor, "pre/P@1.2.0+b.5/metadata") == [text] * 3
    assert [aws_backdoor.parameter(region, "/arts/P/latest") for region in REGIONS] == ["1.2.0+b.5"] * 3
    digest = hashlib.sha256(DATA).hexdigest()
    for region in REGIONS:
        assert aws_backdoor.keys(region) == ["pre/P/latest", "pre/P@1.2.0+b.5", "pre/P@1.2.0+b.5/metadata"]
        found = aws_backdoor.head(region, "pre/P@1.2.0+b.5")["Metadata"]
        assert found["lading-sha256"] == digest
        assert found["lading-size"] == str(len(DATA))
        pointer = json.loads(aws_backdoor.get(region, "pre/P/latest") or b"")
        assert (pointer["version"], pointer["counter"], pointer["highest"]) == ("1.2.0+b.5", 1, "1.2.0+b.5")
        assert staged.regions[region].bucket == f"bucket-{region}"
    assert [found.status for found in staged.regions.values()] == ["created"] * 3
    assert tuple(staged.regions) == REGIONS == stager.regions
    assert (staged.project, staged.version, staged.key) == ("P", "1.2.0+b.5", "pre/P@1.2.0+b.5")
    assert (staged.size, staged.sha256, staged.latest, staged.failed) == (len(DATA), digest, "1.2.0+b.5", {})
    assert aws_backdoor.uploads() == []


@pytest.mark.parametrize("size", [0, 1, 16 * MIB, 16 * MIB + 1])
async def test_of_any_size(aws_backdoor: Backdoor, stager: Stager, size: int):
    data = BIG[:size]
    await stager.stage("P", "1.0.0", data)
    assert everywhere(aws_backdoor, "pre/P@1.0.0") == [data] * 3


@pytest.mark.parametrize("call", [False, True])
async def test_an_async_generator_of_unknown_length(aws_backdoor: Backdoor, stager: Stager, call: bool):
    """aiobotocore #618, #658 and #666, aioboto3 #273, obstore #540, httpx #1620."""
    source = pieces(BIG, 100_000)
    staged = await stager.stage("P", "1.0.0", (lambda: source) if call else source)
    assert (staged.size, staged.sha256) == (len(BIG), hashlib.sha256(BIG).hexdigest())
    assert everywhere(aws_backdoor, "pre/P@1.0.0") == [BIG] * 3


async def test_short_pieces_do_not_end_the_stream(aws_backdoor: Backdoor, stager: Stager):
    """aioboto3 #340."""

    async def source() -> AsyncIterator[bytes]:
        for piece in (b"a", b"", b"bc", b"", b"d"):
            yield piece

    await stager.stage("P", "1.0.0", source())
    assert everywhere(aws_backdoor, "pre/P@1.0.0") == [b"abcd"] * 3


async def test_a_source_that_fails_stages_nothing(aws_backdoor: Backdoor, stager: Stager):
    async def source() -> AsyncIterator[bytes]:
        yield b"a"
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await stager.stage("P", "1.0.0", source())
    assert aws_backdoor.keys("us-east-1") == []


async def test_the_file_leaves_the_machine_once(aws: Aws, stager: Stager, tmp_path: Path):
    """All regions but the first copy it from there by themselves."""
    (tmp_path / "big").write_bytes(BIG)
    staged = await stager.stage("P", "1.0.0", tmp_path / "big")
    assert sorted(found.copied for found in staged.regions.values()) == [False, True, True]
    assert sum(request.sent for request in aws.requests) <= 1.002 * len(BIG)
    assert (aws.count("UploadPart"), aws.count("UploadPartCopy"), aws.count("CopyObject")) == (2, 2, 0)
    # Requests themselves are the same few, however large it is.
    assert sum(request.head for request in aws.requests) < 100_000


@pytest.mark.parametrize("data", [b"small", BIG], ids=["small", "big"])
async def test_staged_again_with_the_same_bytes(aws: Aws, stager: Stager, data: bytes):
    await stager.stage("P", "1.0.0", data, metadata={"a": "1"})
    aws.requests.clear()
    staged = await stager.stage("P", "1.0.0", data, metadata={"a": "1"})
    assert [found.status for found in staged.regions.values()] == ["unchanged"] * 3
    assert sum(request.sent for request in aws.requests if request.operation != "GetParameter") == 0


@pytest.mark.parametrize("change", [{"source": b"b"}, {"source": b"aa"}, {"metadata": {"b": "1"}}, {"metadata": None}])
async def test_staged_again_with_something_else(aws_backdoor: Backdoor, stager: Stager, change: dict[str, Any]):
    await stager.stage("P", "1.0.0", b"a", metadata={"a": "1"})
    with pytest.raises(VersionExists, match=r"P.*1\.0\.0.* already") as caught:
        await stager.stage("P", "1.0.0", **{"source": b"a", "metadata": {"a": "1"}, **change})
    assert caught.value.outcome == "not_done"
    assert everywhere(aws_backdoor, "pre/P@1.0.0") == [b"a"] * 3


async def test_a_version_that_one_region_has_otherwise_is_written_nowhere(aws_backdoor: Backdoor, stager: Stager):
    aws_backdoor.put("us-east-1", "pre/P@1.0.0", b"other")
    with pytest.raises(VersionExists):
        await stager.stage("P", "1.0.0", b"mine", policy="any")
    assert everywhere(aws_backdoor, "pre/P@1.0.0") == [None, b"other", None]


@pytest.mark.parametrize("data", [b"12", BIG], ids=["small", "big"])
async def test_a_large_object_is_created_only_once(aws: Aws, aws_backdoor: Backdoor, stager: Stager, data: bytes):
    """arrow-rs-object-store #289. Another stager's artifact appears when ours is about to be completed."""
    other = data[::-1]
    put = "CompleteMultipartUpload" if len(data) > 16 * MIB else "PutObject"
    aws.before(put, lambda: aws_backdoor.put("ap-south-1", "pre/P@1.0.0", other), path="P@1.0.0")
    with pytest.raises(VersionExists, match="other bytes"):
        await stager.stage("P", "1.0.0", data)
    assert everywhere(aws_backdoor, "pre/P@1.0.0") == [None, None, other]
    assert aws_backdoor.uploads() == []
    assert all(
        a.headers["if-none-match"] == "*" for a in aws.requests if a.operation == put and a.path.endswith("1.0.0")
    )


@pytest.mark.parametrize("data", [b"12", BIG], ids=["small", "big"])
async def test_a_304_is_a_lost_condition(aws: Aws, aws_backdoor: Backdoor, stager: Stager, data: bytes):
    """minio #19442: no other region may decide then."""
    put = "CompleteMultipartUpload" if len(data) > 16 * MIB else "PutObject"
    aws.before(put, lambda: aws_backdoor.put("ap-south-1", "pre/P@1.0.0", b"theirs"), path="P@1.0.0")
    aws.on(put, Respond(304), path="P@1.0.0")
    with pytest.raises(VersionExists, match="other bytes"):
        await stager.stage("P", "1.0.0", data, policy="any")
    assert everywhere(aws_backdoor, "pre/P@1.0.0") == [None, None, b"theirs"]
    assert aws_backdoor.uploads() == []


async def test_one_checksum_for_the_upload_its_parts_and_the_whole(aws: Aws, stager: Stager):
    """inspect_ai #5305, aioboto3 #363, karton #289, boto3 #4392."""
    await stager.stage("P", "1.0.0", BIG)
    (created,) = (a for a in aws.requests if a.operation == "CreateMultipartUpload" and a.region == "ap-south-1")
    algorithm = created.headers["x-amz-checksum-algorithm"]
    assert created.headers["x-amz-checksum-type"] == "FULL_OBJECT"
    name = f"x-amz-checksum-{algorithm.lower()}"
    parts = [a for a in aws.requests if a.operation == "UploadPart"]
    assert all(a.headers["x-amz-sdk-checksum-algorithm"] == algorithm and name in a.headers for a in parts)
    assert all("x-amz-trailer" not in a.headers for a in aws.requests)
    whole = encode_crc(crc_function(algorithm)(BIG, 0))
    completed = [a for a in aws.requests if a.operation == "CompleteMultipartUpload"]
    assert {a.headers["x-amz-checksum-type"] for a in completed} == {"FULL_OBJECT"}
    assert {a.headers["x-amz-mp-object-size"] for a in completed} == {str(len(BIG))}
    assert [a.headers[name] for a in completed] == [whole] * 3


@pytest.mark.parametrize(
    ("versions", "latest"),
    [
        (["1.0.0", "1.1.0"], "1.1.0"),
        (["1.1.0", "1.0.0"], "1.1.0"),
        (["1.0.0", "1.1.0-rc1"], "1.0.0"),
        (["1.0.0-rc1", "1.0.0-rc2"], "1.0.0-rc2"),
        (["1.0.0-rc2", "1.0.0"], "1.0.0"),
    ],
)
async def test_which_becomes_the_latest(aws_backdoor: Backdoor, stager: Stager, versions: list[str], latest: str):
    for version in versions:
        staged = await stager.stage("P", version, version.encode())
    assert staged.latest == await stager.latest("P") == latest
    assert {aws_backdoor.parameter(region, "/arts/P/latest") for region in REGIONS} == {latest}


async def test_latest_is_set_as_requested(stager: Stager):
    await stager.stage("P", "2.0.0", b"2")
    assert (await stager.stage("P", "2.1.0-rc1", b"rc", latest=True)).latest == "2.1.0-rc1"
    assert (await stager.stage("P", "3.0.0", b"3", latest=False)).latest == "2.1.0-rc1"
    assert await stager.latest("P") == "2.1.0-rc1"


@pytest.mark.parametrize("size", [100, 20 * MIB])
async def test_progress(stager: Stager, size: int):
    reported: list[Progress] = []
    await stager.stage("P", "1.0.0", BIG[:size], on_progress=reported.append)
    assert {progress.region for progress in reported} == {"ap-south-1"}  # the others copied
    assert [progress.completed for progress in reported] == sorted(progress.completed for progress in reported)
    assert {progress.total for progress in reported} == {size} == {reported[-1].completed}


async def test_a_callback_that_raises_ends_it(aws_backdoor: Backdoor, stager: Stager):
    def report(progress: Progress) -> None:
        raise KeyError(progress.completed)

    with pytest.raises(KeyError):
        await stager.stage("P", "1.0.0", BIG, on_progress=report)
    assert aws_backdoor.uploads() == []
    assert everywhere(aws_backdoor, "pre/P@1.0.0") == [None] * 3


BAD: list[dict[str, Any]] = [
    {"project": "a b"},
    {"project": "a\n"},
    {"project": "a@b"},
    {"project": ""},
    {"version": "1.0"},
    {"version": "latest"},
    {"source": 5},
    {"source": "/nowhere/at/all/x", "error": FileNotFoundError},
    {"metadata": {"startifact:filename": "x"}},
    {"metadata": {"a": 1}},
    {"save_filename": True},
    {"policy": "most"},
]


@pytest.mark.parametrize("bad", BAD, ids=str)
async def test_what_cannot_be_staged(aws: Aws, stager: Stager, bad: dict[str, Any]):
    error = bad.get("error", InputError)
    given = {"project": "P", "version": "1.0.0", "source": b"a", **{k: v for k, v in bad.items() if k != "error"}}
    with pytest.raises(error):
        await stager.stage(**given)
    assert not aws.requests

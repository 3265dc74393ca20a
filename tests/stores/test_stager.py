"""Staging to three regions of moto's: what is written where, and what is said of it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from lading import InputError, Progress, Stager, VersionExists
from lading.s3._checksums import crc_function, encode_crc
from tests.support.aws_proxy import REGIONS
from tests.support.moto_aws import MIB

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.aws_proxy import Aws
    from tests.support.moto_aws import Behind

pytestmark = pytest.mark.anyio
DATA = bytes(range(256)) * 16
BIG = DATA * 5120  # 20 MiB: two parts


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def everywhere(behind: Behind, key: str) -> list[bytes | None]:
    return [behind.get(region, key) for region in REGIONS]


async def test_everything_that_is_written(behind: Behind, s: Stager, tmp_path: Path):
    (tmp_path / "dist.tar.gz").write_bytes(DATA)
    metadata = {"lang": "é", "a": "1"}
    staged = await s.stage("P", "1.2.0+b.5", tmp_path / "dist.tar.gz", metadata=metadata, save_filename=True)
    assert metadata == {"lang": "é", "a": "1"}
    text = b'{\n  "a": "1",\n  "lang": "\\u00e9",\n  "startifact:filename": "dist.tar.gz"\n}'
    assert everywhere(behind, "pre/P@1.2.0+b.5") == [DATA] * 3
    assert everywhere(behind, "pre/P@1.2.0+b.5/metadata") == [text] * 3
    assert [behind.parameter(region, "/arts/P/latest") for region in REGIONS] == ["1.2.0+b.5"] * 3
    digest = hashlib.sha256(DATA).hexdigest()
    for region in REGIONS:
        assert behind.keys(region) == ["pre/P/latest", "pre/P@1.2.0+b.5", "pre/P@1.2.0+b.5/metadata"]
        found = behind.head(region, "pre/P@1.2.0+b.5")["Metadata"]
        assert found["lading-sha256"] == digest
        assert found["lading-size"] == str(len(DATA))
        pointer = json.loads(behind.get(region, "pre/P/latest") or b"")
        assert (pointer["version"], pointer["counter"], pointer["highest"]) == ("1.2.0+b.5", 1, "1.2.0+b.5")
        assert staged.regions[region].bucket == f"bucket-{region}"
    assert [found.status for found in staged.regions.values()] == ["created"] * 3
    assert tuple(staged.regions) == REGIONS == s.regions
    assert (staged.project, staged.version, staged.key) == ("P", "1.2.0+b.5", "pre/P@1.2.0+b.5")
    assert (staged.size, staged.sha256, staged.latest, staged.failed) == (len(DATA), digest, "1.2.0+b.5", {})
    assert behind.uploads() == []


@pytest.mark.parametrize("size", [0, 1, 16 * MIB, 16 * MIB + 1])
async def test_of_any_size(behind: Behind, s: Stager, size: int):
    data = BIG[:size]
    await s.stage("P", "1.0.0", data)
    assert everywhere(behind, "pre/P@1.0.0") == [data] * 3


@pytest.mark.parametrize("call", [False, True])
async def test_an_async_generator_of_unknown_length(behind: Behind, s: Stager, call: bool):
    """aiobotocore #618, #658 and #666, aioboto3 #273, obstore #540, httpx #1620."""
    source = pieces(BIG, 100_000)
    staged = await s.stage("P", "1.0.0", (lambda: source) if call else source)
    assert (staged.size, staged.sha256) == (len(BIG), hashlib.sha256(BIG).hexdigest())
    assert everywhere(behind, "pre/P@1.0.0") == [BIG] * 3


async def test_short_pieces_do_not_end_the_stream(behind: Behind, s: Stager):
    """aioboto3 #340."""

    async def source() -> AsyncIterator[bytes]:
        for piece in (b"a", b"", b"bc", b"", b"d"):
            yield piece

    await s.stage("P", "1.0.0", source())
    assert everywhere(behind, "pre/P@1.0.0") == [b"abcd"] * 3


async def test_a_source_that_fails_stages_nothing(behind: Behind, s: Stager):
    async def source() -> AsyncIterator[bytes]:
        yield b"a"
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await s.stage("P", "1.0.0", source())
    assert behind.keys("us-east-1") == []


async def test_the_file_leaves_the_machine_once(aws: Aws, s: Stager, tmp_path: Path):
    """All regions but the first copy it from there by themselves."""
    (tmp_path / "big").write_bytes(BIG)
    staged = await s.stage("P", "1.0.0", tmp_path / "big")
    assert sorted(found.copied for found in staged.regions.values()) == [False, True, True]
    assert sum(asked.sent for asked in aws.asked) <= 1.002 * len(BIG)
    assert (aws.count("UploadPart"), aws.count("UploadPartCopy"), aws.count("CopyObject")) == (2, 2, 0)
    # Requests themselves are the same few, however large it is.
    assert sum(asked.head for asked in aws.asked) < 100_000


@pytest.mark.parametrize("data", [b"small", BIG], ids=["small", "big"])
async def test_staged_again_with_the_same_bytes(aws: Aws, s: Stager, data: bytes):
    await s.stage("P", "1.0.0", data, metadata={"a": "1"})
    aws.asked.clear()
    staged = await s.stage("P", "1.0.0", data, metadata={"a": "1"})
    assert [found.status for found in staged.regions.values()] == ["unchanged"] * 3
    assert sum(asked.sent for asked in aws.asked if asked.operation != "GetParameter") == 0


@pytest.mark.parametrize("change", [{"source": b"b"}, {"source": b"aa"}, {"metadata": {"b": "1"}}, {"metadata": None}])
async def test_staged_again_with_something_else(behind: Behind, s: Stager, change: dict[str, Any]):
    await s.stage("P", "1.0.0", b"a", metadata={"a": "1"})
    with pytest.raises(VersionExists, match=r"P.*1\.0\.0.* already") as caught:
        await s.stage("P", "1.0.0", **{"source": b"a", "metadata": {"a": "1"}, **change})
    assert caught.value.outcome == "not_done"
    assert everywhere(behind, "pre/P@1.0.0") == [b"a"] * 3


async def test_a_version_that_one_region_has_otherwise_is_written_nowhere(behind: Behind, s: Stager):
    behind.put("us-east-1", "pre/P@1.0.0", b"other")
    with pytest.raises(VersionExists):
        await s.stage("P", "1.0.0", b"mine", policy="any")
    assert everywhere(behind, "pre/P@1.0.0") == [None, b"other", None]


@pytest.mark.parametrize("data", [b"12", BIG], ids=["small", "big"])
async def test_a_large_object_is_created_only_once(aws: Aws, behind: Behind, s: Stager, data: bytes):
    """arrow-rs-object-store #289. Another stager's artifact appears when ours is about to be completed."""
    other = data[::-1]
    put = "CompleteMultipartUpload" if len(data) > 16 * MIB else "PutObject"
    aws.before(put, lambda: behind.put("ap-south-1", "pre/P@1.0.0", other), path="P@1.0.0")
    with pytest.raises(VersionExists, match="other bytes"):
        await s.stage("P", "1.0.0", data)
    assert everywhere(behind, "pre/P@1.0.0") == [None, None, other]
    assert behind.uploads() == []
    assert all(a.headers["if-none-match"] == "*" for a in aws.asked if a.operation == put and a.path.endswith("1.0.0"))


async def test_one_checksum_for_the_upload_its_parts_and_the_whole(aws: Aws, s: Stager):
    """inspect_ai #5305, aioboto3 #363, karton #289, boto3 #4392."""
    await s.stage("P", "1.0.0", BIG)
    (created,) = (a for a in aws.asked if a.operation == "CreateMultipartUpload" and a.region == "ap-south-1")
    algorithm = created.headers["x-amz-checksum-algorithm"]
    assert created.headers["x-amz-checksum-type"] == "FULL_OBJECT"
    name = f"x-amz-checksum-{algorithm.lower()}"
    parts = [a for a in aws.asked if a.operation == "UploadPart"]
    assert all(a.headers["x-amz-sdk-checksum-algorithm"] == algorithm and name in a.headers for a in parts)
    assert all("x-amz-trailer" not in a.headers for a in aws.asked)
    whole = encode_crc(crc_function(algorithm)(BIG, 0))
    completed = [a for a in aws.asked if a.operation == "CompleteMultipartUpload"]
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
async def test_which_becomes_the_latest(behind: Behind, s: Stager, versions: list[str], latest: str):
    for version in versions:
        staged = await s.stage("P", version, version.encode())
    assert staged.latest == await s.latest("P") == latest
    assert {behind.parameter(region, "/arts/P/latest") for region in REGIONS} == {latest}


async def test_the_latest_as_it_is_told(s: Stager):
    await s.stage("P", "2.0.0", b"2")
    assert (await s.stage("P", "2.1.0-rc1", b"rc", latest=True)).latest == "2.1.0-rc1"
    assert (await s.stage("P", "3.0.0", b"3", latest=False)).latest == "2.1.0-rc1"
    assert await s.latest("P") == "2.1.0-rc1"


@pytest.mark.parametrize("size", [100, 20 * MIB])
async def test_progress(s: Stager, size: int):
    told: list[Progress] = []
    await s.stage("P", "1.0.0", BIG[:size], on_progress=told.append)
    assert {progress.region for progress in told} == {"ap-south-1"}  # the others copied
    assert [progress.completed for progress in told] == sorted(progress.completed for progress in told)
    assert {progress.total for progress in told} == {size} == {told[-1].completed}


async def test_a_callback_that_raises_ends_it(behind: Behind, s: Stager):
    def tell(progress: Progress) -> None:
        raise KeyError(progress.completed)

    with pytest.raises(KeyError):
        await s.stage("P", "1.0.0", BIG, on_progress=tell)
    assert behind.uploads() == []
    assert everywhere(behind, "pre/P@1.0.0") == [None] * 3


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
async def test_what_cannot_be_staged(aws: Aws, s: Stager, bad: dict[str, Any]):
    error = bad.get("error", InputError)
    given = {"project": "P", "version": "1.0.0", "source": b"a", **{k: v for k, v in bad.items() if k != "error"}}
    with pytest.raises(error):
        await s.stage(**given)
    assert not aws.asked

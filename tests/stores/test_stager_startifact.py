"""What startifact has staged: read, verified, staged again, repaired."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from lading import InputError, IntegrityError, Stager, VersionExists
from lading.testing import Answer
from tests.support.aws_proxy import REGIONS
from tests.support.moto_aws import stage_as_startifact
from tests.support.s3_constants import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.aws_proxy import Aws
    from tests.support.moto_aws import Behind

pytestmark = pytest.mark.anyio
DATA = bytes(range(256)) * 16384  # 4 MiB


@pytest.mark.parametrize("crc", [False, True])
async def test_of_startifact(behind: Behind, s: Stager, tmp_path: Path, crc: bool):
    stage_as_startifact(behind, b"old bytes", {"lang": "é", "startifact:filename": "a.bin"}, crc=crc)
    artifact = await s.get("P")
    assert (artifact.version, artifact["lang"], artifact.sha256) == ("1.0.0", "é", None)
    assert artifact.md5 == hashlib.md5(b"old bytes").hexdigest()
    assert await artifact.download(tmp_path) == tmp_path / "a.bin"
    assert (tmp_path / "a.bin").read_bytes() == b"old bytes"


@pytest.mark.parametrize("crc", [False, True])
async def test_of_startifact_encrypted_by_kms(behind: Behind, s: Stager, tmp_path: Path, crc: bool):
    """Only a checksum tells what it is, where there is one."""
    stage_as_startifact(behind, b"old bytes", crc=crc, kms=True)
    artifact = await s.get("P")
    assert (artifact.md5, artifact.sha256) == (None, None)
    assert (await artifact.download(tmp_path / "out")).read_bytes() == b"old bytes"
    if crc:
        staged = await s.stage("P", "1.0.0", b"old bytes")
        assert [found.status for found in staged.regions.values()] == ["unchanged"] * 3
    else:
        with pytest.raises(VersionExists, match="keeps no digest that could be compared"):
            await s.stage("P", "1.0.0", b"old bytes")


async def test_of_startifact_staged_again(behind: Behind, s: Stager):
    stage_as_startifact(behind, b"old bytes", {"lang": "é"})
    staged = await s.stage("P", "1.0.0", b"old bytes", metadata={"lang": "é"})
    assert [found.status for found in staged.regions.values()] == ["unchanged"] * 3
    with pytest.raises(VersionExists):
        await s.stage("P", "1.0.0", b"new bytes", metadata={"lang": "é"})
    assert await s.versions("P") == ("1.0.0",)


@pytest.mark.parametrize("crc", [False, True])
async def test_of_startifact_corrupted(behind: Behind, s: Stager, tmp_path: Path, aws: Aws, crc: bool):
    stage_as_startifact(behind, crc=crc)
    artifact = await s.get("P")
    aws.faults.add(Answer(200, b"OLD", {"ETag": '"whatever"'}), method="GET", path=f"*/{KEY}", times=None)
    with pytest.raises(IntegrityError):
        await artifact.download(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


async def test_a_file_that_changes_while_it_is_compared_is_no_regions_failure(
    behind: Behind, aws: Aws, s: Stager, tmp_path: Path
):
    stage_as_startifact(behind, b"old bytes")
    path = tmp_path / "file"
    path.write_bytes(b"old bytes")
    aws.before("HeadObject", lambda: os.utime(path, (1, 1)))
    with pytest.raises(InputError, match="changed while it was being read"):
        await s.stage("P", "1.0.0", path, policy="any")


async def test_of_startifact_repaired(behind: Behind, s: Stager):
    """It was interrupted: one region lacks all, another the metadata and the pointer."""
    stage_as_startifact(behind, b"old", {"lang": "é"})
    behind.delete("us-east-1", KEY)
    behind.delete("us-east-1", f"{KEY}/metadata")
    behind.delete("ap-south-1", f"{KEY}/metadata")
    behind.ssm("ap-south-1").delete_parameter(Name="/arts/P/latest")
    staged = await s.repair("P", "1.0.0")
    assert [found.status for found in staged.regions.values()] == ["unchanged", "created", "repaired"]
    for region in REGIONS:
        assert behind.get(region, KEY) == b"old"
        assert behind.get(region, f"{KEY}/metadata") == b'{\n  "lang": "\\u00e9"\n}'
        assert behind.parameter(region, "/arts/P/latest") == "1.0.0"

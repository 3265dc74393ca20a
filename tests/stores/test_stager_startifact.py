"""What startifact has staged: read, verified, staged again, repaired."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from lading import InputError, IntegrityError, Stager, VersionExists
from lading.testing import Respond
from tests.support.aws_proxy import REGIONS
from tests.support.moto_aws import stage_as_startifact
from tests.support.s3_constants import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.aws_proxy import Aws
    from tests.support.moto_aws import Backdoor

pytestmark = pytest.mark.anyio
DATA = bytes(range(256)) * 16384  # 4 MiB


@pytest.mark.parametrize("crc", [False, True])
async def test_of_startifact(aws_backdoor: Backdoor, stager: Stager, tmp_path: Path, crc: bool):
    stage_as_startifact(aws_backdoor, b"old bytes", {"lang": "é", "startifact:filename": "a.bin"}, crc=crc)
    artifact = await stager.get("P")
    assert (artifact.version, artifact["lang"], artifact.sha256) == ("1.0.0", "é", None)
    assert artifact.md5 == hashlib.md5(b"old bytes").hexdigest()
    assert await artifact.download(tmp_path) == tmp_path / "a.bin"
    assert (tmp_path / "a.bin").read_bytes() == b"old bytes"


@pytest.mark.parametrize("crc", [False, True])
async def test_of_startifact_encrypted_by_kms(aws_backdoor: Backdoor, stager: Stager, tmp_path: Path, crc: bool):
    """Only a checksum shows what it is, where there is one."""
    stage_as_startifact(aws_backdoor, b"old bytes", crc=crc, kms=True)
    artifact = await stager.get("P")
    assert (artifact.md5, artifact.sha256) == (None, None)
    assert (await artifact.download(tmp_path / "out")).read_bytes() == b"old bytes"
    if crc:
        staged = await stager.stage("P", "1.0.0", b"old bytes")
        assert [found.status for found in staged.regions.values()] == ["unchanged"] * 3
    else:
        with pytest.raises(VersionExists, match="keeps no digest that could be compared"):
            await stager.stage("P", "1.0.0", b"old bytes")


async def test_of_startifact_staged_again(aws_backdoor: Backdoor, stager: Stager):
    stage_as_startifact(aws_backdoor, b"old bytes", {"lang": "é"})
    staged = await stager.stage("P", "1.0.0", b"old bytes", metadata={"lang": "é"})
    assert [found.status for found in staged.regions.values()] == ["unchanged"] * 3
    with pytest.raises(VersionExists):
        await stager.stage("P", "1.0.0", b"new bytes", metadata={"lang": "é"})
    assert await stager.versions("P") == ("1.0.0",)


@pytest.mark.parametrize("crc", [False, True])
async def test_of_startifact_corrupted(aws_backdoor: Backdoor, stager: Stager, tmp_path: Path, aws: Aws, crc: bool):
    stage_as_startifact(aws_backdoor, crc=crc)
    artifact = await stager.get("P")
    aws.faults.add(Respond(200, b"OLD", {"ETag": '"whatever"'}), method="GET", path=f"*/{KEY}", times=None)
    with pytest.raises(IntegrityError):
        await artifact.download(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


async def test_a_file_that_changes_while_it_is_compared_is_no_regions_failure(
    aws_backdoor: Backdoor, aws: Aws, stager: Stager, tmp_path: Path
):
    stage_as_startifact(aws_backdoor, b"old bytes")
    path = tmp_path / "file"
    path.write_bytes(b"old bytes")
    aws.before("HeadObject", lambda: os.utime(path, (1, 1)))
    with pytest.raises(InputError, match="changed while it was being read"):
        await stager.stage("P", "1.0.0", path, policy="any")


async def test_of_startifact_repaired(aws_backdoor: Backdoor, stager: Stager):
    """It was interrupted: one region lacks all, another the metadata and the pointer."""
    stage_as_startifact(aws_backdoor, b"old", {"lang": "é"})
    aws_backdoor.delete("us-east-1", KEY)
    aws_backdoor.delete("us-east-1", f"{KEY}/metadata")
    aws_backdoor.delete("ap-south-1", f"{KEY}/metadata")
    aws_backdoor.ssm("ap-south-1").delete_parameter(Name="/arts/P/latest")
    staged = await stager.repair("P", "1.0.0")
    assert [found.status for found in staged.regions.values()] == ["unchanged", "created", "repaired"]
    for region in REGIONS:
        assert aws_backdoor.get(region, KEY) == b"old"
        assert aws_backdoor.get(region, f"{KEY}/metadata") == b'{\n  "lang": "\\u00e9"\n}'
        assert aws_backdoor.parameter(region, "/arts/P/latest") == "1.0.0"

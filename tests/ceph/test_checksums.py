"""What arrives changed is refused by the server, or by us; and what signatures and secrets have to do with it."""

from __future__ import annotations

import os
import zlib
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
from anyio import to_thread

from lading import ApiError, ConfigError, Forbidden, IntegrityError, LadingError, StageFailed, Unauthorized
from lading.s3 import _checksums as _crc
from lading.s3._interfaces import Checksum
from lading.s3._staging.source import Source
from tests.ceph.artifacts import bucket, complete
from tests.ceph.regions import COPYING, DECIDING, REGIONS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ceph.artifacts import Place
    from tests.ceph.regions import Mortal

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]
PROJECT = "SugarWater"
MIB = 1 << 20
SIZES = {"empty": 0, "one-byte": 1, "small": 100_000, "one-part": 16 * MIB, "parts": 33 * MIB + 5}


@pytest.fixture(params=["CRC32C", "CRC32"])
def algorithm(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both checksums; the second as where the AWS common runtime is not installed."""
    if request.param == "CRC32":
        monkeypatch.setattr(_crc, "_crc32c", lambda: None)
    assert _crc.preferred_algorithm() == request.param
    return str(request.param)


def crc(algorithm: str, data: bytes) -> str:
    """As the server says it, computed by others' code."""
    from awscrt.checksums import crc32c

    value = zlib.crc32(data) if algorithm == "CRC32" else crc32c(data)
    return b64encode(value.to_bytes(4, "big")).decode()


@pytest.mark.parametrize("sign_payload", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
async def test_every_region_has_the_right_checksum(
    place: Place, algorithm: str, size: int, sign_payload: bool, tmp_path: Path
) -> None:
    data = os.urandom(size)
    async with place.stager(sign_payload=sign_payload) as stager:
        staged = await stager.stage(PROJECT, "1.0.0", data, metadata={"lang": "é"})
        assert [staged.regions[name].copied for name in REGIONS] == [False, True, True]
        artifact = await stager.get(PROJECT)
        assert set(artifact.regions) == set(REGIONS)
        path = await artifact.download(tmp_path / "out")
        assert path.read_bytes() == data

    def checksums() -> set[str]:
        heads = [
            place.aws_backdoor.s3.head_object(Bucket=bucket(r), Key=staged.key, ChecksumMode="ENABLED") for r in REGIONS
        ]
        # Of an object of one part it says that this is the part's.
        return {str(head[f"Checksum{algorithm}"]).removesuffix("-1") for head in heads}

    assert await to_thread.run_sync(checksums) == {crc(algorithm, data)}
    seen = await to_thread.run_sync(place.seen, PROJECT, "1.0.0")
    assert all(complete(found, data, {"lang": "é"}) for found in seen.values())


@pytest.mark.parametrize("sign_payload", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("size", [100_000, 17 * MIB], ids=["small", "parts"])
async def test_what_is_changed_on_its_way_is_refused_and_nothing_is_staged(
    place: Place, mortal: Mortal, algorithm: str, size: int, sign_payload: bool
) -> None:
    data = os.urandom(size)
    for proxy in mortal.s3.values():
        proxy.what = "requests"
    async with place.stager(session=mortal.session, sign_payload=sign_payload) as stager:
        with pytest.raises(StageFailed) as caught:
            await stager.stage(PROJECT, "1.0.0", data, metadata={"a": "b"})
        assert set(caught.value.failed) == set(REGIONS)
        for error in caught.value.failed.values():
            assert isinstance(error, ApiError)
            assert error.status == 400
            assert error.outcome == "not_done"
            assert error.code in {"BadDigest", "XAmzContentSHA256Mismatch"}
        assert all(proxy.changed for proxy in mortal.s3.values())
        assert await to_thread.run_sync(place.uploads) == []
        seen = await to_thread.run_sync(place.seen, PROJECT, "1.0.0")
        assert all(found.sha256 is None and found.pointer is None for found in seen.values())
        # Only the way was bad: with a good one it is staged after all.
        for proxy in mortal.s3.values():
            proxy.what = ""
        staged = await stager.stage(PROJECT, "1.0.0", data, metadata={"a": "b"})
        assert {found.status for found in staged.regions.values()} == {"created"}


async def test_one_bad_way_leaves_the_others(place: Place, mortal: Mortal) -> None:
    data = os.urandom(17 * MIB)
    mortal.s3[DECIDING].what = "requests"
    async with place.stager(session=mortal.session) as stager:
        staged = await stager.stage(PROJECT, "1.0.0", data, policy="quorum")
        assert set(staged.failed) == {DECIDING}
        assert [staged.regions[name].copied for name in COPYING] == [False, True]
    assert await to_thread.run_sync(place.uploads) == []


@pytest.mark.parametrize("what", ["part", "whole"])
async def test_a_wrong_checksum_is_refused_and_nothing_is_staged(
    place: Place, algorithm: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Checksum(algorithm, "AAAAAA==")
    part = Source.part

    def other(source: Source, number: int) -> Any:
        body, checked = part(source, number)
        return body, wrong if number == 2 else checked

    if what == "part":
        monkeypatch.setattr(Source, "part", other)
    else:
        monkeypatch.setattr(Source, "checksum", wrong)
    async with place.stager() as stager:
        with pytest.raises(StageFailed) as caught:
            await stager.stage(PROJECT, "1.0.0", os.urandom(17 * MIB))
        assert {getattr(error, "code", None) for error in caught.value.failed.values()} == {"BadDigest"}
    assert await to_thread.run_sync(place.uploads) == []
    for region in REGIONS:
        assert await to_thread.run_sync(place.keys, region) == []


async def test_a_response_that_is_changed_on_its_way_is_not_kept(place: Place, mortal: Mortal, tmp_path: Path) -> None:
    async with place.stager(session=mortal.session) as stager:
        await stager.stage(PROJECT, "1.0.0", os.urandom(17 * MIB))
        artifact = await stager.get(PROJECT)
        for proxy in mortal.s3.values():
            proxy.what = "responses"
        with pytest.raises(IntegrityError, match="sha256"):
            await artifact.download(tmp_path / "out")
        assert list(tmp_path.iterdir()) == []
        with pytest.raises(IntegrityError, match="sha256"):
            async with artifact.open() as pieces:
                async for _ in pieces:
                    pass


async def test_a_wrong_secret_is_refused_and_not_shown(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "not-the-secret-that-it-has"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    # SSM is moto's, which looks at no signature.
    async with place.stager() as stager:
        with pytest.raises(LadingError) as caught:
            await stager.stage(PROJECT, "1.0.0", b"data")
    errors = caught.value.failed.values() if isinstance(caught.value, StageFailed) else [caught.value]
    for error in errors:
        assert isinstance(error, (Forbidden, Unauthorized))
        assert "403" in str(error)
        assert secret not in repr(error) + str(error)
    assert secret not in repr(caught.value)


async def test_an_unknown_key_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODY0000000000")
    async with place.stager() as stager:
        with pytest.raises((StageFailed, Forbidden, Unauthorized)):
            await stager.stage(PROJECT, "1.0.0", b"data")


async def test_without_credentials_nothing_is_requested(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ConfigError, match="no AWS credentials"):
        async with place.stager():
            pass

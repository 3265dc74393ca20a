"""Requests that botocore addresses and signs itself, with bodies that lading streams all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lading import AttemptEvent, ConfigError, Stager, VersionExists
from lading.s3._aws.control import BotocoreBody
from lading.testing import DropDuring, Respond
from tests.support.aws_proxy import REGIONS
from tests.support.moto_aws import MIB, make_stager
from tests.support.s3_constants import BIG

if TYPE_CHECKING:
    from pathlib import Path

    from lading import Progress
    from tests.support.aws_proxy import Aws

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("set_up")]


@pytest.fixture(autouse=True)
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore reads nothing of a body: not to sign it, not to sum it up, not to send it."""

    def read(self: BotocoreBody, *args: object) -> bytes:
        raise AssertionError("botocore reads the body")

    for name in ("read", "readall", "readinto"):
        monkeypatch.setattr(BotocoreBody, name, read, raising=False)


@pytest.mark.parametrize("data", [b"", b"small", BIG], ids=["empty", "small", "parts"])
async def test_staged_and_read_back(aws: Aws, tmp_path: Path, data: bytes):
    path = tmp_path / "a.bin"
    path.write_bytes(data)
    events: list[object] = []
    reported: list[Progress] = []
    async with make_stager(aws, sign_with_botocore=True, hooks=[events.append]) as stager:
        staged = await stager.stage("P", "1.0.0", path, metadata={"a": "b"}, on_progress=reported.append)
        assert {one.status for one in staged.regions.values()} == {"created"}
        assert {
            one.status for one in (await stager.stage("P", "1.0.0", path, metadata={"a": "b"})).regions.values()
        } == {"unchanged"}
        with pytest.raises(VersionExists):
            await stager.stage("P", "1.0.0", b"other", metadata={"a": "b"})
        artifact = await stager.get("P")
        assert (artifact["a"], artifact.size) == ("b", len(data))
        assert (await artifact.download(tmp_path / "out")).read_bytes() == data
    assert max(one.completed for one in reported) == len(data)
    operation = "(UploadPart)" if len(data) > 16 * MIB else "(PutObject)"
    assert {event.path for event in events if isinstance(event, AttemptEvent)} >= {operation, "(GetObject)"}
    # Every request is one of botocore's, reads too.
    assert all("botocore" in request.headers["user-agent"].lower() for request in aws.requests)


async def test_a_part_that_is_interrupted_is_sent_again(aws: Aws):
    async with make_stager(aws, sign_with_botocore=True) as stager:
        aws.on("UploadPart", DropDuring(MIB), times=2)
        aws.on("UploadPart", Respond(503, b"", retry_after=0))
        assert (await stager.stage("P", "1.0.0", BIG)).failed == {}
        aws.on("GetObject", Respond(500, b""))
        async with (await stager.get("P")).open() as pieces:
            assert b"".join([piece async for piece in pieces]) == BIG


def test_it_is_not_for_signed_digests():
    with pytest.raises(ConfigError, match="sign_payload"):
        Stager(REGIONS, sign_with_botocore=True, sign_payload=True)

"""What is reported: hooks, logs, errors, never a secret; and the connections behind it."""

from __future__ import annotations

import importlib.metadata
import logging
from typing import TYPE_CHECKING, Any

import pytest
from blockbuster import BlockBuster

from lading import AttemptEvent, CallEvent, LadingError
from lading.testing import Respond
from tests.conftest import let_coverage_block
from tests.support.aws_proxy import error
from tests.support.moto_aws import MIB, SECRET, TOKEN, botocore_data_read_each_time, make_stager

if TYPE_CHECKING:
    from tests.support.aws_proxy import Aws

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("set_up")]
BIG = bytes(17 * MIB)


async def test_hooks_see_every_attempt_by_its_operation(aws: Aws):
    events: list[AttemptEvent | CallEvent] = []
    async with make_stager(aws, hooks=[events.append]) as stager:
        aws.on("HeadObject", Respond(500, b""), times=2)
        await stager.stage("P", "1.0.0", BIG, metadata={"a": "b"})
    tried = [event for event in events if isinstance(event, AttemptEvent)]
    assert sorted(event.path for event in tried) == sorted(f"({request.operation})" for request in aws.requests)
    assert [event.status for event in tried if event.path == "(HeadObject)"].count(500) == 2
    assert sum(event.sent for event in tried if event.path == "(UploadPart)") == len(BIG)


async def test_secrets_are_not_reported(aws: Aws, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    async with make_stager(aws, hooks=[lambda event: shown.append(repr(event))]) as stager:
        staged = await stager.stage("P", "1.0.0", BIG)
        artifact = await stager.get("P")
        shown += [repr(stager), repr(staged), repr(artifact), repr(stager.with_options())]
        aws.on("HeadObject", Respond(403, b""), times=None)
        refusal = f"{TOKEN} {SECRET}"
        aws.on("PutObject", Respond(400, error("InvalidToken", refusal)), times=None)
        with pytest.raises(LadingError) as caught:
            await stager.stage("P", "1.1.0", b"a")
        shown += [repr(caught.value), str(caught.value), repr(caught.value.__cause__), repr(vars(caught.value))]
    signatures = {request.headers["authorization"].rpartition("Signature=")[2] for request in aws.requests}
    # The proxy's own client is of this process, too.
    logged = [record.getMessage() for record in caplog.records if not record.name.startswith("httpcore")]
    text = "\n".join([*shown, *logged])
    assert any("UploadPart" in line for line in logged)
    assert [secret for secret in (SECRET, TOKEN, *signatures) if secret in text] == []
    assert not [request for request in aws.requests if "Signature" in request.path]


def test_no_pin_of_botocore():
    """inspect_ai #5305: whatever else is installed beside it has its say."""
    wanted = [line for line in importlib.metadata.requires("lading") or () if "botocore" in line]
    assert wanted
    assert all("==" not in line.partition(";")[0] and "<" not in line for line in wanted)


async def test_one_pool_and_clients_made_once(aws: Aws):
    """aiobotocore #125, #797 and #1023."""
    from aiobotocore.session import AioSession

    made: list[str] = []

    class Counted(AioSession):
        def create_client(self, service_name: str, *args: Any, **options: Any) -> Any:
            made.append(service_name)
            return super().create_client(service_name, *args, **options)

    async with make_stager(aws, session=Counted()) as stager:
        for number in range(3):
            await stager.stage("P", f"1.{number}.0", b"a")
        assert sorted(made) == ["s3"] * 3 + ["ssm"] * 3
        assert len(stager._session._connections._shared.states._values) == 1


async def test_no_file_is_read_on_the_loop(aws: Aws):
    """aiobotocore #1023: once the stager is entered, without the exception that making clients has."""
    with botocore_data_read_each_time():
        await _stage_and_read_without_blocking(aws)


async def _stage_and_read_without_blocking(aws: Aws) -> None:
    async with make_stager(aws) as stager:
        blockbuster = BlockBuster("lading")
        let_coverage_block(blockbuster)
        blockbuster.activate()
        try:
            await stager.stage("P", "1.0.0", BIG, metadata={"a": "b"})
            async with (await stager.get("P")).open() as pieces:
                assert sum([len(piece) async for piece in pieces]) == len(BIG)
        finally:
            blockbuster.deactivate()

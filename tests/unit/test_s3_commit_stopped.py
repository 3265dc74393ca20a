"""A commit that fails, or is stopped, at any point: no upload is left over, and nobody's metadata is spoilt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import anyio
import pytest

from lading import Forbidden, LadingError, NetworkError
from lading.errors import ServerError
from lading.s3 import VersionExists
from lading.s3._layout import metadata_digest
from lading.s3._staging import transfer as _transfer
from tests.support.memory_s3 import Bucket, Object, broken, forbidden, tag
from tests.support.s3_commits import DATA, KEY, check_there, commit

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("part_size")]

SIZES = [pytest.param(100, id="one request"), pytest.param(4, id="in parts")]


STEPS = ["put_small", "create_upload", "upload_part", "complete"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("error", [broken, forbidden])
async def test_a_failure_anywhere_leaves_no_upload(step: str, error: Callable[[], LadingError]):
    bucket = Bucket()
    bucket.fail(step, error)
    with pytest.raises((ServerError, Forbidden)):
        await commit(bucket).run()
    assert not bucket.open
    assert KEY not in bucket.objects
    assert await commit(bucket).run() == "created"
    check_there(bucket)


async def test_an_upload_that_cannot_be_aborted_is_a_warning():
    bucket = Bucket()
    bucket.denied.add("abort")
    bucket.fail("upload_part", broken)
    failing = commit(bucket)
    with pytest.raises(ServerError):
        await failing.run()
    assert len(failing.warnings) == 1
    assert "was left over in here" in failing.warnings[0]


class Stop:
    """Stops a commit at the n-th point where it waits: before an operation is done, or before its response arrives."""

    def __init__(self, bucket: Bucket, at: int, stop: Callable[[], None]) -> None:
        self.left = at
        self._stop = stop
        bucket.turn = bucket.responding = self._here

    async def _here(self, _: str) -> None:
        self.left -= 1
        if self.left == 0:
            self._stop()
        await anyio.lowlevel.checkpoint()


async def by_scope(work: Callable[[], Awaitable[object]], bucket: Bucket, at: int) -> bool:
    with anyio.CancelScope() as scope:
        stop = Stop(bucket, at, scope.cancel)
        await work()
    return stop.left > 0


async def by_task(work: Callable[[], Awaitable[object]], bucket: Bucket, at: int) -> bool:
    task = asyncio.ensure_future(work())
    stop = Stop(bucket, at, task.cancel)
    await asyncio.wait([task])
    return stop.left > 0


@pytest.mark.parametrize("how", [by_scope, by_task])
@pytest.mark.parametrize("part_size", SIZES, indirect=True)
@pytest.mark.parametrize("copied", [False, True])
async def test_stopped_at_any_point_it_leaves_no_upload(how, part_size: int, copied: bool, anyio_backend_name: str):
    if how is by_task and anyio_backend_name != "asyncio":
        return
    for at in range(1, 100):
        bucket = Bucket()
        bucket.write("there", DATA)
        work = commit(bucket, copy_from=("bucket", "there") if copied else None)
        through = await how(work.run, bucket, at)
        bucket.turn = bucket.responding = _nothing
        assert not bucket.open, at
        assert await commit(bucket).run() in {"created", "unchanged"}
        check_there(bucket)
        if through:
            assert at > 6
            return
    raise AssertionError("it never ran through")


async def _nothing(_: str) -> None:
    return


@pytest.mark.parametrize("part_size", SIZES, indirect=True)
async def test_stopped_at_any_point_beside_a_winner_it_leaves_the_winners_metadata(part_size: int):
    for at in range(1, 100):
        bucket = Bucket()
        bucket.write(f"{KEY}/metadata", b"{theirs}")
        metadata = {"lading-metadata": metadata_digest(b"{theirs}"), "lading-sha256": "theirs"}

        def win(bucket: Bucket = bucket, metadata: dict[str, str] = metadata) -> None:
            bucket.objects[KEY] = Object(b"theirs", tag(b"theirs"), {}, metadata)

        bucket.before("put_small", lambda: None)
        bucket.before("put_small", win)
        try:
            through = await by_scope(commit(bucket).run, bucket, at)
        except VersionExists:
            through = True
        assert bucket.objects[f"{KEY}/metadata"].data == b"{theirs}", at
        assert not bucket.open
        if through and KEY in bucket.objects:
            return
    raise AssertionError("it never ran through")


async def test_a_store_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch):
    # Without an identifier of the upload, the artifact cannot appear.
    for step, before, word, outcome in (
        ("create_upload", "head", "begin", "not_done"),
        ("complete", "put_small", "complete", "unknown"),
    ):
        bucket = Bucket()
        monkeypatch.setattr(_transfer, "_GRACE", 60.0)

        async def turn(operation: str, step: str = step, before: str = before) -> None:
            if operation == before:
                monkeypatch.setattr(_transfer, "_GRACE", 0.0)
            if operation == step:
                await anyio.sleep_forever()

        bucket.turn = turn
        with pytest.raises(NetworkError, match=f"did not {word} the upload") as caught:
            await commit(bucket).run()
        assert caught.value.outcome == outcome

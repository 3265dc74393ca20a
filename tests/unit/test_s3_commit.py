"""One version into one region: failing conditions, lost responses, stops at any point, and nothing left over."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lading import Conflict, IntegrityError, LadingError, NetworkError, ServerError
from lading.errors import NotFound
from lading.s3 import VersionExists
from lading.s3._layout import metadata_digest
from tests.support.memory_s3 import Bucket, Object, broken, conflict, forbidden, lost, source_of, tag
from tests.support.s3_commits import DATA, KEY, check_there, commit

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("part_size")]

SIZES = [pytest.param(100, id="one request"), pytest.param(4, id="in parts")]


async def test_a_large_one_goes_in_parts_and_carries_its_digests():
    bucket = Bucket()
    assert await commit(bucket).run() == "created"
    check_there(bucket)
    source = source_of(DATA)
    there = bucket.objects[KEY]
    assert there.checksums == {"CRC32": source.checksum.value}
    assert there.metadata["lading-sha256"] == source.sha256
    assert there.metadata["lading-size"] == "10"
    order = [name for name, _ in bucket.calls if name in {"create_upload", "put_small", "complete"}]
    assert order == ["create_upload", "put_small", "complete"]
    assert bucket.count("upload_part") == 3


@pytest.mark.parametrize("data", [b"", b"x", DATA[:4], DATA[:5], DATA[:8]])
async def test_any_size(data: bytes):
    bucket = Bucket()
    assert await commit(bucket, data).run() == "created"
    check_there(bucket, data)
    assert bucket.count("upload_part") == (0 if len(data) <= 4 else 2)


@pytest.mark.parametrize("part_size", SIZES, indirect=True)
async def test_a_409_sends_everything_again(part_size: int):
    bucket = Bucket()
    bucket.fail("put" if part_size == 100 else "complete", lambda: conflict(409), times=2)
    assert await commit(bucket).run() == "created"
    check_there(bucket)
    if part_size == 4:
        assert bucket.count("create_upload") == 3
        assert bucket.count("upload_part") == 9
        assert bucket.count("abort") == 2


@pytest.mark.parametrize("part_size", SIZES, indirect=True)
async def test_409_for_ever_is_a_conflict(part_size: int):
    bucket = Bucket()
    bucket.fail("put" if part_size == 100 else "complete", lambda: conflict(409), times=100)
    with pytest.raises(Conflict, match="always in between"):
        await commit(bucket).run()
    assert not bucket.open


@pytest.mark.parametrize("part_size", SIZES, indirect=True)
@pytest.mark.parametrize("status", [412, 409])
async def test_somebody_elses_other_bytes_win(part_size: int, status: int):
    bucket = Bucket()

    def other() -> None:
        bucket.write(KEY, b"theirs")
        raise conflict(status)

    bucket.before("put" if part_size == 100 else "complete", other)
    with pytest.raises(VersionExists, match=r"P 1\.0\.0 is staged in here already, with other bytes"):
        await commit(bucket).run()
    assert bucket.objects[KEY].data == b"theirs"
    assert not bucket.open


@pytest.mark.parametrize("part_size", SIZES, indirect=True)
@pytest.mark.parametrize("status", [412, 304])
async def test_what_another_has_removed_meanwhile_is_in_nobodys_way(part_size: int, status: int):
    """A stager that found no majority removes its artifact between our condition and our look at it."""
    bucket = Bucket()
    bucket.fail("put" if part_size == 100 else "complete", lambda: conflict(status))
    assert await commit(bucket).run() == "created"
    check_there(bucket)
    assert not bucket.open


@pytest.mark.parametrize("part_size", SIZES, indirect=True)
async def test_somebody_elses_same_bytes_are_as_good(part_size: int):
    bucket = Bucket()
    bucket.before("put" if part_size == 100 else "complete", lambda: bucket.write(KEY, DATA))
    assert await commit(bucket).run() in {"unchanged", "repaired"}
    check_there(bucket)


@pytest.mark.parametrize("part_size", SIZES, indirect=True)
async def test_what_a_callback_raises_at_the_end_is_raised_as_it_is(part_size: int):
    bucket = Bucket()

    def stop(_: object) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await commit(bucket, on_progress=stop).run()
    assert not bucket.open


# Lost responses.


@pytest.mark.parametrize("part_size", SIZES, indirect=True)
async def test_a_commit_whose_response_was_lost_is_looked_up(part_size: int):
    bucket = Bucket()
    bucket.fail("put" if part_size == 100 else "complete", lost, done=True)
    assert await commit(bucket).run() == "created"
    check_there(bucket)


async def test_an_upload_that_is_gone_because_it_was_completed_is_a_success():
    """The first request succeeded, its response was lost, and the response to the second is that there is no such upload."""
    bucket = Bucket()
    bucket.fail("complete", lambda: NotFound("s3: NoSuchUpload", status=404), done=True)
    assert await commit(bucket).run() == "created"
    check_there(bucket)


@pytest.mark.parametrize("part_size", SIZES, indirect=True)
async def test_the_same_for_a_condition_that_our_own_first_request_broke(part_size: int):
    bucket = Bucket()
    bucket.fail("put" if part_size == 100 else "complete", conflict, done=True)
    assert await commit(bucket).run() == "created"
    check_there(bucket)


@pytest.mark.parametrize("part_size", SIZES, indirect=True)
async def test_a_commit_that_never_arrived_is_not_done(part_size: int):
    bucket = Bucket()
    bucket.fail("put" if part_size == 100 else "complete", lost)
    with pytest.raises(NetworkError) as caught:
        await commit(bucket).run()
    assert caught.value.outcome == "not_done"
    assert KEY not in bucket.objects
    assert not bucket.open


async def test_the_outcome_is_unknown_while_the_store_cannot_be_queried():
    bucket = Bucket()

    def cut() -> None:
        bucket.fail("head", broken, times=9)
        raise lost()

    bucket.before("complete", cut)
    with pytest.raises(NetworkError) as caught:
        await commit(bucket).run()
    assert caught.value.outcome == "unknown"


async def test_what_another_stager_has_created_is_not_looked_at_to_be_removed():
    bucket = Bucket()
    late = commit(bucket)
    assert not await late.compare()
    await commit(bucket).run()
    assert await late.run() == "unchanged"
    bucket.denied.add("head")
    assert await late.remove()
    assert KEY in bucket.objects


def second_attempt_refused() -> Conflict:
    """The condition does not hold in the second attempt; the response to the first was lost."""
    error = conflict()
    error.outcome = "unknown"
    return error


@pytest.mark.parametrize("part_size", SIZES, indirect=True)
async def test_the_outcome_is_unknown_after_a_conflict_with_what_may_be_our_own_artifact(part_size: int):
    """The first request succeeded, its response was lost, and the condition refuses the second."""
    bucket = Bucket()

    def cut() -> None:
        bucket.fail("head", broken, times=9)
        raise second_attempt_refused()

    bucket.after("put" if part_size == 100 else "complete", cut)
    with pytest.raises(ServerError) as caught:
        await commit(bucket).run()
    assert caught.value.outcome == "unknown"
    assert KEY in bucket.objects


@pytest.mark.parametrize("part_size", [4], indirect=True)
@pytest.mark.parametrize(
    ("step", "done"),
    [
        ("put_small", False),
        ("create_upload", False),
        ("create_upload", True),
        ("upload_part", False),
        ("upload_part", True),
    ],
)
async def test_a_lost_response_before_the_artifact_is_created_is_not_done(part_size: int, step: str, done: bool):
    bucket = Bucket()
    bucket.fail(step, lost, done=done, times=9)
    with pytest.raises(NetworkError) as caught:
        await commit(bucket).run()
    assert caught.value.outcome == "not_done"
    assert KEY not in bucket.objects


async def test_the_outcome_is_unknown_after_a_conflict_with_what_may_be_our_own_metadata():
    """Metadata beside an artifact is repaired: the response to the first request was lost, the second is refused."""
    bucket = Bucket()
    await commit(bucket).run()
    del bucket.objects[f"{KEY}/metadata"]

    def cut() -> None:
        bucket.fail("get", broken)
        raise second_attempt_refused()

    bucket.after("put_small", cut)
    with pytest.raises(ServerError) as caught:
        await commit(bucket).run()
    assert caught.value.outcome == "unknown"
    assert f"{KEY}/metadata" in bucket.objects


@pytest.mark.parametrize("done", [True, False])
async def test_metadata_whose_response_was_lost(done: bool):
    bucket = Bucket()
    bucket.fail("put_small", lost, done=done)
    if not done:
        with pytest.raises(NetworkError):
            await commit(bucket).run()
        assert not bucket.open
    assert await commit(bucket).run() == "created"
    check_there(bucket)


@pytest.mark.parametrize("how", [lost, conflict])
async def test_metadata_written_late_with_its_response_lost_makes_way(how: Callable[[], LadingError]):
    """Somebody else has won and looked again before our write arrived: nobody but us can put it right."""
    bucket = Bucket()
    bucket.write(f"{KEY}/metadata", b"{theirs}")
    winner = commit(bucket, b"theirs", b"{theirs}")
    metadata = {"lading-sha256": winner.source.sha256, "lading-metadata": metadata_digest(b"{theirs}")}

    def win() -> None:
        bucket.objects[KEY] = Object(b"theirs", tag(b"theirs"), {}, metadata)

    bucket.after("head", lambda: None)  # the look at the beginning
    bucket.before("put_small", lambda: None)  # the write that meets theirs
    bucket.before("put_small", win)
    bucket.fail("put_small", how, done=True)
    with pytest.raises((VersionExists, NetworkError)):
        await commit(bucket).run()
    assert bucket.objects[f"{KEY}/metadata"].data == b"{theirs}"
    assert not bucket.open


# Copies.


def two() -> tuple[Bucket, Bucket]:
    first, second = Bucket("first"), Bucket("second")
    second.others = {"first": first}
    return first, second


@pytest.mark.parametrize("data", [b"", b"x", DATA])
async def test_the_store_copies_by_itself(data: bytes):
    first, second = two()
    assert await commit(first, data).run() == "created"
    assert await commit(second, data, copy_from=("first", KEY)).run() == "created"
    check_there(second, data)
    assert second.count("upload_part") == second.count("put") == 0
    assert second.objects[KEY].metadata["lading-sha256"] == source_of(data).sha256


@pytest.mark.parametrize("part_size", SIZES, indirect=True)
@pytest.mark.parametrize("step", ["create_upload", "copy_part", "complete"])
@pytest.mark.parametrize("error", [forbidden, broken])
async def test_what_cannot_be_copied_is_uploaded(part_size: int, step: str, error: Callable[[], LadingError]):
    first, second = two()
    await commit(first).run()
    second.fail(step, error)
    copying = commit(second, copy_from=("first", KEY))
    assert await copying.run() == "created"
    check_there(second)
    assert len(copying.warnings) == 1
    assert copying.warnings[0].startswith("could not be copied there, and was uploaded: ")


@pytest.mark.parametrize("copyable", [True, False])
async def test_a_transfer_says_what_it_did(copyable: bool):
    first, second = two()
    await commit(first).run()
    if not copyable:
        second.fail("copy_part", forbidden)
    copying = commit(second, copy_from=("first", KEY))
    await copying.run()
    found = copying.transferred
    assert (found.copied, found.sent, len(found.warnings)) == ((True, 0, 0) if copyable else (False, len(DATA), 1))


async def test_a_copy_of_other_bytes_is_noticed_and_uploaded():
    first, second = two()
    first.write(KEY, b"9876543210")
    assert await commit(second, copy_from=("first", KEY)).run() == "created"
    check_there(second)


async def test_a_store_that_keeps_a_wrong_copy_is_not_believed():
    """It accepts any checksum, and reports afterwards what it has: then the artifact there is not ours."""
    first, second = two()
    await commit(first).run()

    def keep_wrong() -> None:
        there = second.objects[KEY]
        second.objects[KEY] = Object(b"9876543210", '"x-1"', {"CRC32": "AAAAAA=="}, there.metadata)
        raise IntegrityError("s3: the store has another checksum")

    second.after("complete", keep_wrong)
    with pytest.raises(IntegrityError):
        await commit(second, copy_from=("first", KEY)).run()
    # Nor does the next one find it, and take it for staged.
    assert KEY not in second.objects
    assert await commit(second, copy_from=("first", KEY)).run() == "created"


@pytest.mark.parametrize("deletable", [True, False])
@pytest.mark.parametrize("part_size", SIZES, indirect=True)
async def test_an_artifact_that_arrived_with_another_checksum_is_deleted(part_size: int, deletable: bool):
    bucket = Bucket()

    def corrupt() -> None:
        bucket.objects[KEY] = Object(b"9876543210", '"x"', {}, bucket.objects[KEY].metadata)
        raise IntegrityError("s3: the store has another checksum", outcome="unknown")

    bucket.after("put" if part_size == 100 else "complete", corrupt)
    if not deletable:
        bucket.denied.add("delete")
    with pytest.raises(IntegrityError) as caught:
        await commit(bucket).run()
    assert caught.value.outcome == ("not_done" if deletable else "unknown")
    assert (KEY in bucket.objects) is not deletable


# What is there already.


async def test_what_is_there_is_compared_before_anything_is_sent():
    bucket = Bucket()
    bucket.write(KEY, b"theirs")
    with pytest.raises(VersionExists):
        await commit(bucket).compare()
    with pytest.raises(VersionExists):
        await commit(bucket).run()
    assert {name for name, _ in bucket.calls} == {"head"}


@pytest.mark.parametrize(
    ("etag", "checksums", "metadata", "same"),
    [
        (tag(DATA), {}, {}, True),  # startifact's: the tag is the digest
        (tag(b"9876543210"), {}, {}, False),
        ('"0123456789abcdef0123456789abcdef"', {"CRC32": source_of(DATA).checksum.value}, {}, True),  # KMS
        ('"0123456789abcdef0123456789abcdef-2"', {"CRC32": "AAAAAA=="}, {}, False),
        ('"x-2"', {}, {}, False),  # nothing to compare: not the same
        ('"x-2"', {}, {"lading-sha256": source_of(DATA).sha256}, True),
        (tag(DATA), {}, {"lading-sha256": "another"}, False),
    ],
)
async def test_what_counts_as_the_same(etag: str, checksums: dict[str, str], metadata: dict[str, str], same: bool):
    bucket = Bucket()
    bucket.objects[KEY] = Object(DATA, etag, checksums, metadata)
    if same:
        assert await commit(bucket, metadata=None).run() == "unchanged"
    else:
        nothing = not checksums and not metadata and "-" in etag
        with pytest.raises(VersionExists, match="keeps no digest" if nothing else "with other bytes"):
            await commit(bucket, metadata=None).run()


# Permissions that are missing.


@pytest.mark.parametrize("part_size", SIZES, indirect=True)
async def test_without_reading_a_new_version_is_staged_and_an_old_one_is_a_conflict(part_size: int):
    """startifact's own write policy: no s3:GetObject, and a HEAD of what is there is refused."""
    bucket = Bucket()

    def look() -> None:
        if KEY in bucket.objects:
            raise forbidden()

    bucket.before("head", look, times=99)
    bucket.denied |= {"get", "abort"}
    first = commit(bucket)
    assert await first.run() == "created"
    assert bucket.objects[KEY].data == DATA
    with pytest.raises(VersionExists, match="cannot be compared"):
        await commit(bucket, b"other").run()
    assert bucket.objects[KEY].data == DATA


async def test_what_is_missing_is_said_once():
    bucket = Bucket()
    bucket.denied |= {"head", "get"}
    staging = commit(bucket)
    await staging.compare()
    assert await staging.run() == "created"
    assert len(staging.warnings) == len(set(staging.warnings)) == 2

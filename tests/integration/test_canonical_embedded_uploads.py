"""Revisions uploaded to the embedded Charmhub, whose log is compared."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import to_thread

from lading import BadRequest, Forbidden, NotFound, NoticeEvent, Retry, fan_out
from lading.canonical import ReviewRejected
from lading.testing import DropAfter, DropBefore, RespondAfter, make_bundle, make_charm

if TYPE_CHECKING:
    from lading import Charmhub
    from lading.canonical import UploadedRevision
    from lading.testing import EmbeddedCharmhub

pytestmark = pytest.mark.anyio
NAME = "hello"


def charm(padding: object = "") -> bytes:
    """A charm; others with other padding."""
    return make_charm(NAME, padding=str(padding).encode())


@pytest.fixture
def store(embedded_charmhub: EmbeddedCharmhub) -> EmbeddedCharmhub:
    embedded_charmhub.add_package(NAME)
    return embedded_charmhub


@pytest.fixture
async def charmhub(store: EmbeddedCharmhub) -> Any:
    client = await to_thread.run_sync(partial(store.client, retry=Retry(attempts=3, backoff=0)))
    async with client as charmhub:
        yield charmhub


async def upload(charmhub: Charmhub, data: bytes, **options: Any) -> UploadedRevision:
    return await charmhub.revisions.upload(NAME, data, filename="hello.charm", **options)


async def numbers(store: EmbeddedCharmhub) -> list[int]:
    return [revision.number for revision in await to_thread.run_sync(store.revisions, NAME)]


async def test_uploaded_released_and_there_already(store: EmbeddedCharmhub, charmhub: Charmhub):
    done = await upload(charmhub, charm(), release=["latest/edge"])
    assert (done.revision, done.status) == (1, "uploaded")
    again = await upload(charmhub, charm(), release=["latest/beta"])
    assert (again.revision, again.status) == (1, "unchanged")
    (revision,) = await charmhub.revisions.list(NAME)
    assert (revision.sha3_384, revision.size, revision.status) == (done.sha3_384, done.size, "released")
    releases = await to_thread.run_sync(store.releases, NAME)
    assert {(one.channel, one.revision) for one in releases} == {("latest/edge", 1), ("latest/beta", 1)}


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (DropAfter(), "confirmed"),
        (RespondAfter(504), "confirmed"),
        (DropAfter(work_after=10), "confirmed"),
        (DropBefore(), "uploaded"),
    ],
    ids=repr,
)
async def test_a_lost_notification(store: EmbeddedCharmhub, charmhub: Charmhub, fault: Any, status: str):
    store.faults.add(fault, method="POST", path="*/revisions")
    done = await upload(charmhub, charm())
    assert (done.revision, done.status) == (1, status)
    assert await numbers(store) == [1]


@pytest.mark.parametrize(
    ("data", "reason"), [(b"no zip", "not a valid zip archive"), (make_charm("other"), "name in the file is 'other'")]
)
async def test_a_rejection(store: EmbeddedCharmhub, charmhub: Charmhub, data: bytes, reason: str):
    with pytest.raises(ReviewRejected, match=reason):
        await upload(charmhub, data)
    assert await numbers(store) == []


async def test_a_bundle(store: EmbeddedCharmhub, charmhub: Charmhub):
    await to_thread.run_sync(partial(store.add_package, "pile", type="bundle"))
    await charmhub.revisions.upload("pile", make_bundle("pile"), filename="pile.zip")
    (revision,) = await charmhub.revisions.list("pile")
    assert revision.bases == (None,)


async def test_a_file_that_another_package_has(store: EmbeddedCharmhub, charmhub: Charmhub):
    """The digest is unique in the whole store."""
    await upload(charmhub, charm())
    await to_thread.run_sync(store.add_package, "second")
    with pytest.raises(ReviewRejected, match="already exists in the database"):
        await charmhub.revisions.upload("second", charm(), filename="x.charm")


async def test_an_upload_is_notified_of_once(store: EmbeddedCharmhub, charmhub: Charmhub):
    sent = await charmhub.uploads.upload(charm(), filename="hello.charm")
    pending = await charmhub.revisions.notify(NAME, sent.upload_id)
    with pytest.raises(BadRequest, match="processed already"):
        await charmhub.revisions.notify(NAME, sent.upload_id)
    assert (await charmhub.revisions.wait_review(pending)).revision == 1


async def test_a_manual_review(store: EmbeddedCharmhub):
    await to_thread.run_sync(store.plan_review, "need_manual_review")
    noticed = anyio.Event()

    def hook(event: object) -> None:
        if isinstance(event, NoticeEvent):
            noticed.set()

    client = await to_thread.run_sync(partial(store.client, hooks=hook))
    async with client as charmhub:
        sent = await charmhub.uploads.upload(charm(), filename="hello.charm")
        pending = await charmhub.revisions.notify(NAME, sent.upload_id)

        async def decide() -> None:
            await noticed.wait()
            await to_thread.run_sync(store.decide_review, sent.upload_id, "approved")

        async with anyio.create_task_group() as group:
            group.start_soon(decide)
            assert (await charmhub.revisions.wait_review(pending)).revision == 1


async def test_many_reviews_are_polled_together(store: EmbeddedCharmhub, charmhub: Charmhub):
    events: list[str] = []
    pending = []
    for number in range(20):
        sent = await charmhub.uploads.upload(charm(number), filename="hello.charm")
        pending.append(await charmhub.revisions.notify(NAME, sent.upload_id))
    watching = charmhub.with_options(hooks=lambda event: events.append(event.path))
    ends = [review async for review in watching.revisions.wait_review(pending)]
    assert {review.upload_id for review in ends} == {one.upload_id for one in pending}
    assert {review.status for review in ends} == {"approved"}
    assert len(events) == 2 * 2  # an attempt and a call for each of two polls


async def test_a_fan_out(store: EmbeddedCharmhub, charmhub: Charmhub):
    async def work(number: int) -> UploadedRevision:
        return await upload(charmhub, charm(number // 2))

    async with fan_out(work, range(20), limit=20) as results:
        done = [result.value async for result in results]
    assert sorted(one.status for one in done) == ["unchanged"] * 10 + ["uploaded"] * 10
    assert await numbers(store) == sorted({one.revision for one in done}) == list(range(1, 11))


async def test_many_packages_with_new_tracks(store: EmbeddedCharmhub, charmhub: Charmhub):
    """One of them fails, as its guardrails do not allow the track; the others are published."""
    names = [f"block-{number}" for number in range(8)]
    for name in names:
        await to_thread.run_sync(store.add_package, name)
        await to_thread.run_sync(store.set_guardrails, name, r"1\.0" if name == names[3] else r"2\.0")

    async def work(name: str) -> UploadedRevision:
        await charmhub.tracks.ensure(name, "2.0")
        return await charmhub.revisions.upload(name, make_charm(name), filename="x.charm", release=["2.0/edge"])

    for status in ("uploaded", "unchanged"):  # again, as after an interruption
        async with fan_out(work, names, limit=8) as results:
            ended = {result.item: result async for result in results}
        assert [name for name, result in ended.items() if not result.ok] == [names[3]]
        assert isinstance(ended[names[3]].error, BadRequest)
        assert {result.value.status for result in ended.values() if result.ok} == {status}
    for name in set(names) - {names[3]}:
        (released,) = await to_thread.run_sync(store.releases, name)
        assert (released.channel, released.revision) == ("2.0/edge", 1)


async def test_credentials_that_do_not_allow_it(store: EmbeddedCharmhub):
    token = await to_thread.run_sync(partial(store.create_token, permissions=["account-view-packages"]))
    client = await to_thread.run_sync(partial(store.client, token))
    async with client as charmhub:
        with pytest.raises(Forbidden):
            await upload(charmhub, charm())
    async with await to_thread.run_sync(store.client) as charmhub:
        with pytest.raises(NotFound):
            await charmhub.revisions.upload("nobody-has-this", charm(), filename="x.charm")
    assert store.reviews == ()

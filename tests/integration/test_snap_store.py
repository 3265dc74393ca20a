"""The Snap Store's client and the embedded Snap Store: from a name to what installers get."""

from __future__ import annotations

import hashlib
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from lading import BadRequest, ConfigError, Conflict, Forbidden, NetworkError, NotFound, Retry
from lading.canonical import ReviewRejected
from lading.testing import DropAfter, EmbeddedOnPremSnapStore, EmbeddedSnapStore, RespondAfter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.anyio
NAME = "hello"
PUSH = "/dev/api/snap-push/"


async def in_thread(work: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    """Call what reads or writes files of the store."""
    await anyio.to_thread.run_sync(partial(work, *arguments, **options))


@pytest.fixture
def snap_store() -> Iterator[EmbeddedSnapStore]:
    """The embedded Snap Store, with a snap."""
    with EmbeddedSnapStore() as store:
        store.add_package(NAME)
        yield store
    assert store.errors == []


@pytest.fixture
def snap_file(tmp_path: Path) -> Path:
    """A snap."""
    path = tmp_path / "hello_1.0_amd64.snap"
    path.write_bytes(b"hsqs" + b"1" * 1000)
    return path


async def test_credentials_that_are_restricted(snap_store: EmbeddedSnapStore):
    exported = snap_store.export_credentials(packages=[NAME], channels=["edge"], permissions=["package_access"])
    async with snap_store.client(exported) as snaps:
        found = await snaps.tokens.whoami()
    owner = snap_store.owner
    assert (found.account.id, found.account.display_name) == (owner.id, owner.display_name)
    assert (found.channels, found.permissions) == (("edge",), ("package_access",))
    assert [package.id for package in found.packages or ()] == [snap_store.package_id(NAME)]


async def test_from_a_name_to_what_installers_get(snap_store: EmbeddedSnapStore, snap_file: Path):
    async with snap_store.client() as snaps:
        snap_id = await snaps.packages.register("other")
        assert snap_store.package_id("other") == snap_id
        with pytest.raises(Conflict, match="registered already, by this account") as caught:
            await snaps.packages.register("other")
        assert caught.value.code == "already_owned"
        assert [package.name for package in await snaps.packages.list()] == [NAME, "other"]
        done = await snaps.revisions.upload("other", snap_file, release=["edge"])
        assert (done.revision, done.status) == (1, "uploaded")
        (seen,) = await snaps.releases.wait_installable("other", 1, ["edge"])
        assert (seen.revision, seen.channel.architecture) == (1, "amd64")
        again = await snaps.revisions.upload("other", snap_file, release=["edge", "beta"])
        assert (again.revision, again.status) == (1, "unchanged")
        assert {one.channel: one.revision for one in await snaps.releases.list("other")} == {
            "latest/beta": 1,
            "latest/edge": 1,
        }
        (listed,) = await snaps.revisions.list("other")
        assert (listed.revision, listed.sha3_384, listed.version) == (1, done.sha3_384, "1.0")
        assert [one.revision async for one in snaps.releases.history("other")] == [1, 1, 1]
    assert len(snap_store.pushes) == 1


async def test_a_review_that_rejects_or_waits_for_people(snap_store: EmbeddedSnapStore, snap_file: Path):
    async with snap_store.client() as snaps:
        snap_store.plan_review("processing_error", "bad plugs")
        with pytest.raises(ReviewRejected, match="bad plugs"):
            await snaps.revisions.upload(NAME, snap_file)
        snap_store.plan_review("need_manual_review")
        with pytest.raises(ReviewRejected, match="waits for a manual review"):
            await snaps.revisions.upload(NAME, snap_file, release=["edge"])
        assert snap_store.releases(NAME) == ()
        snap_store.decide_review(NAME, "ready_to_release")
        assert [release.revision for release in snap_store.releases(NAME)] == [1]
        done = await snaps.revisions.upload(NAME, snap_file, release=["edge"])
    assert (done.revision, done.status) == (1, "unchanged")


async def test_what_the_review_refuses_to_release_is_an_error(snap_store: EmbeddedSnapStore, snap_file: Path):
    snap_store.plan_review(grade="devel")
    async with snap_store.client() as snaps:
        with pytest.raises(BadRequest, match="devel grade") as caught:
            await snaps.revisions.upload(NAME, snap_file, release=["stable"])
    assert caught.value.__notes__ == ["revision 1 of hello is approved; only its release failed"]


async def test_who_may_not_upload_sends_nothing(snap_store: EmbeddedSnapStore, snap_file: Path):
    stranger = snap_store.add_account("stranger")
    async with snap_store.client(snap_store.export_credentials(stranger)) as snaps:
        with pytest.raises((Forbidden, NotFound)):
            await snaps.revisions.check_upload(NAME)
        with pytest.raises((Forbidden, NotFound)):
            await snaps.revisions.upload(NAME, snap_file)
        with pytest.raises(NotFound, match="no snap of this account"):
            await snaps.packages.get(NAME)
    assert snap_store.pushes == ()


@pytest.mark.parametrize("fault", [DropAfter(), RespondAfter(504), RespondAfter(200, b"<html>")], ids=repr)
async def test_a_lost_push_becomes_one_revision(snap_store: EmbeddedSnapStore, snap_file: Path, fault: Any):
    snap_store.faults.add(fault, method="POST", path=PUSH)
    async with snap_store.client(retry=Retry(attempts=3)) as snaps:
        if isinstance(fault, RespondAfter) and fault.status == 200:
            with pytest.raises(Exception, match="not what the store promises") as caught:
                await snaps.revisions.upload(NAME, snap_file, check_permission=False)
            assert caught.value.outcome == "unknown"  # type: ignore[attr-defined]
            await in_thread(snap_store.advance_reviews)
        done = await snaps.revisions.upload(NAME, snap_file, check_permission=False, release=["edge"])
    assert done.revision == 1
    assert len(snap_store.revisions(NAME)) == 1
    assert [release.revision for release in snap_store.releases(NAME)] == [1]


async def test_releases(snap_store: EmbeddedSnapStore):
    snap_store.add_track(NAME, "2.0")
    for architecture in ("amd64", "arm64", "amd64"):
        await in_thread(snap_store.add_revision, NAME, architectures=[architecture])
    async with snap_store.client() as snaps:
        await snaps.releases.release(NAME, 1, ["edge", "beta"])
        await snaps.releases.release(NAME, 2, ["edge"])
        await snaps.releases.release(NAME, 3, ["edge"], progressive=20)
        edge = (await snaps.releases.channel_map(NAME)).in_channel("edge")
        assert sorted((one.revision, one.architecture) for one in edge) == [(1, "amd64"), (2, "arm64"), (3, "amd64")]
        with pytest.raises(Conflict, match="release one of them to all devices first"):
            await snaps.releases.promote(NAME, "edge", "stable")
        await snaps.releases.release(NAME, 3, ["edge"], progressive=100)
        with pytest.raises(Conflict, match="nothing was promoted"):
            await snaps.releases.promote(NAME, "edge", "stable", only_if_revision=3)
        await snaps.releases.promote(NAME, "edge", "stable", only_if_revision=[2, 3])
        stable = (await snaps.releases.channel_map(NAME)).in_channel("stable")
        assert sorted((one.revision, one.architecture) for one in stable) == [(2, "arm64"), (3, "amd64")]
        await snaps.releases.promote(NAME, "latest", "2.0")
        await snaps.releases.release(NAME, None, ["edge", "2.0/stable"])
        channels = {one.channel for one in await snaps.releases.list(NAME)}
        assert channels == {"latest/stable", "latest/beta", "2.0/beta", "2.0/edge"}
        with pytest.raises(BadRequest, match="Not a valid channel"):
            await snaps.releases.release(NAME, 1, ["3.0/edge"])
        state = await snaps.packages.state(NAME)
        first = state.channels("latest", "amd64")[0]
        assert (first.channel, first.revision) == ("stable", 3)


@pytest.mark.parametrize("fault", [DropAfter(), RespondAfter(504)], ids=repr)
async def test_a_lost_release_or_close_is_found_in_the_channel_map(snap_store: EmbeddedSnapStore, fault: Any):
    await in_thread(snap_store.add_revision, NAME)
    async with snap_store.client() as snaps:
        snap_store.faults.add(fault, method="POST")
        await snaps.releases.release(NAME, 1, ["edge"])
        snap_store.faults.add(fault, method="POST")
        await snaps.releases.release(NAME, None, ["edge"])
        history = [one.revision async for one in snaps.releases.history(NAME)]
    assert history == [None, 1]


async def test_metadata_and_icon(snap_store: EmbeddedSnapStore):
    snap_store.edit_metadata(NAME, summary="from the web", icon=True)
    async with snap_store.client() as snaps:
        with pytest.raises(Conflict, match="summary"):
            await snaps.metadata.update(NAME, {"summary": "mine"})
        await snaps.metadata.update(NAME, {"summary": "mine"}, force=True)
        assert snap_store.metadata(NAME)["summary"] == "mine"
        icon = b"\x89PNG\r\n\x1a\n" + b"0" * 100
        assert await snaps.metadata.update_binary(NAME, icon, filename="icon.png", force=True) is True
        (media,) = await snaps.metadata.get_binary(NAME)
        assert (media.type, media.hash) == ("icon", hashlib.sha256(icon).hexdigest())
        assert await snaps.metadata.update_binary(NAME, icon, filename="icon.png") is False
        assert await snaps.metadata.update_binary(NAME, None, force=True) is True
        assert await snaps.metadata.get_binary(NAME) == ()


async def test_metrics(snap_store: EmbeddedSnapStore):
    metric, day = "installed_base_by_channel", date(2026, 11, 20)
    snap_store.set_metric(NAME, metric, {"2026-11-20": {"stable": 3}})
    async with snap_store.client() as snaps:
        found = await snaps.metrics.get(NAME, metric, day, day)
    assert (found.status, found.buckets) == ("OK", ("2026-11-20",))
    assert [(series.name, series.values) for series in found.series] == [("stable", (3,))]


KEY_REQUEST = (
    "type: account-key-request\naccount-id: {account}\nname: default\npublic-key-sha3-384: key-1\n"
    "since: 2026-11-01T10:00:00Z\nbody-length: 4\nsign-key-sha3-384: key-1\n\nAcbD\n\nsignature"
)
SET = (
    "type: validation-set\nauthority-id: {account}\nseries: 16\naccount-id: {account}\nname: my-set\nsequence: 1\n"
    "snaps:\n  -\n    name: hello\n    id: {snap}\ntimestamp: 2026-11-01T10:00:00.000000Z\nsign-key-sha3-384: key-1\n\n"
    "signature"
)


@pytest.mark.parametrize("fault", [None, DropAfter(), DropAfter(work_after=20), RespondAfter(504)], ids=repr)
async def test_keys_and_assertions(snap_store: EmbeddedSnapStore, fault: Any):
    def lose() -> None:
        if fault is not None:
            snap_store.faults.add(fault, method="POST")

    async with snap_store.client() as snaps:
        account = (await snaps.account.get()).id
        lose()
        key = await snaps.account.register_key(KEY_REQUEST.format(account=account))
        assert (key.name, key.public_key_sha3_384) == ("default", "key-1")
        assert [one.name for one in await snaps.account.list_keys()] == ["default"]
        lose()
        definition = {"account-id": account, "name": "my-set", "sequence": 1, "snaps": [{"name": NAME}]}
        headers = await snaps.validations.build_set(definition)
        assert (headers.name, headers.sequence, headers.type) == ("my-set", 1, "validation-set")
        lose()
        signed = SET.format(account=account, snap=snap_store.package_id(NAME))
        (posted,) = await snaps.validations.post_set(signed)
        assert (posted.name, posted.sequence, posted.account_id) == ("my-set", 1, account)
        assert await snaps.validations.list_sets() == await snaps.validations.list_sets("my-set") == (posted,)
        with pytest.raises(Conflict, match="another revision"):
            await snaps.validations.post_set(signed)
        with pytest.raises(BadRequest):
            await snaps.builds.push(NAME, "type: snap-build\n\nsignature")
        assert await snaps.validations.list(NAME) == ()


@pytest.mark.parametrize("work_after", [0.0, 20.0])
async def test_a_lost_registration_leaves_the_outcome_unknown(snap_store: EmbeddedSnapStore, work_after: float):
    snap_store.faults.add(DropAfter(work_after=work_after), method="POST", path="/dev/api/register-name/")
    async with snap_store.client() as snaps:
        with pytest.raises(NetworkError) as caught:
            await snaps.packages.register("other")
    assert caught.value.outcome == "unknown"
    assert snap_store.packages == (NAME, "other")


@pytest.mark.parametrize("work_after", [5.0, 20.0, 100.0])
async def test_a_push_that_is_carried_out_late_becomes_one_revision(
    snap_store: EmbeddedSnapStore, snap_file: Path, work_after: float
):
    snap_store.faults.add(DropAfter(work_after=work_after), method="POST", path=PUSH)
    async with snap_store.client() as snaps:
        done = await snaps.revisions.upload(NAME, snap_file, check_permission=False, release=["edge"])
        await in_thread(snap_store.advance_clock, 200)
        assert (await snaps.revisions.upload(NAME, snap_file)).status == "unchanged"
    await in_thread(snap_store.advance_reviews)
    assert done.revision == 1
    assert len(snap_store.revisions(NAME)) == 1


@pytest.mark.parametrize("work_after", [5.0, 20.0])
async def test_a_release_that_is_carried_out_late_is_made_once_or_again(
    snap_store: EmbeddedSnapStore, work_after: float
):
    await in_thread(snap_store.add_revision, NAME)
    snap_store.faults.add(DropAfter(work_after=work_after), method="POST")
    async with snap_store.client() as snaps:
        await snaps.releases.release(NAME, 1, ["edge"])
        await in_thread(snap_store.advance_clock, 60)
        assert {one.revision for one in await snaps.releases.list(NAME)} == {1}


async def test_an_on_prem_store(snap_file: Path):
    async with EmbeddedOnPremSnapStore() as store, store.client() as snaps:
        await snaps.packages.register("other")
        done = await snaps.revisions.upload("other", snap_file, release=["edge"])
        again = await snaps.revisions.upload("other", snap_file)
        assert (done.revision, done.status, again.status) == (1, "uploaded", "unchanged")
        await snaps.releases.promote("other", "edge", "stable", only_if_revision=1)
        assert {one.channel: one.revision for one in await snaps.releases.list("other")} == {
            "latest/stable": 1,
            "latest/edge": 1,
        }
        await snaps.releases.release("other", None, ["edge"])
        assert (await snaps.releases.channel_map("other")).in_channel("edge") == ()
        assert [one.version for one in await snaps.revisions.list("other")] == ["1.0"]
        assert [package.name for package in await snaps.packages.list()] == ["other"]
        with pytest.raises(ConfigError, match="has no metrics"):
            await snaps.metrics.query([])
    assert store.errors == []

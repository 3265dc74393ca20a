"""Packages, releases, tracks and resources at the embedded Charmhub."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lading import BadRequest, Conflict, Forbidden, InvalidResponse, NetworkError, NotFound, Retry
from lading.canonical import ResourceBase
from lading.testing import DropAfter, DropBefore, EmbeddedCharmhub
from lading.testing.canonical import make_charm

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio
QUICK = Retry(backoff=0)
BOTH = (("ubuntu", "22.04", ("amd64",)), ("ubuntu", "24.04", ("amd64",)))
RESOURCES = {"config": "file", "image": "oci-image"}
DIGEST = "sha256:" + "ab" * 32


@pytest.fixture
def store() -> Iterator[EmbeddedCharmhub]:
    """An embedded Charmhub with the package ``demo``, whose tracks are numbers."""
    with EmbeddedCharmhub() as found:
        found.add_package("demo")
        found.set_guardrails("demo", r"\d+\.\d+")
        yield found


async def test_from_a_name_to_what_installers_see(store: EmbeddedCharmhub):
    store.info_delay = 20.0
    async with store.client(retry=QUICK) as charmhub:
        package_id = await charmhub.packages.register("other", type="charm", private=False)
        assert (await charmhub.packages.get("other")).id == package_id
        store.set_guardrails("other", r"\d+\.\d+")
        assert await charmhub.tracks.ensure("other", "2.0", "latest") == ("2.0",)
        uploaded = await charmhub.revisions.upload(
            "other", make_charm("other", version="2.0.1"), filename="other.charm"
        )
        (result,) = await charmhub.releases.release("other", uploaded.revision, ["2.0/edge"])
        assert (result.channel, result.revision) == ("2.0/edge", uploaded.revision)
        (public,) = await charmhub.releases.wait_installable("other", uploaded.revision, ["2.0/edge"], poll=5)
        assert (public.channel.name, public.version) == ("2.0/edge", "2.0.1")
        await charmhub.releases.promote("other", "2.0/edge", "2.0/stable", only_if_revision=uploaded.revision)
        await charmhub.releases.release("other", None, ["2.0/edge"])
        channel_map = await charmhub.releases.channel_map("other")
    assert channel_map.in_channel("2.0/edge") == ()
    assert [release.revision for release in channel_map.in_channel("2.0/stable")] == [uploaded.revision]
    assert {channel.name for channel in channel_map.channels} >= {"2.0/stable", "latest/edge"}
    assert channel_map.revisions[0].bases[0] is not None


async def test_names(store: EmbeddedCharmhub):
    bob = store.add_account("bob")
    store.add_package("bobs", owner=bob)
    store.reserve("juju")
    async with store.client(retry=QUICK) as charmhub:
        for taken in ("demo", "bobs", "juju"):
            with pytest.raises(Conflict):
                await charmhub.packages.register(taken, type="charm")
        assert [package.name for package in await charmhub.packages.list()] == ["demo"]
        package = await charmhub.packages.update_metadata("demo", summary="A demo", contact="https://example.com/")
        assert (package.summary, package.contact) == ("A demo", "https://example.com/")
        await charmhub.packages.unregister("demo")
        with pytest.raises(NotFound):
            await charmhub.packages.get("demo")


async def test_a_name_of_another_account_is_a_conflict_after_a_lost_response(store: EmbeddedCharmhub):
    """The store shows no packages of others, so the look-up finds none; the second request is refused."""
    store.add_package("bobs", owner=store.add_account("bob"))
    store.faults.add(DropBefore(), method="POST")
    async with store.client(retry=QUICK) as charmhub:
        with pytest.raises(Conflict) as caught:
            await charmhub.packages.register("bobs", type="charm")
    assert (caught.value.status, caught.value.outcome) == (409, "not_done")


async def test_a_lost_registration_is_unknown_and_happens_once(store: EmbeddedCharmhub):
    store.faults.add(DropAfter(), method="POST")
    async with store.client(retry=QUICK) as charmhub:
        with pytest.raises(NetworkError) as caught:
            await charmhub.packages.register("other", type="charm")
    assert caught.value.outcome == "unknown"
    assert store.packages == ("demo", "other")


async def test_tracks_that_break_the_guardrails(store: EmbeddedCharmhub):
    async with store.client(retry=QUICK) as charmhub:
        with pytest.raises(BadRequest):
            await charmhub.tracks.create("demo", "nope")
        assert await charmhub.tracks.create("demo", "1.0", "2.0") == 2
        with pytest.raises(Conflict):
            await charmhub.tracks.create("demo", "2.0", "3.0")
        assert await charmhub.tracks.ensure("demo", "2.0", "3.0") == ("3.0",)
    assert store.tracks("demo") == ("latest", "1.0", "2.0", "3.0")


async def test_promotion_along_the_risks_keeps_every_base(store: EmbeddedCharmhub):
    async with store.client(retry=QUICK) as charmhub:
        for number, bases in enumerate((BOTH, BOTH[1:]), 1):
            charm = make_charm("demo", version=str(number), bases=bases)
            await charmhub.revisions.upload("demo", charm, filename="demo.charm", release=["edge"])
        for source, target in (("edge", "beta"), ("beta", "candidate"), ("candidate", "stable")):
            store.faults.add(DropAfter(), method="POST", path="*/releases")
            results = await charmhub.releases.promote("demo", source, target, only_if_revision=[1, 2])
            assert {result.revision for result in results} == {1, 2}
        stable = (await charmhub.releases.channel_map("demo")).in_channel("stable")
    assert {release.base and release.base.channel: release.revision for release in stable} == {"22.04": 1, "24.04": 2}


async def test_a_progressive_release_stands_beside_what_was_there(store: EmbeddedCharmhub):
    async with store.client(retry=QUICK) as charmhub:
        for number in (1, 2):
            await charmhub.revisions.upload("demo", make_charm("demo", version=str(number)), filename="demo.charm")
        await charmhub.releases.release("demo", 1, ["stable"])
        store.faults.add(DropAfter(), method="POST", path="*/releases")
        await charmhub.releases.release("demo", 2, ["stable"], progressive=20)
        there = (await charmhub.releases.channel_map("demo")).in_channel("stable")
        assert [(r.revision, r.progressive and r.progressive.percentage) for r in there] == [(1, None), (2, 20)]
        with pytest.raises(Conflict, match="for some devices"):
            await charmhub.releases.promote("demo", "stable", "candidate")
        await charmhub.releases.release("demo", 2, ["stable"])
        there = (await charmhub.releases.channel_map("demo")).in_channel("stable")
        assert [release.revision for release in there] == [2]


async def test_a_store_that_releases_to_all_devices_is_no_success():
    async with EmbeddedCharmhub(progressive=False) as store:
        store.add_package("demo")
        async with store.client(retry=QUICK) as charmhub:
            await charmhub.revisions.upload("demo", make_charm("demo"), filename="demo.charm")
            with pytest.raises(InvalidResponse, match="ignored progressive="):
                await charmhub.releases.release("demo", 1, ["stable"], progressive=20)


async def test_resources_that_come_with_a_release(store: EmbeddedCharmhub):
    async with store.client(retry=QUICK) as charmhub:
        await charmhub.revisions.upload("demo", make_charm("demo", resources=RESOURCES), filename="demo.charm")
        with pytest.raises(BadRequest):
            await charmhub.releases.release("demo", 1, ["edge"])
        file = await charmhub.resources.upload("demo", "config", b"a = 1", filename="config.ini", type="file")
        again = await charmhub.resources.upload("demo", "config", b"a = 1", filename="config.ini")
        image = await charmhub.resources.upload_image("demo", "image", DIGEST, architectures=["amd64"])
        assert (file.status, again.status, again.revision, image.status) == ("uploaded", "unchanged", 1, "uploaded")
        given = {"config": file.revision, "image": image.revision}
        store.faults.add(DropAfter(), method="POST", path="*/releases")
        (result,) = await charmhub.releases.release("demo", 1, ["edge"], resources=given)
        assert {resource.name: resource.revision for resource in result.resources} == given
        await charmhub.releases.promote("demo", "edge", "beta")
        (beta,) = (await charmhub.releases.channel_map("demo")).in_channel("beta")
        assert {resource.name: resource.revision for resource in beta.resources} == given
        arm64 = ResourceBase(architectures=("arm64",))
        assert await charmhub.resources.update("demo", "config", {1: [arm64]}) == 1
        (revision,) = await charmhub.resources.revisions("demo", "config")
        assert revision.bases == (arm64,)
        assert {resource.name: resource.type for resource in await charmhub.resources.list("demo")} == RESOURCES
        assert (await charmhub.resources.image_credentials("demo", "image")).image_name.endswith("/image")


async def test_a_lost_resource_notification_makes_one_revision(store: EmbeddedCharmhub):
    async with store.client(retry=QUICK) as charmhub:
        await charmhub.revisions.upload("demo", make_charm("demo", resources=RESOURCES), filename="demo.charm")
        store.faults.add(DropAfter(), method="POST", path="*/config/revisions")
        done = await charmhub.resources.upload("demo", "config", b"a = 1", filename="config.ini")
        assert (done.revision, done.status) == (1, "confirmed")
        assert len(await charmhub.resources.revisions("demo", "config")) == 1


@pytest.mark.parametrize("late", [0.0, 10.0, 29.0])
async def test_a_release_that_is_made_late_is_never_called_not_done(store: EmbeddedCharmhub, late: float):
    """The store is still working on the last attempt when its connection ends."""
    async with store.client(retry=1) as charmhub:
        await charmhub.revisions.upload("demo", make_charm("demo"), filename="demo.charm")
        store.faults.add(DropAfter(work_after=late), method="POST", path="*/releases")
        (result,) = await charmhub.releases.release("demo", 1, ["edge"])
    assert result.revision == 1
    assert [release.revision for release in store.releases("demo")] == [1]


async def test_credentials_for_one_channel_do_not_release_to_another(store: EmbeddedCharmhub):
    async with store.client(retry=QUICK) as charmhub:
        await charmhub.revisions.upload("demo", make_charm("demo"), filename="demo.charm")
    async with store.client(store.create_token(channels=["edge"]), retry=QUICK) as charmhub:
        with pytest.raises(Forbidden):
            await charmhub.releases.release("demo", 1, ["stable"])
    assert store.releases("demo") == ()

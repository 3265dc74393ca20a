"""On-prem stores of snaps: the publisher gateway's API behind the methods of the Snap Store's client."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from lading import ConfigError, Conflict, SnapStore
from lading.canonical import PendingReview, ReviewRejected, on_prem_snap_store
from lading.canonical._upload import Upload
from tests.support.fake_gateway import TOKEN as FAKE_TOKEN
from tests.support.fake_gateway import FakeGateway
from tests.support.gateway_double import QUICK, TOKEN, Gateway, sha3
from tests.support.instant_clock import InstantClock
from tests.support.snap_dashboard import SnapDashboard

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

pytestmark = pytest.mark.anyio
NAME = "my-charm"  # the only name that the gateway has
DATA = b"hsqs"


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """An on-prem store with uploads and reviews."""
    with Gateway("snap") as store:
        yield store


@pytest.fixture
def names() -> Iterator[FakeGateway]:
    """An on-prem store with names and releases."""
    store = FakeGateway()
    with store.server:
        yield store


def client_of(gateway: Gateway) -> SnapStore:
    """A client of the store, whose waits take no time."""
    url = gateway.server.url
    return SnapStore(on_prem_snap_store(url, url), token=TOKEN, retry=QUICK, clock=gateway.clock)


def snap_client(names: FakeGateway) -> SnapStore:
    """A client of the store with names and releases."""
    names.namespace = "snap"
    endpoints = on_prem_snap_store(names.server.url, names.server.url)
    return SnapStore(endpoints, token=FAKE_TOKEN, retry=QUICK, clock=InstantClock())


class TestRevisions:
    async def test_the_complete_way(self, gateway: Gateway):
        async with client_of(gateway) as store:
            done = await store.revisions.upload(NAME, DATA, filename="my.snap", release=["edge"])
            again = await store.revisions.upload(NAME, DATA, filename="my.snap")
            (listed,) = await store.revisions.list(NAME)
        assert (done.revision, done.status, again.status, listed.revision) == (1, "uploaded", "unchanged", 1)
        assert gateway.seen[:3] == [
            f"GET /v1/snap/{NAME}/revisions",
            "POST /unscanned-upload/",
            f"POST /v1/snap/{NAME}/revisions",
        ]
        assert gateway.released == [[{"channel": "edge", "revision": 1}]]

    async def test_an_upload_is_notified_of_and_waited_for(self, gateway: Gateway):
        gateway.reasons[b"bad"] = [{"code": "review-error", "message": "bad plugs"}]
        async with client_of(gateway) as store:
            good, bad = [
                await store.revisions.notify(NAME, await store.uploads.upload(data, filename="my.snap"))
                for data in (DATA, b"bad")
            ]
            assert isinstance(good, PendingReview)
            assert (await store.revisions.wait_review(good)).is_approved
            assert [review.status async for review in store.revisions.wait_review([bad])] == ["rejected"]
            with pytest.raises(ReviewRejected, match="bad plugs"):
                await store.revisions.wait_review(bad)

    @pytest.mark.parametrize(
        "options",
        [
            {"progressive": 30, "release": ["edge"]},
            {"built_at": datetime(2026, 1, 1, tzinfo=UTC)},
            {"components": {"a": "b"}},
        ],
    )
    async def test_what_only_the_snap_store_has_is_refused_before_anything_is_sent(
        self, gateway: Gateway, options: dict[str, Any]
    ):
        async with client_of(gateway) as store:
            with pytest.raises(ConfigError, match="is not possible in a store with the publisher gateway's API"):
                await store.revisions.upload(NAME, DATA, filename="my.snap", **options)
            with pytest.raises(ConfigError, match="channels= is not possible"):
                await store.revisions.notify(NAME, Upload("upload-1", "x", 1, sha3(b"")), channels=["edge"])
        assert gateway.seen == []


class TestNamesAndReleases:
    async def test_names(self, names: FakeGateway):
        async with snap_client(names) as store:
            assert await store.packages.register("new", private=True) == "ID-new"
            assert names.sent("POST /v1/snap") == [{"name": "new", "private": True, "type": "snap"}]
            with pytest.raises(Conflict):
                await store.packages.register("new")
            assert [package.name for package in await store.packages.list()] == ["new"]
            assert (await store.packages.get("new")).id == "ID-new"
            with pytest.raises(ConfigError, match="store= is not possible"):
                await store.packages.register("other", store="brand")
            await store.packages.unregister("new")
        assert names.packages == {}

    async def test_releases(self, names: FakeGateway):
        names.add_package("demo", revisions=2)
        async with snap_client(names) as store:
            await store.releases.release("demo", 2, ["edge"])
            assert {one.revision for one in await store.releases.list("demo")} == {2}
            await store.releases.promote("demo", "edge", "stable", only_if_revision=2)
            await store.releases.release("demo", None, ["edge"])
            for percentage in (0, 20, 100):
                with pytest.raises(ConfigError, match="progressive= is not possible"):
                    await store.releases.release("demo", 1, ["edge"], progressive=percentage)
            assert [one.revision for one in (await store.releases.channel_map("demo")).in_channel("stable")][:1] == [2]
        assert names.count("POST /v1/snap/demo/releases") == 3


UNAVAILABLE: dict[str, Callable[[SnapStore], Awaitable[object]]] = {
    "metadata": lambda store: store.metadata.update("demo", {"title": "x"}),
    "builds": lambda store: store.builds.push("demo", "x"),
    "validations": lambda store: store.validations.list_sets(),
    "account": lambda store: store.account.get(),
    "metrics": lambda store: store.metrics.get("demo", "m", date(2026, 1, 1), date(2026, 1, 2)),
    "packages.state": lambda store: store.packages.state("demo"),
    "revisions.check_upload": lambda store: store.revisions.check_upload("demo"),
}


@pytest.mark.parametrize("what", UNAVAILABLE)
async def test_what_an_on_prem_store_does_not_have_says_so(names: FakeGateway, what: str):
    async with snap_client(names) as store:
        with pytest.raises(ConfigError, match=f"a store with the publisher gateway's API has no {what}"):
            await UNAVAILABLE[what](store)
        with pytest.raises(ConfigError, match=r"has no releases\.history"):
            store.releases.history("demo")
    assert names.seen == []


async def test_the_api_decides_not_the_name_of_the_store(dashboard: SnapDashboard):
    """A store of one's own may have the dashboard's API."""
    endpoints = replace(dashboard.endpoints, name="my-store")
    async with SnapStore(endpoints, token=TOKEN) as store:
        assert (await store.account.get()).username == "ada"

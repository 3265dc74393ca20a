"""Releasing, closing and promoting at a publisher gateway, and waiting until installers see it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lading import (
    Conflict,
    Forbidden,
    InputError,
    InvalidResponse,
    LadingError,
    NetworkError,
    NotFound,
    Retry,
    ServerError,
)
from lading.testing import DropAfter, DropBefore, Fault, Respond, RespondAfter
from tests.support.fake_gateway import BASES, FakeGateway, public_charm, public_snap
from tests.support.instant_clock import InstantClock

pytestmark = pytest.mark.anyio
POST = "POST /v1/charm/demo/releases"
GET = "GET /v1/charm/demo/releases"


@pytest.fixture
def demo(fake: FakeGateway) -> FakeGateway:
    """The gateway, with the package ``demo`` of three revisions for two bases."""
    fake.add_package("demo", "2.0", "3.0", revisions=3)
    return fake


async def test_a_release_is_one_request_with_an_item_for_each_channel(demo: FakeGateway):
    async with demo.client() as charmhub:
        results = await charmhub.releases.release("demo", 2, ["edge", "2.0/stable/fix-1", "latest/edge"])
    # What was not given is not sent, and a channel is sent once, by the name that was given.
    assert demo.sent(POST) == [[{"channel": "edge", "revision": 2}, {"channel": "2.0/stable/fix-1", "revision": 2}]]
    assert [(result.channel, result.revision) for result in results] == [("edge", 2), ("2.0/stable/fix-1", 2)]
    assert demo.seen == [POST]


@pytest.mark.parametrize(
    ("resources", "sent"),
    [
        ({"image": 3, "file": None}, [{"name": "image", "revision": 3}, {"name": "file", "revision": None}]),
        ({}, []),
        (None, None),
    ],
)
async def test_resources_are_sent_as_they_were_given(demo: FakeGateway, resources: Any, sent: Any):
    async with demo.client() as charmhub:
        await charmhub.releases.release("demo", 1, ["edge"], resources=resources)
    assert demo.sent(POST) == [[{"channel": "edge", "revision": 1, "resources": sent}]]


async def test_no_revision_closes_the_channels(demo: FakeGateway):
    demo.put("demo", "latest/edge", 1)
    async with demo.client() as charmhub:
        (result,) = await charmhub.releases.release("demo", None, ["edge"])
    assert demo.sent(POST) == [[{"channel": "edge", "revision": None}]]
    assert result.revision is None
    assert demo.in_channel("demo", "latest/edge") == {}


@pytest.mark.parametrize(
    ("revision", "channels", "options", "argument"),
    [
        (1, [], {}, "channels"),
        (1, ["edge", "2.0"], {}, "channels"),
        (0, ["edge"], {}, "revision"),
        (None, ["edge"], {"resources": {}}, "resources"),
        (None, ["edge"], {"progressive": 10}, "progressive"),
        (1, ["edge"], {"progressive": 0}, "progressive"),
        (1, ["edge"], {"progressive": 101}, "progressive"),
        (1, "edge", {}, "channels"),
        (1, ["edge"], {"resources": {"image": "3"}}, "resources"),
    ],
)
async def test_contradictions_are_found_before_anything_is_sent(
    demo: FakeGateway, revision: Any, channels: Any, options: dict[str, Any], argument: str
):
    async with demo.client() as charmhub:
        with pytest.raises(InputError) as caught:
            await charmhub.releases.release("demo", revision, channels, **options)
    assert caught.value.argument == argument
    assert demo.seen == []


async def test_what_the_store_refuses_is_its_error(demo: FakeGateway):
    async with demo.client() as charmhub:
        with pytest.raises(NotFound, match="no such revision") as caught:
            await charmhub.releases.release("demo", 9, ["edge"])
    assert caught.value.outcome == "not_done"
    assert demo.seen == [POST]


async def test_a_progressive_release_is_checked(demo: FakeGateway):
    async with demo.client() as charmhub:
        await charmhub.releases.release("demo", 1, ["stable"], progressive=20)
        release = (await charmhub.releases.channel_map("demo")).in_channel("stable")[0]
    limit = {"percentage": 20, "paused": False}
    assert demo.sent(POST) == [[{"channel": "stable", "revision": 1, "progressive": limit}]]
    assert demo.seen == [POST, GET, GET]
    assert release.progressive is not None
    assert release.progressive.percentage == 20


@pytest.mark.parametrize("everybody", [100, 100.0, None])
async def test_all_devices_are_not_progressive(demo: FakeGateway, everybody: float | None):
    async with demo.client() as charmhub:
        await charmhub.releases.release("demo", 1, ["stable"], progressive=everybody)
    assert demo.sent(POST) == [[{"channel": "stable", "revision": 1}]]
    assert demo.seen == [POST]


async def test_a_store_without_progressive_releases_is_no_success(demo: FakeGateway):
    demo.ignores_progressive = True
    async with demo.client() as charmhub:
        with pytest.raises(InvalidResponse, match="released to all devices of stable") as caught:
            await charmhub.releases.release("demo", 1, ["stable"], progressive=20)
    assert caught.value.outcome == "unknown"


@pytest.mark.parametrize("fault", [DropAfter(), DropAfter(reset=True), RespondAfter(504), RespondAfter(200, b"<html>")])
async def test_a_release_whose_response_is_lost_is_found_in_the_channel_map(demo: FakeGateway, fault: Fault):
    demo.faults.add(fault, method="POST")
    async with demo.client() as charmhub:
        (result,) = await charmhub.releases.release("demo", 2, ["edge"], resources={"image": 3})
    assert demo.seen == [POST, GET]
    assert (result.channel, result.revision) == ("latest/edge", 2)
    assert result.resources[0].revision == 3


@pytest.mark.parametrize("fault", [DropBefore(), Respond(502), Respond(504)])
async def test_a_release_that_was_not_made_is_sent_again(demo: FakeGateway, fault: Fault):
    demo.put("demo", "latest/edge", 1)
    demo.faults.add(fault, method="POST")
    async with demo.client() as charmhub:
        await charmhub.releases.release("demo", 2, ["edge", "beta"])
    assert demo.seen == [GET, POST]  # the first request did not get to the store's work
    assert demo.in_channel("demo", "latest/edge") == demo.in_channel("demo", "latest/beta") == {"22.04": 2, "24.04": 2}


async def test_a_revision_that_is_left_on_one_base_is_not_this_release(demo: FakeGateway):
    """A rollback to a revision that another has replaced on one of its bases."""
    demo.put("demo", "latest/edge", 1)
    demo.revisions["demo"][2] = BASES[:1]
    demo.put("demo", "latest/edge", 2)
    assert demo.in_channel("demo", "latest/edge") == {"22.04": 2, "24.04": 1}
    demo.faults.add(DropBefore(), method="POST")
    async with demo.client() as charmhub:
        await charmhub.releases.release("demo", 1, ["edge"])
    assert demo.in_channel("demo", "latest/edge") == {"22.04": 1, "24.04": 1}


async def test_a_release_to_some_devices_is_not_one_to_all(demo: FakeGateway):
    async with demo.client() as charmhub:
        await charmhub.releases.release("demo", 1, ["stable"], progressive=20)
        demo.seen.clear()
        demo.server.faults.add(DropBefore(), method="POST")
        await charmhub.releases.release("demo", 1, ["stable"])
        assert demo.seen == [GET, POST]
        found = [one async for one in charmhub.releases.list("demo")]
    assert [one.revision for one in found] == [1, 1]
    assert all(one.progressive is None or one.progressive.percentage is None for one in found)


async def test_other_resources_are_another_release(demo: FakeGateway):
    demo.put("demo", "latest/edge", 2, resources=[{"name": "image", "revision": 2}])
    demo.faults.add(DropBefore(), method="POST")
    async with demo.client() as charmhub:
        await charmhub.releases.release("demo", 2, ["edge"], resources={"image": 3})
    assert demo.seen == [GET, POST]
    assert demo.releases["demo"][0]["resources"] == [{"name": "image", "revision": 3}]


async def test_closing_whose_response_is_lost(demo: FakeGateway):
    demo.put("demo", "latest/edge", 1)
    demo.faults.add(DropAfter(), method="POST")
    async with demo.client() as charmhub:
        (result,) = await charmhub.releases.release("demo", None, ["edge"])
    assert demo.seen == [POST, GET]
    assert (result.channel, result.revision) == ("edge", None)


async def test_after_the_last_attempt_the_channel_map_decides(demo: FakeGateway):
    clock = InstantClock()
    demo.faults.add(DropBefore(), method="POST", times=None)
    async with demo.client(retry=Retry(attempts=2, backoff=0), clock=clock) as charmhub:
        with pytest.raises(NetworkError) as caught:
            await charmhub.releases.release("demo", 2, ["edge"])
    assert caught.value.outcome == "not_done"
    assert len(demo.faults.happened) == 2
    assert clock.time >= 30  # the store may have been at work for so long


async def test_a_release_that_cannot_be_looked_up_is_sent_again(demo: FakeGateway):
    demo.faults.add(DropAfter(), method="POST")
    demo.faults.add(Respond(403), method="GET")
    async with demo.client() as charmhub:
        await charmhub.releases.release("demo", 2, ["edge"])
    assert demo.seen == [POST, POST]


async def test_a_last_attempt_that_cannot_be_looked_up_has_an_unknown_outcome(demo: FakeGateway):
    demo.faults.add(DropAfter(), method="POST")
    demo.faults.add(Respond(403), method="GET")
    async with demo.client(retry=1) as charmhub:
        with pytest.raises(NetworkError) as caught:
            await charmhub.releases.release("demo", 2, ["edge"])
    assert caught.value.outcome == "unknown"
    assert isinstance(caught.value.__cause__, Forbidden)
    assert demo.count(POST) == 1


async def test_whether_a_mixed_channel_is_this_release_cannot_be_told_without_bases(demo: FakeGateway):
    demo.put("demo", "latest/edge", 1)
    demo.releases["demo"][0]["revision"] = 2
    demo.revisions["demo"] = {1: [], 2: []}
    demo.faults.add(DropBefore(), method="POST")
    async with demo.client(retry=1) as charmhub:
        with pytest.raises(NetworkError) as caught:
            await charmhub.releases.release("demo", 2, ["edge"])
    assert caught.value.outcome == "unknown"


async def test_a_list_of_releases(demo: FakeGateway):
    demo.put("demo", "latest/edge", 2)
    async with demo.client() as charmhub:
        page = await charmhub.releases.list("demo")
        assert [release.revision async for release in charmhub.releases.list("demo", max_items=1)] == [2]
        with pytest.raises(NotFound):
            await charmhub.releases.list("nope")
    assert [(release.channel, release.base and release.base.channel) for release in page] == [
        ("latest/edge", "22.04"),
        ("latest/edge", "24.04"),
    ]


async def test_promoting_releases_every_base_with_its_resources(demo: FakeGateway):
    demo.put("demo", "latest/candidate", 1, resources=[{"name": "image", "revision": 4}])
    demo.revisions["demo"][2] = BASES[1:]
    demo.put("demo", "latest/candidate", 2, resources=[])
    async with demo.client() as charmhub:
        results = await charmhub.releases.promote("demo", "candidate", "stable")
    image = [{"name": "image", "revision": 4}]
    assert demo.sent(POST) == [
        [{"channel": "stable", "revision": 1, "resources": image}, {"channel": "stable", "revision": 2}]
    ]
    assert demo.seen == [GET, POST]
    assert demo.in_channel("demo", "latest/stable") == {"22.04": 1, "24.04": 2}
    assert [result.revision for result in results] == [1, 2]


async def test_promoting_a_rollback_ends_in_the_same_channel(demo: FakeGateway):
    """The lower revision was released last, for one base: releasing it first would leave the other on that base."""
    demo.revisions["demo"][1] = BASES[:1]
    demo.put("demo", "latest/edge", 2)
    demo.put("demo", "latest/edge", 1)
    async with demo.client() as charmhub:
        await charmhub.releases.promote("demo", "edge", "beta")
    assert demo.in_channel("demo", "latest/edge") == demo.in_channel("demo", "latest/beta") == {"22.04": 1, "24.04": 2}


async def test_promoting_what_was_promoted_in_one_second_keeps_the_order(demo: FakeGateway):
    """The times of releases are in seconds: they are the same for what one request has released."""
    demo.revisions["demo"][1] = BASES[:1]
    demo.put("demo", "latest/edge", 2)
    demo.put("demo", "latest/edge", 1)
    for entry in demo.releases["demo"]:
        entry["when"] = "2026-11-02T00:00:00Z"
    async with demo.client() as charmhub:
        await charmhub.releases.promote("demo", "edge", "beta")
    assert demo.in_channel("demo", "latest/beta") == {"22.04": 1, "24.04": 2}


async def test_promoting_a_track_promotes_its_open_risks(demo: FakeGateway):
    demo.put("demo", "2.0/stable", 1)
    demo.put("demo", "2.0/edge", 2)
    demo.put("demo", "2.0/edge/fix", 3)
    demo.put("demo", "3.0/beta", 3)
    async with demo.client() as charmhub:
        await charmhub.releases.promote("demo", "2.0", "3.0", only_if_revision=[1, 2])
    assert demo.sent(POST) == [[{"channel": "3.0/stable", "revision": 1}, {"channel": "3.0/edge", "revision": 2}]]
    assert demo.in_channel("demo", "3.0/beta") == {"22.04": 3, "24.04": 3}


async def test_promoting_from_a_branch(demo: FakeGateway):
    demo.put("demo", "latest/edge/fix", 3)
    async with demo.client() as charmhub:
        await charmhub.releases.promote("demo", "edge/fix", "latest/edge", only_if_revision=3)
    assert demo.sent(POST) == [[{"channel": "latest/edge", "revision": 3}]]


@pytest.mark.parametrize(
    ("source", "only_if", "message"),
    [
        ("beta", None, "demo has nothing in beta: there is nothing to promote"),
        ("3.0", None, "demo has nothing in 3.0"),
        ("edge", 1, "edge of demo has revision 2, not revision 1: nothing was promoted"),
        ("edge", [1, 2], "has revision 2, not revisions 1, 2"),
        ("2.0", 2, "has revisions 1, 2, not revision 2"),
        ("edge", [], r"not revisions \(none\)"),
    ],
)
async def test_promoting_something_else_is_refused(demo: FakeGateway, source: str, only_if: Any, message: str):
    demo.put("demo", "latest/edge", 2)
    demo.put("demo", "2.0/edge", 2)
    demo.put("demo", "2.0/stable", 1)
    async with demo.client() as charmhub:
        with pytest.raises(Conflict, match=message) as caught:
            await charmhub.releases.promote(
                "demo", source, "stable" if source in ("beta", "edge") else "9.0", only_if_revision=only_if
            )
    assert (caught.value.status, caught.value.outcome) == (None, "not_done")
    assert demo.seen == [GET]


@pytest.mark.parametrize(
    ("source", "target"),
    [("edge", "latest/edge"), ("2.0", "2.0"), ("2.0", "latest/stable"), ("edge", "2.0"), ("x/y", "edge")],
)
async def test_promoting_needs_two_channels_or_two_tracks(demo: FakeGateway, source: str, target: str):
    async with demo.client() as charmhub:
        with pytest.raises(InputError):
            await charmhub.releases.promote("demo", source, target)
    assert demo.seen == []


async def test_a_progressive_release_that_is_under_way_is_not_promoted(demo: FakeGateway):
    demo.put("demo", "latest/edge", 1)
    other = dict(demo.releases["demo"][0], revision=2, progressive={"percentage": 20, "paused": None})
    demo.releases["demo"].append(other)
    async with demo.client() as charmhub:
        with pytest.raises(Conflict, match="has revision 1 and, for some devices, revision 2"):
            await charmhub.releases.promote("demo", "edge", "beta")
    assert demo.count(POST) == 0


async def test_one_revision_with_different_resources_is_not_promoted(demo: FakeGateway):
    demo.put("demo", "latest/edge", 2, resources=[{"name": "image", "revision": 1}])
    demo.releases["demo"][0]["resources"] = [{"name": "image", "revision": 2}]
    async with demo.client() as charmhub:
        with pytest.raises(Conflict, match="with different resources"):
            await charmhub.releases.promote("demo", "edge", "beta")
    assert demo.count(POST) == 0


async def test_a_promotion_whose_response_is_lost_is_found(demo: FakeGateway):
    """Each revision is looked for where the source had it, not on all bases that it runs on."""
    demo.put("demo", "latest/edge", 1)
    demo.revisions["demo"][2] = BASES[1:]
    demo.put("demo", "latest/edge", 2)
    demo.faults.add(DropAfter(), method="POST")
    async with demo.client() as charmhub:
        results = await charmhub.releases.promote("demo", "edge", "beta")
    assert demo.seen == [GET, POST, GET]
    assert [(result.channel, result.revision) for result in results] == [("latest/beta", 1), ("latest/beta", 2)]


async def test_snaps_of_an_on_prem_store_are_promoted_by_architecture(fake: FakeGateway):
    fake.add_package("demo", revisions=2)
    fake.releases["demo"] = [
        {"channel": "edge", "revision": 1, "architecture": "amd64", "when": "2026-11-02T00:00:00Z"},
        {"channel": "edge", "revision": 2, "architecture": "arm64", "when": "2026-11-01T00:00:00Z"},
    ]
    async with fake.snap_releases() as releases:
        await releases.promote("demo", "edge", "stable")
    assert fake.sent("POST /v1/snap/demo/releases") == [
        [{"channel": "stable", "revision": 2}, {"channel": "stable", "revision": 1}]
    ]


INFO = "GET /v2/charms/info/demo?fields=channel-map"


async def test_a_release_is_waited_for_until_installers_see_it(demo: FakeGateway):
    old, one = public_charm("latest/edge", 1), public_charm("latest/edge", 2)
    stages = [[], [old], [one], [one, public_charm("2.0/stable", 1)], [one, old, public_charm("2.0/stable", 2)]]
    clock = InstantClock()

    def info(name: str) -> None:
        demo.public[name] = stages[min(demo.count(INFO) - 1, len(stages) - 1)]

    demo.on_info = info
    async with demo.client(clock=clock) as charmhub:
        found = await charmhub.releases.wait_installable("demo", 2, ["edge", "2.0/stable"], poll=1)
    assert demo.seen == [INFO] * 5
    assert clock.time == 4
    assert [(release.channel.name, release.revision, release.version) for release in found] == [
        ("latest/edge", 2, "1.0"),
        ("2.0/stable", 2, "1.0"),
    ]
    assert all("authorization" not in headers for headers in demo.headers)


async def test_a_package_that_is_not_public_yet_is_waited_for(demo: FakeGateway):
    def info(name: str) -> None:
        if demo.count(INFO) > 2:
            demo.public[name] = [public_charm("latest/edge", 2)]

    demo.on_info = info
    async with demo.client() as charmhub:
        await charmhub.releases.wait_installable("demo", 2, ["latest/edge"])
    assert demo.seen == [INFO] * 3


async def test_snaps_have_names_without_their_track(fake: FakeGateway):
    fake.public["demo"] = public_snap("stable", 2, architectures=["amd64", "arm64"]) + public_snap(
        "2.0/edge", 2, track="2.0"
    )
    async with fake.snap_releases() as releases:
        found = await releases.wait_installable("demo", 2, ["latest/stable", "2.0/edge"])
    assert [release.channel.architecture for release in found] == ["amd64", "arm64", "amd64"]
    assert fake.seen == ["GET /v2/snaps/info/demo?fields=channel-map%2Crevision"]
    assert fake.headers[0]["snap-device-series"] == "16"
    assert "authorization" not in fake.headers[0]


async def test_what_fails_while_waiting_is_raised(demo: FakeGateway):
    demo.faults.add(Respond(400), method="GET")
    async with demo.client() as charmhub:
        with pytest.raises(LadingError):
            await charmhub.releases.wait_installable("demo", 2, ["edge"])
        with pytest.raises(InputError):
            await charmhub.releases.wait_installable("demo", 2, ["2.0"])


async def test_no_error_shows_the_token(demo: FakeGateway):
    demo.faults.add(
        Respond(
            400, b'{"error-list":[{"code":"x","message":"bad t0ken-s3cret"}]}', {"Content-Type": "application/json"}
        )
    )
    async with demo.client() as charmhub:
        with pytest.raises(LadingError) as caught:
            await charmhub.releases.release("demo", 1, ["edge"])
    assert "t0ken-s3cret" not in str(caught.value)
    assert "t0ken-s3cret" not in repr(caught.value.__dict__)


async def test_a_progressive_release_that_cannot_be_checked_is_made_all_the_same(demo: FakeGateway):
    demo.faults.add(Respond(500), method="GET", times=None)
    async with demo.client() as charmhub:
        with pytest.raises(ServerError) as caught:
            await charmhub.releases.release("demo", 1, ["stable"], progressive=20)
    assert caught.value.outcome == "unknown"
    assert "demo was released" in caught.value.__notes__[0]
    assert demo.in_channel("demo", "latest/stable") == {"22.04": 1, "24.04": 1}


@pytest.mark.parametrize(
    "released",
    [None, [], [{}], [{"channel": "latest/beta", "revision": 2}], [{"channel": "latest/edge", "revision": 1}]],
)
async def test_a_response_without_the_releases_is_no_success(demo: FakeGateway, released: Any):
    """The channel map decides."""
    body = json.dumps({"released": released}).encode()
    demo.faults.add(Respond(200, body, {"content-type": "application/json"}), method="POST", times=None)
    async with demo.client() as charmhub:
        with pytest.raises(InvalidResponse, match="not what the store promises"):
            await charmhub.releases.release("demo", 2, ["edge"])
        demo.put("demo", "latest/edge", 2)
        (result,) = await charmhub.releases.release("demo", 2, ["edge"])
    assert (result.channel, result.revision) == ("latest/edge", 2)


async def test_a_response_without_a_channel_map_does_not_say_that_a_channel_is_closed(demo: FakeGateway):
    demo.put("demo", "latest/edge", 1)
    demo.faults.add(DropBefore(), method="POST", times=None)
    demo.faults.add(Respond(200, b"{}", {"content-type": "application/json"}), method="GET", times=None)
    async with demo.client() as charmhub:
        with pytest.raises(NetworkError) as caught:
            await charmhub.releases.release("demo", None, ["edge"])
    assert caught.value.outcome == "unknown"

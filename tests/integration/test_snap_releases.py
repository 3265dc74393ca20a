"""Releases of snaps at the dashboard: made, promoted, closed, listed, waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from lading import BadRequest, Conflict, Forbidden, InputError, InvalidResponse, NetworkError, NotFound, ServerError
from lading.canonical._models_releases import ReleaseResult
from lading.testing import DropAfter, DropBefore, Respond, RespondAfter
from tests.support.snap_dashboard import ACCOUNT, SNAP_ID, refusal

if TYPE_CHECKING:
    from tests.support.snap_dashboard import SnapDashboard

pytestmark = pytest.mark.anyio
NAME = "my-snap"
RELEASE = "POST /dev/api/snap-release/"
CLOSE = f"POST /dev/api/snaps/{SNAP_ID}/close"
MAP = "GET /api/v2/snaps/my-snap/channel-map"


@pytest.fixture
def released(dashboard: SnapDashboard) -> SnapDashboard:
    """The dashboard, with two architectures in edge, and the older revision of one of them in beta."""
    for data, architecture in ((b"1", "amd64"), (b"2", "amd64"), (b"3", "arm64")):
        dashboard.add_revision(data, architecture=architecture)
    dashboard.release(1, "beta")
    dashboard.release(2, "edge")
    dashboard.release(3, "edge")
    return dashboard


class TestRelease:
    async def test_one_request_for_all_channels(self, released: SnapDashboard):
        async with released.client() as store:
            results = await store.releases.release(NAME, 2, ["stable", "latest/candidate", "latest/stable"])
        assert results == (
            ReleaseResult(channel="stable", revision=2),
            ReleaseResult(channel="latest/candidate", revision=2),
        )
        assert released.seen == [RELEASE]
        assert released.bodies[RELEASE] == [{"name": NAME, "revision": "2", "channels": ["stable", "latest/candidate"]}]

    @pytest.mark.parametrize(
        ("percentage", "sent"), [(30, {"percentage": 30, "paused": False}), (0.5, {"percentage": 0.5, "paused": False})]
    )
    async def test_a_progressive_release(self, released: SnapDashboard, percentage: float, sent: Any):
        async with released.client() as store:
            await store.releases.release(NAME, 2, ["stable"], progressive=percentage)
        assert released.bodies[RELEASE][0]["progressive"] == sent

    @pytest.mark.parametrize("percentage", [100, None])
    async def test_all_devices_are_not_progressive(self, released: SnapDashboard, percentage: float | None):
        async with released.client() as store:
            await store.releases.release(NAME, 2, ["stable"], progressive=percentage)
        assert "progressive" not in released.bodies[RELEASE][0]

    async def test_refusals(self, released: SnapDashboard):
        released.add_revision(b"4", status="Rejected")
        async with released.client() as store:
            with pytest.raises(NotFound, match="Revision 9 not found"):
                await store.releases.release(NAME, 9, ["edge"])
            with pytest.raises(BadRequest, match="Not a valid channel: alpha"):
                await store.releases.release(NAME, 1, ["alpha/stable"])
            with pytest.raises(BadRequest, match="cannot be released") as caught:
                await store.releases.release(NAME, 4, ["edge"])
        assert (caught.value.code, caught.value.outcome) == ("resource-not-ready", "not_done")

    async def test_arguments_that_do_not_fit(self, released: SnapDashboard):
        async with released.client() as store:
            for wrong in (
                (0, ["edge"], {}),
                (1, [], {}),
                (1, ["no/where/at/all"], {}),
                (None, ["edge"], {"progressive": 3}),
            ):
                with pytest.raises(InputError):
                    await store.releases.release(NAME, wrong[0], wrong[1], **wrong[2])  # type: ignore[arg-type]
        assert released.seen == []

    @pytest.mark.parametrize(
        "fault", [DropAfter(), DropAfter(reset=True), RespondAfter(504), RespondAfter(200, b"<html>")], ids=repr
    )
    async def test_after_a_lost_response_the_channel_map_is_read(self, released: SnapDashboard, fault: Any):
        released.faults.add(fault, method="POST")
        async with released.client() as store:
            results = await store.releases.release(NAME, 2, ["stable", "candidate"])
        assert [(result.channel, result.revision) for result in results] == [("stable", 2), ("candidate", 2)]
        assert released.seen == [RELEASE, MAP]

    async def test_a_request_that_did_not_arrive_is_sent_again(self, released: SnapDashboard):
        released.faults.add(DropBefore(), method="POST")
        async with released.client() as store:
            await store.releases.release(NAME, 2, ["stable"])
        assert released.seen == [MAP, RELEASE]

    async def test_a_release_to_some_devices_is_not_one_to_all(self, released: SnapDashboard):
        released.release(2, "stable", 30)
        released.faults.add(DropBefore(), method="POST")
        async with released.client() as store:
            await store.releases.release(NAME, 2, ["stable"])
        assert released.seen == [MAP, RELEASE]

    async def test_what_is_never_released_is_not_done(self, released: SnapDashboard):
        released.faults.add(Respond(502), method="POST", times=None)
        async with released.client() as store:
            with pytest.raises(ServerError) as caught:
                await store.releases.release(NAME, 2, ["stable"])
        assert caught.value.outcome == "not_done"
        assert released.clock.time >= 30

    async def test_a_channel_map_that_cannot_be_read_leaves_the_outcome_unknown(self, released: SnapDashboard):
        released.faults.add(DropAfter(), method="POST", times=None)
        released.faults.add(Respond(403), method="GET", times=None)
        async with released.client() as store:
            with pytest.raises(NetworkError) as caught:
                await store.releases.release(NAME, 2, ["stable"])
        assert caught.value.outcome == "unknown"

    @pytest.mark.parametrize(
        "response",
        [
            {"success": False},
            {"success": None},
            {"success": "no"},
            {"success": True, "errors": ["no"]},
            {"opened_channels": [], "error_list": [{"code": "no"}]},
        ],
    )
    async def test_a_success_that_says_that_it_is_none(self, released: SnapDashboard, response: Any):
        released.canned[RELEASE] = response
        async with released.client() as store:
            with pytest.raises(InvalidResponse) as caught:
                await store.releases.release(NAME, 2, ["stable"])
        assert caught.value.outcome == "not_done"  # the channel map does not show it, for 30 s
        assert released.clock.time >= 30


class TestClose:
    async def test_the_id_is_looked_up_once(self, released: SnapDashboard):
        async with released.client() as store:
            results = await store.releases.release(NAME, None, ["edge", "beta"])
        assert results == (ReleaseResult(channel="edge"), ReleaseResult(channel="beta"))
        assert released.seen == ["GET /dev/api/account", CLOSE]
        assert released.bodies[CLOSE] == [{"channels": ["edge", "beta"]}]
        assert released.channels == {}

    async def test_a_snap_that_the_account_does_not_have(self, released: SnapDashboard):
        async with released.client() as store:
            with pytest.raises(NotFound, match="other is no snap of this account"):
                await store.releases.release("other", None, ["edge"])

    async def test_after_a_lost_response(self, released: SnapDashboard):
        released.faults.add(DropAfter(), method="POST")
        async with released.client() as store:
            await store.releases.release(NAME, None, ["edge"])
        assert released.seen == ["GET /dev/api/account", CLOSE, MAP]


class TestPromote:
    async def test_every_architecture(self, released: SnapDashboard):
        async with released.client() as store:
            results = await store.releases.promote(NAME, "edge", "stable")
        assert [(one.channel, one.revision) for one in results] == [("stable", 2), ("stable", 3)]
        assert released.seen == [MAP, RELEASE, RELEASE]
        assert released.channels["amd64", "latest/stable"] == (2, None)
        assert released.channels["arm64", "latest/stable"] == (3, None)

    async def test_a_track_means_all_its_risks(self, released: SnapDashboard):
        async with released.client() as store:
            await store.releases.promote(NAME, "latest", "2.0")
        assert {(a, c): r for (a, c), (r, _) in released.channels.items() if c.startswith("2.0")} == {
            ("amd64", "2.0/beta"): 1,
            ("amd64", "2.0/edge"): 2,
            ("arm64", "2.0/edge"): 3,
        }

    async def test_a_progressive_release_is_promoted_to_all_devices(self, released: SnapDashboard):
        released.release(2, "candidate", 30)
        async with released.client() as store:
            await store.releases.promote(NAME, "candidate", "stable")
        assert "progressive" not in released.bodies[RELEASE][0]

    async def test_only_what_is_expected(self, released: SnapDashboard):
        async with released.client() as store:
            with pytest.raises(Conflict, match="edge of my-snap has revisions 2, 3, not revision 2"):
                await store.releases.promote(NAME, "edge", "stable", only_if_revision=2)
            with pytest.raises(Conflict, match="nothing in candidate"):
                await store.releases.promote(NAME, "candidate", "stable")
            assert released.count(RELEASE) == 0
            await store.releases.promote(NAME, "edge", "stable", only_if_revision=[3, 2])
        assert released.count(RELEASE) == 2

    async def test_a_failure_says_what_was_released_before(self, released: SnapDashboard):
        respond = released._release
        released._release = lambda _, body: (  # type: ignore[method-assign]
            refusal(403, "resource-forbidden", "no") if body["revision"] == "3" else respond(_, body)
        )
        async with released.client() as store:
            with pytest.raises(Forbidden) as caught:
                await store.releases.promote(NAME, "edge", "stable")
        assert caught.value.outcome == "unknown"
        assert caught.value.__notes__ == ["released before that: revision 2 to stable"]


class TestLists:
    async def test_the_channel_map(self, released: SnapDashboard):
        released.release(2, "candidate", 30)
        async with released.client() as store:
            found = await store.releases.list(NAME)
            channel_map = await store.releases.channel_map(NAME)
        assert [(one.channel, one.architecture, one.revision) for one in found] == [
            ("latest/beta", "amd64", 1),
            ("latest/edge", "amd64", 2),
            ("latest/edge", "arm64", 3),
            ("latest/candidate", "amd64", 2),
        ]
        assert found[3].progressive is not None
        assert found[3].progressive.percentage == 30
        assert [one.revision for one in channel_map.in_channel("edge")] == [2, 3]
        assert [one.revision for one in channel_map.revisions] == [1, 2, 3]
        assert [channel.name for channel in channel_map.channels] == ["latest/stable"]

    async def test_the_history(self, released: SnapDashboard):
        released.canned["GET /api/v2/snaps/my-snap/releases"] = lambda request, _: {
            "_links": {"next": "x"} if request.query["page"] == "1" else {},
            "releases": [
                {
                    "architecture": "amd64",
                    "channel": "latest/edge",
                    "revision": None if request.query["page"] == "2" else 2,
                    "when": "2026-11-01T10:00:00Z",
                    "progressive": {"paused": None, "percentage": None, "current-percentage": None},
                }
            ],
            "revisions": None,
        }
        async with released.client() as store:
            found = [one async for one in store.releases.history(NAME)]
        assert [(one.channel, one.revision) for one in found] == [("latest/edge", 2), ("latest/edge", None)]


class TestWaitInstallable:
    async def test_until_all_channels_show_it(self, released: SnapDashboard):
        polls = 0

        def respond(*_: Any) -> Any:
            nonlocal polls
            polls += 1
            channels = [("stable", "stable"), ("2.0/edge", "edge")][: polls - 1]
            return {
                "channel-map": [
                    {
                        "channel": {"architecture": "amd64", "name": name, "risk": risk, "track": "latest"},
                        "revision": 2,
                        "version": "1.0",
                    }
                    for name, risk in channels
                ],
                "snap-id": SNAP_ID,
            }

        key = "GET /v2/snaps/info/my-snap"
        released.canned[key] = respond
        async with released.client() as store:
            found = await store.releases.wait_installable(NAME, 2, ["latest/stable", "2.0/edge"])
        assert [(one.channel.name, one.revision) for one in found] == [("stable", 2), ("2.0/edge", 2)]
        assert polls == 3
        assert released.credentials[key] is None
        assert released.headers[key]["snap-device-series"] == "16"

    async def test_it_ends_with_the_cancel_scope(self, released: SnapDashboard):
        async with released.client() as store:
            with anyio.move_on_after(0.2) as scope:
                await store.releases.wait_installable(NAME, 2, ["stable"])
        assert scope.cancelled_caught


async def test_the_account_id_is_no_secret(released: SnapDashboard):
    async with released.client() as store:
        assert (await store.account.get()).id == ACCOUNT

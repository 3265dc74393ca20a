"""Names of snaps at the dashboard: registered, listed, given up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lading import ConfigError, Conflict, NetworkError, NotFound, RateLimited
from lading.testing import DropAfter, DropBefore, Respond
from tests.support.snap_dashboard import SNAP_ID, owned

if TYPE_CHECKING:
    from tests.support.snap_dashboard import SnapDashboard

pytestmark = pytest.mark.anyio
REGISTER = "POST /dev/api/register-name/"
ACCOUNT = "GET /dev/api/account"


class TestRegister:
    async def test_what_is_sent(self, dashboard: SnapDashboard):
        async with dashboard.client() as store:
            assert await store.packages.register("new") == "id-of-new"
            await store.packages.register("hidden", private=True, store="brand")
        assert dashboard.bodies[REGISTER] == [
            {"snap_name": "new", "is_private": False, "series": "16"},
            {"snap_name": "hidden", "is_private": True, "series": "16", "store": "brand"},
        ]

    @pytest.mark.parametrize(
        ("name", "code", "message"),
        [
            ("my-snap", "already_owned", "registered already, by this account"),
            ("shared", "already_registered", "the name is registered already"),
            ("reserved", "reserved_name", "the name is reserved"),
        ],
    )
    async def test_conflicts(self, dashboard: SnapDashboard, name: str, code: str, message: str):
        async with dashboard.client() as store:
            with pytest.raises(Conflict, match=message) as caught:
                await store.packages.register(name)
        assert (caught.value.code, caught.value.outcome) == (code, "not_done")

    async def test_too_fast(self, dashboard: SnapDashboard):
        async with dashboard.client(retry=1) as store:
            with pytest.raises(RateLimited, match="registered too fast") as caught:
                await store.packages.register("fast")
        assert (caught.value.code, caught.value.retry_after) == ("register_window", 177)

    async def test_a_name_of_this_account_after_a_lost_response_leaves_the_outcome_unknown(
        self, dashboard: SnapDashboard
    ):
        dashboard.faults.add(DropAfter(), method="POST")
        async with dashboard.client() as store:
            with pytest.raises(NetworkError) as caught:
                await store.packages.register("new")
        assert caught.value.outcome == "unknown"
        assert "packages.get shows it" in str(caught.value.__cause__)
        assert dashboard.seen == [REGISTER, ACCOUNT]

    async def test_a_name_that_another_account_has_shared_is_refused(self, dashboard: SnapDashboard):
        def respond(*_: Any) -> Any:
            dashboard.snaps["new"] = owned("id", "acc-2")
            return {"snap_id": None}

        dashboard.canned[REGISTER] = respond
        async with dashboard.client() as store:
            with pytest.raises(Conflict, match="new is registered by grace") as caught:
                await store.packages.register("new")
        assert caught.value.outcome == "not_done"

    async def test_a_request_that_did_not_arrive_is_sent_again_once_it_cannot_arrive(self, dashboard: SnapDashboard):
        dashboard.faults.add(DropBefore(), method="POST")
        async with dashboard.client() as store:
            assert await store.packages.register("new") == "id-of-new"
        assert dashboard.clock.time >= 30
        assert dashboard.count(REGISTER) == 1

    async def test_teams_are_for_on_prem_stores(self, dashboard: SnapDashboard):
        async with dashboard.client() as store:
            with pytest.raises(ConfigError, match="team= is for on-prem stores"):
                await store.packages.register("new", team="crew")
        assert dashboard.seen == []


class TestNames:
    async def test_list(self, dashboard: SnapDashboard):
        async with dashboard.client() as store:
            own = await store.packages.list()
            everything = [package.name async for package in store.packages.list(include_collaborations=True)]
        assert [(package.name, package.id, package.status) for package in own] == [("my-snap", SNAP_ID, "Approved")]
        assert everything == ["my-snap", "shared"]

    async def test_get(self, dashboard: SnapDashboard):
        async with dashboard.client() as store:
            found = await store.packages.get("shared")
            with pytest.raises(NotFound, match="other is no snap of this account"):
                await store.packages.get("other")
        assert (found.id, found.type, found.private, found.store) == ("shared-id", "snap", False, "Global")
        assert found.publisher is not None
        assert found.publisher.username == "grace"

    async def test_an_account_without_snaps(self, dashboard: SnapDashboard):
        async with dashboard.client() as store:
            for snaps in (None, {}, {"16": None}):
                dashboard.canned[ACCOUNT] = {"id": "acc-1", "snaps": snaps, "account-keys": None}
                assert list(await store.packages.list()) == []

    async def test_metadata_has_a_resource_of_its_own(self, dashboard: SnapDashboard):
        async with dashboard.client() as store:
            with pytest.raises(ConfigError, match=r"use metadata\.update"):
                await store.packages.update_metadata("my-snap", title="My snap")

    async def test_state(self, dashboard: SnapDashboard):
        key = f"GET /dev/api/snaps/{SNAP_ID}/state"
        dashboard.canned[key] = {
            "channel_map_tree": {
                "latest": {
                    "16": {
                        "amd64": [
                            {"channel": "stable", "info": "none"},
                            {"channel": "beta", "info": "specific", "version": "1.1", "revision": 42},
                            {"channel": "edge", "info": "tracking"},
                        ],
                        "s390x": None,
                    }
                },
                "2.0": None,
            }
        }
        async with dashboard.client() as store:
            state = await store.packages.state("my-snap")
        assert dashboard.seen == [ACCOUNT, f"{key}?series=16"]
        assert [(one.channel, one.info, one.revision) for one in state.channels("latest", "amd64")] == [
            ("stable", "none", None),
            ("beta", "specific", 42),
            ("edge", "tracking", None),
        ]
        assert state.channels("latest", "s390x") == state.channels("2.0", "amd64") == state.channels("3.0", "x") == ()


class TestUnregister:
    async def test_it_is_sent_as_craft_store_sends_it(self, dashboard: SnapDashboard):
        dashboard.canned["DELETE /v1/snap/my-snap"] = {"package-id": SNAP_ID}
        async with dashboard.client() as store:
            await store.packages.unregister("my-snap")
        assert dashboard.seen == ["DELETE /v1/snap/my-snap"]

    async def test_after_a_lost_response_the_name_is_looked_up(self, dashboard: SnapDashboard):
        def respond(*_: Any) -> Any:
            del dashboard.snaps["my-snap"]
            return {"package-id": SNAP_ID}

        dashboard.canned["DELETE /v1/snap/my-snap"] = respond
        dashboard.faults.add(DropAfter(), method="DELETE")
        async with dashboard.client() as store:
            await store.packages.unregister("my-snap")
        assert dashboard.seen == ["DELETE /v1/snap/my-snap", ACCOUNT]

    async def test_an_account_that_is_not_found_does_not_say_that_it_has_no_such_name(self, dashboard: SnapDashboard):
        dashboard.faults.add(DropBefore(), method="DELETE", times=None)
        dashboard.faults.add(Respond(404), method="GET", times=None)
        async with dashboard.client() as store:
            with pytest.raises(NetworkError) as caught:
                await store.packages.unregister("my-snap")
        assert caught.value.outcome == "unknown"

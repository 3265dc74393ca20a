"""Names and their metadata at a publisher gateway, and tracks."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from lading import (
    BadRequest,
    Conflict,
    InputError,
    InvalidResponse,
    LadingError,
    NetworkError,
    NotFound,
    RateLimited,
    Retry,
    ServerError,
)
from lading.canonical import NewTrack
from lading.testing import DropAfter, DropBefore, Fault, Respond, RespondAfter
from tests.support.fake_gateway import FakeGateway, refusal
from tests.support.instant_clock import InstantClock

pytestmark = pytest.mark.anyio
OTHER = {"id": "ACC2", "username": "bob"}
REGISTER = "POST /v1/charm"
GET = "GET /v1/charm/demo"
WHOAMI = "GET /v1/tokens/whoami"
DELETE = "DELETE /v1/charm/demo"
PATCH = "PATCH /v1/charm/demo"
TRACKS = "POST /v1/charm/demo/tracks"
JSON = {"content-type": "application/json"}
LOST = [DropAfter(), DropAfter(reset=True), RespondAfter(504), RespondAfter(200, b"<html>")]


def refuse(status: int, code: str) -> Respond:
    """A refusal in place of the work."""
    response = refusal(status, code)
    assert isinstance(response.body, bytes)
    return Respond(status, response.body, {"Content-Type": "application/json"})


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"type": "charm"}, {"name": "demo", "private": False, "type": "charm"}),
        ({}, {"name": "demo", "private": False}),
        (
            {"private": True, "team": "t", "type": "bundle"},
            {"name": "demo", "private": True, "team": "t", "type": "bundle"},
        ),
    ],
)
async def test_registering_a_name(fake: FakeGateway, options: dict[str, Any], sent: Any):
    async with fake.client() as charmhub:
        assert await charmhub.packages.register("demo", **options) == "ID-demo"
    assert (fake.seen, fake.bodies) == ([REGISTER], [sent])


async def test_a_name_that_is_taken_is_a_conflict(fake: FakeGateway):
    fake.add_package("demo", publisher=OTHER)
    async with fake.client() as charmhub:
        with pytest.raises(Conflict, match="the name is taken") as caught:
            await charmhub.packages.register("demo")
    assert (caught.value.code, caught.value.outcome) == ("already-registered", "not_done")
    assert fake.seen == [REGISTER]


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [(409, "reserved-name", Conflict), (400, "invalid-request", BadRequest), (429, "register-window", RateLimited)],
)
async def test_other_refusals_of_a_name(fake: FakeGateway, status: int, code: str, kind: type[LadingError]):
    fake.faults.add(refuse(status, code), times=None)
    async with fake.client(retry=1) as charmhub:
        with pytest.raises(kind):
            await charmhub.packages.register("demo")


@pytest.mark.parametrize("fault", LOST)
async def test_whether_a_lost_call_registered_the_name_is_unknown(fake: FakeGateway, fault: Fault):
    fake.faults.add(fault, method="POST")
    async with fake.client() as charmhub:
        with pytest.raises((NetworkError, ServerError, InvalidResponse)) as caught:
            await charmhub.packages.register("demo")
    assert caught.value.outcome == "unknown"
    assert "demo is registered now, by this call or before it" in str(caught.value.__cause__)
    assert fake.seen == [REGISTER, GET, WHOAMI]


async def test_a_name_that_stays_free_is_registered_again(fake: FakeGateway):
    clock = InstantClock()
    fake.faults.add(DropBefore(), method="POST")
    async with fake.client(clock=clock) as charmhub:
        assert await charmhub.packages.register("demo") == "ID-demo"
    assert fake.seen[-1] == REGISTER
    assert fake.count(GET) > 1
    assert clock.time >= 30  # the store may have been at work for so long


async def test_a_name_that_another_account_registered_meanwhile_is_a_conflict(fake: FakeGateway):
    fake.add_package("demo", publisher=OTHER)
    fake.faults.add(DropBefore(), method="POST")
    async with fake.client() as charmhub:
        with pytest.raises(Conflict, match="demo is registered by bob") as caught:
            await charmhub.packages.register("demo")
    assert (caught.value.status, caught.value.outcome) == (None, "not_done")
    assert fake.seen == [GET, WHOAMI]


async def test_whose_a_team_is_is_not_known(fake: FakeGateway):
    fake.add_package("demo", publisher=OTHER)
    fake.faults.add(DropBefore(), method="POST")
    async with fake.client() as charmhub:
        with pytest.raises(NetworkError) as caught:
            await charmhub.packages.register("demo", team="t")
    assert caught.value.outcome == "unknown"
    assert fake.seen == [GET]


async def test_unregistering(fake: FakeGateway):
    fake.add_package("demo")
    async with fake.client() as charmhub:
        await charmhub.packages.unregister("demo")
        with pytest.raises(NotFound):
            await charmhub.packages.unregister("demo")
    assert fake.seen == [DELETE, DELETE]
    assert not fake.packages


@pytest.mark.parametrize("fault", LOST)
async def test_unregistering_whose_response_is_lost_is_done(fake: FakeGateway, fault: Fault):
    fake.add_package("demo")
    fake.faults.add(fault, method="DELETE")
    async with fake.client() as charmhub:
        await charmhub.packages.unregister("demo")
    assert fake.seen == [DELETE, GET]


async def test_a_page_that_is_not_found_does_not_say_that_the_name_is_free(fake: FakeGateway):
    """A proxy responds to everything."""
    fake.add_package("demo")
    fake.faults.add(Respond(200, b"<html>"), method="DELETE", times=None)
    fake.faults.add(Respond(404, b"<html>"), method="GET", times=None)
    async with fake.client() as charmhub:
        with pytest.raises(InvalidResponse) as caught:
            await charmhub.packages.unregister("demo")
    assert caught.value.outcome == "unknown"


async def test_a_page_that_is_not_found_does_not_say_that_nothing_was_registered(fake: FakeGateway):
    fake.faults.add(DropAfter(), method="POST")
    fake.faults.add(Respond(404, b"<html>"), method="GET", times=None)
    async with fake.client() as charmhub:
        with pytest.raises(NetworkError) as caught:
            await charmhub.packages.register("demo")
    assert caught.value.outcome == "unknown"
    assert sum(one.startswith("POST ") for one in fake.seen) == 1


async def test_unregistering_is_sent_again_while_the_name_is_there(fake: FakeGateway):
    fake.add_package("demo")
    fake.faults.add(DropBefore(), method="DELETE")
    async with fake.client() as charmhub:
        await charmhub.packages.unregister("demo")
    assert fake.seen == [GET, DELETE]


async def test_a_list_of_packages(fake: FakeGateway):
    fake.add_package("demo")
    fake.add_package("other", publisher=OTHER)
    async with fake.client() as charmhub:
        assert [package.name for package in await charmhub.packages.list()] == ["demo"]
        _ = await charmhub.packages.list(include_collaborations=True)
    assert fake.seen == [f"GET /v1/charm?include-collaborations={given}" for given in ("false", "true")]


async def test_one_package(fake: FakeGateway):
    fake.add_package("demo", "2.0")
    async with fake.client() as charmhub:
        package = await charmhub.packages.get("demo")
        with pytest.raises(NotFound):
            await charmhub.packages.get("nope")
    assert (package.id, [track.name for track in package.tracks]) == ("ID-demo", ["latest", "2.0"])


async def test_a_name_is_one_segment_of_the_path(fake: FakeGateway):
    async with fake.client() as charmhub:
        with pytest.raises(NotFound):
            await charmhub.packages.get("a/b?c")
        for name in ("", ".."):
            with pytest.raises(InputError):
                await charmhub.packages.get(name)
    assert fake.seen == ["GET /v1/charm/a%2Fb%3Fc"]


async def test_metadata_is_changed_where_it_is_given(fake: FakeGateway):
    fake.add_package("demo")
    links = {"issues": ["https://example.com/issues"], "docs": ()}
    async with fake.client() as charmhub:
        package = await charmhub.packages.update_metadata("demo", summary="A demo", contact=None, links=links)
        await charmhub.packages.update_metadata("demo", default_track="2.0", private=True, links=None)
    sent = {"summary": "A demo", "contact": None, "links": {"issues": ["https://example.com/issues"], "docs": []}}
    assert fake.sent(PATCH) == [sent, {"default-track": "2.0", "private": True, "links": None}]
    assert (package.summary, package.name) == ("A demo", "demo")


async def test_no_change_of_metadata_is_an_input_error(fake: FakeGateway):
    async with fake.client() as charmhub:
        with pytest.raises(InputError, match="needs something to change"):
            await charmhub.packages.update_metadata("demo")
    assert fake.seen == []


async def test_a_change_of_metadata_is_sent_again(fake: FakeGateway):
    fake.add_package("demo")
    fake.faults.add(DropAfter(), method="PATCH")
    async with fake.client() as charmhub:
        await charmhub.packages.update_metadata("demo", title="Demo")
        fake.faults.add(DropAfter(), method="PATCH", times=None)
        with pytest.raises(NetworkError) as caught:
            await charmhub.packages.update_metadata("demo", title="Demo")
    assert fake.count(PATCH) == 2 + Retry().attempts
    assert caught.value.outcome == "unknown"


async def test_creating_tracks(fake: FakeGateway):
    fake.add_package("demo")
    async with fake.client() as charmhub:
        assert await charmhub.tracks.create("demo", "1.0", NewTrack("2.0", r"2\..*", 12.5), "1.0") == 2
        assert await charmhub.tracks.create("demo", NewTrack("3.0", automatic_phasing_percentage=30.0)) == 1
    assert fake.sent(TRACKS) == [
        [{"name": "1.0"}, {"name": "2.0", "version-pattern": r"2\..*", "automatic-phasing-percentage": 12.5}],
        [{"name": "3.0", "automatic-phasing-percentage": 30}],
    ]


@pytest.mark.parametrize("name", ["", "-1", "1-", "1..0", "a b", "a/b", "é", "x" * 29, "1.0\n"])
async def test_a_name_that_no_track_can_have_is_not_sent(fake: FakeGateway, name: str):
    async with fake.client() as charmhub:
        for method in (charmhub.tracks.create, charmhub.tracks.ensure):
            with pytest.raises(InputError, match="cannot be the name of a track") as caught:
                await method("demo", "1.0", name)
            assert caught.value.argument == "tracks"
    assert fake.seen == []


@pytest.mark.parametrize("name", ["1", "1.0", "a-b_c.d", "x" * 28, "Latest"])
def test_names_of_tracks(name: str):
    assert NewTrack(name).dump() == {"name": name}


async def test_no_track_and_something_else_are_input_errors(fake: FakeGateway):
    async with fake.client() as charmhub:
        with pytest.raises(InputError, match="give one or more tracks"):
            await charmhub.tracks.create("demo")
        with pytest.raises(InputError, match="tracks= must be"):
            await charmhub.tracks.ensure("demo", ["1.0"])  # type: ignore[arg-type]
    assert fake.seen == []


async def test_a_track_that_exists_is_a_conflict(fake: FakeGateway):
    fake.add_package("demo", "1.0")
    async with fake.client() as charmhub:
        with pytest.raises(Conflict) as caught:
            await charmhub.tracks.create("demo", "1.0", "2.0")
    assert (caught.value.code, caught.value.outcome) == ("conflicting-tracks", "not_done")


@pytest.mark.parametrize("fault", LOST)
async def test_whether_a_lost_call_created_the_tracks_is_unknown(fake: FakeGateway, fault: Fault):
    fake.add_package("demo")
    fake.faults.add(fault, method="POST")
    async with fake.client() as charmhub:
        with pytest.raises((NetworkError, ServerError, InvalidResponse)) as caught:
            await charmhub.tracks.create("demo", "1.0")
    assert caught.value.outcome == "unknown"
    assert "demo has the tracks 1.0 now" in str(caught.value.__cause__)
    assert fake.seen == [TRACKS, GET]


async def test_tracks_that_stay_absent_are_created_again(fake: FakeGateway):
    fake.add_package("demo")
    clock = InstantClock()
    fake.faults.add(DropBefore(), method="POST")
    async with fake.client(clock=clock) as charmhub:
        assert await charmhub.tracks.create("demo", "1.0") == 1
    assert fake.count(TRACKS) == 1
    assert clock.time >= 30


async def test_ensuring_creates_what_is_missing(fake: FakeGateway):
    fake.add_package("demo", "1.0")
    async with fake.client() as charmhub:
        assert await charmhub.tracks.ensure("demo", "1.0", "2.0", "3.0") == ("2.0", "3.0")
        assert await charmhub.tracks.ensure("demo", "1.0", "2.0") == ()
    assert fake.seen == [GET, TRACKS, GET]
    assert fake.sent(TRACKS) == [[{"name": "2.0"}, {"name": "3.0"}]]


@pytest.mark.parametrize("fault", LOST)
async def test_ensuring_whose_response_is_lost_is_done(fake: FakeGateway, fault: Fault):
    fake.add_package("demo")
    fake.faults.add(fault, method="POST")
    async with fake.client() as charmhub:
        assert await charmhub.tracks.ensure("demo", "1.0") == ("1.0",)
    assert fake.seen == [GET, TRACKS, GET]


async def test_ensuring_while_others_create_the_same(fake: FakeGateway):
    """Somebody creates one of two after they were read."""
    fake.add_package("demo")

    def race() -> None:
        fake.on_tracks = lambda: None
        fake.create_tracks("demo", [{"name": "1.0"}])

    fake.on_tracks = race
    async with fake.client() as charmhub:
        assert await charmhub.tracks.ensure("demo", "1.0", "2.0") == ("2.0",)
    assert fake.sent(TRACKS) == [[{"name": "1.0"}, {"name": "2.0"}], [{"name": "2.0"}]]


async def test_ensuring_against_a_store_that_only_refuses_ends(fake: FakeGateway):
    fake.add_package("demo")
    fake.faults.add(refuse(409, "conflicting-tracks"), method="POST", times=None)
    async with fake.client() as charmhub:
        with pytest.raises(Conflict):
            await charmhub.tracks.ensure("demo", "1.0")
    assert len(fake.faults.happened) == 3


async def test_ensuring_against_a_store_that_creates_nothing_is_no_success(fake: FakeGateway):
    fake.add_package("demo")
    fake.faults.add(Respond(200, b'{"num-tracks-created": 0}', JSON), method="POST")
    async with fake.client() as charmhub:
        with pytest.raises(InvalidResponse, match=r"did not create 1\.0, 2\.0") as caught:
            await charmhub.tracks.ensure("demo", "1.0", "2.0")
    assert caught.value.outcome == "unknown"
    assert fake.seen == [GET, GET]


async def test_ensuring_against_a_store_that_leaves_out_what_exists(fake: FakeGateway):
    fake.add_package("demo")
    fake.on_tracks = lambda: fake.packages["demo"]["tracks"].append({"name": "1.0"})
    fake.faults.add(RespondAfter(200, b'{"num-tracks-created": 0}', JSON), method="POST")
    async with fake.client() as charmhub:
        assert await charmhub.tracks.ensure("demo", "1.0") == ("1.0",)
    assert fake.seen == [GET, TRACKS, GET]


async def test_a_package_without_its_tracks_does_not_say_that_there_are_none(fake: FakeGateway):
    fake.add_package("demo")
    fake.faults.add(DropAfter(), method="POST")
    fake.faults.add(Respond(200, b'{"metadata": {"id": "1"}}', JSON), method="GET", times=None)
    async with fake.client() as charmhub:
        with pytest.raises(NetworkError) as caught:
            await charmhub.tracks.create("demo", "1.0")
        assert caught.value.outcome == "unknown"
        with pytest.raises(InvalidResponse, match="no tracks of demo"):
            await charmhub.tracks.ensure("demo", "1.0")


@pytest.mark.parametrize("percentage", [-1, 100.5, math.nan, math.inf])
def test_percentages_that_are_none(percentage: float):
    with pytest.raises(InputError, match="percentage from 0 to 100") as caught:
        NewTrack("1.0", automatic_phasing_percentage=percentage)
    assert caught.value.argument == "automatic_phasing_percentage"


@pytest.mark.parametrize("identifier", [None, "", 1, ["x"]])
async def test_a_registration_without_an_identifier_is_no_success(fake: FakeGateway, identifier: Any):
    body = json.dumps({"id": identifier}).encode()
    fake.faults.add(RespondAfter(201, body, JSON), method="POST")
    async with fake.client() as charmhub:
        with pytest.raises(InvalidResponse) as caught:
            await charmhub.packages.register("demo")
    assert caught.value.outcome == "unknown"

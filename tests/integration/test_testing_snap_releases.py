"""Releases at the embedded Snap Store, and the shapes in which it shows what is released."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lading.testing import EmbeddedSnapStore, SnapRelease
from tests.support.snap_publisher import SnapPublisher, refusal

RELEASE = "/dev/api/snap-release/"
NOW = datetime(2026, 11, 20, 15, 48, tzinfo=UTC)
MAP = "/api/v2/snaps/hello/channel-map"
HISTORY = "/api/v2/snaps/hello/releases"
DAY = 24 * 3600
NOT_PROGRESSIVE = {"paused": None, "percentage": None, "current-percentage": None}


@pytest.fixture
def store():
    with EmbeddedSnapStore(now=NOW) as store:
        store.add_package("hello")
        store.add_revision("hello")
        store.add_revision("hello", version="2.0", architectures=["amd64", "arm64"])
        yield store
    assert store.errors == []


@pytest.fixture
def publisher(store):
    with SnapPublisher(store) as publisher:
        yield publisher


@pytest.fixture
def release(publisher):
    def release(revision, *channels, **more):
        body = {"name": "hello", "revision": revision, "channels": list(channels), **more}
        return publisher.send("POST", RELEASE, body)

    return release


@pytest.fixture
def close(store, publisher):
    def close(*channels):
        return publisher.send("POST", f"/dev/api/snaps/{store.package_id('hello')}/close", {"channels": list(channels)})

    return close


def risks(*states):
    names = ("stable", "candidate", "beta", "edge")
    return [{"channel": name, **state} for name, state in zip(names, states, strict=True)]


NONE, TRACKING = {"info": "none"}, {"info": "tracking"}


def specific(revision, version):
    return {"info": "specific", "version": version, "revision": revision}


def test_a_revision_is_released(store, release):
    response = release("1", "beta", "latest/candidate")
    assert response.status_code == 200
    one = risks(NONE, specific(1, "1.0"), specific(1, "1.0"), TRACKING)
    assert response.json() == {
        "success": True,
        "opened_channels": ["beta", "candidate"],
        "channel_map": one,
        "channel_map_tree": {"latest": {"16": {"amd64": one}}},
    }
    assert store.releases("hello")[0] == SnapRelease("latest/candidate", "amd64", 1, None, False, NOW)
    assert release(1, "candidate").json()["opened_channels"] == []
    assert release("2", "candidate").json()["opened_channels"] == ["candidate"]  # it is new for arm64


def test_a_channel_that_is_closed_follows_the_next(store, release, close):
    release("2", "stable", "edge")
    response = close("edge", "beta")
    assert response.json()["closed_channels"] == ["edge"]
    tree = response.json()["channel_map_tree"]["latest"]["16"]
    assert tree == dict.fromkeys(("amd64", "arm64"), risks(specific(2, "2.0"), TRACKING, TRACKING, TRACKING))
    assert {one.channel for one in store.releases("hello")} == {"latest/stable"}


@pytest.mark.parametrize("channels", [[], ["alpha"], ["2.0/edge"], [1], "edge"])
def test_only_channels_are_closed(store, publisher, channels):
    response = publisher.send("POST", f"/dev/api/snaps/{store.package_id('hello')}/close", {"channels": channels})
    assert refusal(response) == (400, "invalid-field", "The 'channels' field content is not valid.")


def test_other_revisions_and_snaps_are_not_found(publisher, release):
    assert refusal(release("3", "edge"))[:2] == (404, "resource-not-found")
    body = {"name": "other", "revision": "1", "channels": ["edge"]}
    assert refusal(publisher.send("POST", RELEASE, body))[:2] == (404, "resource-not-found")
    assert publisher.send("POST", "/dev/api/snaps/none/close", {"channels": ["edge"]}).status_code == 404


@pytest.mark.parametrize("revision", ["notanumber", "1.0", None, True, "-1", ""])
def test_a_revision_is_a_number(release, revision):
    response = release(revision, "edge")
    assert response.status_code == 400
    assert response.json() == {
        "success": False,
        "error_list": [{"code": "invalid-field", "message": "The 'revision' field must be an integer"}],
        "errors": {"revision": ["This field must be an integer."]},
    }


@pytest.mark.parametrize("channel", ["alpha", "latest", "a/b/c/d", "latest/edge/", "edge/fix/more", ""])
def test_an_invalid_channel_is_refused_without_a_list(release, channel):
    response = release("1", "edge", channel)
    assert (response.status_code, response.json()) == (400, {"errors": f"Not a valid channel: {channel}"})


@pytest.mark.parametrize(
    ("channels", "start"),
    [
        (["edge/{curly}"], "Invalid branch name: {curly}. Enter a value"),
        (["edge/-fix"], "Invalid branch name: -fix. Enter a value"),
        (["2.0/edge"], "Not a valid channel: 2.0/edge"),
        ([], "The 'channels' field content is not valid."),
    ],
)
def test_other_channels_are_refused(store, release, channels, start):
    status, code, message = refusal(release("1", *channels))
    assert (status, code) == (400, "invalid-field")
    assert message.startswith(start)
    assert store.releases("hello") == ()


@pytest.mark.parametrize("properties", [{"grade": "devel"}, {"confinement": "devmode"}])
def test_unstable_revisions_are_not_released_to_stable_channels(store, release, properties):
    number = store.add_revision("hello", **properties)
    assert [release(number, channel).status_code for channel in ("stable", "candidate", "beta", "edge")] == [
        400,
        400,
        200,
        200,
    ]


def test_a_track_may_accept_some_versions_only(store, release):
    store.add_track("hello", "2", version_pattern=r"2\.")
    assert refusal(release("1", "2/edge"))[:2] == (400, "invalid-field")
    assert release("2", "2/edge").json()["opened_channels"] == ["2/edge"]


def test_with_a_default_track_releases_name_one(publisher):
    publisher.store.add_package("tracked", default_track="1.0")
    publisher.store.add_revision("tracked")
    body = {"name": "tracked", "revision": "1"}
    refused = publisher.send("POST", RELEASE, body | {"channels": ["stable"]})
    assert refusal(refused) == (400, "invalid-field", "Implicit track not allowed")
    assert publisher.send("POST", RELEASE, body | {"channels": ["1.0/stable"]}).status_code == 200


def test_a_progressive_release_stands_beside_the_one_before(store, publisher, release):
    release("1", "stable")
    store.advance_clock(60)
    assert release("2", "stable", progressive={"percentage": 20, "paused": False}).status_code == 200
    shown = publisher.send("GET", MAP).json()["channel-map"]
    assert [(one["architecture"], one["revision"], one["progressive"]) for one in shown] == [
        ("amd64", 1, NOT_PROGRESSIVE),
        ("amd64", 2, {"paused": False, "percentage": 20, "current-percentage": None}),
        ("arm64", 2, {"paused": False, "percentage": 20, "current-percentage": None}),
    ]
    release("2", "stable")
    shown = publisher.send("GET", MAP).json()["channel-map"]
    assert [(one["revision"], one["progressive"]) for one in shown] == [(2, NOT_PROGRESSIVE)] * 2


@pytest.mark.parametrize(
    "progressive", [20, {}, {"percentage": 101}, {"percentage": "20"}, {"percentage": 5, "paused": 0}]
)
def test_other_percentages_are_refused(release, progressive):
    response = release("1", "edge", progressive=progressive)
    assert refusal(response) == (400, "invalid-field", "The 'progressive' field content is not valid.")


def test_a_branch_ends_after_thirty_days(store, publisher, release):
    release("1", "edge/fix")
    (shown,) = publisher.send("GET", MAP).json()["channel-map"]
    assert (shown["channel"], shown["expiration-date"]) == ("latest/edge/fix", "2026-12-20T15:48:00Z")
    path = f"/dev/api/snaps/{store.package_id('hello')}/state?series=16"
    branch = publisher.send("GET", path).json()["channel_map_tree"]["latest"]["16"]["amd64"][-1]
    assert branch == {
        "channel": "edge/fix",
        "info": "branch",
        "version": "1.0",
        "revision": 1,
        "expires_at": "2026-12-20T15:48:00.000000",
    }
    store.advance_clock(30 * DAY)
    with SnapPublisher(store) as later:
        assert later.send("GET", MAP).json()["channel-map"] == []


def test_the_channel_map(store, publisher, release):
    release("2", "edge")
    shown = publisher.send("GET", MAP).json()
    assert shown.keys() == {"channel-map", "revisions", "snap"}
    assert shown["channel-map"][1] == {
        "architecture": "arm64",
        "channel": "latest/edge",
        "expiration-date": None,
        "progressive": NOT_PROGRESSIVE,
        "revision": 2,
        "when": "2026-11-20T15:48:00Z",
    }
    (revision,) = shown["revisions"]
    assert revision.pop("sha3-384") == store.revisions("hello")[1].upload.digests["sha3_384"]
    assert revision == {
        "architectures": ["amd64", "arm64"],
        "attributes": {},
        "base": "core24",
        "build-url": None,
        "confinement": "strict",
        "created-at": "2026-11-20T15:48:00Z",
        "epoch": {"read": [0], "write": [0]},
        "grade": "stable",
        "revision": 2,
        "size": store.revisions("hello")[1].upload.size,
        "status": "Published",
        "type": "app",
        "version": "2.0",
    }
    snap = shown["snap"]
    assert (snap["id"], snap["name"], snap["default-track"]) == (store.package_id("hello"), "hello", None)
    assert [(one["name"], one["fallback"]) for one in snap["channels"]] == [
        ("latest/stable", None),
        ("latest/candidate", "latest/stable"),
        ("latest/beta", "latest/candidate"),
        ("latest/edge", "latest/beta"),
    ]
    assert [track["name"] for track in snap["tracks"]] == ["latest"]


def test_the_history_has_what_was_released_and_closed_newest_first(publisher, release, close):
    release("1", "edge")
    close("edge")
    shown = publisher.send("GET", HISTORY).json()
    assert [(one["revision"], one["channel"], one["risk"], one["branch"]) for one in shown["releases"]] == [
        (None, "latest/edge", "edge", None),
        (1, "latest/edge", "edge", None),
    ]
    assert [one["revision"] for one in shown["revisions"]] == [2, 1]
    assert {"created_at", "build_url"} <= shown["revisions"][0].keys()
    assert shown["_links"].keys() == {"self"}


def test_pages_of_the_history(publisher, release):
    for channel in ("edge", "beta", "candidate"):
        release("1", channel)
    first = publisher.send("GET", HISTORY, params={"size": 2}).json()
    assert [one["risk"] for one in first["releases"]] == ["candidate", "beta"]
    second = publisher.send("GET", first["_links"]["next"]).json()
    assert [one["risk"] for one in second["releases"]] == ["edge"]
    assert "next" not in second["_links"]
    # What was never released is on the first page only.
    assert [[one["revision"] for one in page["revisions"]] for page in (first, second)] == [[2, 1], [1]]
    assert publisher.send("GET", HISTORY, params={"page": 0}).status_code == 400


def test_a_page_may_have_no_links():
    with EmbeddedSnapStore(page_links=False) as store, SnapPublisher(store) as publisher:
        store.add_package("hello")
        assert "_links" not in publisher.send("GET", HISTORY).json()


def test_the_state_has_architectures_without_a_release(store, publisher, release):
    release("1", "stable")
    path = f"/dev/api/snaps/{store.package_id('hello')}/state"
    tree = publisher.send("GET", path, params={"series": "16"}).json()["channel_map_tree"]["latest"]["16"]
    assert tree == {
        "amd64": risks(specific(1, "1.0"), TRACKING, TRACKING, TRACKING),
        "arm64": risks(NONE, NONE, NONE, NONE),
    }
    only = publisher.send("GET", path, params={"architecture": "arm64"}).json()["channel_map_tree"]
    assert only["latest"]["16"].keys() == {"arm64"}
    assert publisher.send("GET", path, params={"architecture": "vax"}).json() == {}
    assert publisher.send("GET", path, params={"series": "18"}).status_code == 400


def test_other_accounts_see_nothing(store, release):
    release("1", "stable")
    with SnapPublisher(store, store.add_account("ada")) as other:
        for path in (MAP, HISTORY):
            assert refusal(other.send("GET", path)) == (404, "resource-not-found", "Snap not found for name=hello")
        assert other.send("GET", f"/dev/api/snaps/{store.package_id('hello')}/state").status_code == 403

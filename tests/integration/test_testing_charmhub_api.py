"""The embedded Charmhub's API as clients see it: names, reviews, releases, resources, tracks, what installers see."""

from __future__ import annotations

import hashlib

import httpx
import pytest

from lading.testing import EmbeddedCharmhub, make_bundle, make_charm
from tests.support.charmhub_api import TLS, Api, channels, codes, messages

AMD64, ARM64 = ("ubuntu", "24.04", "amd64"), ("ubuntu", "24.04", "arm64")
HELLO = "/v1/charm/hello"


@pytest.fixture
def store():
    """A store with the charm ``hello``."""
    with EmbeddedCharmhub() as store:
        store.add_package("hello")
        yield store
    assert store.errors == []


@pytest.fixture
def api(store):
    """Its API, with a token of the owner."""
    return Api.of(store)


def test_names_are_registered_listed_and_unregistered(store, api):
    status, value = api("POST", "/v1/charm", {"name": "second", "private": True, "type": "bundle"})
    assert status == 200
    assert (
        api.get("/v1/charm/second")["metadata"].items()
        >= {
            "id": value["id"],
            "name": "second",
            "private": True,
            "status": "registered",
            "type": "bundle",
            "links": {},
            "media": [],
        }.items()
    )
    assert [found["name"] for found in api.get("/v1/charm")["results"]] == ["hello", "second"]
    assert api("DELETE", "/v1/charm/second") == (200, {"package-id": value["id"]})
    assert store.packages == ("hello",)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "hello"}, (409, ["already-registered"])),
        ({"name": "taken"}, (409, ["reserved-name"])),
        ({"name": "Hello"}, (400, ["api-error"])),
        ({"name": "12"}, (400, ["api-error"])),
        ({"name": "x", "type": "snap"}, (400, ["api-error"])),
        ({"name": "x", "private": "no"}, (400, ["api-error"])),
        ({"name": "x", "team": "unknown"}, (400, ["api-error"])),
        ({"name": "x", "colour": "red", "private": 1}, (400, ["api-error", "api-error"])),
        ({}, (400, ["api-error"])),
    ],
)
def test_a_name_that_cannot_be_registered(store, api, body, expected):
    store.reserve("taken")
    assert codes(api("POST", "/v1/charm", body)) == expected


def test_packages_of_others_are_not_found_but_collaborations_are_listed(store):
    ada, bob = store.add_account("ada"), store.add_account("bob")
    store.add_package("theirs", owner=ada, collaborators=[bob])
    for_bob = Api.of(store, bob)
    assert codes(for_bob("GET", HELLO)) == (404, ["resource-not-found"])
    assert for_bob.get("/v1/charm") == {"results": []}
    (found,) = for_bob.get("/v1/charm?include-collaborations=true")["results"]
    assert found["publisher"]["username"] == "ada"
    assert codes(for_bob("DELETE", "/v1/charm/theirs")) == (403, ["resource-forbidden"])
    assert codes(for_bob("POST", "/v1/charm", {"name": "hello"})) == (409, ["already-registered"])


def test_metadata_is_changed(store, api):
    status, value = api("PATCH", HELLO, {"title": "Hello", "contact": None, "links": {"issues": ["https://x.test"]}})
    assert status == 200
    assert value == api.get(HELLO)
    assert value["metadata"].items() >= {"title": "Hello", "links": {"issues": ["https://x.test"]}}.items()
    assert codes(api("PATCH", HELLO, {"default-track": "9"})) == (400, ["api-error"])
    assert codes(api("PATCH", HELLO, {"name": "other"})) == (400, ["api-error"])
    assert codes(api("PATCH", HELLO, {})) == (400, ["api-error"])


def test_an_upload_becomes_a_revision(store, api):
    charm = make_charm("hello", version="2.1", bases=[("ubuntu", "24.04", ["amd64", "arm64"])])
    assert api.publish("hello", charm) == 1
    (revision,) = api.get(f"{HELLO}/revisions")["revisions"]
    digest = hashlib.sha3_384(charm).hexdigest()
    assert (
        revision.items()
        >= {
            "revision": 1,
            "version": "2.1",
            "sha3-384": digest,
            "size": len(charm),
            "status": "approved",
            "errors": None,
        }.items()
    )
    assert [base["architecture"] for base in revision["bases"]] == ["amd64", "arm64"]
    (stored,) = store.revisions("hello")
    assert (stored.sha3_384, stored.bases, stored.path.read_bytes()) == (digest, (AMD64, ARM64), charm)
    assert codes(api("DELETE", HELLO)) == (400, ["invalid-request"])


def test_revisions_are_filtered(api):
    for version in "12":
        api.publish("hello", make_charm("hello", version=version))
    assert [one["revision"] for one in api.get(f"{HELLO}/revisions")["revisions"]] == [2, 1]
    only = api.get(f"{HELLO}/revisions", params={"revision": "1", "fields": "revision,version"})
    assert only == {"revisions": [{"revision": 1, "version": "1"}]}


def test_the_same_content_is_rejected_by_the_review(store, api):
    charm = make_charm("hello")
    api.publish("hello", charm)
    upload_id = api.notify("hello", charm)
    assert api.review("hello", upload_id)["status"] == "new"
    review = api.review("hello", upload_id)
    assert (review["status"], review["revision"]) == ("rejected", None)
    (error,) = review["errors"]
    assert error["code"] == "review-error"
    assert hashlib.sha3_384(charm).hexdigest() in error["message"]
    assert len(store.revisions("hello")) == 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"no zip", "not a valid zip"),
        (make_bundle("hello"), "Missing required file: metadata.yaml"),
        (make_charm("other"), "'other'"),
    ],
)
def test_a_file_that_is_not_this_charm_is_rejected(api, data, message):
    upload_id = api.notify("hello", data)
    api.review("hello", upload_id)
    review = api.review("hello", upload_id)
    assert review["status"] == "rejected"
    assert message in review["errors"][0]["message"]


def test_reviews_advance_by_hand():
    with EmbeddedCharmhub(auto_review=False) as store:
        store.add_package("hello")
        api = Api.of(store)
        upload_id = api.notify("hello", make_charm("hello"))
        for _ in range(3):
            assert api.review("hello", upload_id)["status"] == "new"
        store.advance_reviews()
        review = api.review("hello", upload_id)
        assert (review["status"], review["revision"]) == ("scanned", 1)
        assert store.revisions("hello") == ()
        store.advance_reviews()
        assert api.review("hello", upload_id)["status"] == "approved"
        assert [revision.number for revision in store.revisions("hello")] == [1]


def test_outcomes_of_reviews_are_planned_and_decided(store, api):
    store.plan_review("rejected", ("policy", "no"), ("policy", "never"))
    store.plan_review("need_manual_review")
    first, second = (api.notify("hello", make_charm("hello", version=version)) for version in "12")
    for upload_id in (first, second):
        api.review("hello", upload_id)
    assert (
        api.review("hello", first).items()
        >= {
            "status": "rejected",
            "errors": [{"code": "policy", "message": "no"}, {"code": "policy", "message": "never"}],
        }.items()
    )
    for _ in range(2):
        assert api.review("hello", second)["status"] == "need_manual_review"
    store.decide_review(second, "approved")
    assert api.review("hello", second).items() >= {"status": "approved", "revision": 1}.items()
    with pytest.raises(LookupError, match="not reviewing"):
        store.decide_review(second, "rejected")


def test_one_request_shows_all_reviews_or_those_of_some_uploads(api):
    ids = [api.notify("hello", make_charm("hello", version=version)) for version in "123"]
    shown = api.get(f"{HELLO}/revisions/review")["revisions"]
    assert [review["upload-id"] for review in shown] == ids
    some = api.get(f"{HELLO}/revisions/review?upload-id={ids[0]}&upload-id={ids[2]}")["revisions"]
    assert [review["revision"] for review in some] == [1, 3]
    assert api.get(f"{HELLO}/revisions/review?upload-id=unknown") == {"revisions": []}


def test_an_upload_is_claimed_once(api):
    upload_id = api.notify("hello", make_charm("hello"))
    assert codes(api("POST", f"{HELLO}/revisions", {"upload-id": upload_id})) == (400, ["api-error"])
    assert codes(api("POST", f"{HELLO}/revisions", {"upload-id": "unknown"})) == (400, ["api-error"])


def test_a_release_has_an_entry_for_each_base(store, api):
    api.publish("hello", make_charm("hello", bases=[("ubuntu", "24.04", ["amd64", "arm64"])]))
    status, value = api.release("hello", {"channel": "edge", "revision": 1})
    assert (status, value["released"][0]["channel"], value["released"][0]["revision"]) == (200, "latest/edge", 1)
    shown = api.get(f"{HELLO}/releases")
    assert [(one["channel"], one["base"]["architecture"]) for one in shown["channel-map"]] == [
        ("latest/edge", "amd64"),
        ("latest/edge", "arm64"),
    ]
    assert [channel["fallback"] for channel in shown["package"]["channels"]] == [
        None,
        "latest/stable",
        "latest/candidate",
        "latest/beta",
    ]
    assert [revision["status"] for revision in shown["revisions"]] == ["released"]
    # Another revision replaces it on its own bases only.
    api.publish("hello", make_charm("hello", version="2", bases=[("ubuntu", "24.04", ["arm64"])]))
    api.release("hello", {"channel": "latest/edge", "revision": 2})
    assert channels(store, "hello") == [("latest/edge", 1, AMD64), ("latest/edge", 2, ARM64)]
    assert api.release("hello", {"channel": "edge", "revision": None})[0] == 200
    assert channels(store, "hello") == []


def test_a_release_is_made_for_all_channels_or_for_none(store, api):
    api.publish("hello", make_charm("hello"))
    refused = api.release("hello", {"channel": "edge", "revision": 1}, {"channel": "2.0/edge", "revision": 1})
    assert codes(refused) == (400, ["api-error"])
    assert messages(refused) == ["Invalid track: 2.0"]
    assert channels(store, "hello") == []


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"channel": "edge", "revision": 9}, (404, ["resource-not-found"])),
        ({"channel": "daily", "revision": 1}, (400, ["api-error"])),
        ({"channel": "edge"}, (400, ["api-error"])),
        ({"channel": "edge", "revision": "1"}, (400, ["api-error"])),
        ({"channel": "edge", "revision": 1, "resources": [{"name": "data"}]}, (400, ["api-error"])),
        ({"channel": "edge", "revision": 1, "progressive": {"percentage": 101}}, (400, ["api-error"])),
    ],
)
def test_a_release_that_is_refused(store, api, item, expected):
    api.publish("hello", make_charm("hello"))
    assert codes(api.release("hello", item)) == expected
    assert channels(store, "hello") == []


def test_a_progressive_release_stands_beside_what_the_others_have(store, api):
    for version in "12":
        api.publish("hello", make_charm("hello", version=version))
    api.release("hello", {"channel": "stable", "revision": 1})
    api.release("hello", {"channel": "stable", "revision": 2, "progressive": {"percentage": 30, "paused": False}})
    assert [(one.revision, one.percentage) for one in store.releases("hello")] == [(1, None), (2, 30)]
    shown = api.get(f"{HELLO}/releases")["channel-map"]
    assert [one["progressive"] for one in shown] == [
        {"paused": None, "percentage": None},
        {"paused": False, "percentage": 30},
    ]
    api.release("hello", {"channel": "stable", "revision": 2})
    assert [(one.revision, one.percentage) for one in store.releases("hello")] == [(2, None)]


def test_a_store_without_progressive_releases_releases_to_all():
    with EmbeddedCharmhub(progressive=False) as store:
        store.add_package("hello")
        api = Api.of(store)
        api.publish("hello", make_charm("hello"))
        item = {"channel": "stable", "revision": 1, "progressive": {"percentage": 30, "paused": False}}
        assert api.release("hello", item)[0] == 200
        assert [one.percentage for one in store.releases("hello")] == [None]


def test_branches_close_by_themselves(store, api):
    api.publish("hello", make_charm("hello"))
    status, value = api.release("hello", {"channel": "edge/fix", "revision": 1})
    assert status == 200
    assert value["released"][0]["expiration-date"] is not None
    shown = api.get(f"{HELLO}/releases")
    assert shown["package"]["channels"][-1].items() >= {"branch": "fix", "fallback": "latest/edge"}.items()
    longer = Api.of(store, ttl=60 * 24 * 3600)
    store.advance_clock(31 * 24 * 3600)
    assert longer.get(f"{HELLO}/releases")["channel-map"] == []


def test_resources_are_uploaded_updated_and_released(store, api):
    api.publish("hello", make_charm("hello", resources={"data": "file", "image": "oci-image"}))
    path = f"{HELLO}/resources/data/revisions"
    wanted = {"channel": "edge", "revision": 1, "resources": [{"name": "data", "revision": 1}]}
    assert (
        "'data' doesn't have a released revision"
        in messages(api.release("hello", {"channel": "edge", "revision": 1}))[0]
    )
    for kind, data in (("data", b"one"), ("image", b"{}")):
        body = {"upload-id": api.upload(data), "type": "file" if kind == "data" else "oci-image"}
        status, value = api("POST", f"{HELLO}/resources/{kind}/revisions", body)
        assert status == 200
        api.get(value["status-url"])
        (review,) = api.get(value["status-url"])["revisions"]
        assert review.items() >= {"status": "approved", "revision": 1}.items()
    (found,) = api.get(path)["revisions"]
    assert found.items() >= {"name": "data", "revision": 1, "size": 3, "type": "file"}.items()
    assert found["bases"] == [{"name": "all", "channel": "all", "architectures": ["all"]}]
    bases = [{"name": "ubuntu", "channel": "24.04", "architectures": ["amd64"]}]
    update = {"resource-revision-updates": [{"revision": 1, "bases": bases}]}
    assert api("PATCH", path, update) == (200, {"num-resource-revisions-updated": 1})
    assert api.get(path)["revisions"][0]["bases"] == bases
    wanted["resources"].append({"name": "image", "revision": 1})
    assert api.release("hello", wanted)[0] == 200
    # Without resources=, those of the channel stay.
    assert api.release("hello", {"channel": "edge", "revision": 1, "resources": []})[0] == 200
    assert [release.resources for release in store.releases("hello")] == [{"data": 1, "image": 1}]


def test_resources_are_listed_by_the_revisions_that_declare_them(api):
    api.publish("hello", make_charm("hello", resources={"data": "file"}))
    api.publish("hello", make_charm("hello", version="2", resources={"data": "file", "image": "oci-image"}))
    shown = api.get(f"{HELLO}/resources")["resources"]
    assert [(one["revision"], one["name"], one["type"]) for one in shown] == [
        (2, "data", "file"),
        (2, "image", "oci-image"),
        (1, "data", "file"),
    ]


def test_a_resource_that_is_refused(api):
    api.publish("hello", make_charm("hello", resources={"data": "file"}))
    body = {"upload-id": api.upload(b"x")}
    assert codes(api("POST", f"{HELLO}/resources/other/revisions", body)) == (404, ["resource-not-found"])
    wrong = {**body, "type": "oci-image"}
    assert codes(api("POST", f"{HELLO}/resources/data/revisions", wrong)) == (400, ["api-error"])
    update = {"resource-revision-updates": [{"revision": 4, "bases": [{}]}]}
    assert codes(api("PATCH", f"{HELLO}/resources/data/revisions", update)) == (404, ["resource-not-found"])


def test_an_image_has_credentials_and_a_blob(api):
    api.publish("hello", make_charm("hello", resources={"image": "oci-image", "data": "file"}))
    path = f"{HELLO}/resources/image/oci-image"
    credentials = api.get(f"{path}/upload-credentials")
    assert credentials.keys() == {"image-name", "username", "password"}
    status, blob = api("POST", f"{path}/blob", {"image-digest": f"sha256:{'a' * 64}"})
    assert (status, blob["ImageName"]) == (200, f"{credentials['image-name']}@sha256:{'a' * 64}")
    assert codes(api("POST", f"{path}/blob", {"image-digest": "sha256:x"})) == (400, ["api-error"])
    assert codes(api("GET", f"{HELLO}/resources/data/oci-image/upload-credentials")) == (400, ["api-error"])


def test_tracks_match_the_guardrails(store, api):
    path = f"{HELLO}/tracks"
    assert codes(api("POST", path, [{"name": "1.0"}])) == (400, ["invalid-tracks"])
    store.set_guardrails("hello", r"\d+\.\d+")
    wanted = [{"name": "1.0"}, {"name": "2.0", "version-pattern": r"2\..*", "automatic-phasing-percentage": None}]
    assert api("POST", path, wanted) == (200, {"num-tracks-created": 2})
    assert codes(api("POST", path, [{"name": "1.0"}, {"name": "3.0"}])) == (409, ["conflicting-tracks"])
    assert codes(api("POST", path, [{"name": "next"}])) == (400, ["invalid-tracks"])
    metadata = api.get(HELLO)["metadata"]
    assert [*store.tracks("hello")] == [track["name"] for track in metadata["tracks"]] == ["latest", "1.0", "2.0"]
    assert [rule["pattern"] for rule in metadata["track-guardrails"]] == [r"\d+\.\d+"]
    api.publish("hello", make_charm("hello", version="1.4"))
    assert api.release("hello", {"channel": "1.0/edge", "revision": 1})[0] == 200
    assert codes(api.release("hello", {"channel": "2.0/edge", "revision": 1})) == (400, ["api-error"])


def test_installers_see_a_release_after_some_time(store, api):
    def installed():
        response = httpx.get(f"{store.url}/v2/charms/info/hello?fields=channel-map", trust_env=False, verify=TLS)
        if response.status_code == 404:
            return None
        return [(one["channel"]["name"], one["revision"]["revision"]) for one in response.json()["channel-map"]]

    store.info_delay = 60
    charm = make_charm("hello")
    api.publish("hello", charm)
    api.release("hello", {"channel": "edge", "revision": 1})
    assert installed() is None
    store.advance_clock(60)
    assert installed() == [("latest/edge", 1)]
    api.publish("hello", make_charm("hello", version="2"))
    api.release("hello", {"channel": "edge", "revision": 2})
    assert installed() == [("latest/edge", 1)]
    store.advance_clock(60)
    assert installed() == [("latest/edge", 2)]
    value = httpx.get(
        f"{store.url}/v2/charms/info/hello?fields=result,default-release", trust_env=False, verify=TLS
    ).json()
    assert "channel-map" not in value
    download = value["default-release"]["revision"]["download"]
    assert httpx.get(download["url"], trust_env=False, verify=TLS).content == make_charm("hello", version="2")


def test_private_charms_are_not_shown_to_installers(store, api):
    store.add_package("secret", private=True)
    api.publish("secret", make_charm("secret"))
    api.release("secret", {"channel": "edge", "revision": 1})
    assert httpx.get(f"{store.url}/v2/charms/info/secret", trust_env=False, verify=TLS).status_code == 404


def test_bundles_have_no_base(store, api):
    store.add_package("pile", type="bundle")
    assert api.publish("pile", make_bundle("pile")) == 1
    api.release("pile", {"channel": "edge", "revision": 1})
    assert api.get("/v1/charm/pile/revisions")["revisions"][0]["bases"] == [None]
    assert api.get("/v1/charm/pile/releases")["channel-map"][0]["base"] is None


def test_a_body_that_is_not_sent_as_json_is_refused(store, api):
    url = f"{store.url}/v1/charm"
    plain = httpx.post(url, content=b'{"name": "x"}', headers=api.headers, trust_env=False, verify=TLS)
    assert plain.status_code == 415
    broken = httpx.post(
        url, content=b"{", headers={**api.headers, "Content-Type": "application/json"}, trust_env=False, verify=TLS
    )
    assert (broken.status_code, broken.json()["error-list"][0]["code"]) == (400, "api-error")
    assert codes(api("PUT", "/v1/charm")) == (405, ["api-error"])
    assert codes(api("GET", "/v1/unknown")) == (404, ["resource-not-found"])

"""The embedded on-prem snap store: the gateway's API for snaps."""

from __future__ import annotations

import httpx
import pytest

from lading.testing import EmbeddedOnPremSnapStore
from tests.support.snap_publisher import SNAP, refusal

WHOAMI = "/v1/tokens/whoami"


@pytest.fixture
def store():
    with EmbeddedOnPremSnapStore() as store:
        store.add_package("hello")
        yield store
    assert store.errors == []


@pytest.fixture
def send(store):
    with httpx.Client(base_url=store.url, trust_env=False) as client:

        def send(method, path, json=None, *, token=None):
            headers = {"Authorization": f"macaroon {token or store.create_token()}"}
            return client.request(method, path, json=json, headers=headers)

        yield send


@pytest.fixture
def publish(store, send):
    def publish(content=SNAP, filename="hello_2.1_multi.snap"):
        files = {"binary": (filename, content, "application/octet-stream")}
        upload = httpx.post(f"{store.storage_url}/unscanned-upload/", files=files, trust_env=False).json()["upload_id"]
        url = send("POST", "/v1/snap/hello/revisions", {"upload-id": upload}).json()["status-url"]
        return [send("GET", url).json()["revisions"][0] for _ in range(2)]

    return publish


def test_an_administrators_macaroon_is_exchanged_for_a_token(store, send):
    body = {"macaroon": store.create_admin_macaroon(ttl=60)}
    response = httpx.post(f"{store.url}/v1/tokens/offline/exchange", json=body, trust_env=False)
    token = response.json()["macaroon"]
    assert send("GET", WHOAMI, token=token).json()["account"]["username"] == "owner"
    store.advance_clock(60)
    assert refusal(send("GET", WHOAMI, token=token))[0] == 401
    for sent in (body, {"macaroon": "x"}):
        assert httpx.post(f"{store.url}/v1/tokens/offline/exchange", json=sent, trust_env=False).status_code == 401


def test_a_snap_is_published(send, publish):
    first, last = publish()
    assert (first["status"], last["status"], last["revision"]) == ("new", "approved", 1)
    released = send("POST", "/v1/snap/hello/releases", [{"channel": "edge", "revision": 1}])
    assert released.json()["released"][0]["revision"] == 1
    shown = send("GET", "/v1/snap/hello/releases").json()
    assert [(one["architecture"], one["channel"], one["revision"]) for one in shown["channel-map"]] == [
        ("amd64", "latest/edge", 1),
        ("arm64", "latest/edge", 1),
    ]
    assert all({"base", "resources"}.isdisjoint(one) for one in shown["channel-map"])
    (revision,) = send("GET", "/v1/snap/hello/revisions").json()["revisions"]
    assert (revision["architectures"], revision["version"]) == (["amd64", "arm64"], "2.1")
    assert {"confinement", "grade", "type", "apps", "base"} <= revision.keys()
    send("POST", "/v1/snap/hello/releases", [{"channel": "edge", "revision": None}])
    assert send("GET", "/v1/snap/hello/releases").json()["channel-map"] == []


def test_the_same_content_and_what_is_no_snap_are_rejected(publish):
    publish()
    again, other = publish()[1], publish(b"PK", "hello_3_amd64.snap")[1]
    assert (again["status"], other["status"]) == ("rejected", "rejected")
    assert "already exists" in again["errors"][0]["message"]
    assert other["errors"][0]["message"] == "The uploaded file is not a squashfs file system."


def test_there_is_no_dashboard(send):
    assert send("GET", "/dev/api/account").status_code == 404
    assert send("POST", "/dev/api/snap-push/", {"name": "hello", "dry_run": True}).status_code == 404


def test_its_clients_have_its_endpoints(store):
    endpoints = store.endpoints()
    assert (endpoints.api, endpoints.namespace, endpoints.api_url) == ("gateway", "snap", store.url)
    with pytest.raises(ValueError, match="has a snap 'hello' already"):
        store.add_package("hello")


def test_tokens_may_be_restricted(store, send):
    token = store.create_token(permissions=["package-view"], packages=["hello"], channels=["edge"])
    shown = send("GET", WHOAMI, token=token).json()
    assert shown["packages"] == [{"type": "snap", "name": "hello"}]
    assert (shown["permissions"], shown["channels"]) == (["package-view"], ["edge"])
    assert send("POST", "/v1/snap/hello/releases", [], token=token).status_code == 403


def test_tracks_match_the_guardrails(store, send):
    store.set_guardrails("hello", r"\d+")
    assert send("POST", "/v1/snap/hello/tracks", [{"name": "2"}]).json() == {"num-tracks-created": 1}
    assert send("POST", "/v1/snap/hello/tracks", [{"name": "two"}]).status_code == 400


def test_reviews_may_be_planned_and_advanced_by_hand():
    with EmbeddedOnPremSnapStore(auto_review=False) as store:
        store.add_package("hello")
        store.plan_review("rejected", ("review-error", "no"))
        headers = {"Authorization": f"Macaroon {store.create_token()}"}
        with httpx.Client(trust_env=False, headers=headers) as client:
            files = {"binary": ("hello_1_amd64.snap", SNAP)}
            upload = client.post(f"{store.storage_url}/unscanned-upload/", files=files).json()["upload_id"]
            sent = client.post(f"{store.url}/v1/snap/hello/revisions", json={"upload-id": upload}).json()
            states = []
            for _ in range(3):
                shown = client.get(store.url + sent["status-url"]).json()["revisions"][0]
                states.append(shown["status"])
                store.advance_reviews()
    assert states == ["new", "scanned", "rejected"]
    assert shown["errors"] == [{"code": "review-error", "message": "no"}]


@pytest.mark.anyio
async def test_its_client_is_the_owner(store):
    async with store.client() as client:
        assert (await client.tokens.whoami()).account.username == "owner"

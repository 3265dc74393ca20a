"""The embedded Snap Store: what installers see, its fixture, its command and its faults."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys

import httpx
import pytest

from lading.testing import DropAfter, EmbeddedSnapStore, Respond
from tests.support.snap_publisher import SNAP, SnapPublisher, refusal

SERIES = {"Snap-Device-Series": "16"}


@pytest.fixture
def store():
    with EmbeddedSnapStore() as store:
        store.add_package("hello")
        store.add_revision("hello", SNAP, channels=["edge", "beta/fix"], architectures=["amd64", "arm64"])
        yield store
    assert store.errors == []


def info(store, name="hello", headers=SERIES, **params):
    return httpx.get(f"{store.url}/v2/snaps/info/{name}", headers=headers, params=params, trust_env=False)


def test_installers_see_what_is_released(store):
    shown = info(store).json()
    assert shown.keys() == {"channel-map", "default-track", "name", "snap", "snap-id"}
    assert (shown["name"], shown["snap-id"]) == ("hello", store.package_id("hello"))
    assert [one["channel"]["architecture"] for one in shown["channel-map"]] == ["amd64", "arm64"]
    entry = shown["channel-map"][0]
    assert entry["channel"] | {"released-at": ""} == {
        "architecture": "amd64",
        "name": "edge",
        "released-at": "",
        "risk": "edge",
        "track": "latest",
    }
    assert (entry["revision"], entry["version"], entry["type"]) == (1, "1.0", "app")
    assert entry["download"]["size"] == len(SNAP)
    assert httpx.get(entry["download"]["url"], trust_env=False).content == SNAP


def test_installers_get_the_fields_that_they_request(store):
    shown = info(store, fields="channel-map")
    assert all(entry.keys() == {"channel"} for entry in shown.json()["channel-map"])
    shown = info(store, fields="revision,title", architecture="arm64").json()
    (entry,) = shown["channel-map"]
    assert (entry.keys(), shown["snap"]) == ({"channel", "revision"}, {"title": "hello"})
    assert refusal(info(store, fields="revision,x")) == (400, "bad-argument", "Invalid field(s): x")


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "Snap-Device-Series header is required."),
        ({"Snap-Device-Series": "18"}, "Snap-Device-Series header is invalid."),
        (SERIES | {"User-Agent": ""}, "User-Agent header is required."),
    ],
)
def test_installers_say_what_they_are(store, headers, message):
    assert refusal(info(store, headers=headers)) == (400, "bad-argument", message)


def test_installers_do_not_see_other_snaps(store):
    store.add_package("empty")
    store.add_package("secret", private=True)
    store.add_revision("secret", channels=["stable"])
    for name in ("empty", "secret", "none"):
        text = f"No snap named '{name}' found in series '16'."
        assert refusal(info(store, name)) == (404, "resource-not-found", text)
    assert httpx.get(f"{store.url}/api/v1/snaps/download/x_1.snap", trust_env=False).status_code == 404


def test_installers_see_a_release_after_some_time(store):
    store.info_delay = 60
    assert info(store).status_code == 404
    store.advance_clock(60)
    store.add_revision("hello", channels=["edge"])

    def revisions():
        return [(one["channel"]["architecture"], one["revision"]) for one in info(store).json()["channel-map"]]

    assert revisions() == [("amd64", 1), ("arm64", 1)]
    store.advance_clock(60)
    assert revisions() == [("amd64", 2), ("arm64", 1)]


def test_progressive_releases_are_not_shown_to_installers(store):
    store.add_revision("hello")
    with SnapPublisher(store) as publisher:
        body = {"name": "hello", "revision": "2", "channels": ["edge"], "progressive": {"percentage": 10}}
        assert publisher.send("POST", "/dev/api/snap-release/", body).status_code == 200
    assert {one["revision"] for one in info(store).json()["channel-map"]} == {1}


def test_exported_credentials_are_those_of_a_login(store):
    exported = store.export_credentials(permissions=["package_access"], packages=["hello"], channels=["edge"])
    stored = json.loads(base64.b64decode(exported))
    assert stored["t"] == "u1-macaroon"
    with SnapPublisher(store) as publisher:
        publisher.root, publisher.discharge = stored["v"]["r"], stored["v"]["d"]
        shown = publisher.send("GET", "/api/v2/tokens/whoami").json()
        assert shown["permissions"] == ["package_access"]
        assert shown["packages"] == [store.package_id("hello")]
        assert shown["channels"] == ["edge"]
        assert publisher.refresh().status_code == 200


@pytest.mark.anyio
async def test_its_client_is_the_owner(store):
    async with store.client() as client:
        shown = await client.tokens.whoami()
    assert (shown.account.username, shown.permissions) == ("owner", None)


def test_its_clients_have_its_endpoints(store):
    known = store.endpoints()
    assert (known.api_url, known.storage_url, known.login_url) == (store.url, store.storage_url, store.login_url)
    assert (known.login_kind, store.endpoints("candid").login_kind) == ("acl", "candid")


def test_faults_are_injected_on_all_hosts(store):
    store.faults.add(Respond(503), path="/dev/api/account")
    store.faults.add(DropAfter(), method="POST", path="/unscanned-upload/")
    with SnapPublisher(store) as publisher:
        assert [publisher.send("GET", "/dev/api/account").status_code for _ in range(2)] == [503, 200]
        with pytest.raises(httpx.RemoteProtocolError):
            publisher.upload()
        assert len(store.uploads) == 2  # that of the revision, and the one whose response was lost


def test_the_fixtures(lading_snap_store, embedded_snap_store):
    for store in (lading_snap_store, embedded_snap_store):
        assert store.packages == ()
        assert info(store).status_code == 404


def test_every_host_can_serve_https(server_tls, client_tls):
    with EmbeddedSnapStore(tls=server_tls) as store:
        for url in (store.url, store.storage_url, store.login_url, store.identity_url):
            assert url.startswith("https://127.0.0.1:")
            assert httpx.get(url, verify=client_tls, trust_env=False).status_code == 404
        store.add_package("hello")
        with SnapPublisher(store, verify=client_tls) as publisher:
            assert publisher.status(publisher.push())["code"] == "being_processed"
    assert store.errors == []


def test_what_a_test_sets_up_is_checked(store):
    with pytest.raises(ValueError, match="has a snap 'hello' already"):
        store.add_package("hello")
    with pytest.raises(ValueError, match="revision 2 cannot be released"):
        store.add_revision("hello", grade="devel", channels=["stable"])


def test_it_runs_as_a_command():
    command = [sys.executable, "-m", "lading.testing", "snap"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            lines = [process.stdout.readline().removeprefix("export ").strip() for _ in range(4)]
            environment = dict(line.split("=", 1) for line in lines)
            assert process.stdout.readline().startswith("# owner@example.com, password: 'correct horse'; http")
            assert environment.keys() == {
                "STORE_DASHBOARD_URL",
                "STORE_UPLOAD_URL",
                "UBUNTU_ONE_SSO_URL",
                "SNAPCRAFT_STORE_CREDENTIALS",
            }
            url = environment["STORE_DASHBOARD_URL"]
            assert httpx.get(f"{url}/dev/api/account", trust_env=False).status_code == 401
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0

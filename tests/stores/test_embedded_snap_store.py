"""craft-store's client of the Snap Store completes its whole cycle against the embedded one."""

from __future__ import annotations

import pytest

from lading.testing import EmbeddedOnPremSnapStore, EmbeddedSnapStore
from tests.support.snap_publisher import ALL, SNAP

craft_store = pytest.importorskip("craft_store", reason="needs craft-store")

# The client never closes its sessions and what it uploads.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def store():
    with EmbeddedSnapStore(discharge_lifetime=3600) as store:
        store.add_account("ada", otp="123456")
        yield store
    assert store.errors == []


def client(store, **options):
    options = {"endpoints": craft_store.endpoints.U1_SNAP_STORE, "auth_url": store.login_url, **options}
    return craft_store.UbuntuOneStoreClient(
        base_url=store.url,
        storage_base_url=store.storage_url,
        application_name="test",
        user_agent="test",
        ephemeral=True,
        **options,
    )


def log_in(store, **more):
    official = client(store)
    fields = {"permissions": list(ALL), "description": "test", "ttl": 100 * 24 * 3600}
    official.login(**fields, email=store.owner.email, password=store.owner.password, **more)
    return official


def hosts(store):
    return [(request.host, request.method, request.target) for request in store.requests]


def test_login_with_a_second_factor(store):
    ada = store.add_account("ada")
    official = client(store)
    fields = {"permissions": ["package_access"], "description": "test", "ttl": 60}
    fields |= {"email": ada.email, "password": ada.password}
    with pytest.raises(craft_store.errors.StoreServerError) as refused:
        official.login(**fields)
    assert "twofactor-required" in refused.value.error_list
    official.login(**fields, otp="123456")
    assert official.whoami()["account"]["username"] == "ada"


def test_login_for_snaps_and_channels(store):
    snap_id = store.add_package("hello")
    package = craft_store.endpoints.Package("hello", "snap")
    official = log_in(store, packages=[package], channels=["edge"])
    shown = official.whoami()
    assert (shown["packages"], shown["channels"]) == ([snap_id], ["edge"])


def test_a_snap_is_registered_uploaded_and_released(store, tmp_path):
    official = log_in(store)

    def send(method, path, **body):
        return official.request(method, store.url + path, json=body or None)

    send("POST", "/dev/api/register-name/", snap_name="hello", is_private=False, series="16")
    with pytest.raises(craft_store.errors.StoreServerError):
        send("POST", "/dev/api/register-name/", snap_name="hello", is_private=False, series="16")
    send("POST", "/dev/api/snap-push/", name="hello", dry_run=True)
    path = tmp_path / "hello_2.1_amd64.snap"
    path.write_bytes(SNAP)
    upload_id = official.upload_file(filepath=path)
    pushed = send("POST", "/dev/api/snap-push/", name="hello", series="16", updown_id=upload_id, channels=["edge"])
    url = pushed.json()["status_details_url"]
    assert [official.request("GET", url).json()["code"] for _ in range(2)] == ["being_processed", "ready_to_release"]
    send("POST", "/dev/api/snap-release/", name="hello", revision="1", channels=["stable"])
    assert [one.channel for one in store.releases("hello")] == ["latest/stable", "latest/edge"]
    with pytest.raises(craft_store.errors.StoreServerError) as refused:
        send("POST", "/dev/api/snap-push/", name="other", dry_run=True)
    assert "resource-not-found" in refused.value.error_list


def test_an_expired_discharge_is_refreshed(store):
    official = log_in(store)
    store.advance_clock(3601)
    assert official.whoami()["account"]["username"] == "owner"
    assert hosts(store)[-3:] == [
        ("api", "GET", "/api/v2/tokens/whoami"),
        ("login", "POST", "/api/v2/tokens/refresh"),
        ("api", "GET", "/api/v2/tokens/whoami"),
    ]


def test_an_on_prem_store_shows_what_the_clients_models_of_snaps_demand(tmp_path):
    with EmbeddedOnPremSnapStore() as store:
        store.add_package("hello")
        endpoints = craft_store.endpoints.Endpoints(
            namespace="snap",
            whoami="/v1/tokens/whoami",
            tokens="/v1/tokens",
            tokens_exchange="/v1/tokens/offline/exchange",
            valid_package_types=["snap"],
            list_releases_model=craft_store.models.snap_list_releases_model.ListReleasesModel,
        )
        official = client(store, endpoints=endpoints, auth_url=store.login_url)
        official._get_authorization_header = lambda: f"macaroon {store.create_token()}"
        path = tmp_path / "hello_2.1_arm64.snap"
        path.write_bytes(SNAP)
        request = craft_store.models.RevisionsRequestModel(**{"upload-id": official.upload_file(filepath=path)})
        url = official.notify_revision(name="hello", revision_request=request).status_url
        states = [official.request("GET", store.url + url).json()["revisions"][0]["status"] for _ in range(2)]
        assert states == ["new", "approved"]
        (revision,) = official.list_revisions("hello")
        assert (revision.version, revision.architectures) == ("2.1", ["arm64"])
        release = craft_store.models.ReleaseRequestModel(channel="edge", revision=1)
        official.release(name="hello", release_request=[release])
        (shown,) = official.get_list_releases(name="hello").channel_map
        assert (shown.architecture, shown.channel, shown.revision) == ("arm64", "latest/edge", 1)

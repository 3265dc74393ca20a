"""Logins at the embedded Snap Store: macaroons, their refreshing, and what restricted ones allow."""

from __future__ import annotations

import json

import httpx
import pytest
from pymacaroons import Macaroon

from lading.testing import EmbeddedSnapStore
from tests.support.snap_publisher import ACL, SnapPublisher, refusal

WHOAMI = "/api/v2/tokens/whoami"
NO_MACAROON = "The request is missing an Authorization header field containing a valid macaroon"
DAY = 24 * 3600


@pytest.fixture
def store():
    with EmbeddedSnapStore(discharge_lifetime=DAY) as store:
        store.add_package("hello")
        store.add_revision("hello")
        store.add_package("world")
        yield store
    assert store.errors == []


def test_the_root_macaroon_is_discharged_by_ubuntu_one(store):
    with SnapPublisher(store) as publisher:
        assert publisher.caveat.location == httpx.URL(store.login_url).netloc.decode()
        assert publisher.send("GET", WHOAMI).json()["account"] == {
            "email": "owner@example.com",
            "id": store.owner.id,
            "name": "Owner",
            "username": "owner",
        }


def test_whoami_shows_the_restrictions(store):
    restrictions = {
        "packages": [{"name": "hello", "series": "16"}],
        "channels": ["edge", "*/beta"],
        "expires": "2099-01-02T03:04:05+00:00",
    }
    with SnapPublisher(store, permissions=("package_access", "package_push"), **restrictions) as publisher:
        shown = publisher.send("GET", WHOAMI).json()
    assert shown["packages"] == [store.package_id("hello")]
    assert shown["permissions"] == ["package_access", "package_push"]
    assert shown["channels"] == ["edge", "*/beta"]
    assert shown["expires"].startswith("2099-01-02T03:04:05")


def test_an_account_with_a_second_factor_needs_its_code(store):
    account = store.add_account("ada", otp="123456")
    with SnapPublisher(store, account) as publisher:
        assert publisher.send("GET", WHOAMI).json()["account"]["username"] == "ada"
        without = publisher.discharged(otp="")
        wrong = publisher.discharged(otp="654321")
    assert refusal(without)[:2] == (401, "twofactor-required")
    assert without.json()["code"] == "TWOFACTOR_REQUIRED"
    assert refusal(wrong)[0] == 403


def test_a_wrong_password_is_refused(store):
    with SnapPublisher(store) as publisher:
        assert refusal(publisher.discharged(password="x"))[:2] == (401, "invalid-credentials")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"permissions": ["package-manage"]}, (400, "invalid-field", "The 'permissions' field content is not valid.")),
        ({"permissions": []}, (400, "invalid-field", "The 'permissions' field content is not valid.")),
        ({"permissions": None}, (400, "invalid-field", "The 'permissions' field content is not valid.")),
        ({"expires": "2020-01-01T00:00:00+00:00"}, (400, "invalid-field", "The 'expires' field content is not valid.")),
        ({"expires": "2099-01-01T00:00:00+02:00"}, (400, "invalid-field", "The 'expires' field content is not valid.")),
        ({"expires": "tomorrow"}, (400, "invalid-field", "The 'expires' field content is not valid.")),
        ({"channels": []}, (400, "invalid-field", "The 'channels' field content is not valid.")),
        ({"packages": ["hello"]}, (400, "invalid-field", "The 'packages' field content is not valid.")),
    ],
)
def test_requests_for_macaroons_are_checked(store, fields, expected):
    body = {"permissions": ["package_push"]} | fields
    assert refusal(httpx.post(store.url + ACL, json=body)) == expected


def test_a_macaroon_for_a_snap_that_does_not_exist_is_refused_without_a_list(store):
    packages = [{"name": "missing", "series": "16"}]
    response = httpx.post(store.url + ACL, json={"permissions": ["package_push"], "packages": packages})
    assert response.status_code == 404
    assert response.json() == {"error_message": "Snap not found for the given snap name: 'missing' and series: '16'"}


def test_a_form_is_no_json(store):
    assert httpx.post(store.url + ACL, data={"permissions": "package_push"}).status_code == 415


def credentials(publisher):
    """Yield credentials that are not accepted."""
    with SnapPublisher(publisher.store) as other:
        yield ""
        yield "Basic b3duZXI6cHc="
        yield f"Macaroon root={publisher.root}"
        yield f"Macaroon root={publisher.root}, discharge={publisher.discharge}"  # not bound
        yield publisher.authorization.replace(publisher.root, other.root)
        yield f"Macaroon {publisher.root}"
    root = Macaroon.deserialize(publisher.root)
    root.add_first_party_caveat("more")
    yield publisher.authorization.replace(publisher.root, root.serialize())


@pytest.mark.parametrize(("path", "name"), [(WHOAMI, "error-list"), ("/dev/api/account", "error_list")])
def test_other_credentials_are_refused_and_not_to_be_refreshed(store, path, name):
    with SnapPublisher(store) as publisher:
        for authorization in credentials(publisher):
            response = publisher.client.get(path, headers={"Authorization": authorization})
            assert refusal(response) == (401, "macaroon-authorization-required", NO_MACAROON), authorization
            assert name in response.json()
            assert response.headers["WWW-Authenticate"] == 'Macaroon realm="Devportal"'


@pytest.mark.parametrize("code", ["macaroon-needs-refresh", "macaroon-permission-required"])
def test_an_expired_discharge_is_refreshed(code):
    with EmbeddedSnapStore(discharge_lifetime=DAY, refresh_code=code) as store, SnapPublisher(store) as publisher:
        store.advance_clock(DAY + 1)
        response = publisher.send("GET", WHOAMI)
        assert refusal(response)[:2] == (401, code)
        assert response.headers["WWW-Authenticate"] == "Macaroon needs_refresh=1"
        before = publisher.discharge
        assert publisher.refresh().status_code == 200
        assert publisher.discharge != before
        assert publisher.send("GET", WHOAMI).status_code == 200


def test_an_expired_root_macaroon_is_not_to_be_refreshed(store):
    expires = store.now.replace(year=store.now.year + 1).isoformat()
    with SnapPublisher(store, expires=expires) as publisher:
        store.advance_clock(400 * DAY)
        assert publisher.refresh().status_code == 200
        response = publisher.send("GET", WHOAMI)
        assert refusal(response)[:2] == (401, "macaroon-authorization-required")
        assert "needs_refresh" not in response.headers["WWW-Authenticate"]


def test_nothing_is_refreshed_after_the_password_was_changed(store):
    with SnapPublisher(store) as publisher:
        store.advance_clock(60)
        store.change_password(store.owner, "another")
        assert publisher.refresh().status_code == 401


ENDPOINTS = [
    ("GET", "/dev/api/account", "package_access"),
    ("POST", "/dev/api/account/account-key", "modify_account_key"),
    ("POST", "/dev/api/register-name/", "package_register"),
    ("POST", "/dev/api/snap-push/", "package_push"),
    ("POST", "/dev/api/snap-release/", "package_release"),
    ("POST", "/dev/api/snaps/metrics", "package_metrics"),
    ("POST", "/dev/api/snaps/ID/close", "package_release"),
    ("GET", "/dev/api/snaps/ID/state", "package_access"),
    ("POST", "/dev/api/snaps/ID/builds", "package_push"),
    ("POST", "/dev/api/snaps/ID/metadata", "package_update"),
    ("PUT", "/dev/api/snaps/ID/metadata", "package_update"),
    ("GET", "/dev/api/snaps/ID/binary-metadata", "package_access"),
    ("POST", "/dev/api/snaps/ID/binary-metadata", "package_update"),
    ("PUT", "/dev/api/snaps/ID/binary-metadata", "package_update"),
    ("GET", "/dev/api/snaps/ID/validations", "package_access"),
    ("POST", "/dev/api/snaps/ID/validations", "package_manage"),
    ("PUT", "/dev/api/snaps/ID/validations", "package_manage"),
    ("GET", "/api/v2/snaps/hello/channel-map", "package_access"),
    ("GET", "/api/v2/snaps/hello/releases", "package_access"),
    ("GET", "/api/v2/validation-sets", "package_access"),
    ("POST", "/api/v2/validation-sets", "package_manage"),
    ("POST", "/api/v2/validation-sets/build-assertion", "package_manage"),
    ("GET", "/api/v2/confdb-schemas", "package_access"),
    ("POST", "/api/v2/confdb-schemas", "package_manage"),
    ("POST", "/api/v2/confdb-schemas/build-assertion", "package_manage"),
]


@pytest.mark.parametrize(("method", "path", "permission"), ENDPOINTS)
def test_every_endpoint_needs_its_permission(store, method, path, permission):
    path = path.replace("ID", store.package_id("hello"))
    other = "package_purchase"
    with SnapPublisher(store, permissions=(permission,)) as allowed, SnapPublisher(store, permissions=(other,)) as not_:
        assert allowed.send(method, path).status_code not in (401, 403)
        response = not_.send(method, path)
        text = f'Permission "{permission}" is required as a macaroon caveat.'
        assert refusal(response) == (403, "macaroon-permission-required", text)
        assert response.json().get("permission", permission) == permission
        assert httpx.request(method, store.url + path).status_code == 401


def test_credentials_for_a_snap_are_not_for_another(store):
    with SnapPublisher(store, packages=[{"name": "hello", "series": "16"}]) as publisher:
        bodies = [{"name": name, "dry_run": True} for name in ("hello", "world")]
        responses = [publisher.send("POST", "/dev/api/snap-push/", body) for body in bodies]
        assert [response.status_code for response in responses] == [202, 403]
        assert responses[1].json()["permission"] == "package_id"
        assert publisher.send("GET", "/api/v2/snaps/world/channel-map").status_code == 403
        registered = publisher.send("POST", "/dev/api/register-name/", {"snap_name": "new"})
        assert registered.status_code == 403


def release(publisher, *channels):
    body = {"name": "hello", "revision": "1", "channels": list(channels)}
    return publisher.send("POST", "/dev/api/snap-release/", body)


def test_credentials_for_channels_are_not_for_others(store):
    with SnapPublisher(store, channels=["edge", "beta/*"]) as publisher:
        assert release(publisher, "edge").status_code == 200
        assert release(publisher, "latest/edge", "beta/fix").status_code == 200
        refused = release(publisher, "edge", "stable")
        assert refusal(refused) == (403, "macaroon-permission-required", "Permission is required: channel")
        assert refused.json()["permission"] == "channel"
        assert refused.json()["channels"] == ["stable"]
        pushed = publisher.push(channels=["stable"])
        text = "Macaroon channel restrictions (edge beta/*) do not allow release to stable."
        assert refusal(pushed) == (403, "invalid-channel-permission", text)
        path = f"/dev/api/snaps/{store.package_id('hello')}/close"
        assert publisher.send("POST", path, {"channels": ["stable"]}).status_code == 403
    assert {one.channel for one in store.releases("hello")} == {"latest/edge", "latest/beta/fix"}


def test_a_push_to_channels_needs_the_permission_to_release(store):
    with SnapPublisher(store, permissions=("package_push",)) as publisher:
        assert publisher.push().status_code == 202
        assert publisher.push(channels=["edge"]).json()["permission"] == "package_release"


def test_a_macaroon_may_name_a_snap_by_its_id(store):
    with SnapPublisher(store, packages=[{"snap_id": store.package_id("hello")}]) as publisher:
        assert publisher.send("GET", WHOAMI).json()["packages"] == [store.package_id("hello")]


def test_revoked_credentials_are_refused_and_not_to_be_refreshed(store):
    with SnapPublisher(store) as publisher:
        store.revoke()
        assert refusal(publisher.send("GET", WHOAMI))[:2] == (401, "macaroon-authorization-required")


def test_a_login_by_the_identity_service_begins_with_a_macaroon_for_it(store):
    body = {"permissions": ["package-view"], "description": "d", "expires": "2099-01-01T00:00:00+00:00"}
    response = httpx.post(f"{store.url}/api/v2/tokens", json=body).raise_for_status()
    (caveat,) = [found for found in json.loads(response.json()["macaroon"])["c"] if "l" in found]
    assert caveat["l"] == store.identity_url
    assert httpx.post(f"{store.url}/api/v2/tokens/exchange", json={}).status_code == 401

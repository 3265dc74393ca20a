"""Names at the embedded Snap Store: registered, refused and listed."""

from __future__ import annotations

import pytest

from lading.testing import EmbeddedSnapStore
from tests.support.snap_publisher import SnapPublisher, refusal

REGISTER = "/dev/api/register-name/"
NAME = "it should only have ASCII lowercase letters, numbers, and hyphens, and must have at least one letter."


@pytest.fixture
def store():
    with EmbeddedSnapStore(register_window=180) as store:
        yield store
    assert store.errors == []


@pytest.fixture
def publisher(store):
    with SnapPublisher(store) as publisher:
        yield publisher


def test_a_name_is_registered(store, publisher):
    response = publisher.send("POST", REGISTER, {"snap_name": "hello", "is_private": True, "series": "16"})
    assert response.status_code == 201
    assert response.json() == {"snap_id": store.package_id("hello"), "snap_name": "hello"}
    account = publisher.send("GET", "/dev/api/account").json()
    assert account["account_id"] == store.owner.id
    assert account["account_keys"] == []
    assert account["snaps"]["16"]["hello"] | {"since": ""} == {
        "snap-id": store.package_id("hello"),
        "snap-name": "hello",
        "status": "Approved",
        "private": True,
        "price": None,
        "since": "",
        "store": "ubuntu",
        "publisher": {
            "id": store.owner.id,
            "username": "owner",
            "display-name": "Owner",
            "validation": "unproven",
        },
    }


def test_a_dry_run_registers_nothing(store, publisher):
    response = publisher.send("POST", f"{REGISTER}?dry_run=1", {"snap_name": "hello"})
    assert (response.status_code, response.json()) == (200, {"snap_id": None, "snap_name": "hello"})
    assert store.packages == ()


@pytest.mark.parametrize(
    ("name", "code"),
    [("mine", "already_owned"), ("theirs", "already_registered"), ("shared", "already_registered")],
)
def test_a_name_that_is_registered_is_refused_without_a_list(store, publisher, name, code):
    ada = store.add_account("ada")
    store.add_package("mine")
    store.add_package("theirs", owner=ada)
    store.add_package("shared", owner=ada, collaborators=[store.owner])
    for query in ("", "?dry_run=true"):
        response = publisher.send("POST", REGISTER + query, {"snap_name": name})
        assert response.status_code == 409
        url = f"{store.url}/register-name/?series=16&name={name}"
        assert response.json() == {"status": 409, "code": code, "register_name_url": url}


def test_a_reserved_name_is_refused(store, publisher):
    store.reserve("linux")
    response = publisher.send("POST", REGISTER, {"snap_name": "linux"})
    assert (response.status_code, response.json()["code"]) == (409, "reserved_name")


def test_names_are_not_registered_too_quickly(store, publisher):
    assert publisher.send("POST", REGISTER, {"snap_name": "first"}).status_code == 201
    store.advance_clock(3)
    response = publisher.send("POST", REGISTER, {"snap_name": "second"})
    assert response.status_code == 429
    assert response.json() == {"status": 429, "code": "register_window", "retry_after": 177}
    assert "Retry-After" not in response.headers
    with SnapPublisher(store, store.add_account("ada")) as other:
        assert other.send("POST", REGISTER, {"snap_name": "third"}).status_code == 201
    store.advance_clock(177)
    assert publisher.send("POST", REGISTER, {"snap_name": "second"}).status_code == 201


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a" * 41, "it should be no longer than 40 characters."),
        ("-a", "it should not start nor end with a hyphen."),
        ("a--b", "it should not have two hyphens in a row."),
        ("Hello", NAME),
        ("test_invalid", NAME),
        ("42", NAME),
        ("", NAME),
    ],
)
def test_an_invalid_name_is_refused(publisher, name, text):
    response = publisher.send("POST", REGISTER, {"snap_name": name})
    assert refusal(response) == (400, "invalid", f"The name '{name}' is not valid: {text}")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (400, "missing-field", "The 'snap_name' field is required.")),
        ({"snap_name": 1}, (400, "invalid-field", "The 'snap_name' field content is not valid.")),
        (
            {"snap_name": "a", "is_private": "no"},
            (400, "invalid-field", "The 'is_private' field content is not valid."),
        ),
        ({"snap_name": "a", "series": "18"}, (400, "invalid-field", "The 'series' field content is not valid.")),
        ({"snap_name": "a", "store": "other"}, (400, "invalid-field", "The 'store' field content is not valid.")),
        ([], (400, "bad-request", "The request body is not a valid JSON object.")),
    ],
)
def test_other_values_are_refused(store, publisher, body, expected):
    assert refusal(publisher.send("POST", REGISTER, body)) == expected
    assert store.packages == ()


def test_paths_have_a_slash_at_their_end(publisher):
    assert publisher.send("POST", REGISTER.rstrip("/"), {"snap_name": "a"}).status_code == 404
    assert publisher.send("GET", REGISTER).status_code == 405


def test_the_account_lists_the_snaps_that_it_may_publish(store, publisher):
    ada = store.add_account("ada")
    store.add_package("mine")
    store.add_package("theirs", owner=ada)
    store.add_package("shared", owner=ada, collaborators=[store.owner])
    snaps = publisher.send("GET", "/dev/api/account").json()["snaps"]["16"]
    assert {name: snap["publisher"]["username"] for name, snap in snaps.items()} == {"mine": "owner", "shared": "ada"}

"""Assertions at the embedded Snap Store: keys, builds, validations of other snaps, validation sets."""

from __future__ import annotations

import pytest

from lading.testing import EmbeddedSnapStore
from lading.testing.canonical.snap._assertions import InvalidAssertionError, parse_assertion
from tests.support.snap_publisher import ALL, SnapPublisher, refusal

KEY = "vdEeQvRxmZ26npJCFaGnl-VfGz0lU2jZZkWp_s7E-RxVCNtH2_mtjcxq2NkDKkIp"
SETS = "/api/v2/validation-sets"
TEXT = {"Content-Type": "application/x.ubuntu.assertion"}
NOT_MINE = "account-id and authority-id must match the requesting user."


@pytest.fixture
def store():
    with EmbeddedSnapStore() as store:
        store.add_package("hello")
        store.add_package("world")
        yield store
    assert store.errors == []


@pytest.fixture
def publisher(store):
    with SnapPublisher(store, permissions=(*ALL, "modify_account_key")) as publisher:
        yield publisher


def assertion(kind, **headers):
    """An assertion without a body; underscores are hyphens, and *more* are lines as they are."""
    more = headers.pop("more", "")
    lines = [f"type: {kind}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\n".join(lines) + f"\n{more}" * bool(more) + "\n\nAcLBUgQAAQoABgUC\n"


def register(publisher, name="default", key=KEY, **changes):
    text = assertion(
        "account-key-request",
        account_id=publisher.account.id,
        name=name,
        public_key_sha3_384=key,
        since="2026-11-20T15:48:00Z",
        **changes,
    )
    return publisher.send("POST", "/dev/api/account/account-key", {"account_key_request": text})


def test_a_key_is_registered(publisher):
    response = register(publisher)
    key = {"name": "default", "public-key-sha3-384": KEY}
    assert response.json() == {"account_key": {"account-id": publisher.account.id, **key}}
    assert publisher.send("GET", "/dev/api/account").json()["account_keys"] == [key]
    assert refusal(register(publisher))[:2] == (409, "conflict")


def test_other_key_requests_are_refused(store, publisher):
    with SnapPublisher(store, store.add_account("ada"), permissions=("modify_account_key",)) as other:
        text = assertion("account-key-request", account_id=publisher.account.id, name="x", public_key_sha3_384=KEY)
        for sent in ("test-invalid-data", text):
            response = other.send("POST", "/dev/api/account/account-key", {"account_key_request": sent})
            expected = "The account-key-request assertion is not valid."
            assert refusal(response) == (400, "invalid-field", expected)


def build(publisher, **changes):
    snap_id = publisher.store.package_id("hello")
    headers = {
        "authority_id": publisher.account.id,
        "snap_sha3_384": "QlqR0uAWEAWF5Nwnzj5kqmmwFslYPu1IL16MKtLKhwhv0kpBv5wKZ_axf_nf_2cL",
        "grade": "stable",
        "snap_id": snap_id,
        "snap_size": "999",
        "timestamp": "2026-11-20T15:48:00Z",
        "sign_key_sha3_384": KEY,
        **changes,
    }
    text = assertion("snap-build", **headers)
    return publisher.send("POST", f"/dev/api/snaps/{snap_id}/builds", {"assertion": text})


def test_a_build_is_asserted(publisher):
    register(publisher)
    response = build(publisher)
    assert response.status_code == 200
    assert (response.json()["type"], response.json()["grade"]) == ("snap-build", "stable")


@pytest.mark.parametrize("changes", [{"snap_id": "other"}, {"authority_id": "other"}, {"sign_key_sha3_384": "other"}])
def test_other_builds_are_refused(publisher, changes):
    register(publisher)
    response = build(publisher, **changes)
    assert refusal(response) == (400, "invalid-field", "The snap-build assertion is not valid.")


def test_builds_may_be_disabled():
    with EmbeddedSnapStore(builds_disabled=True) as store, SnapPublisher(store) as publisher:
        store.add_package("hello")
        text = "The snap-build assertions are currently disabled."
        assert refusal(build(publisher)) == (501, "feature-disabled", text)


def validate(publisher, revision="3", method="PUT", **changes):
    store = publisher.store
    headers = {
        "authority_id": publisher.account.id,
        "series": "16",
        "snap_id": store.package_id("hello"),
        "approved_snap_id": store.package_id("world"),
        "approved_snap_revision": revision,
        "revoked": "false",
        "timestamp": "2026-11-20T15:48:00.756001Z",
        "sign_key_sha3_384": KEY,
        **changes,
    }
    path = f"/dev/api/snaps/{store.package_id('hello')}/validations"
    return publisher.send(method, path, {"assertion": assertion("validation", **headers)})


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_validation_replaces_the_one_before(store, publisher, method):
    register(publisher)
    path = f"/dev/api/snaps/{store.package_id('hello')}/validations"
    assert publisher.send("GET", path).json() == []
    assert [validate(publisher, revision, method).status_code for revision in ("3", "-")] == [200, 200]
    (shown,) = publisher.send("GET", path).json()
    assert (shown["approved-snap-name"], shown["approved-snap-revision"]) == ("world", "-")
    validate(publisher, revoked="true")
    assert publisher.send("GET", path).json() == []
    assert len(publisher.send("GET", path, params={"include_revoked": "1"}).json()) == 1


def test_other_validations_are_refused(store, publisher):
    register(publisher)
    other = validate(publisher, snap_id=store.package_id("world"))
    assert refusal(other) == (400, "invalid-request", "The given `snap-id` does not match the assertion.")
    assert refusal(validate(publisher, approved_snap_id="x"))[:2] == (404, "resource-not-found")
    assert refusal(validate(publisher, sign_key_sha3_384="x"))[:2] == (400, "invalid-request")


def define(publisher, **changes):
    body = {
        "account-id": publisher.account.id,
        "name": "pair",
        "sequence": 1,
        "snaps": [{"name": "hello", "revision": 3}, {"name": "world", "presence": "optional"}],
        **changes,
    }
    return publisher.send("POST", f"{SETS}/build-assertion", body)


def publish(publisher, sequence="1", revision="0", **changes):
    headers = {
        "authority_id": publisher.account.id,
        "revision": revision,
        "series": "16",
        "account_id": publisher.account.id,
        "name": "pair",
        "sequence": sequence,
        "timestamp": "2026-11-20T15:48:00Z",
        "sign_key_sha3_384": KEY,
        **changes,
    }
    snaps = "snaps:\n  -\n    name: hello\n    id: abc\n    presence: required\n  -\n    name: world"
    text = assertion("validation-set", **headers, more=snaps)
    return publisher.send("POST", SETS, content=text.encode(), headers=TEXT)


def test_a_validation_set_is_built_and_published(store, publisher):
    register(publisher)
    built = define(publisher).json()
    assert built.pop("timestamp")
    assert built == {
        "type": "validation-set",
        "authority-id": publisher.account.id,
        "account-id": publisher.account.id,
        "series": "16",
        "name": "pair",
        "sequence": "1",
        "revision": "0",
        "snaps": [
            {"name": "hello", "id": store.package_id("hello"), "revision": "3"},
            {"name": "world", "id": store.package_id("world"), "presence": "optional"},
        ],
    }
    (published,) = publish(publisher).json()["assertions"]
    assert published["headers"]["snaps"] == [{"name": "hello", "id": "abc", "presence": "required"}, {"name": "world"}]
    assert define(publisher).json()["revision"] == "1"
    assert refusal(publish(publisher))[:2] == (409, "conflict")
    assert publish(publisher, revision="1").status_code == 200


def test_validation_sets_are_listed_by_sequence(publisher):
    register(publisher)
    for sequence in ("1", "2", "10"):
        publish(publisher, sequence)
    publish(publisher, "1", "1")
    publish(publisher, name="other")

    def sequences(path="", **params):
        found = publisher.send("GET", SETS + path, params=params).json()["assertions"]
        return [(one["headers"]["name"], one["headers"]["sequence"], one["headers"]["revision"]) for one in found]

    assert sorted(sequences()) == [("other", "1", "0"), ("pair", "10", "0")]
    assert sequences("/pair") == [("pair", "10", "0")]
    assert sequences("/pair", sequence="all") == [("pair", "1", "1"), ("pair", "2", "0"), ("pair", "10", "0")]
    assert sequences("/pair", sequence="2") == [("pair", "2", "0")]
    assert sequences("/none") == []
    text = "sequence must be one of ['all', 'latest'] or a positive integer higher than 0."
    assert refusal(publisher.send("GET", SETS, params={"sequence": "0"})) == (400, "invalid-request", text)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"account-id": "other"}, NOT_MINE),
        ({"sequence": 0}, "0 is less than the minimum of 1 at /sequence"),
        ({"snaps": []}, "[] is too short at /snaps"),
        ({"snaps": [{"name": "none"}]}, "A snap in the validation set was not found."),
        ({"snaps": ["hello"]}, "A snap in the validation set was not found."),
        ({"snaps": [{"name": "hello", "id": "x"}]}, "The snap hello in the validation set is not valid."),
        ({"snaps": [{"name": "hello", "presence": "x"}]}, "The snap hello in the validation set is not valid."),
    ],
)
def test_other_validation_sets_are_not_built(publisher, changes, message):
    response = define(publisher, **changes)
    assert refusal(response) == (400, "invalid-request", message)
    assert "error-list" in response.json()


def test_other_validation_sets_are_not_published(publisher):
    assert refusal(publish(publisher)) == (400, "invalid-request", NOT_MINE)  # the key is not registered
    register(publisher)
    assert refusal(publish(publisher, account_id="other")) == (400, "invalid-request", NOT_MINE)
    assert publisher.send("POST", SETS, {"type": "validation-set"}).status_code == 415


SCHEMAS = "/api/v2/confdb-schemas"
STORAGE = '{"storage": {"schema": {"wifi": {"values": "any"}}}}'
VIEWS = {"setup": {"rules": [{"request": "ssids", "storage": "wifi.ssids"}]}}


def define_schema(publisher, **changes):
    body = {"account-id": publisher.account.id, "name": "network", "views": VIEWS, "body": STORAGE, **changes}
    return publisher.send("POST", f"{SCHEMAS}/build-assertion", body)


def publish_schema(publisher, revision="0", body=STORAGE, **changes):
    headers = {
        "authority-id": publisher.account.id,
        "account-id": publisher.account.id,
        "name": "network",
        "revision": revision,
        "timestamp": "2026-11-20T15:48:00Z",
        "body-length": str(len(body)),
        "sign-key-sha3-384": KEY,
        **changes,
    }
    lines = ["type: confdb-schema", *(f"{name}: {value}" for name, value in headers.items())]
    views = "views:\n  setup:\n    rules:\n      -\n        request: ssids\n        storage: wifi.ssids"
    text = "\n".join([*lines, views]) + f"\n\n{body}\n\nAcLBUgQAAQoABgUC\n"
    return publisher.send("POST", SCHEMAS, content=text.encode(), headers=TEXT)


def test_a_confdb_schema_is_built_published_and_listed(publisher):
    register(publisher)
    built = define_schema(publisher, summary="Networks").json()
    assert (built["type"], built["revision"], built["views"], built["body"]) == ("confdb-schema", "0", VIEWS, STORAGE)
    assert (built["summary"], built["authority-id"]) == ("Networks", publisher.account.id)
    (published,) = publish_schema(publisher).json()["assertions"]
    assert (published["headers"]["views"], published["body"]) == (VIEWS, STORAGE)
    assert define_schema(publisher).json()["revision"] == "1"
    assert refusal(publish_schema(publisher))[:2] == (409, "conflict")
    assert publish_schema(publisher, "1").status_code == 200
    for path in (SCHEMAS, f"{SCHEMAS}/network"):
        (shown,) = publisher.send("GET", path).json()["assertions"]
        assert shown["headers"]["revision"] == "1"
    assert publisher.send("GET", f"{SCHEMAS}/none").json() == {"assertions": []}


@pytest.mark.parametrize("changes", [{"account-id": "other"}, {"views": {}}, {"body": "{}"}, {"body": "no"}])
def test_other_confdb_schemas_are_refused(publisher, changes):
    register(publisher)
    assert refusal(define_schema(publisher, **changes))[:2] == (400, "invalid-request")
    if "views" not in changes:
        assert refusal(publish_schema(publisher, **changes))[:2] == (400, "invalid-request")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "type: test",
        "type: test\n\n",
        "type: other\n\nsig",
        "type: test\n name: a\n\nsig",
        "type: test\nName: a\n\nsig",
        "type: test\ntype: test\n\nsig",
        "type: test\nname:\n\nsig",
        "type: test\nname: a\n  b\n\nsig",
        "type: test\nbody-length: 9\n\nbody\n\nsig",
        "type: test\nbody-length: x\n\nbody\n\nsig",
        "type: test\nlist:\n  - a\n  b\n\nsig",
        "  type: test\n\nsig",
    ],
)
def test_malformed_assertions(text):
    with pytest.raises(InvalidAssertionError):
        parse_assertion(text, "test")


def test_headers_of_assertions():
    text = "type: test\nlist:\n  - a\n  - b\ntext:\n    one\n    two\nmap:\n  key: x\nbody-length: 4\n\nbody\n\nsig\n"
    found = parse_assertion(text, "test")
    assert found.headers["list"] == ["a", "b"]
    assert found.headers["text"] == "one\ntwo"
    assert found.headers["map"] == {"key": "x"}
    assert (found.body, found.signature) == ("body", "sig\n")

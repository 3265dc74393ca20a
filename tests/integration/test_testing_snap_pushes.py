"""Pushes at the embedded Snap Store: checked, processed, rejected, and released to the channels that they name."""

from __future__ import annotations

import hashlib

import pytest

from lading.testing import EmbeddedSnapStore
from tests.support.snap_publisher import SNAP, SnapPublisher, refusal

PUSH = "/dev/api/snap-push/"
DUPLICATE = "binary_sha3_384: A file with this exact same content has already been uploaded"


@pytest.fixture
def store():
    with EmbeddedSnapStore(auto_review=False) as store:
        store.add_package("hello")
        yield store
    assert store.errors == []


@pytest.fixture
def publisher(store):
    with SnapPublisher(store) as publisher:
        yield publisher


def test_a_push_becomes_a_revision(store, publisher):
    pushed = publisher.push(
        "hello",
        filename="hello_2.1_beta_arm64.snap",
        binary_filesize=len(SNAP),
        source_uploaded=False,
        built_at="2026-11-20T15:48:00+00:00",
    )
    assert pushed.status_code == 202
    url = f"{store.url}/dev/api/snaps/{store.package_id('hello')}/builds/1/status"
    assert pushed.json() == {"success": True, "status_details_url": url}
    assert publisher.status(pushed) == {"code": "being_processed", "processed": False, "can_release": False}
    assert store.revisions("hello") == ()

    store.advance_reviews()
    shown = publisher.status(pushed)
    assert shown.pop("url").startswith(store.url)
    assert shown == {"code": "ready_to_release", "processed": True, "can_release": True, "revision": "1"}
    (revision,) = store.revisions("hello")
    assert (revision.number, revision.version, revision.architectures) == (1, "2.1_beta", ("arm64",))
    assert revision.upload.digests["sha3_384"] == hashlib.sha3_384(SNAP).hexdigest()
    assert (revision.status, revision.created_by) == ("Published", "owner")
    (push,) = store.pushes
    assert (push.code, push.revision, push.built_at) == ("ready_to_release", 1, "2026-11-20T15:48:00+00:00")


def test_processing_ends_by_itself_after_it_was_shown():
    with EmbeddedSnapStore(string_revisions=False) as store, SnapPublisher(store) as publisher:
        store.add_package("hello")
        pushed = publisher.push()
        assert [publisher.status(pushed)["code"] for _ in range(3)] == ["being_processed", *["ready_to_release"] * 2]
        assert publisher.status(pushed)["revision"] == 1


def test_a_dry_run_pushes_nothing(store, publisher):
    response = publisher.send("POST", PUSH, {"name": "hello", "dry_run": True})
    assert (response.status_code, response.json()) == (202, {"success": True})
    assert store.pushes == ()


@pytest.mark.parametrize("dry_run", [True, False])
def test_only_who_may_publish_a_snap_pushes(store, publisher, dry_run):
    ada = store.add_account("ada")
    store.add_package("theirs", owner=ada)
    store.add_package("shared", owner=ada, collaborators=[store.owner])
    body = {"dry_run": True} if dry_run else {"series": "16", "updown_id": publisher.upload()}
    responses = {name: publisher.send("POST", PUSH, {"name": name, **body}) for name in ("theirs", "shared", "none")}
    assert refusal(responses["none"]) == (404, "resource-not-found", "Snap not found for name=none")
    text = "Cannot upload new revisions for name=theirs"
    assert refusal(responses["theirs"]) == (403, "resource-forbidden", text)
    assert responses["shared"].status_code == 202


def invalid(name):
    return 400, "invalid-field", f"The '{name}' field content is not valid."


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"updown_id": "unknown"}, invalid("updown_id")),
        ({"updown_id": 1}, invalid("updown_id")),
        ({"series": "18"}, invalid("series")),
        ({"series": 16}, invalid("series")),
        ({"binary_filesize": 1}, invalid("binary_filesize")),
        ({"binary_filesize": str(len(SNAP))}, invalid("binary_filesize")),
        ({"source_uploaded": 0}, invalid("source_uploaded")),
        ({"built_at": "yesterday"}, invalid("built_at")),
        ({"channels": "edge"}, invalid("channels")),
        ({"channels": ["2.0/edge"]}, (400, "invalid-field", "Not a valid channel: 2.0/edge")),
        ({"components": ["part"]}, invalid("components")),
        ({"components": {"part": "unknown"}}, invalid("components")),
        ({"components": {"Part": "unknown"}}, invalid("components")),
    ],
)
def test_other_values_are_refused(store, publisher, fields, expected):
    assert refusal(publisher.push(**fields)) == expected
    assert store.pushes == ()


@pytest.mark.parametrize("missing", ["series", "updown_id", "name"])
def test_required_members_are_required(store, publisher, missing):
    body = {"name": "hello", "series": "16", "updown_id": publisher.upload()}
    del body[missing]
    response = publisher.send("POST", PUSH, body)
    assert refusal(response) == (400, "missing-field", f"The '{missing}' field is required.")


def test_content_that_is_a_revision_already_is_rejected_when_it_is_processed(store, publisher):
    first, second = publisher.push(), publisher.push()
    assert (first.status_code, second.status_code) == (202, 202)
    store.advance_reviews()
    assert publisher.status(first)["code"] == "ready_to_release"
    assert publisher.status(second) == {
        "code": "processing_error",
        "processed": True,
        "can_release": False,
        "errors": [{"code": None, "message": DUPLICATE}],
    }
    assert len(store.revisions("hello")) == 1


def test_the_same_upload_pushed_twice_is_one_revision(store, publisher):
    body = {"name": "hello", "series": "16", "updown_id": publisher.upload()}
    pushed = [publisher.send("POST", PUSH, body) for _ in range(2)]
    store.advance_reviews()
    assert [publisher.status(one)["code"] for one in pushed] == ["ready_to_release", "processing_error"]


def test_what_is_no_snap_is_rejected(store, publisher):
    store.plan_review("ready_to_release")
    pushed = publisher.push("hello", b"PK\x03\x04")
    store.advance_reviews()
    shown = publisher.status(pushed)
    assert shown["code"] == "processing_error"
    assert [error["message"] for error in shown["errors"]] == ["The uploaded file is not a squashfs file system."]
    assert store.revisions("hello") == ()


@pytest.mark.parametrize("code", ["processing_error", "processing_upload_delta_error"])
def test_a_planned_rejection(store, publisher, code):
    store.plan_review(code, "security: (NEEDS REVIEW) interface 'docker'", "lint: broken")
    pushed = publisher.push(channels=["edge"])
    store.advance_reviews()
    shown = publisher.status(pushed)
    assert (shown["code"], shown["can_release"], len(shown["errors"])) == (code, False, 2)
    assert "revision" not in shown
    assert store.releases("hello") == ()


def test_a_manual_review_is_decided_by_a_person(store, publisher):
    store.plan_review("need_manual_review", "human review required")
    pushed = publisher.push(channels=["edge"])
    store.advance_reviews()
    store.advance_reviews()
    shown = publisher.status(pushed)
    assert (shown["code"], shown["processed"], shown["can_release"]) == ("need_manual_review", True, False)
    assert shown["revision"] == "1"
    body = {"name": "hello", "revision": "1", "channels": ["edge"]}
    refused = publisher.send("POST", "/dev/api/snap-release/", body)
    assert refusal(refused)[:2] == (400, "resource-not-ready")

    store.decide_review("hello", "ready_to_release")
    assert publisher.status(pushed)["code"] == "ready_to_release"
    assert [one.channel for one in store.releases("hello")] == ["latest/edge"]


def test_a_manual_review_may_end_with_a_rejection(store, publisher):
    store.plan_review("need_manual_review")
    pushed = publisher.push()
    store.advance_reviews()
    store.decide_review("hello", "processing_error", "no")
    assert publisher.status(pushed)["errors"] == [{"code": None, "message": "no"}]
    assert store.revisions("hello")[0].status == "Rejected"


def test_a_push_is_released_to_the_channels_that_it_names(store, publisher):
    publisher.push(channels=["edge", "latest/beta", "edge/fix"], filename="hello_1_multi.snap")
    assert store.releases("hello") == ()
    store.advance_reviews()
    released = [(one.channel, one.architecture, one.revision) for one in store.releases("hello")]
    channels = ("latest/beta", "latest/edge", "latest/edge/fix")
    assert released == [(channel, architecture, 1) for channel in channels for architecture in ("amd64", "arm64")]


def test_a_release_that_is_not_possible_leaves_the_revision(store, publisher):
    store.plan_review(grade="devel", version="3", architectures=["riscv64"])
    pushed = publisher.push(channels=["stable"])
    store.advance_reviews()
    shown = publisher.status(pushed)
    assert (shown["code"], len(shown["errors"])) == ("ready_to_release", 1)
    assert store.releases("hello") == ()
    assert store.revisions("hello")[0].properties["grade"] == "devel"
    assert store.revisions("hello")[0].architectures == ("riscv64",)


def test_components_are_pushed_with_the_snap(store, publisher):
    publisher.push(components={"extra-part": publisher.upload(SNAP + b"2", "hello+extra.comp")})
    (push,) = store.pushes
    assert push.components["extra-part"].filename == "hello+extra.comp"


def test_the_status_of_an_unknown_push_is_not_found(store, publisher):
    publisher.push()
    for path in (f"{store.package_id('hello')}/builds/2", f"{store.package_id('hello')}/builds/0", "x/builds/1"):
        assert publisher.client.get(f"/dev/api/snaps/{path}/status").status_code == 404


def test_unknown_states_and_pushes_are_errors_of_the_test(store):
    with pytest.raises(ValueError, match="no state 'x'"):
        store.plan_review("x")
    with pytest.raises(TypeError, match="strings without codes"):
        store.plan_review("processing_error", ("bad-metadata", "the summary is missing"))
    with pytest.raises(LookupError, match="'hello' has no push"):
        store.decide_review("hello", "ready_to_release")
    with pytest.raises(LookupError, match="no snap 'x'"):
        store.revisions("x")

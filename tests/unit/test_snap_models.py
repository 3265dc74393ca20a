"""Models and pure functions of the Snap Store's own API."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lading import BadRequest, Conflict, Forbidden, InputError, NotFound, RateLimited, Response
from lading.canonical import SNAP_STORE, SnapAccountInfo, SnapState, Validation
from lading.canonical._channel_map import read_channel_map
from lading.canonical._services import services_of
from lading.canonical.snap._assertions import as_text, read_headers, require_headers
from lading.canonical.snap._models import SnapHistory, UploadState
from lading.canonical.snap._names import is_own, packages_of
from lading.canonical.snap._processing import _review_of_revision, _review_of_state
from tests.support.steps import run_steps

REVISION = {
    "architectures": ["amd64"],
    "attributes": {},
    "base": None,
    "build_url": None,
    "confinement": "strict",
    "created_at": "2022-06-01T08:59:35Z",
    "epoch": {"read": [0], "write": [0]},
    "grade": "stable",
    "revision": 23,
    "sha3-384": "20c4e17f",
    "size": 4096,
    "status": "Published",
    "version": "1.0.1",
}
NO_PROGRESS = {"paused": None, "percentage": None, "current-percentage": None}
SERVICE = services_of(SNAP_STORE, allow_http=False).api


def response(body: bytes, status: int = 200) -> Response:
    """A response in JSON."""
    return Response(status, {"content-type": "application/json"}, body, "https://dashboard.snapcraft.io/x", "")


class TestHistory:
    def test_hyphens_and_underscores(self):
        page = SnapHistory.model_validate(
            {
                "_links": {"self": "https://dashboard.snapcraft.io/api/v2/snaps/x/releases?page=1"},
                "releases": [
                    {
                        "when": "2024-11-29T15:24:14Z",
                        "channel": "latest/stable/fix",
                        "track": "latest",
                        "risk": "stable",
                        "branch": "fix",
                        "expiration-date": "2024-12-29T15:24:14Z",
                        "architecture": "arm64",
                        "revision": None,
                        "progressive": NO_PROGRESS,
                    }
                ],
                "revisions": [REVISION],
            }
        )
        (release,), (revision,) = page.releases, page.revisions
        assert (release.revision, release.channel) == (None, "latest/stable/fix")
        assert release.expiration_date == datetime(2024, 12, 29, 15, 24, 14, tzinfo=UTC)
        assert (revision.sha3_384, revision.status, revision.base) == ("20c4e17f", "Published", None)
        assert revision.created_at == datetime(2022, 6, 1, 8, 59, 35, tzinfo=UTC)
        assert not page.has_next

    @pytest.mark.parametrize("links", [{"next": "https://x?page=2"}, {"next": None}, None, {}])
    def test_the_next_page(self, links: Any):
        page = SnapHistory.model_validate({"_links": links, "releases": None, "revisions": None})
        assert page.has_next == bool(links and links.get("next"))
        assert page.revisions == page.releases == ()

    def test_what_is_missing_is_told_from_what_is_empty(self):
        assert "revisions" in SnapHistory.model_validate({"revisions": []}).model_fields_set
        assert "revisions" not in SnapHistory.model_validate({}).model_fields_set


class TestChannelMap:
    def test_the_snap_has_the_channels(self):
        found = run_steps(
            read_channel_map(
                response(
                    b'{"channel-map": [{"architecture": "amd64", "channel": "latest/stable", "expiration-date": null, '
                    b'"progressive": {"paused": null, "percentage": null, "current-percentage": null}, "revision": 23, '
                    b'"when": "2024-11-29T15:24:14Z"}], "revisions": [], "snap": {"name": "x", "channels": [{"name": '
                    b'"latest/edge", "track": "latest", "risk": "edge", "branch": null, "fallback": null}]}}'
                )
            )
        )
        assert [(one.architecture, one.revision) for one in found.in_channel("stable")] == [("amd64", 23)]
        assert [channel.name for channel in found.channels] == ["latest/edge"]

    def test_thousands_are_read_in_steps(self):
        body = {"channel-map": [{"channel": f"{number}/stable", "revision": number} for number in range(3000)]}
        steps = read_channel_map(response(json.dumps({**body, "package": {"channels": None}}).encode()))
        count = 0
        while True:
            try:
                next(steps)
            except StopIteration as end:
                found = end.value
                break
            count += 1
        assert count >= 30
        assert [release.revision for release in found.releases] == list(range(3000))
        assert found.channels == found.revisions == ()

    @pytest.mark.parametrize("value", ["1", '"x"', "{}", "[1]", '[{"revision": 1}]'])
    def test_what_is_no_list_of_releases(self, value: str):
        with pytest.raises((TypeError, ValueError)):
            run_steps(read_channel_map(response(f'{{"channel-map": {value}}}'.encode())))

    def test_a_response_without_one_does_not_mean_that_all_is_closed(self):
        with pytest.raises(KeyError):
            run_steps(read_channel_map(response(b"{}")))


class TestAccount:
    def test_whose_a_snap_is(self):
        account = SnapAccountInfo.model_validate(
            {
                "account_id": "me",
                "snaps": {
                    "16": {
                        "mine": {"snap-id": "1", "publisher": {"id": "me"}},
                        "old": {"snap-id": "2"},
                        "theirs": {"snap-id": "3", "publisher": {"id": "you"}, "private": True},
                    }
                },
            }
        )
        names = [package.name for package in packages_of(account, include_collaborations=False)]
        assert names == ["mine", "old"]
        assert len(packages_of(account, include_collaborations=True)) == 3
        theirs = account.find("theirs")
        assert theirs is not None
        assert not is_own(account, theirs)
        assert account.find("other") is None

    def test_the_state(self):
        tree = {"latest": {"16": {"amd64": [{"channel": "stable", "info": "released", "revision": 3}]}}}
        state = SnapState.model_validate({"channel_map_tree": tree})
        assert [one.revision for one in state.channels("latest", "amd64")] == [3]
        assert SnapState.model_validate({}).channels("latest", "amd64") == ()

    def test_a_validation_that_is_not_known(self):
        found = Validation.model_validate({"type": "validation", "revoked": False, "more": 1})
        assert (found.revoked, found.model_extra) == (False, {"type": "validation", "more": 1})


class TestReviews:
    @pytest.mark.parametrize(
        ("state", "status", "approved"),
        [
            ({"code": "being_processed", "processed": False}, "being_processed", False),
            ({"code": "processing_error", "processed": False}, "being_processed", False),
            ({}, "being_processed", False),
            ({"code": "ready_to_release", "processed": True, "revision": "7"}, "approved", True),
            ({"code": "ready_to_release", "processed": True, "errors": [{"message": "no track"}]}, "approved", True),
            ({"code": "need_manual_review", "processed": True, "revision": 7}, "need_manual_review", False),
            ({"code": "processing_error", "processed": True, "errors": [{"message": "x"}]}, "rejected", False),
            ({"code": "processing_upload_delta_error", "processed": True}, "rejected", False),
            ({"code": "new_code", "processed": True}, "rejected", False),
            ({"code": "new_code", "processed": True, "can_release": True}, "approved", True),
            (
                {"code": "new_code", "processed": True, "can_release": True, "errors": [{"code": "x"}]},
                "rejected",
                False,
            ),
        ],
    )
    def test_states_of_pushes(self, state: Any, status: str, approved: Any):
        review = _review_of_state("u", UploadState.model_validate(state))
        assert (review.status, review.is_approved) == (status, approved)
        assert review.revision == (7 if "revision" in state else None)

    @pytest.mark.parametrize(
        ("status", "review"),
        [
            ("Published", "approved"),
            ("Unpublished", "approved"),
            ("ManualReviewPending", "need_manual_review"),
            ("NeedsInformation", "need_manual_review"),
            ("ReviewQueued", "being_processed"),
            ("ReviewInProgress", "being_processed"),
            ("Approved", "approved"),
            ("SomethingNew", "SomethingNew"),
        ],
    )
    def test_states_of_revisions(self, status: str, review: str):
        page = SnapHistory.model_validate({"revisions": [{**REVISION, "status": status}]})
        assert _review_of_revision("", page.revisions[0]).status == review


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "body", "kind", "text"),
        [
            (
                409,
                b'{"status": 409, "code": "already_registered", "register_name_url": "u"}',
                Conflict,
                "registered already",
            ),
            (409, b'{"status": 409, "code": "reserved_name"}', Conflict, "the name is reserved"),
            (429, b'{"status": 429, "code": "register_window", "retry_after": 177}', RateLimited, "wait 177 s"),
            (400, b'{"errors": "Not a valid channel: alpha"}', BadRequest, "Not a valid channel: alpha"),
            (404, b'{"error_message": "no such snap"}', NotFound, "no such snap"),
            (403, b'{"error_list": [{"code": "resource-forbidden", "message": "no"}]}', Forbidden, "no"),
            (409, b'{"status": 409, "code": "unexistent_error_code"}', Conflict, "HTTP 409"),
        ],
    )
    def test_shapes(self, status: int, body: bytes, kind: type, text: str):
        error = SERVICE.error_of(response(body, status), "POST", ())
        assert type(error) is kind
        assert text in str(error)


class TestAssertions:
    def test_headers(self):
        text = "type: validation-set\nname: a: b\nsnaps:\n  -\n    name: inner\nlast: 1\n\nbody: 2\n"
        assert read_headers(text) == {"type": "validation-set", "name": "a: b", "snaps": "", "last": "1"}
        assert require_headers(text, "name", "last")["last"] == "1"
        with pytest.raises(InputError, match="no header 'body'"):
            require_headers(text, "body")
        with pytest.raises(InputError, match="no header 'snaps'"):
            require_headers(text, "snaps")

    @pytest.mark.parametrize("wrong", ["", " \n", b"", b"\xff"])
    def test_what_is_no_text(self, wrong: Any):
        with pytest.raises(InputError):
            as_text(wrong)

    def test_bytes(self):
        assert as_text(b"type: x") == as_text("type: x") == "type: x"

"""Reviews, revisions and status URLs as stores send them."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from lading import InvalidResponse, Response
from lading._core.service import Service
from lading._core.steps import run_in_steps
from lading.canonical import CHARMHUB, PendingReview, Review, ReviewError, ReviewRejected, Revision
from lading.canonical._concurrent_uploads import ListedRevision, _read_revisions, best_by_digest
from lading.canonical._notify import resolve_status_url, review_call
from lading.canonical._reviews import ReviewList, reasons
from tests.support.steps import run_steps

if TYPE_CHECKING:
    from lading.canonical._models import StoreModel

SERVICE = Service(name="charmhub", base_url="https://api.charmhub.io/prefix/")

# From a store in Go, and from the specification of Charmhub.
REVISIONS = (
    '{"revisions":[{"bases":[{"architecture":"amd64","channel":"22.04","name":"ubuntu"}],'
    '"created-at":"2026-11-20T15:41:54.72569175Z","created-by":"3ab616ad-068a-4322-9af9-bc595398ca9a","errors":[],'
    '"revision":1,"sha3-384":"33668f70","size":505,"status":"approved","version":"1"}]}'
)


def read(body: str, model: type[StoreModel]) -> list[Any]:
    response = Response(200, {"content-type": "application/json"}, body.encode())
    return run_steps(_read_revisions(response, model))


class TestReview:
    @pytest.mark.parametrize(
        ("status", "approved", "final"),
        [
            ("new", False, False),
            ("scanned", False, False),
            ("need_manual_review", False, False),
            ("approved", True, True),
            ("rejected", False, True),
            ("something-new", False, False),
        ],
    )
    def test_states(self, status: str, approved: bool, final: bool) -> None:
        review = Review(upload_id="a", status=status, revision=3)
        assert (review.is_approved, review.is_final) == (approved, final)

    def test_as_it_is_sent(self) -> None:
        body = '{"revisions":[{"errors":null,"revision":"7","status":"approved","upload-id":"317a97c2"}, {"upload-id":"b","status":"new"}]}'
        reviews = ReviewList.model_validate_json(body)
        assert reviews.of("317a97c2") == Review(upload_id="317a97c2", status="approved", revision=7)
        assert reviews.of("c") is None

    def test_null_is_none(self) -> None:
        assert ReviewList.model_validate_json('{"revisions": null}').revisions == ()

    @pytest.mark.parametrize("body", ["{}", "[]", '{"revisions": {}}', '{"revisions": [{"status": "new"}]}'])
    def test_what_says_nothing(self, body: str) -> None:
        """Not even that there is no review: a notification would be sent twice."""
        with pytest.raises(ValueError, match="validation error"):
            ReviewList.model_validate_json(body)

    def test_reasons(self) -> None:
        errors = (
            ReviewError(code="a", message="one"),
            ReviewError(message="two"),
            ReviewError(code="b"),
            ReviewError(),
        )
        assert reasons(errors) == "a: one; two; b"
        assert reasons(()) == reasons((ReviewError(),)) == "no reason given"

    def test_a_rejection_pickles(self) -> None:
        error = ReviewRejected("no", review=Review(upload_id="a", status="rejected"))
        again = pickle.loads(pickle.dumps(error))
        assert (str(again), again.review, again.outcome) == ("no", error.review, "not_done")


class TestRevision:
    def test_of_a_charm(self) -> None:
        (revision,) = read(REVISIONS, Revision)
        assert (revision.revision, revision.status, revision.version, revision.size) == (1, "approved", "1", 505)
        assert revision.bases[0].name == "ubuntu"

    def test_of_a_bundle(self) -> None:
        """canonical/charmcraft#459."""
        (revision,) = read('{"revisions": [{"revision": 1, "bases": [null], "errors": null, "apps": null}]}', Revision)
        assert (revision.bases, revision.errors, revision.apps) == ((None,), (), ())

    def test_only_the_number_is_required(self) -> None:
        assert read('{"revisions": [{"revision": "12", "new-member": {}}]}', Revision)[0].revision == 12

    @pytest.mark.parametrize(
        "body", ["{}", "[]", '{"revisions": {}}', '{"revisions": [{}]}', '{"revisions": [', '{"revisions": [null]}', ""]
    )
    @pytest.mark.parametrize("model", [Revision, ListedRevision])
    def test_what_is_no_list(self, body: str, model: type[StoreModel]) -> None:
        with pytest.raises((ValueError, TypeError, KeyError)):
            read(body, model)

    @pytest.mark.parametrize("value", ["null", "[]"])
    def test_an_empty_list(self, value: str) -> None:
        assert read(f'{{"revisions": {value}}}', ListedRevision) == []

    @pytest.mark.anyio
    async def test_thousands_are_read_in_steps(self) -> None:
        item = json.loads(REVISIONS)["revisions"][0]
        body = json.dumps({"revisions": [{**item, "revision": number} for number in range(3000)]}).encode()
        steps = _read_revisions(Response(200, {}, body), ListedRevision)
        count = 0

        def counted() -> Any:
            nonlocal count
            while True:
                try:
                    next(steps)
                except StopIteration as end:
                    return end.value
                count += 1
                yield

        assert len(await run_in_steps(counted())) == 3000
        assert count >= 30

    @pytest.mark.parametrize(
        ("status", "accepted"),
        [("approved", True), ("released", True), ("new", False), ("rejected", False), ("other", False), (None, False)],
    )
    def test_only_known_states_are_accepted(self, status: str | None, accepted: bool) -> None:
        assert ListedRevision(revision=1, status=status).is_accepted is accepted

    def test_the_best_of_equal_files(self) -> None:
        states = ("approved", "rejected", "approved", "new")
        revisions = [
            ListedRevision(revision=number, status=status, sha3_384="AB") for number, status in enumerate(states, 1)
        ]
        found = best_by_digest([*revisions, ListedRevision(revision=9, status="approved")])
        assert {digest: one.revision for digest, one in found.items()} == {"ab": 3}


class TestStatusUrl:
    @pytest.mark.parametrize(
        ("sent", "url"),
        [
            (
                "/v1/charm/x/revisions/review?upload-id=a",
                "https://api.charmhub.io/prefix/v1/charm/x/revisions/review?upload-id=a",
            ),
            ("/v1/{x}", "https://api.charmhub.io/prefix/v1/{x}"),
            ("https://api.charmhub.io/v1/x", "https://api.charmhub.io/v1/x"),
            ("https://api.charmhub.io:443/v1/x", "https://api.charmhub.io:443/v1/x"),
        ],
    )
    def test_at_the_stores_host(self, sent: str, url: str) -> None:
        assert resolve_status_url(SERVICE, sent) == url
        call = review_call(SERVICE, CHARMHUB, PendingReview("x", "a", sent))
        assert call.url(SERVICE.base_url) == url
        assert call.url_template == "v1/{namespace}/{name}/revisions/review"

    @pytest.mark.parametrize(
        "sent",
        [
            "https://storage.snapcraftcontent.com/v1/x",
            "http://api.charmhub.io/v1/x",
            "https://api.charmhub.io:444/v1/x",
            "https://api.charmhub.io@example.com/v1/x",
            "https://api.charmhub.io.example.com/v1/x",
            "//example.com/v1/x",
            "v1/charm/x",
            "/v1/charm/x\r\nHost: y",
            "/v1/charm/x y",
            "/v1/charm/\u00e9",
            "https://[",
            "file:///etc/passwd",
        ],
    )
    def test_elsewhere(self, sent: str) -> None:
        with pytest.raises(InvalidResponse) as caught:
            resolve_status_url(SERVICE, sent)
        assert "example.com" not in str(caught.value)

    def test_the_usual_place(self) -> None:
        call = review_call(SERVICE, CHARMHUB, PendingReview("my charm", "a&b"))
        url = "https://api.charmhub.io/prefix/v1/charm/my%20charm/revisions/review?upload-id=a%26b"
        assert call.url(SERVICE.base_url) == url

"""Revisions at the gateway's API: uploads become revisions, reviews are shown, revisions are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading.testing.canonical._access import existing, gateway_state
from lading.testing.canonical._packages import Review
from lading.testing.canonical._request import Api, Route
from lading.testing.canonical._reviews import show_review
from lading.testing.canonical._schema import STRING, members
from lading.testing.canonical._tokens import show_time

if TYPE_CHECKING:
    from lading.testing.canonical._packages import Package, Revision
    from lading.testing.canonical._request import StoreRequest
    from lading.testing.canonical._reviews import Reviews
    from lading.testing.canonical._state import StoredUpload

_NOTIFY = members({"upload-id": STRING})


class Revisions:
    """The handlers of revisions.

    Args:
        namespace: The namespace.
        reviews: The reviews.
    """

    def __init__(self, namespace: str, reviews: Reviews) -> None:
        self._namespace = namespace
        self._reviews = reviews

    @property
    def api(self) -> Api:
        """The routes."""
        base = f"/v1/{self._namespace}/{{name}}/revisions"
        return Api(
            [
                Route("GET", base, self._list, private=True),
                Route("POST", base, self._notify, private=True),
                Route("GET", f"{base}/review", self._review, private=True),
            ]
        )

    def _notify(self, request: StoreRequest, name: str) -> dict[str, Any]:
        package = existing(request, name, "package-manage-revisions", "package-manage")
        upload = claim_upload(request, request.json(_NOTIFY)["upload-id"])
        self._reviews.begin(Review(upload, package, "revision", request.account))
        return {"status-url": status_url(self._namespace, name, upload)}

    def _review(self, request: StoreRequest, name: str) -> dict[str, Any]:
        package = existing(request, name, "package-view-revisions", "package-view")
        state, wanted = gateway_state(request), request.query.get_all("upload-id")
        found = [
            review
            for review in state.reviews.values()
            if review.package is package and (not wanted or review.upload.id in wanted)
        ]
        shown = [show_review(review) for review in found]
        if state.auto_review:  # the next request sees how they ended
            for review in found:
                self._reviews.finish(review)
        return {"revisions": shown}

    def _list(self, request: StoreRequest, name: str) -> dict[str, Any]:
        package = existing(request, name, "package-view-revisions", "package-view")
        query = request.query
        wanted, fields = query.get("revision"), query.get("fields", "")
        if wanted is not None and not wanted.isdecimal():
            raise request.refuse(400, ("api-error", f"{wanted!r} does not match '^[0-9]+$' at /revision"))
        shown = [
            show_revision(revision, with_yaml=query.get("include-craft-yaml") == "true")
            for revision in sorted(package.revisions.values(), key=lambda one: -one.number)
            if wanted is None or revision.number == int(wanted)
        ]
        names = [field.strip() for field in fields.split(",") if field.strip()]
        if names:
            shown = [{key: value for key, value in one.items() if key in names} for one in shown]
        return {"revisions": shown}


def claim_upload(request: StoreRequest, upload_id: str) -> StoredUpload:
    """Return an upload that nobody has notified the store of yet."""
    state = gateway_state(request)
    upload = state.uploads.get(upload_id)
    if upload is None:
        raise request.refuse(400, ("api-error", f"Upload {upload_id!r} not found"))
    if upload_id in state.reviews:
        raise request.refuse(400, ("api-error", f"Upload {upload_id!r} was processed already"))
    return upload


def status_url(namespace: str, name: str, upload: StoredUpload) -> str:
    """Return where the review of an upload is shown."""
    return f"/v1/{namespace}/{name}/revisions/review?upload-id={upload.id}"


def show_revision(revision: Revision, *, with_yaml: bool = False) -> dict[str, Any]:
    """Return a revision as the gateway shows it."""
    shown: dict[str, Any] = {
        "bases": revision.file.bases,
        "created-at": show_time(revision.created_at),
        "created-by": revision.created_by.id,
        "errors": None,
        "revision": revision.number,
        "sha3-384": revision.upload.digests["sha3_384"],
        "size": revision.upload.size,
        "status": revision.status,
        "version": revision.version,
    }
    return {**shown, "craft-yaml": revision.file.craft_yaml} if with_yaml else shown


def released_revisions(package: Package) -> list[Revision]:
    """Return the revisions that are in a channel, newest first."""
    numbers = sorted({release.revision for release in package.releases}, reverse=True)
    return [package.revisions[number] for number in numbers]

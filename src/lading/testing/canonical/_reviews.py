"""Reviews of uploads: they advance by hand or by being watched, and end with a revision or with reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from lading.testing.canonical._charm_file import UnreadableFileError
from lading.testing.canonical._packages import Resource, ResourceRevision, Revision

if TYPE_CHECKING:
    from pathlib import Path

    from lading.testing.canonical._packages import GatewayState, ReadFile, Review

_CODE = "review-error"


class Reader(Protocol):
    """What reads the files of packages."""

    def __call__(self, path: Path, package_type: str) -> ReadFile:
        """Read a file; ``UnreadableFileError`` if it is not one of that type."""
        ...


class Reviews:
    """The reviews of a store.

    Args:
        state: The store's state.
        reader: What reads the files of packages.
    """

    def __init__(self, state: GatewayState, reader: Reader) -> None:
        self._state = state
        self._reader = reader

    def begin(self, review: Review) -> None:
        """Begin a review, whose outcome may have been planned."""
        if self._state.plans:
            review.planned, review.planned_errors = self._state.plans.pop(0)
        self._state.reviews[review.upload.id] = review

    def advance(self, review: Review) -> None:
        """Advance a review by one state: new, scanned, and the outcome. A number may be known before."""
        if review.status == "new":
            if review.kind == "revision" and review.planned != "rejected":
                review.revision = review.package.next_revision
                review.package.next_revision += 1
            review.status = "scanned"
        elif review.status == "scanned":
            self.decide(review, review.planned, review.planned_errors)

    def finish(self, review: Review) -> None:
        """Advance a review to its end."""
        while not review.is_final:
            self.advance(review)

    def decide(self, review: Review, status: str, errors: list[tuple[str, str]]) -> None:
        """End a review."""
        if status == "approved":
            status, errors = self._approve(review)
        if status == "rejected":
            review.revision = None
            errors = errors or [(_CODE, "The upload was rejected.")]
        review.status, review.errors = status, list(errors) if status == "rejected" else []

    def _approve(self, review: Review) -> tuple[str, list[tuple[str, str]]]:
        if review.kind == "resource":
            self._add_resource(review)
            return "approved", []
        digest = review.upload.digests["sha3_384"]
        if self._state.revision_with(digest) is not None:
            text = f"An upload with that digest (SHA3-384: {digest!r}) already exists in the database."
            return "rejected", [(_CODE, f"Cannot insert package. {text}")]
        try:
            file = self._reader(review.upload.path, review.package.type)
        except UnreadableFileError as error:
            return "rejected", [(_CODE, str(error))]
        if file.name != review.package.name:
            text = f"The name in the file is {file.name!r}, but it was uploaded for {review.package.name!r}."
            return "rejected", [(_CODE, text)]
        self._add_revision(review, file)
        return "approved", []

    def _add_revision(self, review: Review, file: ReadFile) -> None:
        package = review.package
        if review.revision is None:
            review.revision = package.next_revision
            package.next_revision += 1
        number = review.revision
        package.revisions[number] = Revision(
            number,
            review.upload,
            file,
            self._state.clock.now,
            review.account,
            version=file.version or str(number),
        )
        package.metadata |= {key: text for key, text in file.metadata.items() if not package.metadata.get(key)}
        for name, kind in file.resources.items():
            package.resources.setdefault(name, Resource(name, kind))

    def _add_resource(self, review: Review) -> None:
        resource = review.package.resources[review.resource]
        review.revision = len(resource.revisions) + 1
        resource.revisions.append(
            ResourceRevision(review.revision, review.upload, review.resource_type, review.bases, self._state.clock.now)
        )


def show_review(review: Review) -> dict[str, Any]:
    """Return a review as the gateway shows it."""
    return {
        "upload-id": review.upload.id,
        "status": review.status,
        "revision": review.revision,
        "errors": [{"code": code, "message": message} for code, message in review.errors] or None,
    }

"""What a store's review says of an upload. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lading._core.arguments import checked
from lading.canonical._models import Several, StoreModel

ReviewState = Literal["new", "scanned", "approved", "rejected", "need_manual_review"] | str


class ReviewError(StoreModel):
    """One reason of a store.

    Attributes:
        code: Its code.
        message: What it says.
    """

    code: str | None = None
    message: str | None = None


class Review(StoreModel):
    """The review of an upload.

    Attributes:
        upload_id: The upload.
        status: How far it is. A revision may have its number before it is approved.
        revision: The number of the revision, once there is one.
        errors: Why it was rejected.
    """

    upload_id: str
    status: ReviewState
    revision: int | None = None
    errors: Several[ReviewError] = ()

    @property
    def is_approved(self) -> bool:
        """Whether it can be released."""
        return self.status == "approved"

    @property
    def is_final(self) -> bool:
        """Whether its status does not change any more by itself."""
        return self.status in ("approved", "rejected")


class ReviewList(StoreModel):
    """What the store sends of one or more reviews.

    Attributes:
        revisions: The reviews. A response without them says nothing, not even that there are none.
    """

    revisions: Several[Review]

    def of(self, upload_id: str) -> Review | None:
        """Return the review of an upload; ``None`` where it is not listed."""
        return next((review for review in self.revisions if review.upload_id == upload_id), None)


@checked()
@dataclass(frozen=True, slots=True)
class PendingReview:
    """An upload that the store was notified of, to wait for. It can be stored, and waited for in another process.

    Attributes:
        name: The package.
        upload_id: The upload.
        status_url: Where the store says how far the review is, as it was sent: path and query, relative to the API's
            URL. Empty for the usual place.
        sha3_384: Hex digest of the file, by which the Snap Store's revisions are looked up where there is no
            *status_url*.
    """

    name: str
    upload_id: str
    status_url: str = ""
    sha3_384: str = ""


def revision_number(review: Review) -> int | None:
    """Return the number of the revision; ``None`` also for a number below 1, which no revision has."""
    return review.revision if review.revision is not None and review.revision > 0 else None


def reasons(errors: tuple[ReviewError, ...]) -> str:
    """Return the reasons of a store as one text."""
    texts = (": ".join(filter(None, (error.code, error.message))) for error in errors)
    return "; ".join(filter(None, texts)) or "no reason given"

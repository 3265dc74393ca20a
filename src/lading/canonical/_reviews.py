"""What a store's review says of an upload. Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from lading.canonical._models import StoreModel

ReviewState = Literal["new", "scanned", "approved", "rejected", "need_manual_review"] | str


class ReviewError(StoreModel):
    """One reason of a store.

    Attributes:
        code: Its code.
        message: What it says.
    """

    code: str | None = None
    message: str = ""


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
    errors: tuple[ReviewError, ...] = ()

    @field_validator("errors", mode="before")
    @classmethod
    def _none_are_no_errors(cls, value: object) -> object:
        return () if value is None else value

    @property
    def is_approved(self) -> bool:
        """Whether it can be released."""
        return self.status == "approved"

    @property
    def is_final(self) -> bool:
        """Whether its status does not change any more by itself."""
        return self.status in ("approved", "rejected")

"""The complete way from a file to a revision that the store has approved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lading.canonical._concurrent_uploads import ListedRevision
from lading.canonical._errors import ReviewRejected
from lading.canonical._notify import notify
from lading.canonical._review_watch import as_review_poll, rejected_error
from lading.canonical._reviews import PendingReview, Review, revision_number
from lading.canonical._upload import open_file, send_file
from lading.errors import BadRequest, Conflict, InvalidResponse, LadingError

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from lading._core.files import StrPath
    from lading._core.polling import PollInterval
    from lading._core.sender import Sender
    from lading._core.spool import ByteSource
    from lading.canonical._concurrent_uploads import ConcurrentUploads, PackageUploads
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._services import Services
    from lading.canonical._upload import LocalFile
    from lading.types import OnProgress

UploadStatus = Literal["uploaded", "unchanged", "confirmed"]


@dataclass(frozen=True, slots=True)
class UploadedRevision:
    """A file that is an approved revision of a package.

    Attributes:
        name: The package.
        revision: The number of the revision.
        sha3_384: Hex digest of the file.
        size: Bytes.
        status: ``"uploaded"``: sent, and the store made this revision of it. ``"unchanged"``: the package had a
            revision with this digest already, and nothing was sent. ``"confirmed"``: sent; the response was lost or the
            store refused the digest as one that it has, and its own lists show the revision.
        review: The review of the upload; ``None`` where the revision is that of another upload.
    """

    name: str
    revision: int
    sha3_384: str
    size: int
    status: UploadStatus
    review: Review | None = None


class Publisher:
    """Makes a file a revision of a package.

    Args:
        sender: A sender to the API.
        endpoints: The store.
        services: Its services.
        concurrent: What uploads share that are under way.
    """

    def __init__(self, sender: Sender, endpoints: Endpoints, services: Services, concurrent: ConcurrentUploads) -> None:
        self._sender = sender
        self._endpoints = endpoints
        self._services = services
        self._concurrent = concurrent

    def under_way(self, name: str) -> AbstractAsyncContextManager[object]:
        """Return a block in which an upload to a package is under way, with what follows its publication.

        Of those that run together, all may be published at the same moment and not be released yet: the list of the
        package's revisions is kept for those that come next.
        """
        return self._concurrent.of(name)

    async def publish(
        self,
        name: str,
        source: StrPath | ByteSource,
        filename: str | None,
        *,
        poll: PollInterval | float | None,
        on_progress: OnProgress | None,
    ) -> UploadedRevision:
        """Look the file up by its digest; send it where the package does not have it, and wait for the review.

        Args:
            name: The package.
            source: The file, or its bytes.
            filename: The file's name, for bytes.
            poll: How often to poll.
            on_progress: Called with how many bytes of the request body have been sent.
        """
        poll = as_review_poll(poll)
        async with (
            self._concurrent.of(name) as uploads,
            open_file(source, filename) as file,
            uploads.one_at_a_time(file.sha3_384),
        ):
            run = _Run(self._sender, self._endpoints, name, file, uploads, poll)
            found = await run.find()
            if found is not None:
                return found
            upload = await send_file(self._sender, self._endpoints, self._services, file, on_progress)
            try:
                done = await run.finish(upload.upload_id)
            except BaseException:  # a cancellation, too
                uploads.doubt(file.sha3_384)
                raise
            uploads.add(ListedRevision(revision=done.revision, status="approved", sha3_384=file.sha3_384))
            return done


@dataclass(frozen=True, slots=True)
class _Run:
    """The upload of one file.

    Attributes:
        sender: A sender to the API.
        endpoints: The store.
        name: The package.
        file: The file.
        uploads: What it shares with the other uploads to the package.
        poll: How often to poll.
    """

    sender: Sender
    endpoints: Endpoints
    name: str
    file: LocalFile
    uploads: PackageUploads
    poll: PollInterval

    async def find(self) -> UploadedRevision | None:
        """Return the revision that the file is already.

        One that is still being reviewed is waited for. One that was rejected is none: the store decides again.

        Raises:
            ReviewRejected: It was rejected meanwhile.
        """
        listed = await self.uploads.find(self.file.sha3_384)
        if listed is None or listed.is_rejected:
            return None
        return await self._of_listed(listed, "unchanged")

    async def finish(self, upload_id: str) -> UploadedRevision:
        """Notify the store of the upload, wait for the review, and return the revision."""
        try:
            pending, was_lost, _ = await notify(self.sender, self.endpoints, self.name, upload_id)
        except (Conflict, BadRequest) as refusal:
            return await self._of_another_upload(refusal)
        except LadingError as error:
            if error.outcome == "unknown":
                self._note_continuation(error, PendingReview(self.name, upload_id), "may have been")
            raise
        try:
            review = await self.uploads.reviews.wait_approved(pending, self.poll)
            revision = await self._number_of(review)
        except ReviewRejected as rejected:
            return await self._of_another_upload(rejected)
        except LadingError as error:
            error.outcome = "unknown"  # the review continues
            self._note_continuation(error, pending, "was")
            raise
        return self._result(revision, "confirmed" if was_lost else "uploaded", review)

    async def _of_another_upload(self, refusal: LadingError) -> UploadedRevision:
        """Return the revision that the file is already, which may be why it was refused; else raise the refusal."""
        try:
            listed = await self.uploads.look(self.file.sha3_384)
        except LadingError as error:
            refusal.add_note(f"whether {self.name} has the file already could not be looked up: {error}")
            raise refusal from error
        if listed is None or listed.is_rejected:
            raise refusal
        return await self._of_listed(listed, "confirmed")

    async def _of_listed(self, listed: ListedRevision, status: UploadStatus) -> UploadedRevision:
        listed = await self.uploads.wait_reviewed(listed, self.poll)
        if listed.is_rejected:
            review = Review(upload_id="", status="rejected", revision=listed.revision, errors=listed.errors)
            raise rejected_error(self.sender, self.name, review)
        return self._result(listed.revision, status)

    async def _number_of(self, review: Review) -> int:
        """Return the number of an approved revision, which a review may not have."""
        if (number := revision_number(review)) is not None:
            return number
        listed = await self.uploads.look(self.file.sha3_384)
        if listed is None or not listed.is_accepted:
            raise InvalidResponse(
                f"{self.sender.service.name}: the review of upload {review.upload_id} is approved and has no revision"
            )
        return listed.revision

    def _note_continuation(self, error: LadingError, pending: PendingReview, was: str) -> None:
        """Say in a note of an error what is known, and how to continue."""
        error.add_note(
            f"the store {was} notified of upload {pending.upload_id} of {self.name}, which may become a revision: "
            f"upload the file again after {self.sender.service.late_work:g} s, which looks it up, or call wait_review("
            f"PendingReview({pending.name!r}, {pending.upload_id!r}))"
        )

    def _result(self, revision: int, status: UploadStatus, review: Review | None = None) -> UploadedRevision:
        return UploadedRevision(self.name, revision, self.file.sha3_384, self.file.size, status, review)

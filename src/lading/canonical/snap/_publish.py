"""The complete way from a file to an approved and released revision of a snap, at the dashboard."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lading._core.unset import UNSET
from lading.canonical._channel_map import fetch_channel_map
from lading.canonical._publish import UploadedRevision
from lading.canonical._release import is_released
from lading.canonical._review_watch import rejected_error
from lading.canonical._reviews import PendingReview, revision_number
from lading.canonical._upload import open_file, send_file
from lading.canonical.snap._dashboard import send_harmless
from lading.canonical.snap._processing import check_approved, wait_processed
from lading.canonical.snap._push import check_upload, push
from lading.canonical.snap._queries import find_digest, get_channel_map
from lading.canonical.snap._releases import send_release
from lading.errors import BadRequest, Conflict, Forbidden, InvalidResponse, LadingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from lading._core.files import StrPath
    from lading._core.polling import PollInterval
    from lading._core.sender import Sender
    from lading._core.spool import ByteSource
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._models_releases import ChannelMap
    from lading.canonical._models_revisions import Revision
    from lading.canonical._notify import Notified
    from lading.canonical._publish import UploadStatus
    from lading.canonical._release import ReleaseItem
    from lading.canonical._reviews import Review
    from lading.canonical._services import Services
    from lading.canonical._upload import LocalFile, Upload
    from lading.canonical.snap._file_locks import FileLocks
    from lading.types import OnProgress


@dataclass(frozen=True, slots=True)
class SnapPublication:
    """How a file is published.

    Attributes:
        name: The snap.
        items: What to release it to.
        built_at: When it was built.
        components: The files of its components, by name.
        check_permission: Check before anything is sent whether the account may upload.
        poll: How often to poll.
        on_progress: Called with how many bytes of the request body have been sent.
    """

    name: str
    items: Sequence[ReleaseItem] = ()
    built_at: datetime | None = None
    components: Mapping[str, StrPath] = field(default_factory=dict[str, "StrPath"])
    check_permission: bool = True
    poll: PollInterval | None = None
    on_progress: OnProgress | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """Where the store can release it by itself: a push has no percentage."""
        return tuple(item.channel for item in self.items if item.progressive is UNSET)


class SnapPublisher:
    """Makes a file a revision of a snap.

    Args:
        sender: A sender to the API.
        endpoints: The store.
        services: Its services.
        locks: Keeps equal files from being sent at the same time.
        wanted: How the file is published.
    """

    def __init__(
        self,
        sender: Sender,
        endpoints: Endpoints,
        services: Services,
        locks: FileLocks,
        wanted: SnapPublication,
    ) -> None:
        self._sender = sender
        self._endpoints = endpoints
        self._services = services
        self._locks = locks
        self._wanted = wanted

    async def publish(self, source: StrPath | ByteSource, filename: str | None) -> UploadedRevision:
        """Look the file up by its digest; send it where the snap does not have it; wait; and release it.

        Args:
            source: The file, or its bytes.
            filename: The file's name, for bytes.
        """
        name = self._wanted.name
        if self._wanted.check_permission:
            await send_harmless(self._sender, check_upload(name))
        async with open_file(source, filename) as file, self._locks.hold(name, file.sha3_384):
            status: UploadStatus = "unchanged"
            found = await find_digest(self._sender, name, file.sha3_384, newest=True)
            if found is None:
                review, status = await self._send(file)
            else:
                review = await self._wait_listed(found)
            revision = await self._number_of(check_approved(self._sender, name, review), file)
            await self._release(revision, was_pushed=status != "unchanged")
            return UploadedRevision(
                name, revision, file.sha3_384, file.size, status, review if review.upload_id else None
            )

    async def _send(self, file: LocalFile) -> tuple[Review, UploadStatus]:
        """Send the file, push it, and wait for its review, or that of the revision which has its content already."""
        wanted = self._wanted
        components = {}
        for component, path in wanted.components.items():
            components[component] = (await self._send_file(path)).upload_id
        upload = await send_file(self._sender, self._endpoints, self._services, file, wanted.on_progress)
        pending, was_lost, may_be_twice = await self._push(upload, components)
        try:
            review = await self._wait(pending)
            if review.status == "rejected":
                found = await find_digest(self._sender, wanted.name, file.sha3_384)
                if found is not None:
                    return await self._wait_listed(found), "confirmed"
                if may_be_twice:
                    raise rejected_error(self._sender, wanted.name, review)
        except LadingError as error:
            error.outcome = "unknown"
            error.add_note(
                f"upload {upload.upload_id} of {wanted.name} was pushed and may become a revision: upload the file "
                "again, which looks it up"
            )
            raise
        return review, "confirmed" if was_lost else "uploaded"

    async def _push(self, upload: Upload, components: Mapping[str, str]) -> Notified:
        """Push the upload with its channels, and without them where the store refuses that.

        It is a revision then, as in other stores, and it is the release that fails.
        """
        wanted = self._wanted
        if wanted.channels:
            try:
                return await push(
                    self._sender,
                    wanted.name,
                    upload,
                    channels=wanted.channels,
                    built_at=wanted.built_at,
                    components=components,
                )
            except (BadRequest, Forbidden) as refusal:
                if refusal.outcome == "unknown":
                    raise
        return await push(self._sender, wanted.name, upload, built_at=wanted.built_at, components=components)

    async def _send_file(self, path: StrPath) -> Upload:
        async with open_file(path, None) as file:
            return await send_file(self._sender, self._endpoints, self._services, file, None)

    async def _wait(self, pending: PendingReview) -> Review:
        return await wait_processed(self._sender, pending, self._wanted.poll)

    async def _wait_listed(self, found: Revision) -> Review:
        """Wait for the review of a revision that the snap has already."""
        pending = PendingReview(self._wanted.name, "", sha3_384=(found.sha3_384 or "").lower())
        return await wait_processed(self._sender, pending, self._wanted.poll, known=found.revision)

    async def _number_of(self, review: Review, file: LocalFile) -> int:
        """Return the number of an approved revision, which a review may not have."""
        if (number := revision_number(review)) is not None:
            return number
        found = await find_digest(self._sender, self._wanted.name, file.sha3_384)
        if found is None:
            raise InvalidResponse(
                f"{self._sender.service.name}: upload {review.upload_id} of {self._wanted.name} can be released and "
                "has no revision",
                outcome="unknown",
            )
        return found.revision

    async def _release(self, revision: int, *, was_pushed: bool) -> None:
        """Release the revision to those channels that the store has not released it to by itself."""
        name = self._wanted.name
        items = [replace(item, revision=revision) for item in self._wanted.items]
        if not items:
            return
        try:
            if was_pushed and self._wanted.channels:
                channel_map = await fetch_channel_map(self._sender, get_channel_map(name))
                items = [item for item in items if not self._is_released(channel_map, item)]
            if items:
                await send_release(self._sender, name, items)
        except LadingError as error:
            if was_pushed:
                error.outcome = "unknown"  # the revision exists, whether it was released or not
            error.add_note(f"revision {revision} of {name} is approved; only its release failed")
            raise

    def _is_released(self, channel_map: ChannelMap, item: ReleaseItem) -> bool:
        """Return whether the store has released the revision by itself; in doubt it is released again."""
        try:
            return is_released(channel_map, item, self._sender.service.name)
        except Conflict:
            return False

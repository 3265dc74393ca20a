"""Revisions of snaps: from a file to what can be released."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from lading._core.arguments import checked
from lading._core.unset import UNSET
from lading.canonical._release import make_items
from lading.canonical._review_watch import as_review_poll
from lading.canonical._reviews import PendingReview
from lading.canonical.snap._dashboard import send_harmless
from lading.canonical.snap._file_locks import FileLocks
from lading.canonical.snap._processing import SnapReviewWatch, check_approved, wait_processed
from lading.canonical.snap._publish import SnapPublication, SnapPublisher
from lading.canonical.snap._push import check_upload, push
from lading.canonical.snap._queries import list_revisions
from lading.errors import InputError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
    from datetime import datetime

    from lading._core.files import StrPath
    from lading._core.paging import Pager
    from lading._core.polling import PollInterval
    from lading._core.spool import ByteSource
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._models_revisions import Revision
    from lading.canonical._publish import UploadedRevision
    from lading.canonical._reviews import Review
    from lading.canonical._services import Services
    from lading.canonical._upload import Upload
    from lading.canonical.revisions import Revisions
    from lading.canonical.snap._dashboard import Dashboard
    from lading.types import OnProgress


@checked()
class SnapRevisions:
    """The revisions of an account's snaps; available as ``snap_store.revisions``.

    On-prem stores have the publisher gateway's API in place of the Snap Store's own: the methods are the same there,
    and what that API does not have is refused with ``ConfigError``.
    """

    __slots__ = ("_dashboard", "_endpoints", "_gateway", "_locks", "_services")

    def __init__(
        self,
        dashboard: Dashboard,
        endpoints: Endpoints,
        services: Services,
        gateway: Revisions | None,
    ) -> None:
        self._dashboard = dashboard
        self._endpoints = endpoints
        self._services = services
        self._gateway = gateway
        self._locks = FileLocks()

    def list(self, name: str, *, max_items: int | None = None) -> Pager[Revision]:
        """List the revisions of a snap, newest first; on-prem in the store's order.

        Args:
            name: The snap.
            max_items: Stop after this many.

        Raises:
            NotFound: There is no such snap.
            Forbidden: The credentials may not view its revisions.

        Source: ``GET /api/v2/snaps/{name}/releases?page={page}``; on-prem ``GET /v1/snap/{name}/revisions``.
        """
        if self._gateway is not None:
            return self._gateway.list(name, max_items=max_items)
        return list_revisions(self._dashboard.sender, name, max_items=max_items)

    async def check_upload(self, name: str) -> None:
        """Check whether the account may upload revisions of a snap. Nothing is changed.

        Args:
            name: The snap.

        Raises:
            ConfigError: The store is on-prem, where this cannot be checked.
            NotFound: There is no such snap.
            Forbidden: The account, or the credentials, may not upload to it.

        Source: ``POST /dev/api/snap-push/`` with ``dry_run``.
        """
        await send_harmless(self._dashboard.sender, check_upload(name))

    async def notify(
        self,
        name: str,
        upload: Upload,
        *,
        channels: Sequence[str] = (),
        built_at: datetime | None = None,
        components: Mapping[str, str] = UNSET,
    ) -> PendingReview:
        """Notify the store that an upload is to become a revision of a snap, and return what to wait for.

        It becomes one revision at most: after a lost response the revisions are looked up for the file's digest, and
        unless it is there the store is notified of the same upload again. The store refuses a second revision with the
        same content. A revision is listed only after it has been processed: when the last response is lost, the
        look-up is repeated for up to 30 s, and without a finding the error's ``outcome`` is ``"unknown"``. On-prem it
        is as with Charmhub's ``revisions.notify``.

        Args:
            name: The snap.
            upload: The upload, as ``uploads.upload`` returned it.
            channels: Where the store is to release the revision by itself once it has been approved.
            built_at: When the snap was built.
            components: The identifiers of its components' uploads, by name.

        Raises:
            ConfigError: The store is on-prem, which has no *channels*, *built_at* and *components*.
            NotFound: There is no such snap.
            Forbidden: The account, or the credentials, may not upload to it or release to *channels*.
            BadRequest: The store refused the upload.

        Source: ``POST /dev/api/snap-push/``; on-prem ``POST /v1/snap/{name}/revisions``.
        """
        components = {} if components is UNSET else components
        if self._gateway is not None:
            self._dashboard.refuse(channels=channels, built_at=built_at, components=components)
            return await self._gateway.notify(name, upload.upload_id)
        sender = self._dashboard.sender
        notified = await push(sender, name, upload, channels=channels, built_at=built_at, components=components)
        return notified.pending

    @overload
    def wait_review(self, reviews: PendingReview, *, poll: PollInterval | float | None = None) -> Awaitable[Review]: ...
    @overload
    def wait_review(
        self, reviews: Iterable[PendingReview], *, poll: PollInterval | float | None = None
    ) -> AsyncIterator[Review]: ...
    def wait_review(
        self, reviews: PendingReview | Iterable[PendingReview], *, poll: PollInterval | float | None = None
    ) -> Awaitable[Review] | AsyncIterator[Review]:
        """Wait until one upload has been processed and return its review; iterate over many as each ends.

        It waits without a time limit: use ``anyio.fail_after(seconds)`` for one. A manual review by the store's staff
        may take days and is not waited for: it ends the wait with the status ``"need_manual_review"``. On-prem it is
        waited for. Many uploads are polled at most five times a second together.

        Args:
            reviews: One upload that the store was notified of, or many.
            poll: How often to poll; a number is the seconds between two polls.

        Raises:
            ReviewRejected: The one upload was rejected, or needs a manual review. Of many, each is yielded.
            NotFound: The store does not know the upload.
            InvalidResponse: The status URL is not at the store's own host.

        Source: the ``status_details_url`` that the store sent; on-prem ``GET
        /v1/snap/{name}/revisions/review?upload-id={upload_id}``.
        """
        if self._gateway is not None:
            return self._gateway.wait_review(reviews, poll=poll)
        if isinstance(reviews, PendingReview):
            return self._wait_one(reviews, poll)
        return SnapReviewWatch(self._dashboard.sender, reviews, poll)

    async def _wait_one(self, pending: PendingReview, poll: PollInterval | float | None) -> Review:
        sender = self._dashboard.sender
        return check_approved(sender, pending.name, await wait_processed(sender, pending, poll))

    async def upload(
        self,
        name: str,
        source: StrPath | ByteSource,
        *,
        filename: str | None = None,
        release: Sequence[str] = (),
        progressive: float | None = UNSET,
        built_at: datetime | None = None,
        components: Mapping[str, StrPath] = UNSET,
        check_permission: bool = True,
        poll: PollInterval | float | None = None,
        on_progress: OnProgress | None = None,
    ) -> UploadedRevision:
        """Upload a file as a revision of a snap, wait until it is approved, release it, and return the revision.

        The newest revisions of the snap are checked first. When one has the file's digest, nothing is sent and the
        status is ``"unchanged"``. The file is sent to the storage host, which is never sent credentials, and again
        after a lost response, as nothing comes of an upload alone. The store is notified as :meth:`notify` says. When
        it rejects the file because an older revision has its content, the status is ``"confirmed"``. Equal files that
        one client uploads at the same time, as in ``lading.fan_out``, are sent once.

        The channels of *release* are sent along, so that the store releases the revision also when it has to pass a
        manual review first; afterwards the channel map is read, and what the store has not released is released. When
        it refuses the channels, the revision is made without them, and its release fails. With *progressive* the
        revision is released only afterwards.

        An error after the file was pushed has the ``outcome`` ``"unknown"``, unless the review has rejected the file:
        upload the file again, which looks it up. When only the release fails, a note of the error says which revision
        was made. Cancelling the call leaves the same to be found out.

        It waits without a time limit: use ``anyio.fail_after(seconds)`` for one.

        Args:
            name: The snap.
            source: The path of a file, which is hashed in a worker thread and streamed. Or its bytes, an async
                iterable of them, or a function that returns one: these are put into a temporary file first.
            filename: The file's name, for bytes and async sources.
            release: Channels to release the revision to, such as ``["edge"]``; also one that was there already.
            progressive: For *release*: the percentage of devices that it is released to; ``None`` for all.
            built_at: When the snap was built.
            components: The paths of its components' files, by name.
            check_permission: Check with one small request, before the file is sent, whether the account may upload.
                On-prem that cannot be checked.
            poll: How often to poll; a number is the seconds between two polls.
            on_progress: Called with how many bytes of the request body have been sent.

        Raises:
            InputError: It is not a regular file, or changed while it was read; or an argument does not fit.
            ConfigError: The store is on-prem, which has no *progressive*, *built_at* and *components*.
            NotFound: There is no such snap; nothing was sent.
            Forbidden: The account, or the credentials, may not view its revisions (``package_access``), upload to it or
                release to these channels.
            ReviewRejected: The review has rejected the file, or a person at the store has to decide about it; see
                ``review.status`` and ``review.errors``. Unless it was rejected, ``outcome`` is ``"unknown"``.
            PayloadTooLarge: The storage host, or a proxy in front of it, refused the size.
            BadRequest: The store refused the upload or the release.
            ServerError: The store failed.
            NetworkError: There was no response.
            OSError: The file cannot be read.

        Source: ``POST /dev/api/snap-push/`` with ``dry_run``, ``GET /api/v2/snaps/{name}/releases``, ``POST
        {storage}/unscanned-upload/``, ``POST /dev/api/snap-push/``, the ``status_details_url`` that this returns,
        ``GET /api/v2/snaps/{name}/channel-map`` and ``POST /dev/api/snap-release/``.
        """
        components = {} if components is UNSET else components
        if self._gateway is not None:
            self._dashboard.refuse(progressive=progressive, built_at=built_at, components=components)
            return await self._gateway.upload(
                name, source, filename=filename, release=release, poll=poll, on_progress=on_progress
            )
        if progressive is not UNSET and not release:
            raise InputError("progressive= is for release=, which names the channels", argument="progressive")
        items = make_items(1, release, progressive=progressive) if release else ()
        wanted = SnapPublication(name, items, built_at, components, check_permission, as_review_poll(poll), on_progress)
        publisher = SnapPublisher(self._dashboard.sender, self._endpoints, self._services, self._locks, wanted)
        return await publisher.publish(source, filename)

"""Revisions of packages: from a file to what can be released."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from lading._core.arguments import checked
from lading._core.paging import Pager
from lading._core.unset import UNSET
from lading.canonical._channels import parse_channel
from lading.canonical._concurrent_uploads import ConcurrentUploads, fetch_revisions
from lading.canonical._models_revisions import Revision
from lading.canonical._notify import notify
from lading.canonical._publish import Publisher
from lading.canonical._release import make_items, release_revision
from lading.canonical._review_watch import ReviewWatch, wait_approved
from lading.canonical._reviews import PendingReview
from lading.errors import InputError, LadingError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Mapping, Sequence

    from lading._core.files import StrPath
    from lading._core.polling import PollInterval
    from lading._core.sender import Sender
    from lading._core.spool import ByteSource
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._publish import UploadedRevision
    from lading.canonical._reviews import Review
    from lading.canonical._services import Services
    from lading.types import OnProgress


@checked()
class Revisions:
    """The revisions of packages; available as ``charmhub.revisions``, and as ``snap_store.revisions`` on-prem."""

    __slots__ = ("_endpoints", "_publisher", "_sender")

    def __init__(self, sender: Sender, endpoints: Endpoints, services: Services) -> None:
        self._sender = sender
        self._endpoints = endpoints
        self._publisher = Publisher(sender, endpoints, services, ConcurrentUploads(sender, endpoints))

    def list(
        self,
        name: str,
        *,
        revision: int | None = None,
        fields: Sequence[str] = (),
        include_craft_yaml: bool = False,
        max_items: int | None = None,
    ) -> Pager[Revision]:
        """List the revisions of a package. There is one page, in the store's order.

        Args:
            name: The package.
            revision: List this revision only.
            fields: The members to send of each, as the store spells them; by default all.
            include_craft_yaml: Send the metadata as well that each was packed with, where the store has them.
            max_items: Stop after this many.

        Raises:
            NotFound: There is no such package.
            Forbidden: The credentials may not view its revisions.

        Source: ``GET /v1/{namespace}/{name}/revisions``.
        """

        async def fetch() -> tuple[Revision, ...]:
            return await fetch_revisions(
                self._sender,
                self._endpoints,
                name,
                Revision,
                revision=revision,
                fields=fields,
                include_craft_yaml=include_craft_yaml,
            )

        return Pager.single(fetch, max_items=max_items)

    async def notify(self, name: str, upload_id: str) -> PendingReview:
        """Notify the store that an upload is to become a revision of a package, and return what to wait for.

        The store is notified at most once. After a lost response, or a 504 of the gateway before it, the review of the
        upload is looked up by its identifier. When the store does not show one, that is repeated for up to 30 s before
        the notification is sent again, because the store may still be working on the first. Where that cannot be looked
        up, the error's ``outcome`` is ``"unknown"``.

        Args:
            name: The package.
            upload_id: The upload, as ``uploads.upload`` returned it.

        Raises:
            NotFound: There is no such package, or no such upload.
            Forbidden: The credentials may not upload revisions of it.
            BadRequest: The store refused the file.
            Conflict: The store refused the file as one that it has.

        Source: ``POST /v1/{namespace}/{name}/revisions``.
        """
        return (await notify(self._sender, self._endpoints, name, upload_id)).pending

    @overload
    def wait_review(self, reviews: PendingReview, *, poll: PollInterval | float | None = None) -> Awaitable[Review]: ...
    @overload
    def wait_review(
        self, reviews: Iterable[PendingReview], *, poll: PollInterval | float | None = None
    ) -> ReviewWatch: ...
    def wait_review(
        self, reviews: PendingReview | Iterable[PendingReview], *, poll: PollInterval | float | None = None
    ) -> Awaitable[Review] | ReviewWatch:
        """Wait for the review of one upload and return it when it is approved; iterate over many as each ends.

        ::

            review = await charmhub.revisions.wait_review(pending)   # raises ReviewRejected
            async for review in charmhub.revisions.wait_review(several):
                print(review.upload_id, review.status)

        It waits without a time limit: use ``anyio.fail_after(seconds)`` for one. A review that needs people, and a
        status that lading does not know, are waited out; each is logged once at WARNING and given to hooks as a
        :class:`lading.NoticeEvent`. One poll serves many uploads of a package where the store lists their reviews; else
        each is polled, together at most five times a second.

        Args:
            reviews: One upload that the store was notified of, or many.
            poll: How often to poll; a number is the seconds between two polls. By default after 0.2 s, and less and
                less often while nothing changes, down to every 30 s.

        Raises:
            ReviewRejected: The one upload was rejected. Of many, each is yielded, approved or rejected.
            NotFound: The store does not know the upload.
            InvalidResponse: The status URL is not at the store's own host.

        Source: ``GET /v1/{namespace}/{name}/revisions/review?upload-id={upload_id}``, or the ``status-url`` that the
        store sent.
        """
        if isinstance(reviews, PendingReview):
            return wait_approved(self._sender, self._endpoints, reviews, poll)
        return ReviewWatch(self._sender, self._endpoints, reviews, poll=poll)

    async def upload(
        self,
        name: str,
        source: StrPath | ByteSource,
        *,
        filename: str | None = None,
        release: Sequence[str] = (),
        resources: Mapping[str, int | None] | None = UNSET,
        progressive: float | None = UNSET,
        poll: PollInterval | float | None = None,
        on_progress: OnProgress | None = None,
    ) -> UploadedRevision:
        """Upload a file as a revision of a package, wait until it is approved, and return the revision.

        The package's revisions are checked first. When one has the file's digest, nothing is sent and the status is
        ``"unchanged"``; one that is still being reviewed is waited for. The file is sent to the storage host, which is
        never sent credentials, and again after a lost response, as nothing comes of an upload alone. The store is
        notified of it at most once; see :meth:`notify` for what a lost response costs. When the review rejects it, or
        the store refuses the notification, and its list shows the digest, the status is ``"confirmed"``.

        Uploads to one package that are under way together, as in ``lading.fan_out``, read the list of its revisions
        once, send equal files once, and share polls where the store lists the reviews of a package.

        An error after the notification has the ``outcome`` ``"unknown"``, unless the review has rejected the file:
        upload the file again, which looks it up, or wait for the review. When only the release fails, a note of the
        error says which revision was made. Cancelling the call leaves the same to be found out.

        It waits without a time limit: use ``anyio.fail_after(seconds)`` for one.

        Args:
            name: The package.
            source: The path of a file, which is hashed in a worker thread and streamed. Or its bytes, an async
                iterable of them, or a function that returns one: these are put into a temporary file first.
            filename: The file's name, for bytes and async sources.
            release: Channels to release the revision to afterwards, such as ``["latest/edge"]``; also one that was
                there already.
            resources: For *release*: the revisions of resources to release with it, by name.
            progressive: For *release*: the percentage of devices that it is released to; ``None`` for all.
            poll: How often to poll; a number is the seconds between two polls. See :meth:`wait_review`.
            on_progress: Called with how many bytes of the request body have been sent.

        Raises:
            InputError: It is not a regular file, or changed while it was read; *filename* does not fit, or a channel of
                *release* or *poll* is none.
            NotFound: There is no such package; nothing was sent.
            Forbidden: The credentials may not view or upload its revisions.
            ReviewRejected: The review has rejected the file; ``review.errors`` says why.
            PayloadTooLarge: The storage host, or a proxy in front of it, refused the size.
            Conflict: The store refused the file as one that it has, and the package's list does not show it.
            ServerError: The store failed.
            NetworkError: There was no response.
            OSError: The file cannot be read.

        Source: ``GET /v1/{namespace}/{name}/revisions``, ``POST {storage}/unscanned-upload/``,
        ``POST /v1/{namespace}/{name}/revisions``, the ``status-url`` that this returns, and
        ``POST /v1/{namespace}/{name}/releases``.
        """
        channels = tuple(release)
        _check_release(channels, resources, progressive)
        async with self._publisher.under_way(name):
            uploaded = await self._publisher.publish(name, source, filename, poll=poll, on_progress=on_progress)
            if channels:
                try:
                    await release_revision(
                        self._sender, self._endpoints, name, uploaded.revision, channels, resources, progressive
                    )
                except LadingError as error:
                    if uploaded.status != "unchanged":
                        error.outcome = "unknown"  # the revision exists, whether it was released or not
                    error.add_note(f"revision {uploaded.revision} of {name} is approved; only its release failed")
                    raise
        return uploaded


def _check_release(
    channels: tuple[str, ...], resources: Mapping[str, int | None] | None, progressive: float | None
) -> None:
    """Refuse what cannot be released before anything is sent."""
    for argument, value in (("resources", resources), ("progressive", progressive)):
        if value is not UNSET and not channels:
            raise InputError(f"{argument}= is for release=, which names the channels", argument=argument)
    for channel in channels:
        parse_channel(channel, argument="release")
    if channels:
        make_items(1, channels, resources, progressive)

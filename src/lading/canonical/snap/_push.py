"""Pushing an upload to the Snap Store, at most once, and waiting until it has been processed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from lading._core.call import Call
from lading._core.polling import PollInterval, Watch
from lading._core.send_once import NOT_FOUND, Found
from lading.canonical._notify import resolve_status_url
from lading.canonical._reviews import PendingReview, Review
from lading.canonical.snap._models import SERIES, UploadState
from lading.canonical.snap._queries import find_digest, is_rejected
from lading.errors import LadingError
from lading.fanout import fan_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from lading._core.messages import Response
    from lading._core.send_once import LookupResult, LookupSender
    from lading._core.sender import Sender
    from lading._core.service import Service
    from lading.canonical._models_revisions import Revision
    from lading.canonical._upload import Upload

_PUSH = "dev/api/snap-push/"
STATUS = "dev/api/snaps/{snap_id}/builds/{build}/status"
"""What hooks show of the URL at which the store says how far it is with an upload."""

_POLL = PollInterval(initial=1.0, factor=1.5, maximum=30.0)
_CONCURRENT = 8


class Pushed(NamedTuple):
    """What came of a push.

    Attributes:
        pending: The upload to wait for; ``None`` where only a look-up has found what became of it.
        listed: The revision that the look-up has found.
        was_lost: Whether a response was lost on the way.
    """

    pending: PendingReview | None = None
    listed: Revision | None = None
    was_lost: bool = False


def check_upload(name: str) -> Call[Response]:
    """Return the call that checks whether the account may upload to *name*. It changes nothing."""
    return Call("POST", _PUSH, json={"name": name, "dry_run": True}, idempotent=True)


async def push(
    sender: Sender,
    name: str,
    upload: Upload,
    *,
    channels: Sequence[str] = (),
    built_at: datetime | None = None,
    components: Mapping[str, str] | None = None,
) -> Pushed:
    """Push an upload: the store reviews it, and makes a revision of it.

    It becomes one revision at most. After a lost response the revisions are looked up for the digest, and unless it is
    there the same upload is pushed again: the store refuses a second revision with the same content. A revision is
    listed only after it has been processed, so an error after a lost response always leaves the outcome unknown.

    Args:
        sender: A sender to the API.
        name: The snap.
        upload: The upload.
        channels: Where the store is to release the revision once it has been approved.
        built_at: When the snap was built.
        components: The identifiers of its components' uploads, by name.
    """
    body: dict[str, Any] = {
        "name": name,
        "series": SERIES,
        "updown_id": upload.upload_id,
        "binary_filesize": upload.size,
        "source_uploaded": False,
    }
    if built_at is not None:
        body["built_at"] = built_at.isoformat()
    if channels:
        body["channels"] = list(channels)
    if components:
        body["components"] = dict(components)
    read = partial(_read_status_url, sender.service, name, upload.upload_id)
    call = Call("POST", _PUSH, read, json=body, idempotent=True)
    was_lost = False

    async def look_up(sender: LookupSender, lost: LadingError) -> LookupResult[Pushed]:
        nonlocal was_lost
        was_lost = was_lost or getattr(lost, "request_sent", True)
        found = await find_digest(sender, name, upload.sha3_384)
        return NOT_FOUND if found is None or is_rejected(found) else Found(Pushed(listed=found))

    try:
        pushed = await sender.send_once(call, look_up)
    except LadingError as error:
        if was_lost:
            error.outcome = "unknown"
        raise
    return pushed._replace(was_lost=was_lost)


def _read_status_url(service: Service, name: str, upload_id: str, response: Response) -> Pushed:
    url = response.json()["status_details_url"]
    if not isinstance(url, str):
        raise TypeError("status_details_url")
    resolve_status_url(service, url)
    return Pushed(PendingReview(name, upload_id, url))


class PushWatch:
    """An async iterator over uploads as the store has processed them; see :meth:`SnapRevisions.wait_review`."""

    def __init__(self, sender: Sender, reviews: Iterable[PendingReview], poll: PollInterval | float | None) -> None:
        self._sender = sender
        self._watch: Watch[PendingReview, tuple[PendingReview, UploadState]] = Watch(
            reviews,
            self._fetch,
            lambda found: found[1].processed,
            only_done=True,
            poll=_POLL if poll is None else poll,
            sleep=sender.settings.sleep,
        )

    def __aiter__(self) -> PushWatch:
        return self

    async def __anext__(self) -> Review:
        pending, state = await anext(self._watch)
        return review_of(pending.upload_id, state)

    async def _fetch(self, left: tuple[PendingReview, ...]) -> dict[PendingReview, tuple[PendingReview, UploadState]]:
        found: dict[PendingReview, tuple[PendingReview, UploadState]] = {}

        async def fetch_one(pending: PendingReview) -> None:
            url = resolve_status_url(self._sender.service, pending.status_url)
            found[pending] = pending, await self._sender.send(Call("GET", url, UploadState, template=STATUS))

        async with fan_out(fetch_one, left, limit=_CONCURRENT) as results:
            async for result in results:
                _ = result.value
        return found


def review_of(upload_id: str, state: UploadState) -> Review:
    """Return the review of an upload, in the words of both stores.

    Args:
        upload_id: The upload.
        state: What the dashboard says.
    """
    if state.code == "ready_to_release":
        status = "approved"  # errors besides are those of the release that was requested along with the push
    elif state.code in ("processing_error", "processing_upload_delta_error") or (state.processed and state.errors):
        status = "rejected"
    else:
        status = state.code
    return Review(upload_id=upload_id, status=status, revision=state.revision, errors=state.errors)

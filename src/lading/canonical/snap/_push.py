"""Pushing an upload to the Snap Store, at most once."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from lading._core.call import Call
from lading._core.send_once import NOT_FOUND, Found
from lading.canonical._notify import Notified, resolve_status_url
from lading.canonical._reviews import PendingReview
from lading.canonical.snap._models import SERIES
from lading.canonical.snap._queries import find_digest
from lading.errors import LadingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from lading._core.messages import Response
    from lading._core.send_once import LookupResult, LookupSender
    from lading._core.sender import Sender
    from lading._core.service import Service
    from lading.canonical._upload import Upload

_PUSH = "dev/api/snap-push/"


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
) -> Notified:
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
    pending = PendingReview(name, upload.upload_id, sha3_384=upload.sha3_384)
    call = Call("POST", _PUSH, partial(_read_status_url, sender.service, pending), json=body, idempotent=True)
    was_lost = False

    async def look_up(sender: LookupSender, lost: LadingError) -> LookupResult[Notified]:
        nonlocal was_lost
        was_lost = was_lost or getattr(lost, "request_sent", True)
        found = await find_digest(sender, name, upload.sha3_384)
        return NOT_FOUND if found is None else Found(Notified(pending, was_lost=True))

    try:
        notified = await sender.send_once(call, look_up)
    except LadingError as error:
        if was_lost:
            error.outcome = "unknown"
        raise
    return notified._replace(may_be_twice=was_lost)


def _read_status_url(service: Service, pending: PendingReview, response: Response) -> Notified:
    url = response.json()["status_details_url"]
    if not isinstance(url, str):
        raise TypeError("status_details_url")
    resolve_status_url(service, url)
    return Notified(replace(pending, status_url=url))

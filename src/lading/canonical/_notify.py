"""Notifying a store of an upload, at most once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from lading._core.call import Call
from lading._core.send_once import NOT_FOUND, Found
from lading.canonical._reviews import PendingReview, ReviewList
from lading.errors import BadRequest, Conflict, InputError, InvalidResponse, LadingError, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading._core.messages import Response
    from lading._core.send_once import LookupResult, LookupSender
    from lading._core.sender import Sender
    from lading._core.service import Service
    from lading.canonical._endpoints import Endpoints

REVISIONS = "v1/{namespace}/{name}/revisions"
REVIEW = "v1/{namespace}/{name}/revisions/review"
"""Where the store says how far reviews are; also what hooks show of a status URL that it has sent."""

# What a review says of an upload that the store was not notified of, at one that shows those as well.
_NOT_NOTIFIED = "pending"


class Notified(NamedTuple):
    """What came of a notification.

    Attributes:
        pending: The upload to wait for.
        was_lost: Whether the response was lost, and a look-up found that the store had it all the same.
        may_be_twice: Whether the store may have had it twice, and rejects the second because of the first.
    """

    pending: PendingReview
    was_lost: bool = False
    may_be_twice: bool = False


async def notify(
    sender: Sender,
    endpoints: Endpoints,
    name: str,
    upload_id: str,
    *,
    path: str = REVISIONS,
    path_params: Mapping[str, str] | None = None,
    json: Mapping[str, Any] | None = None,
) -> Notified:
    """Notify the store of an upload, at most once.

    The upload's identifier is in the request, so that a look-up after a lost response finds this very request: the
    store reviews the upload, or it was not notified.

    Args:
        sender: A sender to the API.
        endpoints: The store.
        name: The package.
        upload_id: The upload.
        path: Where to.
        path_params: Values for *path*, besides ``namespace`` and ``name``.
        json: What is sent besides the upload.
    """
    if not upload_id:
        raise InputError("upload_id must not be empty", argument="upload_id")
    call = Call(
        "POST",
        path,
        partial(_read_status_url, sender.service, name, upload_id),
        path_params={"namespace": endpoints.namespace, "name": name, **(path_params or {})},
        json={"upload-id": upload_id, **(json or {})},
    )
    pending = PendingReview(name, upload_id)
    lost: LadingError | None = None

    async def look_up(sender: LookupSender, error: LadingError) -> LookupResult[Notified]:
        nonlocal lost
        lost = error
        try:
            reviews = await sender.send(review_call(sender.service, endpoints, pending))
        except NotFound as missing:
            if missing.code is None:  # not the store's: something between says nothing of the upload
                raise
            return NOT_FOUND
        review = reviews.of(upload_id)
        return NOT_FOUND if review is None or review.status == _NOT_NOTIFIED else Found(Notified(pending, True))

    try:
        return await sender.send_once(call, look_up)
    except (BadRequest, Conflict) as refusal:
        # Of a second request: the first may have been carried out after all that time, and be why.
        if lost is None:
            raise
        try:
            found = await look_up(sender, lost)
        except LadingError as error:
            refusal.outcome = "unknown"
            raise refusal from error
        if isinstance(found, Found):
            return found.value
        raise


def _read_status_url(service: Service, name: str, upload_id: str, response: Response) -> Notified:
    status_url = response.json()["status-url"]
    if not isinstance(status_url, str):
        raise TypeError("status-url")
    resolve_status_url(service, status_url)
    return Notified(PendingReview(name, upload_id, status_url))


def resolve_status_url(service: Service, status_url: str) -> str:
    """Return the absolute URL of a review.

    Args:
        service: The API.
        status_url: As the store sent it: path and query, relative to the API's URL.

    Raises:
        InvalidResponse: It is not at the API's own host, which alone is sent credentials; or no URL.
    """
    url = status_url
    if url.startswith("/") and not url.startswith("//"):
        url = service.base_url + url[1:]
    if not (url.isascii() and url.isprintable()) or " " in url or not service.may_send_credentials(url):
        raise InvalidResponse(f"{service.name}: the status URL of a review is not one at the store's own host")
    return url


def review_call(service: Service, endpoints: Endpoints, pending: PendingReview) -> Call[ReviewList]:
    """Return the call for the review of one upload.

    Args:
        service: The API.
        endpoints: The store.
        pending: The upload.

    Raises:
        InvalidResponse: Its status URL is not at the API's own host.
    """
    if pending.status_url:
        return Call("GET", resolve_status_url(service, pending.status_url), ReviewList, template=REVIEW)
    return Call(
        "GET",
        REVIEW,
        ReviewList,
        path_params={"namespace": endpoints.namespace, "name": pending.name},
        params={"upload-id": pending.upload_id},
    )

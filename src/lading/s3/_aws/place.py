"""Where a bucket's requests go: the endpoint of the region that it is in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

import anyio

from lading._core.api_errors import make_api_error
from lading._core.messages import Response
from lading.errors import ApiError, NotFound
from lading.s3._aws.errors import bucket_region_of, read_error
from lading.types import Retry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lading._core.call import Call
    from lading._core.messages import ResponseStream
    from lading._core.sender import Sender
    from lading.s3._aws.control import BotocoreClient

    Reopen = Callable[[str, str], "Awaitable[Place]"]
    """From (bucket, region) to the place at which it is requested there."""

T = TypeVar("T")
E = TypeVar("E", bound=ApiError)

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_ERROR = 256 * 1024
_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws")


@dataclass(frozen=True, slots=True)
class Place:
    """The endpoint at which a bucket is requested.

    Attributes:
        region: The region.
        client: Makes the requests without bodies.
        data: Makes requests to the bucket's URL, signed.
    """

    region: str
    client: BotocoreClient
    data: Sender

    def with_sender(self, sender: Sender) -> Place:
        """Return the same place, with the settings of *sender*."""
        data = sender.to(self.data.service, self.data.settings.auth)
        return Place(self.region, self.client.with_sender(sender), data)

    def once(self) -> Place:
        """Return the same place, whose requests are sent once."""
        return self.with_sender(self.client.sender.with_settings(retry=Retry(attempts=1)))

    @property
    def is_aws(self) -> bool:
        """Whether the store is AWS's own."""
        return (urlsplit(self.data.service.base_url).hostname or "").endswith(_AWS)

    def url(self, key: str) -> str:
        """Return an object's URL."""
        return self.data.service.base_url + quote(key, safe="/~")

    async def send(self, call: Call[Response]) -> Response:
        """Send a signed request. A redirect is an error: it names a host, and the signature is for this one."""
        response = await self.data.send(replace(call, allow_statuses=call.allow_statuses | _REDIRECTS))
        if response.status in _REDIRECTS:
            raise read_error(self.data.service, response, call.method, self.data.settings.auth.secrets())
        return response

    async def stream(self, call: Call[Any], attempt: int) -> ResponseStream:
        """Open a signed request's response; the caller closes it. A redirect is an error, as in :meth:`send`."""
        call = replace(call, allow_statuses=call.allow_statuses | _REDIRECTS)
        stream = await self.data.stream(call, attempt=attempt).__aenter__()
        if stream.status not in _REDIRECTS:
            return stream
        try:
            response = await self._read(stream)
        finally:
            with anyio.CancelScope(shield=True):
                await stream.aclose()
        raise read_error(self.data.service, response, call.method, self.data.settings.auth.secrets())

    @staticmethod
    async def _read(stream: ResponseStream) -> Response:
        return Response(stream.status, stream.headers, await stream.read(_MAX_ERROR), stream.url, stream.reason)


class BucketPlaces:
    """The places at which one bucket is requested: the configured one, then that in the region which the store names.

    Args:
        bucket: The bucket's name.
        region: The region that it belongs to, by the stager's configuration.
        place: Where it is requested at first.
        reopen: Finds the place of a bucket that is in another region.
    """

    def __init__(self, bucket: str, region: str, place: Place, reopen: Reopen) -> None:
        self._bucket = bucket
        self._region = region
        self._place = place
        self._reopen = reopen

    def with_sender(self, sender: Sender) -> BucketPlaces:
        """Return the same places, with the settings of *sender*."""

        async def reopen(bucket: str, region: str) -> Place:
            return (await self._reopen(bucket, region)).with_sender(sender)

        return BucketPlaces(self._bucket, self._region, self._place.with_sender(sender), reopen)

    async def at(self, request: Callable[[Place], Awaitable[T]]) -> T:
        """Make a request, and once more in the region in which the store says that the bucket is."""
        place = self._place
        try:
            return await request(place)
        except ApiError as error:
            region = bucket_region_of(error)
            if error.code == "NoSuchBucket":
                raise self._no_bucket_error(error) from error
            if not region or region == place.region:
                raise
            moved = await self._follow(region, error)
        try:
            return await request(moved)
        except ApiError as error:
            if bucket_region_of(error) not in {"", moved.region}:
                raise self._moved_error(bucket_region_of(error), error) from error
            raise

    async def _follow(self, region: str, error: ApiError) -> Place:
        try:
            self._place = await self._reopen(self._bucket, region)
        except LookupError as reason:
            raise self._moved_error(region, error, str(reason)) from error
        return self._place

    def _moved_error(self, region: str, error: ApiError, why: str = "") -> ApiError:
        why = f": {why}" if why else ""
        return self._same_error(type(error), error, f"{self._bucket} is in {region}, and not in {self._region}{why}")

    def _no_bucket_error(self, error: ApiError) -> NotFound:
        text = f"there is no bucket {self._bucket} in {self._region}: create it, or correct the parameter with its name"
        return self._same_error(NotFound, error, text)

    @staticmethod
    def _same_error(kind: type[E], error: ApiError, text: str) -> E:
        return make_api_error(
            kind,
            "s3",
            text,
            suffix=f" (HTTP {error.status})",
            status=error.status,
            code=error.code,
            detail=error.detail,
            request_id=error.request_id,
        )

"""Where a bucket's requests go: the endpoint of the region that it is in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import anyio

from lading._core.messages import Response
from lading.s3._aws.errors import read_error
from lading.types import Retry

if TYPE_CHECKING:
    from lading._core.call import Call
    from lading._core.messages import ResponseStream
    from lading._core.sender import Sender
    from lading.s3._aws.control import BotocoreClient

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

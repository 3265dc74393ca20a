"""Regions that can die: S3 and SSM of each behind proxies of its own, at the request that a test says."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from aiobotocore.session import AioSession

from lading.testing import DropAfter, DropBefore, DropDuring, FaultProxy, Faults, Headers

if TYPE_CHECKING:
    from lading.testing import Fault, ServerRequest, ServerResponse

# The one whose name is first in order decides between stagers; the others copy from it.
DECIDING, *COPYING = REGIONS = ("ap-south-1", "eu-west-1", "us-east-1")

GONE = DropBefore(reset=True)
HOW: dict[str, Fault] = {
    "before": GONE,
    # In the middle of a body, where the request has one.
    "during": DropDuring(4 << 20, reset=True),
    "after": DropAfter(reset=True),
}


class Life(Faults):
    """Counts the requests that a region is sent, and ends the region's life at one of them."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._count = 0
        self._dies_at: int | None = None
        self._how: Fault = GONE

    def take(self, method: str, path: str) -> Fault | None:
        """What becomes of this request."""
        with self._lock:
            self._count += 1
            if self._dies_at is None or self._count < self._dies_at:
                return super().take(method, path)
            return self._how if self._count == self._dies_at else GONE

    def die(self, at: int = 1, how: Fault = GONE) -> None:
        """The region meets *how* at its next request, or a later one by its number, and responds to none after that."""
        with self._lock:
            self._count, self._dies_at, self._how = 0, at, how

    def live(self) -> bool:
        """Whether the region had died; it lives again."""
        with self._lock:
            died = self._dies_at is not None and self._count >= self._dies_at
            self._dies_at = None
            return died


class Corrupting(FaultProxy):
    """Changes one byte of the bodies that are longer than a small object's: of requests, or of responses.

    Attributes:
        what: ``"requests"``, ``"responses"`` or nothing.
        changed: How many bodies were changed.
    """

    what = ""
    changed = 0
    _SMALL = 4096

    async def _forward(self, request: ServerRequest) -> ServerResponse:
        if self.what == "requests" and int(request.headers.get("Content-Length", "0")) > self._SMALL:
            self.changed += 1
            request.body = _changed(request.body)
        response = await super()._forward(request)
        length = Headers(response.headers).get("Content-Length", "0")
        if self.what == "responses" and request.method == "GET" and int(length) > self._SMALL:
            self.changed += 1
            return replace(response, body=_changed(response.body))
        return response


async def _changed(body: Any) -> Any:
    first = True
    try:
        async for piece in body:
            yield bytes([piece[0] ^ 1]) + piece[1:] if first else piece
            first = False
    finally:
        if hasattr(body, "aclose"):
            await body.aclose()


class Mortal:
    """All regions with their proxies, from ``with`` to its end.

    Args:
        s3: The address of what all regions' S3 really is.
        ssm: The address of what all regions' SSM really is.

    Attributes:
        life: By region: its life.
        s3: By region: the proxy before its S3.
        session: An AWS session whose clients go to the proxies.
    """

    def __init__(self, s3: str, ssm: str) -> None:
        self.life = {region: Life() for region in REGIONS}
        self.s3 = {region: Corrupting(s3, faults=self.life[region]) for region in REGIONS}
        self._ssm = {region: FaultProxy(ssm, faults=self.life[region]) for region in REGIONS}
        self._running = ExitStack()

    def __enter__(self) -> Self:
        for proxy in (*self.s3.values(), *self._ssm.values()):
            self._running.enter_context(proxy)
        return self

    def __exit__(self, *error: object) -> None:
        self._running.close()

    @property
    def session(self) -> AioSession:
        """An AWS session whose clients go to the proxies."""
        return _Session({"s3": self.s3, "ssm": self._ssm})


class _Session(AioSession):  # type: ignore[misc] # aiobotocore has no types
    """Knows an address for each service and region."""

    def __init__(self, servers: dict[str, dict[str, Any]]) -> None:
        super().__init__()
        self._servers = servers

    def create_client(self, service_name: str, region_name: str, *args: Any, **options: Any) -> Any:
        """A client of that service in that region."""
        options["endpoint_url"] = self._servers[service_name][region_name].url
        return super().create_client(service_name, region_name, *args, **options)

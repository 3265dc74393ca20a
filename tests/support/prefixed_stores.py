"""Embedded stores of Canonical below a path of its own for each caller, so that faults find theirs, with a log."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from lading import Charmhub, SnapStore
from lading.testing import EmbeddedCharmhub, EmbeddedSnapStore
from lading.testing.canonical.snap._processing import advance

if TYPE_CHECKING:
    from collections.abc import Callable

    from lading import Retry
    from lading.testing import ServerRequest, ServerResponse


PROCESSED_AFTER = timedelta(seconds=3)


class _Prefixed:
    """What both have: mixed into an embedded store.

    Attributes:
        instead: By path: responses to the next writes there, whose work is done all the same.
        log: What it has done, in order: the paths of the writes that it accepted.
        on_request: Called with each request, before it is handled.
    """

    url: str
    storage_url: str
    _state: Any

    def __init__(self, **options: Any) -> None:
        self.instead: dict[str, list[ServerResponse]] = {}
        self.log: list[str] = []
        self.on_request: Callable[[str, ServerRequest], object] = lambda host, request: None
        super().__init__(**options)

    async def _serve_host(self, name: str, app: Any, request: ServerRequest) -> ServerResponse:
        path = request.path
        if path.startswith("/caller-"):
            request.target = "/" + request.target.split("/", 2)[2]
            request.path = unquote(request.target.partition("?")[0])
        self.on_request(name, request)
        response: ServerResponse = await super()._serve_host(name, app, request)  # type: ignore[misc]
        if request.method != "POST" or response.status >= 300:
            return response
        self.log.append(path)
        lies = self.instead.get(path)
        return lies.pop(0) if lies else response

    def _endpoints_of(self, endpoints: Any, number: int) -> Any:
        return replace(
            endpoints,
            api_url=f"{self.url}/caller-{number}",
            storage_url=f"{self.storage_url}/caller-{number}",
        )


class PrefixedCharmhub(_Prefixed, EmbeddedCharmhub):
    """A Charmhub."""

    def caller(self, number: int, credentials: str, retry: Retry) -> Charmhub:
        """A caller's client, whose waiting moves the store's clock."""
        endpoints = self._endpoints_of(self.endpoints(), number)
        return Charmhub(endpoints, token=credentials, retry=retry, clock=self.client_clock)


class PrefixedSnapStore(_Prefixed, EmbeddedSnapStore):
    """A Snap Store, which has processed a push some seconds after it, whether or not anybody reads its status."""

    async def _serve_host(self, name: str, app: Any, request: ServerRequest) -> ServerResponse:
        await request.in_thread(self._process)
        return await super()._serve_host(name, app, request)

    def _process(self) -> None:
        with self._state.lock:
            due = self.now - PROCESSED_AFTER
            for snap in self._snaps.snaps.values():
                for push in snap.pushes:
                    if push.created_at <= due:
                        advance(push, self.now)

    def caller(self, number: int, credentials: str, retry: Retry) -> SnapStore:
        """A caller's client, whose waiting moves the store's clock."""
        endpoints = self._endpoints_of(self.endpoints(), number)
        return SnapStore(endpoints, token=credentials, retry=retry, clock=self.client_clock)

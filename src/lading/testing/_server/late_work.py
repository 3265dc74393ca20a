"""Work that a server does after it has dropped the connection: real ones finish what they have begun."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

import anyio

from lading.testing._server.bodies import OnePiece, close_body

if TYPE_CHECKING:
    from collections.abc import Callable

    from lading.testing.messages import Handler, ServerRequest


@dataclass(slots=True)
class LateWork:
    """The requests whose work is still to be done.

    Attributes:
        now: Returns the server's time, in seconds.
    """

    now: Callable[[], float] = monotonic
    _waiting: list[tuple[float, ServerRequest]] = field(default_factory=list)
    _lock: anyio.Lock | None = None

    async def postpone(self, request: ServerRequest, seconds: float) -> None:
        """Read *request* to its end, and do its work when *seconds* have passed."""
        request.body = OnePiece(await request.read())
        self._waiting.append((self.now() + seconds, request))

    async def run_due(self, handler: Handler) -> None:
        """Do the work that is due; called before each request, so that no response misses it."""
        if not self._waiting:
            return
        if self._lock is None:
            self._lock = anyio.Lock()
        async with self._lock:
            self._waiting.sort(key=lambda item: item[0])
            while self._waiting and self._waiting[0][0] <= self.now():
                _, request = self._waiting.pop(0)
                await close_body((await handler(request)).body)

"""Embedded stores: servers with a state, a clock that is advanced by hand, and a temporary directory."""

from __future__ import annotations

import shutil
import tempfile
from abc import abstractmethod
from dataclasses import replace
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from anyio import to_thread
from anyio.lowlevel import checkpoint

from lading.testing._server.refusals import Refusal
from lading.testing.messages import Fields
from lading.testing.server import Server

if TYPE_CHECKING:
    import ssl
    from datetime import datetime

    from lading.testing._server.state import Clock
    from lading.testing.faults import Faults
    from lading.testing.messages import ServerRequest, ServerResponse
    from lading.testing.server import Handler


class ClientClock:
    """The clock of an embedded store as its clients use it (``clock=``): waiting advances it, and takes no time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> float:
        """Return the store's time, in seconds since the epoch."""
        return self._clock.now.timestamp()

    async def sleep(self, seconds: float) -> None:
        """Advance the store's clock by *seconds*."""
        if seconds > 0:
            await to_thread.run_sync(self._clock.advance, seconds)
        else:
            await checkpoint()


class EmbeddedStore(Server):
    """The base of embedded stores. Each is started once; its temporary directory is removed when it stops.

    Args:
        handler: The store's request handler. What it raises as a ``Refusal`` is sent as the response.
        clock: The store's clock, which the ``Date`` of responses shows.
        faults: The faults to inject.
        tls: The context to serve https with.
        port: The port to listen on.
    """

    _kind: ClassVar[str]
    _directory: Path | None = None

    def __init__(
        self, handler: Handler, clock: Clock, *, faults: Faults | None, tls: ssl.SSLContext | None, port: int
    ) -> None:
        self._handler = handler
        self._clock = clock
        super().__init__(self._respond, faults=faults, tls=tls, port=port)
        self._shared.late_work.now = self.client_clock.now

    @property
    def now(self) -> datetime:
        """The time that the store's clock shows, in UTC."""
        return self._clock.now

    @property
    def client_clock(self) -> ClientClock:
        """The store's clock for its clients: ``Copr(store.url, clock=store.client_clock)`` never really waits.

        A lost write counts as absent only after the time for which the store may go on working; see ``docs/retries``.
        """
        return ClientClock(self._clock)

    def advance_clock(self, seconds: float) -> None:
        """Move the store's clock forward by *seconds*: tokens expire by it, and ``Date`` headers show it."""
        self._clock.advance(seconds)

    def start(self) -> None:
        """Start to listen; connections are accepted when this returns. ``with`` does it for you."""
        if self._directory is not None:
            raise RuntimeError(f"an {type(self).__name__} can be started only once: create another one")
        self._directory = Path(tempfile.mkdtemp(prefix=f"lading-{self._kind}-"))
        self._use_directory(self._directory)
        try:
            super().start()
        except BaseException:
            shutil.rmtree(self._directory)
            raise

    def stop(self) -> None:
        """Stop the server, wait until it has stopped, and remove its files. Further calls do nothing."""
        super().stop()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    @abstractmethod
    def _use_directory(self, directory: Path) -> None:
        """Store files in *directory* from now on."""

    async def _respond(self, request: ServerRequest) -> ServerResponse:
        return await self._respond_with(self._handler, request)

    async def _respond_with(self, handler: Handler, request: ServerRequest) -> ServerResponse:
        """Respond as *handler* does, with the store's time."""
        try:
            response = await handler(request)
        except Refusal as refusal:
            response = refusal.response(request)
        date = ("Date", format_datetime(self._clock.now, usegmt=True))
        return replace(response, headers=(*Fields(response.headers).pairs, date))

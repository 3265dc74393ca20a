"""HTTP/1.1 over a socket with h11: one request after another, whatever the responses are."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

import h11

from lading.testing.messages import Headers, ServerResponse

if TYPE_CHECKING:
    from lading.testing._server.sockets import ServerSocket

MAX_HEAD = 64 << 10  # tokens with many caveats make long Authorization headers
BODILESS = frozenset({204, 304})


class ClientLeftError(ConnectionError):
    """The client left before its request was complete, or before it had received the complete response."""


class HTTP1:
    """Reads requests and frames responses.

    Attributes:
        received: The number of bytes read of the current request's body.
        gone: Whether the client has left.
    """

    def __init__(self, sock: ServerSocket) -> None:
        self._socket = sock
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._body_may_come = True
        self.received = 0
        self.gone = False

    async def next_request(self) -> h11.Request | None:
        """Read the head of the next request; ``None`` if the connection serves no further one."""
        if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()
        if self._h11.their_state is not h11.IDLE:
            return None
        self.received, self._body_may_come = 0, True
        event = await self._next_event()
        return event if isinstance(event, h11.Request) else None

    async def pull(self) -> bytes:
        """Read the next piece of the request's body; empty at its end.

        A client that waits for ``100 Continue`` is sent it.
        """
        if self._h11.their_state is not h11.SEND_BODY:
            return b""
        event = await self._next_event()
        if not isinstance(event, h11.Data):
            return b""
        self.received += len(event.data)
        return bytes(event.data)

    async def read(self, until: int | None = None) -> None:
        """Read and drop the body up to its end, or until at least *until* bytes have been read."""
        while (until is None or self.received < until) and await self.pull():
            pass

    async def finish_reading(self) -> None:
        """Read and drop the rest of the body, unless the client may never send it."""
        if self._body_may_come:
            await self.read()

    @property
    def response_started(self) -> bool:
        """Whether a response to the current request has been started."""
        return self._h11.our_state not in {h11.IDLE, h11.SEND_RESPONSE}

    def head(self, response: ServerResponse) -> bytes:
        """Frame the status line and the headers of a response."""
        headers = Headers(response.headers)
        more: list[tuple[str, str]] = []
        if (
            isinstance(response.body, bytes)
            and response.status not in BODILESS
            and not ("Content-Length" in headers or "Transfer-Encoding" in headers)
        ):
            more.append(("Content-Length", str(len(response.body))))
        if self._h11.they_are_waiting_for_100_continue:
            # The client may still send the body, or not: only on a new connection is it clear which bytes are what.
            self._body_may_come = False
            more.append(("Connection", "close"))
        reason = response.reason
        if reason is None:
            with suppress(ValueError):
                reason = HTTPStatus(response.status).phrase
        return self._framed(
            h11.Response(
                status_code=response.status,
                headers=Headers((*headers.pairs, *more)).raw,
                reason=(reason or "").encode("latin-1", "replace"),
            )
        )

    def data(self, piece: bytes) -> bytes:
        """Frame a piece of a response's body."""
        return self._framed(h11.Data(data=piece))

    def end(self) -> bytes:
        """Frame the end of a response's body."""
        return self._framed(h11.EndOfMessage())

    def _framed(self, event: h11.Event) -> bytes:
        return self._h11.send(event) or b""

    async def write(self, data: bytes) -> None:
        """Send *data*.

        Raises:
            ClientLeftError: The client has closed the connection.
        """
        try:
            await self._socket.send(data)
        except OSError as error:
            self.gone = True
            raise ClientLeftError(str(error)) from error

    async def _next_event(self) -> object:
        while (event := self._h11.next_event()) is h11.NEED_DATA:
            if self._h11.they_are_waiting_for_100_continue:
                proceed = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
                await self.write(self._framed(proceed))
            try:
                data = await self._socket.receive()
            except OSError as error:
                self.gone = True
                raise ClientLeftError(str(error)) from error
            if not data:
                self.gone = True
                raise ClientLeftError("the client closed the connection")
            self._h11.receive_data(data)
        return event

"""Connections: requests are handled, or replaced, delayed and cut as faults demand."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import h11

from lading.testing._server.bodies import OnePiece, RequestBody, close_body
from lading.testing._server.files import from_file
from lading.testing._server.http1 import BODILESS, HTTP1
from lading.testing._server.late_work import LateWork
from lading.testing._server.workers import Workers
from lading.testing.faults import (
    Delay,
    Drip,
    DropAfter,
    DropBefore,
    DropDuring,
    Fault,
    Faults,
    InjectedFault,
    Respond,
    RespondAfter,
    RespondEarly,
    RespondRaw,
    Truncate,
)
from lading.testing.messages import Fields, Handler, Headers, ServerRequest, ServerResponse

if TYPE_CHECKING:
    from lading.testing._server.sockets import ServerSocket


class Hangup(Exception):
    """Raised to end the connection without a further response."""

    def __init__(self, *, reset: bool = False) -> None:
        self.reset = reset


@dataclass(frozen=True, slots=True)
class Shared:
    """The objects that the connections of one server share."""

    handler: Handler
    faults: Faults
    errors: list[BaseException]
    scheme: str = "http"
    workers: Workers = field(default_factory=Workers)
    late_work: LateWork = field(default_factory=LateWork)


class Connection:
    """Serves the requests of one connection, one after another, until either side ends it."""

    def __init__(self, sock: ServerSocket, shared: Shared) -> None:
        self._socket = sock
        self._shared = shared
        self._http = HTTP1(sock)

    async def run(self) -> None:
        """Serve requests until the connection ends, and close the socket."""
        try:
            await self._socket.handshake()
            while event := await self._http.next_request():
                await self._exchange(self._request(event))
            self._socket.close()
        except Hangup as hangup:
            if hangup.reset:
                self._socket.reset()
        except h11.RemoteProtocolError as error:
            self._shared.errors.append(error)
            await self._refuse(error)
        except OSError:
            pass  # the client left, or the TLS handshake failed
        finally:
            self._socket.drop()

    def _request(self, event: h11.Request) -> ServerRequest:
        headers = Headers.from_raw(event.headers.raw_items())
        body = RequestBody(self._http.pull)
        method, target = event.method.decode(), event.target.decode("latin-1")
        return ServerRequest(method, target, headers, body, self._shared.workers, scheme=self._shared.scheme)

    async def _exchange(self, request: ServerRequest) -> None:
        fault = self._shared.faults.take(request.method, request.path)
        await self._shared.late_work.run_due(self._shared.handler)
        if fault is None or not await self._inject(request, fault):
            await self._work(request, fault)
        await self._http.finish_reading()

    async def _inject(self, request: ServerRequest, fault: Fault) -> bool:
        """Inject a fault that replaces the work; return whether this fault is one."""
        match fault:
            case RespondEarly():
                await self._http.read(fault.after)
                self._record(request, fault)
                await self._respond_early(request, fault)
            case RespondAfter():
                await self._shared.late_work.postpone(request, fault.work_after)
                await self._shared.late_work.run_due(self._shared.handler)
                self._record(request, fault)
                await self._send(request, _response(fault))
            case Respond():
                await self._http.read()
                self._record(request, fault)
                await self._send(request, _response(fault))
            case RespondRaw(data=data):
                await self._http.read()
                self._record(request, fault)
                await self._http.write(data)
                self._socket.close()
                raise Hangup
            case DropBefore(reset=reset):
                await self._http.read()
                self._record(request, fault)
                raise Hangup(reset=reset)
            case DropAfter(reset=reset, work_after=seconds) if seconds > 0:
                await self._shared.late_work.postpone(request, seconds)
                self._record(request, fault)
                raise Hangup(reset=reset)
            case DropDuring(after=after, reset=reset):
                await self._http.read(after)
                self._record(request, fault)
                raise Hangup(reset=reset)
            case _:
                return False
        return True

    async def _respond_early(self, request: ServerRequest, fault: RespondEarly) -> None:
        closing = (("Connection", "close"),) if fault.then in {"close", "half-close"} else ()
        await self._send(request, _response(fault, *closing))
        match fault.then:
            case "close":
                self._socket.close()
                raise Hangup
            case "reset":
                raise Hangup(reset=True)
            case "half-close":
                self._socket.finish()
                await self._socket.discard()
                raise Hangup
            case "hold":
                await anyio.sleep_forever()
            case "keep-reading":
                pass  # continues as after any response that did not need the body

    async def _work(self, request: ServerRequest, fault: Fault | None) -> None:
        """Call the handler and send its response: a 500 if it fails, or the end of a response that has been started."""
        response = ServerResponse()
        try:
            await self._pause(request, fault, "work")
            response = await self._shared.handler(request)
            await self._pause(request, fault, "response")
            await self._send(request, response, fault)
        except (Hangup, h11.RemoteProtocolError, anyio.get_cancelled_exc_class()):
            raise
        except BaseException as error:  # also what test frameworks raise beside Exception
            if self._http.gone:
                raise Hangup from error
            self._shared.errors.append(error)
            if self._http.response_started:
                raise Hangup from error
            text = f"the handler failed: {type(error).__name__}: {error}\n"
            await self._send(request, ServerResponse(500, {"Content-Type": "text/plain"}, text.encode()))
        finally:
            await close_body(response.body)

    async def _send(self, request: ServerRequest, response: ServerResponse, fault: Fault | None = None) -> None:
        body = response.body
        if isinstance(body, Path):
            response = await from_file(request, response, body, self._shared.workers)
            try:
                await self._send(request, response, fault)
            finally:
                await close_body(response.body)
            return
        if isinstance(fault, DropAfter):
            self._record(request, fault)
            raise Hangup(reset=fault.reset)
        write = self._http.write
        if isinstance(fault, Drip):
            self._record(request, fault)
            write = partial(self._drip, fault)
        out = self._http.head(response)
        if request.method != "HEAD" and response.status not in BODILESS:
            complete = isinstance(body, bytes)
            if not complete:  # a stream's head does not wait for its first piece
                await write(out)
                out = b""
            sent = 0
            async for piece in OnePiece(body) if isinstance(body, bytes) else body:
                if isinstance(fault, Truncate) and sent + len(piece) > fault.after:
                    self._record(request, fault)
                    await write(out + self._http.data(piece[: fault.after - sent]))
                    raise Hangup
                sent += len(piece)
                out += self._http.data(piece)
                if not complete:
                    await write(out)
                    out = b""
        await write(out + self._http.end())

    async def _drip(self, fault: Drip, data: bytes) -> None:
        for start in range(0, len(data), fault.size):
            await self._http.write(data[start : start + fault.size])
            await anyio.sleep(fault.interval)

    async def _pause(self, request: ServerRequest, fault: Fault | None, before: str) -> None:
        if isinstance(fault, Delay) and fault.before == before:
            self._record(request, fault)
            await anyio.sleep(fault.seconds)

    async def _refuse(self, error: h11.RemoteProtocolError) -> None:
        """Send the client an error about its HTTP, unless a response has been started."""
        if not self._http.response_started:
            text = f"{error}\n".encode()
            response = ServerResponse(error.error_status_hint, {"Connection": "close"}, text)
            with suppress(OSError):
                await self._http.write(self._http.head(response) + self._http.data(text) + self._http.end())
                self._socket.close()

    def _record(self, request: ServerRequest, fault: Fault) -> None:
        self._shared.faults.record(InjectedFault(fault, request.method, request.path, self._http.received))


def _response(fault: Respond, *more: tuple[str, str]) -> ServerResponse:
    headers = (*Fields(fault.headers).pairs, *more)
    if fault.retry_after is not None:
        headers += (("Retry-After", str(fault.retry_after)),)
    return ServerResponse(fault.status, headers, fault.body, fault.reason)

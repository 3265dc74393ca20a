"""The one way a call is made: the attempt loop, settling unknown outcomes, events."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from lading import errors
from lading._core.attempt import Attempt, ClientSettings, is_streamed
from lading._core.call import SAFE_METHODS, UNSET
from lading._core.responses import parse_response
from lading._core.retry import end_with, ends, run_with_retry
from lading.types import AttemptEvent, CallEvent

if TYPE_CHECKING:
    from types import TracebackType

    from lading._core.call import Call, ResponseStream
    from lading._core.service import Service
    from lading._core.slots import LoopState

T = TypeVar("T")
R = TypeVar("R")

Lookup = Callable[["Sender", errors.LadingError], Awaitable[T | None]]
"""From (sender, the error of the lost answer) to what became of the call; see :meth:`Sender.send_once`."""

logger = logging.getLogger("lading")
logger.addHandler(logging.NullHandler())


class Sender:
    """Makes calls to one store; all that a resource needs."""

    def __init__(
        self, service: Service, settings: ClientSettings, lane: Callable[[], LoopState], *, in_slot: bool = False
    ) -> None:
        self.service = service
        self.settings = settings
        self.lane = lane
        self._in_slot = in_slot

    async def send(self, call: Call[T]) -> T:
        """What *call* reads from its answer."""
        return await _CallRun[T](self, call, in_slot=self._in_slot).run()

    async def send_once(self, call: Call[T], ask: Lookup[T]) -> T:
        """What *call* reads from its answer or, after an unknown outcome, what *ask* finds.

        Args:
            call: A write that must not be made twice.
            ask: Given a sender to ask with, which uses this call's slot, and the error that the answer was lost with.
                Returns the result if the work is there, ``None`` if it is not (only then is *call* sent again), and
                raises when it cannot tell: then that error is raised, with ``outcome`` ``"unknown"``.
        """
        return await _CallRun[T](self, call, ask=ask, in_slot=self._in_slot).run()

    def stream(self, call: Call[Any], *, attempt: int | None = None) -> StreamContext:
        """An async context manager over *call*'s answer as it streams in, its head already judged.

        The body comes as the store keeps it (``Accept-Encoding: identity``). Retrying ends when the head is there,
        and so does the call's slot.

        Args:
            call: The call.
            attempt: Make one attempt, and count it as this: for a caller that has a loop of its own.
        """
        return StreamContext(_CallRun["ResponseStream"](self, call, stream=True, only=attempt, in_slot=self._in_slot))

    def in_same_slot(self) -> Sender:
        """This sender for calls that are part of a call: they use its slot."""
        return Sender(self.service, self.settings, self.lane, in_slot=True)


class StreamContext:
    """Context manager that opens a streamed answer, and ends it whatever happens."""

    def __init__(self, running: _CallRun[ResponseStream]) -> None:
        self._running = running
        self._incoming: ResponseStream | None = None

    async def __aenter__(self) -> ResponseStream:
        self._incoming = await self._running.run()
        return self._incoming

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._incoming is not None:
            await self._incoming.aclose()


class _CallRun(Generic[R]):
    """One call being made."""

    def __init__(
        self,
        sender: Sender,
        call: Call[Any],
        *,
        ask: Lookup[R] | None = None,
        stream: bool = False,
        only: int | None = None,
        in_slot: bool = False,
    ) -> None:
        if call.body is not None and call.json is not UNSET:
            raise errors.InputError(f"{call!r} has both json and body", argument="body")
        self._sender = sender
        self._settings = sender.settings
        self._call = call
        self._ask = ask
        self._stream = stream
        self._only = only
        self._in_slot = in_slot
        self._lane: LoopState
        self._lost: errors.LadingError | None = None
        self._number = 0

    async def run(self) -> R:
        """Its result; the event of the whole call goes out whatever happens."""
        started = perf_counter()
        failure = "cancelled"
        try:
            result = await self._with_slot()
        except Exception as error:
            failure = type(error).__name__
            raise
        else:
            failure = ""
            try:
                self._emit_call(None, started)
            except BaseException:
                if self._stream:
                    await cast("ResponseStream", result).aclose()
                raise
            return result
        finally:
            if failure:
                self._emit_call(failure, started)

    def _emit_call(self, failure: str | None, started: float) -> None:
        if self._settings.hooks:
            call = self._call
            seconds = perf_counter() - started
            self._emit(
                CallEvent(self._sender.service.name, call.method, call.url_template, failure, self._number, seconds)
            )

    async def _with_slot(self) -> R:
        lane = self._lane = self._sender.lane()
        if self._in_slot:
            return await self._attempts()
        upload = is_streamed(self._call)
        await lane.acquire(upload=upload, timeout=self._settings.timeout.pool)
        try:
            return await self._attempts()
        finally:
            lane.release(upload=upload)

    async def _attempts(self) -> R:
        if self._only is not None:
            return await self._attempt_or_look_up(self._only)
        policy = self._settings.retry
        if self._call.body is not None and not self._call.body.replayable:
            policy = replace(policy, attempts=1)
        try:
            return await run_with_retry(
                self._attempt_or_look_up, policy, lambda e: self._call.repeatable or e is self._lost
            )
        except errors.LadingError as error:
            if error is not self._lost:
                raise
            found = await self._look_up(error)
            if found is None:
                error.outcome = "not_done"
                raise
            return found

    async def _attempt_or_look_up(self, number: int) -> R:
        if self._lost is not None and (found := await self._look_up(self._lost)) is not None:
            return found
        self._number = number
        try:
            return await self._attempt()
        except errors.LadingError as error:
            if ends(error):
                raise
            if isinstance(error, errors.ApiError):
                error.attempts = number
            if self._call.method in SAFE_METHODS and self._call.repeatable:
                error.outcome = "not_done"
                raise
            if isinstance(error, errors.InvalidResponse):
                # The store took the request; that we cannot read what it says does not undo it.
                error.outcome = "unknown"
            if error.outcome == "unknown" and self._ask is not None:
                self._lost = error
            raise

    async def _look_up(self, lost: errors.LadingError) -> R | None:
        """What the store says became of the request whose answer was *lost*."""
        self._lost = None
        try:
            return None if self._ask is None else await self._ask(self._sender.in_same_slot(), lost)
        except errors.LadingError as error:
            raise lost from error

    async def _attempt(self) -> R:
        started = perf_counter()
        sender = self._sender
        attempt = Attempt(
            self._call,
            sender.service,
            self._settings,
            self._lane.exchange,
            number=self._number,
            streamed_answer=self._stream,
        )
        status: int | None = None
        failure: str | None = "cancelled"
        incoming: ResponseStream | None = None
        try:
            incoming, reply = await attempt.send(sender.in_same_slot())
            status = incoming.status
            if self._stream:
                result = cast("R", incoming)
            else:
                body = await incoming.read(self._call.max_response_size)
                result = parse_response(sender.service.name, self._call, replace(reply, body=body))
            failure = None
        except Exception as error:
            failure = type(error).__name__
            status = getattr(error, "status", status)
            raise
        finally:
            keep = False
            try:
                self._emit_attempt(status, failure, attempt.sent, perf_counter() - started)
                keep = self._stream and failure is None
            finally:
                if incoming is not None and not keep:
                    await incoming.aclose()
        return result

    def _emit_attempt(self, status: int | None, failure: str | None, sent: int, seconds: float) -> None:
        debug = logger.isEnabledFor(logging.DEBUG)
        if not debug and not self._settings.hooks:
            return
        call, service = self._call, self._sender.service
        host = service.host_of(call.url(service.base_url))
        event = AttemptEvent(
            service.name, call.method, host, call.url_template, status, failure, sent, seconds, self._number
        )
        if debug:
            logger.debug(
                "%s %s %s %s: %s in %.3f s, attempt %d",
                *(event.service, event.method, event.host, event.path),
                *(failure or status, seconds, self._number),
            )
        self._emit(event)

    def _emit(self, event: AttemptEvent | CallEvent) -> None:
        try:
            for hook in self._settings.hooks:
                hook(event)
        except Exception as error:
            end_with(error)
            raise

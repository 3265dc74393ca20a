"""The one way a call is made: the attempt loop, settling unknown outcomes, events."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from lading import errors
from lading._core.attempt import Attempt, Settings, streams
from lading._core.call import SAFE_METHODS, UNSET
from lading._core.responses import read_answer
from lading._core.retry import attempts, end_with, ends
from lading.types import AttemptEvent, CallEvent

if TYPE_CHECKING:
    from types import TracebackType

    from lading._core.call import Call, Incoming
    from lading._core.service import Service
    from lading._core.slots import Lane

T = TypeVar("T")
R = TypeVar("R")

Asker = Callable[["Sender", errors.LadingError], Awaitable[T | None]]
"""From (sender, the error of the lost answer) to what became of the call; see :meth:`Sender.settle`."""

logger = logging.getLogger("lading")
logger.addHandler(logging.NullHandler())


class Sender:
    """Makes calls to one store; all that a resource needs."""

    def __init__(
        self, service: Service, settings: Settings, lane: Callable[[], Lane], *, in_slot: bool = False
    ) -> None:
        self.service = service
        self.settings = settings
        self.lane = lane
        self._in_slot = in_slot

    async def send(self, call: Call[T]) -> T:
        """What *call* reads from its answer."""
        return await _Running[T](self, call, in_slot=self._in_slot).run()

    async def settle(self, call: Call[T], ask: Asker[T]) -> T:
        """What *call* reads from its answer or, after an unknown outcome, what *ask* finds.

        Args:
            call: A write that must not be made twice.
            ask: Given a sender to ask with, which uses this call's slot, and the error that the answer was lost with.
                Returns the result if the work is there, ``None`` if it is not (only then is *call* sent again), and
                raises when it cannot tell: then that error is raised, with ``outcome`` ``"unknown"``.
        """
        return await _Running[T](self, call, ask=ask, in_slot=self._in_slot).run()

    def open(self, call: Call[Any], *, attempt: int | None = None) -> Opened:
        """An async context manager over *call*'s answer as it streams in, its head already judged.

        The body comes as the store keeps it (``Accept-Encoding: identity``). Retrying ends when the head is there,
        and so does the call's slot.

        Args:
            call: The call.
            attempt: Make one attempt, and count it as this: for a caller that has a loop of its own.
        """
        return Opened(_Running["Incoming"](self, call, stream=True, only=attempt, in_slot=self._in_slot))

    def within(self) -> Sender:
        """This sender for calls that are part of a call: they use its slot."""
        return Sender(self.service, self.settings, self.lane, in_slot=True)


class Opened:
    """Context manager that opens a streamed answer, and ends it whatever happens."""

    def __init__(self, running: _Running[Incoming]) -> None:
        self._running = running
        self._incoming: Incoming | None = None

    async def __aenter__(self) -> Incoming:
        self._incoming = await self._running.run()
        return self._incoming

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._incoming is not None:
            await self._incoming.aclose()


class _Running(Generic[R]):
    """One call being made."""

    def __init__(
        self,
        sender: Sender,
        call: Call[Any],
        *,
        ask: Asker[R] | None = None,
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
        self._lane: Lane
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
                self._tell_call(None, started)
            except BaseException:
                if self._stream:
                    await cast("Incoming", result).aclose()
                raise
            return result
        finally:
            if failure:
                self._tell_call(failure, started)

    def _tell_call(self, failure: str | None, started: float) -> None:
        if self._settings.hooks:
            call = self._call
            seconds = perf_counter() - started
            self._tell(CallEvent(self._sender.service.name, call.method, call.template, failure, self._number, seconds))

    async def _with_slot(self) -> R:
        lane = self._lane = self._sender.lane()
        if self._in_slot:
            return await self._attempts()
        upload = streams(self._call)
        await lane.take(upload=upload, timeout=self._settings.timeout.pool)
        try:
            return await self._attempts()
        finally:
            lane.give_back(upload=upload)

    async def _attempts(self) -> R:
        if self._only is not None:
            return await self._step(self._only)
        policy = self._settings.retry
        if self._call.body is not None and not self._call.body.replayable:
            policy = replace(policy, attempts=1)
        try:
            return await attempts(self._step, policy, lambda e: self._call.repeatable or e is self._lost)
        except errors.LadingError as error:
            if error is not self._lost:
                raise
            found = await self._found(error)
            if found is None:
                error.outcome = "not_done"
                raise
            return found

    async def _step(self, number: int) -> R:
        if self._lost is not None and (found := await self._found(self._lost)) is not None:
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
            if isinstance(error, errors.BadAnswer):
                # The store took the request; that we cannot read what it says does not undo it.
                error.outcome = "unknown"
            if error.outcome == "unknown" and self._ask is not None:
                self._lost = error
            raise

    async def _found(self, lost: errors.LadingError) -> R | None:
        """What the store says became of the request whose answer was *lost*."""
        self._lost = None
        try:
            return None if self._ask is None else await self._ask(self._sender.within(), lost)
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
        incoming: Incoming | None = None
        try:
            incoming, reply = await attempt.head(sender.within())
            status = incoming.status
            if self._stream:
                result = cast("R", incoming)
            else:
                body = await incoming.read(self._call.max_answer)
                result = read_answer(sender.service.name, self._call, replace(reply, body=body))
            failure = None
        except Exception as error:
            failure = type(error).__name__
            status = getattr(error, "status", status)
            raise
        finally:
            keep = False
            try:
                self._tell_attempt(status, failure, attempt.sent, perf_counter() - started)
                keep = self._stream and failure is None
            finally:
                if incoming is not None and not keep:
                    await incoming.aclose()
        return result

    def _tell_attempt(self, status: int | None, failure: str | None, sent: int, seconds: float) -> None:
        debug = logger.isEnabledFor(logging.DEBUG)
        if not debug and not self._settings.hooks:
            return
        call, service = self._call, self._sender.service
        host = service.host_of(call.url(service.base_url))
        event = AttemptEvent(
            service.name, call.method, host, call.template, status, failure, sent, seconds, self._number
        )
        if debug:
            logger.debug(
                "%s %s %s %s: %s in %.3f s, attempt %d",
                *(event.service, event.method, event.host, event.path),
                *(failure or status, seconds, self._number),
            )
        self._tell(event)

    def _tell(self, event: AttemptEvent | CallEvent) -> None:
        try:
            for hook in self._settings.hooks:
                hook(event)
        except Exception as error:
            end_with(error)
            raise

"""The one way a call is sent: a slot, the attempts, look-ups after a lost response, events."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lading import errors
from lading._core.attempt import Attempt, is_streamed
from lading._core.call import NO_AUTH, SAFE_METHODS
from lading._core.model import prepare_models
from lading._core.reports import CallReporter, logger, observed
from lading._core.retry import retry, run_with_retry
from lading._core.send_once import NOT_FOUND, Found, Rejected, look_until_certain
from lading._core.unretried import Unretried, unwrap
from lading._core.unset import UNSET

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from lading._core.call import Auth, Call
    from lading._core.messages import ResponseStream
    from lading._core.send_once import Lookup, LookupResult
    from lading._core.service import Service
    from lading._core.settings import ClientSettings
    from lading._core.slots import LoopState
    from lading.types import Retry, Timeout

T = TypeVar("T")
R = TypeVar("R")


class Sender:
    """Sends calls to one service; all that a resource needs.

    Attributes:
        service: The service.
        settings: The client's settings.
        loop_state: Returns the client's state on the running loop.
        in_slot: Whether its calls are part of a call, whose slot they use.
    """

    __slots__ = ("_for_auth", "in_slot", "loop_state", "service", "settings")

    def __init__(
        self,
        service: Service,
        settings: ClientSettings,
        loop_state: Callable[[], LoopState],
        *,
        in_slot: bool = False,
    ) -> None:
        self.service: Service = service
        self.settings: ClientSettings = settings
        self.loop_state: Callable[[], LoopState] = loop_state
        self.in_slot: bool = in_slot
        self._for_auth: Sender | None = None

    async def send(self, call: Call[T]) -> T:
        """Send *call* and return what it parses from the response."""
        run: _CallRun[T] = _CallRun(self, call)
        return await run.run()

    async def send_once(self, call: Call[T], lookup: Lookup[T]) -> T:
        """Send a write that must not happen twice, and return its result.

        After a lost response *lookup* finds out whether the work was done before anything is sent again. When the
        whole request had left, the store may still be working on it: *lookup* is repeated, until it finds the work or
        ``Service.late_work`` seconds after the request ended. Where ``Retry.deadline`` ends that sooner, the outcome
        is ``"unknown"``. An idempotent *call* is sent again after one look: only its last attempt is waited for.

        Args:
            call: The write.
            lookup: Called with a sender that uses this call's slot, and the error of the lost response. It returns
                ``Found(value)``, which is the result; ``NOT_FOUND``, after which alone *call* is sent again; or
                ``Rejected(error)``, which is raised as it is. It raises when it cannot tell: then the error of the
                lost response is raised, with ``outcome`` ``"unknown"``.
        """
        run: _CallRun[T] = _CallRun(self, call, lookup=lookup)
        return await run.run()

    def stream(self, call: Call[Any], *, attempt: int | None = None) -> StreamContext:
        """Open an async context manager over *call*'s response as it streams in, its status checked.

        The body comes as the store keeps it (``Accept-Encoding: identity``). Retrying ends when the head has
        arrived, and the call's slot is released then.

        Args:
            call: The call.
            attempt: Make a single attempt, with this number: for a step of :meth:`retrying`.
        """
        return StreamContext(_CallRun(self, call, stream=True, only=attempt))

    async def retrying(
        self,
        step: Callable[[int], Awaitable[T]],
        *,
        repeatable: Callable[[errors.LadingError], bool] = lambda _: True,
    ) -> T:
        """Run ``step(number)`` under this sender's retry rule, and return what it returns.

        Args:
            step: One attempt, called with its number from 1.
            repeatable: Called after a failure: whether the step may be made twice.
        """
        return await unwrap(run_with_retry(step, self.settings, repeatable))

    def to(self, service: Service, auth: Auth | None = None) -> Sender:
        """Return a sender to another service of the same client, with credentials of its own or none."""
        return self._derive(service, replace(self.settings, auth=auth or NO_AUTH))

    def with_settings(self, *, retry: Retry = UNSET, timeout: Timeout = UNSET, auth: Auth | None = UNSET) -> Sender:
        """Return a sender to the same service with other settings."""
        given = {"retry": retry, "timeout": timeout, "auth": auth if auth is not None else NO_AUTH}
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not UNSET}
        return self._derive(self.service, replace(self.settings, **changes))

    def for_auth(self) -> Sender:
        """Return the sender that credentials use to be obtained: in the same slot, and without credentials."""
        if self._for_auth is None:
            settings = replace(self.settings, auth=NO_AUTH)
            self._for_auth = Sender(self.service, settings, self.loop_state, in_slot=True)
        return self._for_auth

    def _derive(self, service: Service, settings: ClientSettings) -> Sender:
        return Sender(service, settings, self.loop_state, in_slot=self.in_slot)


class StreamContext:
    """Context manager that opens a streamed response, and closes it whatever happens."""

    def __init__(self, run: _CallRun[ResponseStream]) -> None:
        self._run = run
        self._stream: ResponseStream | None = None

    async def __aenter__(self) -> ResponseStream:
        self._stream = await self._run.run()
        return self._stream

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            await self._stream.aclose()


class _CallRun(Generic[R]):
    """One call being sent."""

    __slots__ = (
        "_call",
        "_certain_from",
        "_doubtful",
        "_has_slot",
        "_lookup",
        "_lost",
        "_may_be_done",
        "_number",
        "_only",
        "_sender",
        "_settings",
        "_started",
        "_state",
        "_stream",
        "_upload",
    )

    def __init__(
        self,
        sender: Sender,
        call: Call[Any],
        *,
        lookup: Lookup[R] | None = None,
        stream: bool = False,
        only: int | None = None,
    ) -> None:
        self._sender = sender
        self._settings = sender.settings
        self._call = call
        self._lookup = lookup
        self._stream = stream
        self._only = only
        self._state: LoopState
        # The error of a lost response that has not been looked up, and of one whose look-up proved nothing.
        self._lost: errors.LadingError | None = None
        self._doubtful: errors.LadingError | None = None
        # When absence proves that none of them was carried out; and, without a look-up that could tell, whether one may
        # have been.
        self._certain_from = -inf
        self._may_be_done = False
        self._started = 0.0
        self._number = 0
        self._upload = False
        self._has_slot = False

    async def run(self) -> R:
        """Send it and return its result."""
        try:
            if not self._settings.hooks:
                return await self._with_slot()
            return await observed(self._with_slot(), self._report_call, streamed=self._stream)
        except Unretried as wrapped:
            # The loop around this attempt is not over yet, nor is the call that this one is a part of.
            if self._only is not None or self._sender.in_slot:
                raise
            error = wrapped.error
        raise error

    def _report_call(self, failure: str | None, seconds: float) -> None:
        self._reporter().report_call(self._number, failure, seconds)

    def _reporter(self) -> CallReporter:
        return CallReporter(self._sender.service, self._call, self._settings)

    async def _with_slot(self) -> R:
        sender = self._sender
        state = self._state = sender.loop_state()
        if sender.in_slot:
            return await self._attempts()
        if not state.prepared:
            await prepare_models()
            state.prepared = True
        self._upload = is_streamed(self._call)
        if not state.acquire_nowait(upload=self._upload):
            await self._acquire()
        self._has_slot = True
        try:
            return await self._attempts()
        finally:
            if self._has_slot:
                state.release(upload=self._upload)

    async def _acquire(self) -> None:
        timeout = self._call.timeout or self._settings.timeout
        await self._state.acquire(upload=self._upload, timeout=timeout.pool)

    async def _sleep(self, seconds: float) -> None:
        """Wait without a slot: others use it meanwhile."""
        if not self._has_slot or seconds <= 0:
            await self._settings.sleep(seconds)
            return
        self._has_slot = False
        self._state.release(upload=self._upload)
        await self._settings.sleep(seconds)
        await self._acquire()
        self._has_slot = True

    async def _attempts(self) -> R:
        if self._only is not None:
            return await self._attempt_or_look_up(self._only)
        settings, call = self._settings, self._call
        if call.body is not None and not call.body.replayable:
            settings = replace(settings, retry=replace(settings.retry, attempts=1))
        self._started = settings.clock()
        try:
            return await self._attempt_or_look_up(1)
        except errors.LadingError as error:
            first = error
        try:
            return await retry(
                first,
                self._attempt_or_look_up,
                replace(settings, sleep=self._sleep),
                lambda e: call.repeatable or e is self._lost,
                self._started,
            )
        except errors.LadingError as error:
            lost = self._lost or self._doubtful
            if lost is None:
                if self._may_be_done:  # by an attempt before the last
                    error.outcome = "unknown"
                raise
            # What refuses this attempt may be the work of one before it.
            found = await self._look_up(lost, certain=True)
            if not isinstance(found, Found):
                if error is lost:
                    error.outcome = "not_done"
                raise
            return found.value

    async def _attempt_or_look_up(self, number: int) -> R:
        if (lost := self._lost) is not None:
            found = await self._look_up(lost, certain=not self._call.repeatable)
            if isinstance(found, Found):
                return found.value
            self._doubtful = lost if self._call.repeatable else None
        self._number = number
        attempt = self._make_attempt()
        try:
            result: R
            if self._settings.hooks or logger.isEnabledFor(logging.DEBUG):
                report = partial(self._reporter().report_attempt, attempt)
                result = await observed(attempt.run(), report, streamed=self._stream)
            else:
                result = await attempt.run()
            return result
        except errors.LadingError as error:
            if isinstance(error, errors.ApiError):
                error.attempts = number
            if self._call.method in SAFE_METHODS and self._call.repeatable:
                error.outcome = "not_done"
                raise
            if isinstance(error, errors.InvalidResponse):
                # The store accepted the request; that its response cannot be read does not undo it.
                error.outcome = "unknown"
            if error.outcome == "unknown":
                self._note_lost(error)
            raise

    def _note_lost(self, error: errors.LadingError) -> None:
        if self._lookup is None:
            self._may_be_done = True
            return
        self._lost = error
        may_come = self._sender.service.late_work if getattr(error, "request_sent", True) else 0.0
        self._certain_from = max(self._certain_from, self._settings.clock() + may_come)

    async def _look_up(self, lost: errors.LadingError, *, certain: bool) -> LookupResult[R]:
        """Return what the store says of the request whose response was *lost*.

        *certain* waits, where it must, until absence proves that the work was not done.
        """
        self._lost = self._doubtful = None
        lookup, settings = self._lookup, self._settings
        if lookup is None:
            return NOT_FOUND
        settings = replace(settings, sleep=self._sleep)
        sender = Sender(self._sender.service, settings, self._sender.loop_state, in_slot=True)
        look = partial(lookup, sender, lost)
        deadline = settings.retry.deadline
        try:
            found = await look_until_certain(
                look,
                settings,
                until=self._certain_from if certain else -inf,
                deadline=None if deadline is None else self._started + deadline,
            )
        except (Unretried, MemoryError):
            raise  # what a hook raised
        except Exception as error:
            self._may_be_done = True
            raise lost from error
        if found is None:
            self._may_be_done = True
            lost.add_note("Retry.deadline ended the look-up: the store may still carry the request out")
            raise lost
        if isinstance(found, Rejected):
            raise Unretried(found.error) from None
        return found

    def _make_attempt(self) -> Attempt:
        sender = self._sender
        observe = None
        if sender.service.on_response is not None:
            observe = partial(self._reporter().report_head, self._state.notices)
        return Attempt(
            self._call,
            sender.service,
            self._settings,
            self._state.backend,
            number=self._number,
            streamed=self._stream,
            sender=sender.for_auth,
            observe=observe,
        )

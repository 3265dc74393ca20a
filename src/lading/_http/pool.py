"""Which connection a request gets. Every step is a plain function without ``await``, except waiting for one."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

import anyio

from lading._http.errors import ConnectFailed, TimedOut
from lading._http.sockets import LoopShare

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lading._http.connection import Connection
    from lading.types import Limits


class Origin(NamedTuple):
    """Where a connection leads to."""

    scheme: str
    host: str
    port: int


class _Waiter:
    __slots__ = ("connection", "event", "granted", "origin")

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.event = anyio.Event()
        self.granted = False
        self.connection: Connection | None = None


class Pool:
    """Connections of one client on one loop: ``total = busy + idle``, those being made counted as busy.

    Waiters exist only while nothing is idle and ``total`` is at its limit, so they are served in order. It belongs to
    its loop's thread; :meth:`close_idle` and :meth:`retire` may be called from any.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._idle: dict[Origin, deque[Connection]] = {}
        # All idle connections, the longest idle first: what to end for expiry, and to make room.
        self._ages: OrderedDict[Connection, Origin] = OrderedDict()
        self._busy: set[Connection] = set()
        self._waiters: OrderedDict[_Waiter, None] = OrderedDict()
        self._making: set[anyio.CancelScope] = set()
        self._lock = threading.RLock()
        self._retired = False
        self.closed = False
        self.share = LoopShare()

    @property
    def total(self) -> int:
        """Connections that are open or being made."""
        return self.share.busy + len(self._ages)

    @property
    def idle(self) -> int:
        """Connections that are not in use."""
        return len(self._ages)

    async def acquire(self, origin: Origin, timeout: float | None, *, fresh: bool = False) -> Connection | None:
        """Take a connection to *origin*, or ``None``: a place in the pool to make one.

        Either way it is returned with :meth:`release` or :meth:`free_slot`. *fresh* passes over kept ones.
        """
        if self.closed:
            raise RuntimeError("the transport is closed")
        with self._lock:
            if self._ages:
                self._expire()
                if not fresh and (connection := self._pop(origin)) is not None:
                    self._take(connection)
                    return connection
            if self.total < self._limits.max_connections or self._evict():
                self.share.busy += 1
                return None
        return await self._wait(origin, timeout)

    async def _wait(self, origin: Origin, timeout: float | None) -> Connection | None:
        waiter = _Waiter(origin)
        self._waiters[waiter] = None
        try:
            with anyio.move_on_after(timeout):
                await waiter.event.wait()
        except BaseException:
            self._withdraw(waiter)
            raise
        if not waiter.granted or self.closed:
            self._withdraw(waiter)
            if self.closed:
                raise ConnectFailed("the client was closed")
            raise TimedOut(f"no connection was free within {timeout:g} s", "pool")
        connection = waiter.connection
        if connection is not None and not connection.is_idle():
            # The server ended it while it was handed over. The place is ours all the same.
            self._busy.discard(connection)
            connection.close()
            return None
        return connection

    def _withdraw(self, waiter: _Waiter) -> None:
        """Stop waiting; what was granted meanwhile is passed to the next."""
        self._waiters.pop(waiter, None)
        if waiter.granted:
            if waiter.connection is None:
                self.free_slot()
            else:
                self.release(waiter.origin, waiter.connection, reusable=True)

    async def connect(self, opening: Callable[[], Awaitable[Connection]], timeout: float | None) -> Connection:
        """Make a connection with *opening* in the place that :meth:`acquire` gave, within *timeout* seconds."""
        connection: Connection | None = None
        self._check_open()  # it may have been closed while the place was handed over
        with anyio.move_on_after(timeout) as scope:
            self._making.add(scope)
            try:
                connection = await opening()
            except BaseException:
                self.free_slot()
                raise
            finally:
                self._making.discard(scope)
        if connection is not None and not self.closed:
            self._busy.add(connection)
            return connection
        if connection is not None:
            connection.close()
            self.free_slot()
        if self.closed:
            raise ConnectFailed("the client was closed")
        raise TimedOut(f"no connection within {timeout:g} s", "connect")

    def _check_open(self) -> None:
        if self.closed:
            self.free_slot()
            raise ConnectFailed("the client was closed")

    def release(self, origin: Origin, connection: Connection, *, reusable: bool) -> None:
        """Take back *connection*, which its user is done with."""
        with self._lock:
            self._busy.discard(connection)
            if not reusable or self.closed or self._retired:
                connection.close()
                self.free_slot()
                return
            if self._waiters:
                waiter = self._grant()
                if waiter.origin == origin:
                    self._busy.add(connection)
                    waiter.connection = connection
                else:
                    connection.close()
                return
            self.share.busy -= 1
            connection.idle_since = monotonic()
            self._idle.setdefault(origin, deque()).append(connection)
            self._ages[connection] = origin

    def free_slot(self) -> None:
        """Free a place: a connection was closed, or was never made."""
        with self._lock:
            if self._waiters and not self.closed:
                self._grant()
            else:
                self.share.busy -= 1

    def _grant(self) -> _Waiter:
        waiter, _ = self._waiters.popitem(last=False)
        waiter.granted = True
        waiter.event.set()
        return waiter

    def _take(self, connection: Connection) -> None:
        self._busy.add(connection)
        self.share.busy += 1

    def _pop(self, origin: Origin) -> Connection | None:
        """Take the connection used last, for it is the likeliest to be still usable."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if not idle:
                del self._idle[origin]
            del self._ages[connection]
            if connection.is_idle():
                return connection
            connection.close()
        return None

    def _expire(self) -> None:
        horizon = monotonic() - self._limits.keepalive_expiry
        while self._ages and next(iter(self._ages)).idle_since <= horizon:
            self._evict()

    def _evict(self) -> bool:
        """Close the connection that has been idle longest, if there is one."""
        if not self._ages:
            return False
        connection, origin = self._ages.popitem(last=False)
        idle = self._idle[origin]
        idle.remove(connection)  # the oldest of its origin: at the left end
        if not idle:
            del self._idle[origin]
        connection.close()
        return True

    def close(self) -> None:
        """Close what is idle, end what is in use, and refuse those that wait."""
        self.closed = True
        self.close_idle()
        for connection in self._busy:
            connection.abort()
        for scope in self._making:
            scope.cancel()
        for waiter in self._waiters:
            waiter.event.set()
        self._waiters.clear()

    def close_idle(self) -> None:
        """Close what is idle; safe from any thread."""
        with self._lock:
            while self._evict():
                pass

    def retire(self) -> None:
        """Close what is idle, and every other connection when its user is done; safe from any thread."""
        self._retired = True
        self.close_idle()

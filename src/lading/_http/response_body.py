"""A response's body as it arrives. Classes and not generators: see ``Reader`` in ``_core/body.py``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

from lading._http.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lading._http.h1 import ResponseParser
    from lading._http.sockets import SocketStream


class ResponseBody(ABC):
    """An async iterator over pieces of a body, as it was sent."""

    def __aiter__(self) -> Self:
        return self

    @abstractmethod
    async def __anext__(self) -> bytes: ...

    @abstractmethod
    async def read_into(self, buffer: memoryview) -> int:
        """Put bytes into *buffer* and return how many; 0 at the end."""

    @abstractmethod
    async def aclose(self) -> None:
        """Release the connection, which is of no further use unless the body was read to its end."""


class CompleteBody(ResponseBody):
    """A body that came with the head.

    Attributes:
        data: What is left of it.
    """

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    async def __anext__(self) -> bytes:
        data, self.data = self.data, b""
        if not data:
            raise StopAsyncIteration
        return data

    async def read_into(self, buffer: memoryview) -> int:
        count = min(len(self.data), len(buffer))
        buffer[:count] = self.data[:count]
        self.data = self.data[count:]
        return count

    async def aclose(self) -> None:
        self.data = b""


class _ArrivingBody(ResponseBody):
    """A body; *done* is called once with whether the connection can be used again."""

    def __init__(
        self, link: SocketStream, timeout: float | None, done: Callable[[bool], None], *, reusable: bool
    ) -> None:
        self._link = link
        self._timeout = timeout
        self._done: Callable[[bool], None] | None = done
        self._reusable = reusable
        self._held = memoryview(b"")

    async def __anext__(self) -> bytes:
        if self._held:
            held, self._held = bytes(self._held), memoryview(b"")
            return held
        if self._done is None:
            raise StopAsyncIteration
        try:
            piece = await self._next()
        except BaseException:
            self._end(reusable=False)
            raise
        if piece is None:
            self._end(reusable=self._reusable)
            raise StopAsyncIteration
        return piece

    @abstractmethod
    async def _next(self) -> bytes | None:
        """Return the next piece, ``None`` at the end."""

    async def read_into(self, buffer: memoryview) -> int:
        if not self._held:
            self._held = memoryview(await anext(self, b""))
        count = min(len(self._held), len(buffer))
        buffer[:count] = self._held[:count]
        self._held = self._held[count:]
        return count

    def _end(self, *, reusable: bool) -> None:
        if self._done is not None:
            done, self._done = self._done, None
            done(reusable)

    async def aclose(self) -> None:
        self._held = memoryview(b"")
        self._end(reusable=False)


class LengthBody(_ArrivingBody):
    """A body of announced length, or one that ends with the connection (*length* ``None``)."""

    def __init__(
        self,
        link: SocketStream,
        rest: bytes,
        length: int | None,
        timeout: float | None,
        done: Callable[[bool], None],
        *,
        reusable: bool,
    ) -> None:
        super().__init__(link, timeout, done, reusable=reusable)
        self._rest = rest
        self._length = length
        self._left = length

    async def _next(self) -> bytes | None:
        piece, self._rest = self._rest, b""
        if not piece:
            piece = await self._link.receive(self._timeout)
        if self._left is not None and len(piece) > self._left:
            self._reusable = False
            piece = piece[: self._left]
        return piece if self._count(len(piece)) else None

    async def read_into(self, buffer: memoryview) -> int:
        # Long bodies are cheaper this way than piece by piece: no allocation, no copy.
        if self._done is None:
            return 0
        wanted = buffer if self._left is None else buffer[: self._left]
        try:
            if self._rest:
                count = min(len(self._rest), len(wanted))
                wanted[:count] = self._rest[:count]
                self._rest = self._rest[count:]
            else:
                count = await self._link.receive_into(wanted, self._timeout)
            if not self._count(count):
                self._end(reusable=self._reusable)
        except BaseException:
            self._end(reusable=False)
            raise
        return count

    def _count(self, count: int) -> bool:
        """Return whether that was not the end; ``ProtocolError`` when the end has come too early."""
        if self._left is None:
            if not count and self._link.cut_off:
                raise ProtocolError("TLS ended without its closing message (close_notify): the response may be cut")
            return count > 0
        if not count:
            got = (self._length or 0) - self._left
            raise ProtocolError(f"the response ended after {got} of {self._length} bytes")
        self._left -= count
        if not self._left:
            self._end(reusable=self._reusable)  # the connection is free before the last piece is looked at
        return True


class ChunkedBody(_ArrivingBody):
    """A chunked body."""

    def __init__(
        self,
        link: SocketStream,
        parser: ResponseParser,
        timeout: float | None,
        done: Callable[[bool], None],
        *,
        reusable: bool,
    ) -> None:
        super().__init__(link, timeout, done, reusable=reusable)
        self._parser = parser

    async def _next(self) -> bytes | None:
        await self._link.yield_if_due()  # many small chunks may have arrived together
        piece = self._parser.chunk(None)
        while piece == b"":
            piece = self._parser.chunk(await self._link.receive(self._timeout))
        if piece is None and self._parser.rest():
            self._reusable = False
        return piece

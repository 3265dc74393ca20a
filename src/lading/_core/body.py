"""Request bodies: their length is known wherever the source has one, and each attempt opens them anew."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from lading._core.arguments import checked
from lading._core.files import PIECE, FileReader, StrPath, file_changed_error, file_version
from lading.errors import InputError

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable

    from lading._core.files import FileVersion
    from lading._core.progress import ProgressReporter

Piece = bytes | memoryview

# Read buffers that are not in use: without them each of hundreds of uploads would allocate a new one.
_free: list[bytearray] = []
_FREE_MOST = 16


class Reader(ABC):
    """An opened body: an async iterator of pieces. A piece is valid until the next one is requested.

    A class and not an async generator: when the event loop's hooks finalise those is not defined.
    """

    def __aiter__(self) -> Reader:
        return self

    @abstractmethod
    async def __anext__(self) -> Piece: ...

    async def aclose(self) -> None:
        """Close what was opened; closing twice is harmless."""
        return


class Body(ABC):
    """A request body.

    Attributes:
        length: Bytes; ``None`` where unknown (sent chunked).
        content_type: The ``Content-Type`` to send it with; empty for none.
        replayable: Whether it can be opened more than once.
    """

    length: int | None
    content_type: str = "application/octet-stream"
    replayable: bool = True

    @abstractmethod
    def open(self) -> Reader:
        """Return a reader from the first byte. Nothing is opened before its first piece is requested."""


@checked()
class BytesBody(Body):
    """A body of bytes in memory.

    Args:
        data: The bytes.
        content_type: The ``Content-Type`` to send them with.
    """

    def __init__(self, data: bytes, content_type: str = "application/octet-stream") -> None:
        self.data = data
        self.length: int | None = len(data)
        self.content_type: str = content_type

    def open(self) -> Reader:
        """Return a reader over the bytes."""
        return _BytesReader(self.data)


class _BytesReader(Reader):
    def __init__(self, data: bytes) -> None:
        self._rest = memoryview(data)

    async def __anext__(self) -> Piece:
        if not self._rest:
            raise StopAsyncIteration
        piece, self._rest = self._rest[:PIECE], self._rest[PIECE:]
        return piece


@checked()
class FileBody(Body):
    """A file on disk, or a slice of one, that is streamed; see :meth:`from_path`.

    A file that is no longer the expected version, or that changes while it is read, is an ``InputError`` before the
    last byte is sent: the store never receives a complete body of mixed versions.

    Args:
        path: The file.
        stamp: The expected version of the file.
        offset: Where the slice starts.
        length: Bytes of the slice; by default up to the file's end.
        content_type: The ``Content-Type`` to send it with.
    """

    def __init__(
        self,
        path: StrPath,
        stamp: FileVersion,
        *,
        offset: int = 0,
        length: int | None = None,
        content_type: str = "application/octet-stream",
    ) -> None:
        self.path: str = os.fspath(path)
        self.stamp = stamp
        self.offset = offset
        count = stamp.size - offset if length is None else length
        self.length: int | None = count
        self.end: int = offset + count
        self.content_type: str = content_type
        if offset < 0 or count < 0 or self.end > stamp.size:
            raise InputError(f"{self.path} has no bytes {offset} to {self.end}", argument="offset")

    @classmethod
    async def from_path(cls, path: StrPath, *, content_type: str = "application/octet-stream") -> FileBody:
        """Create a body of the file as it is now.

        Args:
            path: The file.
            content_type: The ``Content-Type`` to send it with.

        Raises:
            InputError: It is not a regular file.
            OSError: It cannot be read.
        """
        return cls(path, await file_version(path), content_type=content_type)

    def open(self) -> Reader:
        """Return a reader over the file, which is opened at the first piece."""
        return _FileBodyReader(self)


class _FileBodyReader(Reader):
    def __init__(self, body: FileBody) -> None:
        self._body = body
        self._file = FileReader(body.path, body.stamp)
        self._buffer: bytearray | None = None
        self._closed = False
        self._at = body.offset
        self._end = body.end

    async def __anext__(self) -> Piece:
        if self._closed:
            raise StopAsyncIteration
        if self._buffer is None:
            try:
                self._buffer = _free.pop()  # one step: other loops' threads use the list too
            except IndexError:
                self._buffer = bytearray(PIECE)
            await self._file.open()
        left = self._end - self._at
        if not left:
            raise StopAsyncIteration
        view = memoryview(self._buffer)[: min(left, PIECE)]
        count = await self._file.read_into(view, self._at)
        if not count:
            raise file_changed_error(self._body.path)
        self._at += count
        if self._at == self._end:
            self._file.check()
        return view[:count]

    async def aclose(self) -> None:
        self._file.close()
        if self._buffer is not None and len(_free) < _FREE_MOST:
            _free.append(self._buffer)
        self._buffer = None
        self._closed = True


@checked()
class StreamBody(Body):
    """A body of bytes from an async source.

    Args:
        source: A function that returns a new async iterable of bytes each time: the body can be sent again. Or one
            async iterable: it is read once, and the request with it is never sent twice.
        length: Bytes, where known; a source with more or fewer is an ``InputError``.
        content_type: The ``Content-Type`` to send it with.
    """

    def __init__(
        self,
        source: Callable[[], AsyncIterable[bytes]] | AsyncIterable[bytes],
        length: int | None = None,
        content_type: str = "application/octet-stream",
    ) -> None:
        self.length: int | None = length
        self.content_type: str = content_type
        self._once: AsyncIterable[bytes] | None = None if callable(source) else source
        self._again: Callable[[], AsyncIterable[bytes]] | None = source if callable(source) else None
        self.replayable: bool = self._again is not None

    def open(self) -> Reader:
        """Return a reader over the source."""
        source = self._once if self._again is None else self._again()
        assert source is not None  # noqa: S101 - one of the two is set
        return _StreamReader(source, self.length)


class _StreamReader(Reader):
    def __init__(self, source: AsyncIterable[bytes], length: int | None) -> None:
        self._source: AsyncIterator[bytes] = aiter(source)
        self._length = length
        self._count = 0

    async def __anext__(self) -> Piece:
        while True:
            try:
                piece = await anext(self._source)
            except StopAsyncIteration:
                if self._length is not None and self._count != self._length:
                    raise self._wrong("ended after", self._count) from None
                raise
            self._count += len(piece)
            if self._length is not None and self._count > self._length:
                raise self._wrong("has more than", self._length)
            if piece:  # an empty piece would end a chunked body
                return piece

    def _wrong(self, did: str, count: int) -> InputError:
        return InputError(f"the body's source {did} {count} bytes; {self._length} were announced", argument="body")

    async def aclose(self) -> None:
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()


class MeteredReader(Reader):
    """A body being sent: counts bytes for progress and events, and keeps what its source raised.

    An attempt passes this to a backend. An HTTP library may wrap exceptions in its own; what the source or the
    progress callback raised is kept here unchanged.
    """

    def __init__(self, body: Body, meter: ProgressReporter) -> None:
        self.length: int | None = body.length
        self.failure: BaseException | None = None
        self.finished: bool = False
        self.meter = meter
        self._reader: Reader | None = None
        self._body = body
        self._last = 0

    @property
    def opened(self) -> bool:
        """Whether the source has been opened."""
        return self._reader is not None

    async def __anext__(self) -> Piece:
        try:
            if self._reader is None:
                self._reader = self._body.open()
            self.meter.add(self._last)
            self._last = 0
            piece = await anext(self._reader)
        except StopAsyncIteration:
            self.finished = True
            try:
                self.meter.end()
            except Exception as error:
                self.failure = error
                raise
            raise
        except Exception as error:
            self.failure = error
            raise
        self._last = len(piece)
        return piece

    async def aclose(self) -> None:
        if self._reader is not None:
            await self._reader.aclose()

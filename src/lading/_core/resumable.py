"""Reading remote files over several responses: resumed after an interruption, and verified."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from lading.errors import IntegrityError, InvalidResponse, NetworkError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from contextlib import AbstractAsyncContextManager

    from lading._core.call import Call
    from lading._core.messages import ResponseStream

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")


class StreamOpener(Protocol):
    """What a reader opens its responses with: a :class:`Sender`, or what chooses one for each attempt."""

    def stream(self, call: Call[Any], *, attempt: int | None = None) -> AbstractAsyncContextManager[ResponseStream]:
        """Open the response to *call*, its status checked."""
        ...


@dataclass(frozen=True, slots=True)
class Expected:
    """What a file must turn out to be.

    Attributes:
        size: Bytes, where known.
        digests: Hex digests by name.
        hashers: A function that creates a hashlib object, for each of those names.
        limit: Bytes: a longer file is refused.
    """

    size: int | None = None
    digests: Mapping[str, str] = field(default_factory=dict[str, str])
    hashers: Mapping[str, Callable[[], Any]] = field(default_factory=dict[str, "Callable[[], Any]"])
    limit: int | None = None


class ResumableReader:
    """Reads one remote file from its beginning to its end, over as many responses as that takes.

    Each attempt requests what is missing (``Range`` with ``If-Range``) where the store supports that, and the complete
    file where not, or where the file has changed. When to attempt, and where the bytes go, is up to the caller; so is
    passing them to :meth:`update_digests`, for hashing belongs into the thread that uses them. ::

        async with reader.attempt(number) as start:
            if start == 0: ...  # what was read before is void
            while count := await reader.read_into(buffer): ...
        reader.verify()

    Args:
        opener: Opens the responses.
        call: Reads the file.
        expected: What the file must turn out to be.
        label: What errors call it.
        window: For a file that grows while it is read, as a log does: the most bytes to request at once. Only the end
            of such a file changes, so nothing is void: a range beyond its end is an empty response, and where a store
            ignores ranges, the bytes before ``position`` are skipped.
        position: Where to begin in a file that grows.

    Attributes:
        position: How many bytes have been read: the offset of the next one.
        end: The position at which the current response ends, where that is known.
    """

    def __init__(
        self,
        opener: StreamOpener,
        call: Call[Any],
        expected: Expected,
        *,
        label: str,
        window: int | None = None,
        position: int = 0,
    ) -> None:
        self._opener = opener
        self._call = call
        self._expected = expected
        self._label = label
        self._window = window
        self.position = position
        self.end: int | None = None
        self._response: ResponseStream | None = None
        self._pieces: AsyncIterator[bytes] | None = None
        self._skip = 0
        self._validator: str | None = None
        self._ranges = False
        self._hashers = self._make_hashers()

    @asynccontextmanager
    async def attempt(self, number: int | None) -> AsyncIterator[int]:
        """Open a response, as a context manager over the position that it begins at.

        Args:
            number: The number of the attempt; ``None`` when the opener retries until the head has arrived.

        Raises:
            InvalidResponse: The store sent another part of the file than was requested.
            NetworkError: The file has changed; the next attempt reads it from its beginning.
        """
        headers = self._range_headers()
        call = replace(
            self._call,
            headers={**self._call.headers, **headers},
            allow_statuses=self._call.allow_statuses | {416},
        )
        async with self._opener.stream(call, attempt=number) as response:
            self._begin(response, requested="Range" in headers)
            try:
                yield self.position
            finally:
                self._response = self._pieces = None

    def _range_headers(self) -> dict[str, str]:
        if self._window is not None:
            return {"Range": f"bytes={self.position}-{self.position + self._window - 1}"}
        if not self.position or not self._ranges:
            return {}
        only_if = {} if self._validator is None else {"If-Range": self._validator}
        return {"Range": f"bytes={self.position}-", **only_if}

    def _begin(self, response: ResponseStream, *, requested: bool) -> None:
        self._skip, self.end = 0, None
        if response.status == 206:
            self._resume(response.headers, requested=requested)
        elif self._window is not None:
            if response.status == 416:
                return  # nothing has been added
            self._skip = self.position
        elif response.status == 416:
            raise self._changed()
        else:
            self._restart(response.headers)
        self._response = response

    def _resume(self, headers: Mapping[str, str], *, requested: bool) -> None:
        found = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
        if not requested or found is None or int(found[1]) != self.position:
            raise InvalidResponse(f"{self._label}: the store sent another part of the file than was requested")
        if not self._is_same(headers):
            raise self._changed()
        if self._window is not None:
            self.end = int(found[2]) + 1
        else:
            self.end = self._expected.size if found[3] == "*" else int(found[3])

    def _is_same(self, headers: Mapping[str, str]) -> bool:
        """Return whether a part is of the file that was begun, for a store that ignores ``If-Range``."""
        if self._validator is None:
            return True
        name = "etag" if self._validator.startswith('"') else "last-modified"
        return headers.get(name, self._validator) == self._validator

    def _changed(self) -> NetworkError:
        """Make the error for a file that changed: retried as after an interruption, but from its beginning."""
        self._ranges, self._validator = False, None
        return NetworkError(f"{self._label}: the file changed while it was downloaded", phase="receive")

    def _restart(self, headers: Mapping[str, str]) -> None:
        self.position = 0
        self._hashers = self._make_hashers()
        etag = headers.get("etag", "")
        self._validator = etag if etag.startswith('"') else headers.get("last-modified")
        # With neither validator, only a digest can show in the end that the file changed.
        self._ranges = headers.get("accept-ranges", "").lower() != "none" and (
            self._validator is not None or bool(self._expected.digests)
        )
        length = headers.get("content-length", "")
        self.end = int(length) if length.isdigit() else self._expected.size
        self._check_limit(self.end)

    def _check_limit(self, size: int | None) -> None:
        limit = self._expected.limit
        if limit is not None and size is not None and size > limit:
            raise InvalidResponse(f"{self._label}: it is longer than the limit of {limit} bytes (max_size=)")

    def _make_hashers(self) -> dict[str, Any]:
        return {name: self._expected.hashers[name]() for name in self._expected.digests}

    async def read_into(self, buffer: memoryview) -> int:
        """Put bytes into *buffer* and return how many; 0 at the end of the response.

        Raises:
            IntegrityError: There are more bytes than expected.
            NetworkError: The response was interrupted, or ended too early. What came before it counts.
        """
        response = self._response
        if response is None:
            return 0
        with _reading():
            while self._skip:
                count = await response.read_into(buffer[: self._skip])
                if not count:
                    return 0
                self._skip -= count
            count = await response.read_into(buffer)
        self._add(count)
        return count

    async def read(self) -> bytes:
        """Return the next bytes, as many as have arrived; none at the end of the response.

        Raises:
            IntegrityError: There are more bytes than expected.
            NetworkError: The response was interrupted, or ended too early. What came before it counts.
        """
        if self._response is None:
            return b""
        if self._pieces is None:
            self._pieces = aiter(self._response)
        with _reading():
            piece = await anext(self._pieces, b"")
            while piece and len(piece) <= self._skip:
                self._skip -= len(piece)
                piece = await anext(self._pieces, b"")
        piece, self._skip = piece[self._skip :], 0
        self._add(len(piece))
        return piece

    def _add(self, count: int) -> None:
        self.position += count
        limit = self._expected.size
        if limit is not None and self.position > limit:
            raise IntegrityError(f"{self._label}: more than the promised {limit} bytes came")
        self._check_limit(self.position)
        if not count and self.end is not None and self.position != self.end:
            raise NetworkError(
                f"{self._label}: the response ended after {self.position} of {self.end} bytes", phase="receive"
            )

    def update_digests(self, piece: memoryview | bytes) -> None:
        """Add the next bytes to the digests."""
        for hasher in self._hashers.values():
            hasher.update(piece)

    def verify(self) -> None:
        """Check that what has been read is what was expected; ``IntegrityError`` when it is not."""
        expected = self._expected
        if expected.size is not None and self.position != expected.size:
            raise IntegrityError(f"{self._label}: {self.position} bytes came instead of {expected.size}")
        for name, hasher in self._hashers.items():
            if hasher.hexdigest() != expected.digests[name].lower():
                raise IntegrityError(
                    f"{self._label}: its {name} is {hasher.hexdigest()} instead of {expected.digests[name]}"
                )


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except NetworkError as error:
        error.outcome = "not_done"  # as of any read
        raise

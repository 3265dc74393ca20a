"""Requests and responses of the test servers, as handlers receive and return them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TypeAlias, TypeVar, TypeVarTuple, cast
from urllib.parse import parse_qsl, unquote

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator
    from os import PathLike

    from lading.testing.faults import HeaderPairs

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

MAX_READ = 16 << 20

ResponseBody: TypeAlias = bytes | Path | AsyncIterable[bytes]


class Threads(Protocol):
    """The server's worker threads, as a request uses them."""

    async def run(self, func: Callable[[*Ts], T], *args: *Ts) -> T:
        """Run ``func(*args)`` in a worker thread and return its result."""
        ...


class Fields(Mapping[str, str]):
    """Names and values in the order in which they were sent, as a mapping from each name to its first value.

    Attributes:
        pairs: All names and values, repeated names included.
    """

    def __init__(self, pairs: HeaderPairs = ()) -> None:
        if isinstance(pairs, Mapping):
            pairs = cast("Mapping[str, str]", pairs).items()
        self.pairs: tuple[tuple[str, str], ...] = tuple(pairs)

    @staticmethod
    def _fold(name: str) -> str:
        return name

    def get_all(self, name: str) -> list[str]:
        """Return every value of *name*."""
        wanted = self._fold(name)
        return [value for key, value in self.pairs if self._fold(key) == wanted]

    def __getitem__(self, name: str) -> str:
        for value in self.get_all(name):
            return value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(self._fold(name) for name, _ in self.pairs))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self.pairs)!r})"


class Headers(Fields):
    """Fields whose names are not case-sensitive."""

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        """The names and values as bytes."""
        return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.pairs]

    @classmethod
    def from_raw(cls, raw: Iterable[tuple[bytes, bytes]]) -> Headers:
        """Create headers from names and values as bytes."""
        return cls([(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw])

    @staticmethod
    def _fold(name: str) -> str:
        return name.lower()


class ServerRequest:
    """A request: its head, and its body as it arrives.

    Attributes:
        method: The method, as sent.
        target: Path and query exactly as sent.
        path: The path, percent-decoded.
        query: The parameters of the query, decoded.
        headers: The headers, with names spelled as they were sent.
        body: The pieces of the body as they arrive; can be read once.
        base_url: The URL under which the client reaches the server (``Host``, which a proxy may pass on), without a
            slash at its end.
    """

    def __init__(
        self, method: str, target: str, headers: Headers, body: AsyncIterator[bytes], threads: Threads, *, scheme: str
    ) -> None:
        self.method = method
        self.target = target
        path, _, query = target.partition("?")
        self.path: str = unquote(path)
        self.query: Fields = Fields(parse_qsl(query, keep_blank_values=True))
        self.headers = headers
        self.body = body
        self.base_url: str = f"{scheme}://{headers.get('Host', '127.0.0.1')}"
        self._threads = threads

    async def read(self, limit: int = MAX_READ) -> bytes:
        """Read the body into memory and return it.

        Raises:
            ValueError: The body is longer than *limit* bytes; :meth:`save` accepts bodies of any size.
        """
        data = bytearray()
        async for piece in self.body:
            data += piece
            if len(data) > limit:
                raise ValueError(f"the body is longer than {limit} bytes")
        return bytes(data)

    async def save(self, path: str | PathLike[str]) -> int:
        """Write the body to the file *path*, piece by piece in a worker thread, and return its length.

        If the client leaves early, what had arrived stays in the file.
        """

        def create() -> BinaryIO:
            return Path(path).open("wb")

        size = 0
        file = await self._threads.run(create)
        try:
            async for piece in self.body:
                await self._threads.run(file.write, piece)
                size += len(piece)
        finally:
            with anyio.CancelScope(shield=True):
                await self._threads.run(file.close)
        return size

    async def in_thread(self, func: Callable[[*Ts], T], *args: *Ts) -> T:
        """Run ``func(*args)`` in a worker thread of the server and return its result; for blocking work."""
        return await self._threads.run(func, *args)

    def __repr__(self) -> str:
        return f"<ServerRequest {self.method} {self.target}>"


@dataclass(frozen=True, slots=True)
class ServerResponse:
    """A response.

    Attributes:
        status: The status code.
        headers: Headers, as a mapping or as pairs. ``Content-Length`` is added where the length is known.
        body: Bytes; a path, whose file is streamed from disk, also in ranges (``Range``, ``If-Range``, with a
            generated ``ETag`` unless the headers have one); or an async iterable of bytes, sent chunked unless the
            headers contain its length. Its ``aclose()``, if there is one, is called in any case.
        reason: The reason phrase; by default the standard one of the status.
    """

    status: int = 200
    headers: HeaderPairs = ()
    body: ResponseBody = b""
    reason: str | None = None

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: HeaderPairs = ()) -> ServerResponse:
        """Create a response with *value* as JSON."""
        pairs = (*Fields(headers).pairs, ("Content-Type", "application/json"))
        return cls(status, pairs, json.dumps(value).encode())


Handler: TypeAlias = Callable[[ServerRequest], Awaitable[ServerResponse]]

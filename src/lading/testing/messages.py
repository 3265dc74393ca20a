"""Requests as handlers get them and responses as they give them back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, TypeVar, TypeVarTuple, cast
from urllib.parse import parse_qsl, unquote

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator
    from os import PathLike

    from lading.testing._server.workers import Workers
    from lading.testing.faults import HeaderPairs

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

MAX_READ = 16 << 20

ResponseBody: TypeAlias = bytes | Path | AsyncIterable[bytes]


class Fields(Mapping[str, str]):
    """Names and values in the order they came: a mapping in which a name's first value counts.

    Attributes:
        pairs: All of them, names that stand there more than once too.
    """

    def __init__(self, pairs: HeaderPairs = ()) -> None:
        if isinstance(pairs, Mapping):
            pairs = cast("Mapping[str, str]", pairs).items()
        self.pairs: tuple[tuple[str, str], ...] = tuple(pairs)

    @staticmethod
    def _fold(name: str) -> str:
        return name

    def get_all(self, name: str) -> list[str]:
        """Every value given under *name*."""
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
    """Fields whose names are the same in upper and lower case."""

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        """The names and values as they stand on the wire."""
        return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.pairs]

    @classmethod
    def from_raw(cls, raw: Iterable[tuple[bytes, bytes]]) -> Headers:
        """Headers from names and values as they stand on the wire."""
        return cls([(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw])

    @staticmethod
    def _fold(name: str) -> str:
        return name.lower()


class ServerRequest:
    """One request: its head, and its body as it comes.

    Attributes:
        method: The method, as sent.
        target: Path and query exactly as sent.
        path: The path, percent-decoded.
        query: What follows the question mark, decoded.
        headers: The headers, their names written as they were sent.
        body: The body's pieces as they arrive; can be read once.
    """

    def __init__(
        self, method: str, target: str, headers: Headers, body: AsyncIterator[bytes], workers: Workers
    ) -> None:
        self.method = method
        self.target = target
        path, _, query = target.partition("?")
        self.path: str = unquote(path)
        self.query: Fields = Fields(parse_qsl(query, keep_blank_values=True))
        self.headers = headers
        self.body = body
        self._workers = workers

    async def read(self, limit: int = MAX_READ) -> bytes:
        """The whole body in memory.

        Raises:
            ValueError: It is longer than *limit* bytes; :meth:`save` takes bodies of any size.
        """
        data = bytearray()
        async for piece in self.body:
            data += piece
            if len(data) > limit:
                raise ValueError(f"the body is longer than {limit} bytes")
        return bytes(data)

    async def save(self, path: str | PathLike[str]) -> int:
        """The body's length, after it has been written to the file *path*, piece by piece and off the loop.

        If the client leaves early, what had arrived stays in the file.
        """

        def create() -> BinaryIO:
            return Path(path).open("wb")

        size = 0
        file = await self._workers.run(create)
        try:
            async for piece in self.body:
                await self._workers.run(file.write, piece)
                size += len(piece)
        finally:
            with anyio.CancelScope(shield=True):
                await self._workers.run(file.close)
        return size

    async def in_thread(self, func: Callable[[*Ts], T], *args: *Ts) -> T:
        """What ``func(*args)`` returns, run in a worker thread of the server; for a handler's blocking work."""
        return await self._workers.run(func, *args)

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target}>"


@dataclass(frozen=True, slots=True)
class ServerResponse:
    """One answer.

    Attributes:
        status: The status code.
        headers: Headers, as a mapping or as pairs. ``Content-Length`` is added where the length is known.
        body: Bytes; a path, whose file is streamed from disk and served in ranges where the client asks for
            one (``Range``, ``If-Range``, with an ``ETag`` of its own unless the headers have one); or an
            async iterable of bytes, chunked unless the headers say how long it is. If it has an
            ``aclose()``, that is called in the end, come what may.
        reason: The reason phrase; the usual one of the status where not given.
    """

    status: int = 200
    headers: HeaderPairs = ()
    body: ResponseBody = b""
    reason: str | None = None

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: HeaderPairs = ()) -> ServerResponse:
        """*value* as JSON."""
        pairs = (*Fields(headers).pairs, ("Content-Type", "application/json"))
        return cls(status, pairs, json.dumps(value).encode())

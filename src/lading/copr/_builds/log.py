"""Reading the logs of builds, while they grow too."""

from __future__ import annotations

import zlib
from collections import deque
from typing import TYPE_CHECKING

import anyio

from lading._core.call import Call
from lading._core.files import PIECE
from lading._core.polling import PollInterval
from lading.copr._builds.download import checked_result_url
from lading.copr._models.builds import FINAL
from lading.copr._models.chroots import BuildChroot, SourceChroot
from lading.errors import InputError, InvalidResponse, NetworkError, NotFound, ServerError

if TYPE_CHECKING:
    from lading._core.call import Params
    from lading._core.sender import Sender

_PACE = PollInterval(initial=1.0, factor=1.5, maximum=10.0)
# A line without an end is given in parts of this length.
_LONGEST_LINE = 1 << 20
# When a chroot ends its logs are compressed, and for a moment there is neither the one nor the other.
_BETWEEN = 5
_WANTED = frozenset({404, 416})


class BuildLog:
    """An async iterator over the lines of a log, without their ends; see :meth:`Builds.log`.

    Nothing stays open between two lines. After an error, iterating on goes on where it was.
    """

    def __init__(self, sender: Sender, build: int, chroot: str | None, name: str, *, follow: bool) -> None:
        if not name.replace("-", "").replace("_", "").isalnum():
            raise InputError(f"{name!r} is no log's name", argument="name")
        self._sender = sender
        self._build = build
        self._chroot = chroot
        self._name = name
        self._follow = follow
        self._lines: deque[bytes] = deque()
        self._rest = b""
        self._given = 0
        self._interval = 0.0
        self._url: str | None = None
        self._final = False
        self._packed: _GzipLog | None = None
        self._ended = False

    def __aiter__(self) -> BuildLog:
        return self

    async def __anext__(self) -> str:
        while not self._lines:
            if self._ended:
                raise StopAsyncIteration
            await self._read_more()
        return self._lines.popleft().decode("utf-8", "replace")

    async def _read_more(self) -> None:
        """Some more of the log, or its end, or a while gone by."""
        if self._packed is not None:
            await self._more_packed(self._packed)
            return
        if not self._final:
            # Asked before the log is: what is there afterwards is all there was when it ended.
            self._url, self._final = await self._state()
        if self._final:
            if self._url is None:
                raise self._not_found()
            self._packed = _GzipLog(f"{self._url}{self._name}.log.gz", skip=self._given)
            return
        data = None if self._url is None else await self._piece(f"{self._url}{self._name}.log", self._given)
        if data:
            self._interval = 0.0
            self._split_lines(data)
        elif data is None and self._url is not None and not self._follow:
            # Compressed before its end is reported: a source's log always is, while the source is imported.
            self._packed = _GzipLog(f"{self._url}{self._name}.log.gz", skip=self._given)
        elif self._follow:
            self._interval = _PACE.initial if not self._interval else _PACE.after(self._interval)
            await anyio.sleep(self._interval)
        elif data is None and not self._given:
            raise self._not_found()
        else:
            self._end()

    async def _more_packed(self, packed: _GzipLog) -> None:
        if packed.pending:
            self._split_lines(packed.unpack())
            await anyio.lowlevel.checkpoint()
            return
        piece = await self._piece(packed.url, packed.offset)
        if piece:
            packed.feed(piece)
        elif piece is not None:
            if not packed.complete:
                raise InvalidResponse(
                    f"{self._sender.service.name}: {self._shown()} ends in the middle of its compression"
                )
            self._end()
        else:
            await self._unpacked(packed)

    async def _unpacked(self, packed: _GzipLog) -> None:
        """There is no compressed log: then it is plain, or is just being compressed."""
        data = await self._piece(f"{self._url}{self._name}.log", self._given)
        if data:
            self._split_lines(data)
            # It may be there the next time.
            self._packed = _GzipLog(packed.url, skip=self._given)
        elif data is not None:
            self._end()
        elif not self._final:
            if not self._given:
                raise self._not_found()
            self._end()
        elif packed.missed < _BETWEEN:
            packed.missed += 1
            await anyio.sleep(_PACE.initial)
        else:
            raise self._not_found()

    async def _state(self) -> tuple[str | None, bool]:
        """The folder of the log where there is one already, and whether nothing will be added any more."""
        found: BuildChroot | SourceChroot
        if self._chroot is not None:
            params: Params = {"build_id": self._build, "chrootname": self._chroot}
            found = await self._sender.send(Call("GET", "build-chroot", BuildChroot, params=params, auth=None))
        else:
            path = "build/source-chroot/{build_id}"
            call = Call("GET", path, SourceChroot, path_params={"build_id": self._build}, auth=None)
            try:
                found = await self._sender.send(call)
            except ServerError as error:
                if error.status != 500 or not self._follow:
                    raise
                return None, False  # not started: the frontend has no folder to tell of, and fails over that
        url = None if found.result_url is None else checked_result_url(self._sender, found.result_url)
        return url, found.state in FINAL

    async def _piece(self, url: str, offset: int) -> bytes | None:
        """Some bytes from *offset*; none at the end, ``None`` when there is no such file."""
        # Not the whole rest: the connection is to be given back, whatever the reader of lines does next.
        headers = {"Accept": "*/*", "Range": f"bytes={offset}-{offset + 4 * PIECE - 1}"}
        call = Call("GET", url, auth=None, template="(log)", headers=headers, allow_statuses=_WANTED)
        async with self._sender.stream(call) as incoming:
            if incoming.status == 404:
                return None
            if incoming.status == 416:
                return b""
            skip = offset if incoming.status == 200 else 0  # ranges are not for everybody
            data = bytearray()
            try:
                async for piece in incoming:
                    data += piece[skip:]
                    skip = max(0, skip - len(piece))
                    if len(data) >= 4 * PIECE:
                        break
            except NetworkError as error:
                # What did come is good: the next question is for what follows it.
                if not data:
                    error.outcome = "not_done"  # as for any read
                    raise
            return bytes(data)

    def _split_lines(self, data: bytes) -> None:
        self._given += len(data)
        *lines, rest = (self._rest + data).split(b"\n")
        self._lines += (line.removesuffix(b"\r") for line in lines)
        while len(rest) > _LONGEST_LINE:
            self._lines.append(rest[:_LONGEST_LINE])
            rest = rest[_LONGEST_LINE:]
        self._rest = rest

    def _end(self) -> None:
        self._ended = True
        if self._rest:
            self._lines.append(self._rest)
            self._rest = b""

    def _shown(self) -> str:
        return f"log {self._name} of build {self._build} in {self._chroot or 'its source'}"

    def _not_found(self) -> NotFound:
        name = self._sender.service.name
        return NotFound(f"{name}: there is no {self._shown()}", service=name, status=404)


class _GzipLog:
    """A compressed log, unpacked bit by bit.

    Attributes:
        url: Where it is.
        offset: How much of it was fetched.
        missed: How often it was not there.
        pending: Whether there is something to unpack.
    """

    def __init__(self, url: str, skip: int) -> None:
        self.url = url
        self.offset = 0
        self.missed = 0
        self._skip = skip
        self._unpacker = zlib.decompressobj(31)
        self._data = b""

    @property
    def pending(self) -> bool:
        return bool(self._data)

    @property
    def complete(self) -> bool:
        """Whether it does not end in the middle."""
        return self._unpacker.eof

    def feed(self, data: bytes) -> None:
        """Bytes that came after those before."""
        self.offset += len(data)
        self._data += data

    def unpack(self) -> bytes:
        """Some of the log, at most a MiB; what was given before is left out."""
        if self._unpacker.eof:  # another member
            self._unpacker = zlib.decompressobj(31)
        try:
            plain = self._unpacker.decompress(self._data, _LONGEST_LINE)
        except zlib.error:
            raise InvalidResponse(f"the log at {self.url} is not compressed with gzip, as its name says") from None
        self._data = self._unpacker.unconsumed_tail or self._unpacker.unused_data
        skipped = min(self._skip, len(plain))
        self._skip -= skipped
        return plain[skipped:]

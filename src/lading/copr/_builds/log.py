"""Reading the logs of builds, also while they grow."""

from __future__ import annotations

import zlib
from collections import deque
from typing import TYPE_CHECKING

import anyio

from lading._core.api_errors import make_api_error
from lading._core.call import Call
from lading._core.files import PIECE
from lading._core.polling import PollInterval
from lading._core.resumable import Expected, ResumableReader
from lading.copr._builds.download import checked_result_url
from lading.copr._builds.source_chroot import NotStarted, find_source_chroot
from lading.copr._models.builds import FINAL
from lading.copr._models.chroots import BuildChroot
from lading.errors import InputError, InvalidResponse, NetworkError, NotFound

if TYPE_CHECKING:
    from lading._core.call import Params
    from lading._core.sender import Sender
    from lading.copr._models.builds import SourceChroot

_PACE = PollInterval(initial=1.0, factor=1.5, maximum=10.0)
# A longer line is yielded in parts of this length.
_LONGEST_LINE = 1 << 20
# When a chroot ends its logs are compressed, and for a moment neither form exists. How many polls that may take.
_MISSING_POLLS = 5
# The most bytes that are requested at once.
_WINDOW = 4 * PIECE


class BuildLog:
    """An async iterator over the lines of a log, without line ends; see :meth:`Builds.log`.

    No connection stays open between two lines. After an error, iterating further resumes at the same position.
    """

    def __init__(self, sender: Sender, build: int, chroot: str | None, name: str, *, follow: bool) -> None:
        if not name.replace("-", "").replace("_", "").isalnum():
            raise InputError(f"{name!r} is not the name of a log", argument="name")
        self._sender = sender
        self._build = build
        self._chroot = chroot
        self._name = name
        self._follow = follow
        self._lines: deque[bytes] = deque()
        self._rest = b""
        self._offset = 0
        self._interval = 0.0
        self._url: str | None = None
        self._final = False
        self._gzip: _GzipLog | None = None
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
        """Read more of the log, detect its end, or wait."""
        if self._gzip is not None:
            await self._read_gzip(self._gzip)
            return
        if not self._final:
            # Fetched before the log is: in the final state, what is read afterwards is complete.
            self._url, self._final = await self._fetch_state()
        if self._final:
            if self._url is None:
                raise self._not_found()
            self._gzip = _GzipLog(f"{self._url}{self._name}.log.gz", skip=self._offset)
            return
        data = None if self._url is None else await self._fetch_piece(f"{self._url}{self._name}.log", self._offset)
        if data:
            self._interval = 0.0
            self._split_lines(data)
        elif data is None and self._url is not None and not self._follow:
            # Compressed before its end is reported: a source's log always is, while the source is imported.
            self._gzip = _GzipLog(f"{self._url}{self._name}.log.gz", skip=self._offset)
        elif self._follow:
            self._interval = _PACE.initial if not self._interval else _PACE.after(self._interval)
            await self._sender.settings.sleep(self._interval)
        elif data is None and not self._offset:
            raise self._not_found()
        else:
            self._end()

    async def _read_gzip(self, log: _GzipLog) -> None:
        if log.pending:
            self._split_lines(log.decompress())
            await anyio.lowlevel.checkpoint()
            return
        piece = await self._fetch_piece(log.url, log.offset)
        if piece:
            log.feed(piece)
        elif piece is not None:
            if not log.complete:
                raise InvalidResponse(f"{self._sender.service.name}: {self._shown()} is truncated (gzip)")
            self._end()
        else:
            await self._read_plain_instead(log)

    async def _read_plain_instead(self, log: _GzipLog) -> None:
        """Read the plain log where there is no compressed one, or wait while it is being compressed."""
        data = await self._fetch_piece(f"{self._url}{self._name}.log", self._offset)
        if data:
            self._split_lines(data)
            # The compressed one may exist the next time.
            self._gzip = _GzipLog(log.url, skip=self._offset)
        elif data is not None:
            self._end()
        elif not self._final:
            if not self._offset:
                raise self._not_found()
            self._end()
        elif log.missed < _MISSING_POLLS:
            log.missed += 1
            await self._sender.settings.sleep(_PACE.initial)
        else:
            raise self._not_found()

    async def _fetch_state(self) -> tuple[str | None, bool]:
        """Return the URL of the log's directory, where there is one yet, and whether the log is complete."""
        found: BuildChroot | SourceChroot
        if self._chroot is not None:
            params: Params = {"build_id": self._build, "chrootname": self._chroot}
            found = await self._sender.send(Call("GET", "build-chroot", BuildChroot, params=params, auth=None))
        else:
            source = await find_source_chroot(self._sender, self._build)
            if isinstance(source, NotStarted):
                if not self._follow or source.ended:
                    raise source.error
                return None, False
            found = source
        url = None if found.result_url is None else checked_result_url(self._sender, found.result_url)
        return url, found.state in FINAL

    async def _fetch_piece(self, url: str, offset: int) -> bytes | None:
        """Return some bytes from *offset*; none at the end, ``None`` when there is no such file."""
        call = Call("GET", url, auth=None, template="(log)", headers={"Accept": "*/*"})
        label = f"{self._sender.service.name}: {self._shown()}"
        # Not all that is left: the connection must be returned, whatever the caller does with the lines.
        reader = ResumableReader(self._sender, call, Expected(), label=label, window=_WINDOW, position=offset)
        data = bytearray()
        try:
            async with reader.attempt(None):
                while len(data) < _WINDOW and (piece := await reader.read()):
                    data += piece
        except NotFound as error:
            if error.status != 404:
                raise
            return None
        except NetworkError:
            # The bytes received are valid: the next request is for those that follow.
            if not data:
                raise
        return bytes(data)

    def _split_lines(self, data: bytes) -> None:
        self._offset += len(data)
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
        return f"log {self._name} of build {self._build} ({self._chroot or 'source package'})"

    def _not_found(self) -> NotFound:
        return make_api_error(NotFound, self._sender.service.name, f"there is no {self._shown()}", status=404)


class _GzipLog:
    """A compressed log, decompressed in pieces.

    Attributes:
        url: Its URL.
        offset: How many of its bytes have been fetched.
        missed: How often it did not exist.
    """

    def __init__(self, url: str, skip: int) -> None:
        self.url = url
        self.offset = 0
        self.missed = 0
        self._skip = skip
        self._decompressor = zlib.decompressobj(31)
        self._data = b""

    @property
    def pending(self) -> bool:
        """Whether there are bytes to decompress."""
        return bool(self._data)

    @property
    def complete(self) -> bool:
        """Whether the end of the compressed data was reached."""
        return self._decompressor.eof

    def feed(self, data: bytes) -> None:
        """Add the next bytes."""
        self.offset += len(data)
        self._data += data

    def decompress(self) -> bytes:
        """Return the next part of the log, at most a MiB, without the bytes to skip."""
        if self._decompressor.eof:  # another member
            self._decompressor = zlib.decompressobj(31)
        try:
            plain = self._decompressor.decompress(self._data, _LONGEST_LINE)
        except zlib.error:
            raise InvalidResponse(
                f"the log at {self.url} is not compressed with gzip, although its name ends in .gz"
            ) from None
        self._data = self._decompressor.unconsumed_tail or self._decompressor.unused_data
        skipped = min(self._skip, len(plain))
        self._skip -= skipped
        return plain[skipped:]

"""Decompression of responses, in bounded steps."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from lading.errors import InvalidResponse

if TYPE_CHECKING:
    from collections.abc import Iterator

DECODE_STEP = 256 * 1024


def decompressor_for(encoding: str) -> Decompressor | None:
    """Return the decompressor for *encoding*; ``None`` when the body is not compressed."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise InvalidResponse(f"the response is compressed as {encoding[:40]!r}, which was not requested")
    return Decompressor(encoding)


class Decompressor:
    """Turns a compressed piece into plain ones; each step is bounded, so that a bomb cannot fill memory.

    Attributes:
        complete: Whether what was given so far is all of it; true when nothing was given (HEAD has no body).
    """

    def __init__(self, encoding: str) -> None:
        self._deflate = encoding == "deflate"
        self._zlib: zlib._Decompress | None = None
        self._held = b""
        self.complete = True

    def __call__(self, piece: bytes) -> Iterator[bytes]:
        piece = self._held + piece
        self._held = b""
        self.complete = self.complete and not piece
        more = False
        while piece or more:
            if self._zlib is None:
                if len(piece) < 2:  # its first two bytes say what it is
                    self._held = piece
                    return
                self._zlib = self._begin(piece)
            step = self._zlib.decompress(piece, DECODE_STEP)
            yield step
            if self._zlib.eof:
                # A gzip file may be followed by another, which is its continuation (RFC 1952 2.2).
                piece, self._zlib, more = self._zlib.unused_data, None, False
                self.complete = not piece
            else:
                piece, more = self._zlib.unconsumed_tail, len(step) == DECODE_STEP

    def _begin(self, piece: bytes) -> zlib._Decompress:
        # "deflate" is zlib's format; some servers send it without zlib's two bytes.
        bare = self._deflate and (piece[0] & 0x0F != 8 or int.from_bytes(piece[:2]) % 31)
        return zlib.decompressobj(-zlib.MAX_WBITS if bare else 32 + zlib.MAX_WBITS)

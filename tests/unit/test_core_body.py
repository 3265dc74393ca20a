"""Bodies: opened anew each time, of exactly the length they say, letting go of what they opened."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from lading import BytesBody, FileBody, InputError, StreamBody
from lading._core import files
from lading._core.body import MeteredReader
from lading._core.files import PIECE, file_version
from lading._core.progress import ProgressReporter
from tests.support.bodies import whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

CONTENT = os.urandom(3 * PIECE + 17)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "content"
    path.write_bytes(CONTENT)
    return path


async def test_bytes_come_in_pieces_and_again():
    body = BytesBody(CONTENT)
    assert body.length == len(CONTENT)
    sizes = [len(piece) async for piece in body.open()]
    assert sizes == [PIECE, PIECE, PIECE, 17]
    assert await whole(body) == await whole(body) == CONTENT
    assert await whole(BytesBody(b"")) == b""


async def test_a_file_comes_whole_and_again(path: Path):
    body = await FileBody.from_path(path)
    assert body.length == len(CONTENT)
    assert await whole(body) == await whole(body) == CONTENT


@pytest.mark.parametrize(
    ("offset", "length"), [(0, 0), (0, 1), (5, None), (PIECE, PIECE), (PIECE - 1, PIECE + 2), (len(CONTENT), 0)]
)
async def test_a_slice_of_a_file(path: Path, offset: int, length: int | None):
    body = FileBody(path, await file_version(path), offset=offset, length=length)
    end = len(CONTENT) if length is None else offset + length
    assert body.length == end - offset
    assert await whole(body) == CONTENT[offset:end]


@pytest.mark.parametrize(("offset", "length"), [(-1, 1), (0, -1), (0, len(CONTENT) + 1), (len(CONTENT) + 1, None)])
async def test_a_slice_that_is_not_there_is_refused(path: Path, offset: int, length: int | None):
    known = await file_version(path)
    with pytest.raises(InputError):
        FileBody(path, known, offset=offset, length=length)


@pytest.mark.parametrize("how", ["inline", "no such flag", errno.EAGAIN, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS])
async def test_a_file_is_the_same_however_it_is_read(path: Path, how: str | int, monkeypatch: pytest.MonkeyPatch):
    calls = []
    inline = os.preadv

    def preadv(*args: object) -> int:
        calls.append(args)
        if isinstance(how, int):
            raise OSError(how, os.strerror(how))
        return inline(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "preadv", preadv)
    if how == "no such flag":
        monkeypatch.setattr(files, "_NOWAIT", 0)
    assert await whole(await FileBody.from_path(path)) == CONTENT
    if how == "no such flag":
        assert not calls
    elif how in ("inline", errno.EAGAIN):
        assert len(calls) == 4
    else:
        assert len(calls) == 1  # once it is known to be unsupported, it is not tried again


async def test_another_error_of_reading_is_shown_as_it_is(path: Path, monkeypatch: pytest.MonkeyPatch):
    def preadv(*args: object) -> int:
        raise OSError(errno.EIO, "broken disk")

    monkeypatch.setattr(os, "preadv", preadv)
    with pytest.raises(OSError, match="broken disk"):
        await whole(await FileBody.from_path(path))


async def test_a_stream_is_opened_anew_or_once():
    opened = []

    async def source() -> AsyncIterator[bytes]:
        opened.append(1)
        yield b"ab"
        yield b""  # would end a chunked body
        yield b"c"

    again = StreamBody(source)
    assert again.replayable
    assert again.length is None
    assert await whole(again) == await whole(again) == b"abc"
    assert len(opened) == 2
    assert [piece async for piece in again.open()] == [b"ab", b"c"]
    once = StreamBody(source(), 3)
    assert not once.replayable
    assert await whole(once) == b"abc"


@pytest.mark.parametrize(("length", "message"), [(2, "has more than 2"), (4, "ended after 3")])
async def test_a_source_that_breaks_its_word(length: int, message: str):
    async def source() -> AsyncIterator[bytes]:
        yield b"abc"

    with pytest.raises(InputError, match=message) as caught:
        await whole(StreamBody(source, length))
    assert caught.value.argument == "body"


async def test_a_source_is_closed_when_its_reader_is():
    closed = []

    async def source() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            closed.append(1)

    reader = StreamBody(source).open()
    assert await anext(reader) == b"x"
    await reader.aclose()
    await reader.aclose()
    assert closed == [1]


async def test_a_counted_reader_keeps_what_its_source_raised():
    class Broken(Exception):
        pass

    async def source() -> AsyncIterator[bytes]:
        yield b"abc"
        raise Broken

    reader = MeteredReader(StreamBody(source), ProgressReporter(None, None))
    assert not reader.opened
    assert await anext(reader) == b"abc"
    assert reader.meter.count == 0  # the next piece is not requested: nobody knows whether it was sent
    with pytest.raises(Broken) as caught:
        await anext(reader)
    assert reader.failure is caught.value
    assert reader.meter.count == 3
    await reader.aclose()

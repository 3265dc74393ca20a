"""What is staged: digests in one pass, parts within S3's limits, and nothing left of what was spooled."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lading import InputError
from lading._core import spool as _spool
from lading.s3._checksums import encode_crc
from lading.s3._staging import source as _source
from lading.s3._staging.source import ArtifactSource, Source, SourceDigests, open_source
from tests.support.bodies import whole

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Parts of ten bytes, and a directory of our own for temporary files."""
    monkeypatch.setattr(_source, "PART", 10)
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def left_in(directory: Path) -> list[str]:
    return await to_thread.run_sync(os.listdir, directory)


async def check(found: Source, data: bytes) -> None:
    """Digests, and parts that make up the whole."""
    assert found.size == len(data)
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert await found.digest("md5") == hashlib.md5(data).hexdigest()
    assert await found.digest("CRC32") == f"{zlib.crc32(data):08x}"
    assert found.checksum.value == encode_crc(zlib.crc32(data))
    parts = []
    for number in range(1, found.parts + 1):
        body, checked = found.part(number)
        part = await whole(body)
        assert body.length == len(part)
        assert checked.value == encode_crc(zlib.crc32(part))
        parts.append(part)
    assert b"".join(parts) == data
    assert all(len(part) == found.part_size for part in parts[:-1])
    assert len(parts[-1]) <= found.part_size
    assert await whole(found.body()) == data


@pytest.mark.parametrize("length", [0, 1, 9, 10, 11, 20, 25])
@pytest.mark.parametrize("kind", ["bytes", "bytearray", "path", "pathlib", "iterable", "function"])
async def test_of_every_kind_and_length(length: int, kind: str, tmp_path: Path, small_parts: Path):
    data = os.urandom(length)
    path = tmp_path / "file.bin"
    await to_thread.run_sync(path.write_bytes, data)
    sources: dict[str, ArtifactSource] = {
        "bytes": data,
        "bytearray": bytearray(data),  # type: ignore[dict-item]
        "path": str(path),
        "pathlib": path,
        "iterable": pieces(data, 3),
        "function": lambda: pieces(data, 3),
    }
    async with open_source(sources[kind], "CRC32") as found:
        await check(found, data)
        assert found.name == ("file.bin" if kind.startswith("path") else "")
        assert found.parts == max(1, -(-length // 10))
    assert not await left_in(small_parts)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=40)))
def test_pieces_of_any_size(parts: list[bytes]):
    async def source() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    async def run() -> None:
        async with open_source(source(), "CRC32") as found:
            await check(found, b"".join(parts))

    anyio.run(run)


async def test_large_sources_are_written_in_batches(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_spool, "_BATCH", 16)
    data = os.urandom(1000)
    async with open_source(pieces(data, 7), "CRC32") as found:
        await check(found, data)


@pytest.mark.parametrize(
    ("pieces_", "parts"), [(1, 1), (9_999, 9_999), (10_000, 10_000), (10_001, 5_001), (30_000, 10_000)]
)
def test_never_more_than_ten_thousand_parts(pieces_: int, parts: int):
    """S3 takes no more; parts then are of several of the pieces whose CRCs are known."""
    digests = SourceDigests("CRC32")
    data = bytes(10 * pieces_)
    digests.update(data)
    source = Source(len(data), data, digests)
    assert source.parts == parts
    assert source.part_size == 10 * -(-pieces_ // 10_000)
    assert sum(source.part(number)[0].length or 0 for number in range(1, parts + 1)) == len(data)


@pytest.mark.parametrize("when", ["between", "before its MD5", "while sending"])
async def test_a_file_that_changes_is_an_input_error(tmp_path: Path, when: str):
    path = tmp_path / "file.bin"
    await to_thread.run_sync(path.write_bytes, bytes(25))
    async with open_source(path, "CRC32") as found:
        body, _ = found.part(1)
        if when == "between":
            await to_thread.run_sync(path.write_bytes, b"x" * 26)
            with pytest.raises(InputError, match="changed while it was being read"):
                await whole(body)
        elif when == "before its MD5":
            await to_thread.run_sync(path.write_bytes, b"x" * 26)
            with pytest.raises(InputError, match="changed while it was being read"):
                await found.digest("md5")
        else:
            reader = found.body().open()
            await to_thread.run_sync(os.truncate, path, 5)
            with pytest.raises(InputError, match="changed while it was being read"):
                async for _ in reader:
                    pass
            await reader.aclose()


async def test_one_pass_serves_all_regions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Three regions compare with what startifact staged, at the same time."""
    path = tmp_path / "file.bin"
    await to_thread.run_sync(path.write_bytes, b"x" * 25)
    passes: list[object] = []
    hash_file = _source.hash_file

    async def counted(*args: Any) -> Any:
        passes.append(args)
        return await hash_file(*args)

    monkeypatch.setattr(_source, "hash_file", counted)
    async with open_source(path, "CRC32") as found, anyio.create_task_group() as group:
        for name in ("md5", "md5", "md5", "CRC32"):
            group.start_soon(found.digest, name)
    assert len(passes) == 2  # that at the beginning, which gives the CRC32 too, and one for the MD5


class Broken(Exception):
    """What a source of the caller's raises."""


async def test_a_source_that_raises_leaves_nothing(small_parts: Path):
    closed = []

    async def source() -> AsyncIterator[bytes]:
        try:
            yield b"some"
            raise Broken
        finally:
            closed.append(True)

    with pytest.raises(Broken):
        async with open_source(source(), "CRC32"):
            raise AssertionError
    assert closed
    assert not await left_in(small_parts)


async def test_a_source_that_is_cancelled_leaves_nothing_and_is_closed(small_parts: Path):
    closed = []
    with anyio.CancelScope() as scope:

        async def source() -> AsyncIterator[bytes]:
            try:
                yield b"some"
                scope.cancel()
                await anyio.sleep_forever()
            finally:
                closed.append(True)

        async with open_source(source(), "CRC32"):
            raise AssertionError
    assert scope.cancelled_caught
    assert closed
    assert not await left_in(small_parts)


async def test_what_is_done_with_it_fails_and_nothing_is_left(small_parts: Path):
    with pytest.raises(Broken):
        async with open_source(pieces(bytes(25), 5), "CRC32"):
            assert len(await left_in(small_parts)) == 1
            raise Broken
    assert not await left_in(small_parts)


async def test_neither_a_missing_file_nor_another_thing_is_a_source(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        async with open_source(tmp_path / "no", "CRC32"):
            pass
    with pytest.raises(OSError):
        async with open_source(tmp_path, "CRC32"):
            pass
    with pytest.raises(InputError, match="an async iterable of bytes"):
        async with open_source(5, "CRC32"):  # type: ignore[arg-type]
            pass

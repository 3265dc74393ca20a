"""Uploads of bytes and of async sources, and files that are read as they arrive."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from anyio import to_thread

from lading import InputError, IntegrityError, InvalidResponse
from lading._core import spool
from lading.pypi import File
from lading.testing import Server, ServerRequest, ServerResponse, Truncate
from tests.support.distributions import wheel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from lading import PyPI
    from tests.support.fake_index import FakeIndex

pytestmark = pytest.mark.anyio
NAME = "demo-1.0-py3-none-any.whl"


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    return wheel(tmp_path, payload=b"x" * 5000).read_bytes()


@pytest.fixture
def spooled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of temporary files, which is empty after each upload."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    monkeypatch.setattr(spool, "_BATCH", 1000)
    return directory


async def left_in(directory: Path) -> list[str]:
    return await to_thread.run_sync(lambda: [path.name for path in directory.iterdir()])


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 999):
        yield data[start : start + 999]


@pytest.mark.parametrize("kind", ["bytes", "iterable", "function"])
async def test_bytes_and_async_sources(fake_index: FakeIndex, content: bytes, spooled: Path, kind: str):
    sources: dict[str, Any] = {"bytes": content, "iterable": pieces(content), "function": lambda: pieces(content)}
    async with fake_index.client() as pypi:
        uploaded = await pypi.releases.upload(sources[kind], filename=NAME)
    assert (uploaded.filename, uploaded.status, uploaded.size) == (NAME, "uploaded", len(content))
    assert uploaded.sha256 == hashlib.sha256(content).hexdigest()
    assert f'filename="{NAME}"'.encode() in fake_index.bodies[-1]
    assert content in fake_index.bodies[-1]
    assert await left_in(spooled) == []


async def test_a_directory_is_for_upload_many(fake_index: FakeIndex, tmp_path: Path):
    async with fake_index.client() as pypi:
        with pytest.raises(InputError, match="'dist' is neither a wheel nor an sdist"):
            await pypi.releases.upload(tmp_path / "dist")
    assert fake_index.seen == []


@pytest.mark.parametrize(
    "name",
    ["", "notes.txt", "../demo-1.0-py3-none-any.whl", "demo-1.0-py3-none-any/../x.whl", "demo-1.0-py3-none-a\\ny.whl",
     "a/demo-1.0.tar.gz", "C:demo-1.0.tar.gz", "demo-1.0\0.tar.gz", "..-1.0.tar.gz/"],
)  # fmt: skip
async def test_a_name_may_come_from_a_stranger(fake_index: FakeIndex, content: bytes, spooled: Path, name: str):
    async with fake_index.client() as pypi:
        with pytest.raises(InputError) as caught:
            await pypi.releases.upload(content, filename=name)
    assert caught.value.argument in ("filename", "path")
    assert fake_index.seen == []
    assert await left_in(spooled) == []
    assert await left_in(spooled.parent) == [NAME, "temporary"] or await left_in(spooled.parent) == ["temporary", NAME]


async def test_what_else_is_given_wrongly(fake_index: FakeIndex, content: bytes, spooled: Path, tmp_path: Path):
    async with fake_index.client() as pypi:
        with pytest.raises(InputError, match="need filename="):
            await pypi.releases.upload(content)
        with pytest.raises(InputError, match="a path has its own name"):
            await pypi.releases.upload(tmp_path / NAME, filename=NAME)
        with pytest.raises(InputError, match="name them"):
            await pypi.releases.upload(content, filename=NAME, attestations=True)
        with pytest.raises(InputError, match="an async iterable"):
            await pypi.releases.upload(iter([content]), filename=NAME)  # type: ignore[arg-type]
        with pytest.raises(InputError, match="damaged"):
            await pypi.releases.upload(content[:-100], filename=NAME)
    assert fake_index.seen == []
    assert await left_in(spooled) == []


async def test_what_a_source_raises_is_raised(fake_index: FakeIndex, content: bytes, spooled: Path):
    class Mine(Exception):
        pass

    async def broken() -> AsyncIterator[bytes]:
        yield content[:2000]
        raise Mine

    async with fake_index.client() as pypi:
        with pytest.raises(Mine):
            await pypi.releases.upload(broken(), filename=NAME)
    assert fake_index.seen == []
    assert await left_in(spooled) == []


class FileHost:
    """Files in ranges, and one that is always sent from its beginning."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ranges: list[str | None] = []
        self.server = Server(self.respond)

    async def respond(self, request: ServerRequest) -> ServerResponse:
        self.ranges.append(request.headers.get("Range"))
        whole = request.path == "/whole"
        return ServerResponse(body=pieces(await to_thread.run_sync(self.path.read_bytes)) if whole else self.path)

    def file(self, path: str, **more: Any) -> File:
        data = self.path.read_bytes()
        entry = {
            "filename": NAME,
            "url": f"{self.server.url}{path}",
            "hashes": {"sha256": hashlib.sha256(data).hexdigest()},
        }
        return File(**{**entry, "size": len(data), **more})


@pytest.fixture
def host(tmp_path: Path) -> Iterator[FileHost]:
    path = tmp_path / "kept"
    path.write_bytes(bytes(range(256)) * 4096)
    host = FileHost(path)
    with host.server:
        yield host


@pytest.fixture
async def reader(host: FileHost) -> Any:
    import lading

    url = host.server.url
    retry = lading.Retry(attempts=3, backoff=0)
    async with lading.PyPI(lading.Index(f"{url}/", f"{url}/simple/"), retry=retry) as client:
        yield client


@pytest.fixture
def files(host: FileHost) -> dict[str, File]:
    wrong = {"sha256": "0" * 64}
    return {
        "good": host.file("/x"),
        "whole": host.file("/whole"),
        "wrong": host.file("/x", hashes=wrong),
        "unlisted": host.file("/x", hashes={}, size=None),
        "elsewhere": host.file("/x", url="http://elsewhere.example/x"),
    }


@pytest.fixture
def sha256(host: FileHost) -> str:
    return hashlib.sha256(host.path.read_bytes()).hexdigest()


async def read_all(reader: PyPI, file: File) -> str:
    digest = hashlib.sha256()
    async with reader.files.open(file) as stream:
        async for piece in stream:
            digest.update(piece)
    return digest.hexdigest()


@pytest.mark.parametrize("kind", ["good", "whole", "unlisted"])
async def test_a_file_as_it_arrives(host: FileHost, reader: PyPI, files: dict[str, File], sha256: str, kind: str):
    assert await read_all(reader, files[kind]) == sha256
    assert host.ranges == [None]


async def test_a_file_is_resumed(host: FileHost, reader: PyPI, files: dict[str, File], sha256: str):
    host.server.faults.add(Truncate(300_000))
    assert await read_all(reader, files["good"]) == sha256
    assert host.ranges == [None, "bytes=300000-"]


async def test_a_file_that_is_not_what_is_listed(reader: PyPI, files: dict[str, File]):
    with pytest.raises(IntegrityError, match="sha256 is"):
        await read_all(reader, files["wrong"])
    with pytest.raises(InvalidResponse, match="not followed"):
        await read_all(reader, files["elsewhere"])


async def test_a_host_that_cannot_resume(host: FileHost, reader: PyPI, files: dict[str, File]):
    host.server.faults.add(Truncate(300_000))
    with pytest.raises(InvalidResponse, match=r"interrupted after \d+ bytes, and the store does not resume it"):
        await read_all(reader, files["whole"])


async def test_leaving_early(host: FileHost, reader: PyPI, files: dict[str, File]):
    for _ in range(3):
        async with reader.files.open(files["good"]) as stream:
            assert await anext(aiter(stream))

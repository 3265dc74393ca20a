"""Logs from servers that support little, interrupt responses, or send damaged or huge data or a decompression bomb."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from anyio import to_thread

from lading import Copr, InvalidResponse, NetworkError, Retry
from lading.testing import DropBefore, Respond, Server, ServerRequest, ServerResponse, Truncate
from tests.support.copr_double import CHROOT, lines

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from lading.copr._builds.log import BuildLog

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("logs_at_once")]
MIB = 1024 * 1024
LOG = "builder-live.log"


class Shelf:
    """A frontend with one build, and files of its results.

    Attributes:
        state: The state of the build in its chroot.
        files: Bytes, or files, by name.
        ranges: Whether parts of files can be requested.
        content_range: The ``Content-Range`` of a response, from the correct one.
        before: What to do before a file is served.
        requests: The files that were requested, and which part.
    """

    def __init__(self) -> None:
        self.state = "succeeded"
        self.files: dict[str, bytes | Path] = {}
        self.ranges = True
        self.content_range: Callable[[str], str] = str
        self.before: Callable[[str], None] = lambda _: None
        self.requests: list[tuple[str, str]] = []
        self.copr: Copr
        self.server = Server(self.respond)
        self.faults = self.server.faults

    async def respond(self, request: ServerRequest) -> ServerResponse:
        if request.path.startswith("/api_3/"):
            return ServerResponse.json({"name": CHROOT, "state": self.state, "result_url": f"{self.server.url}/1/"})
        name = request.path.removeprefix("/1/")
        self.before(name)
        self.requests.append((name, request.headers.get("Range", "")))
        content = self.files.get(name)
        if content is None:
            return ServerResponse(404)
        if not self.ranges or not isinstance(content, bytes):
            return ServerResponse(200, {}, content)
        first, _, last = request.headers["Range"].removeprefix("bytes=").partition("-")
        part = content[int(first) : int(last) + 1]
        where = f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"
        return ServerResponse(206, {"Content-Range": self.content_range(where)}, part) if part else ServerResponse(416)

    def log(self, **options: Any) -> BuildLog:
        """The log, read by :attr:`copr`."""
        return self.copr.builds.log(1, CHROOT, **options)


@pytest.fixture
async def shelf() -> AsyncIterator[Shelf]:
    shelf = Shelf()
    async with shelf.server, Copr(shelf.server.url, retry=Retry(attempts=2, backoff=0)) as shelf.copr:
        yield shelf


TEXT = "".join(f"{number} {'x' * (number % 99)}\n" for number in range(40_000)).encode()  # 2 MB


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("name", [LOG, f"{LOG}.gz"])
async def test_whatever_a_server_can_do(shelf: Shelf, ranges: bool, name: str):
    shelf.ranges = ranges
    shelf.files[name] = TEXT if name == LOG else gzip.compress(TEXT)
    assert await lines(shelf.log()) == TEXT.decode().splitlines()
    if name == LOG:
        assert len(shelf.requests) > len(TEXT) / MIB


async def test_compressed_between_two_looks(shelf: Shelf):
    """The chroot has ended, the log is still plain, and then it is compressed and longer."""

    def before(name: str) -> None:
        if name == f"{LOG}.gz" and (LOG, "bytes=0-458751") in shelf.requests:
            shelf.files = {f"{LOG}.gz": gzip.compress(TEXT)}

    shelf.files[LOG] = TEXT[:300_000]
    shelf.before = before
    assert await lines(shelf.log()) == TEXT.decode().splitlines()


async def test_for_a_moment_there_is_neither(shelf: Shelf):
    def before(name: str) -> None:
        if len(shelf.requests) == 4:
            shelf.files = {f"{LOG}.gz": gzip.compress(b"here\n")}

    shelf.before = before
    assert await lines(shelf.log()) == ["here"]


async def test_gone_before_its_end_is_reported(shelf: Shelf):
    shelf.state = "running"
    shelf.files[LOG] = b"one\ntwo\n"
    log = shelf.log(follow=True)
    assert [await anext(log), await anext(log)] == ["one", "two"]
    shelf.files = {f"{LOG}.gz": gzip.compress(b"one\ntwo\nthree\n")}

    def before(_: str) -> None:
        if len(shelf.requests) == 5:
            shelf.state = "failed"

    shelf.before = before
    assert await lines(log) == ["three"]


async def test_members_one_after_another(shelf: Shelf):
    shelf.files[f"{LOG}.gz"] = gzip.compress(b"one\ntw") + gzip.compress(b"o\n")
    assert await lines(shelf.log()) == ["one", "two"]


@pytest.mark.parametrize("name", [LOG, f"{LOG}.gz"])
@pytest.mark.parametrize("fault", [Truncate(100_000), Truncate(1), DropBefore(), Respond(502)], ids=repr)
async def test_a_connection_that_is_interrupted(shelf: Shelf, name: str, fault: Any):
    shelf.files[name] = TEXT if name == LOG else gzip.compress(TEXT, 0)
    shelf.faults.add(fault, path=f"/1/{name}", times=1)
    assert await lines(shelf.log()) == TEXT.decode().splitlines()
    assert len(shelf.faults.happened) == 1


async def test_after_an_error_it_continues_where_it_was(shelf: Shelf):
    shelf.files[LOG] = TEXT
    log = shelf.log()
    got = [await anext(log)]
    shelf.faults.add(DropBefore(), times=None)
    for _ in range(2):
        with pytest.raises(NetworkError) as caught:
            while True:
                got.append(await anext(log))
    assert caught.value.outcome == "not_done"
    assert 1 < len(got) < 40_000
    shelf.faults.clear()
    assert got + await lines(log) == TEXT.decode().splitlines()


@pytest.mark.parametrize("name", [LOG, f"{LOG}.gz"])
@pytest.mark.parametrize(
    "content_range", ["", "bytes", "bytes 0-9/10", "bytes 458753-917503/2000000", "items 458752-917503/2000000"]
)
async def test_a_part_of_a_log_that_was_not_requested_is_not_read(shelf: Shelf, name: str, content_range: str):
    """Nothing of it gets between the lines; the log resumes at the same position."""
    shelf.files[name] = TEXT if name == LOG else gzip.compress(TEXT, 0)
    log = shelf.log()
    got = [await anext(log)]
    shelf.content_range = lambda _: content_range
    with pytest.raises(
        InvalidResponse, match=r"log builder-live of build 1 .*another part of the file than was requested"
    ):
        while True:
            got.append(await anext(log))
    assert 1 < len(got) < 40_000
    shelf.content_range = str
    assert got + await lines(log) == TEXT.decode().splitlines()


@pytest.mark.parametrize("content", [gzip.compress(TEXT)[:-9], gzip.compress(TEXT)[:1000], b"", b"plain text", b"\x1f"])
async def test_what_is_not_whole_gzip(shelf: Shelf, content: bytes):
    shelf.files[f"{LOG}.gz"] = content
    with pytest.raises(InvalidResponse):
        await lines(shelf.log())


async def test_a_very_long_line_and_bytes_that_are_no_text(shelf: Shelf):
    shelf.files[f"{LOG}.gz"] = gzip.compress(b"a\n" + b"b" * (3 * MIB) + b"\n\xff\xfec\n", 1)
    got = await lines(shelf.log())
    assert (got[0], got[-1]) == ("a", "\ufffd\ufffdc")
    assert "".join(got[1:-1]) == "b" * (3 * MIB)
    assert max(map(len, got)) <= MIB


@pytest.fixture(scope="module")
def bomb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """500 MB of zeros, compressed."""
    path = tmp_path_factory.mktemp("bomb") / "bomb.gz"
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    piece = bytes(10_000_000)
    with path.open("wb") as file:
        for _ in range(50):
            file.write(packer.compress(piece))
        file.write(packer.flush())
    return path


async def test_a_compressed_bomb_is_given_in_bounded_memory(shelf: Shelf, bomb: Path):
    shelf.files[f"{LOG}.gz"] = bomb
    length = 0
    await to_thread.run_sync(tracemalloc.start)
    try:
        async for line in shelf.log():
            length += len(line)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert length == 500_000_000
    assert peak < 32 * MIB


async def test_results_are_looked_for_where_it_is_safe_alone(shelf: Shelf):
    async def respond(_: ServerRequest) -> ServerResponse:
        return ServerResponse.json({"name": CHROOT, "state": "running", "result_url": "file:///etc/"})

    async with Server(respond) as server, Copr(server.url) as copr:
        with pytest.raises(InvalidResponse, match="not https"):
            await lines(copr.builds.log(1, CHROOT))

"""A download that is interrupted resumes where it was, if that is still the same file."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

import pytest
from anyio import to_thread

from lading import Call, IntegrityError, InvalidResponse, LadingError, NetworkError, NotFound, Progress, Retry
from lading._core.download import Expected, download
from lading._core.resumable import ResumableReader
from lading.testing import Server, ServerRequest, ServerResponse, Truncate
from tests.support.transport_client import make_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.anyio
MIB = 1024 * 1024
SIZE = 8 * MIB
FIRST = os.urandom(SIZE)
SECOND = os.urandom(SIZE)
DROP = Truncate(5 * MIB)

Headers = dict[str, str]


class Host:
    """A file host whose manners each test decides.

    Attributes:
        content: The file.
        headers: What goes with it.
        partial: From a request with a ``Range``, where it begins, to the response; none ignores ranges.
        requests: ``Range`` and ``If-Range`` of each request.
    """

    def __init__(self) -> None:
        self.content = FIRST
        self.headers: Headers = {"ETag": '"one"', "Accept-Ranges": "bytes"}
        self.partial: Callable[[ServerRequest, int], ServerResponse] | None = self.rest
        self.requests: list[tuple[str | None, str | None]] = []
        self.server = Server(self.respond)
        self.faults = self.server.faults

    async def respond(self, request: ServerRequest) -> ServerResponse:
        wanted = request.headers.get("Range")
        self.requests.append((wanted, request.headers.get("If-Range")))
        if wanted is None or self.partial is None:
            return ServerResponse(200, self.headers, self.content)
        return self.partial(request, int(wanted.removeprefix("bytes=").removesuffix("-")))

    def rest(self, request: ServerRequest, start: int, **headers: str) -> ServerResponse:
        known = request.headers.get("If-Range")
        if known is not None and known not in (self.headers.get("ETag"), self.headers.get("Last-Modified")):
            return ServerResponse(200, self.headers, self.content)
        found = {"Content-Range": f"bytes {start}-{SIZE - 1}/{SIZE}", **self.headers, **headers}
        return ServerResponse(206, found, self.content[start:])


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    with host.server:
        yield host


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


def digest(content: bytes) -> Expected:
    return Expected(SIZE, {"sha256": hashlib.sha256(content).hexdigest()}, {"sha256": hashlib.sha256})


async def fetch(host: Host, target: Path, promise: Expected | None = None, **options: Any) -> list[Progress]:
    """Download and return the progress that was reported."""
    reported: list[Progress] = []
    call = Call("GET", "file", headers={"X-Own": "1"})
    options = {"retry": Retry(attempts=3, backoff=0), **options}
    async with make_client(host.server.url, **options) as client:
        await download(client._sender, call, target, promise=promise or Expected(), on_progress=reported.append)
    return reported


async def assert_got(target: Path, content: bytes) -> None:
    found = await to_thread.run_sync(target.read_bytes)
    assert (len(found), hashlib.sha256(found).digest()) == (len(content), hashlib.sha256(content).digest())
    assert await to_thread.run_sync(lambda: [path.name for path in target.parent.iterdir()]) == [target.name]


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"ETag": '"one"'}, '"one"'),
        ({"ETag": '"one"', "Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT"}, '"one"'),
        ({"ETag": 'W/"weak"', "Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT"}, "Sun, 06 Nov 1994 08:49:37 GMT"),
        ({"Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT"}, "Sun, 06 Nov 1994 08:49:37 GMT"),
    ],
)
async def test_it_resumes_where_it_was(host: Host, target: Path, headers: Headers, validator: str):
    host.headers = headers
    host.faults.add(DROP)
    reported = await fetch(host, target, digest(FIRST))
    await assert_got(target, FIRST)
    assert host.requests == [(None, None), (f"bytes={5 * MIB}-", validator)]
    assert reported[-1] == Progress(SIZE, SIZE, 2)
    assert min(p.completed for p in reported if p.attempt == 2) >= 5 * MIB


async def test_another_file_by_then_is_taken_from_its_start(host: Host, target: Path):
    def changed(request: ServerRequest, start: int) -> ServerResponse:
        host.content, host.headers = SECOND, {"ETag": '"two"'}
        return host.rest(request, start)

    host.partial = changed
    host.faults.add(DROP)
    await fetch(host, target)
    await assert_got(target, SECOND)
    assert len(host.requests) == 2


async def test_a_host_that_ignores_ranges_sends_all_of_it_again(host: Host, target: Path):
    host.partial = None
    host.faults.add(DROP)
    reported = await fetch(host, target, digest(FIRST))
    await assert_got(target, FIRST)
    assert reported[-1] == Progress(SIZE, SIZE, 2)


async def test_no_range_is_requested_from_a_host_without_ranges(host: Host, target: Path):
    host.headers = {"ETag": '"one"', "Accept-Ranges": "none"}
    host.faults.add(DROP)
    await fetch(host, target, digest(FIRST))
    await assert_got(target, FIRST)
    assert host.requests == [(None, None), (None, None)]


async def test_without_a_validator_a_digest_is_required(host: Host, target: Path):
    host.headers = {}
    host.faults.add(DROP)
    await fetch(host, target)
    assert host.requests == [(None, None), (None, None)]
    host.requests.clear()
    host.faults.add(DROP)
    await fetch(host, target, digest(FIRST))
    await assert_got(target, FIRST)
    assert host.requests == [(None, None), (f"bytes={5 * MIB}-", None)]


async def test_a_mixture_is_not_kept(host: Host, target: Path):
    """No validator, and another file meanwhile: the digest shows it."""

    def mixed(request: ServerRequest, start: int) -> ServerResponse:
        host.content = SECOND
        return host.rest(request, start)

    host.headers, host.partial = {}, mixed
    host.faults.add(DROP)
    with pytest.raises(IntegrityError):
        await fetch(host, target, digest(FIRST))
    assert not await to_thread.run_sync(target.exists)


async def test_a_part_of_another_file_is_not_put_behind_ours(host: Host, target: Path):
    """A host that gives a range whatever ``If-Range`` says, and names the other file in its response."""

    def deaf(request: ServerRequest, start: int) -> ServerResponse:
        found = {"Content-Range": f"bytes {start}-{SIZE - 1}/{SIZE}", "ETag": '"two"'}
        host.content = SECOND
        return ServerResponse(206, found, SECOND[start:])

    host.partial = deaf
    host.faults.add(DROP)
    await fetch(host, target)
    await assert_got(target, SECOND)


async def test_a_range_that_is_no_more_is_given_up(host: Host, target: Path):
    def shorter(request: ServerRequest, start: int) -> ServerResponse:
        host.content = SECOND[:MIB]
        return ServerResponse(416, {"Content-Range": f"bytes */{MIB}"})

    host.partial = shorter
    host.faults.add(DROP)
    await fetch(host, target)
    await assert_got(target, SECOND[:MIB])
    assert [wanted for wanted, _ in host.requests] == [None, f"bytes={5 * MIB}-", None]


@pytest.mark.parametrize(
    "said",
    ["", "bytes", "bytes 0-1/2", "bytes */8388608", f"bytes {5 * MIB + 1}-{SIZE - 1}/{SIZE}", f"items {5 * MIB}-{SIZE - 1}/{SIZE}",
     f"bytes {5 * MIB}-{SIZE - 1}/{'9' * 5000}", f"bytes {'9' * 5000}-{SIZE - 1}/{SIZE}"],
    ids=range(8),
)  # fmt: skip
async def test_another_part_than_the_requested_one(host: Host, target: Path, said: str):
    host.partial = lambda request, start: ServerResponse(206, {"Content-Range": said, "ETag": '"one"'}, FIRST[start:])
    host.faults.add(DROP)
    with pytest.raises(LadingError):
        await fetch(host, target, Expected(SIZE))
    assert not await to_thread.run_sync(lambda: list(target.parent.iterdir()))


async def test_a_part_that_nobody_requested(host: Host, target: Path):
    """Taken for the whole file, it would even pass unverified."""
    evil = os.urandom(SIZE)

    async def respond(request: ServerRequest) -> ServerResponse:
        return ServerResponse(206, {"Content-Range": f"bytes 0-{SIZE - 1}/{SIZE}"}, evil)

    async with Server(respond) as server:
        host.server = server
        with pytest.raises(InvalidResponse):
            await fetch(host, target, digest(FIRST))
    assert not await to_thread.run_sync(target.exists)


@pytest.mark.parametrize("total", [str(SIZE), "*"])
async def test_a_part_that_is_shorter_than_requested_is_followed_by_the_next(host: Host, target: Path, total: str):
    def some(request: ServerRequest, start: int) -> ServerResponse:
        end = min(start + MIB, SIZE)
        return ServerResponse(
            206, {"Content-Range": f"bytes {start}-{end - 1}/{total}", "ETag": '"one"'}, FIRST[start:end]
        )

    host.partial = some
    host.faults.add(DROP)
    await fetch(host, target, digest(FIRST), retry=Retry(attempts=9, backoff=0))
    await assert_got(target, FIRST)


async def test_a_length_that_nobody_says(host: Host, target: Path):
    """Chunked, and cut in the middle: what came is kept, and the rest is requested."""

    async def pieces() -> Any:
        for start in range(0, SIZE, MIB):
            yield FIRST[start : start + MIB]

    async def respond(request: ServerRequest) -> ServerResponse:
        if request.headers.get("Range"):
            return await host.respond(request)
        host.requests.append((None, None))
        return ServerResponse(200, {"ETag": '"one"'}, pieces())

    async with Server(respond) as server:
        server.faults.add(Truncate(2 * MIB))
        host.server = server
        await fetch(host, target)
    await assert_got(target, FIRST)
    assert [wanted for wanted, _ in host.requests] == [None, f"bytes={2 * MIB}-"]


async def read_all(reader: ResumableReader, number: int | None = 1) -> bytes:
    """All bytes of one response, piece by piece."""
    found = bytearray()
    async with reader.attempt(number):
        while piece := await reader.read():
            found += piece
    return bytes(found)


async def test_pieces_resume_as_downloads_do(host: Host):
    """For who hands the bytes on as they come."""
    host.faults.add(DROP)
    found = bytearray()
    async with make_client(host.server.url) as client:
        reader = ResumableReader(client._sender, Call("GET", "file"), digest(FIRST), label="a file")

        async def step(number: int) -> None:
            async with reader.attempt(number) as start:
                assert start == len(found) == reader.position
                while piece := await reader.read():
                    reader.update_digests(piece)
                    found.extend(piece)

        await client._sender.with_settings(retry=Retry(attempts=3, backoff=0)).retrying(step)
        reader.verify()
    assert bytes(found) == FIRST
    assert host.requests == [(None, None), (f"bytes={5 * MIB}-", '"one"')]


async def test_a_file_that_changed_begins_at_0_again(host: Host):
    host.faults.add(DROP)
    async with make_client(host.server.url) as client:
        reader = ResumableReader(client._sender, Call("GET", "file"), digest(SECOND), label="a file")
        with pytest.raises(NetworkError) as caught:
            await read_all(reader)
        assert (caught.value.outcome, reader.position) == ("not_done", 5 * MIB)
        host.content, host.headers = SECOND, {"ETag": '"two"'}
        async with reader.attempt(2) as start:
            assert (start, reader.end) == (0, SIZE)
            while piece := await reader.read():
                reader.update_digests(piece)
        reader.verify()


async def test_fewer_bytes_than_the_range_that_was_promised(host: Host):
    host.partial = lambda request, start: ServerResponse(
        206, {"Content-Range": f"bytes {start}-{SIZE - 1}/{SIZE}", "ETag": '"one"'}, FIRST[start : start + MIB]
    )
    host.faults.add(DROP)
    async with make_client(host.server.url) as client:
        reader = ResumableReader(client._sender, Call("GET", "file"), Expected(), label="a file")
        with pytest.raises(NetworkError):
            await read_all(reader)
        with pytest.raises(NetworkError, match=f"^a file: the response ended after {6 * MIB} of {SIZE} bytes$"):
            await read_all(reader, 2)


class Log:
    """A host of a log that grows.

    Attributes:
        content: The log; ``None`` when there is none.
        ranges: Whether the host knows ranges.
        requests: The ``Range`` of each request.
    """

    def __init__(self) -> None:
        self.content: bytes | None = b""
        self.ranges = True
        self.requests: list[str | None] = []
        self.server = Server(self.respond)

    async def respond(self, request: ServerRequest) -> ServerResponse:
        wanted = request.headers.get("Range") or ""
        self.requests.append(wanted)
        content = self.content
        if content is None:
            return ServerResponse(404)
        headers = {"ETag": f'"{len(content)}"'}
        if not self.ranges:
            return ServerResponse(200, headers, content)
        start, end = (int(number) for number in wanted.removeprefix("bytes=").split("-"))
        if start >= len(content):
            return ServerResponse(416, {"Content-Range": f"bytes */{len(content)}"})
        piece = content[start : end + 1]
        found = {"Content-Range": f"bytes {start}-{start + len(piece) - 1}/{len(content)}", **headers}
        return ServerResponse(206, found, piece)


@pytest.fixture
def log() -> Iterator[Log]:
    log = Log()
    with log.server:
        yield log


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("into", [True, False])
async def test_a_file_that_grows(log: Log, ranges: bool, into: bool):
    """A range beyond the end is no error, another tag no other file; without ranges what is known is skipped."""
    log.ranges = ranges
    async with make_client(log.server.url) as client:
        reader = ResumableReader(client._sender, Call("GET", "log"), Expected(), label="a log", window=4)

        async def more() -> bytes:
            if not into:
                return await read_all(reader, None)
            found, buffer = bytearray(), bytearray(3)
            async with reader.attempt(None):
                while count := await reader.read_into(memoryview(buffer)):
                    found += buffer[:count]
            return bytes(found)

        assert await more() == b""
        log.content = b"ab"
        assert await more() == b"ab"
        assert await more() == b""
        log.content += b"cdefghi"
        assert await more() == (b"cdef" if ranges else b"cdefghi")
        assert await more() == (b"ghi" if ranges else b"")
        assert (await more(), reader.position) == (b"", 9)
    assert log.requests[:2] == ["bytes=0-3", "bytes=0-3"]
    assert log.requests[3] == "bytes=2-5"


async def test_a_log_that_is_interrupted_keeps_what_came(log: Log):
    log.content = FIRST
    log.server.faults.add(Truncate(MIB))
    async with make_client(log.server.url) as client:
        reader = ResumableReader(client._sender, Call("GET", "log"), Expected(), label="a log", window=2 * MIB)
        found = bytearray()
        with pytest.raises(NetworkError):
            async with reader.attempt(None):
                while piece := await reader.read():
                    found += piece
        assert (bytes(found), reader.position) == (FIRST[:MIB], MIB)
        assert await read_all(reader, None) == FIRST[MIB : 3 * MIB]


async def test_a_log_that_is_not_there(log: Log):
    log.content = None
    async with make_client(log.server.url) as client:
        reader = ResumableReader(client._sender, Call("GET", "log"), Expected(), label="a log", window=4)
        with pytest.raises(NotFound):
            await read_all(reader, None)


async def test_another_window_than_was_requested(log: Log):
    async def respond(request: ServerRequest) -> ServerResponse:
        return ServerResponse(206, {"Content-Range": "bytes 1-4/9"}, b"bcde")

    async with Server(respond) as server, make_client(server.url) as client:
        reader = ResumableReader(client._sender, Call("GET", "log"), Expected(), label="a log", window=4)
        with pytest.raises(InvalidResponse, match="another part of the file than was requested"):
            await read_all(reader, None)

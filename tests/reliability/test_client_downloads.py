"""Downloads: nothing at the target until it is whole and verified, and nothing beside it afterwards."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from anyio import to_thread

import lading
from lading import ApiError, Call, InputError, IntegrityError, InvalidResponse, NetworkError, Progress, Retry
from lading._core import download as _download
from lading._core.download import Expected, download
from lading.pypi import File
from lading.testing import DropBefore, Respond, Server, ServerRequest, ServerResponse, Truncate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from lading import PyPI

pytestmark = pytest.mark.anyio
QUICK = Retry(attempts=3, backoff=0)
CONTENT = os.urandom(3 * 1024 * 1024 + 5)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = "demo-1.0-py3-none-any.whl"
File(filename="f", url="")  # here, and not in a test's loop: pydantic looks for plugins on the disk


class Index:
    """A file host that can do ranges.

    Attributes:
        ranges: The ``Range`` of every request.
        chunked: Whether it says no length.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / "kept"
        self.path.write_bytes(CONTENT)
        self.ranges: list[str | None] = []
        self.chunked = False
        self.server = Server(self.respond)
        self.faults = self.server.faults

    async def respond(self, request: ServerRequest) -> ServerResponse:
        self.ranges.append(request.headers.get("Range"))
        assert request.headers.get("Accept-Encoding") == "identity"
        return ServerResponse(body=pieces() if self.chunked else self.path)


async def pieces() -> AsyncIterator[bytes]:
    """The content without its length."""
    for start in range(0, len(CONTENT), 1 << 16):
        yield CONTENT[start : start + (1 << 16)]


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    index = Index(tmp_path)
    with index.server:
        yield index


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "directory"
    directory.mkdir()
    return directory


@pytest.fixture
async def client(index: Index) -> Any:
    url = index.server.url
    async with lading.PyPI(lading.Index(f"{url}/", f"{url}/simple/"), retry=QUICK) as client:
        yield client


def listed(index: Index, **more: Any) -> File:
    """The file as an index lists it."""
    entry = {"filename": NAME, "url": f"{index.server.url}/files/x", "hashes": {"sha256": SHA256}, "size": len(CONTENT)}
    return File(**(entry | more))


def look(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


async def content_of(directory: Path) -> dict[str, str]:
    """Every file in the directory, by its digest."""
    found = await to_thread.run_sync(look, directory)
    return {name: hashlib.sha256(data).hexdigest() for name, data in found.items()}


async def test_a_file_arrives_whole(client: PyPI, index: Index, directory: Path):
    reported: list[Progress] = []
    target = await client.files.download(listed(index), directory / "mine.whl", on_progress=reported.append)
    assert target == directory / "mine.whl"
    assert await content_of(directory) == {"mine.whl": SHA256}
    assert reported[-1] == Progress(len(CONTENT), len(CONTENT), 1)
    assert index.ranges == [None]


async def test_a_directory_gets_it_under_its_name(client: PyPI, index: Index, directory: Path):
    assert await client.files.download(listed(index), str(directory)) == directory / NAME
    assert await content_of(directory) == {NAME: SHA256}


@pytest.mark.parametrize("kind", [str, Path])
async def test_a_path_that_ends_in_a_slash_is_a_directory(client: PyPI, index: Index, directory: Path, kind: Any):
    """Whether or not it exists: nobody wants a file of that name."""
    to = f"{directory}/new/folder/"
    for _ in range(2):
        assert await client.files.download(listed(index), to) == directory / "new" / "folder" / NAME
    assert await content_of(directory / "new" / "folder") == {NAME: SHA256}
    with pytest.raises(InvalidResponse, match="nothing was written"):
        await client.files.download(listed(index, filename="../x"), f"{directory}/other/")
    with pytest.raises(FileExistsError):
        await client.files.download(listed(index), f"{directory}/new/folder/{NAME}/")
    assert [path.name for path in await to_thread.run_sync(lambda: list(directory.iterdir()))] == ["new"]


def special(directory: Path, kind: str) -> Path:
    """Something at a path that is no file."""
    path = directory / kind
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
    elif kind == "device":
        return Path("/dev/null")
    else:
        path.symlink_to("/dev/null")
    return path


@pytest.mark.parametrize("kind", ["fifo", "socket", "device", "link to a device"])
async def test_what_is_no_file_is_not_replaced(client: PyPI, index: Index, directory: Path, kind: str):
    target = await to_thread.run_sync(special, directory, kind)
    before = await to_thread.run_sync(target.lstat)
    with pytest.raises(InputError, match="is not a regular file"):
        await client.files.download(listed(index), target)
    after = await to_thread.run_sync(target.lstat)
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert not index.ranges


async def test_nor_what_came_to_be_there_meanwhile(client: PyPI, index: Index, directory: Path):
    target = directory / "fifo"

    def make(progress: Progress) -> None:
        with suppress(FileExistsError):
            os.mkfifo(target)

    with pytest.raises(InputError, match="is not a regular file"):
        await client.files.download(listed(index), target, on_progress=make)
    assert [path.name for path in await to_thread.run_sync(lambda: list(directory.iterdir()))] == ["fifo"]


@pytest.mark.parametrize("step", ["open", "write", "replace"])
async def test_an_error_of_the_system_names_the_target(
    client: PyPI, index: Index, directory: Path, step: str, monkeypatch: pytest.MonkeyPatch
):
    """And not the temporary file, of which the caller knows nothing."""
    target = directory / "missing" / "x" if step == "open" else directory / "x"

    def fail(*arguments: Any) -> int:
        raise OSError(28, "No space left on device", *map(str, arguments[:1]))

    if step != "open":
        monkeypatch.setattr(*{"write": (os, "write"), "replace": (Path, "replace")}[step], fail)
    with pytest.raises(OSError) as caught:
        await client.files.download(listed(index), target)
    monkeypatch.undo()
    assert caught.value.filename == str(target)
    assert caught.value.filename2 is None
    assert ".part" not in "".join(traceback.format_exception(caught.value))


async def test_a_directory_is_no_target(client: PyPI, index: Index, directory: Path):
    with pytest.raises(IsADirectoryError) as caught:
        await core_download(client, index, directory)
    assert caught.value.filename == str(directory)


async def core_download(client: PyPI, index: Index, target: Path) -> Path:
    """Without the method that puts a file into a directory."""
    call: Call[Any] = Call("GET", f"{index.server.url}/files/x", auth=None)
    return await download(client._sender, call, target, promise=Expected())


@pytest.mark.parametrize("announced", [True, False])
async def test_a_file_without_a_listed_size_has_a_limit(
    client: PyPI, index: Index, directory: Path, announced: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(_download, "MAX_UNLISTED", len(CONTENT) - 1)
    index.chunked = not announced
    file = listed(index, size=None)
    with pytest.raises(InvalidResponse, match=rf"longer than the limit of {len(CONTENT) - 1} bytes \(max_size=\)"):
        await client.files.download(file, directory)
    assert await content_of(directory) == {}
    # A listed size is the limit of its file.
    await client.files.download(listed(index), directory)
    await client.files.download(file, directory, max_size=len(CONTENT))
    with pytest.raises(InvalidResponse, match="longer than the limit of 5 bytes"):
        await client.files.download(listed(index), directory / "other", max_size=5)
    assert await content_of(directory) == {NAME: SHA256}


@pytest.mark.parametrize(
    "name",
    [
        "../evil.whl",
        "/etc/evil",
        "..",
        "",
        "a/b.whl",
        "C:evil",
        "nul",
        "evil\0.whl",
        ".bashrc",
        "-rf",
        "con .txt",
        "a\u202eb",
        "a\u2028b",
    ],
)
async def test_a_name_does_not_leave_its_directory(client: PyPI, index: Index, directory: Path, name: str):
    with pytest.raises(InvalidResponse, match="nothing was written"):
        await client.files.download(listed(index, filename=name), directory)
    assert await content_of(directory) == {}
    assert not index.ranges
    # A name of the caller's own is the caller's business.
    assert await client.files.download(listed(index, filename=name), directory / "mine") == directory / "mine"


@pytest.mark.parametrize("name", ["x" * 255, "ä" * 127, "中" * 85, "😀" * 60])
async def test_names_as_long_as_a_file_system_takes(client: PyPI, index: Index, directory: Path, name: str):
    assert await client.files.download(listed(index, filename=name), directory) == directory / name
    assert await content_of(directory) == {name: SHA256}


async def test_permissions_are_those_of_any_new_file(client: PyPI, index: Index, directory: Path):
    target = await client.files.download(listed(index), directory)
    plain = directory / "plain"
    await to_thread.run_sync(plain.touch)
    modes = {stat.S_IMODE((await to_thread.run_sync(path.stat)).st_mode) for path in (target, plain)}
    assert len(modes) == 1


OLD = hashlib.sha256(b"old").hexdigest()

FAILURES: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "another digest": ({"hashes": {"sha256": "0" * 64}}, IntegrityError, "sha256 is"),
    "fewer bytes than listed": ({"size": len(CONTENT) + 1}, IntegrityError, f"{len(CONTENT)} bytes came instead of"),
    "more bytes than listed": ({"size": len(CONTENT) - 1}, IntegrityError, "more than the promised"),
    "many more": ({"size": 5}, IntegrityError, "more than the promised 5 bytes"),
    "none was to come": ({"size": 0}, IntegrityError, "more than the promised 0 bytes"),
}


@pytest.mark.parametrize("kind", FAILURES)
async def test_what_was_not_promised_is_not_kept(client: PyPI, index: Index, directory: Path, kind: str):
    entry, error, message = FAILURES[kind]
    target = directory / "target"
    await to_thread.run_sync(target.write_bytes, b"old")
    with pytest.raises(error, match=message):
        await client.files.download(listed(index, **entry), target)
    assert await content_of(directory) == {"target": OLD}
    assert len(index.ranges) == 1  # sending it again would not help


async def test_an_existing_file_is_replaced_only_by_a_whole_one(client: PyPI, index: Index, directory: Path):
    target = directory / "target"
    await to_thread.run_sync(target.write_bytes, b"old")
    index.faults.add(Respond(404))
    with pytest.raises(lading.NotFound):
        await client.files.download(listed(index), target)
    assert await content_of(directory) == {"target": OLD}
    await client.files.download(listed(index), target)
    assert await content_of(directory) == {"target": SHA256}


@pytest.mark.parametrize(
    "hashes",
    [
        {},
        {"md5": hashlib.md5(CONTENT).hexdigest()},
        {"sha256": SHA256.upper()},
        {"sha512": hashlib.sha512(CONTENT).hexdigest(), "sha256": "0" * 64},  # the strongest counts
        {"unheard-of": "0" * 64},
    ],
)
async def test_digests_of_other_kinds(client: PyPI, index: Index, directory: Path, hashes: dict[str, str]):
    await client.files.download(listed(index, hashes=hashes, size=None), directory)
    assert await content_of(directory) == {NAME: SHA256}


async def test_an_empty_file(client: PyPI, index: Index, directory: Path):
    await to_thread.run_sync(index.path.write_bytes, b"")
    reported: list[Progress] = []
    empty = hashlib.sha256(b"").hexdigest()
    for entry in ({"hashes": {"sha256": empty}, "size": 0}, {"hashes": {}, "size": None}):
        await client.files.download(listed(index, **entry), directory, on_progress=reported.append)
    assert await content_of(directory) == {NAME: empty}
    assert reported[-1] == Progress(0, 0, 1)


async def test_nowhere_to_write_is_said_by_the_system(client: PyPI, index: Index, directory: Path):
    with pytest.raises(FileNotFoundError):
        await client.files.download(listed(index), directory / "missing" / "x")
    await to_thread.run_sync(directory.chmod, 0o500)
    target = Path("/proc/nothing/x")  # who runs the tests may write anywhere else
    with pytest.raises(OSError):
        await client.files.download(listed(index), target)
    await to_thread.run_sync(directory.chmod, 0o700)
    assert await content_of(directory) == {}
    assert not index.ranges


@pytest.mark.parametrize("url", ["http://localhost:{port}/x", "ftp://host/x", "file:///etc/passwd", "https://[", "x"])
async def test_an_address_that_is_not_https_is_not_followed(client: PyPI, index: Index, directory: Path, url: str):
    with pytest.raises(InvalidResponse, match="not followed"):
        await client.files.download(listed(index, url=url.format(port=index.server.port)), directory)
    assert await content_of(directory) == {}


FAULTS = [
    (Respond(429, retry_after=0), ApiError),
    (Respond(503, retry_after=0), ApiError),
    (Respond(500), ApiError),
    (DropBefore(), NetworkError),
    (Truncate(0), NetworkError),
    (Truncate(1_000_000), NetworkError),
]


@pytest.mark.parametrize(("fault", "kind"), FAULTS, ids=lambda v: getattr(v, "__name__", repr(v)))
async def test_attempts_are_as_many_as_was_said(client: PyPI, index: Index, directory: Path, fault: Any, kind: Any):
    """Calls without a response and calls whose response is interrupted, concurrently."""
    index.faults.add(fault, times=None)
    with pytest.raises(kind) as caught:
        await client.files.download(listed(index), directory)
    assert len(index.faults.happened) == 3
    assert caught.value.outcome == "not_done"
    if isinstance(caught.value, ApiError):
        assert caught.value.attempts == 3
    assert await content_of(directory) == {}


async def test_a_refused_connection_is_tried_as_often(index: Index, directory: Path, monkeypatch: pytest.MonkeyPatch):
    await to_thread.run_sync(index.server.stop)
    events: list[Any] = []
    url = index.server.url
    async with lading.PyPI(lading.Index(f"{url}/", f"{url}/simple/"), retry=QUICK, hooks=[events.append]) as client:
        with pytest.raises(NetworkError):
            await client.files.download(listed(index), directory)
    assert [e.attempt for e in events if isinstance(e, lading.AttemptEvent)] == [1, 2, 3]


async def test_what_cannot_be_written_out_is_said_and_leaves_nothing(
    client: PyPI, index: Index, directory: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        await client.files.download(listed(index), directory)
    monkeypatch.undo()
    assert await content_of(directory) == {}

"""What inspecting a file may cost: bytes read, memory, and time after it is cancelled."""

from __future__ import annotations

import contextlib
import io
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import anyio
import pytest
from anyio import from_thread
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lading import InputError
from lading._artifacts._archives import MAX_MEMBERS, read_tar_member, read_zip_member, reading
from lading._artifacts._metadata import parse_metadata, read_metadata
from lading._artifacts.python import read_distribution
from lading._core.threads import run_in_thread
from tests.support import bombs
from tests.support.distributions import core_metadata, wheel, zipped

MIB = 1 << 20
WHEEL = "demo-1.0-py3-none-any.whl"
SDIST = "demo-1.0.tar.gz"
METADATA = "demo-1.0.dist-info/METADATA"


def in_thread(func: Callable[..., object], *args: object) -> object:
    """Run *func* as the library does: in a worker thread of an event loop."""
    return anyio.run(run_in_thread, func, *args)


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        pytest.param(
            WHEEL,
            partial(bombs.wheel_of_long_metadata, compression=zipfile.ZIP_BZIP2, size=256 * MIB),
            "compressed with another method than deflate",
            id="bzip2",
        ),
        pytest.param(
            WHEEL,
            partial(bombs.wheel_of_long_metadata, compression=zipfile.ZIP_LZMA, size=32 * MIB),
            "compressed with another method than deflate",
            id="lzma",
        ),
        pytest.param(
            WHEEL,
            partial(bombs.wheel_of_long_metadata, compression=zipfile.ZIP_DEFLATED, size=256 * MIB),
            "metadata of more than 4194304 bytes",
            id="deflate",
        ),
        pytest.param(WHEEL, bombs.wheel_that_understates, "is damaged: BadZipFile", id="a size that is not true"),
        pytest.param(
            WHEEL,
            partial(bombs.zip_of_empty_members, count=1_000_000),
            "list of members of more than 16777216 bytes",
            id="a zip of a million members",
        ),
        pytest.param(
            "demo-1.0.zip",
            partial(bombs.zip_of_empty_members, count=1_000_000, claimed=3),
            "list of members of more than 16777216 bytes",
            id="a zip of a million members that claims three",
        ),
        pytest.param(
            SDIST,
            partial(bombs.tar_gz_of_long_header, kind=tarfile.XHDTYPE, size=2048 * MIB),
            "a member whose header has more than 1048576 bytes",
            id="pax header",
        ),
        pytest.param(
            SDIST,
            partial(bombs.tar_gz_of_long_header, kind=tarfile.XGLTYPE, size=2048 * MIB),
            "a member whose header has more than 1048576 bytes",
            id="global pax header",
        ),
        pytest.param(
            SDIST,
            partial(bombs.tar_gz_of_long_header, kind=tarfile.GNUTYPE_LONGNAME, size=2048 * MIB),
            "a member whose header has more than 1048576 bytes",
            id="long name",
        ),
        pytest.param(
            SDIST,
            partial(bombs.tar_gz_of_long_header, kind=tarfile.GNUTYPE_LONGLINK, size=2048 * MIB),
            "a member whose header has more than 1048576 bytes",
            id="long link",
        ),
        pytest.param(
            SDIST,
            partial(bombs.tar_gz_of_empty_members, count=1_000_000),
            "has more than 100000 members",
            id="a tar of a million members",
        ),
    ],
)
def test_a_bomb_is_refused_for_few_bytes_and_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, make: Callable[[Path], Path], message: str
):
    path = make(tmp_path / name)
    opened: list[bombs.CountingFile] = []

    def count(path: Path, _: str) -> bombs.CountingFile:
        opened.append(bombs.CountingFile(path))
        return opened[0]

    monkeypatch.setattr(Path, "open", count)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=message) as caught:
            in_thread(read_metadata, path, "bdist_wheel" if name == WHEEL else "sdist")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    (file,) = opened
    assert str(caught.value).startswith(name)
    assert 0 < file.count <= 4 * MIB
    assert peak <= 64 * MIB


@pytest.mark.parametrize("claimed", [None, 3])
def test_the_entries_of_a_zip_count_and_not_what_it_claims(tmp_path: Path, claimed: int | None):
    path = bombs.zip_of_empty_members(tmp_path / WHEEL, MAX_MEMBERS + 1, claimed)
    with pytest.raises(InputError, match="has more than 100000 members"):
        in_thread(read_metadata, path, "bdist_wheel")


@pytest.mark.anyio
async def test_two_kilobytes_do_not_exhaust_the_memory(bzip2_wheel: Path):
    with pytest.raises(InputError, match=f"{WHEEL} has metadata that are compressed with another method"):
        await read_distribution(bzip2_wheel)


@pytest.fixture
def bzip2_wheel(tmp_path: Path) -> Path:
    path = bombs.wheel_of_long_metadata(tmp_path / WHEEL, zipfile.ZIP_BZIP2, 64 * MIB)
    assert path.stat().st_size < 2048
    return path


class Endless:
    """A stream without an end, which cancels its reader at its tenth read."""

    def __init__(self, block: bytes, scope: anyio.CancelScope) -> None:
        self._blocks = [block]
        self._scope = scope
        self.reads = 0

    def read(self, size: int = -1, /) -> bytes:
        self.reads += 1
        if self.reads == 10:
            from_thread.run_sync(self._scope.cancel)
        assert self.reads < 15, "it is read after its reader was cancelled"
        return self.next(size)

    def next(self, size: int) -> bytes:
        return self._blocks.pop() if self._blocks else bytes(size)


class EndlessMembers(Endless):
    def next(self, size: int) -> bytes:
        assert size == 512
        return self._blocks[0]


class EndlessFile(Endless):
    """A file, the end of which can be read again and again."""

    def seek(self, offset: int, whence: int = 0) -> int:
        return max(offset, 0)

    def tell(self) -> int:
        return 1 << 40

    def seekable(self) -> bool:
        return True


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("kind", "block", "read"),
    [
        (Endless, bombs.header("demo-1.0/zeros", 1 << 40), read_tar_member),
        (EndlessMembers, bombs.header("demo-1.0/empty"), read_tar_member),
    ],
    ids=["a long member", "many members"],
)
async def test_a_tar_is_read_no_further_when_its_reader_is_cancelled(
    kind: type[Endless], block: bytes, read: Callable[..., object]
):
    with anyio.CancelScope() as scope:
        stream = kind(block, scope)
        await run_in_thread(read, stream, lambda _: False)
    assert scope.cancelled_caught
    assert stream.reads == 10


@pytest.mark.anyio
async def test_a_zip_is_read_no_further_when_its_reader_is_cancelled(long_wheel: bytes):
    with anyio.CancelScope() as scope:
        file = CancellingFile(long_wheel, scope)
        await run_in_thread(read_zip_member, file, lambda names: METADATA)  # type: ignore[arg-type]
    assert scope.cancelled_caught
    assert file.reads == 5


@pytest.fixture
def long_wheel() -> bytes:
    return zipped({METADATA: bytes(range(256)) * (3 * MIB // 256)}, zipfile.ZIP_DEFLATED)


class CancellingFile(io.BytesIO):
    """A file that cancels its reader at its fifth read."""

    def __init__(self, content: bytes, scope: anyio.CancelScope) -> None:
        super().__init__(content)
        self._scope = scope
        self.reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads == 5:
            from_thread.run_sync(self._scope.cancel)
        return super().read(size)


def names_of(content: bytes) -> list[str]:
    """The names of members as our reader sees them, and the content of the last one."""
    names: list[str] = []
    assert in_thread(read_tar_member, io.BytesIO(content), lambda name: bool(names.append(name))) is None
    return names


member_names = st.text(st.sampled_from("ab/.é\u4e16 \x01"), min_size=1, max_size=300).filter(
    lambda name: name[0] != "/"
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(member_names, st.binary(max_size=1500)), max_size=5),
    st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
    st.dictionaries(st.sampled_from(["comment", "SCHILY.xattr.user.x"]), st.text(max_size=50), max_size=2),
)
def test_members_are_those_that_tarfile_sees(members: list[tuple[str, bytes]], kind: int, pax: dict[str, str]):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=kind, pax_headers=pax) as archive:
        archive.addfile(_link("a-link"))
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        last = tarfile.TarInfo("demo-1.0/PKG-INFO")
        last.size = 4
        archive.addfile(last, io.BytesIO(b"last"))
    with tarfile.open(fileobj=io.BytesIO(target.getvalue())) as archive:
        expected = [member.name.rstrip("/") for member in archive if member.isfile()]
    assert [name.rstrip("/") for name in names_of(target.getvalue())] == expected
    found = in_thread(read_tar_member, io.BytesIO(target.getvalue()), lambda name: name == "demo-1.0/PKG-INFO")
    assert found == b"last"


def _link(name: str) -> tarfile.TarInfo:
    link = tarfile.TarInfo(name)
    link.type, link.linkname = tarfile.SYMTYPE, "l" * 200
    return link


def pax(*records: bytes) -> bytes:
    content = b"".join(records)
    return bombs.header("pax", len(content), tarfile.XHDTYPE) + content + bytes(-len(content) % 512)


FILE = bombs.header("demo-1.0/a", 3) + b"abc" + bytes(509)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "EmptyHeaderError"),
        (b"x" * 512, "InvalidHeaderError"),
        (FILE[:100], "TruncatedHeaderError"),
        (FILE[:600], "ends too early"),
        (bombs.header("pax", 700, tarfile.XHDTYPE) + b"7 a=bc\n", "ends too early"),
        (pax(b"7 a=bcd") + FILE, "header of a member is malformed"),
        (pax(b"9 a=bc\n") + FILE, "header of a member is malformed"),
        (pax(b"7 abcd\n") + FILE, "header of a member is malformed"),
        (pax(b"-7 a=b\n") + FILE, "header of a member is malformed"),
        (pax(b"0 a=b\n") + FILE, "header of a member is malformed"),
        (pax(b"2 a=b\n") + FILE, "header of a member is malformed"),
        (pax(b"9999999999999999999999 a=b\n") + FILE, "header of a member is malformed"),
        (pax(b"11 size=-1\n") + FILE, "the size of a member is not a number"),
        (pax(b"20 size=1e9\n") + FILE, "malformed"),
        (pax(b"12 size=1e9\n") + FILE, "the size of a member is not a number"),
        (pax(b"31 size=" + b"9" * 22 + b"\n") + FILE, "the size of a member is not a number"),
        (pax(b"22 GNU.sparse.major=1\n"[:-1] + b"\n") + FILE, "sparse members"),
        (bombs.header("demo-1.0/a", 0, tarfile.GNUTYPE_SPARSE), "sparse members"),
        (bombs.header("demo-1.0/a", -5), "the size of a member is negative"),
        (bombs.header("demo-1.0/PKG-INFO", 5 * MIB), "metadata of more than 4194304 bytes"),
        (pax(b"16 size=5000000\n") + bombs.header("demo-1.0/PKG-INFO"), "metadata of more than 4194304 bytes"),
    ],
)
def test_a_damaged_tar(content: bytes, message: str):
    def read() -> None:
        with reading(SDIST):
            read_tar_member(io.BytesIO(content), lambda name: name.endswith("PKG-INFO"))

    with pytest.raises(InputError, match=message) as caught:
        in_thread(read)
    assert str(caught.value).startswith(SDIST)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 4095), st.integers(0, 255)), min_size=1, max_size=6))
def test_any_damage_of_a_tar_is_an_input_error(places: list[tuple[int, int]]):
    content = bytearray(pax(b"22 comment=a comment.\n") + FILE * 2 + bombs.header("demo-1.0/PKG-INFO", 4) + b"last")
    for place, byte in places:
        content[place % len(content)] = byte

    def read() -> None:
        with reading(SDIST):
            read_tar_member(io.BytesIO(bytes(content)), lambda name: name.endswith("PKG-INFO"))

    with contextlib.suppress(InputError):
        in_thread(read)


NESTED = b"Content-Type: message/rfc822\n\n" * 20_000
lines = st.sampled_from(
    [
        b"Metadata-Version: 2.1",
        b"Name: demo",
        b"Version: 1.0",
        b"Summary: \xed\xa0\x80",
        b"Keywords: =?utf-8?q?=ED=A0=80?=",
        b"Content-Type: message/rfc822",
        b'Content-Type: multipart/mixed; boundary="b"',
        b"Content-Transfer-Encoding: base64",
        b"Content-Transfer-Encoding: x-uuencode",
        b"--b",
        b"begin 666 x",
        b"",
        b" continued",
        b"Description: x",
        b"Project-URL: a, b",
        b"Import-Name: ",
        b"\xef\xbb\xbfName: x",
        b":",
        b"\x00\x0c\x1c\xff",
    ]
)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.binary(max_size=200) | st.lists(lines | st.binary(max_size=20), max_size=12).map(b"\n".join))
@example(NESTED)
@example(b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" + NESTED)
def test_metadata_of_any_bytes_are_read_or_an_input_error(content: bytes):
    with contextlib.suppress(InputError), reading(WHEEL):
        for value in parse_metadata(content).values():
            repr(value).encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (NESTED, "a message of several parts"),
        (core_metadata("demo", "1.0", ("Content-Type", "multipart/mixed; boundary=b")), "a message of several parts"),
        (core_metadata(description="\n" * 500_000), "more than 200000 lines"),
        (b"a:\n" * 20_001, "more than 20000 fields"),
        (b"".join(b"x%d:\n" % number for number in range(201)), "or 200 different ones"),
    ],
    ids=["nested", "parts", "lines", "fields", "names"],
)
def test_metadata_beyond_the_limits(tmp_path: Path, content: bytes, message: str):
    with pytest.raises(InputError, match=message) as caught:
        anyio.run(read_distribution, wheel(tmp_path, metadata=content))
    assert str(caught.value).startswith(WHEEL)


def test_large_metadata_within_the_limits_are_read(tmp_path: Path):
    needs = [("Requires-Dist", f"package-{number}; extra == 'x'") for number in range(19_000)]
    path = wheel(tmp_path, metadata=core_metadata("demo", "1.0", *needs, description="a line\n" * 150_000))
    metadata = anyio.run(read_distribution, path).metadata
    assert len(metadata["requires_dist"]) == 19_000
    assert metadata["description"].count("\n") == 150_000


def test_errors_of_the_file_system_are_raised_as_they_are():
    with pytest.raises(OSError, match="on the wire") as caught, reading(WHEEL):
        raise OSError(5, "on the wire")
    assert not isinstance(caught.value, InputError)
    with pytest.raises(MemoryError), reading(WHEEL):
        raise MemoryError

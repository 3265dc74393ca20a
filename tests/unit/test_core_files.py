"""Files: hashed in one pass, stamped, and named by servers only as far as that is safe."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import anyio
import pytest
from anyio import to_thread
from hypothesis import given
from hypothesis import strategies as st

from lading import InputError, InvalidResponse
from lading._artifacts.python import blake2b_256
from lading._core import files
from lading._core.files import FileReader, file_version, hash_file, safe_name
from lading._core.threads import run_in_thread

SIZES = [0, 1, files._HASH_PIECE - 1, files._HASH_PIECE, 2 * files._HASH_PIECE + 3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    return path


@pytest.mark.anyio
@pytest.mark.parametrize("size", SIZES)
async def test_digests_are_hashlibs(size: int, tmp_path: Path):
    content = os.urandom(size)
    path = tmp_path / "file"
    await to_thread.run_sync(path.write_bytes, content)
    hashed = await hash_file(path, {"sha256": hashlib.sha256, "md5": hashlib.md5, "blake2_256": blake2b_256})
    assert hashed.digests == {
        "sha256": hashlib.sha256(content).hexdigest(),
        "md5": hashlib.md5(content).hexdigest(),
        "blake2_256": hashlib.blake2b(content, digest_size=32).hexdigest(),
    }
    assert hashed.stamp == await file_version(path)
    assert hashed.stamp.size == size


@pytest.mark.anyio
@pytest.mark.parametrize("change", ["grown", "rewritten"])
async def test_a_file_that_changes_while_it_is_hashed(path: Path, change: str):
    class Meddling:
        """Changes the file when it is given some of it."""

        def update(self, data: object) -> None:
            info = path.stat()
            with path.open("r+b") as file:
                file.seek(0, 2 if change == "grown" else 0)
                file.write(b"changed")
            os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns + (change == "rewritten")))

        def hexdigest(self) -> str:
            return ""

    if change == "grown":  # once is enough: it would read what it wrote for ever
        Meddling.update_once = Meddling.update  # type: ignore[attr-defined]
        Meddling.update = lambda self, data: path.stat().st_size < 10 and self.update_once(data)  # type: ignore
    with pytest.raises(InputError, match="changed while"):
        await hash_file(path, {"x": Meddling})


@pytest.mark.anyio
async def test_what_is_no_file(tmp_path: Path):
    fifo = tmp_path / "fifo"
    await to_thread.run_sync(os.mkfifo, fifo)
    for look in (file_version, lambda path: hash_file(path, {})):
        with pytest.raises(IsADirectoryError):
            await look(tmp_path)
        with pytest.raises(FileNotFoundError):
            await look(tmp_path / "missing")
        for path in (fifo, Path("/dev/null")):  # nobody writes into the pipe: opening it would hang
            with pytest.raises(InputError, match="not a regular file"):
                await look(path)


@pytest.mark.anyio
async def test_hashing_ends_when_it_is_cancelled(path: Path):
    class Endless:
        """Never runs out of file."""

        count = 0

        def update(self, data: object) -> None:
            Endless.count += 1
            with path.open("ab") as file:
                file.write(b"more")

    with anyio.move_on_after(0.05) as scope:
        await hash_file(path, {"x": Endless})
    assert scope.cancelled_caught
    count = Endless.count
    await run_in_thread(lambda: None)
    assert Endless.count == count > 0


@pytest.mark.anyio
async def test_a_reader_reads_anywhere_and_knows_its_file(path: Path):
    reader = FileReader(path, await file_version(path))
    await reader.open()
    try:
        buffer = memoryview(bytearray(4))
        assert [await reader.read_into(buffer, 3), bytes(buffer)] == [4, b"tent"]
        assert [await reader.read_into(buffer, 5), bytes(buffer[:2])] == [2, b"nt"]
        assert await reader.read_into(buffer, 7) == 0
        reader.check()
        await to_thread.run_sync(path.write_bytes, b"another content")
        with pytest.raises(InputError):
            reader.check()
    finally:
        reader.close()
        reader.close()


@pytest.mark.parametrize(
    "name",
    [
        "demo-1.0-py3-none-any.whl",
        "demo-1.0.tar.gz",
        "…",
        "a b",
        "con1",
        "con-1.txt",
        "auxiliary",
        "x" * 255,
        "ä" * 127,
        "\u0645\u06cc\u200c\u062e.txt",
        "👩\u200d💻.txt",
        "a.-b",
        "a-.b",
    ],
)
def test_names_that_are_safe(name: str):
    assert safe_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "/", "a/b", "../a", "a/..", "\\", "a\\b", "C:", "C:a", "a:stream", "a*", "a?", 'a"', "a<", "a>", "a|",
        "a\0", "a\n", "\x7f", "a ", "a.", "CON", "con.txt", "nul", "Aux.tar.gz", "COM1", "lpt9.x", "com¹", "x" * 256,
        "ä" * 128, ".bashrc", ".hidden", "-rf", "--help", " a", "\u00a0a", "a\u3000", "con .txt", "NUL  ", "nul .tar.gz",
        "conin$", "CONOUT$.txt", "a\u202etxt.exe", "a\u2066b", "a\u200fb", "a\u2028b", "a\u2029b", "a\x85b", "\ufeffa",
        "a\u200bb", "a\u00adb", "a\ud800b",
    ],
)  # fmt: skip
def test_names_that_are_not(name: str):
    with pytest.raises(InvalidResponse) as caught:
        safe_name(name)
    assert str(caught.value).isascii()  # what it quotes is not displayed as something else


@given(st.text() | st.text(alphabet="./\\: aCONul\0", max_size=8))
def test_a_safe_name_stays_in_its_directory(name: str):
    directory = Path("/directory")
    try:
        safe = safe_name(name)
    except InvalidResponse:
        return
    assert (directory / safe).parent == directory
    assert Path(os.path.normpath(directory / safe)).parent == directory
    assert os.fsencode(safe)

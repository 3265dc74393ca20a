"""Forms: read back by somebody else's parser, of the announced length, and no name ends a line."""

from __future__ import annotations

import re
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lading import BytesBody, FileBody, FilePart, InputError, Multipart, StreamBody
from tests.support.bodies import whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from lading import Body

names = st.text(min_size=1).filter(lambda text: "\0" not in text)
fields = st.tuples(names, st.text())
files = st.builds(
    FilePart,
    names,
    st.builds(BytesBody, st.binary(), st.sampled_from(["", "application/octet-stream", "text/plain; charset=utf-8"])),
    names,
)


def drive(body: Body) -> bytes:
    """The same without a loop: bytes in memory wait for nothing."""
    coroutine = whole(body)
    with pytest.raises(StopIteration) as caught:
        coroutine.send(None)
    return caught.value.value


def quoted(text: str) -> str:
    """How a browser writes a name (WHATWG HTML, 4.10.21.8): that and no more is changed."""
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")


@given(st.lists(fields | files, max_size=5))
def test_what_was_written_is_read_back_by_the_rules(parts: list[tuple[str, str] | FilePart]):
    body = Multipart(parts)
    data = drive(body)
    assert body.length == len(data)
    assert data == drive(body)  # and once more
    boundary = body.boundary.encode()
    *found, end = data.split(b"--" + boundary)[1:]
    assert end == b"--\r\n"
    assert len(found) == len(parts)
    for piece, part in zip(found, parts, strict=True):
        head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        first, *more = head.decode().split("\r\n")
        assert content.endswith(b"\r\n")
        if isinstance(part, FilePart):
            name, filename = quoted(part.name), quoted(part.filename)
            assert first == f'Content-Disposition: form-data; name="{name}"; filename="{filename}"'
            kind = part.body.content_type
            assert more == ([f"Content-Type: {kind}"] if kind else [])
            assert isinstance(part.body, BytesBody)
            assert content[:-2] == part.body.data
        else:
            assert first == f'Content-Disposition: form-data; name="{quoted(part[0])}"'
            assert not more
            assert content[:-2] == part[1].encode()


plain = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='\\"%'), min_size=1)


@given(st.lists(st.tuples(plain, st.binary().filter(lambda b: b"\r" not in b and b"\n" not in b)), min_size=1))
def test_the_standard_library_reads_it_too(parts: list[tuple[str, bytes]]):
    body = Multipart([FilePart(name, BytesBody(data), f"{name}.bin") for name, data in parts])
    head = f"Content-Type: {body.content_type}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + drive(body))
    read = [
        (part.get_param("name", header="content-disposition"), part.get_filename(), part.get_payload(decode=True))
        for part in message.iter_parts()
    ]
    assert read == [(name, f"{name}.bin", data) for name, data in parts]


@given(names, names)
def test_no_name_ends_its_quotes_or_its_line(name: str, filename: str):
    data = drive(Multipart([FilePart(name, BytesBody(b"x", ""), filename)]))
    head, _, _ = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert len(lines) == 2
    assert b"\r" not in lines[1]
    assert b"\n" not in lines[1]
    match = re.fullmatch(r'Content-Disposition: form-data; name="([^"]*)"; filename="([^"]*)"', lines[1].decode())
    assert match is not None
    if "%" not in name + filename:
        assert (unquote(match[1]), unquote(match[2])) == (name, filename)


@pytest.mark.parametrize(
    "parts",
    [
        [("a\0b", "x")],
        [FilePart("a", BytesBody(b""), "x\0.whl")],
        [("a\ud800", "x")],
        [("a", "\ud800")],
        [FilePart("a", BytesBody(b""), "\udcff.whl")],
        [FilePart("a", BytesBody(b"", "text/plain\r\nX-Injected: yes"), "f")],
        [FilePart("a", BytesBody(b"", "text/plän"), "f")],
    ],
)
def test_what_no_form_can_carry_is_refused(parts):
    with pytest.raises(InputError):
        Multipart(parts)


def test_two_forms_never_share_a_boundary():
    assert Multipart([]).boundary != Multipart([]).boundary
    assert drive(Multipart([], boundary="b")) == b"--b--\r\n"


CONTENT = bytes(range(256)) * 3000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "part"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.anyio
async def test_files_and_streams_are_parts_too(path: Path):
    async def source() -> AsyncIterator[bytes]:
        yield b"one"
        yield b""
        yield b"two"

    parts = [
        ("field", "värde"),
        FilePart("file", await FileBody.from_path(path), "part"),
        FilePart("known", StreamBody(source, 6), "known"),
        FilePart("last", BytesBody(b"end", ""), "last"),
    ]
    body = Multipart(parts)
    data = await whole(body)
    assert body.length == len(data)
    assert body.replayable
    assert await whole(body) == data
    assert CONTENT in data
    assert b"\r\n\r\nonetwo\r\n" in data

    unknown = Multipart([*parts, FilePart("unknown", StreamBody(source), "unknown")])
    assert unknown.length is None
    once = Multipart([*parts, FilePart("once", StreamBody(source()), "once")])
    assert not once.replayable
    assert (await whole(once)).count(b"onetwo") == 2


@pytest.mark.anyio
async def test_a_part_from_a_path(demo_file: Path):
    for path in (demo_file, str(demo_file)):
        part = await FilePart.from_path("upload", path, "text/plain")
        assert (part.name, part.filename, part.body.content_type, part.body.length) == (
            "upload",
            "a b.txt",
            "text/plain",
            5,
        )
        assert await whole(part.body) == b"hello"
    assert (await FilePart.from_path("upload", demo_file)).body.content_type == "application/octet-stream"
    with pytest.raises(FileNotFoundError):
        await FilePart.from_path("upload", demo_file.with_name("missing"))
    with pytest.raises(InputError, match="not a regular file"):
        await FilePart.from_path("upload", "/dev/null")


@pytest.fixture
def demo_file(tmp_path: Path) -> Path:
    path = tmp_path / "a b.txt"
    path.write_bytes(b"hello")
    return path

"""The response parser: however the bytes are split the response is the same; whatever the bytes, the error is ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from lading._http.errors import ProtocolError
from lading._http.h1 import ResponseHead, ResponseParser

if TYPE_CHECKING:
    from collections.abc import Iterator


class Parsed(NamedTuple):
    """What came out; *after* is what follows the response."""

    head: ResponseHead
    body: bytes
    after: bytes


def parse(method: str, pieces: Iterator[bytes]) -> Parsed:
    """Drive a parser as a connection does."""
    parser = ResponseParser(method)
    while (head := parser.feed(next(pieces, b""))) is None:
        pass
    if head.chunked:
        body = b""
        piece = parser.chunk(None)
        while piece is not None:
            body += piece
            piece = parser.chunk(None) or parser.chunk(next(pieces, b"")) if piece == b"" else parser.chunk(None)
        return Parsed(head, body, parser.rest() + b"".join(pieces))
    rest = parser.rest() + b"".join(pieces)
    length = len(rest) if head.length is None else head.length
    if len(rest) < length:
        raise ProtocolError("short")
    return Parsed(head, rest[:length], rest[length:])


_TOKEN = st.text("abcXYZ-09", min_size=1, max_size=8).map(str.encode)
_TEXT = st.text("ab c;=,\t", max_size=12).map(lambda text: text.strip().encode())
_HEADERS = st.lists(st.tuples(_TOKEN.map(lambda name: b"X-" + name), _TEXT), max_size=4)


def lines(start: bytes, headers: list[tuple[bytes, bytes]]) -> bytes:
    return b"\r\n".join([start, *(name + b": " + value for name, value in headers), b"", b""])


@st.composite
def responses(draw: st.DrawFn) -> tuple[str, bytes, int, bytes, bytes]:
    """(method, bytes sent, status, body, bytes beyond)."""
    method = draw(st.sampled_from(["GET", "POST", "HEAD"]))
    sent = b"".join(
        lines(b"HTTP/1.1 %d " % status, headers)
        for status, headers in draw(st.lists(st.tuples(st.sampled_from([100, 102, 103]), _HEADERS), max_size=2))
    )
    status = draw(st.sampled_from([200, 201, 204, 206, 304, 413, 429, 500, 599]))
    headers = draw(_HEADERS)
    bare = method == "HEAD" or status in {204, 304}
    chunks = draw(st.lists(st.binary(min_size=1, max_size=40), max_size=5))
    body = b"".join(chunks)
    after = draw(st.binary(max_size=5))
    framing = draw(st.sampled_from(["length", "chunked", "end"]))
    if framing == "length":
        headers.append((b"Content-Length", b"%d" % len(body)))
        content = body
    elif framing == "chunked":
        headers.append((b"Transfer-Encoding", b"chunked"))
        extension = draw(st.sampled_from([b"", b";a=b", b';q="x y"']))
        content = b"".join(b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks)
        content += lines(b"0", draw(_HEADERS))
    else:
        content, after = body, (after if bare else b"")
    sent += lines(b"HTTP/1.1 %d Any Reason" % status, headers)
    if bare:
        return method, sent + after, status, b"", after
    return method, sent + content + after, status, body, after


def cut(data: bytes, places: list[int]) -> Iterator[bytes]:
    edges = [0, *sorted({place % len(data) for place in places} - {0}), len(data)]
    return (data[start:end] for start, end in zip(edges, edges[1:], strict=False))


@given(responses(), st.lists(st.integers(0, 10_000), max_size=12))
def test_cuts_make_no_difference(response: tuple[str, bytes, int, bytes, bytes], places: list[int]) -> None:
    method, sent, status, body, after = response
    parsed = parse(method, cut(sent, places))
    assert (parsed.head.status, parsed.body, parsed.after) == (status, body, after)
    assert parsed == parse(method, iter([sent])) == parse(method, (bytes([byte]) for byte in sent))


@given(responses(), st.integers(0, 10_000))
def test_a_beginning_is_never_taken_for_the_whole(response: tuple[str, bytes, int, bytes, bytes], place: int) -> None:
    method, sent, _, _, after = response
    head = parse(method, iter([sent])).head
    assume(head.chunked or head.length is not None)  # what ends with the connection can end anywhere
    with pytest.raises(ProtocolError):
        parse(method, iter([sent[: place % (len(sent) - len(after))]]))


@given(st.sampled_from(["GET", "HEAD", "CONNECT"]), st.lists(st.binary(max_size=200), max_size=4))
@example("GET", [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"fffffffffffffffffffffff\r\n"])
@example("GET", [b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n"])
@example("GET", [b"HTTP/1.1 099 OK\r\n\r\n"])
@example("GET", [b"HTTP/1.1 999 OK\r\n\r\n"])
@example("GET", [b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\n"])
@example("GET", [b"HTTP/1.1 200 OK\r\n folded: 1\r\n\r\n"])
@example("GET", [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"])
@example("CONNECT", [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"])
@example("CONNECT", [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0\r\n\r\n"])
def test_any_bytes_end_in_a_response_or_our_error(method: str, pieces: list[bytes]) -> None:
    try:
        parsed = parse(method, iter(pieces))
    except ProtocolError:
        return
    assert 100 <= parsed.head.status <= 999


_LINES = st.sampled_from(
    [
        *(b"HTTP/1.1 200 OK", b"HTTP/1.0 204 x", b"HTTP/1.1 100 ", b"HTTP/1.1 101 ", b"HTTP/1.1 304", b"HTTP/2 200"),
        *(
            b"Content-Length: 2",
            b"Content-Length: 3",
            b"Content-Length: 2, 2",
            b"Content-Length: x",
            b"Connection: close",
        ),
        *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip", b"Upgrade: x", b" folded", b": empty", b"X\0: 1"),
        *(b"", b"", b"", b"2", b"0", b"ok", b"-1", b"2;x"),
    ]
)


@given(st.sampled_from(["GET", "HEAD", "CONNECT"]), st.lists(_LINES, max_size=14), st.lists(st.integers(0, 999)))
def test_any_lines_end_in_a_response_or_our_error(method: str, found: list[bytes], places: list[int]) -> None:
    data = b"\r\n".join(found) + b"\r\n"
    try:
        first = parse(method, cut(data, places))
    except ProtocolError:
        return
    assert first == parse(method, iter([data]))

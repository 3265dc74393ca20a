"""The parser of plain heads beside h11: whatever it accepts, h11 reads the same way; whatever it does not, h11 decides."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lading._http.errors import ProtocolError
from lading._http.h1 import ResponseParser, parse_plain_head

METHODS = ["GET", "HEAD", "POST", "CONNECT"]
HEADS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    (
        b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Fri, 27 Nov 2026 23:00:00 GMT\r\nContent-Type: application/json\r\n"
        b'Content-Length: 16\r\nConnection: keep-alive\r\nX-Empty:\r\nX-Spaces: \t a  b \t \r\n\r\n{"name": "demo"}'
    ),
    b"HTTP/1.1 404 Not Found\r\ncontent-length:0\r\nConnection: close, x\r\n\r\nrest",
    b"HTTP/1.1 201\r\nContent-Length: 00010\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n0123456789",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
    b'HTTP/1.1 304 \r\nETag: "x"\r\nContent-Length: 5\r\n\r\n',
    b"HTTP/1.1 599 a b\tc\r\nConnection: Keep-Alive\r\nConnection: Close\r\nContent-Length: 1\r\n\r\nx",
    b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nX: a\r\n folded\r\nContent-Length: 2\r\n\r\nok",
]
# What mutations put in: separators, controls, bytes at the edges of the allowed ranges, pieces of framing.
PIECES = [
    *(bytes([byte]) for byte in (0, 9, 10, 11, 13, 31, 32, 33, 34, 44, 47, 58, 59, 64, 91, 127, 128, 160, 255)),
    b"\r\n", b"\r\n\r\n", b"\n", b" ", b"\t", b":", b": ", b"0", b"9", b"+1", b"-1", b"1, 1", b"close", b"keep-alive",
    b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"HTTP/1.1 ", b"x" * 300,
]  # fmt: skip


class Read(NamedTuple):
    status: int
    reason: str
    fields: list[tuple[str, str]]
    length: int | None
    keep_alive: bool
    rest: bytes


def by_h11(method: str, data: bytes) -> Read | None:
    """Read a head with h11 alone; ``None`` where h11 refuses it or wants more."""
    parser = ResponseParser(method, plain=False)
    try:
        head = parser.feed(data)
    except ProtocolError:
        return None
    if head is None or head.chunked:
        return None
    return Read(head.status, head.reason, head.fields, head.length, head.keep_alive, parser.rest())


def compare(method: str, data: bytes) -> bool:
    """Return whether the plain parser accepted *data*, after comparing what it read."""
    found = parse_plain_head(method, data)
    if found is None:
        return False
    head, rest = found
    assert not head.chunked
    read = Read(head.status, head.reason, head.fields, head.length, head.keep_alive, rest)
    assert read == by_h11(method, data), data
    return True


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_what_servers_send(method: str, head: bytes) -> None:
    accepted = compare(method, head)
    assert accepted == (head in HEADS[:7])


def mutated(rng: random.Random) -> bytes:
    data = bytearray(rng.choice(HEADS))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(4):
            case 0:
                data[at:at] = rng.choice(PIECES)
            case 1:
                del data[at : at + rng.randint(1, 6)]
            case 2:
                data[at : at + 1] = rng.choice(PIECES)
            case _:
                other = rng.choice(HEADS)
                start = rng.randrange(len(other))
                data[at:at] = other[start : start + rng.randint(1, 40)]
    return bytes(data)


def test_mutated_heads() -> None:
    """A differential fuzz with a fixed seed: 30,000 heads, of which some 2,000 are accepted."""
    rng = random.Random(20261127)
    accepted = sum(compare(rng.choice(METHODS[:3]), mutated(rng)) for _ in range(30_000))
    assert accepted > 1_500


_VALUE = st.text(st.characters(codec="latin-1"), max_size=20).map(lambda text: text.encode("latin-1"))


@settings(max_examples=300)
@given(
    st.sampled_from(METHODS[:3]),
    st.integers(0, 1200).map(lambda status: b"%d" % status),
    st.lists(st.tuples(_VALUE, _VALUE), max_size=5),
    st.binary(max_size=10),
)
def test_any_fields(method: str, status: bytes, fields: list[tuple[bytes, bytes]], rest: bytes) -> None:
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in fields)
    compare(method, b"HTTP/1.1 " + status + b" x\r\nContent-Length: 3\r\n" + lines + b"\r\n" + rest)


@pytest.mark.parametrize("pieces", [1, 2, 50])
def test_a_head_that_is_too_long(pieces: int) -> None:
    head = b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 140_000 + b"\r\nContent-Length: 0\r\n\r\n"
    parser = ResponseParser("GET")
    size = len(head) // pieces + 1
    with pytest.raises(ProtocolError):
        for start in range(0, len(head), size):
            parser.feed(head[start : start + size])
    assert parse_plain_head("GET", head) is None


def test_informational_heads_count_towards_the_limit() -> None:
    with pytest.raises(ProtocolError, match="too long"):
        ResponseParser("GET").feed(
            b"HTTP/1.1 103 Early\r\nX: %b\r\n\r\n" % (b"y" * 5000) * 20
            + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        )


@pytest.mark.parametrize("status", [100, 102, 103])
@pytest.mark.parametrize("pieces", [1, 1000])
def test_interim_responses_are_limited(status: int, pieces: int) -> None:
    interim = b"HTTP/1.1 %d Wait\r\n\r\n" % status
    final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    def feed(data: bytes) -> Any:
        parser = ResponseParser("GET")
        size = -(-len(data) // pieces)
        heads = [parser.feed(data[at : at + size]) for at in range(0, len(data), size)]
        return heads[-1]

    head = feed(interim * 32 + final)
    assert head is not None
    assert head.status == 200
    with pytest.raises(ProtocolError, match="32 interim"):
        feed(interim * 33 + final)


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("cut", [0, 1, 70_000, 139_000])
def test_long_head_is_refused_however_it_arrives(plain: bool, cut: int) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + b"X-More: more\r\n" * 10_000 + b"\r\n"
    parser = ResponseParser("GET", plain=plain)
    with pytest.raises(ProtocolError):
        for piece in (head[:cut], head[cut:]) if cut else (head,):
            assert parser.feed(piece) is None


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("keep", [True, False])
def test_what_is_announced_and_never_sent(plain: bool, keep: bool) -> None:
    """A connection is used again after HEAD only where the store is known to send no body."""
    parser = ResponseParser("HEAD", plain=plain, keep=keep)
    head = parser.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n")
    assert head is not None
    assert (head.length, head.keep_alive) == (0, keep)

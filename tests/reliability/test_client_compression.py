"""Compressed answers: unpacked whole, refused when damaged, and never more of them than was allowed."""

from __future__ import annotations

import gzip
import os
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from lading import BadAnswer, Call, Limits, Model, Reply, ServerError
from lading.testing import Request, Response, Server
from tests.support.asking import client_of, reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from lading import PyPI

pytestmark = pytest.mark.anyio
PLAIN = os.urandom(1000) + b"x" * 700_000


class Thing(Model):
    name: str


class Store:
    """Answers what it is told to."""

    def __init__(self) -> None:
        self.response = Response()
        self.server = Server(self.answer)
        self.faults = self.server.faults

    async def answer(self, request: Request) -> Response:
        await request.read()
        return self.response


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    with store.server:
        yield store


@pytest.fixture
async def client(store: Store) -> Any:
    """A client with one connection: it goes on working after every bad answer."""
    async with client_of(store.server.url, limits=Limits(connections=1)) as client:
        yield client
        store.response = Response(body=b"good")
        assert (await client.send(Call("GET", "after", reply))).body == b"good"


def get(**options: Any) -> Call[Reply]:
    return Call("GET", "thing", reply, **options)


def same(one: bytes, other: bytes) -> bool:
    """Whether they are; asked so, pytest does not compare them line by line for minutes when they are not."""
    return one == other


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


async def chunks(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


ENCODED = {
    "gzip": ("gzip", gzip.compress(PLAIN)),
    "x-gzip": ("X-GZip", gzip.compress(PLAIN)),
    "several members": ("gzip", gzip.compress(PLAIN[:900]) + gzip.compress(PLAIN[900:])),
    "deflate": ("deflate", zlib.compress(PLAIN)),
    "deflate as some servers read it": ("deflate", raw_deflate(PLAIN)),
    "identity": ("identity", PLAIN),
}


@pytest.mark.parametrize("kind", ENCODED)
@pytest.mark.parametrize("size", [None, 777])
async def test_compressed(client: PyPI, store: Store, kind: str, size: int | None):
    encoding, data = ENCODED[kind]
    store.response = Response(200, {"Content-Encoding": encoding}, data if size is None else chunks(data, size))
    assert same((await client.send(get())).body, PLAIN)


async def test_nothing_compressed_is_nothing(client: PyPI, store: Store):
    store.response = Response(200, {"Content-Encoding": "gzip"}, b"")
    assert (await client.send(get())).body == b""


DAMAGED = {
    "no gzip": ("gzip", b"plain text"),
    "flipped": (
        "gzip",
        (data := bytearray(gzip.compress(PLAIN))).__setitem__(slice(500, 510), b"?" * 10) or bytes(data),
    ),
    "wrong sum": ("gzip", gzip.compress(PLAIN)[:-8] + bytes(8)),
    "ends early": ("gzip", gzip.compress(PLAIN)[:-20]),
    "ends after its head": ("gzip", gzip.compress(PLAIN)[:10]),
    "deflate ends early": ("deflate", zlib.compress(PLAIN)[:-20]),
    "more behind it": ("gzip", gzip.compress(PLAIN) + b"garbage"),
    "unknown": ("br", b"whatever"),
    "twice": ("gzip, gzip", gzip.compress(gzip.compress(PLAIN))),
}


@pytest.mark.parametrize("kind", DAMAGED)
@pytest.mark.parametrize(("method", "outcome"), [("GET", "not_done"), ("POST", "unknown")])
async def test_damaged_compression(client: PyPI, store: Store, kind: str, method: str, outcome: str):
    encoding, data = DAMAGED[kind]
    store.response = Response(200, {"Content-Encoding": encoding}, data)
    with pytest.raises(BadAnswer) as caught:
        await client.send(Call(method, "thing", reply))
    assert caught.value.outcome == outcome


@pytest.mark.parametrize("encoding", ["gzip", "br"])
async def test_an_error_that_cannot_be_unpacked_is_still_that_error(client: PyPI, store: Store, encoding: str):
    store.response = Response(500, {"Content-Encoding": encoding}, b"garbage")
    with pytest.raises(ServerError, match="Internal Server Error"):
        await client.send(get())


BOMB = gzip.compress(bytes(64 * 1024 * 1024))


async def test_a_bomb_does_not_go_off(client: PyPI, store: Store):
    store.response = Response(200, {"Content-Encoding": "gzip"}, BOMB)
    with pytest.raises(BadAnswer, match="more than 1000000 bytes"):
        await client.send(get(max_answer=1_000_000))
    store.response = Response(500, {"Content-Encoding": "gzip"}, BOMB)
    with pytest.raises(ServerError):
        await client.send(get())


async def test_a_tail_without_end_is_not_kept(client: PyPI, store: Store):
    """What follows compressed data counts as well."""

    async def endless() -> AsyncIterator[bytes]:
        yield gzip.compress(b"short")
        for _ in range(1000):
            yield bytes(100_000)

    store.response = Response(200, {"Content-Encoding": "gzip"}, endless())
    with pytest.raises(BadAnswer):
        await client.send(get(max_answer=1000))

"""Compressed responses: decompressed completely, rejected when damaged, and never beyond the size limit."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

import anyio
import pytest

from lading import Call, InvalidResponse, ServerError
from lading.testing import ServerResponse
from tests.support.canned_store import PLAIN, CannedStore, chunks, get, same
from tests.support.transport_client import as_response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lading import PyPI

pytestmark = pytest.mark.anyio


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


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
async def test_compressed(lasting_client: PyPI, canned_store: CannedStore, kind: str, size: int | None):
    encoding, data = ENCODED[kind]
    canned_store.response = ServerResponse(
        200, {"Content-Encoding": encoding}, data if size is None else chunks(data, size)
    )
    assert same((await lasting_client.send(get())).body, PLAIN)


async def test_nothing_compressed_is_nothing(lasting_client: PyPI, canned_store: CannedStore):
    canned_store.response = ServerResponse(200, {"Content-Encoding": "gzip"}, b"")
    assert (await lasting_client.send(get())).body == b""


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
async def test_damaged_compression(
    lasting_client: PyPI, canned_store: CannedStore, kind: str, method: str, outcome: str
):
    encoding, data = DAMAGED[kind]
    canned_store.response = ServerResponse(200, {"Content-Encoding": encoding}, data)
    with pytest.raises(InvalidResponse) as caught:
        await lasting_client.send(Call(method, "thing", as_response))
    assert caught.value.outcome == outcome


@pytest.mark.parametrize("encoding", ["gzip", "br"])
async def test_an_error_that_cannot_be_unpacked_is_still_that_error(
    lasting_client: PyPI, canned_store: CannedStore, encoding: str
):
    canned_store.response = ServerResponse(500, {"Content-Encoding": encoding}, b"garbage")
    with pytest.raises(ServerError, match="Internal Server Error"):
        await lasting_client.send(get())


BOMB = gzip.compress(bytes(64 * 1024 * 1024))


async def test_a_bomb_does_not_go_off(lasting_client: PyPI, canned_store: CannedStore):
    canned_store.response = ServerResponse(200, {"Content-Encoding": "gzip"}, BOMB)
    with pytest.raises(InvalidResponse, match="more than 1000000 bytes"):
        await lasting_client.send(get(max_response_size=1_000_000))
    canned_store.response = ServerResponse(500, {"Content-Encoding": "gzip"}, BOMB)
    with pytest.raises(ServerError):
        await lasting_client.send(get())


async def test_a_tail_without_end_is_not_kept(lasting_client: PyPI, canned_store: CannedStore):
    """What follows compressed data counts as well."""

    async def endless() -> AsyncIterator[bytes]:
        yield gzip.compress(b"short")
        for _ in range(1000):
            yield bytes(100_000)

    canned_store.response = ServerResponse(200, {"Content-Encoding": "gzip"}, endless())
    with pytest.raises(InvalidResponse):
        await lasting_client.send(get(max_response_size=1000))


async def test_others_run_while_a_small_piece_becomes_a_large_body(lasting_client: PyPI, canned_store: CannedStore):
    body = gzip.compress(bytes(15 << 20))  # 15 KiB: it comes in one piece
    canned_store.response = ServerResponse(200, {"Content-Encoding": "gzip"}, body)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    async with anyio.create_task_group() as group:
        group.start_soon(others)
        await anyio.lowlevel.checkpoint()
        response = await lasting_client.send(get())
        group.cancel_scope.cancel()
    assert len(response.body) == 15 << 20
    assert turns >= 50

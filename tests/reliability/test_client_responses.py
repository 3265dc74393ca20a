"""Responses of any shape: chunked, truncated, far too long, and not as announced."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lading import Call, InvalidResponse, LadingError, Model, NetworkError, Response, Retry, ServerError
from lading.testing import Respond, RespondRaw, ServerResponse, Truncate
from tests.support.canned_store import PLAIN, CannedStore, chunks, get, same
from tests.support.transport_client import as_response, make_client

if TYPE_CHECKING:
    from lading import PyPI

pytestmark = pytest.mark.anyio


class Thing(Model):
    name: str


@pytest.mark.parametrize("size", [1000, 70_000, 10_000_000])
async def test_chunked(lasting_client: PyPI, canned_store: CannedStore, size: int):
    canned_store.response = ServerResponse(body=chunks(PLAIN, size))
    assert same((await lasting_client.send(get())).body, PLAIN)


@pytest.mark.parametrize("how", ["length", "chunked", "until the end"])
@pytest.mark.parametrize("size", [1000, 1001, 3_000_000])
async def test_a_limit_on_what_is_read(lasting_client: PyPI, canned_store: CannedStore, how: str, size: int):
    data = PLAIN[:size] if size < len(PLAIN) else PLAIN * 5
    if how == "until the end":
        canned_store.faults.add(RespondRaw(b"HTTP/1.1 200 OK\r\n\r\n" + data))
    else:
        canned_store.response = ServerResponse(body=data if how == "length" else chunks(data, 50_000))
    if size == 1000:
        assert same((await lasting_client.send(get(max_response_size=1000))).body, data)
        return
    with pytest.raises(InvalidResponse, match="more than 1000 bytes") as caught:
        await lasting_client.send(get(max_response_size=1000))
    assert caught.value.outcome == "not_done"


async def test_a_write_whose_response_is_too_long_may_have_worked(lasting_client: PyPI, canned_store: CannedStore):
    canned_store.response = ServerResponse(body=PLAIN)
    with pytest.raises(InvalidResponse) as caught:
        await lasting_client.send(Call("POST", "thing", as_response, max_response_size=1000))
    assert caught.value.outcome == "unknown"


async def test_a_long_error_page_is_still_that_error(lasting_client: PyPI, canned_store: CannedStore):
    canned_store.response = ServerResponse(502, {"Content-Type": "text/plain"}, PLAIN)
    with pytest.raises(ServerError, match="Bad Gateway") as caught:
        await lasting_client.send(get())
    assert len(str(caught.value)) < 500


CUT = {
    "by length": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
    "in a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nonly this",
    "between chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n",
    "in the head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "before the head": b"",
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "no number": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "not HTTP": b"220 mail.test ESMTP ready\r\n",
    "endless head": b"HTTP/1.1 200 OK\r\n" + b"X-More: more\r\n" * 10_000 + b"\r\n",
}


@pytest.mark.parametrize("kind", CUT)
@pytest.mark.parametrize(("method", "outcome"), [("GET", "not_done"), ("POST", "unknown")])
async def test_cut_and_broken(lasting_client: PyPI, canned_store: CannedStore, kind: str, method: str, outcome: str):
    canned_store.faults.add(RespondRaw(CUT[kind]))
    with pytest.raises(NetworkError) as caught:
        await lasting_client.send(Call(method, "thing", as_response))
    assert (caught.value.phase, caught.value.outcome) == ("receive", outcome)


async def test_an_error_whose_body_is_cut_is_still_that_error(lasting_client: PyPI, canned_store: CannedStore):
    canned_store.response = ServerResponse(
        500, {"Content-Type": "application/json"}, json.dumps({"error": "x" * 5000}).encode()
    )
    canned_store.faults.add(Truncate(10))
    with pytest.raises(ServerError, match="Internal Server Error"):
        await lasting_client.send(get())


WRONG = {
    "a proxy's page": ("text/html", b"<html><title>Log in</title></html>"),
    "half of it": ("application/json", b'{"name": "x"'),
    "nothing": ("application/json", b""),
    "another thing": ("application/json", b'{"id": 1}'),
    "a list": ("application/json", b"[]"),
    "a number for a text": ("application/json", b'{"name": 1}'),
    "not UTF-8": ("application/json", b'{"name": "\xff"}'),
    "nested without end": ("application/json", b"[" * 500_000),
    "a number without end": ("application/json", b"9" * 5000),
}


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("read", [Thing, lambda r: {"name": str(r.json()["name"] + "")}], ids=["model", "function"])
async def test_a_success_that_is_not_what_was_promised(
    lasting_client: PyPI, canned_store: CannedStore, kind: str, read: Any
):
    media_type, body = WRONG[kind]
    canned_store.response = ServerResponse(200, {"Content-Type": media_type}, body)
    for method, outcome in (("GET", "not_done"), ("POST", "unknown")):
        with pytest.raises(InvalidResponse, match=f"{media_type}, which is not what the store promises") as caught:
            await lasting_client.send(Call(method, "thing", read))
        assert caught.value.outcome == outcome


async def test_a_bad_response_is_not_requested_again(canned_store: CannedStore):
    count = 0

    def read(response: Response) -> None:
        nonlocal count
        count += 1
        raise ValueError

    async with make_client(canned_store.server.url, retry=Retry(attempts=5, backoff=0)) as client:
        with pytest.raises(LadingError):
            await client.send(Call("GET", "thing", read))
    assert count == 1


async def test_statuses_that_the_reader_wants_to_see(lasting_client: PyPI, canned_store: CannedStore):
    for status in (404, 500, 304):
        canned_store.faults.add(Respond(status, b"" if status == 304 else b"body"))
        found = await lasting_client.send(get(allow_statuses=frozenset({404, 500, 304})))
        assert (found.status, found.body) == (status, b"" if status == 304 else b"body")


async def test_responses_without_a_body(lasting_client: PyPI, canned_store: CannedStore):
    canned_store.response = ServerResponse(204)
    assert (await lasting_client.send(Call("DELETE", "thing", as_response))).status == 204
    canned_store.response = ServerResponse(200, {"Content-Length": "1000", "X-A": "1"})
    head = await lasting_client.send(Call("HEAD", "thing", as_response))
    assert (head.body, head.headers["content-length"], head.headers["x-a"]) == (b"", "1000", "1")


async def test_headers_are_found_by_lower_case_name_and_joined(lasting_client: PyPI, canned_store: CannedStore):
    canned_store.response = ServerResponse(200, [("X-Many", "a"), ("x-many", "b")], b"")
    assert (await lasting_client.send(get())).headers["x-many"] == "a, b"

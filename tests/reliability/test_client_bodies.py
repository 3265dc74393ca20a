"""A body that is sent again is sent whole, byte for byte; one that can be read once is sent once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from anyio import to_thread

from lading import (
    Body,
    BytesBody,
    Call,
    FileBody,
    FilePart,
    InputError,
    LadingError,
    Multipart,
    NetworkError,
    Progress,
    RateLimited,
    Retry,
    ServerError,
    StreamBody,
)
from lading.testing import DropAfter, DropDuring, Fault, Respond, RespondEarly, Server, ServerRequest, ServerResponse
from tests.support.bodies import whole
from tests.support.transport_client import make_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

pytestmark = pytest.mark.anyio
QUICK = Retry(attempts=4, backoff=0)
CONTENT = os.urandom(2 * 1024 * 1024 + 7)


class Store:
    """Keeps what it gets.

    Attributes:
        bodies: Bodies that came whole.
        heads: The headers of every request that was begun.
    """

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.heads: list[dict[str, str]] = []
        self.server = Server(self.respond)
        self.faults = self.server.faults

    async def respond(self, request: ServerRequest) -> ServerResponse:
        self.heads.append({name.lower(): value for name, value in request.headers.pairs})
        self.bodies.append(await request.read())
        return ServerResponse()


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    with store.server:
        yield store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "content.bin"
    path.write_bytes(CONTENT)
    return path


async def source() -> AsyncIterator[bytes]:
    for start in range(0, len(CONTENT), 300_001):
        yield CONTENT[start : start + 300_001]


async def body_of(kind: str, path: Path) -> Body:
    file = await FileBody.from_path(path)
    return {
        "bytes": BytesBody(CONTENT),
        "file": file,
        "multipart": Multipart([("field", "value"), FilePart("content", file, path.name)]),
        "stream": StreamBody(source, len(CONTENT)),
        "stream of unknown length": StreamBody(source),
    }[kind]


KINDS = ["bytes", "file", "multipart", "stream", "stream of unknown length"]
FAULTS = [
    Respond(503, retry_after=0),
    RespondEarly(503, after=100_000, retry_after=0, then="close"),
    RespondEarly(429, after=0, then="reset"),
    RespondEarly(429, after=500_000, then="keep-reading"),
    DropDuring(0),
    DropDuring(1_000_000),
    DropDuring(1_000_000, reset=True),
    DropAfter(),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{type(fault).__name__}-{getattr(fault, 'then', '')}")
async def test_what_arrives_after_a_failure_is_exactly_what_was_sent(store: Store, path: Path, kind: str, fault: Fault):
    body = await body_of(kind, path)
    reported: list[Progress] = []
    store.faults.add(fault, times=2)
    async with make_client(store.server.url, retry=QUICK) as client:
        await client.send(
            Call("PUT", "thing", lambda response: response.status, body=body, on_progress=reported.append)
        )
    assert not store.faults.pending
    expected = await whole(body)
    assert store.bodies == [expected] * (3 if isinstance(fault, DropAfter) else 1)
    head = store.heads[-1]
    if body.length is None:
        assert head["transfer-encoding"] == "chunked"
        assert "content-length" not in head
    else:
        assert head["content-length"] == str(len(expected))
        assert "transfer-encoding" not in head
    assert {p.attempt for p in reported} == {1, 2, 3}
    assert reported[-1] == Progress(len(expected), body.length, 3)


@pytest.mark.parametrize(
    ("fault", "error", "outcome"),
    [
        (Respond(503, retry_after=0), ServerError, "not_done"),
        (Respond(429), RateLimited, "not_done"),
        (DropDuring(1000), NetworkError, "unknown"),
        (DropAfter(), NetworkError, "unknown"),
        (Respond(500), ServerError, "unknown"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a form"])
async def test_a_source_that_can_be_read_once_is_sent_once(
    store: Store, fault: Fault, error: type[LadingError], outcome: str, inside: bool
):
    body: Body = StreamBody(source(), len(CONTENT))
    if inside:
        body = Multipart([FilePart("content", body, "content.bin")])
    store.faults.add(fault, times=None)
    async with make_client(store.server.url, retry=QUICK) as client:
        with pytest.raises(error) as caught:
            await client.send(Call("PUT", "thing", lambda response: response.status, body=body))
    assert caught.value.outcome == outcome
    assert len(store.faults.happened) == 1
    assert len(store.bodies) == isinstance(fault, DropAfter)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
@pytest.mark.parametrize("where", ["at once", "in the middle"])
@pytest.mark.parametrize("client", ["transport", "httpx"])
async def test_what_ends_the_process_arrives_as_it_is(store: Store, error: BaseException, where: str, client: str):
    async def source() -> AsyncIterator[bytes]:
        if where == "in the middle":
            yield CONTENT
        raise error

    options: dict[str, Any] = {}
    if client == "httpx":
        options["http_client"] = httpx.AsyncClient(trust_env=False, verify=False)
    async with make_client(store.server.url, retry=QUICK, **options) as sending:
        with pytest.raises(type(error)) as caught:
            await sending.send(Call("PUT", "thing", body=StreamBody(source)))
        assert caught.value is error
        assert not store.bodies
        await sending.send(Call("PUT", "thing", body=BytesBody(b"after")))
    if client == "httpx":
        await options["http_client"].aclose()
    assert store.bodies == [b"after"]


async def test_a_source_that_can_be_read_once_does_arrive(store: Store):
    async with make_client(store.server.url, retry=QUICK) as client:
        await client.send(Call("POST", "thing", lambda response: response.status, body=StreamBody(source())))
    assert store.bodies == [CONTENT]


@pytest.mark.parametrize("fault", [DropDuring(1000), DropAfter(), Respond(500)], ids=repr)
async def test_a_write_that_may_have_worked_is_not_doubled(store: Store, path: Path, fault: Fault):
    store.faults.add(fault, times=None)
    async with make_client(store.server.url, retry=QUICK) as client:
        with pytest.raises(LadingError) as caught:
            await client.send(
                Call("POST", "thing", lambda response: response.status, body=await FileBody.from_path(path))
            )
    assert caught.value.outcome == "unknown"
    assert len(store.faults.happened) == 1


@pytest.mark.parametrize("length", [len(CONTENT) - 1, len(CONTENT) + 1])
async def test_a_source_that_breaks_its_word_leaves_nothing_whole(store: Store, length: int):
    async with make_client(store.server.url, retry=QUICK) as client:
        with pytest.raises(InputError) as caught:
            await client.send(Call("PUT", "thing", lambda response: response.status, body=StreamBody(source, length)))
        assert caught.value.argument == "body"
        assert not store.bodies
        await client.send(Call("PUT", "thing", lambda response: response.status, body=StreamBody(source)))
    assert store.bodies == [CONTENT]
    assert len(store.heads) <= 2  # and it was not tried again


async def test_what_a_source_raises_comes_out_as_it_is(store: Store):
    class Mine(Exception):
        pass

    async def broken() -> AsyncIterator[bytes]:
        yield CONTENT
        raise Mine

    opened: list[Any] = []

    def again() -> AsyncIterator[bytes]:
        opened.append(1)
        return broken()

    async with make_client(store.server.url, retry=QUICK) as client:
        with pytest.raises(Mine) as caught:
            await client.send(Call("PUT", "thing", lambda response: response.status, body=StreamBody(again)))
        assert caught.value.__cause__ is None
        assert len(opened) == 1
        assert not store.bodies


async def test_many_bodies_at_once_do_not_mix(store: Store, tmp_path: Path):
    """They share read buffers, so each is checked against itself."""
    import anyio

    contents = [os.urandom(400_000 + number) for number in range(12)]
    for number, content in enumerate(contents):
        await to_thread.run_sync((tmp_path / str(number)).write_bytes, content)
    store.faults.add(DropDuring(200_000), times=6)
    async with make_client(store.server.url, retry=Retry(attempts=20, backoff=0)) as client:

        async def upload(number: int) -> None:
            body = await FileBody.from_path(tmp_path / str(number))
            await client.send(Call("PUT", "thing", lambda response: response.status, body=body))

        async with anyio.create_task_group() as group:
            for number in range(len(contents)):
                group.start_soon(upload, number)
    assert sorted(store.bodies, key=len) == contents

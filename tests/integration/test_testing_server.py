"""The server as clients see it: correct HTTP, and a clean stop."""

from __future__ import annotations

import gc
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
import httpx
import pytest

from lading.testing import DropAfter, Faults, Server, ServerRequest, ServerResponse

if TYPE_CHECKING:
    from pathlib import Path


async def echo(request: ServerRequest) -> ServerResponse:
    """Return what arrived, as JSON."""
    body = await request.read()
    return ServerResponse.json(
        {
            "method": request.method,
            "target": request.target,
            "path": request.path,
            "query": request.query.pairs,
            "body": body.decode("latin-1"),
        }
    )


def talk(server: Server, data: bytes) -> bytes:
    """Send *data* and return everything up to the end of the connection."""
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.sendall(data)
        return read_all(sock)


def read_all(sock: socket.socket) -> bytes:
    response = b""
    while data := sock.recv(65536):
        response += data
    return response


def read_until(sock: socket.socket, end: bytes) -> bytes:
    response = b""
    while end not in response:
        data = sock.recv(65536)
        assert data, response
        response += data
    return response


def test_a_request_arrives_completely():
    seen: list[ServerRequest] = []

    async def handler(request: ServerRequest) -> ServerResponse:
        seen.append(request)
        return await echo(request)

    with Server(handler) as server:
        response = httpx.put(f"{server.url}/a%20b/c%2Fd?x=1&x=2&y=%26&z", content=b"hello", headers={"X-Thing": "1"})
    assert response.json() == {
        "method": "PUT",
        "target": "/a%20b/c%2Fd?x=1&x=2&y=%26&z",
        "path": "/a b/c/d",
        "query": [["x", "1"], ["x", "2"], ["y", "&"], ["z", ""]],
        "body": "hello",
    }
    (request,) = seen
    assert request.query.get_all("x") == ["1", "2"]
    assert request.query["x"] == "1"
    assert request.query.get("X") is None
    assert request.headers["x-thing"] == request.headers["X-THING"] == "1"
    assert "no-such" not in request.headers
    assert max(request.headers) == "x-thing"
    assert len(request.query) == 3
    assert repr(request).startswith("<ServerRequest PUT /a%20b")
    assert server.errors == []


def test_one_connection_serves_many_requests():
    with Server(echo) as server, socket.create_connection(("127.0.0.1", server.port)) as sock:
        for number in range(3):
            sock.sendall(b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi" % number)
            assert b'"target": "/%d"' % number in read_until(sock, b"}")


def test_pipelined_requests_are_served_in_order():
    with Server(echo) as server:
        response = talk(
            server,
            b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        )
    assert response.index(b'"/1"') < response.index(b'"/2"')


@pytest.mark.parametrize("head", [b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close", b"GET / HTTP/1.0"])
def test_the_connection_is_closed_if_the_client_requests_it(head):
    with Server(echo) as server:
        assert talk(server, head + b"\r\n\r\n").endswith(b"}")


def test_a_chunked_body_is_put_together():
    with Server(echo) as server, httpx.Client() as client:
        for _ in range(2):
            response = client.post(server.url, content=iter([b"one ", b"two ", b"three"]))
            assert response.json()["body"] == "one two three"


def test_an_unread_body_does_not_affect_the_next_request():
    async def handler(request: ServerRequest) -> ServerResponse:
        return ServerResponse(401)

    with Server(handler) as server, socket.create_connection(("127.0.0.1", server.port)) as sock:
        for _ in range(2):
            sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n")
            assert read_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 401 Unauthorized\r\n")
            sock.sendall(bytes(300_000))


def test_a_large_body_goes_to_disk(tmp_path: Path):
    async def handler(request: ServerRequest) -> ServerResponse:
        return ServerResponse.json(await request.save(tmp_path / "body"))

    content = bytes(range(256)) * 20_000
    with Server(handler) as server:
        assert httpx.post(server.url, content=content).json() == len(content)
    assert (tmp_path / "body").read_bytes() == content


def test_a_handlers_blocking_work_runs_in_a_thread_that_ends_with_the_server():
    async def handler(request: ServerRequest) -> ServerResponse:
        threads.append(await request.in_thread(threading.current_thread))
        return ServerResponse.json(await request.in_thread(divmod, 7, 2))

    threads: list[threading.Thread] = []
    with Server(handler) as server:
        assert httpx.get(server.url).json() == [3, 1]
    assert threads[0] is not threading.current_thread()
    assert not threads[0].is_alive()


def test_a_body_too_large_for_memory_is_refused():
    async def handler(request: ServerRequest) -> ServerResponse:
        return ServerResponse(body=await request.read(limit=10))

    with Server(handler) as server:
        assert httpx.post(server.url, content=bytes(10)).status_code == 200
        assert httpx.post(server.url, content=bytes(11)).status_code == 500
    assert [str(error) for error in server.errors] == ["the body is longer than 10 bytes"]


def test_100_continue_is_sent_when_the_body_is_read():
    with Server(echo) as server, socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert read_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 100 Continue\r\n")
        sock.sendall(b"hello")
        assert b'"body": "hello"' in read_until(sock, b"}")


def test_a_client_that_waits_for_100_continue_is_refused_before_its_body():
    async def handler(request: ServerRequest) -> ServerResponse:
        return ServerResponse(417)

    with Server(handler) as server:
        response = talk(server, b"PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert response.startswith(b"HTTP/1.1 417 Expectation Failed\r\n")
    assert b"Connection: close\r\n" in response


def test_head_has_the_headers_and_no_body():
    with Server(echo) as server, httpx.Client(base_url=server.url) as client:
        for _ in range(2):
            response = client.head("/")
            assert (response.status_code, response.content) == (200, b"")
            assert int(response.headers["Content-Length"]) > 10


@pytest.mark.parametrize(
    ("response", "line"),
    [
        (ServerResponse(400, reason="File already exists"), b"HTTP/1.1 400 File already exists\r\n"),
        (ServerResponse(400, reason="gr\xfc\xdfe \u2192"), b"HTTP/1.1 400 gr\xfc\xdfe ?\r\n"),
        (ServerResponse(422), b"HTTP/1.1 422 Unprocessable"),
        (ServerResponse(799), b"HTTP/1.1 799 \r\n"),
        (ServerResponse(204), b"HTTP/1.1 204 No Content\r\n"),
        (ServerResponse(304), b"HTTP/1.1 304 Not Modified\r\n"),
    ],
)
def test_status_and_reason_are_the_handlers(response, line):
    async def handler(request: ServerRequest) -> ServerResponse:
        return response

    with Server(handler) as server:
        received = talk(server, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert received.startswith(line)
    assert (b"content-length: 0" in received.lower()) is (response.status not in {204, 304})


def test_headers_keep_their_order_case_and_repetition():
    async def handler(request: ServerRequest) -> ServerResponse:
        return ServerResponse(headers=[("X-Odd", "1"), ("x-other", "2"), ("X-Odd", "3")])

    with Server(handler) as server:
        response = talk(server, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"X-Odd: 1\r\nx-other: 2\r\nX-Odd: 3\r\n" in response


@pytest.fixture
def blob(tmp_path: Path) -> Path:
    path = tmp_path / "blob"
    path.write_bytes(b"0123456789")
    return path


def serving(path: Path, **headers: str) -> Server:
    async def handler(request: ServerRequest) -> ServerResponse:
        return ServerResponse(headers=headers, body=path)

    return Server(handler)


@pytest.mark.parametrize(
    ("wanted", "status", "body", "content_range"),
    [
        (None, 200, b"0123456789", None),
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-30", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=8-100", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=0-1,4-5", 200, b"0123456789", None),
        ("bytes=5-2", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
def test_files_are_served_in_the_requested_range(blob, wanted, status, body, content_range):
    with serving(blob) as server, httpx.Client(base_url=server.url) as client:
        for _ in range(2):
            response = client.get("/", headers={} if wanted is None else {"Range": wanted})
            assert (response.status_code, response.content) == (status, body)
            assert response.headers.get("Content-Range") == content_range
            assert response.headers["Accept-Ranges"] == "bytes"


def test_a_range_is_served_only_of_the_file_the_client_knows(blob):
    with (
        serving(blob, **{"Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT"}) as server,
        httpx.Client() as client,
    ):
        tag = client.get(server.url).headers["ETag"]
        for known, status in [
            (tag, 206),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 206),
            ('"another"', 200),
            (f"W/{tag}", 200),
            ("Sun, 06 Nov 1994 08:49:38 GMT", 200),
        ]:
            headers = {"Range": "bytes=4-", "If-Range": known}
            assert client.get(server.url, headers=headers).status_code == status, known
        blob.write_bytes(b"something else")
        response = client.get(server.url, headers={"Range": "bytes=4-", "If-Range": tag})
        assert (response.status_code, response.content) == (200, b"something else")


def test_a_files_own_tag_has_priority_and_head_has_its_length(blob):
    with serving(blob, ETag='"mine"') as server:
        response = httpx.head(server.url, headers={"Range": "bytes=4-"})
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["ETag"] == '"mine"'
    assert response.headers["Content-Length"] == "10"


def test_large_and_empty_files_are_served(tmp_path: Path):
    content = bytes(range(256)) * 10_000
    (tmp_path / "large").write_bytes(content)
    (tmp_path / "empty").touch()

    async def handler(request: ServerRequest) -> ServerResponse:
        return ServerResponse(body=tmp_path / request.path.lstrip("/"))

    with Server(handler) as server, httpx.Client(base_url=server.url) as client:
        assert client.get("/large").content == content
        assert client.get("/empty").content == b""
        assert client.get("/large", headers={"Range": "bytes=-1000"}).content == content[-1000:]
        assert client.get("/missing").status_code == 500
    assert [type(error) for error in server.errors] == [FileNotFoundError]


class Pieces:
    """A stream that records whether it was closed, and fails at its end if it is given an error."""

    def __init__(self, *pieces: bytes, error: Exception | None = None) -> None:
        self.pieces = list(pieces)
        self.error = error
        self.closed = False

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> bytes:
        if self.pieces:
            return self.pieces.pop(0)
        if self.error:
            raise self.error
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "6"}])
def test_a_stream_is_sent_and_closed(headers):
    stream = Pieces(b"one", b"", b"two")

    async def handler(request: ServerRequest) -> ServerResponse:
        return ServerResponse(headers=headers, body=stream)

    with Server(handler) as server:
        response = httpx.get(server.url)
    assert response.content == b"onetwo"
    assert ("Transfer-Encoding" in response.headers) is not bool(headers)
    assert stream.closed


def test_a_stream_that_fails_truncates_the_response():
    stream = Pieces(b"one", error=RuntimeError("broken"))

    async def handler(request: ServerRequest) -> ServerResponse:
        return ServerResponse(body=stream)

    with Server(handler) as server, pytest.raises(httpx.RemoteProtocolError):
        httpx.get(server.url)
    assert [str(error) for error in server.errors] == ["broken"]
    assert stream.closed


def test_a_failing_handler_is_a_500_and_recorded():
    async def handler(request: ServerRequest) -> ServerResponse:
        if request.path == "/fail":
            pytest.fail("not what I expected")
        raise LookupError(request.path)

    with Server(handler) as server, httpx.Client(base_url=server.url) as client:
        response = client.post("/a", content=bytes(100_000))
        assert (response.status_code, response.text) == (500, "the handler failed: LookupError: /a\n")
        assert client.get("/fail").status_code == 500
    assert [str(error) for error in server.errors] == ["/a", "not what I expected"]


@pytest.mark.parametrize(
    "headers",
    [{"X-Bad": "a\r\nX-More: b"}, {"Content-Length": "3"}, {"Content-Length": "many"}, {"X": "\u2192"}],
)
def test_a_response_that_is_not_http_is_an_error_of_the_handler(headers):
    async def handler(request: ServerRequest) -> ServerResponse:
        return ServerResponse(headers=headers, body=b"four")

    with Server(handler) as server:
        response = talk(server, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"\r\nX-More" not in response
    assert b"four" not in response
    assert len(server.errors) == 1


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"NONSENSE\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + bytes(100_000), b"431"),
        (b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
    ],
)
def test_a_request_that_is_not_http_is_refused(data, status):
    with Server(echo) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as sock:
            sock.sendall(data)
            assert read_until(sock, b"\r\n").startswith(b"HTTP/1.1 " + status)
        assert httpx.get(server.url).status_code == 200
    assert len(server.errors) == 1


def test_a_client_that_leaves_is_no_error():
    ended = threading.Event()
    caught: list[BaseException] = []

    async def handler(request: ServerRequest) -> ServerResponse:
        try:
            return ServerResponse(body=await request.read())
        except ConnectionError as error:
            caught.append(error)
            raise
        finally:
            ended.set()

    with Server(handler) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as sock:
            sock.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
        assert ended.wait(10)
        assert httpx.put(server.url, content=b"whole").content == b"whole"
    assert len(caught) == 1
    assert server.errors == []


def test_many_clients_are_served_concurrently():
    everybody = 50
    waiting: list[anyio.Event] = []

    async def handler(request: ServerRequest) -> ServerResponse:
        waiting.append(anyio.Event())
        if len(waiting) == everybody:
            for event in waiting:
                event.set()
        await waiting[-1].wait()
        return ServerResponse()

    async def main(url: str) -> None:
        async with httpx.AsyncClient() as client, anyio.create_task_group() as tasks:
            for _ in range(everybody):
                tasks.start_soon(client.get, url)

    with Server(handler) as server:
        anyio.run(main, server.url)
    assert len(waiting) == everybody


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_async_with_does_not_block_the_event_loop(backend):
    async def main() -> None:
        async with Server(echo) as server, httpx.AsyncClient() as client:
            assert (await client.get(server.url)).status_code == 200
        with pytest.raises(OSError, match="All connection attempts failed"):
            await anyio.connect_tcp("127.0.0.1", server.port)

    anyio.run(main, backend=backend)


def test_stop_leaves_no_thread_and_no_connection(tmp_path: Path):
    """No thread, no connection and no request in flight is left."""
    started, cancelled = threading.Semaphore(0), threading.Semaphore(0)

    async def handler(request: ServerRequest) -> ServerResponse:
        if request.path == "/save":
            await request.save(tmp_path / "saved")
            return ServerResponse(body=tmp_path / "saved")
        started.release()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.release()
        raise AssertionError

    before = set(threading.enumerate())
    with Server(handler) as server:
        assert httpx.put(f"{server.url}/save", content=b"x").content == b"x"
        sockets = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
        for number, sock in enumerate(sockets):
            # idle, in the middle of a head, of a body, and of the work
            sock.sendall((b"", b"GET / HT", b"PUT /save HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1")[number % 3])
            if number % 4 == 0:
                sock.close()
        busy = socket.create_connection(("127.0.0.1", server.port))
        busy.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert started.acquire(timeout=10)
    assert cancelled.acquire(blocking=False)
    assert set(threading.enumerate()) <= before
    for sock in (*sockets, busy):
        if sock.fileno() >= 0:
            with sock, suppress(ConnectionResetError):
                assert sock.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))
    gc.collect()  # a forgotten socket would warn now
    assert server.errors == []


def test_it_can_be_started_again_but_not_twice():
    server = Server(echo)
    with pytest.raises(RuntimeError, match="has not been started"):
        _ = server.url
    server.stop()
    for _ in range(2):
        with server:
            assert httpx.get(server.url).status_code == 200
            with pytest.raises(RuntimeError, match="running already"):
                server.start()
        server.stop()


def test_faults_can_be_shared_and_prepared():
    faults = Faults()
    faults.add(DropAfter(), path="/b")
    with Server(echo, faults=faults) as one, Server(echo, faults=faults) as two:
        assert httpx.get(f"{one.url}/a").status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(f"{two.url}/b")
    assert one.faults is two.faults is faults


def test_a_port_is_not_used_again(monkeypatch: pytest.MonkeyPatch):
    """Clients keep what they know of a store by its URL, which must not be another store's a moment later."""
    real = socket.create_server
    with Server(echo) as server:
        first = server.port
    given = [first, first]

    def create_server(address: tuple[str, int], **options: int) -> socket.socket:
        return real((address[0], given.pop() if given else 0), reuse_port=True, **options)

    monkeypatch.setattr("lading.testing.server.socket.create_server", create_server)
    with Server(echo) as server:
        assert (server.port != first, given) == (True, [])

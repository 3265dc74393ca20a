"""A user's client over something else than a network: a mock, an application in the process, our own transport."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest

import lading
from lading import BytesBody, Call, FileBody, Retry
from lading.testing import Server, ServerRequest, ServerResponse
from tests.support.bodies import CONTENT, bodies, whole
from tests.support.canned_store import same
from tests.support.transport_client import as_response, make_client

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

pytestmark = pytest.mark.anyio


class Mine(Exception):
    """Of the user's own."""


async def test_a_mock_transport(library: Any):
    def respond(request: Any) -> Any:
        return library.Response(200, headers=[("X-A", "1"), ("x-a", "2")], json={"path": request.url.path})

    async with (
        library.AsyncClient(transport=library.MockTransport(respond)) as http,
        make_client("http://127.0.0.1:9", http_client=http) as client,
    ):
        found = await client.send(Call("GET", "some/{x}", as_response, path_params={"x": "a/b"}))
    assert (found.json(), found.headers["x-a"]) == ({"path": "/some/a/b"}, "1, 2")


class App:
    """An application in the same process (ASGI)."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        pieces = []
        while True:
            message = await receive()
            pieces.append(message.get("body", b""))
            if not message.get("more_body"):
                break
        self.bodies.append(b"".join(pieces))
        if scope["path"] == "/broken":
            raise Mine
        status = 503 if len(self.bodies) == 1 else 200
        headers = [(b"content-type", b"application/json"), (b"retry-after", b"0")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"got": ', "more_body": True})
        await send({"type": "http.response.body", "body": b"%d}" % len(self.bodies[-1])})


async def test_an_application_in_the_same_process(library: Any, content_file: Path):
    app = App()
    async with (
        library.AsyncClient(transport=library.ASGITransport(app=app)) as http,
        make_client("http://127.0.0.1:9", http_client=http, retry=Retry(attempts=2, backoff=0)) as client,
    ):
        for body in await bodies(content_file):
            expected = await whole(body)
            got = await client.send(Call("PUT", "file", lambda r: r.json()["got"], body=body))
            assert (got, app.bodies[-1]) == (len(expected), expected)
        assert len(app.bodies) == 7  # the first was refused once
        with pytest.raises(Mine):
            await client.send(Call("GET", "broken", as_response))


async def test_our_own_transport_in_a_client_of_the_users(client_tls: ssl.SSLContext, server_tls: ssl.SSLContext):
    """It is one of httpx's."""
    bodies: list[bytes] = []

    async def respond(request: ServerRequest) -> ServerResponse:
        bodies.append(await request.read())
        return ServerResponse.json({"got": len(bodies[-1])})

    async with (
        Server(respond, tls=server_tls) as server,
        httpx.AsyncClient(transport=lading.Transport(tls=client_tls)) as http,
        make_client(server.url, http_client=http) as client,
    ):
        assert (await client.send(Call("GET", "file", as_response))).json() == {"got": 0}
        assert (await http.post(f"{server.url}/file", content=CONTENT)).json() == {"got": len(CONTENT)}
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(client.send, Call("PUT", "file", as_response, body=BytesBody(CONTENT)))
    assert bodies == [b""] + [CONTENT] * 6


async def test_pieces_of_a_body_that_a_transport_keeps_do_not_change(library: Any, content_file: Path):
    """Transports keep what they could not send yet: asyncio's do so without a copy from Python 3.12 on."""
    kept: list[Any] = []

    class Keeping(library.AsyncBaseTransport):  # type: ignore[misc]
        async def handle_async_request(self, request: Any) -> Any:
            kept.extend([piece async for piece in request.stream])
            return library.Response(200, content=b"ok")

    async with (
        library.AsyncClient(transport=Keeping()) as http,
        make_client("http://127.0.0.1:9", http_client=http) as client,
    ):
        await client.send(Call("PUT", "thing", as_response, body=await FileBody.from_path(content_file)))
    assert len(kept) > 2
    assert same(b"".join(kept), CONTENT)

"""The framework of the test doubles: routes, refusals, forms, clock and ids."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from lading.testing import Server, ServerRequest, ServerResponse
from lading.testing._embedded import EmbeddedStore
from lading.testing._server import forms
from lading.testing._server.forms import FieldsTooLongError, Form, receive_form
from lading.testing._server.multipart import MultipartError
from lading.testing._server.refusals import Refusal
from lading.testing._server.routing import Route, Router
from lading.testing._server.state import DoubleState

ROUTER = Router(
    [
        Route("GET", "/items/{item_id:int}", "number"),
        Route("GET", "/items/{name}", "name", private=True),
        Route("PUT", "/items/{name}", "put"),
        Route(None, "/any", "any"),
        Route("GET", "/files/{place:path}", "file"),
        Route("GET", "/v1.0/", "dot"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "handler", "values"),
    [
        ("GET", "/items/7", "number", {"item_id": 7}),
        ("HEAD", "/items/7", "number", {"item_id": 7}),
        ("GET", "/items/seven", "name", {"name": "seven"}),
        ("PUT", "/items/7", "put", {"name": "7"}),
        ("DELETE", "/any", "any", {}),
        ("GET", "/files/a/b c", "file", {"place": "a/b c"}),
        ("GET", "/v1.0/", "dot", {}),
        ("GET", "/v1x0/", None, None),
        ("DELETE", "/items/7", None, None),
        ("GET", "/items/", None, None),
        ("GET", "/items/a/b", None, None),
        ("GET", "/files/", None, None),
    ],
)
def test_routes(method, path, handler, values):
    match = ROUTER.find(method, path)
    assert (match and match.route.handler, match and match.values) == (handler, values)


def test_every_route_of_a_path():
    assert [match.route.handler for match in ROUTER.matches("/items/7")] == ["number", "name", "put"]


class Store(EmbeddedStore):
    _kind = "test"

    def __init__(self, handler):
        self.state = DoubleState(datetime(2026, 8, 1, 12, 0, 0, 999, UTC))
        super().__init__(handler, self.state.clock, faults=None, tls=None, port=0)

    def _use_directory(self, directory):
        self.directory = directory


def test_refusals_are_responses_and_dated_by_the_clock():
    async def handler(request: ServerRequest) -> ServerResponse:
        if request.path == "/json":
            raise Refusal(409, {"error": "exists"}, {"X-More": "1"})
        raise Refusal(404, b"gone", {"Content-Type": "text/plain"})

    with Store(handler) as store, httpx.Client(base_url=store.url, trust_env=False) as client:
        refused = client.get("/json")
        assert (refused.status_code, refused.json(), refused.headers["X-More"]) == (409, {"error": "exists"}, "1")
        assert refused.headers["Content-Type"] == "application/json"
        assert refused.headers["Date"] == "Sat, 01 Aug 2026 12:00:00 GMT"
        store.advance_clock(61)
        refused = client.get("/other")
        assert (refused.status_code, refused.content, refused.headers["Content-Type"]) == (404, b"gone", "text/plain")
        assert refused.headers["Date"] == "Sat, 01 Aug 2026 12:01:01 GMT"
        assert store.errors == []
    assert str(Refusal(404, b"gone")) == "gone"


def test_the_clock_stands_still_and_ids_are_counted_by_kind():
    state = DoubleState(datetime(2026, 8, 1, 14, 0, 0, 5, UTC))
    assert (state.clock.now, state.clock.timestamp) == (datetime(2026, 8, 1, 14, tzinfo=UTC), 1785592800)
    state.clock.advance(0.5)
    assert (state.clock.now.microsecond, state.clock.timestamp) == (500_000, 1785592800)
    assert [state.ids.next(kind) for kind in ("a", "a", "b", "a")] == [1, 2, 1, 3]
    assert abs(DoubleState().clock.now - datetime.now(UTC)) < timedelta(seconds=60)


def test_the_url_that_the_client_uses():
    async def handler(request: ServerRequest) -> ServerResponse:
        return ServerResponse(body=request.base_url.encode())

    with Server(handler) as server:
        assert httpx.get(server.url, trust_env=False).text == server.url
        assert httpx.get(server.url, headers={"Host": "store.example"}, trust_env=False).text == "http://store.example"


@pytest.fixture
def receiver(tmp_path):
    """A server that receives forms into ``tmp_path``, and the forms or the errors."""
    received: list[Form | BaseException] = []

    async def handler(request: ServerRequest) -> ServerResponse:
        try:
            received.append(await receive_form(request, tmp_path, hashers=lambda: {"sha256": hashlib.sha256()}))
        except MultipartError as error:
            received.append(error)
        return ServerResponse()

    with Server(handler) as server:

        def post(**options):
            assert httpx.post(server.url, trust_env=False, **options).status_code == 200
            return received.pop()

        yield post


def test_a_form_with_files(receiver, tmp_path, monkeypatch):
    monkeypatch.setattr(forms, "_BATCH", 1000)
    large = bytes(range(256)) * 4096
    form = receiver(
        data={"a": ["1", "2"], "b": "ü"},
        files=[("x", ("one", large, "a/b")), ("y", ("two", b"")), ("x", ("three", b"3"))],
    )
    assert [(part.name, part.filename, value.decode()) for part, value in form.fields] == [
        ("a", None, "1"),
        ("a", None, "2"),
        ("b", None, "ü"),
    ]
    assert [(file.name, file.filename, file.content_type, file.size) for file in form.files] == [
        ("x", "one", "a/b", len(large)),
        ("y", "two", "application/octet-stream", 0),
        ("x", "three", "application/octet-stream", 1),
    ]
    for file, content in zip(form.files, (large, b"", b"3"), strict=True):
        assert (file.path.read_bytes(), file.digests) == (content, {"sha256": hashlib.sha256(content).hexdigest()})
    form.files[0].path.rename(tmp_path / "kept")
    form.discard()
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_no_form(receiver):
    assert receiver(json={}) == receiver(content=b"x", headers={"Content-Type": "multipart/form-data"}) == Form()


def test_a_failed_form_leaves_no_file(receiver, tmp_path, monkeypatch):
    cut = b'--b\r\nContent-Disposition: form-data; name="x"; filename="y"\r\n\r\nzz'
    assert isinstance(
        receiver(content=cut, headers={"Content-Type": "multipart/form-data; boundary=b"}), MultipartError
    )
    monkeypatch.setattr(forms, "_MAX_FIELDS", 10)
    error = receiver(data={"a": "b" * 11}, files=[("x", ("one", b"1"))])
    assert isinstance(error, FieldsTooLongError)
    assert str(error)
    assert list(tmp_path.iterdir()) == []

"""Logging in by SPNEGO, with the real library and real tokens of both sides: NTLM, as it needs no realm."""

from __future__ import annotations

import json
import logging
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
import spnego
from anyio import to_thread

import lading
from lading import (
    BytesBody,
    Call,
    ConfigError,
    Copr,
    Forbidden,
    InvalidResponse,
    LadingError,
    Response,
    StreamBody,
    Unauthorized,
)
from lading.copr import GssapiAuth
from lading.copr import _kerberos as _gssapi
from lading.testing import DropAfter, Respond, Server, ServerRequest, ServerResponse
from lading.testing.copr._refusals import apache_unauthorized
from tests.support.copr_frontend import CHROOT, QUICK, RecordingCopr, SeenRequest, _line

pytestmark = pytest.mark.anyio
PASSWORD = "p4ssw0rd-of-ada"
WHOAMI = "GET auth-check"
LOGIN = "GET gssapi_login/"


class Frontend:
    """A frontend behind a web server that wants Negotiate.

    Attributes:
        seen: The requests.
        sessions: Those that are open.
        refusing: How many logins it still refuses, as the web server does.
        respond: The response to a request; ``None`` for the usual one.
    """

    def __init__(self) -> None:
        self.seen: list[SeenRequest] = []
        self.sessions: dict[str, str] = {}
        self.opened = 0
        self.respond: Callable[[SeenRequest], ServerResponse | None] = lambda _: None
        self.server = Server(self._handle)
        self._context: Any = None

    async def _handle(self, request: ServerRequest) -> ServerResponse:
        requested = SeenRequest(_line(request), dict(request.query), request.headers, await request.read())
        self.seen.append(requested)
        if (response := self.respond(requested)) is not None:
            return response
        if requested.line == LOGIN:
            return await request.in_thread(self._login, requested)
        cookie = requested.headers.get("Cookie", "").removeprefix("session=")
        if cookie not in self.sessions or "Authorization" in requested.headers:
            return ServerResponse.json({"output": "notok", "error": "Login invalid/expired."}, 401)
        return ServerResponse.json({"id": 1, "name": self.sessions[cookie], "read": len(requested.body)})

    def _login(self, requested: SeenRequest) -> ServerResponse:
        scheme, _, sent = requested.headers.get("Authorization", "").partition(" ")
        token = b64decode(sent)
        if scheme != "Negotiate" or not token:
            return apache_unauthorized()
        if token[0] == 0x60:  # the first of a conversation
            self._context = spnego.server(hostname="127.0.0.1", service="HTTP", protocol="negotiate")
        try:
            response = b64encode(self._context.step(token) or b"").decode()
        except spnego.exceptions.SpnegoError:
            return apache_unauthorized()
        if not self._context.complete:
            headers = {"WWW-Authenticate": f"Negotiate {response}, Basic realm=x", "Content-Type": "text/html"}
            return ServerResponse(401, headers, b"<h1>Unauthorized</h1>")
        self.opened += 1
        cookie = f"s3ssion-{self.opened}-.eJx"
        self.sessions[cookie] = self._context.client_principal.rpartition("\\")[2]
        headers = [
            ("WWW-Authenticate", f"Negotiate {response}"),
            ("Set-Cookie", "other=1; Expires=Wed, 21 Oct 2099 07:28:00 GMT"),
            ("Set-Cookie", f"session={cookie}; HttpOnly; Path=/"),
        ]
        return ServerResponse.json({"id": 1, "name": self.sessions[cookie]}, headers=headers)

    @property
    def lines(self) -> list[str]:
        return [requested.line for requested in self.seen]

    def kept(self, directory: Path) -> Path:
        return directory / f"127.0.0.1:{self.server.port}-session"

    def client(self, directory: Path, **options: Any) -> Copr:
        return Copr(self.server.url, **{"auth": GssapiAuth(cache=directory), "retry": QUICK, **options})


@pytest.fixture(autouse=True)
def ticket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ada has a "ticket": her password, which the library is given instead of a realm's."""
    users = tmp_path / "users"
    users.write_text(f"TESTS:ada:{PASSWORD}\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(users))
    use(monkeypatch, PASSWORD)


_CLIENT = spnego.client


def use(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    options = {"username": "TESTS\\ada", "password": password, "protocol": "negotiate"}

    def client(*args: Any, **message: Any) -> Any:
        # The library calls it too, with names in their places.
        return _CLIENT(*args, **message) if args else _CLIENT(**options, **message)

    monkeypatch.setattr(spnego, "client", client)


@pytest.fixture
def frontend() -> Iterator[Frontend]:
    frontend = Frontend()
    with frontend.server:
        yield frontend
    assert frontend.server.errors == []


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "home" / ".cache" / "copr"


def keep(path: Path, **fields: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"name": "ada", "session": "kept", "expiration": time.time() + 60, **fields}))


async def test_a_login_of_several_legs_and_a_session(frontend: Frontend, directory: Path):
    auth = GssapiAuth()  # at ~/.cache/copr
    async with frontend.client(directory, auth=auth) as copr:
        assert auth.username is None
        assert (await copr.tokens.whoami()).name == "ada"
        assert (await copr.with_options(timeout=lading.Timeout(read=5)).tokens.verify()).name == "ada"
        assert auth.username == "ada"
        assert frontend.lines == [LOGIN, LOGIN, WHOAMI, WHOAMI]
        for requested in frontend.seen:
            assert requested.headers["User-Agent"].startswith("copr lading/")
            assert ("Authorization" in requested.headers) == (requested.line == LOGIN)
            assert ("Cookie" in requested.headers) == (requested.line == WHOAMI)
    (cookie,) = frontend.sessions
    path = anyio.Path(frontend.kept(directory))
    found = json.loads(await path.read_text())
    assert {**found, "expiration": 0} == {"name": "ada", "session": cookie, "expiration": 0}
    assert found["expiration"] > time.time() + 9 * 3600
    assert (await path.stat()).st_mode & 0o777 == 0o600
    assert (await path.parent.stat()).st_mode & 0o777 == 0o700
    async with frontend.client(directory) as another:
        assert (await another.tokens.whoami()).name == "ada"
    assert frontend.lines[4:] == [WHOAMI]
    assert cookie not in repr(auth) + repr(auth._session) + repr(copr) + repr(copr._connections.settings)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"\xff\xfe",
        b"[]",
        b'"text"',
        b"null",
        b"[" * 100_000,
        b'{"name": "ada", "session": "kept"}',
        b'{"name": "ada", "session": "kept", "expiration": "soon"}',
        b'{"name": "ada", "session": "kept", "expiration": null}',
        b'{"name": "ada", "session": "kept", "expiration": 1000000000.5}',
        b'{"name": "ada", "session": "kept", "expiration": NaN}',
        b'{"name": "ada", "session": "a\\r\\nX: y", "expiration": 9e99}',
        b'{"name": "ada", "session": null, "expiration": 9e99}',
    ],
)
async def test_what_is_kept_and_no_good_is_ignored(frontend: Frontend, directory: Path, content: bytes):
    path = anyio.Path(frontend.kept(directory))
    await path.parent.mkdir(parents=True)
    await path.write_bytes(content)
    async with frontend.client(directory) as copr:
        assert (await copr.tokens.whoami()).name == "ada"
    assert [line for line in frontend.lines if line == LOGIN] == [LOGIN] * 2
    assert json.loads(await path.read_text())["session"] in frontend.sessions


async def test_a_session_that_ends_by_the_clock(frontend: Frontend, directory: Path, monkeypatch: pytest.MonkeyPatch):
    async with frontend.client(directory) as copr:
        await copr.tokens.whoami()
        later = time.time() + 11 * 3600
        monkeypatch.setattr(_gssapi, "time", lambda: later)
        await copr.tokens.whoami()
    assert frontend.lines == [LOGIN, LOGIN, WHOAMI] * 2


async def test_a_session_that_the_frontend_ended(frontend: Frontend, directory: Path):
    """One login, and the request once more; also where what is kept is as old."""
    async with frontend.client(directory) as copr:
        await copr.tokens.whoami()
        frontend.sessions.clear()
        frontend.seen.clear()
        sent = await copr.send(Call("POST", "thing", Response.json, body=BytesBody(b"12345")))
        assert sent["read"] == 5
    assert frontend.lines == ["POST thing", LOGIN, LOGIN, "POST thing"]
    frontend.sessions.clear()
    frontend.seen.clear()
    async with frontend.client(directory) as another:
        assert (await another.tokens.whoami()).name == "ada"
    assert frontend.lines == [WHOAMI, LOGIN, LOGIN, WHOAMI]


async def test_it_is_tried_once_more_and_not_for_ever(frontend: Frontend, directory: Path):
    frontend.respond = lambda request: (
        None if request.line == LOGIN else ServerResponse.json({"error": "Login invalid"}, 401)
    )
    async with frontend.client(directory) as copr:
        with pytest.raises(Unauthorized, match="Login invalid"):
            await copr.tokens.whoami()
    assert frontend.lines == [LOGIN, LOGIN, WHOAMI, LOGIN, LOGIN, WHOAMI]


async def test_a_body_that_can_be_read_once_is_not_sent_again(frontend: Frontend, directory: Path):
    async def once() -> AsyncIterator[bytes]:
        yield b"12345"

    async with frontend.client(directory) as copr:
        await copr.tokens.whoami()
        frontend.sessions.clear()
        with pytest.raises(Unauthorized):
            await copr.send(Call("POST", "thing", Response.json, body=StreamBody(once(), length=5)))
        assert frontend.lines.count("POST thing") == 1


async def test_calls_that_begin_together_log_in_once(frontend: Frontend, directory: Path):
    async with frontend.client(directory) as copr:
        for _ in range(2):
            async with anyio.create_task_group() as group:
                for _ in range(10):
                    group.start_soon(copr.tokens.whoami)
            frontend.sessions.clear()  # and again when all find at once that it has ended
    assert frontend.lines.count(LOGIN) == 4
    assert frontend.opened == 2


async def test_a_login_that_was_cancelled_is_begun_again(frontend: Frontend, directory: Path):
    async with frontend.client(directory) as copr:
        with anyio.CancelScope() as scope:

            def cancel(request: SeenRequest) -> None:
                anyio.from_thread.run_sync(scope.cancel, token=token)

            token = anyio.lowlevel.current_token()
            frontend.respond = lambda request: ServerResponse(200, {}, _Never(partial(cancel, request)))
            await copr.tokens.whoami()
        assert scope.cancelled_caught
        frontend.respond = lambda _: None
        assert (await copr.tokens.whoami()).name == "ada"


class _Never:
    """A body that does not come, from a server whose client goes away."""

    def __init__(self, begin: Callable[[], None]) -> None:
        self.begin = begin

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"{"
        await to_thread.run_sync(self.begin)
        await anyio.sleep_forever()


async def test_the_web_servers_page_is_a_clear_refusal(
    frontend: Frontend, directory: Path, monkeypatch: pytest.MonkeyPatch
):
    use(monkeypatch, "wrong")
    async with frontend.client(directory) as copr:
        with pytest.raises(Unauthorized) as caught:
            await copr.tokens.whoami()
    assert (
        str(caught.value) == "copr: Kerberos login was refused: is there a ticket (klist), and is its user known there?"
    )
    assert (caught.value.status, caught.value.service) == (401, "copr")
    assert not await anyio.Path(directory).exists()


async def test_the_same_page_for_a_login_and_token(frontend: Frontend):
    frontend.respond = lambda _: apache_unauthorized()
    async with Copr(frontend.server.url, login="a", token="b") as copr:
        with pytest.raises(
            Unauthorized, match=r"401 Unauthorized: the web server requires a Kerberos ticket \(kinit\)"
        ):
            await copr.tokens.whoami()


@pytest.mark.parametrize("early", [False, True])
async def test_no_ticket(frontend: Frontend, directory: Path, monkeypatch: pytest.MonkeyPatch, early: bool):
    """Raised when a context or, in some builds, its first token is requested of the library."""
    monkeypatch.setattr(spnego, "client", partial(_CLIENT, protocol="nosuch") if early else _CLIENT)
    monkeypatch.delenv("NTLM_USER_FILE")
    async with frontend.client(directory) as copr:
        with pytest.raises(ConfigError, match=r"there is no Kerberos ticket .*run kinit, or pass a token") as caught:
            await copr.tokens.whoami()
    assert caught.value.outcome == "not_done"
    assert frontend.seen == []


async def test_what_to_install(frontend: Frontend, directory: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "spnego", None)
    async with frontend.client(directory) as copr:
        with pytest.raises(ConfigError, match=r"needs lading\[gssapi\]"):
            await copr.projects.create("ada", "demo", chroots=[CHROOT])
        await to_thread.run_sync(partial(keep, frontend.kept(directory)))
        frontend.sessions["kept"] = "ada"
        assert (await copr.tokens.whoami()).name == "ada"  # the official client's session serves
    assert frontend.lines == [WHOAMI]


@pytest.mark.parametrize(
    ("response", "kind", "message"),
    [
        (
            ServerResponse.json({"error": "Can't log-in using GSSAPI: Kerberos authentication failed"}, 403),
            Forbidden,
            "Can't log-in",
        ),
        (ServerResponse.json({"name": "ada"}), InvalidResponse, "the response to GET gssapi_login/ is 200"),
        (
            ServerResponse.json({"name": "ada"}, headers={"Set-Cookie": "session=; Max-Age=0"}),
            InvalidResponse,
            "the response to GET gssapi_login/ is 200",
        ),
        (
            ServerResponse(200, {"Content-Type": "text/html", "Set-Cookie": "session=s3cret"}, b"<p>"),
            InvalidResponse,
            "text/html",
        ),
        (ServerResponse(401, {"WWW-Authenticate": "Negotiate x"}), Unauthorized, "Kerberos login was refused"),
        (
            ServerResponse(401, {"WWW-Authenticate": "Basic realm=Negotiate"}),
            Unauthorized,
            "Kerberos login was refused",
        ),
        (
            ServerResponse(401, {"WWW-Authenticate": "Negotiate bm90IG9uZQ=="}),
            ConfigError,
            "there is no Kerberos ticket",
        ),
    ],
)
async def test_logins_that_come_to_nothing(
    frontend: Frontend, directory: Path, response: ServerResponse, kind: type[LadingError], message: str
):
    frontend.respond = lambda request: response if request.line == LOGIN else None
    async with frontend.client(directory) as copr:
        with pytest.raises(kind, match=message) as caught:
            await copr.tokens.whoami()
    assert "s3cret" not in str(caught.value)
    assert frontend.lines == [LOGIN]


async def test_legs_have_an_end(frontend: Frontend, directory: Path, monkeypatch: pytest.MonkeyPatch):
    class Endless:
        complete = False

        def step(self, token: bytes | None) -> bytes:
            return b"more"

    monkeypatch.setattr(spnego, "client", lambda **_: Endless())
    frontend.respond = lambda _: ServerResponse(401, {"WWW-Authenticate": "Negotiate bW9yZQ=="})
    async with frontend.client(directory) as copr:
        with pytest.raises(Unauthorized, match="Kerberos login was refused"):
            await copr.tokens.whoami()
    assert len(frontend.seen) == 5


async def test_where_no_session_can_be_kept(frontend: Frontend, tmp_path: Path):
    await anyio.Path(tmp_path / "file").write_text("")
    async with frontend.client(tmp_path / "file" / "copr") as copr:
        assert (await copr.tokens.whoami()).name == "ada"


@pytest.mark.parametrize("status", [400, 403, 500])
async def test_the_session_is_a_secret(
    frontend: Frontend, directory: Path, caplog: pytest.LogCaptureFixture, status: int
):
    caplog.set_level(logging.DEBUG)
    events: list[Any] = []
    async with frontend.client(directory, hooks=[events.append]) as copr:
        await copr.tokens.whoami()
        frontend.sessions.clear()
        await copr.tokens.whoami()
        first, second = (f"s3ssion-{n}-.eJx" for n in (1, 2))
        frontend.respond = lambda request: ServerResponse.json(
            {"error": f"not {request.headers['Cookie']} nor {first}"}, status
        )
        with pytest.raises(LadingError, match=r"not session=\*\*\* nor \*\*\*") as caught:
            await copr.projects.update("ada", "demo", description="x")
    for text in (repr(vars(caught.value)), *map(repr, events), *(record.getMessage() for record in caplog.records)):
        assert first not in text
        assert second not in text


async def test_the_session_stays_with_its_host(frontend: Frontend, directory: Path):
    async def other(request: ServerRequest) -> ServerResponse:
        there.append(dict(request.headers))
        return ServerResponse.json({"name": "evil"})

    there: list[dict[str, str]] = []
    async with Server(other) as elsewhere, frontend.client(directory) as copr:
        await copr.tokens.whoami()
        await copr.send(Call("GET", f"{elsewhere.url}/x", Response.json))
        frontend.respond = lambda _: ServerResponse(302, {"Location": f"{elsewhere.url}/y"})
        with pytest.raises(LadingError, match="redirected"):
            await copr.tokens.whoami()
    assert [set(map(str.lower, headers)) & {"cookie", "authorization"} for headers in there] == [set()]
    assert frontend.kept(directory).name == f"127.0.0.1:{frontend.server.port}-session"


async def test_lost_responses_while_logging_in(frontend: Frontend, directory: Path):
    for fault in (DropAfter(), Respond(503)):
        frontend.server.faults.add(fault, path="/api_3/auth-check")
    frontend.server.faults.add(Respond(502), path="/api_3/gssapi_login/")
    async with frontend.client(directory) as copr:
        assert (await copr.tokens.whoami()).name == "ada"


async def test_the_whole_at_the_embedded_copr(tmp_path: Path):
    async with RecordingCopr(gssapi="ada") as store, store.reader(auth=GssapiAuth(cache=tmp_path / "c")) as copr:
        made = await copr.projects.create("ada", "demo", chroots=[CHROOT])
        assert made.full_name == "ada/demo"
        await to_thread.run_sync(store.expire_sessions)
        await copr.projects.delete("ada", "demo")
        with pytest.raises(ConfigError, match="only a client with login= and token="):
            await copr.tokens.rotate()
    assert store.lines == [
        *("GET gssapi_login/", "POST project/add/ada", "DELETE project/delete/ada/demo"),
        *("GET gssapi_login/", "DELETE project/delete/ada/demo"),
    ]

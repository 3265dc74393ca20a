"""Frontends of Copr that record their requests: one with canned responses, and the embedded one."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from lading import BytesBody, Copr, Retry
from lading.copr import ScmSource
from lading.testing import EmbeddedCopr, Headers, Server, ServerRequest, ServerResponse
from tests.support.instant_clock import InstantClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lading.testing import CoprUser

QUICK = Retry(attempts=3, backoff=0)
CHROOT = "fedora-rawhide-x86_64"
LOGIN = "log1n-of-the-tests"
TOKEN = "t0ken%of%the%tests"


# What the resources do: writes, and reads with a response each.
WRITES: list[Callable[[Copr], Awaitable[Any]]] = [
    lambda copr: copr.projects.create("me", "demo", chroots=[CHROOT]),
    lambda copr: copr.projects.update("me", "demo", description="x"),
    lambda copr: copr.projects.delete("me", "demo"),
    lambda copr: copr.projects.fork("me", "demo", "me", "other"),
    lambda copr: copr.projects.regenerate_repos("me", "demo"),
    lambda copr: copr.projects.permissions("me", "demo"),
    lambda copr: copr.projects.set_permissions("me", "demo", {"a": {"builder": "approved"}}),
    lambda copr: copr.projects.request_permissions("me", "demo", builder=True),
    lambda copr: copr.packages.create("me", "demo", "hello", ScmSource("https://example.com/x")),
    lambda copr: copr.packages.update(
        "me", "demo", "hello", ScmSource("https://example.com/x", scm_type="git", spec="x.spec")
    ),
    lambda copr: copr.packages.reset("me", "demo", "hello"),
    lambda copr: copr.packages.delete("me", "demo", "hello"),
    lambda copr: copr.packages.build("me", "demo", "hello"),
    lambda copr: copr.project_chroots.update("me", "demo", CHROOT, comps=BytesBody(b"x"), comps_filename="c.xml"),
    lambda copr: copr.modules.build_from_url("me", "demo", "https://example.com/x"),
    lambda copr: copr.webhooks.generate("me", "demo"),
    lambda copr: copr.tokens.whoami(),
    lambda copr: copr.tokens.verify(),
    lambda copr: copr.builds.create_from_url("me", "demo", "https://example.com/x.src.rpm"),
    lambda copr: copr.builds.cancel(1),
    lambda copr: copr.builds.delete(1),
]
EMPTY_PAGE = {"items": [], "meta": {"limit": 100, "offset": 0}}
READS: list[tuple[Callable[[Copr], Awaitable[Any]], Any]] = [
    (lambda copr: copr.home(), {"version": 3}),
    (lambda copr: copr.projects.get("me", "demo"), {"name": "demo"}),
    (lambda copr: copr.projects.list("me"), EMPTY_PAGE),
    (lambda copr: copr.projects.search("demo"), EMPTY_PAGE),
    (lambda copr: copr.projects.can_build_in("you", "me", "demo"), {"can_build_in": True}),
    (lambda copr: copr.projects.monitor("me", "demo"), {"packages": []}),
    (lambda copr: copr.packages.get("me", "demo", "hello"), {"name": "hello"}),
    (lambda copr: copr.packages.list("me", "demo"), EMPTY_PAGE),
    (lambda copr: copr.project_chroots.get("me", "demo", CHROOT), {"mock_chroot": CHROOT}),
    (lambda copr: copr.project_chroots.build_config("me", "demo", CHROOT), {}),
    (lambda copr: copr.build_chroots.get(1, CHROOT), {"name": CHROOT}),
    (lambda copr: copr.build_chroots.list(1), EMPTY_PAGE),
    (lambda copr: copr.build_chroots.build_config(1, CHROOT), {}),
    (lambda copr: copr.build_chroots.built_packages(1, CHROOT), {"packages": []}),
    (lambda copr: copr.mock_chroots.list(), {}),
    (lambda copr: copr.builds.get(1), {"id": 1}),
    (lambda copr: copr.builds.list("me", "demo"), EMPTY_PAGE),
]


def without_repeats(lines: list[str]) -> list[str]:
    """Return *lines* without those that repeat the one before them: looks for work that may still appear."""
    return [line for line, before in zip(lines, ["", *lines], strict=False) if line != before]


class SeenRequest(NamedTuple):
    """One request.

    Attributes:
        line: Method and path, without ``/api_3/``.
        query: The query.
        headers: The headers.
        body: The body; empty where the store reads it itself.
    """

    line: str
    query: dict[str, str]
    headers: Headers
    body: bytes = b""

    @property
    def json(self) -> Any:
        """The body as JSON."""
        assert self.headers["Content-Type"] == "application/json"
        return json.loads(self.body)

    @property
    def user(self) -> str | None:
        """Login and token; ``None`` without any."""
        return basic(self.headers.get("Authorization"))


def basic(header: str | None) -> str | None:
    """Login and token of an ``Authorization`` header."""
    return None if header is None else base64.b64decode(header.removeprefix("Basic ")).decode()


def _line(request: ServerRequest) -> str:
    return f"{request.method} {request.target.partition('?')[0].removeprefix('/api_3/')}"


def refusal(status: int, text: str) -> ServerResponse:
    """As the frontend says no."""
    return ServerResponse.json({"error": text}, status)


class CannedFrontend(Server):
    """Sends *responses* in turn, and the last one repeatedly.

    Attributes:
        seen: The requests.
        responses: The responses that are still to be sent.
    """

    def __init__(self, *responses: ServerResponse | Callable[[SeenRequest], ServerResponse], **options: Any) -> None:
        super().__init__(self._on_request, **options)
        self.responses = list(responses)
        self.seen: list[SeenRequest] = []

    async def _on_request(self, request: ServerRequest) -> ServerResponse:
        requested = SeenRequest(_line(request), dict(request.query), request.headers, await request.read())
        self.seen.append(requested)
        response = self.responses[0] if len(self.responses) == 1 else self.responses.pop(0)
        return response if isinstance(response, ServerResponse) else response(requested)

    @property
    def lines(self) -> list[str]:
        """Methods and paths."""
        return [requested.line for requested in self.seen]

    def client(self, **options: Any) -> Copr:
        """A client with login and token, which does not wait between attempts."""
        return Copr(self.url, **{"login": LOGIN, "token": TOKEN, "retry": QUICK, "clock": InstantClock(), **options})


class RecordingCopr(EmbeddedCopr):
    """The embedded Copr.

    Attributes:
        seen: The requests, without those that a fault intercepts.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.seen: list[SeenRequest] = []
        self._shared = replace(self._shared, handler=partial(self._note, self._shared.handler))

    async def _note(self, handler: Any, request: ServerRequest) -> ServerResponse:
        self.seen.append(SeenRequest(_line(request), dict(request.query), request.headers))
        response: ServerResponse = await handler(request)
        return response

    @property
    def lines(self) -> list[str]:
        """Methods and paths."""
        return [requested.line for requested in self.seen]

    def client(self, user: CoprUser | None = None, **options: Any) -> Copr:
        """A client of the user's, which does not wait between attempts."""
        user = user or self.owner
        return Copr(
            self.url,
            **{"login": user.login, "token": user.token, "retry": QUICK, "clock": self.client_clock, **options},
        )

    def reader(self, **options: Any) -> Copr:
        """A client of nobody's."""
        return Copr(self.url, **{"retry": QUICK, **options})

"""An embedded Copr that records its requests, and a client of it, for the tests of builds."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
from anyio import to_thread

from lading import Copr, Retry
from lading.testing import EmbeddedCopr, ServerRequest, ServerResponse
from tests.support.recorded_sleeps import with_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pytest

    from lading.copr._builds.log import BuildLog
    from lading.copr._builds.watch import BuildWatch
    from lading.testing import CoprUser

T = TypeVar("T")

CHROOT = "fedora-rawhide-x86_64"
HELLO = "https://example.com/hello-1.0-1.src.rpm"
QUICK = Retry(attempts=3, backoff=0)


class SteppedCopr(EmbeddedCopr):
    """The embedded Copr, with the project ``demo``.

    Attributes:
        time: The time of its clients; by default the machine's.
        seen: The requests that were handled, as ``POST /api_3/...``, without those that a fault intercepts.
        queries: The query of each.
        instead: Responses to the next writes, whose work is done all the same.
        steps: What to do before each of the next reads of the API: how builds get on between two looks.
        held: While it is not empty, requests to paths with this prefix wait for their response.
        waiting: How many requests are in progress.
        most_waiting: How many were at the same time.
    """

    time: FakeClock | None = None

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.seen: list[str] = []
        self.queries: list[dict[str, str]] = []
        self.instead: list[ServerResponse] = []
        self.steps: list[Callable[[], Any]] = []
        self.held = ""
        self.waiting = 0
        self.most_waiting = 0
        self._shared = replace(self._shared, handler=partial(self._on_request, self._shared.handler))
        self.add_project("demo")

    async def _on_request(self, handler: Any, request: ServerRequest) -> ServerResponse:
        if self.steps and request.method == "GET" and request.path.startswith("/api_3/"):
            await request.in_thread(self.steps.pop(0))
        self.seen.append(f"{request.method} {request.path}")
        self.queries.append(dict(request.query))
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        while self.held and request.path.startswith(self.held):
            await anyio.sleep(0.005)
        try:
            response: ServerResponse = await handler(request)
        finally:
            self.waiting -= 1
        return self.instead.pop(0) if self.instead and request.method != "GET" else response

    def count(self, start: str) -> int:
        """How many requests began so."""
        return sum(request.startswith(start) for request in self.seen)

    def client(self, user: CoprUser | None = None, **options: Any) -> Copr:
        """A client of it; it does not wait between attempts."""
        user = user or self.owner
        copr = Copr(
            self.url, login=user.login, token=user.token, clock=self.client_clock, **{"retry": QUICK, **options}
        )
        return copr if self.time is None else with_time(copr, clock=self.time.read, sleep=self.time.sleep)


async def do(func: Callable[..., T], *args: Any, **options: Any) -> T:
    """What ``func(*args, **options)`` returns; in a thread, as what moves builds writes files."""
    return await to_thread.run_sync(partial(func, *args, **options))


class FakeClock:
    """The clock and sleep of all clients of :class:`SteppedCopr`: time that passes only by their waiting.

    Attributes:
        now: The current time, in seconds.
        waits: The waits, in seconds.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.waits: list[float] = []
        monkeypatch.setattr(SteppedCopr, "time", self)

    def read(self) -> float:
        """Return the current time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let *seconds* pass without waiting."""
        await anyio.lowlevel.checkpoint()
        self.now += seconds
        if seconds:
            self.waits.append(round(seconds, 6))


async def seen(watch: BuildWatch) -> list[tuple[int, str]]:
    """What *watch* gives, to its end."""
    return [(build.id, build.state) async for build in watch]


async def lines(log: BuildLog) -> list[str]:
    """What *log* gives, to its end."""
    return [line async for line in log]


def add_builds(store: SteppedCopr, count: int, project: str = "demo") -> list[int]:
    """The numbers of so many new builds."""
    return [store.add_build(project, HELLO) for _ in range(count)]


def set_states(store: SteppedCopr, builds: Iterable[int], state: str) -> None:
    """Say that all these builds are in *state*."""
    for build in builds:
        store.set_state(build, state)

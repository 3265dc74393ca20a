"""The cases: waiting for builds, and judging them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from copr.v3 import wait
from copr.v3.helpers import succeeded

from lading._core.polling import PollInterval
from tests.conformance import copr_deviations as rows
from tests.conformance.copr_normalize import Case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from copr.v3 import Client

    from lading import Copr
    from lading.copr import Build
    from tests.conformance.copr_case_server import Frontend

FAST = PollInterval(0, 1, 0)
FINAL = ("succeeded", "failed", "canceled", "skipped")
STATES = (*FINAL, "forked", "waiting", "pending", "importing", "starting", "running", "unknown")
AT_ONCE = 1e-9


def travels(states: dict[int, list[str | int]]) -> Callable[[Frontend], None]:
    """Builds with these states, one after the other."""

    def setup(frontend: Frontend) -> None:
        frontend.states = {number: list(found) for number, found in states.items()}

    return setup


def waiting() -> Iterator[Case]:
    async def one(copr: Copr) -> Any:
        return await copr.builds.wait(await copr.builds.get(7), poll=FAST)

    def their_one(c: Client, **options: Any) -> Any:
        return wait(c.build_proxy.get(7), interval=0, **options)[0]

    case = partial(Case, "wait", theirs=their_one, ours=one)
    for end, row in (("succeeded", None), ("skipped", None), ("failed", rows.FAILED), ("canceled", rows.FAILED)):
        yield case(end, setup=travels({7: ["waiting", end]}), **({"back": row} if row else {}))
    # The whole way once: lading sends at most five requests a second.
    yield case(
        "all the way", setup=travels({7: ["waiting", "importing", "pending", "starting", "running", "succeeded"]})
    )
    yield case("deleted", setup=travels({7: ["running", "running", 404]}))
    yield case(
        "unknown", setup=travels({7: ["running", "unknown", "succeeded"]}), row=rows.UNKNOWN, back=rows.UNKNOWN_BACK
    )
    outage: list[str | int] = ["running", "running", 503, "succeeded"]
    yield case("an outage", setup=travels({7: outage}), row=rows.OUTAGE, back=rows.OUTAGE_BACK)
    yield Case(
        "wait",
        "forked",
        lambda c: their_one(c, timeout=AT_ONCE),
        one,
        setup=travels({7: ["forked"]}),
        back=rows.FORKED,
    )

    async def for_long(copr: Copr) -> Any:
        with anyio.fail_after(0.2):
            return await copr.builds.wait(7, poll=PollInterval(60, 1, 60))

    yield Case(
        "wait",
        "too long",
        lambda c: their_one(c, timeout=AT_ONCE),
        for_long,
        setup=travels({7: ["running"]}),
        row="",
        back=rows.TOO_LONG,
    )
    yield from _many()


def _many() -> Iterator[Case]:
    def their_many(c: Client, numbers: Sequence[int]) -> Any:
        return wait([c.build_proxy.get(number) for number in numbers], interval=0)

    async def many(copr: Copr, numbers: Sequence[int], *, ordered: bool) -> Any:
        builds = [await copr.builds.get(number) for number in numbers]
        found = [build async for build in copr.builds.wait(builds, poll=FAST)]
        return sorted(found, key=lambda build: numbers.index(build.id)) if ordered else found

    two: dict[int, list[str | int]] = {7: ["running", "failed"], 8: ["running", "running", "succeeded"]}
    yield Case(
        "wait",
        "two",
        lambda c: their_many(c, [7, 8]),
        lambda c: many(c, [7, 8], ordered=True),
        setup=travels(two),
        ordered=False,
    )
    yield Case(
        "wait",
        "two, as they end",
        lambda c: their_many(c, [8, 7]),
        lambda c: many(c, [8, 7], ordered=False),
        setup=travels(two),
        row="",
        back=rows.AS_THEY_END,
    )
    ten: dict[int, list[str | int]] = {number: ["running", "running", "succeeded"] for number in range(7, 17)}
    yield Case(
        "wait",
        "ten",
        lambda c: their_many(c, list(ten)),
        lambda c: many(c, list(ten), ordered=True),
        setup=travels(ten),
        row=rows.MANY,
    )

    def their_watch(c: Client) -> Any:
        seen: list[str] = []
        wait(c.build_proxy.get(7), interval=0, callback=lambda builds: seen.append(builds[0].state))
        return seen

    async def watch(copr: Copr) -> Any:
        build = await copr.builds.get(7)
        return [found.state async for found in copr.builds.watch([build], poll=FAST)]

    callback = partial(Case, "wait", theirs=their_watch, ours=watch)
    yield callback("called back", setup=travels({7: ["waiting", "pending", "running", "failed"]}))
    same: list[str | int] = ["waiting", "running", "running", "running", "succeeded"]
    yield callback("called back with nothing new", setup=travels({7: same}), back=rows.NO_NEWS)


def judging() -> Iterator[Case]:
    def all_of(builds: Sequence[Build]) -> bool:
        return all(build.succeeded for build in builds)

    for state in STATES:
        for other in ("succeeded", "failed"):

            async def one(copr: Copr) -> bool:
                return (await copr.builds.get(7)).succeeded

            async def two(copr: Copr) -> bool:
                return all_of([await copr.builds.get(7), await copr.builds.get(8)])

            setup = travels({7: [state], 8: [other]})
            yield Case("succeeded", state, lambda c: succeeded(c.build_proxy.get(7)), one, setup=setup)
            yield Case(
                "succeeded",
                f"{state} {other}",
                lambda c: succeeded([c.build_proxy.get(7), c.build_proxy.get(8)]),
                two,
                setup=setup,
            )
    urls = ["https://example.com/a.spec", "https://example.com/b.spec"]

    async def submitted(copr: Copr) -> bool:
        return all_of(await copr.builds.create_from_urls("me", "demo", urls))

    yield Case(
        "succeeded",
        "what was submitted together",
        lambda c: succeeded(c.build_proxy.create_from_urls("me", "demo", urls)),
        submitted,
        back=rows.TOGETHER,
    )

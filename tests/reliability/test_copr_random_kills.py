"""Hundreds of submissions at once, requests killed at random, work done late: callers and store agree one to one."""

from __future__ import annotations

import random
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from lading import BytesBody, LadingError, Limits, Retry
from lading.copr import PyPISource
from lading.testing import Delay, DropAfter, DropBefore, DropDuring, Fault, Respond
from tests.support.copr_double import CHROOT, SteppedCopr

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lading import Copr
    from lading.copr import Build
    from lading.testing import CoprBuild

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]
CHROOTS = [CHROOT, "fedora-43-x86_64"]
SPEC = BytesBody(b"Name: hello\n")
KINDS: list[Callable[[Copr, int, dict[str, Any]], Awaitable[Build]]] = [
    lambda c, n, o: c.builds.create_from_url("owner", "demo", f"https://example.com/hello-{n}.src.rpm", **o),
    lambda c, n, o: c.builds.create_from_scm("owner", "demo", f"https://example.com/{n}.git", **o),
    lambda c, n, o: c.builds.create_from_distgit("owner", "demo", f"package{n}", **o),
    lambda c, n, o: c.builds.create_from_pypi("owner", "demo", f"name{n}", **o),
    lambda c, n, o: c.builds.create_from_rubygems("owner", "demo", f"gem{n}", **o),
    lambda c, n, o: c.builds.create_from_custom("owner", "demo", f"make {n}", **o),
    lambda c, n, o: c.builds.create_from_file("owner", "demo", SPEC, filename=f"_a b{n}.spec", **o),
    lambda c, n, o: c.packages.build("owner", "demo", f"pello{n}", **o),
]


def random_fault(draw: random.Random) -> Fault:
    """What happens to one request: in most cases nothing."""
    kind = draw.random()
    if kind < 0.6:
        return Delay(draw.choice((0, 0, 0.02)), before=draw.choice(("work", "response")))
    if kind < 0.7:
        return DropBefore(reset=draw.random() < 0.5)
    if kind < 0.75:
        return DropDuring(draw.randrange(200))
    if kind < 0.8:
        return Respond(draw.choice((502, 503, 504)))
    if kind < 0.9:
        return DropAfter(reset=draw.random() < 0.5)
    return DropAfter(work_after=draw.uniform(0.1, 12))


def source_of(build: CoprBuild) -> str:
    """What was submitted, without what the store chose."""
    own = {name: value for name, value in build.source.items() if build.source_type != "upload" or name == "pkg"}
    return f"{build.source_type} {sorted(own.items())}"


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
@pytest.mark.parametrize("seed", range(4))
async def test_callers_and_store_agree(copr_store: SteppedCopr, copr: Copr, seed: int):
    draw = random.Random(seed)
    await copr.projects.update("owner", "demo", chroots=CHROOTS)
    sources = range(60)
    for number in range(7, 60, 8):
        await copr.packages.create("owner", "demo", f"pello{number}", PyPISource(f"name{number}"))
    # Each source in both chroots, and twins that nobody can tell apart.
    submissions = [(number, chroot) for number in sources for chroot in CHROOTS]
    submissions += draw.sample(submissions, 20) * 2
    draw.shuffle(submissions)
    for _ in range(4 * len(submissions)):
        copr_store.faults.add(random_fault(draw), method="POST")
    outcomes: list[tuple[tuple[int, str], Build | LadingError]] = []
    clients = [copr_store.client(retry=Retry(attempts=4, backoff=0), limits=Limits(max_requests=100)) for _ in range(2)]

    async def submit(number: int, chroot: str) -> None:
        call = partial(KINDS[number % len(KINDS)], draw.choice(clients), number, {"chroots": [chroot]})
        try:
            outcomes.append(((number, chroot), await call()))
        except LadingError as error:
            outcomes.append(((number, chroot), error))

    async with clients[0], clients[1], anyio.create_task_group() as group:
        for number, chroot in submissions:
            group.start_soon(submit, number, chroot)
    copr_store.advance_clock(100)
    copr_store.faults.clear()
    await copr.home()  # by now all late work is done
    failures = [outcome for _, outcome in outcomes if isinstance(outcome, LadingError)]
    unclear = Counter(f"{error!r} {error.__cause__!r}"[:300] for error in failures if error.outcome == "unknown")
    assert not unclear
    assert all(error.outcome == "not_done" for error in failures)
    results = {outcome.id: submission for submission, outcome in outcomes if not isinstance(outcome, LadingError)}
    assert len(results) + len(failures) == len(submissions), "two callers have the same build"
    assert sorted(results) == sorted(build.id for build in copr_store.builds), "builds that no caller has"
    made: dict[int, set[str]] = {}
    for build in copr_store.builds:
        number, chroot = results[build.id]
        assert tuple(build.chroots) == (chroot,), "the result is another's build"
        made.setdefault(number, set()).add(source_of(build))
    assert [found for found in made.values() if len(found) > 1] == [], "a caller has the build of another source"
    assert len(set.union(*made.values())) == len(made), "two sources have the same builds"

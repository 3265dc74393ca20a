"""Copr: 500 builds waited for at once, and 1000 listed, beside python-copr against the same server.

Waiting is polling: both send requests every INTERVAL seconds, and need ROUNDS looks at the build that ends last.
python-copr requests each build by itself, over a new connection; with one thread for all of them a round takes as long
as all responses together, so its `wait` runs in threads: in ten of them, fifty builds in each, and in one for each
build.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from bench import _measure, _servers
from bench._builds import COUNT, OWNER, PROJECT, ROUNDS, WAITED
from bench._measure import Figure, Options, Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bench._job import Job

# python-copr's own is 30 s; it is the number of rounds that counts.
INTERVAL = 1.0
LISTS = 10
SUM = COUNT * (COUNT + 1) // 2

THREADS = {"python-copr wait, 10 threads": "wait_in_threads:10", "python-copr wait, 500 threads": "wait_in_threads:500"}
GET_LIST = {
    "python-copr get_list, limit 1000": "with_get_list:1000",
    "python-copr get_list, unlimited": "with_get_list:",
}
ALL_PAGES = {"python-copr all_pages, limit 100": "with_all_pages:100"}


def run(name: str, options: Options) -> Iterator[dict[str, Any]]:
    """The lines of `copr`."""
    waiting = f"{WAITED} builds waited for, {ROUNDS} rounds"
    wanted = [
        Figure(f"{waiting}: {what}", unit, Reading("ours_wait", key), {p: Reading(c, key) for p, c in THREADS.items()})
        for what, unit, key in (
            ("requests at the server", "requests/s", "rate"),
            ("requests at the server each round", "requests/round", "requests"),
            ("CPU of the client", "cpu s", "cpu"),
            ("wall", "s", "wall"),
        )
    ]
    wanted += [
        Figure(f"{COUNT} builds listed, {pages}: {what}", unit, Reading(case, key), _readings(peers, key))
        for pages, case, peers in (
            ("one page", "ours_list:1000", GET_LIST),
            ("pages of 100", "ours_list:100", {**ALL_PAGES, **GET_LIST}),
        )
        for what, unit, key in (("CPU", "cpu us/build", "cpu"), ("wall", "us/build", "wall_per_build"))
    ]
    with _servers.running("copr") as url:
        yield from _measure.figures(name, __name__, wanted, {"url": url}, options)


def _readings(peers: dict[str, str], key: str) -> dict[str, Reading]:
    return {peer: Reading(case, key) for peer, case in peers.items()}


def _get(job: Job, path: str) -> Any:
    with urlopen(job.url + path) as response:
        return json.load(response)


def _note(job: Job, states: list[str]) -> None:
    """What the server saw of a run that waited; all must have ended."""
    assert states == ["succeeded"] * WAITED
    requests = _get(job, "/requests")["requests"]
    job.result["requests"] = requests / ROUNDS
    job.result["rate"] = requests / job.result["wall"]


async def ours_wait(job: Job) -> None:
    """`builds.wait`, given the builds as they came from a list, as the others are."""
    from lading import Copr, PollInterval

    async with Copr(job.url) as copr:
        builds = [build async for build in copr.builds.list(OWNER, PROJECT, page_size=WAITED, max_items=WAITED)]
        _get(job, "/reset")
        with job.measure():
            poll = PollInterval(initial=INTERVAL, factor=1.0, maximum=INTERVAL)
            states = [build.state async for build in copr.builds.wait(builds, poll=poll)]
    _note(job, states)


def wait_in_threads(job: Job) -> None:
    """python-copr's `wait`, so many builds to a thread."""
    from copr.v3 import Client, wait

    client = Client({"copr_url": job.url})
    builds = client.build_proxy.get_list(OWNER, PROJECT, pagination={"limit": WAITED})
    for build in builds:
        build.__proxy__ = client.build_proxy
    threads = int(job.argument)
    share = len(builds) // threads
    parts = [builds[start : start + share] for start in range(0, len(builds), share)]
    _get(job, "/reset")
    with job.measure(), ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(lambda part: wait(list(part), interval=INTERVAL), parts))
    _note(job, [build.state for part in found for build in part])


async def ours_list(job: Job) -> None:
    """`async for` over all of them."""
    from lading import Copr

    async with Copr(job.url) as copr:

        async def all_of_them() -> int:
            size = int(job.argument)
            return sum([build.id async for build in copr.builds.list(OWNER, PROJECT, page_size=size)])

        await all_of_them()
        with job.measure(per=LISTS * COUNT / 1e6):
            for _ in range(LISTS):
                assert await all_of_them() == SUM
    _per_build(job)


def with_get_list(job: Job) -> None:
    """python-copr's list, in one page or without any."""
    from copr.v3 import Client

    client = Client({"copr_url": job.url})
    pagination = {"limit": int(job.argument)} if job.argument else None
    _list(job, lambda: client.build_proxy.get_list(OWNER, PROJECT, pagination=pagination))


def with_all_pages(job: Job) -> None:
    """python-copr's list, page after page."""
    from copr.v3 import Client
    from copr.v3.pagination import all_pages

    client = Client({"copr_url": job.url})

    pagination = {"limit": int(job.argument)}
    _list(job, lambda: all_pages(client.build_proxy.get_list(OWNER, PROJECT, pagination=pagination)))


def _list(job: Job, every: Callable[[], Iterable[Any]]) -> None:
    assert sum([build.id for build in every()]) == SUM
    with job.measure(per=LISTS * COUNT / 1e6):
        for _ in range(LISTS):
            assert sum([build.id for build in every()]) == SUM
    _per_build(job)


def _per_build(job: Job) -> None:
    job.result["wall_per_build"] = job.result["wall"] * 1e6 / (LISTS * COUNT)

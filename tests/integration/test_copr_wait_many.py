"""Many builds waited for at once: few requests, at a steady pace."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from lading._core.polling import PollInterval
from tests.support.copr_double import HELLO, FakeClock, SteppedCopr, add_builds, do, seen, set_states

if TYPE_CHECKING:
    from lading import Copr

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("copr_clock")]


async def test_hundreds_cost_one_request_per_poll(copr_store: SteppedCopr, copr: Copr):
    """fedora-copr/copr#3200, #3653: 500 builds are not 500 requests every time."""
    ids = add_builds(copr_store, 500)
    copr_store.steps = [int, int, int, int, partial(set_states, copr_store, ids, "succeeded")]
    assert sorted(await seen(copr.builds.wait(ids))) == [(build, "succeeded") for build in ids]
    # The first response contains the project; after that every check is one page.
    assert copr_store.seen == [f"GET /api_3/build/{ids[-1]}", *["GET /api_3/build/list"] * 4]


async def test_builds_that_say_their_project_need_no_first_request(copr_store: SteppedCopr, copr: Copr):
    urls = [HELLO] * 10
    made = await copr.builds.create_from_urls("owner", "demo", urls)
    set_states(copr_store, [build.id for build in made], "failed")
    copr_store.seen.clear()
    assert len(await seen(copr.builds.wait(made))) == 10
    assert copr_store.seen == ["GET /api_3/build/list"]


async def test_old_builds_behind_many_new_ones(copr_store: SteppedCopr, copr: Copr):
    old = add_builds(copr_store, 4)
    add_builds(copr_store, 50)
    set_states(copr_store, old, "succeeded")
    assert len(await seen(copr.builds.wait(old))) == 4
    assert copr_store.count("GET /api_3/build/list") == 1  # not worth a second page


async def test_the_oldest_of_many_cost_a_handful_of_requests(copr_store: SteppedCopr, copr: Copr):
    old = add_builds(copr_store, 50)
    add_builds(copr_store, 150)
    copr_store.steps = [*[int] * 6, partial(set_states, copr_store, old, "succeeded")]
    assert len(await seen(copr.builds.wait(old))) == 50
    # At first where they are, in longer and longer pages; after that one page at that place.
    assert copr_store.seen == [f"GET /api_3/build/{old[-1]}", *["GET /api_3/build/list"] * 6]
    assert [query.get("offset") for query in copr_store.queries] == [None, None, "71", *["150"] * 4]


async def test_newer_builds_that_are_deleted_or_added_meanwhile(copr_store: SteppedCopr, copr: Copr):
    old = add_builds(copr_store, 30)
    new = add_builds(copr_store, 100)
    await do(lambda: [copr_store.finish(build) for build in new])
    watch = copr.builds.watch(old)
    assert {(await anext(watch)).state for _ in old} == {"pending"}
    await copr.builds.delete_many(new[:60])
    copr_store.seen.clear()
    set_states(copr_store, old[10:], "running")
    assert {(await anext(watch)).state for _ in old[10:]} == {"running"}
    assert copr_store.count("GET /api_3/build/list") == len(copr_store.seen) <= 3
    add_builds(copr_store, 40)
    copr_store.seen.clear()
    set_states(copr_store, old, "succeeded")
    assert len(await seen(watch)) == 30
    assert copr_store.count("GET /api_3/build/list") == len(copr_store.seen) <= 3


async def test_builds_too_far_back_are_requested_one_by_one(
    copr_store: SteppedCopr, copr: Copr, monkeypatch: pytest.MonkeyPatch
):
    """Paging costs at most a third of what that costs, however long the project's list is."""
    monkeypatch.setattr("lading.copr._builds.watch._LONGEST_PAGE", 30)
    old = add_builds(copr_store, 12)
    add_builds(copr_store, 200)
    set_states(copr_store, old, "succeeded")
    assert len(await seen(copr.builds.wait(old))) == 12
    assert (copr_store.count("GET /api_3/build/list"), len(copr_store.seen)) == (4, 16)


async def test_many_projects_are_a_few_requests_a_second(copr_store: SteppedCopr, copr: Copr, copr_clock: FakeClock):
    ids: list[int] = []
    for number in range(20):
        await do(copr_store.add_project, f"p{number}")
        ids += add_builds(copr_store, 2 if number % 2 else 5, f"p{number}")
    watch = copr.builds.watch(ids)
    for _ in ids:
        await anext(watch)
    copr_store.seen.clear()
    copr_clock.waits.clear()
    before = copr_clock.now
    set_states(copr_store, ids, "succeeded")
    assert len(await seen(watch)) == len(ids)
    # A list for each of ten projects; of the other ten, each build.
    assert (copr_store.count("GET /api_3/build/list"), len(copr_store.seen)) == (10, 30)
    assert copr_store.most_waiting <= 8
    # As many at the first look, and again as many seconds as five of them a second take.
    assert copr_clock.now - before >= 30 / 5


async def test_the_pace_slows_down_and_news_quickens_it(copr_store: SteppedCopr, copr: Copr, copr_clock: FakeClock):
    (build,) = add_builds(copr_store, 1)
    copr_store.steps = [*[int] * 4, partial(copr_store.set_state, build, "running"), int, int]
    copr_store.steps.append(partial(copr_store.set_state, build, "succeeded"))
    await copr.builds.wait(build, poll=PollInterval(2, 2, 10))
    assert copr_clock.waits == [2, 4, 8, 10, 2, 4, 8]
